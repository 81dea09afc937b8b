"""The clock of machines in steps: what Python wants to do at which virtual time.

The emulation stands still only at synchronization points, in Renode one quantum apart. A callback runs at the first
one at or after its time, and that is the time it sees.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from icmsg.ipc.clock import check_delay
from icmsg.timers import RUNAWAY, Timers, runaway

if TYPE_CHECKING:
    from icmsg.timers import Action, ScheduledTimer


class StepClock:
    """Virtual time as :class:`icmsg.ipc.clock.Clock`; whoever runs the machine sets ``time_ns``."""

    def __init__(self) -> None:
        self.time_ns = 0
        self._ready: deque[Action] = deque()
        self._timers = Timers()
        self._ran = 0
        self._ran_at = -1

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self.time_ns

    def call_soon(self, callback: Action) -> None:
        """Call at the end of the current Python step, at the same virtual time, first in, first out."""
        self._ready.append(callback)

    def call_later(self, delay_ns: int, callback: Action) -> ScheduledTimer:
        """Call at the first synchronization point at least ``delay_ns`` from now."""
        check_delay(delay_ns)
        return self.call_at(self.time_ns + delay_ns, callback)

    def call_at(self, time_ns: int, callback: Action) -> ScheduledTimer:
        """Call at the first synchronization point at or after ``time_ns``."""
        return self._timers.at(time_ns, callback)

    def next_ns(self) -> int | None:
        """Return when the next timer is due, or None."""
        return self._timers.earliest()

    def run_one(self) -> bool:
        """Run the next callback that is due now; False if there is none.

        Raises:
            EngineError: callbacks call each other without end, and no time passes.
        """
        if self._ready:
            callback = self._ready.popleft()
        else:
            timer = self._timers.take_due(self.time_ns)
            if timer is None:
                return False
            callback = timer.run
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
