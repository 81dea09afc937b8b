"""Clock that gives the backend its time and queues its work, and a queue of messages that wait for room.

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

import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from icmsg.errors import ConfigurationError, IpcError, VirtualTimeoutError
from icmsg.timers import RUNAWAY, Timers
from icmsg.timers import ScheduledTimer as WaitingTimer

if TYPE_CHECKING:
    from icmsg.ipc.instance import Endpoint

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


class SendQueue:
    """Sends messages through ``endpoint`` in order, and waits on ``clock`` while the buffer is full.

    No signal is sent when the reader frees space (protocol §4.1), so whoever meets a full buffer has to look again
    after a while. The queue does that on the virtual clock and keeps the order::

        queue = SendQueue(endpoint, clock, poll_ns=50_000)
        for message in messages:
            queue.send(message)

    ``poll_ns`` is the time between two looks. A message that finds no room for ``timeout_ns`` (None = for
    ever) fails with ETIMEDOUT. A message that fails for any other reason than a full buffer (not bound, too
    long) fails at once. ``failed`` is told message and error, and the queue goes on with the next; without it
    the error is raised where the message failed: in :meth:`send`, or from the clock.
    """

    __slots__ = ("_clock", "_endpoint", "_failed", "_messages", "_poll_ns", "_since", "_timeout_ns", "_timer")

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        *,
        poll_ns: int = 100_000,
        timeout_ns: int | None = None,
        failed: Callable[[bytes, IpcError], None] | None = None,
    ) -> None:
        if poll_ns <= 0:
            raise ConfigurationError(
                f"poll_ns = {poll_ns} would never let time pass: use 1 or more nanoseconds"
            )
        self._endpoint = endpoint
        self._clock = clock
        self._poll_ns = poll_ns
        self._timeout_ns = timeout_ns
        self._failed = failed
        self._messages: deque[bytes] = deque()
        self._since = 0
        self._timer: Timer | None = None

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        """Send ``data`` now or queue it behind what waits; return whether it went out now."""
        self._messages.append(bytes(data))
        if self._timer is None:
            self._since = self._clock.now_ns()
            self._drain()
        return not self._messages

    def cancel(self) -> int:
        """Forget what waits; return how many messages that were."""
        count = len(self._messages)
        self._messages.clear()
        self._disarm()
        return count

    def _arm(self) -> None:
        self._timer = self._clock.call_later(self._poll_ns, self._poll)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _poll(self) -> None:
        self._timer = None
        self._drain()

    def _drain(self) -> None:
        """Send until empty or full; while full a timer runs."""
        while self._messages:
            data = self._messages[0]
            try:
                self._endpoint.send(data)
            except IpcError as error:
                waited = self._clock.now_ns() - self._since
                if error.errno != errno.ENOMEM or len(data) > self._endpoint.get_tx_buffer_size():
                    self._give_up(error)
                    continue
                if self._timeout_ns is None or waited < self._timeout_ns:
                    self._arm()
                    return
                self._give_up(
                    IpcError(
                        f"the peer made no room for {len(data)} bytes within {waited} ns: is its core running?",
                        errno.ETIMEDOUT,
                    )
                )
            else:
                self._messages.popleft()
                self._since = self._clock.now_ns()

    def _give_up(self, error: IpcError) -> None:
        """Drop the first message; the rest goes on even when whoever is told raises."""
        data = self._messages.popleft()
        self._since = self._clock.now_ns()
        if self._messages:
            self._arm()
        if self._failed is None:
            raise error
        self._failed(data, error)
        self._disarm()
