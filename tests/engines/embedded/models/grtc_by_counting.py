"""What the GRTC does, microsecond by microsecond, and the same by its registers."""

from __future__ import annotations

from collections.abc import Callable

from soc import Block

GROUP = 0x20  # the secure application core's, group 2


class NaiveGrtc:
    """Three channels; ``advance`` counts to a microsecond of the machine."""

    def __init__(self) -> None:
        self.now = self.counter = self.inten = self.interval = 0
        self.running = True
        self.cc = [0] * 3
        self.active = [False] * 3
        self.events = [False] * 3

    def advance(self, now: int) -> None:
        while self.now < now:
            self.now += 1
            if self.running:
                self.counter += 1
                self.look()

    def look(self) -> None:
        for at in range(3):
            while self.active[at] and self.cc[at] <= self.counter:
                self.events[at] = True
                if at == 0 and self.interval:
                    self.cc[0] += self.interval
                else:
                    self.active[at] = False

    def set(self, at: int, value: int, active: bool) -> None:
        self.cc[at], self.active[at] = value, active
        self.look()


def _event(naive: NaiveGrtc, at: int, value: int) -> None:
    naive.events[at] = bool(value & 1)


def _enable(naive: NaiveGrtc, _at: int, value: int) -> None:
    naive.inten = value & 7


def _interval(naive: NaiveGrtc, _at: int, value: int) -> None:
    naive.interval = value


def _write(grtc: Block, offset: int, value: int) -> None:
    grtc[offset] = value


def _absolute(grtc: Block, at: int, value: int) -> None:
    grtc[0x520 + 0x10 * at] = value
    grtc[0x524 + 0x10 * at] = 0


Expected = Callable[[NaiveGrtc, int, int], None]
Actual = Callable[[Block, int, int], None]
ACTIONS: dict[str, tuple[Expected, Actual]] = {
    "wait": (lambda naive, at, value: None, lambda grtc, at, value: None),
    "low": (
        lambda naive, at, value: naive.set(at, value, False),
        lambda grtc, at, value: _write(grtc, 0x520 + 0x10 * at, value),
    ),
    "absolute": (lambda naive, at, value: naive.set(at, value, True), _absolute),
    "add to counter": (
        lambda naive, at, value: naive.set(at, naive.counter + value, True),
        lambda grtc, at, value: _write(grtc, 0x528 + 0x10 * at, value),
    ),
    "add to cc": (
        lambda naive, at, value: naive.set(at, naive.cc[at] + value, True),
        lambda grtc, at, value: _write(grtc, 0x528 + 0x10 * at, value | 1 << 31),
    ),
    "enable": (
        lambda naive, at, value: naive.set(at, naive.cc[at], bool(value & 1)),
        lambda grtc, at, value: _write(grtc, 0x52C + 0x10 * at, value),
    ),
    "capture": (
        lambda naive, at, value: naive.set(at, naive.counter, False),
        lambda grtc, at, value: _write(grtc, 4 * at, 1),
    ),
    "event": (_event, lambda grtc, at, value: _write(grtc, 0x100 + 4 * at, value)),
    "interrupts": (_enable, lambda grtc, at, value: _write(grtc, 0x300 + GROUP, value & 7)),
    "interval": (_interval, lambda grtc, at, value: _write(grtc, 0x6A8, value)),
}
