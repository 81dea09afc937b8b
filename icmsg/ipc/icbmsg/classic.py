"""ICBMsg of Zephyr 3.6 to 4.4: messages in blocks, announced by three bytes over an ICMsg instance.

A state machine without threads, sleeping or wall clock. Inputs are the calls of the application,
:meth:`IcbmsgInstance.mailbox_rang` and the clock; outputs are bus accesses, rings and callbacks.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError, WireError
from icmsg.ipc.backend import RING
from icmsg.ipc.icbmsg.classic_receiver import ClassicReceiver
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import EndpointConfig, LegacyState, Observer, State
    from icmsg.ipc.clock import Clock
    from icmsg.wire.packet_buffer import Payload

_READY = EndpointState.READY


class IcbmsgInstance(ClassicReceiver):
    """The ICBMsg backend of one core for one pair of regions, generations "3.6" and "4.1".

    ``bus`` and ``mailbox`` are that core's, ``clock`` queues its work. Call :meth:`mailbox_rang` whenever the RX
    channel signals. Raises :class:`~icmsg.errors.ConfigurationError` for a region that ``bus`` does not reach.
    """

    __slots__ = ()

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

    @property
    def state(self) -> LegacyState | State:
        """The state of the control channel."""
        return self._channel.state

    @property
    def observer(self) -> Observer | None:
        """The observer that is told everything that happens; a BOUND without endpoint is the control channel's."""
        return self._observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._observer = observer
        self._channel.observe(observer)

    def open(self) -> None:
        """Start to bond; returns at once.

        Raises :class:`IpcError` with EALREADY when it is open; other errors as ``IcmsgInstance.register_endpoint``.
        """
        state = self._channel.state
        if state.value:
            raise IpcError(
                f"{self._config.name} is open and {state.name}: close it first, or go on with register_endpoint",
                errno.EALREADY,
            )
        self._channel.open()

    def close(self) -> None:
        """Stop listening and forget all endpoints. Zephyr has no such thing: shared memory stays, nobody is told."""
        self.reset()

    def reset(self) -> None:
        """Be off as after a reset of this core: memory stays as it is and the peer is not told."""
        self._stop()
        self._drop_endpoints()

    def reopen(self) -> None:
        """Start over from any state with the endpoints there are; the peer must start over, too."""
        self._stop()
        for endpoint in self._endpoints:
            endpoint.state = EndpointState.CONFIGURED
            endpoint.owes_bound = False
            endpoint.address = None
            self._binding.registered(endpoint)
        self._channel.open()

    def register_endpoint(self, config: EndpointConfig) -> IcbmsgEndpoint:
        """Open the instance unless it is open, add an endpoint and start to bind it by its name; returns at once.

        The same ``config`` again, after it was deregistered, is the same endpoint with the same number. Two endpoints
        of one name are possible; the first that is free is bound. Raises :class:`IpcError`: EINVAL for a ``config``
        that is registered, or a name with a NUL; ENOMEM for more than ``num_ep``; and what :meth:`open` raises.
        """
        if "\0" in config.name:
            raise IpcError(
                f"{self._config.name}: the name {config.name!r} has a NUL, where names end: use another one",
                errno.EINVAL,
            )
        for endpoint in self._endpoints:
            if endpoint.config is config:
                self.register_again(endpoint)
                return endpoint
        index = len(self._endpoints)
        if index >= self._config.num_ep:
            raise IpcError(
                f'{self._config.name}: no place for endpoint "{config.name}": there are {index} already, deregistered '
                f"ones count; set CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP and num_ep higher",
                errno.ENOMEM,
            )
        if not self._channel.state.value:
            self.open()
        endpoint = IcbmsgEndpoint(self, config, index)
        self._endpoints.append(endpoint)
        self._binding.registered(endpoint)
        return endpoint

    def register_again(self, endpoint: IcbmsgEndpoint) -> None:
        """Register a deregistered endpoint again: it keeps its number, and ``bound`` is called anew.

        Raises :class:`IpcError` with EINVAL when it is registered, or was before a reset.
        """
        if endpoint.is_registered or endpoint not in self._endpoints:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is registered, or from before a reset: deregister '
                f"it first, or use register_endpoint",
                errno.EINVAL,
            )
        endpoint.is_registered = True
        endpoint.owes_bound = endpoint.state is _READY
        self._binding.submit()

    def deregister_endpoint(self, endpoint: IcbmsgEndpoint) -> None:
        """Take an endpoint away: nothing is sent, it keeps its number, and data for it is refused.

        Raises :class:`IpcError` with EINVAL when it is not registered.
        """
        if not endpoint.is_registered:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is not registered: register it first',
                errno.EINVAL,
            )
        endpoint.is_registered = False

    def send(self, endpoint: IcbmsgEndpoint, data: Payload) -> int:
        """Send one message; see :meth:`IcbmsgEndpoint.send`.

        As in Zephyr an initiator may send before the follower is bound, and the follower refuses that.
        """
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        size = len(data)
        if not endpoint.is_registered or endpoint.address is None:
            self._may_allocate(endpoint)
        pool = self._pool
        if size <= self._one_block and (free := pool.free_blocks):
            count = 1
            pool.free_blocks = free & free - 1
            block = (free & -free).bit_length() - 1
        else:
            block, count = self._reserve(size)
        self._tx.write(block, size, data)
        if self._owed or not self._context.connected:
            self._announce(endpoint, block, count, data)
            return size
        # The same, in fewer calls.
        write, ring = self._write_packet, self._ring_mailbox
        try:
            write(endpoint.packets[block])
        except WireError as error:
            self._give(block, count)
            raise self._channel.failure(error) from error
        self._in_flight[block] = count
        if self._observer is not None:
            self._sent(endpoint, data)
            self._observer(RING, self._tx_channel)
        ring(self._tx_channel)
        return size

    @property
    def waiting_names(self) -> dict[int, str]:
        """Names by number that the initiator sent, and no endpoint here has (follower)."""
        return self._binding.waiting_names

    @property
    def names_in_flight(self) -> dict[int, str]:
        """Names by the block where they lie, which the follower has not answered (initiator)."""
        return {block: endpoint.name for block, endpoint in self._names_sent.items()}

    def _may_allocate(self, endpoint: IcbmsgEndpoint) -> None:
        if not endpoint.is_registered:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is not registered: register it first',
                errno.ENOENT,
            )
        if endpoint.address is None:
            raise IpcError(
                f'{self._config.name}: the initiator has not named endpoint "{endpoint.name}" yet: wait for its bound '
                f"callback",
                errno.EBUSY,
            )

    def _reserve(self, size: int) -> tuple[int, int]:
        """Return the first block for a message and how many it has; IpcError when there is no room."""
        count = self._tx.layout.blocks_of(size)
        block = self._pool.take(count)
        if block is None:
            raise self._no_room(size)
        return block, count

    def _header(self, _endpoint: IcbmsgEndpoint, _block: int, size: int) -> int:
        return size

    def _announce(self, endpoint: IcbmsgEndpoint, block: int, count: int, data: bytes | None) -> None:
        self._send_packet(endpoint.packets[block], block, count)
        if self._observer is not None and data is not None:
            self._sent(endpoint, data)
        self._ring()

    def _collect(self) -> None:
        """Do nothing: the peer rings for every release."""

    def _stop(self) -> None:
        self._channel.reset()
        self._binding.reset()
        self._forget()
