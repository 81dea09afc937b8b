"""`icmsg run` as it is meant to be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from command import icmsg, process
from firmware_files import Kind, foreign, unknown_stub

from icmsg.link.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
SHORT = ("--messages", "20")


def test_without_any_option_python_bonds_with_echo(capsys: Capture) -> None:
    found = icmsg(capsys, "run")
    assert (found.code, found.err) == (0, "")
    assert "app = python, net = echo" in found.out
    assert re.search(r"1000 of 1000 messages, 52339 bytes, 0 mismatches", found.out)
    assert "net│ echo: bound" in found.out
    assert found.out.rstrip().endswith("OK")


def test_json_is_one_object_with_the_keys_and_types_of_the_contract(capsys: Capture) -> None:
    found = icmsg(capsys, "run", "--json")
    run = found.json
    assert (found.code, found.err) == (0, "")
    types = {
        "engine": str,
        "bound": bool,
        "messages_sent": int,
        "messages_received": int,
        "bytes_received": int,
        "mismatches": int,
        "bond_virtual_us": float,
        "round_trip_virtual_us": dict,
        "virtual_s": float,
        "wall_s": float,
        "trace_sha256": str,
    }
    assert {name: type(run.get(name)) for name in types} == types
    assert list(run["round_trip_virtual_us"]) == ["min", "median", "p99", "max"]
    assert {type(value) for value in run["round_trip_virtual_us"].values()} == {float}
    assert run["bound"] is True
    assert (run["messages_sent"], run["messages_received"], run["mismatches"]) == (1000, 1000, 0)
    assert run["bytes_received"] == sum(map(len, Workload().payloads())) == 52339
    assert re.fullmatch("[0-9a-f]{64}", run["trace_sha256"])
    assert run["wall_s"] > 0
    assert 0 < run["bond_virtual_us"] < run["virtual_s"] * 1e6
    assert run["problems"] == run["warnings"] == []
    assert (run["app"], run["net"], run["seed"], run["ok"]) == ("python", "echo", 1, True)
    assert run["consoles"] == {"app": [], "net": ["echo: up", "echo: bound"]}


def test_json_of_a_run_that_never_bonds_has_the_same_keys(capsys: Capture) -> None:
    good = icmsg(capsys, "run", "--json", *SHORT).json
    found = icmsg(capsys, "run", "--json", "--net", "spin", "--bond-timeout-ms", "5")
    run = found.json
    assert found.code == 1
    assert list(run) == list(good)
    assert (run["bound"], run["ok"], run["bond_virtual_us"]) == (False, False, None)
    assert run["round_trip_virtual_us"] == {"min": None, "median": None, "p99": None, "max": None}
    assert (run["messages_sent"], run["messages_received"], run["bytes_received"]) == (0, 0, 0)
    assert run["problems"][0] == "bonding did not happen within 5.000 ms of virtual time"


@pytest.mark.parametrize(
    ("app", "net"),
    [
        ("python", "echo"),
        ("echo", "python"),
        ("python", "initiator"),
        ("initiator", "python"),
        ("initiator", "echo"),
        ("echo", "initiator"),
        ("python", "python"),
    ],
)
def test_every_pairing_works(capsys: Capture, app: str, net: str) -> None:
    found = icmsg(capsys, "run", "--json", *SHORT, "--app", app, "--net", net, "--window", "3")
    assert found.code == 0
    run = found.json
    assert (run["app"], run["net"]) == (app, net)
    assert (run["messages_sent"], run["messages_received"], run["mismatches"]) == (20, 20, 0)


def test_firmware_that_nobody_knows_is_given_as_a_path(capsys: Capture, tmp_path: Path) -> None:
    for path in (foreign(tmp_path, "net"), unknown_stub(tmp_path, "echo", "net")):
        assert icmsg(capsys, "run", "--json", *SHORT, "--net", path).json["messages_received"] == 20
    speaker = foreign(tmp_path, "app", Kind.SPEAK, at=1, limit=12)
    found = icmsg(capsys, "run", "--json", "--app", speaker, "--net", "python", "--messages", "any")
    assert (found.code, found.json["messages_sent"], found.json["messages_received"]) == (0, 12, 12)


def test_a_file_named_like_a_stub_is_given_with_its_folder(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echo").write_bytes(unknown_stub(tmp_path, "initiator", "net").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert icmsg(capsys, "run", "--json", *SHORT, "--net", "echo").json["consoles"]["net"][0] == "echo: up"
    assert (
        icmsg(capsys, "run", "--json", *SHORT, "--net", "./echo").json["consoles"]["net"][0]
        == "initiator: up"
    )


@pytest.mark.parametrize(
    ("size", "smallest", "largest"), [("2032", 2032, 2032), ("1:2032", 1, 2032), ("0x10", 16, 16)]
)
def test_sizes_up_to_the_largest_that_fits(capsys: Capture, size: str, smallest: int, largest: int) -> None:
    run = icmsg(capsys, "run", "--json", *SHORT, "--size", size, "--window", "5").json
    assert run["bytes_received"] == sum(map(len, Workload(20, smallest, largest).payloads()))
    assert run["ok"]


@pytest.mark.parametrize("unbound", ["disable", "detect", "enable"])
def test_two_pythons_bond_in_every_mode(capsys: Capture, unbound: str) -> None:
    pair = ("--app", "python", "--net", "python")
    assert icmsg(capsys, "run", "--json", *SHORT, *pair, "--unbound", unbound).code == 0


@pytest.mark.parametrize(
    ("app", "net"),
    [
        ("initiator-enable", "echo-enable"),
        ("echo-detect", "initiator-enable"),
        ("initiator-detect", "echo-detect"),
        ("initiator-detect", "echo"),
        ("initiator", "echo-detect"),
    ],
)
def test_firmware_in_every_mode_bonds_with_firmware(capsys: Capture, app: str, net: str) -> None:
    """Bonding is seen from outside: by the magic taken, or by sessions acknowledged."""
    found = icmsg(capsys, "run", "--json", *SHORT, "--app", app, "--net", net, "--window", "3")
    assert found.code == 0, found.err
    run = found.json
    assert (run["bound"], run["messages_received"], run["mismatches"]) == (True, 20, 0)
    assert run["bond_virtual_us"] > 0


@pytest.mark.parametrize("stub", ["echo-enable", "echo-detect"])
@pytest.mark.parametrize("unbound", ["enable", "detect"])
def test_python_bonds_with_sessions_of_firmware(capsys: Capture, stub: str, unbound: str) -> None:
    assert icmsg(capsys, "run", "--json", *SHORT, "--net", stub, "--unbound", unbound).code == 0
    other = ("--app", stub, "--net", "python")
    assert icmsg(capsys, "run", "--json", *SHORT, *other, "--unbound", unbound).code == 0


def test_detect_and_repeat_bond_with_the_stub(capsys: Capture) -> None:
    assert icmsg(capsys, "run", "--json", *SHORT, "--unbound", "detect").code == 0
    assert icmsg(capsys, "run", "--json", *SHORT, "--signalling", "repeat").code == 0


def test_the_instance_can_be_moved(capsys: Capture) -> None:
    options = ("--tx-region", "0x2007A000:256", "--rx-region", "0x20071000:0x100", "--dcache-alignment", "32")
    assert icmsg(capsys, "run", "--json", *SHORT, *options).code == 0
    assert icmsg(capsys, "run", "--json", *SHORT, *options, "--app", "initiator").code == 0


def test_times_of_the_machine_are_options(capsys: Capture) -> None:
    slow = icmsg(capsys, "run", "--json", *SHORT, "--latency-us", "50").json
    fast = icmsg(capsys, "run", "--json", *SHORT, "--latency-us", "0").json
    assert slow["round_trip_virtual_us"]["min"] - fast["round_trip_virtual_us"]["min"] == pytest.approx(
        50, abs=1
    )
    assert icmsg(capsys, "run", "--json", *SHORT, "--quantum-us", "0.5", "--app", "initiator").code == 0
    assert icmsg(capsys, "run", "--json", *SHORT, "--quantum-us", "2e3", "--app", "initiator").code == 0


def test_who_initiates_can_be_said(capsys: Capture, tmp_path: Path) -> None:
    late = foreign(tmp_path, "net", Kind.SPEAK, at=2, limit=20, delay=300_000)
    assert icmsg(capsys, "run", *SHORT, "--net", late, "--initiator", "net").code == 0
    wrong = icmsg(capsys, "run", *SHORT, "--net", late)
    assert wrong.code == 1
    assert "--initiator net" in wrong.out


def test_a_platform_of_ones_own(capsys: Capture, tmp_path: Path) -> None:
    from icmsg.assets import platform_file

    own = tmp_path / "mine.repl"
    own.write_text(
        platform_file("nrf5340").read_text().replace("PerformanceInMips: 42", "PerformanceInMips: 21")
    )
    slower = icmsg(capsys, "run", "--json", *SHORT, "--platform", own).json
    usual = icmsg(capsys, "run", "--json", *SHORT).json
    assert slower["ok"]
    assert slower["round_trip_virtual_us"]["median"] > usual["round_trip_virtual_us"]["median"] + 3


def test_warnings_of_a_good_run_are_shown(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    stray = foreign(tmp_path, "net", Kind.STRAY)
    found = icmsg(capsys, "run", *SHORT, "--net", stray)
    assert found.code == 0
    assert re.search(
        r"^core net: write of RADIO, which nothing models at 0x41008000 \(PC 0x010\w+, go_wrong\+0x\w+.*\)$",
        found.out,
        re.MULTILINE,
    )
    assert found.out.rstrip().endswith("OK")
    warnings = icmsg(capsys, "run", "--json", *SHORT, "--net", stray).json["warnings"]
    assert ["0x41008004" in warnings[0], "0x41008000" in warnings[1], len(warnings)] == [True, True, 2]


def test_two_processes_write_the_same_trace_and_another_seed_another_one(capsys: Capture) -> None:
    one = process("run", "--json", "--messages", "200", PYTHONHASHSEED="1")
    two = process("run", "--json", "--messages", "200", PYTHONHASHSEED="2")
    assert one.code == two.code == 0
    first, second = one.json, two.json
    for run in (first, second):
        del run["wall_s"]
    assert first == second
    other = icmsg(capsys, "run", "--json", "--messages", "200", "--seed", "2").json
    assert other["trace_sha256"] != first["trace_sha256"]


def test_the_trace_does_not_depend_on_how_the_run_is_shown(capsys: Capture) -> None:
    shown = icmsg(capsys, "run", *SHORT)
    as_json = icmsg(capsys, "run", "--json", *SHORT).json
    assert as_json["trace_sha256"][:16] in shown.out
