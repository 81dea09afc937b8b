"""ICBMsg of Zephyr 3.6 to 4.4: messages in blocks, announced by three bytes over an ICMsg instance.

A state machine without threads, sleeping or wall clock. Inputs are the calls of the application,
:meth:`IcbmsgInstance.mailbox_rang` and the clock; outputs are bus accesses, rings and callbacks.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError, WireError
from icmsg.ipc.icbmsg.binding import Binding
from icmsg.ipc.icbmsg.blocks import BlockBackend
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND, RELEASE_DATA, ControlChannel
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint
from icmsg.ipc.magic import MAGIC
from icmsg.wire.control_packets import LENGTH, packet_of

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.errors import IcmsgError
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Clock
    from icmsg.ipc.endpoint import EndpointConfig
    from icmsg.ipc.happened import Observer
    from icmsg.ipc.state import LegacyState, State
    from icmsg.wire.packet_buffer import Payload

_READY = EndpointState.READY


class IcbmsgInstance(BlockBackend):
    """The ICBMsg backend of one core for one pair of regions, generations "3.6" and "4.1".

    ``bus`` and ``mailbox`` are that core's, ``clock`` queues its work. Call :meth:`mailbox_rang` whenever the RX
    channel signals. Raises :class:`~icmsg.errors.ConfigurationError` for a region that ``bus`` does not reach.
    """

    def __init__(
        self,
        bus: Bus,
        mailbox: Mailbox,
        clock: Clock,
        config: IcbmsgConfig,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._channel = channel = ControlChannel(
            bus,
            mailbox,
            clock,
            config.control,
            handle=self._control,
            bonded=self._bonded,
            failed=self._channel_failed,
        )
        super().__init__(bus, clock, config, observer, best_fit=False, give_back=channel.give_back)
        self._binding = Binding(self, clock)
        self._by_number = self._binding.by_number
        self._names_sent = self._binding.names_sent
        self._num_ep = config.num_ep
        self.mailbox_rang = channel.signalled
        """Tell the instance that its RX channel signalled: it looks into the control channel from the work queue."""
        self._ring = channel.ring
        self._link = channel.link
        self._owed = channel.owed
        self._write_packet = channel.write_packet
        channel.observe(observer)

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

    @property
    def is_bonded(self) -> bool:
        """True while control messages flow: before that, registrations only wait."""
        return self._channel.is_bonded

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
        count = 1 if size <= self._one_block else self._tx.layout.blocks_of(size)
        block = self._pool.take(count)
        if block is None:
            raise self._no_room(size)
        self._tx.write(block, size, data)
        if self._observer is not None or self._owed or not self._link.connected:
            self._announce(endpoint, block, count, data)
            return size
        # The same, in fewer calls.
        try:
            self._write_packet(endpoint.packets[block])
        except WireError as error:
            self._give(block, count)
            raise self._channel.failure(error) from error
        self._in_flight[block] = count
        self._ring()
        return size

    def bound_message(self, endpoint: IcbmsgEndpoint) -> bool:
        """Send an endpoint's name to the follower; False when there is no room for it now.

        Raises :class:`IpcError` when there never is, or the control channel fails.
        """
        name = endpoint.encoded_name + b"\0"
        layout = self._tx.layout
        if len(name) > layout.longest:
            raise self._no_room(len(name))
        count = layout.blocks_of(len(name))
        block = self._pool.take(count)
        if block is None:
            return False
        self._tx.write(block, len(name), name)
        self._send_packet(packet_of(BOUND, endpoint.index, block), block, count)
        self._names_sent[block] = endpoint
        self._ring()
        return True

    def release_bound(self, address: int, block: int) -> None:
        """Tell the initiator that an endpoint is bound."""
        self._channel.give_back(block, packet_of(RELEASE_BOUND, address, block))

    @property
    def all_endpoints(self) -> list[IcbmsgEndpoint]:
        """The endpoints by their place in the table, deregistered ones included."""
        return self._endpoints

    @property
    def waiting_names(self) -> dict[int, str]:
        """Names by number that the initiator sent, and no endpoint here has (follower)."""
        return self._binding.waiting_names

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

    def _header(self, _endpoint: IcbmsgEndpoint, _block: int, size: int) -> int:
        return size

    def _announce(self, endpoint: IcbmsgEndpoint, block: int, count: int, data: bytes | None) -> None:
        self._send_packet(endpoint.packets[block], block, count)
        if self._observer is not None and data is not None:
            self._sent(endpoint, data)
        self._ring()

    def _send_packet(self, packet: bytes, block: int, count: int) -> None:
        """Send what gives ``count`` blocks to the peer; they are free again when it fails."""
        try:
            self._channel.write(packet)
        except IpcError:
            self._give(block, count)
            raise
        self._in_flight[block] = count

    def _give(self, block: int, count: int) -> None:
        super()._give(block, count)
        if self._binding.short_of_blocks:
            self._binding.blocks_came_back()

    def _collect(self) -> None:
        """Do nothing: the peer rings for every release."""

    def _bonded(self) -> None:
        self._binding.submit()

    def _channel_failed(self, error: IcmsgError) -> None:
        """Pass on what the control channel reports; the observer was told."""
        for endpoint in self.endpoints:
            if endpoint.config.error is not None:
                endpoint.config.error(error)

    def _control(self, message: int | bytes) -> None:
        """Handle one control message: what comes all the time here, the rest in :meth:`_seldom`."""
        if isinstance(message, int):
            kind = message & 0xFF
            if kind == DATA:
                endpoint = self._by_number.get(message >> 8 & 0xFF)
                if (
                    endpoint is not None
                    and endpoint.state is _READY
                    and endpoint.is_registered
                    and not endpoint.owes_bound
                ):
                    self._deliver(endpoint, message >> 16)
                    return
            elif kind == RELEASE_DATA and message >> 8 & 0xFF < self._num_ep:
                block = message >> 16
                count = self._in_flight.pop(block, None)
                if count is None or self._waiters or self._names_sent or self._binding.short_of_blocks:
                    self._released(block, count)
                else:
                    self._pool.give(block, count)
                return
            message = message.to_bytes(LENGTH, "little")
        self._seldom(message)

    def _seldom(self, message: bytes) -> None:
        """Handle what binds, what is wrong, and longer messages, which count by their first three bytes."""
        if len(message) < LENGTH:
            self.report(self._invalid(f"a control message of {len(message)} bytes, {LENGTH} are needed"))
            return
        if message == MAGIC:
            self.report(self._restarted())
            return
        kind, number, block = message[:LENGTH]
        if number >= self._num_ep:
            there = f"endpoint {number} in a control message of type {kind}, there are 0…{self._num_ep - 1}"
            self.refuse(self._invalid(there), block if kind in (DATA, BOUND) else None)
        elif len(message) > LENGTH and kind in (DATA, RELEASE_DATA):
            self._control(int.from_bytes(message[:LENGTH], "little"))
        elif kind == RELEASE_BOUND:
            self._released_bound(number, block)
        elif kind in (DATA, BOUND) and (data := self._read(block)) is not None:
            if kind == BOUND:
                self._binding.name_arrived(number, block, data)
            else:
                self._first_data(number, self._by_number.get(number), block)
        # Other types are for future versions of the protocol.

    def _first_data(self, number: int, endpoint: IcbmsgEndpoint | None, block: int) -> None:
        """Take what says to an initiator that the follower is bound, and refuse what is for nobody."""
        if endpoint is None or not endpoint.is_registered or endpoint.state is not EndpointState.BOUNDING:
            self.refuse(self._unknown(number, endpoint), block, endpoint)
            return
        epoch = self.epoch
        endpoint.state = _READY
        try:
            self.tell_bound(endpoint)
        finally:
            if epoch == self.epoch:
                self._deliver(endpoint, block)

    def _released(self, block: int, count: int | None) -> None:
        """Free the blocks of a message of ours; what is not with the peer cannot come back."""
        if count is None:
            nothing = f"{self._config.name}: the peer releases block {block}, where no message of ours begins"
            self.report(self._tx.damage(block) or IpcError(nothing, errno.EFAULT))
            return
        self._give(block, count)
        if (endpoint := self._names_sent.pop(block, None)) is not None:
            back = f'the name "{endpoint.name}" back: the peer refuses to bind it'
            self.report(self._invalid(back), endpoint)

    def _released_bound(self, number: int, block: int) -> None:
        endpoint = self._by_number.get(number)
        if endpoint is None or self._names_sent.get(block) is not endpoint:
            self.report(
                self._invalid(f"a release of block {block} for endpoint {number}, whose name is not there")
            )
            return
        del self._names_sent[block]
        self._released(block, self._in_flight.pop(block))
        if endpoint.state is _READY:
            return  # bound by data that came first
        endpoint.state = _READY
        if endpoint.is_registered:
            self.tell_bound(endpoint)
        else:
            endpoint.owes_bound = True

    def _unknown(self, number: int, endpoint: IcbmsgEndpoint | None) -> IpcError:
        if endpoint is None:
            why = "which nobody has bound"
        elif not endpoint.is_registered or endpoint.owes_bound:
            why = f'"{endpoint.name}", which is deregistered'
        else:
            why = f'"{endpoint.name}", which is {endpoint.state.name}'
        return self._invalid(f"data for endpoint {number}, {why}; does the peer send before it is bound?")

    def _restarted(self) -> IpcError:
        return self._invalid(
            "the magic again: the peer has started over alone; without sessions both sides must, reset this one, too"
        )

    def _invalid(self, what: str) -> IpcError:
        return IpcError(f"{self._config.name}: received {what}", errno.EINVAL)

    def _stop(self) -> None:
        self._channel.reset()
        self._binding.reset()
        self._forget()
