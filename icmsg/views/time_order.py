"""Order by time, for formats that cannot go back: the events of two cores come up to a quantum out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.machine.simtime import MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LATEST_NS: Final = 10 * MS
"""No slice of a core is longer, whatever the quantum, and no core is further ahead."""
_ENOUGH: Final = 4096


class TimeOrder:
    """Holds what was added until nothing older can come any more, and hands it to ``write`` by time, many at once.

    Of one time, what was added first comes first. What comes later than that all the same gets the last time written.
    """

    def __init__(self, write: Callable[[Sequence[tuple[int, bytes]]], None]) -> None:
        self._write = write
        self._held: list[tuple[int, bytes]] = []
        self._written = 0
        self._next_look = _ENOUGH

    def add(self, time_ns: int, what: bytes) -> None:
        """Take one more."""
        self._held.append((time_ns, what))
        if len(self._held) >= self._next_look:
            self._hand_on(_LATEST_NS)
            self._next_look = max(_ENOUGH, 2 * len(self._held))

    def close(self) -> None:
        """Hand on all that is held."""
        self._hand_on(0)

    def _hand_on(self, held_ns: int) -> None:
        """Hand on all but the newest ``held_ns``."""
        held = sorted(self._held, key=_time)
        until_ns = held[-1][0] - held_ns if held else 0
        self._held = [each for each in held if each[0] > until_ns]
        ready = held[: len(held) - len(self._held)]
        if ready:
            earliest = self._written
            if ready[0][0] < earliest:
                ready = [(max(time_ns, earliest), what) for time_ns, what in ready]
            self._written = ready[-1][0]
            self._write(ready)


def _time(held: tuple[int, bytes]) -> int:
    return held[0]
