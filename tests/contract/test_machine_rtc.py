"""The RTC of every engine: it counts, wraps, and has its events at the same moments."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import pytest
from rtc_by_counting import (
    ACTIONS,
    BITS,
    CC,
    COMPARE,
    COUNTER,
    EVTENSET,
    INTENSET,
    OVRFLW,
    PRESCALER,
    START,
    TRIGOVRFLW,
    Naive,
)

from icmsg.timers import MS, US

if TYPE_CHECKING:
    from machines import MachineUnderTest

    from icmsg.machine.machine import Machine

RTCS: Final = {
    "app RTC0": ("app", 0x5001_4000, 20),
    "app RTC1": ("app", 0x5001_5000, 21),
    "net RTC0": ("net", 0x4101_1000, 17),
    "net RTC1": ("net", 0x4101_6000, 22),
}
ALWAYS_RUN: Final = {"app": 0x5000_5574, "net": 0x4100_5574}
"""LFCLKALWAYSRUN: where an engine models it, an RTC counts only while LFCLK runs."""


class Rtc:
    """One RTC, as its core sees it; :meth:`listen` collects its interrupts."""

    def __init__(self, machine: Machine, name: str = "app RTC1") -> None:
        self._core, self._base, self._number = RTCS[name]
        self._machine = machine
        self._bus = machine.core(self._core).bus
        self._bus.write32(ALWAYS_RUN[self._core], 1)
        self.interrupts: list[int] = []

    def listen(self) -> None:
        """Play the core, and acknowledge every interrupt."""
        self._machine.core(self._core).on_interrupt(self._number, self._on_interrupt)

    def _on_interrupt(self) -> None:
        self.interrupts.append(self._machine.now_ns)
        for bit in BITS:
            self[0x100 + 4 * bit] = 0

    def __getitem__(self, offset: int) -> int:
        return self._bus.read32(self._base + offset)

    def __setitem__(self, offset: int, value: int) -> None:
        self._bus.write32(self._base + offset, value)


@pytest.mark.parametrize("name", RTCS)
def test_its_counter_wraps_with_an_event_and_compares_behind_the_wrap(machine: Machine, name: str) -> None:
    rtc = Rtc(machine, name)
    rtc[TRIGOVRFLW] = 1
    assert rtc[COUNTER] == 0xFF_FFF0
    rtc[CC + 4] = 4
    rtc[EVTENSET] = 1 << 1 | 1 << 17
    rtc[START] = 1
    machine.run_for(488 * US)  # 16 counts take 488.28 us
    assert (rtc[COUNTER], rtc[OVRFLW], rtc[COMPARE + 4]) == (0xFF_FFFF, 0, 0)
    machine.run_for(2 * US)
    assert (rtc[COUNTER], rtc[OVRFLW], rtc[COMPARE + 4]) == (0, 1, 0)
    machine.run_for(120 * US)  # 20 counts take 610.35 us
    assert (rtc[COUNTER], rtc[COMPARE + 4]) == (3, 0)
    machine.run_for(2 * US)
    assert (rtc[COUNTER], rtc[COMPARE + 4]) == (4, 1)


def test_its_interrupt_reaches_who_plays_the_core(engine: MachineUnderTest, machine: Machine) -> None:
    if engine.name == "remote over the embedded Monitor":
        pytest.skip("that Monitor has the lines of mailboxes only")
    rtc = Rtc(machine)
    rtc.listen()
    rtc[PRESCALER] = 7
    rtc[CC] = 2
    rtc[INTENSET] = 1 << 16
    rtc[START] = 1
    begun = machine.now_ns
    machine.run_for(1 * MS)
    due = begun + 2 * 8 * 1_000_000_000 // 32768
    assert len(rtc.interrupts) == 1
    assert due <= rtc.interrupts[0] <= due + 20 * US
    assert (rtc[COMPARE], rtc[COUNTER]) == (0, 4)


def test_a_reset_of_the_core_stops_and_clears_it(machine: Machine) -> None:
    rtc, other = Rtc(machine, "net RTC1"), Rtc(machine)
    for one in (rtc, other):
        one[CC] = 1000
        one[INTENSET] = 1 << 16
        one[START] = 1
    machine.run_for(100 * US)
    machine.core("net").reset()
    machine.run_for(100 * US)
    assert [rtc[offset] for offset in (COUNTER, CC, 0x300)] == [0, 0, 0]
    assert other[COUNTER] == 6


@pytest.mark.parametrize("seed", range(4))
def test_it_does_what_counting_one_by_one_does(engine: MachineUnderTest, machine: Machine, seed: int) -> None:
    chance = random.Random(seed)
    rtc, naive = Rtc(machine), Naive()
    naive.now = Fraction(machine.now_ns, 1_000_000_000)
    for _ in range(min(60, 3 * engine.examples)):
        machine.run_for(chance.randrange(300) * US)
        naive.advance(Fraction(machine.now_ns, 1_000_000_000))
        names = [name for name in sorted(ACTIONS) if "inten" not in name]
        expected, actual = ACTIONS[chance.choice(names)]
        value = chance.randrange(256)
        expected(naive, value)
        actual(rtc, value)
        assert rtc[COUNTER] == naive.counter
        assert {bit for bit in BITS if rtc[0x100 + 4 * bit]} == naive.events
