"""Virtual time of the embedded engine: ticks, and queues of what happens at which tick.

A tick is the longest time of which every core's instruction and every timer clock is a whole multiple, so that
no conversion ever rounds. One instruction takes one clock cycle of its core.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from icmsg.ipc.clock import RUNAWAY, runaway

NEVER: Final = 1 << 62
"""A tick that is never reached."""

_ROOM: Final = 64
"""So many entries may wait before cancelled ones are looked for."""

Action = Callable[[], None]


class Entry:
    """Something scheduled; ``cancel`` takes it back, at any moment and any number of times."""

    __slots__ = ("action", "time")

    def __init__(self, time: int, action: Action) -> None:
        self.time = time
        self.action: Action | None = action

    def cancel(self) -> None:
        """Do not run it."""
        self.action = None


class Timeline:
    """Actions in the order of their ticks; first in, first out among equal ticks."""

    __slots__ = ("_heap", "_order", "_room", "next")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Entry]] = []
        self._order = 0
        self._room = _ROOM
        self.next = NEVER
        """The tick of the earliest entry (a cancelled one included), or NEVER."""

    def at(self, time: int, action: Action) -> Entry:
        """Run ``action`` at tick ``time``."""
        entry = Entry(time, action)
        self._order += 1
        if len(self._heap) >= self._room:
            self._sweep()
        heapq.heappush(self._heap, (time, self._order, entry))
        if time < self.next:
            self.next = time
        return entry

    def _sweep(self) -> None:
        """Drop what was cancelled, but for the earliest entry, which :attr:`next` stands for."""
        heap = self._heap
        earliest = heap[0]
        heap[:] = [item for item in heap if item[2].action is not None or item is earliest]
        heapq.heapify(heap)
        self._room = max(_ROOM, 2 * len(heap))

    def run_due(self, now: int) -> bool:
        """Run everything up to and including tick ``now``; return whether anything ran.

        Raises:
            EngineError: an action schedules another one for the same tick, and so on without end.
        """
        heap = self._heap
        ran = 0
        while heap and heap[0][0] <= now:
            entry = heapq.heappop(heap)[2]
            self.next = heap[0][0] if heap else NEVER
            action = entry.action
            if action is not None:
                entry.action = None
                action()
                ran += 1
                if ran > RUNAWAY:
                    raise runaway()
        return bool(ran)

    def clear(self) -> None:
        """Cancel everything."""
        for _, _, entry in self._heap:
            entry.cancel()
        self._heap.clear()
        self.next = NEVER
