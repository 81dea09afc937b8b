"""Buffers that are handed out: one to fill and send without a copy, one that was received and is held.

Waiters for blocks: served from the clock's queue as blocks come back, in order, each as soon as it fits.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError
from icmsg.ipc.clock import WorkItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc.clock import Clock, Timer
    from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
    from icmsg.wire.block_area import BlockArea
    from icmsg.wire.packet_buffer import Payload


class TxBuffer:
    """Blocks for one message of up to ``size`` bytes, from :meth:`IcbmsgEndpoint.get_tx_buffer`.

    Whoever has it fills it and gives it to :meth:`~IcbmsgEndpoint.send_nocopy` or
    :meth:`~IcbmsgEndpoint.drop_tx_buffer`, once.
    """

    __slots__ = ("_area", "block", "count", "endpoint", "epoch", "filled", "size")

    def __init__(
        self, endpoint: IcbmsgEndpoint, area: BlockArea, block: int, count: int, size: int, epoch: int
    ) -> None:
        self.endpoint = endpoint
        self.block = block
        self.count = count
        """Number of its blocks; 0 when it was sent or dropped."""
        self.size = size
        self.epoch = epoch
        self.filled = 0
        """Bytes up to the last one that was written."""
        self._area = area

    @property
    def address(self) -> int:
        """The address of its first byte."""
        return self._area.payload_address(self.block)

    def write(self, data: Payload, offset: int = 0) -> None:
        """Write ``data`` from byte ``offset`` on; IpcError with EINVAL outside, or when it was sent or dropped."""
        end = offset + memoryview(data).nbytes
        if not self.count:
            raise IpcError("the buffer was sent or dropped before: get another one", errno.EINVAL)
        if not 0 <= offset <= end <= self.size:
            raise IpcError(
                f"bytes {offset}…{end} are not in the buffer of {self.size} bytes: get a longer one",
                errno.EINVAL,
            )
        self._area.write_payload(self.block, data, offset)
        self.filled = max(self.filled, end)


class RxBuffer:
    """A received message that is held: its blocks stay as they are until it is released.

    From :meth:`IcbmsgEndpoint.hold_rx_buffer`.
    """

    __slots__ = ("_area", "block", "endpoint", "epoch", "held", "kept", "size")

    def __init__(
        self,
        endpoint: IcbmsgEndpoint,
        area: BlockArea,
        block: int,
        size: int,
        epoch: int,
        *,
        kept: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.block = block
        self.size = size
        self.epoch = epoch
        self.held = True
        self.kept = kept
        """False with the defect "held-overwritten": the peer has its blocks back already."""
        self._area = area

    @property
    def address(self) -> int:
        """The address of its first byte."""
        return self._area.payload_address(self.block)

    def read(self) -> bytes:
        """Return what lies there now: another message than the one received when the peer does not wait."""
        return self._area.read_payload(self.block, self.size)

    def release(self) -> None:
        """Give it back; see :meth:`IcbmsgEndpoint.release_rx_buffer`."""
        self.endpoint.release_rx_buffer(self)


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
