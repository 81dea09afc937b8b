"""CLOCK: what a driver that starts an oscillator gets to see, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from soc import CLOCKS, Block, Ticks

if TYPE_CHECKING:
    from rig import Rig

HFSTART, HFSTOP, LFSTART, LFSTOP, CAL = 0x000, 0x004, 0x008, 0x00C, 0x010
HFSTARTED, LFSTARTED, DONE = 0x100, 0x104, 0x11C
INTENSET, INTENCLR, INTPEND = 0x304, 0x308, 0x30C
HFRUN, HFSTAT, LFRUN, LFSTAT, SRCCOPY, LFSRC = 0x408, 0x40C, 0x414, 0x418, 0x41C, 0x518
GPREGRET = 0x51C
STATE = 1 << 16
DELAY = 1280  # ticks: 10 µs, which are 640 cycles of 64 MHz


@pytest.fixture(params=CLOCKS)
def core(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock(rig: Rig, core: str) -> Block:
    return Block(rig, CLOCKS[core])


def test_nothing_runs_after_a_reset(clock: Block) -> None:
    assert [clock[at] for at in (HFRUN, HFSTAT, LFRUN, LFSTAT, HFSTARTED, LFSTARTED)] == [0] * 6
    assert (clock[SRCCOPY], clock[LFSRC]) == (1, 1)


def test_a_start_runs_at_once_and_has_started_after_640_cycles(rig: Rig, clock: Block) -> None:
    ticks = Ticks(rig)
    clock[LFSTART] = 1
    assert (clock[LFRUN], clock[LFSTAT], clock[LFSTARTED]) == (1, 0, 0)
    ticks.run_to(DELAY - 1)
    assert (clock[LFRUN], clock[LFSTAT], clock[LFSTARTED]) == (1, 0, 0)
    ticks.run_to(DELAY)
    assert (clock[LFRUN], clock[LFSTAT], clock[LFSTARTED]) == (1, STATE | 1, 1)


def test_the_source_is_that_of_the_moment_of_the_start(rig: Rig, clock: Block) -> None:
    clock[LFSRC] = 2
    clock[LFSTART] = 1
    clock[LFSRC] = 3
    rig.machine.run_for(20_000)
    assert (clock[SRCCOPY], clock[LFSTAT]) == (2, STATE | 2)


def test_a_second_start_switches_the_source_without_a_stop(rig: Rig, clock: Block) -> None:
    clock[LFSTART] = 1
    rig.machine.run_for(20_000)
    clock[LFSTARTED] = 0
    clock[LFSRC] = 2
    clock[LFSTART] = 1
    assert (clock[LFSTAT], clock[LFSTARTED]) == (STATE | 1, 0)
    rig.machine.run_for(20_000)
    assert (clock[LFSTAT], clock[LFSTARTED]) == (STATE | 2, 1)


def test_a_stop_stops_at_once_also_what_is_starting(rig: Rig, clock: Block) -> None:
    clock[LFSTART] = 1
    rig.machine.run_for(20_000)
    clock[LFSTOP] = 1
    assert (clock[LFRUN], clock[LFSTAT], clock[LFSTARTED]) == (0, 0, 1)
    clock[LFSTARTED] = 0
    clock[LFSTART] = 1
    clock[LFSTOP] = 1
    rig.machine.run_for(20_000)
    assert (clock[LFRUN], clock[LFSTAT], clock[LFSTARTED]) == (0, 0, 0)


def test_a_zero_written_to_a_task_starts_nothing(rig: Rig, clock: Block) -> None:
    for task in (HFSTART, LFSTART, CAL):
        clock[task] = 0
    rig.machine.run_for(20_000)
    assert (clock[HFSTARTED], clock[LFSTARTED], clock[DONE], clock[LFRUN]) == (0, 0, 0, 0)


def test_the_high_frequency_clock_and_the_calibration_have_events_of_their_own(
    rig: Rig, clock: Block
) -> None:
    clock[HFSTART] = 1
    rig.machine.run_for(20_000)
    assert (clock[HFRUN], clock[HFSTAT], clock[HFSTARTED], clock[LFSTARTED]) == (1, STATE | 1, 1, 0)
    clock[CAL] = 1
    assert clock[DONE] == 0
    rig.machine.run_for(20_000)
    assert (clock[DONE], clock[LFSTARTED]) == (1, 0)
    clock[HFSTOP] = 1
    assert (clock[HFRUN], clock[HFSTAT]) == (0, 0)


@pytest.mark.parametrize(
    ("task", "stop", "event", "stat"), [(0x018, 0x01C, 0x120, 0x454), (0x020, 0x024, 0x124, 0x45C)]
)
def test_the_other_two_clocks_start_and_stop(
    rig: Rig, clock: Block, task: int, stop: int, event: int, stat: int
) -> None:
    clock[task] = 1
    rig.machine.run_for(20_000)
    assert (clock[event], clock[stat] & STATE) == (1, STATE)
    clock[stop] = 1
    assert clock[stat] == 0


@pytest.mark.parametrize(
    ("task", "event", "bit"), [(HFSTART, HFSTARTED, 0), (LFSTART, LFSTARTED, 1), (CAL, DONE, 7)]
)
def test_the_line_is_the_level_of_an_enabled_latched_event(
    rig: Rig, clock: Block, task: int, event: int, bit: int
) -> None:
    clock[task] = 1
    rig.machine.run_for(20_000)
    assert (clock.line, clock[INTPEND]) == (False, 0)
    clock[INTENSET] = 1 << bit
    assert (clock.line, clock[INTPEND], clock[0x300]) == (True, 1 << bit, 1 << bit)
    clock[INTENCLR] = 1 << bit
    assert (clock.line, clock[event]) == (False, 1)
    clock[INTENSET] = 1 << bit
    clock[event] = 0
    assert clock.line is False


def test_always_run_shows_in_the_status(clock: Block) -> None:
    clock[0x574] = 1
    assert clock[LFSTAT] == 1 << 4


def test_a_reset_stops_everything_but_keeps_the_retention_registers(
    rig: Rig, clock: Block, core: str
) -> None:
    clock[LFSTART] = 1
    rig.machine.run_for(20_000)
    clock[INTENSET] = 2
    clock[CAL] = 1
    clock[GPREGRET] = 0x1A5
    rig.machine.core(core).reset()
    rig.machine.run_for(20_000)
    assert [clock[at] for at in (LFRUN, LFSTAT, LFSTARTED, DONE, 0x300)] == [0] * 5
    assert (clock.line, clock[GPREGRET]) == (False, 0xA5)


def test_the_application_cores_clock_answers_at_both_addresses(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    bus.write32(0x4000_5518, 2)
    assert bus.read32(0x5000_5518) == 2
