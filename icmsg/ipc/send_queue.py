"""Sending when the peer is slower: a queue in front of an endpoint.

No signal is sent when the reader frees space (protocol §4.1), so whoever meets a full buffer has to look
again after a while. The queue does that on the virtual clock and keeps the order::

    queue = SendQueue(endpoint, clock, poll_ns=50_000)
    for message in messages:
        queue.send(message)
"""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError, IpcError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc.clock import Clock, Timer
    from icmsg.ipc.context import Endpoint


class SendQueue:
    """Sends messages through ``endpoint`` in order, and waits on ``clock`` while the buffer is full.

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
