"""Work in virtual time: one heap of actions, for every clock of the package. Times are whole numbers of any unit.

Virtual time: integers in nanoseconds, everywhere in the interface of a machine.

>>> from icmsg.timers import MS, US, format_time
>>> format_time(3 * MS + 250 * US)
'3.250 ms'
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from icmsg.errors import EngineError

NEVER: Final = 1 << 62
"""A time that is never reached."""

RUNAWAY: Final = 1_000_000
"""Number of callbacks at one time that is taken to be without end."""

_ROOM: Final = 64
"""Number of timers that may wait before cancelled ones are looked for."""

Action = Callable[[], None]


def runaway() -> EngineError:
    """Return the error of an engine whose callbacks have no end."""
    return EngineError(
        f"{RUNAWAY} callbacks ran without virtual time passing; a handler calls itself without a delay"
    )


class ScheduledTimer:
    """An action that is due at ``time``; ``cancel`` takes it back, at any moment and any number of times."""

    __slots__ = ("action", "time")

    def __init__(self, time: int, action: Action) -> None:
        self.time = time
        self.action: Action | None = action

    @property
    def is_cancelled(self) -> bool:
        """True if it will not run (any more)."""
        return self.action is None

    def cancel(self) -> None:
        """Do not run it; does nothing when it ran already."""
        self.action = None

    def run(self) -> None:
        """Run it, unless it was cancelled or ran before."""
        action, self.action = self.action, None
        if action is not None:
            action()


class Timers:
    """Timers in the order of their times; first in, first out among equal ones."""

    __slots__ = ("_heap", "_order", "_room", "next")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, ScheduledTimer]] = []
        self._order = 0
        self._room = _ROOM
        self.next = NEVER
        """The time of the earliest timer (a cancelled one included), or NEVER."""

    def at(self, time: int, action: Action) -> ScheduledTimer:
        """Run ``action`` at ``time``."""
        timer = ScheduledTimer(time, action)
        self._order += 1
        if len(self._heap) >= self._room:
            self._sweep()
        heapq.heappush(self._heap, (time, self._order, timer))
        if time < self.next:
            self.next = time
        return timer

    def earliest(self) -> int | None:
        """Return when the next timer is due that is not cancelled; None where there is none."""
        while self._heap and self._heap[0][2].action is None:
            self._pop()
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: int) -> ScheduledTimer | None:
        """Return the next timer that is due at ``now`` and not cancelled, which waits here no longer; or None."""
        due = self.earliest()
        return None if due is None or due > now else self._pop()

    def run_due(self, now: int) -> bool:
        """Run everything up to and including ``now``; return whether anything ran.

        Raises:
            EngineError: an action schedules another one for the same time, and so on without end.
        """
        heap = self._heap
        ran = 0
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)[2]
            self.next = heap[0][0] if heap else NEVER
            action = timer.action
            if action is not None:
                timer.action = None
                action()
                ran += 1
                if ran > RUNAWAY:
                    raise runaway()
        return bool(ran)

    def clear(self) -> None:
        """Cancel everything."""
        for _, _, timer in self._heap:
            timer.cancel()
        self._heap.clear()
        self.next = NEVER

    def _pop(self) -> ScheduledTimer:
        timer = heapq.heappop(self._heap)[2]
        self.next = self._heap[0][0] if self._heap else NEVER
        return timer

    def _sweep(self) -> None:
        """Drop what was cancelled, but for the earliest timer, which :attr:`next` stands for."""
        heap = self._heap
        earliest = heap[0]
        heap[:] = [item for item in heap if item[2].action is not None or item is earliest]
        heapq.heapify(heap)
        self._room = max(_ROOM, 2 * len(heap))


NS: Final = 1
US: Final = 1_000
MS: Final = 1_000_000
S: Final = 1_000_000_000


def format_time(ns: int) -> str:
    """Return a time in the unit in which a person would say it."""
    for unit, name in ((S, "s"), (MS, "ms"), (US, "µs")):
        if abs(ns) >= unit:
            return f"{ns / unit:.3f} {name}"
    return f"{ns} ns"
