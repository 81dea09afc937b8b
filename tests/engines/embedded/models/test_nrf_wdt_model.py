"""The network core's watchdog: a core that stops reloading it starts again, and nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from soc import CLOCKS, RTCS, TICKS_PER_SECOND, WDT, Block, Ticks, keep_low_frequency_clocks

from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from rig import Rig

START, STOP, TIMEOUT, STOPPED = 0x000, 0x004, 0x100, 0x104
INTENSET, RUNSTATUS, REQSTATUS, CRV, RREN, CONFIG, TSEN, RR = (
    0x304,
    0x400,
    0x404,
    0x504,
    0x508,
    0x50C,
    0x520,
    0x600,
)
RELOAD = 0x6E524635

COUNT_STARTS = """
reset:
 ldr r0, =0x21000000
 ldr r1, [r0]
 adds r1, #1
 str r1, [r0]
 ldr r0, =0x4100B000
 ldr r1, =99
 str r1, [r0, #0x504]
 movs r1, #1
 str r1, [r0]
again:
 wfi
 b again
"""


def cycles(count: int) -> int:
    """The first tick that is ``count`` cycles of 32.768 kHz after tick 0."""
    return -(-count * TICKS_PER_SECOND // 32768)


@pytest.fixture
def wdt(rig: Rig) -> Block:
    return Block(rig, WDT)


@pytest.fixture
def resets(rig: Rig) -> list[tuple[int, int]]:
    """(core, nanosecond) of every reset."""
    seen: list[tuple[int, int]] = []

    def look(event: Event) -> None:
        if event.kind == EventKind.CORE_RESET:
            seen.append((event.core, event.time_ns))

    rig.machine.events.add_sink(look)
    return seen


def test_the_reset_values_are_the_socs(wdt: Block) -> None:
    values = [wdt[at] for at in (RUNSTATUS, REQSTATUS, CRV, RREN, CONFIG)]
    assert values == [0, 1, 0xFFFFFFFF, 1, 1]


def test_it_bites_crv_plus_one_cycles_after_the_start(
    rig: Rig, wdt: Block, resets: list[tuple[int, int]]
) -> None:
    ticks = Ticks(rig)
    wdt[CRV] = 999
    wdt[START] = 1
    assert wdt[RUNSTATUS] == 1
    ticks.run_to(cycles(1000) - 1)
    assert resets == []
    ticks.run_to(cycles(1000))
    assert [core for core, _ in resets] == [1]
    assert (wdt[RUNSTATUS], wdt[CRV], wdt[TIMEOUT]) == (0, 0xFFFFFFFF, 0)


def test_a_reload_puts_it_off(rig: Rig, wdt: Block, resets: list[tuple[int, int]]) -> None:
    ticks = Ticks(rig)
    wdt[CRV] = 99
    wdt[START] = 1
    for step in range(1, 11):
        ticks.run_to(cycles(90 * step))
        wdt[RR] = RELOAD
    ticks.run_to(cycles(900) + cycles(100) - 1)
    assert resets == []
    ticks.run_to(cycles(900) + cycles(100) + 1)
    assert len(resets) == 1


def test_a_wrong_value_or_a_register_that_is_off_reloads_nothing(
    rig: Rig, wdt: Block, resets: list[tuple[int, int]]
) -> None:
    ticks = Ticks(rig)
    wdt[CRV] = 99
    wdt[START] = 1
    ticks.run_to(cycles(50))
    wdt[RR] = RELOAD + 1
    wdt[RR + 4] = RELOAD
    ticks.run_to(cycles(100))
    assert len(resets) == 1


def test_all_enabled_registers_are_needed(rig: Rig, wdt: Block, resets: list[tuple[int, int]]) -> None:
    ticks = Ticks(rig)
    wdt[CRV] = 99
    wdt[RREN] = 0b10000001
    assert wdt[REQSTATUS] == 0b10000001
    wdt[START] = 1
    ticks.run_to(cycles(50))
    wdt[RR + 28] = RELOAD
    assert wdt[REQSTATUS] == 1
    ticks.run_to(cycles(60))
    wdt[RR] = RELOAD
    assert wdt[REQSTATUS] == 0b10000001
    ticks.run_to(cycles(150))
    assert resets == []
    wdt[RR] = RELOAD
    ticks.run_to(cycles(161))
    assert len(resets) == 1


def test_its_configuration_is_fixed_while_it_runs(wdt: Block) -> None:
    wdt[CRV] = 1000
    wdt[START] = 1
    wdt[CRV], wdt[RREN], wdt[CONFIG] = 5, 0, 0
    assert [wdt[at] for at in (CRV, RREN, CONFIG, REQSTATUS)] == [1000, 1, 1, 1]


def test_the_shortest_reload_value_is_15(wdt: Block) -> None:
    wdt[CRV] = 3
    assert wdt[CRV] == 15


def test_with_its_interrupt_the_reset_waits_two_cycles_and_comes_all_the_same(
    rig: Rig, wdt: Block, resets: list[tuple[int, int]]
) -> None:
    ticks = Ticks(rig)
    wdt[CRV] = 99
    wdt[INTENSET] = 1
    wdt[START] = 1
    ticks.run_to(cycles(100))
    assert (wdt[TIMEOUT], wdt.line, resets) == (1, True, [])
    wdt[RR] = RELOAD
    wdt[TIMEOUT] = 0
    ticks.run_to(cycles(100) + cycles(2) - 1)
    assert resets == []
    ticks.run_to(cycles(100) + cycles(2))
    assert len(resets) == 1


@pytest.mark.parametrize(
    ("config", "key", "stops"), [(0x41, RELOAD, True), (0x01, RELOAD, False), (0x41, 1, False)]
)
def test_it_stops_only_with_permission_and_key(
    rig: Rig, wdt: Block, resets: list[tuple[int, int]], config: int, key: int, stops: bool
) -> None:
    wdt[CRV], wdt[CONFIG] = 99, config
    wdt[START] = 1
    wdt[TSEN] = key
    wdt[STOP] = 1
    assert (wdt[STOPPED], wdt[RUNSTATUS]) == ((1, 0) if stops else (0, 1))
    rig.machine.run_for(10_000_000)
    assert len(resets) == (0 if stops else 1)


def test_firmware_that_hangs_starts_again_and_again(rig: Rig) -> None:
    net = rig.boot(COUNT_STARTS, core="net")
    rig.machine.run_for(31_000_000)  # 100 cycles are 3.05 ms
    assert rig.word(core="net") == 11
    assert not net.is_halted


def test_only_the_network_core_and_what_is_its_own_is_reset(rig: Rig) -> None:
    app = rig.boot("reset: movs r4, #0\nagain: adds r4, #1; b again")
    other = Block(rig, RTCS["app RTC1"])
    own = Block(rig, RTCS["net RTC1"])
    clock = Block(rig, CLOCKS["net"])
    keep_low_frequency_clocks(rig)
    other[0x000] = 1
    rig.machine.core("net").bus.write32(0x4101_2514, 4)  # SEND_CNF[1] of its IPC
    rig.boot(COUNT_STARTS, core="net")
    rig.machine.core("net").bus.write32(0x4101_2514, 4)
    keep_low_frequency_clocks(rig)
    own[0x000] = 1
    clock[0x008] = 1
    rig.machine.run_for(3_000_000)
    assert (own[0x504], clock[0x418], rig.machine.core("net").bus.read32(0x4101_2514)) == (98, 0x10011, 4)
    before = app.registers["R4"]
    rig.machine.run_for(100_000)
    assert (own[0x504], clock[0x418], rig.machine.core("net").bus.read32(0x4101_2514)) == (0, 0, 0)
    assert rig.word(core="net") == 2
    assert app.registers["R4"] > before
    assert other[0x504] == 101


def test_the_trace_of_a_watchdog_reset_does_not_depend_on_steps() -> None:
    from rig import Rig

    hashes = set()
    for step in (31_000_000, 1_000_000, 70_001):
        with Rig() as rig:
            rig.boot("reset: wfi; b reset")
            rig.boot(COUNT_STARTS, core="net")
            while rig.machine.now_ns < 31_000_000:
                rig.machine.run_for(min(step, 31_000_000 - rig.machine.now_ns))
            hashes.add(rig.machine.events.hexdigest())
    assert len(hashes) == 1
