"""Clock that gives the backend its time, and queues its work.

A :class:`Clock` is one work queue on one virtual clock: what is submitted runs later, in the order of
submission, never inside the call that submits it. :class:`VirtualClock` is the one for tests and for use
without an engine; an engine brings its own.

>>> clock = VirtualClock()
>>> timer = clock.call_later(1_000_000, lambda: print("1 ms later"))
>>> clock.call_soon(lambda: print("soon"))
>>> clock.advance(1_000_000)
soon
1 ms later
>>> clock.now_ns()
1000000
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.timers import RUNAWAY, Timers
from icmsg.timers import ScheduledTimer as WaitingTimer

Callback = Callable[[], None]

MS = 1_000_000
"""Nanoseconds in a millisecond."""

LONGEST_NS = 100 * 365 * 86_400 * 1_000_000_000
"""The longest time that may be asked for: a century, in nanoseconds."""


def check_delay(delay_ns: float) -> None:
    """Refuse a delay that is negative, longer than :data:`LONGEST_NS`, or no number.

    Raises:
        ConfigurationError: the text says which.
    """
    if delay_ns < 0:
        raise ConfigurationError(f"delay of {delay_ns} ns lies in the past: use 0 or more")
    if not delay_ns <= LONGEST_NS:
        raise ConfigurationError(
            f"delay of {delay_ns} ns is no time to wait for: use at most {LONGEST_NS} ns"
        )


class Timer(Protocol):
    """A callback that is due later."""

    def cancel(self) -> None:
        """Forget the callback; does nothing when it ran already or was cancelled before."""


class Clock(Protocol):
    """Virtual time in nanoseconds and a queue of work."""

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""

    def call_soon(self, callback: Callback) -> None:
        """Run ``callback`` as soon as possible, behind everything that was queued before."""

    def call_later(self, delay_ns: int, callback: Callback) -> Timer:
        """Run ``callback`` in ``delay_ns`` nanoseconds; those of one time run in the order of these calls."""


class VirtualClock:
    """A clock that moves only when it is told to.

    A callback may raise: the error reaches the caller of :meth:`run_one`, :meth:`run_pending`,
    :meth:`advance` or :meth:`settle`; the callback counts as run, everything else stays queued, and the next
    call goes on with it.
    """

    __slots__ = ("_now", "_ready", "_timers", "call_soon")

    call_soon: Callable[[Callback], None]

    def __init__(self) -> None:
        self._now = 0
        self._ready: deque[Callback] = deque()
        self._timers = Timers()
        self.call_soon = self._ready.append

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self._now

    def call_later(self, delay_ns: int, callback: Callback) -> Timer:
        """Run ``callback`` in ``delay_ns`` nanoseconds; ConfigurationError as :func:`check_delay`."""
        check_delay(delay_ns)
        if delay_ns:
            return self._timers.at(self._now + delay_ns, callback)
        timer = WaitingTimer(self._now, callback)
        self._ready.append(timer.run)
        return timer

    def run_one(self) -> bool:
        """Run the next callback that is due now; False if there is none."""
        if not self._ready:
            return False
        self._ready.popleft()()
        return True

    def run_pending(self) -> int:
        """Run everything that is due now, also what that queues; return how many callbacks ran.

        Raises :class:`VirtualTimeoutError` when that does not end.
        """
        ready = self._ready
        count = 0
        while ready:
            if count == RUNAWAY:
                raise VirtualTimeoutError(
                    f"{count} callbacks ran without virtual time advancing: do two endpoints answer each "
                    f"other without end?"
                )
            ready.popleft()()
            count += 1
        return count

    def advance(self, ns: int) -> None:
        """Let ``ns`` nanoseconds pass and run everything that is due within them, the last one included."""
        end = self._now + ns
        if ns < 0:
            raise ConfigurationError(f"time cannot move by {ns} ns: use 0 or more")
        self._run_until(end)
        self._now = end

    def settle(self, limit_ns: int = 1_000 * MS) -> bool:
        """Run until nothing is left to do, for at most ``limit_ns``; return whether nothing is left.

        Time stops at the last timer that ran. An instance without a peer that rings until it is bound never
        settles.
        """
        return self._run_until(self._now + limit_ns)

    def _run_until(self, end: int) -> bool:
        """Run everything that is due up to ``end``; return whether no timer is left."""
        self.run_pending()
        timers = self._timers
        while (time := timers.earliest()) is not None and time <= end:
            self._now = time
            while (timer := timers.take_due(time)) is not None:
                self._ready.append(timer.run)
            self.run_pending()
        return timers.earliest() is None


class WorkItem:
    """Runs ``callback`` from the clock's queue.

    Submitting what is queued already changes nothing; while it runs it can be submitted anew
    (``k_work_submit``).
    """

    __slots__ = ("_call_soon", "_callback", "_cancelled", "_queued")

    def __init__(self, clock: Clock, callback: Callback) -> None:
        self._call_soon = clock.call_soon
        self._callback = callback
        self._queued = False
        self._cancelled = 0

    @property
    def is_queued(self) -> bool:
        """True from :meth:`submit` until it runs."""
        return self._queued

    def submit(self) -> None:
        """Queue the work unless it is queued."""
        if not self._queued:
            self._queued = True
            self._call_soon(self._run)

    def cancel(self) -> None:
        """Take the work out of the queue."""
        if self._queued:
            self._queued = False
            self._cancelled += 1

    def _run(self) -> None:
        # The queue keeps its order, so the cancelled entries come out before any that was queued later.
        if self._cancelled:
            self._cancelled -= 1
            return
        self._queued = False
        self._callback()
