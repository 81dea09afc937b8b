"""What Python wants to do at which virtual time: the clock of the cores that it plays.

The emulation stands still only at synchronization points, in Renode one quantum apart. A callback runs at the first
one at or after its time, and that is the time it sees.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from icmsg.ipc.clock import RUNAWAY, check_delay, runaway

if TYPE_CHECKING:
    from collections.abc import Callable


class Entry:
    """A callback that is due later."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def is_cancelled(self) -> bool:
        """Whether it will not run (any more)."""
        return self._callback is None

    def cancel(self) -> None:
        """Forget the callback; does nothing when it ran already."""
        self._callback = None

    def run(self) -> None:
        """Run it, unless it was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Agenda:
    """Virtual time as :class:`icmsg.ipc.clock.Clock`; whoever runs the machine sets ``time_ns``."""

    def __init__(self) -> None:
        self.time_ns = 0
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[int, int, Entry]] = []
        self._sequence = 0
        self._ran = 0
        self._ran_at = -1

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self.time_ns

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call at the end of the current Python step, at the same virtual time, first in, first out."""
        self._ready.append(callback)

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> Entry:
        """Call at the first synchronization point at least ``delay_ns`` from now."""
        check_delay(delay_ns)
        return self.call_at(self.time_ns + delay_ns, callback)

    def call_at(self, time_ns: int, callback: Callable[[], None]) -> Entry:
        """Call at the first synchronization point at or after ``time_ns``."""
        entry = Entry(callback)
        self._sequence += 1
        heapq.heappush(self._timers, (time_ns, self._sequence, entry))
        return entry

    def next_ns(self) -> int | None:
        """Return when the next timer is due, or None."""
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def run_one(self) -> bool:
        """Run the next callback that is due now; False if there is none.

        Raises:
            EngineError: callbacks call each other without end, and no time passes.
        """
        if self._ready:
            callback = self._ready.popleft()
        else:
            due = self.next_ns()
            if due is None or due > self.time_ns:
                return False
            callback = heapq.heappop(self._timers)[2].run
        if self._ran_at != self.time_ns:
            self._ran, self._ran_at = 0, self.time_ns
        self._ran += 1
        if self._ran > RUNAWAY:
            raise runaway()
        callback()
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._timers.clear()
