"""On a real Renode; skipped with the reason where there is none, a failure with ICMSG_REQUIRE_RENODE=1."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import fake_process
import pytest
from looped import for_each
from rtc_by_counting import CC, COMPARE, COUNTER, EVTENSET, OVRFLW, START
from test_renode_exchange import PAIRINGS, exchange
from thumb import firmware
from tickless import LONGEST, TICKLESS
from typed_changes import (
    by_a_macro,
    by_a_script,
    by_a_variable,
    by_an_alias,
    by_itself,
    by_python,
    halts,
    machine_of,
    starts_and_is_looked_at,
)
from typed_paths import typed

from icmsg.assets import asset, stub
from icmsg.config import InstanceConfig, Region
from icmsg.engines.renode.monitor import RenodeMonitor
from icmsg.errors import EngineNotAvailableError
from icmsg.hw import mailboxes
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.boot import start_firmware
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.pytest_plugin.hooks import not_available
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.renode.machine import RenodeMachine

TRIO = Path(__file__).parents[3] / "examples" / "trio"
SHARED = 0x2007_0000
RTC1_NET = 0x4101_6000
FORCEOFF = 0x5000_5614
CODE = bytes.fromhex("044800210160044a013afdd1034804490160fee714560050204e00000ced00e00400fa05")
"""Writes 0 to FORCEOFF, counts down from 20000, and writes SYSRESETREQ to AIRCR."""
RESETS_ITSELF = FirmwareImage(
    Path("resets-itself"),
    (Segment(0, 0, struct.pack("<II", 0x2001_0000, 0x41).ljust(0x40, b"\0") + CODE, True),),
    0x41,
    {},
)


@for_each(("app", "net"), PAIRINGS)
def test_every_pairing_brings_every_byte_back_and_repeats(app: str, net: str) -> None:
    traces = set()
    for _ in range(2):
        with fake_process.real_machine() as machine:
            result = exchange(machine, app, net, Workload(messages=200))
        assert result.problems == ()
        assert (result.messages_received, result.mismatches) == (200, 0)
        traces.add(result.trace_sha256)
    assert len(traces) == 1


def test_shared_memory_is_that_of_the_sysbus(real_machine: RenodeMachine) -> None:
    bus = real_machine.core("app").bus
    bus.write32(SHARED, 0x1234_5678)
    assert int(real_machine.execute(f"sysbus ReadDoubleWord 0x{SHARED:X}"), 16) == 0x1234_5678
    real_machine.execute(f"sysbus WriteDoubleWord 0x{SHARED + 4:X} 0x9ABCDEF0")
    assert bus.read32(SHARED + 4) == 0x9ABC_DEF0


PATCHED = FirmwareImage(
    Path("patched"),
    (
        Segment(
            0x2000_0000,
            0x2000_0000,
            struct.pack("<II", 0x2001_0000, 0x2000_0041).ljust(0x40, b"\0")
            + struct.pack("<HHHHI", 0x4801, 0x2101, 0x6001, 0xE7FC, SHARED),
            True,
        ),
    ),
    0x2000_0041,
    {},
)
"""Writes 1 into shared RAM for ever, from RAM that the other core reaches, too."""


@pytest.mark.parametrize("writer", ["app", "net"])
def test_code_in_shared_ram_that_python_patches_is_executed_as_patched(
    real_machine: RenodeMachine, writer: str
) -> None:
    app, bus = real_machine.core("app"), real_machine.core(writer).bus
    app.load(PATCHED)
    app.start()
    real_machine.run_for(100 * US)
    assert bus.read32(SHARED) == 1
    bus.write32(0x2000_0040, 0x2102_4801)
    real_machine.run_for(100 * US)
    assert bus.read32(SHARED) == 2


def test_the_hash_covers_memory_that_python_never_touched(real_machine: RenodeMachine) -> None:
    before = real_machine.trace_sha256()
    assert real_machine.core("net").bus.read32(0x2006_0000) == 0
    assert real_machine.trace_sha256() == before
    for address in (0x2006_0000, 0x2100_FFF0, 0x000F_FFF0):
        real_machine.execute(
            f"sysbus WriteDoubleWord 0x{address:X} 1" + (" cpunet" * (address >> 24 == 0x21))
        )
        assert real_machine.trace_sha256() != before
        before = real_machine.trace_sha256()


class TestRtcBehindTheWrap:
    """Renode's own RTC stands still after 512 s, the 2^24 counts of its counter."""

    @pytest.fixture
    def machine(self) -> Iterator[RenodeMachine]:
        with fake_process.real_machine(quantum_ns=1000 * MS) as machine:
            yield machine

    def test_the_counter_goes_on_with_an_overflow_and_compares(self, machine: RenodeMachine) -> None:
        bus = machine.core("net").bus

        def rtc(offset: int) -> int:
            return bus.read32(RTC1_NET + offset)

        for offset, value in ((CC, 100), (EVTENSET, 1 << 1 | 1 << 16), (START, 1)):
            bus.write32(RTC1_NET + offset, value)
        machine.execute('emulation RunFor "511"')
        assert (rtc(COUNTER), rtc(OVRFLW), rtc(COMPARE)) == (511 * 32768, 0, 1)
        bus.write32(RTC1_NET + COMPARE, 0)
        machine.execute('emulation RunFor "0.99"')
        assert (rtc(OVRFLW), rtc(COMPARE)) == (0, 0)
        machine.execute('emulation RunFor "1.01"')
        assert (rtc(COUNTER), rtc(OVRFLW), rtc(COMPARE)) == (32768, 1, 1)

    def test_firmware_that_sleeps_by_it_wakes_after_hours(self, machine: RenodeMachine) -> None:
        core, bus = machine.core("app"), machine.core("app").bus
        core.load(firmware(TICKLESS, core="app"))
        core.start()
        machine.execute(f'emulation RunFor "{3 * 3600}"')
        cycles, wakes = (bus.read32(0x2000_0000 + offset) for offset in (0, 4))
        assert wakes == 3 * 3600 * 32768 // LONGEST
        # It reads the counter a little after the compare event.
        assert wakes * LONGEST <= cycles <= wakes * (LONGEST + 1)


