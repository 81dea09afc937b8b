"""The RTC as a person would describe it, and what can be done to it: the measure of every model of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

START, STOP, CLEAR, TRIGOVRFLW, CAPTURE = 0x000, 0x004, 0x008, 0x00C, 0x040
TICK, OVRFLW, COMPARE = 0x100, 0x104, 0x140
INTENSET, INTENCLR, EVTENSET, EVTENCLR = 0x304, 0x308, 0x344, 0x348
COUNTER, PRESCALER, CC = 0x504, 0x508, 0x540
SPAN = 1 << 24
BITS = (0, 1, 16, 17, 18, 19)
"""The bits of the events in INTEN; event n is at 0x100 + 4 n."""


class Registers(Protocol):
    """An RTC by offsets."""

    def __getitem__(self, offset: int) -> int: ...

    def __setitem__(self, offset: int, value: int) -> None: ...


class Naive:
    """The RTC as a person would describe it: every increment one by one, in exact fractions of a second."""

    def __init__(self) -> None:
        self.now = Fraction(0)
        self.counter = 0
        self.prescaler = 0
        self.period = Fraction(1, 32768)
        self.running = False
        self.next = Fraction(0)
        self.cc = [0] * 4
        self.inten = self.evten = 0
        self.events: set[int] = set()

    def advance(self, until: Fraction) -> None:
        while self.running and self.next <= until:
            self.counter = (self.counter + 1) % SPAN
            happened = {0}
            if self.counter == 0:
                happened.add(1)
            happened |= {16 + index for index in range(4) if self.cc[index] == self.counter}
            self.events |= {bit for bit in happened if (self.inten | self.evten) >> bit & 1}
            self.next += self.period
        self.now = until

    def count_from(self, value: int) -> None:
        self.counter = value
        self.period = Fraction(self.prescaler + 1, 32768)
        self.next = self.now + self.period

    def start(self) -> None:
        if not self.running:
            self.running = True
            self.count_from(self.counter)

    def stop(self) -> None:
        self.running = False


ACTIONS: dict[str, tuple[Callable[[Naive, int], object], Callable[[Registers, int], object]]] = {
    "start": (lambda naive, _: naive.start(), lambda rtc, _: rtc.__setitem__(START, 1)),
    "stop": (lambda naive, _: naive.stop(), lambda rtc, _: rtc.__setitem__(STOP, 1)),
    "clear": (lambda naive, _: naive.count_from(0), lambda rtc, _: rtc.__setitem__(CLEAR, 1)),
    "overflow": (
        lambda naive, _: naive.count_from(0xFFFFF0),
        lambda rtc, _: rtc.__setitem__(TRIGOVRFLW, 1),
    ),
    "prescaler": (
        lambda naive, value: setattr(naive, "prescaler", value % 3),
        lambda rtc, value: rtc.__setitem__(PRESCALER, value % 3),
    ),
    "inten": (
        lambda naive, value: setattr(naive, "inten", naive.inten | mask(value)),
        lambda rtc, value: rtc.__setitem__(INTENSET, mask(value)),
    ),
    "not inten": (
        lambda naive, value: setattr(naive, "inten", naive.inten & ~mask(value)),
        lambda rtc, value: rtc.__setitem__(INTENCLR, mask(value)),
    ),
    "evten": (
        lambda naive, value: setattr(naive, "evten", naive.evten | mask(value)),
        lambda rtc, value: rtc.__setitem__(EVTENSET, mask(value)),
    ),
    "not evten": (
        lambda naive, value: setattr(naive, "evten", naive.evten & ~mask(value)),
        lambda rtc, value: rtc.__setitem__(EVTENCLR, mask(value)),
    ),
    "cc": (
        lambda naive, value: naive.cc.__setitem__(value % 4, naive.counter + value // 4 & 0xFFFFFF),
        lambda rtc, value: rtc.__setitem__(CC + 4 * (value % 4), rtc[COUNTER] + value // 4),
    ),
    "acknowledge": (
        lambda naive, value: naive.events.discard(event_bit(value)),
        lambda rtc, value: rtc.__setitem__(0x100 + 4 * event_bit(value), 0),
    ),
}


def mask(value: int) -> int:
    return (value & 0b11) | (value >> 2 & 0xF) << 16


def event_bit(value: int) -> int:
    return BITS[value % 6]
