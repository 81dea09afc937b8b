"""Scripts as somebody else writes them, who knows Renode and not this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import asset
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

DONE = "initiator: done 1000 of 1000, 0 mismatches"


def lines(monitor: EmbeddedMonitor, core: str) -> list[str]:
    assert monitor.machine is not None
    return [line.text for line in monitor.machine.core(core).console.lines]


@pytest.mark.parametrize("script", ["upstream_style", "by_symbols", "all_in_one"])
def test_two_images_bond_and_exchange(monitor: EmbeddedMonitor, script: str) -> None:
    monitor.execute(f"include @tests/monitor/scripts/{script}.resc")
    monitor.execute('emulation RunFor "0.05"')
    assert lines(monitor, "app") == ["initiator: up", "initiator: bound", DONE]
    assert lines(monitor, "net") == ["echo: up", "echo: bound"]


def test_the_start_of_a_script_is_a_start_of_its_firmware(monitor: EmbeddedMonitor) -> None:
    monitor.execute("s @tests/monitor/scripts/upstream_style.resc")
    for _ in range(30):
        monitor.pump(1_000_000)
    assert lines(monitor, "app")[-1] == DONE
    assert [entry.message.split("] ")[-1] for entry in monitor.log.last(5)] == [
        "echo: up", "initiator: up", "echo: bound", "initiator: bound", DONE,
    ]  # fmt: skip


def test_registers_and_counters_are_read_as_in_renode(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @tests/monitor/scripts/by_symbols.resc")
    assert monitor.prompt == "(machine-0)"
    monitor.execute('emulation RunFor "0.05"')
    assert monitor.execute("ipcapp ReadDoubleWord 0x304; sysbus ReadDoubleWord 0x41012304 cpunet") == (
        "0x00000002\n0x00000001"
    )
    assert monitor.execute("sysbus.cpuapp VectorTableOffset; sysbus.cpunet VectorTableOffset") == (
        "0x00000000\n0x01000000"
    )
    monitor.execute('set stats `sysbus GetSymbolAddress "icmsg_stats" context=cpuapp`')
    address = int(monitor.execute("echo $stats"))
    assert monitor.execute(f"sysbus ReadDoubleWord {address + 4 * 5}") == "0x000003E8"


def test_variables_prefixes_and_inline_descriptions(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @tests/monitor/scripts/all_in_one.resc")
    assert monitor.prompt == "(board)"
    assert monitor.execute("sysbus ReadDoubleWord 0x30000004 cpuapp; status") == (
        "0x0000CAFE\nINTEN=0x0000 EVENTS=0x0000 IRQ=0 sent=0 received=0 dropped=0 duplicated=0"
    )
    assert monitor.execute("echo $net; echo $board.net") == "echo-net.elf\necho-net.elf"


def test_two_boards_keep_to_themselves(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @tests/monitor/scripts/two_boards.resc")
    monitor.execute('emulation RunFor "0.0001"')
    assert monitor.execute("echo $note; echo $second_board.note") == "one\ntwo"
    assert lines(monitor, "net") == ["echo: up"]
    monitor.execute("mach set 1")
    assert lines(monitor, "net") == []
    assert monitor.execute("cpunet IsHalted; cpunet ExecutedInstructions") == "True\n0x0000000000000000"


def test_a_link_recovers_from_the_faults_that_a_script_asks_for(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @tests/monitor/scripts/faults.resc")
    monitor.execute('emulation RunFor "0.1"')
    assert lines(monitor, "app")[-1] == DONE
    assert "dropped=1" in monitor.execute("ipcapp GetStatus")
    assert monitor.execute("ipcnet GetStatus").endswith("faults: delay by 20 us")
    assert sum("are lost, as asked for" in entry.text for entry in monitor.log.last(1000)) == 1


@pytest.fixture
def another() -> Iterator[EmbeddedMonitor]:
    with EmbeddedMonitor(asset("renode").parent) as made:
        yield made


@pytest.mark.parametrize("script", ["upstream_style", "by_symbols", "all_in_one", "faults"])
def test_a_script_gives_the_same_trace_whatever_the_steps(
    monitor: EmbeddedMonitor, another: EmbeddedMonitor, script: str
) -> None:
    hashes = []
    for run, steps in ((monitor, ["0.004"]), (another, ["0.001", "0.0000333", "0.0019667", "0.001"])):
        run.execute(f"include @tests/monitor/scripts/{script}.resc")
        for step in steps:
            run.execute(f'emulation RunFor "{step}"')
        assert run.machine is not None
        hashes.append(run.machine.trace_sha256())
    assert hashes[0] == hashes[1]
