"""``icmsg check``: exit codes, the tables for people, and the object for programs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from config_files import DATA, text

from icmsg.cli import check_command
from icmsg.cli.arguments import Parser
from icmsg.errors import ConfigurationError, PlatformError
from icmsg.soc.platform import parse_platform
from icmsg.soc.soc import Soc

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = (str(DATA / "app.dts"), str(DATA / "net.dts"))


def run(*arguments: str) -> int:
    parser = Parser(prog="icmsg")
    commands = parser.add_subparsers()
    check_command.add_parser(commands)
    options = parser.parse_args(["check", *arguments])
    return int(options.execute(options))


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run(*arguments, "--json")
    return code, json.loads(capsys.readouterr().out)


def write(path: Path, of: str, core: str, *changes: tuple[str, str]) -> str:
    path.write_text(text(of, core, changes), encoding="utf-8")
    return str(path)


def test_a_good_pair_bonds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*SAMPLE) == 0
    out = capsys.readouterr().out
    for words in ("ipc0", "tx 0x20070000 0x800", "rx 0x20070000 0x800", "tx 1", "disable", "4.4", "pbuf"):
        assert words in out
    assert out.rstrip().endswith("WILL BOND")
    assert "NOT" not in out


def test_one_side_alone_gets_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SAMPLE[0]) == 0
    out = capsys.readouterr().out
    assert "net" not in out
    assert out.rstrip().endswith("NO MISTAKE IN THIS SIDE")


def test_what_was_found_is_not_as_dim_as_its_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run(SAMPLE[0], SAMPLE[0]) == 1
    lines = capsys.readouterr().out.splitlines()
    dim = "\x1b[2m"
    assert any(dim in line for line in lines if "/ipc/ipc0" in line)
    assert not any(dim in line for line in lines if "both would write" in line)


def test_a_side_against_itself_does_not_bond(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SAMPLE[0], SAMPLE[0]) == 1
    out = capsys.readouterr().out
    assert "swap tx-region and rx-region on one side" in " ".join(out.replace("│", " ").split())
    assert out.rstrip().endswith("WILL NOT BOND")


def test_the_object_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run_json(capsys, *SAMPLE, "--release", "3.7")
    assert (code, found["ok"], found["findings"]) == (0, True, [])
    assert found["platform"].endswith("nrf5340.repl")
    app, net = found["sides"]
    assert (app["core"], net["core"], app["file"]) == ("app", "net", SAMPLE[0])
    assert (app["release"], app["releases"], app["wire"], app["signalling"]) == (
        "3.7",
        "3.7",
        "pbuf",
        "repeat",
    )
    assert net["instances"] == [
        {
            "name": "ipc0",
            "node": "/ipc/ipc0",
            "line": 16,
            "tx_region": {"address": 0x2007_8000, "size": 0x800},
            "rx_region": {"address": 0x2007_0000, "size": 0x800},
            "tx_channel": 1,
            "rx_channel": 0,
            "dcache_alignment": 0,
            "unbound": "disable",
            "backend": "icmsg",
        }
    ]


def test_a_finding_has_everything_that_its_text_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    net = write(tmp_path / "net.dts", "zephyr", "net", ('"detect"', '"disable"'))
    code, found = run_json(capsys, str(DATA / "zephyr_app.dts"), net)
    assert (code, found["ok"]) == (1, False)
    finding = found["findings"][0]
    assert finding.pop("message").startswith(
        'unbound = "disable" never binds with unbound = "enable" of app ('
    )
    assert finding == {
        "severity": "error",
        "code": "modes-never-bind",
        "core": "net",
        "node": "/ipc/ipc0",
        "file": net,
        "line": 61,
        "origin": "my_app/net/boards/nrf5340dk_nrf5340_cpunet.overlay:22",
    }


def test_the_worst_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = run_json(capsys, SAMPLE[0], SAMPLE[0])
    severities = [finding["severity"] for finding in found["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert {"error", "note"} <= set(severities)


def test_kconfig_files_of_both_sides_count(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(DATA / "zephyr_4_0.config")
    code, found = run_json(
        capsys,
        *SAMPLE,
        "--app-kconfig",
        config,
        "--app-kconfig",
        str(DATA / "prj.conf"),
        "--net-kconfig",
        config,
    )
    assert code == 0
    assert [side["rx_limit"] for side in found["sides"]] == [512, 128]
    assert found["sides"][0]["kconfig"] == [config, str(DATA / "prj.conf")]
    assert [finding["code"] for finding in found["findings"]] == ["rx-limit", "rx-limit"]


def test_each_side_may_have_a_release_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run_json(capsys, *SAMPLE, "--release", "4.1", "--net-release", "3.4")
    assert [side["wire"] for side in found["sides"]] == ["pbuf", "spsc_pbuf"]
    assert (code, found["findings"][0]["code"]) == (1, "generations-differ")
    code, found = run_json(capsys, *SAMPLE, "--app-release", "3.7", "--net-release", "4.1")
    assert (code, [side["signalling"] for side in found["sides"]]) == (0, ["repeat", "ring-back"])


@pytest.mark.parametrize(
    ("address", "platform", "code"),
    [
        ("0x30000000", [], 1),
        ("0x30000000", ["--platform", "none"], 0),
        ("0x21000000", [], 1),
        ("0x00050000", [], 1),
        ("0x50039000", [], 1),
        ("0x50021000", [], 1),
        ("0x5002A000", [], 1),
    ],
)
def test_memory_is_checked_against_the_platform(
    address: str, platform: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [
        write(tmp_path / f"{core}.dts", "seed", core, ("<0x20070000", f"<{address}"))
        for core in ("app", "net")
    ]
    found_code, found = run_json(capsys, *sides, *platform)
    assert found_code == code
    assert ("region-not-accessible" in {finding["code"] for finding in found["findings"]}) == (code == 1)


REPL = """
cpuapp: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
cpunet: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
shared: Memory.MappedMemory @ sysbus 0x20070000
    size: 0x8800
