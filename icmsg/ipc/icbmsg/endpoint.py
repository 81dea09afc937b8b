"""One of several endpoints of an instance: what an application gets for each name, and the buffers that it is handed.

Names are Zephyr's: ``ipc_service_send``, ``ipc_service_get_tx_buffer``, ``ipc_service_hold_rx_buffer`` ….
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

from icmsg.errors import IpcError
from icmsg.ipc.clock import WorkItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc.backend import EndpointConfig
    from icmsg.ipc.clock import Clock, Timer
    from icmsg.ipc.icbmsg.blocks import BlockBackend
    from icmsg.wire.block_area import BlockArea
    from icmsg.wire.packet_buffer import Payload


class EndpointState(IntEnum):
    """States of an endpoint, as the classic generations call them."""

    UNCONFIGURED = 0
    """Not registered, or it never can be bound."""
    CONFIGURED = 1
    """Registered; nothing of the peer yet."""
    BOUNDING = 2
    """The initiator has told the peer the name (classic only)."""
    READY = 3
    """Both sides have it."""


class IcbmsgEndpoint:
    """A registered endpoint, made by :meth:`IcbmsgInstance.register_endpoint`."""

    __slots__ = (
        "_send",
        "address",
        "config",
        "index",
        "instance",
        "is_registered",
        "owes_bound",
        "packets",
        "state",
    )

    def __init__(self, instance: BlockBackend, config: EndpointConfig, index: int) -> None:
        self.instance = instance
        self._send = instance.send
        self.config = config
        self.index = index
        """The slot in this side's table."""
        self.address: int | None = None
        """The number that goes with a message to the peer; None as long as there is none."""
        self.packets: list[bytes] = []
        """The packet that announces a message, for each block where it may begin (classic)."""
        self.state = EndpointState.CONFIGURED
        self.is_registered = True
        self.owes_bound = False
        """True from a second registration until its ``bound`` was called."""

    @property
    def name(self) -> str:
        """The name by which the two sides find each other."""
        return self.config.name

    @property
    def encoded_name(self) -> bytes:
        """The name as it is on the wire, without NUL."""
        return self.config.name.encode("utf-8", "surrogateescape")

    @property
    def is_bound(self) -> bool:
        """True while both sides are ready, ``bound`` was called, and it is registered."""
        return self.state is EndpointState.READY and self.is_registered and not self.owes_bound

    def send(self, data: Payload) -> int:
        """Send one message and return its length in bytes.

        Raises :class:`IpcError`; nothing was sent then:
            ENOMEM no run of blocks is free now, or there never is; ENOENT deregistered (rework: or not bound);
            EBUSY the two sides have not bonded, or the endpoint has no number yet (classic);
            EMSGSIZE longer than the 16 bits of a header (rework).
        """
        return self._send(self, data)

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes."""
        return self.instance.get_tx_buffer_size()

    def get_tx_buffer(self, size: int = 0) -> TxBuffer:
        """Return a buffer for at least ``size`` bytes, without waiting.

        What it has is a whole number of blocks. Size 0 asks for much: classic, the first free block with all free ones
        behind it; rework, the longest run. Raises :class:`IpcError` as :meth:`send` does.
        """
        return self.instance.get_tx_buffer(self, size)

    def wait_tx_buffer(
        self,
        size: int,
        ready: Callable[[TxBuffer], None],
        *,
        failed: Callable[[IpcError], None] | None = None,
        timeout_ns: int | None = None,
    ) -> Waiter:
        """Call ``ready`` from the clock's queue with a buffer as soon as there is one.

        After ``timeout_ns`` (None = never) ``failed`` is called instead with EAGAIN (classic) or ENOMEM (rework);
        without it the error is raised from the clock. Raises :class:`IpcError` at
        once for what cannot become true by waiting.
        """
        return self.instance.wait_tx_buffer(self, size, ready, failed, timeout_ns)

    def send_nocopy(self, buffer: TxBuffer, size: int | None = None) -> int:
        """Send the first ``size`` bytes of ``buffer`` (None = all that were written) and return their number.

        Blocks that they do not take are free again. Raises :class:`IpcError` as :meth:`send` does, then the buffer is
        dropped; EINVAL for more bytes than it has (dropped as well), or a buffer that is not this endpoint's any more.
        """
        return self.instance.send_nocopy(self, buffer, size)

    def drop_tx_buffer(self, buffer: TxBuffer) -> None:
        """Give ``buffer`` back unsent; IpcError with EINVAL when it is not this endpoint's any more."""
        self.instance.drop_tx_buffer(self, buffer)

    def hold_rx_buffer(self) -> RxBuffer:
        """Keep the blocks of the message that is just being delivered, from inside ``received``.

        Raises :class:`IpcError` with EINVAL anywhere else.
        """
        return self.instance.hold_rx_buffer(self)

    def release_rx_buffer(self, buffer: RxBuffer, *, again: bool = False) -> None:
        """Give a held message back to the peer.

        Raises :class:`IpcError` with EINVAL when it was released before, unless ``again``: Zephyr does not ask, and the
        peer has to notice.
        """
        self.instance.release_rx_buffer(self, buffer, again=again)

    def deregister(self) -> None:
        """Take it away; see the instance's ``deregister_endpoint``."""
        self.instance.deregister_endpoint(self)

    def reopen(self) -> None:
        """Register it again with its callbacks, after :meth:`deregister` or ``unbound``."""
        self.instance.register_again(self)


class TxBuffer:
    """Blocks for one message of up to ``size`` bytes, to be sent without a copy: :meth:`IcbmsgEndpoint.get_tx_buffer`.

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
    """Waiters of one instance: served from the clock's queue as blocks come back, in order, each as soon as it fits.

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
