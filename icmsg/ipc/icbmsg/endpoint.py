"""One of several endpoints of an instance: what an application gets for each name that it registers.

Names are Zephyr's: ``ipc_service_send``, ``ipc_service_get_tx_buffer``, ``ipc_service_hold_rx_buffer`` ….
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.errors import IpcError
    from icmsg.ipc.context import EndpointConfig
    from icmsg.ipc.icbmsg.blocks import BlockBackend
    from icmsg.ipc.icbmsg.buffers import RxBuffer, TxBuffer, Waiter
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
