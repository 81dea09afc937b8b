"""Where the backend gets its time from, and where its work is queued.

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

import heapq
from collections import deque
from collections.abc import Callable
from typing import Protocol

from icmsg.errors import ConfigurationError, EngineError, VirtualTimeoutError

Callback = Callable[[], None]

MS = 1_000_000
"""Nanoseconds in a millisecond."""

RUNAWAY = 1_000_000
"""So many callbacks at one time are taken to be without end."""

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


def runaway() -> EngineError:
    """Return the error of an engine whose callbacks have no end."""
    return EngineError(
        f"{RUNAWAY} callbacks ran without virtual time passing; a handler calls itself without a delay"
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


class _Entry:
    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None

    def run(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()


class VirtualClock:
    """A clock that moves only when it is told to.

    A callback may raise: the error reaches the caller of :meth:`run_one`, :meth:`run_pending`,
    :meth:`advance` or :meth:`settle`; the callback counts as run, everything else stays queued, and the next
    call goes on with it.
    """

    __slots__ = ("_now", "_ready", "_sequence", "_timers", "call_soon")

    call_soon: Callable[[Callback], None]

    def __init__(self) -> None:
        self._now = 0
        self._sequence = 0
        self._ready: deque[Callback] = deque()
        self._timers: list[tuple[int, int, _Entry]] = []
        self.call_soon = self._ready.append

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self._now

    def call_later(self, delay_ns: int, callback: Callback) -> Timer:
        """Run ``callback`` in ``delay_ns`` nanoseconds; ConfigurationError as :func:`check_delay`."""
        check_delay(delay_ns)
        entry = _Entry(callback)
        if delay_ns:
            self._sequence += 1
            heapq.heappush(self._timers, (self._now + delay_ns, self._sequence, entry))
        else:
            self._ready.append(entry.run)
        return entry

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
        while timers and timers[0][0] <= end:
            time, _, entry = heapq.heappop(timers)
            if entry.callback is None:
                continue  # cancelled: time does not stop here
            self._now = time
            self._ready.append(entry.run)
            while timers and timers[0][0] == time:
                self._ready.append(heapq.heappop(timers)[2].run)
            self.run_pending()
        return not timers
