"""Waiters for blocks: served from the clock's queue as blocks come back, in order, each as soon as it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import IpcError
from icmsg.ipc.clock import WorkItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc.clock import Clock, Timer
    from icmsg.ipc.icbmsg.buffers import TxBuffer
    from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint


class Waiter:
    """Somebody who waits for a buffer of ``size`` bytes at ``endpoint``."""

    __slots__ = ("_waiting", "endpoint", "failed", "ready", "size", "timer")

    def __init__(
        self,
        waiting: WaiterQueue,
        endpoint: IcbmsgEndpoint,
        size: int,
        ready: Callable[[TxBuffer], None],
        failed: Callable[[IpcError], None] | None,
    ) -> None:
        self._waiting = waiting
        self.endpoint = endpoint
        self.size = size
        self.ready = ready
        self.failed = failed
        self.timer: Timer | None = None

    def cancel(self) -> None:
        """Wait no longer; does nothing when it has a buffer, or failed."""
        self._waiting.remove(self)

    def fail(self, error: IpcError) -> None:
        """Wait no longer and tell so."""
        self._waiting.remove(self)
        if self.failed is None:
            raise error
        self.failed(error)


class WaiterQueue:
    """Waiters of one instance.

    ``reserve`` returns a buffer for a waiter, None when it must wait on, and raises IpcError when waiting is in vain.
    """

    __slots__ = ("_clock", "_reserve", "_work", "queue")

    def __init__(self, clock: Clock, reserve: Callable[[Waiter], TxBuffer | None]) -> None:
        self._clock = clock
        self._reserve = reserve
        self.queue: list[Waiter] = []
        """Everybody who waits."""
        self._work = WorkItem(clock, self._serve)

    def add(self, waiter: Waiter, timeout_ns: int | None, expired: Callable[[Waiter], None]) -> None:
        """Let ``waiter`` wait, and call ``expired`` with it after ``timeout_ns``."""
        if timeout_ns is not None:
            waiter.timer = self._clock.call_later(timeout_ns, lambda: expired(waiter))
        self.queue.append(waiter)
        self.wake()

    def remove(self, waiter: Waiter) -> None:
        """Forget ``waiter``, if it waits."""
        if waiter in self.queue:
            self.queue.remove(waiter)
        if waiter.timer is not None:
            waiter.timer.cancel()
            waiter.timer = None

    def wake(self) -> None:
        """Look soon whether somebody can be served."""
        if self.queue:
            self._work.submit()

    def clear(self) -> None:
        """Forget everybody."""
        for waiter in tuple(self.queue):
            self.remove(waiter)
        self._work.cancel()

    def _serve(self) -> None:
        for waiter in tuple(self.queue):
            if waiter not in self.queue:
                continue  # a callback of another one has cancelled it
            try:
                buffer = self._reserve(waiter)
            except IpcError as error:
                self.wake()
                waiter.fail(error)
                continue
            if buffer is None:
                continue
            self.remove(waiter)
            self.wake()  # if the callback raises, the next ones are served all the same
            waiter.ready(buffer)