own: Memory.MappedMemory @ sysbus new Bus.BusRangeRegistration { address: 0x21000000; size: 0x1000; cpu: cpunet }
    size: 0x1000
unplaced: Memory.MappedMemory @ none
    size: 0x1000
uart: UART.NRF52840_UART @ sysbus 0x50000000
"""


def test_what_a_platform_has_and_who_reaches_it() -> None:
    both = frozenset({"app", "net"})
    more = """
rom: Memory.MappedMemory @ {
        sysbus 0x08000000;
        sysbus new Bus.BusPointRegistration { address: 0x08000000; cpu: cpuapp }
    }
    size: 0x1000
both: Memory.MappedMemory @ { sysbus 0x10000000; sysbus 0x20000000 }
    size: 0x1000
kept: Memory.ArrayMemory @ sysbus 0x40000000
    size: 0x1000
sysbus:
    init:
        Tag <0x40001000, 0x40001FFF> "PWM"
"""
    assert list(Soc(parse_platform(REPL + more)).memory_map()) == [
        (0x2007_0000, 0x2007_8800, both, "RAM", "shared"),
        (0x2100_0000, 0x2100_1000, frozenset({"net"}), "RAM", "own"),
        (0x5000_0000, 0x5000_1000, both, "registers", "uart"),
        (0x0800_0000, 0x0800_1000, frozenset({"app"}), "flash", "rom"),
        (0x1000_0000, 0x1000_1000, both, "RAM", "both"),
        (0x2000_0000, 0x2000_1000, both, "RAM", "both"),
        (0x4000_0000, 0x4000_1000, both, "a stand-in for registers", "kept"),
        (0x4000_1000, 0x4000_2000, both, "registers", "PWM"),
    ]


def test_a_platform_file_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    platform = tmp_path / "two.repl"
    platform.write_text(REPL, encoding="utf-8")
    assert run(*SAMPLE, "--platform", str(platform)) == 0
    platform.write_text(REPL.replace("0x8800", "0x8400"), encoding="utf-8")
    assert run(*SAMPLE, "--platform", str(platform)) == 1
    with pytest.raises(PlatformError, match=r"missing\.repl"):
        run(*SAMPLE, "--platform", str(tmp_path / "missing.repl"))


def test_another_soc_is_not_measured_against_the_nrf5340(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(
        tmp_path / "app.dts",
        "eight",
        "app",
        ("/ {\n", '/ {\n\tcompatible = "st,stm32h747i-disco";\n'),
        ("0x2007", "0x3800"),
        ("memory@2007", "memory@3800"),
    )
    code, found = run_json(capsys, other)
    assert (code, found["platform"]) == (0, None)
    assert run(other) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "memory was not checked against a platform (the SoC is another than the nRF5340, nRF54L15, nRF54H20"
        in said
    )
    assert ": st,stm32h747i-disco): give --platform" in said


def test_the_folder_of_a_build_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for core in ("app", "net"):
        (tmp_path / core / "zephyr").mkdir(parents=True)
        shutil.copy(DATA / f"{core}.dts", tmp_path / core / "zephyr" / "zephyr.dts")
        shutil.copy(DATA / "zephyr_4_1.config", tmp_path / core / "zephyr" / ".config")
    code, found = run_json(capsys, str(tmp_path / "app"), str(tmp_path / "net"))
    assert code == 0
    assert [side["rx_limit"] for side in found["sides"]] == [256, 256]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.dts",), "missing.dts: cannot be read"),
        ((SAMPLE[0], "missing.dts"), "missing.dts: cannot be read"),
        ((SAMPLE[0], "--app-kconfig", "missing.conf"), "missing.conf: cannot be read"),
        ((SAMPLE[0], "--release", "soon"), "release 'soon': use a Zephyr release"),
        ((str(DATA),), "there is no zephyr/zephyr.dts in this folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_mistake(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run(*arguments)
    assert says in str(caught.value)
