"""ICBMsg after Zephyr 4.4, the rework: own queues instead of ICMsg, endpoints by hash, no roles.

A state machine without threads, sleeping or wall clock. Inputs are the calls of the application,
``mailbox_rang`` and the clock; outputs are bus accesses, rings and callbacks.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError
from icmsg.ipc.backend import DROPPED, RING, AtEndpoint
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint
from icmsg.ipc.icbmsg.packets import symptoms
from icmsg.ipc.icbmsg.rework_receiver import ReworkReceiver, ReworkState

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import EndpointConfig, Observer
    from icmsg.ipc.clock import Clock
    from icmsg.ipc.icbmsg.endpoint import TxBuffer, Waiter
    from icmsg.wire.packet_buffer import Payload

_READY = EndpointState.READY
_LONGEST = 0xFFFF
_POLL_NS = 100_000
"""Nanoseconds between two looks for somebody who waits: the peer does not ring when it gives blocks back."""


class IcbmsgReworkInstance(ReworkReceiver):
    """The ICBMsg backend of one core for one pair of regions, generation "rework".

    ``bus`` and ``mailbox`` are that core's, ``clock`` queues its work. Call :meth:`mailbox_rang` whenever the RX
    channel signals. Raises :class:`~icmsg.errors.ConfigurationError` for a region that ``bus`` does not reach.
    """

    __slots__ = (
        "_is_initialised",
        "_is_polling",
    )

    _expired_errno = errno.ENOMEM

    def __init__(
        self,
        bus: Bus,
        mailbox: Mailbox,
        clock: Clock,
        config: IcbmsgConfig,
        *,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(bus, mailbox, clock, config, observer)
        self._is_initialised = False
        self._is_polling = False

    @property
    def waiting_hashes(self) -> dict[int, int]:
        """Hashes of names by the peer's slot, for which no endpoint is registered here."""
        return self._table.waiting

    def symptoms(self) -> list[str]:
        """Return what is to be seen of the protocol's known defects right now, in words; changes nothing."""
        return symptoms(self)

    def init(self) -> None:
        """Do what Zephyr does when the device is initialised: write the counts of this side as 0."""
        self.queues.reset()
        self._is_initialised = True

    def open(self) -> None:
        """Tell the peer that this side is there, and listen; returns at once.

        Raises :class:`IpcError` with EALREADY when it is open; :class:`MailboxError` or :class:`BusError` when the
        hardware refuses, and the instance is IDLE then.
        """
        if self._state is not ReworkState.IDLE:
            raise IpcError(
                f"{self._config.name} is open and {self._state.name}: close it first, or go on with "
                f"register_endpoint",
                errno.EALREADY,
            )
        if not self._is_initialised:
            self.init()
        self._enter(ReworkState.CONNECTING)
        is_deaf = "deaf-start" in self._config.defects
        try:
            if not is_deaf:
                self._mailbox.enable(self._config.rx_channel)
            self._send_control(packets.bound_packet(self._config))
            if is_deaf:
                self._mailbox.enable(self._config.rx_channel)
        except BaseException:
            self.reset()
            raise
        if not is_deaf:
            self._look()

    def close(self) -> None:
        """Stop listening, and write the counts as 0; the peer is not told.

        Raises :class:`IpcError`: EBUSY while there are endpoints, or names of the peer that wait for one; EIO for a
        side without ``deinit``, which only a reset of the core stops.
        """
        self._needs_deinit("close")
        if self._table.count:
            raise IpcError(
                f"{self._config.name} has {self._table.count} endpoints, waiting names of the peer included: "
                f"deregister them first, on both sides",
                errno.EBUSY,
            )
        self.reset()
        self.queues.reset()

    def reset(self) -> None:
        """Be off as after a reset of this core: memory stays as it is and the peer is not told."""
        self._stop()
        self._drop_endpoints()

    def reopen(self) -> None:
        """Start over from any state with the endpoints there are; the peer must start over, too."""
        endpoints = self.endpoints
        self._stop()
        self._drop_endpoints()
        self.open()
        for endpoint in endpoints:
            self.register_again(endpoint)

    def register_endpoint(self, config: EndpointConfig) -> IcbmsgEndpoint:
        """Open the instance unless it is open, take a slot and tell the peer; returns at once.

        The endpoint is ready at once when the peer has sent the same name before. Raises :class:`IpcError`: ENOMEM for
        more than ``num_ep`` (names of the peer that wait for an endpoint count), or no block for the packet; EINVAL for
        a name that has an endpoint; and what :meth:`open` raises.
        """
        endpoint = IcbmsgEndpoint(self, config, 0)
        endpoint.is_registered = False
        self.register_again(endpoint)
        return endpoint

    def register_again(self, endpoint: IcbmsgEndpoint) -> None:
        """Register an endpoint that was deregistered, or that the peer has unbound; its slot may be another one.

        Raises :class:`IpcError` as :meth:`register_endpoint`.
        """
        if endpoint.is_registered:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is registered: deregister it first',
                errno.EINVAL,
            )
        if self._state is ReworkState.IDLE:
            self.open()
        if self._table.has_gone:
            self._collect()
            if not self._inbox and not self.queues.waiting:
                self._table.free(self._table.gone)
        hashed = packets.name_hash(endpoint.name)
        address = self._table.add(endpoint, hashed)
        try:
            self._send_control(packets.endpoint_bound(endpoint.index, hashed))
        except IpcError:
            self._table.undo(endpoint, hashed, address)
            raise
        endpoint.is_registered = True
        endpoint.owes_bound = False
        endpoint.address = address
        endpoint.state = EndpointState.CONFIGURED if address is None else _READY
        self._endpoints = self._table.endpoints
        if address is not None:
            endpoint.owes_bound = True
            self._to_tell.append(endpoint)
            self._tell_work.submit()

    def deregister_endpoint(self, endpoint: IcbmsgEndpoint) -> None:
        """Take an endpoint away and tell the peer, whose endpoint is unbound then.

        Raises :class:`IpcError`: ENOENT when it is not bound, EIO for a side without ``deinit``, ENOMEM when there is
        no block for the packet; it stays registered then.
        """
        self._needs_deinit("deregister an endpoint")
        if endpoint.state is not _READY or endpoint.address is None:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is not bound: only what is can be deregistered',
                errno.ENOENT,
            )
        self._remove(endpoint, self._send_control(packets.endpoint_unbound(endpoint.address)))

    def ring_again(self) -> None:
        """Ring once more: it does no harm, and reaches a peer that did not listen when it should have."""
        self._ring()

    def send(self, endpoint: IcbmsgEndpoint, data: Payload) -> int:
        """Send one message; see :meth:`IcbmsgEndpoint.send`."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        size = len(data)
        if endpoint.state is not _READY or size > _LONGEST:
            self._may_allocate(endpoint)
            self._check_length(size)
        block = self._pool.take(1) if 0 < size <= self._one_block else None
        count = 1
        if block is None:
            block, count = self._reserve(size)
        self._tx.write(block, size | block << 16 | (endpoint.address or 0) << 24, data)
        if not self.queues.produce(block, high=endpoint.config.prio != 0):
            self._announce(endpoint, block, count, data)
            return size
        # The same, in fewer calls.
        self._in_flight[block] = count
        if self._observer is not None:
            self._sent(endpoint, data)
            self._observer(RING, self._tx_channel)
        self._ring_mailbox(self._tx_channel)
        self._collect()
        return size

    def wait_tx_buffer(
        self,
        endpoint: IcbmsgEndpoint,
        size: int,
        ready: Callable[[TxBuffer], None],
        failed: Callable[[IpcError], None] | None,
        timeout_ns: int | None,
    ) -> Waiter:
        """Wait for a buffer; see :meth:`IcbmsgEndpoint.wait_tx_buffer`. As nobody rings for it, it is polled."""
        waiter = super().wait_tx_buffer(endpoint, size, ready, failed, timeout_ns)
        if not self._is_polling:
            self._is_polling = True
            self._clock.call_later(_POLL_NS, self._poll)
        return waiter

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes."""
        return min(_LONGEST, self._config.tx_layout.longest)

    def _poll(self) -> None:
        self._is_polling = bool(self._waiters)
        if self._is_polling:
            self._collect()
            self._clock.call_later(_POLL_NS, self._poll)

    def _reserve(self, size: int) -> tuple[int, int]:
        """Return the first block for a message and how many it has; IpcError when there is no room."""
        block, count = self._taken(size)
        needed = self._tx.layout.blocks_of(size)
        if needed < count:  # an empty message has asked for the longest run
            self._give(block + needed, count - needed)
        return block, needed

    def _send_control(self, packet: bytes) -> int:
        """Send a control packet and return its block; IpcError when there is no room."""
        block, count = self._reserve(len(packet))
        self._tx.write(block, len(packet) | block << 16 | packets.CONTROL << 24, packet)
        if not self.queues.produce(block, high=True):
            self._collect()
            if not self.queues.produce(block, high=True):
                self._give(block, count)
                raise self._no_slot()
        self._in_flight[block] = count
        self._ring()
        return block

    def _may_allocate(self, endpoint: IcbmsgEndpoint) -> None:
        if endpoint.state is not _READY:
            self._collect()
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is not bound: wait for its bound callback',
                errno.ENOENT,
            )

    def _check_length(self, size: int) -> None:
        if size > _LONGEST:
            raise IpcError(
                f"{self._config.name}: {size} bytes exceed the 16 bits of a block's header: split the message at "
                f"{self.get_tx_buffer_size()} bytes",
                errno.EMSGSIZE,
            )

    def _header(self, endpoint: IcbmsgEndpoint, block: int, size: int) -> int:
        return min(size, _LONGEST) | block << 16 | (endpoint.address or 0) << 24

    def _announce(self, endpoint: IcbmsgEndpoint, block: int, count: int, data: bytes | None) -> None:
        queues = self.queues
        high = endpoint.config.prio != 0
        if not queues.produce(block, high=high):
            self._collect()
            if not queues.produce(block, high=high):
                self._give(block, count)
                if "silent-loss" not in self._config.defects:
                    raise self._no_slot()
                if self._observer is not None and data is not None:
                    self._observer(DROPPED, AtEndpoint(endpoint.name, data))
                return
        self._in_flight[block] = count
        if self._observer is not None and data is not None:
            self._sent(endpoint, data)
        self._ring()
        self._collect()

    def _needs_deinit(self, what: str) -> None:
        if not self._config.deinit:
            raise IpcError(
                f"{self._config.name} cannot {what}: it is built without "
                f"CONFIG_IPC_SERVICE_BACKEND_ICBMSG_DEINIT; set deinit=True",
                errno.EIO,
            )

    def _no_slot(self) -> IpcError:
        return IpcError(
            f"{self._config.name}: all {self._config.slots} slots are in use: send again when the peer has released "
            f"some, or set CONFIG_IPC_SERVICE_BACKEND_ICBMSG_MAX_ACTIVE_COUNT and slots higher on both sides (Zephyr "
            f"drops the message and returns its length)",
            errno.ENOMEM,
        )

    def _stop(self) -> None:
        if self._mailbox.is_enabled(self._config.rx_channel):
            self._mailbox.disable(self._config.rx_channel)
        self._rx_work.cancel()
        self._tell_work.cancel()
        self._to_tell.clear()
        self._inbox.clear()
        self._table.clear()
        self._forget()
        self._is_initialised = False
        self._enter(ReworkState.IDLE)