def test_time_passes_in_quanta(real_machine: RenodeMachine) -> None:
    real_machine.run_for(1 * MS)
    assert 1 * MS <= real_machine.now_ns < 1 * MS + 10 * US


def test_the_version_is_said(real_machine: RenodeMachine) -> None:
    assert "Renode" in real_machine._renode.version


def test_force_off_is_an_event_and_the_instruction_counter_goes_on(real_machine: RenodeMachine) -> None:
    core, bus = real_machine.core("net"), real_machine.core("app").bus
    core.load(stub("echo", "net"))
    core.wait_for_release()
    story: list[EventKind] = []
    wanted = EventKind.CORE_STARTED, EventKind.CORE_HALTED, EventKind.CORE_RESET
    real_machine.events.add_sink(lambda event: story.append(event.kind), wanted)
    counts = []
    for value in (0, 1, 0):
        bus.write32(FORCEOFF, value)
        real_machine.run_for(1 * MS)
        assert core.is_halted == bool(value)
        counts.append(core.instructions)
    assert story == [
        EventKind.CORE_STARTED,
        EventKind.CORE_HALTED,
        EventKind.CORE_RESET,
        EventKind.CORE_STARTED,
    ]
    assert 100 < counts[0] <= counts[1] < counts[2]


def test_firmware_that_resets_its_core_starts_again_and_holds_the_network_core(
    real_machine: RenodeMachine,
) -> None:
    app, net = real_machine.core("app"), real_machine.core("net")
    app.load(RESETS_ITSELF)
    net.load(stub("echo", "net"))
    events: list[tuple[EventKind, int]] = []
    wanted = EventKind.CORE_STARTED, EventKind.CORE_RESET
    real_machine.events.add_sink(lambda event: events.append((event.kind, event.core)), wanted)
    start_firmware(real_machine, ["app", "net"])
    real_machine.run_for(3 * MS)
    resets = [events.count((EventKind.CORE_RESET, core.index)) for core in (app, net)]
    assert resets[0] == resets[1] >= 2
    assert len(net.console.lines) == events.count((EventKind.CORE_STARTED, net.index)) >= 3


class TestTypedBesideTheMachine:
    @pytest.fixture
    def monitor(self) -> Iterator[RenodeMonitor]:
        try:
            monitor = RenodeMonitor()
        except EngineNotAvailableError as error:
            not_available(error)
        with monitor:
            monitor.execute(f"include {typed(asset('renode') / 'app-python.resc')}")
            yield monitor

    def test_halts_are_seen_however_they_are_typed(self, monitor: RenodeMonitor, tmp_path: Path) -> None:
        wanted = EventKind.CORE_HALTED, EventKind.CORE_STARTED
        for way in (by_itself, by_a_macro, by_a_variable, by_an_alias, by_python):
            assert halts(monitor, way, tmp_path, wanted) == list(wanted), way
        assert halts(monitor, by_a_script, tmp_path, wanted) == []

    def test_a_core_that_python_starts_is_not_taken_for_halted_before_it_is_let_go(
        self, monitor: RenodeMonitor
    ) -> None:
        assert starts_and_is_looked_at(monitor) == ["echo: up"]

    def test_one_that_force_off_lets_go_is_neither(self, monitor: RenodeMonitor) -> None:
        machine = machine_of(monitor)
        net = machine.core("net")
        machine.run_for(1 * MS)
        for value in (1, 0):
            monitor.execute(f"sysbus WriteDoubleWord 0x{FORCEOFF:X} {value} cpuapp")
            assert monitor.execute("cpunet IsHalted") == "True"  # up to the next synchronization point
            assert net.is_halted == bool(value)
        machine.run_for(1 * MS)
        assert monitor.execute("cpunet IsHalted") == "False"
        assert not net.is_halted
        assert [line.text for line in net.console.lines] == ["echo: up"] * 2

    def test_a_program_counter_and_firmware_by_an_alias_are_seen(self, monitor: RenodeMonitor) -> None:
        app = machine_of(monitor).core("app")
        monitor.execute('alias jump "cpuapp PC 0x100"; jump')
        assert app.registers["PC"] == 0x100
        elf = stub("initiator", "app")
        monitor.execute(f'alias work "sysbus LoadELF {typed(elf)} cpu=cpuapp"')
        monitor.execute("cpuapp Reset; work; cpuapp IsHalted false")
        assert app.image is not None
        assert (str(app.image.path), app.is_halted) == (str(elf), False)


def test_a_mailbox_of_the_users_own_works_with_its_model_in_csharp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "_KINDS", dict(mailboxes._KINDS))
    monkeypatch.syspath_prepend(TRIO)
    import bell

    mailboxes.add_kind(bell.KIND)
    config = InstanceConfig(
        Region(0x3800_0000, 0x400), Region(0x3800_0400, 0x400), tx_channel=0, rx_channel=1
    )
    with fake_process.real_machine(TRIO / "bells.repl", include=[TRIO / "Bell.cs"]) as machine:
        result = Exchange(machine, {"0": None, "1": None}, config, Workload(messages=20)).run()
        assert result.problems == ()
        assert result.messages_received == 20
