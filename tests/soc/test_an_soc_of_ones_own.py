"""A made-up SoC: three cores under other names, at other addresses, of which two share memory and a mailbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import icmsg

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import PlatformError
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc

if TYPE_CHECKING:
    Capture = pytest.CaptureFixture[str]

TRIO = Path(__file__).parents[2] / "examples" / "trio"
PLATFORM = TRIO / "trio.repl"
FILES = ("--0-dts", TRIO / "cpu0.dts", "--1-dts", TRIO / "cpu1.dts")


def changed(folder: Path, old: str, new: str) -> Path:
    """Write the platform with one change."""
    using = 'using "./cores.repl"\n'
    text = PLATFORM.read_text(encoding="utf-8").replace(
        using, (TRIO / "cores.repl").read_text(encoding="utf-8")
    )
    assert old in text
    path = folder / "changed.repl"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_memory_that_only_the_two_cores_of_a_link_reach_is_theirs() -> None:
    shared = next(memory for memory in Soc(load_platform(PLATFORM)).memory_map() if memory.name == "shared")
    assert (shared.start, shared.end, shared.cores) == (0x3800_0000, 0x3801_0000, {"0", "1"})


@pytest.mark.parametrize("first", ["python", TRIO / "prebuilt" / "echo-cpu1.elf"])
def test_two_of_three_cores_exchange_messages(capsys: Capture, first: str) -> None:
    run = ("run", "--json", "--engine", "embedded", "--messages", "20", "--platform", PLATFORM)
    found = icmsg(capsys, *run, *FILES, "--1", first)
    assert found.err == ""
    assert found.json["ok"]
    assert found.json["messages_received"] == 20


def test_an_instance_that_nobody_gave_is_named_with_the_options_that_give_it(capsys: Capture) -> None:
    found = icmsg(capsys, "run", "--engine", "embedded", "--platform", PLATFORM, "--1", "python")
    assert found.code == 2
    assert "move it to RAM that core 0 and core 1 reach (0x38000000…0x3800FFFF)" in found.err
    assert "since no other was given: give tx-region and rx-region, or the devicetree of core 0" in found.err


def test_check_calls_the_sides_as_the_platform_does(capsys: Capture) -> None:
    found = icmsg(
        capsys, "check", "--json", "--platform", PLATFORM, TRIO / "cpu0.dts", TRIO / "cpu1.dts",
        "--0-release", "4.0", "--1-release", "4.0",
    )  # fmt: skip
    assert found.code == 0, found.json["findings"]
    assert [(side["core"], side["release"]) for side in found.json["sides"]] == [("0", "4.0"), ("1", "4.0")]


def test_check_refuses_memory_that_one_end_does_not_reach(capsys: Capture, tmp_path: Path) -> None:
    one = "        sysbus new Bus.BusPointRegistration { address: 0x38000000; cpu: cpu1 }\n"
    path = changed(tmp_path, f";\n{one}", "\n")
    found = icmsg(capsys, "check", "--json", "--platform", path, TRIO / "cpu0.dts", TRIO / "cpu1.dts")
    assert found.code == 1
    assert {finding["code"] for finding in found.json["findings"] if finding["severity"] == "error"} == {
        "region-not-accessible"
    }


def test_mailboxes_that_nothing_joins_are_an_error_with_file_line_and_fix(tmp_path: Path) -> None:
    path = changed(tmp_path, "    peer: mbox0\n", "")
    with pytest.raises(
        PlatformError, match=r"changed\.repl:\d+: mailboxes mbox0 and mbox1 are not joined: .*peer: mbox0"
    ):
        Soc(load_platform(path)).link()


def test_a_platform_that_cannot_be_used_is_the_error_not_the_options_that_it_would_have(
    capsys: Capture, tmp_path: Path
) -> None:
    path = changed(tmp_path, "    IRQ -> nvic1@31\n", "")
    found = icmsg(capsys, "run", "--platform", path, *FILES, "--1", "python")
    assert found.code == 2
    assert "changed.repl" in found.err
    assert "mbox1 needs an address for a core" in found.err
    assert "unrecognized" not in found.err


def test_an_unknown_mailbox_type_is_answered_with_those_that_are_known(
    capsys: Capture, tmp_path: Path
) -> None:
    path = changed(tmp_path, "Miscellaneous.NRF_IPC @", "Miscellaneous.Other @")
    found = icmsg(capsys, "run", "--platform", path, "--1", "python")
    assert found.code == 2
    assert "mailboxes are Miscellaneous.NRF_IPC" in found.err


def test_a_clock_without_a_common_tick_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = changed(tmp_path, "systickFrequency: 100000000\n", "systickFrequency: 999999999989\n")
    with pytest.raises(PlatformError, match=r"no tick .* in common: round the systickFrequency of nvic0"):
        EmbeddedMachine(path)


def test_help_calls_a_core_without_a_title_by_its_name(capsys: Capture) -> None:
    printed = icmsg(capsys, "run", "--platform", PLATFORM, "--help").out
    assert "who plays core 0: python" in " ".join(printed.split())
    assert "as core 0 has it" in printed
    assert "network core" not in printed
