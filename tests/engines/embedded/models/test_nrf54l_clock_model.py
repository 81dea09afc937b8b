"""CLOCK of the nRF54L15: what a driver that starts a clock gets to see, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nrf54 import CLOCK, TICKS_PER_US, nrf54_rig
from soc import MS, Block, Ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig import Rig

START = {"XO": 0x000, "PLL": 0x008, "LFCLK": 0x010}
STOP = {"XO": 0x004, "PLL": 0x00C, "LFCLK": 0x014}
STARTED = {"XO": 0x100, "PLL": 0x104, "LFCLK": 0x108}
RUN = {"XO": 0x408, "PLL": 0x428, "LFCLK": 0x448}
STAT = {"XO": 0x40C, "PLL": 0x42C, "LFCLK": 0x44C}
CAL, XOTUNE, XOTUNEABORT, CONSTLAT, LOWPWR = 0x018, 0x01C, 0x020, 0x030, 0x034
DONE, XOTUNED = 0x10C, 0x110
INTENSET, INTENCLR, INTPEND = 0x304, 0x308, 0x30C
SRC, SRCCOPY, GPREGRET, CONSTLATSTAT, RESETREAS = 0x440, 0x450, 0x500, 0x520, 0x600
STATE = 1 << 16


@pytest.fixture
def rig() -> Iterator[Rig]:
    with nrf54_rig() as rig:
        yield rig


@pytest.fixture
def clock(rig: Rig) -> Block:
    return Block(rig, CLOCK)


@pytest.mark.parametrize("name", START)
def test_a_start_runs_at_once_and_has_started_after_ten_microseconds(
    rig: Rig, clock: Block, name: str
) -> None:
    ticks = Ticks(rig)
    assert (clock[RUN[name]], clock[STAT[name]]) == (0, 0)
    clock[START[name]] = 1
    assert (clock[RUN[name]], clock[STAT[name]], clock[STARTED[name]]) == (1, 0, 0)
    ticks.run_to(10 * TICKS_PER_US - 1)
    assert clock[STARTED[name]] == 0
    ticks.run_to(10 * TICKS_PER_US)
    assert (clock[STAT[name]] & STATE, clock[STARTED[name]]) == (STATE, 1)
    clock[STOP[name]] = 1
    assert (clock[RUN[name]], clock[STAT[name]]) == (0, 0)


@pytest.mark.parametrize("name", START)
def test_one_that_is_stopped_before_never_says_that_it_started(rig: Rig, clock: Block, name: str) -> None:
    clock[START[name]] = clock[STOP[name]] = 1
    rig.machine.run_for(MS)
    assert (clock[STAT[name]], clock[STARTED[name]]) == (0, 0)


def test_the_source_is_that_at_the_start(rig: Rig, clock: Block) -> None:
    clock[SRC] = 1
    clock[START["LFCLK"]] = 1
    clock[SRC] = 2
    rig.machine.run_for(MS)
    assert (clock[SRCCOPY], clock[STAT["LFCLK"]]) == (1, STATE | 1)


@pytest.mark.parametrize(
    ("task", "event", "bit"),
    [
        (START["XO"], STARTED["XO"], 0),
        (START["PLL"], STARTED["PLL"], 1),
        (START["LFCLK"], STARTED["LFCLK"], 2),
        (CAL, DONE, 3),
        (XOTUNE, XOTUNED, 4),
    ],
)
def test_an_event_interrupts_where_it_is_enabled(
    rig: Rig, clock: Block, task: int, event: int, bit: int
) -> None:
    clock[INTENSET] = 1 << bit
    clock[task] = 1
    rig.machine.run_for(MS)
    assert (clock[event], clock[INTPEND], clock.line) == (1, 1 << bit, True)
    clock[event] = 0
    assert (clock[INTPEND], clock.line) == (0, False)


def test_a_tuning_that_is_aborted_does_not_end(rig: Rig, clock: Block) -> None:
    clock[XOTUNE] = clock[XOTUNEABORT] = 1
    rig.machine.run_for(MS)
    assert clock[XOTUNED] == 0


def test_power_and_reset_are_in_the_same_page(rig: Rig, clock: Block) -> None:
    clock[CONSTLAT] = 1
    assert clock[CONSTLATSTAT] == 1
    clock[LOWPWR] = 1
    assert clock[CONSTLATSTAT] == 0
    assert clock[RESETREAS] == 0
    clock[RESETREAS] = 0xFFFF_FFFF
    assert clock[RESETREAS] == 0
    clock[GPREGRET] = 0x1A5
    clock[START["XO"]] = 1
    rig.boot("reset: b reset")
    assert (clock[GPREGRET], clock[RUN["XO"]]) == (0xA5, 0)
    rig.machine.run_for(MS)
    assert clock[STARTED["XO"]] == 0
