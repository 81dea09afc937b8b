"""Control messages of the classic generations: what each of them does, and those that bind endpoints."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import CorruptRegionError, IpcError
from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.icbmsg.blocks import BlockBackend
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND, RELEASE_DATA, Binding, ControlChannel
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint
from icmsg.wire.announcements import LENGTH, packet_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.errors import IcmsgError
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Observer
    from icmsg.ipc.clock import Clock

_READY = EndpointState.READY


class ClassicReceiver(BlockBackend):
    """The part of an instance that the peer drives; :class:`IcbmsgInstance` has the rest."""

    __slots__ = (
        "_binding",
        "_by_number",
        "_channel",
        "_context",
        "_names_sent",
        "_num_ep",
        "_owed",
        "_ring",
        "_ring_mailbox",
        "_tx_channel",
        "_write_packet",
        "mailbox_rang",
    )

    def __init__(
        self, bus: Bus, mailbox: Mailbox, clock: Clock, config: IcbmsgConfig, observer: Observer | None
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
        self._ring_mailbox = channel.ring_mailbox
        self._tx_channel = config.tx_channel
        self._context = channel.context
        self._owed = channel.owed
        self._write_packet = channel.write_packet
        channel.observe(observer)

    @property
    def is_bonded(self) -> bool:
        """True while control messages flow: before that, registrations only wait."""
        return self._channel.is_bonded

    @property
    def all_endpoints(self) -> list[IcbmsgEndpoint]:
        """The endpoints by their place in the table, deregistered ones included."""
        return self._endpoints

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

    def _bonded(self) -> None:
        self._binding.submit()

    def _channel_failed(self, error: IcmsgError) -> None:
        """Pass on what the control channel reports; the observer was told."""
        for endpoint in self.endpoints:
            if endpoint.config.error is not None:
                endpoint.config.error(error)

    def _control(self, messages: Iterator[int | bytes]) -> None:
        """Handle control messages: what comes all the time here, the rest in :meth:`_seldom`."""
        for message in messages:
            if type(message) is not int:
                self._seldom(message)  # type: ignore[arg-type]  # narrowing by type() is one way only
                continue
            if not message & 0xFF:  # DATA
                endpoint = self._by_number.get(message >> 8 & 0xFF)
                if (
                    endpoint is not None
                    and endpoint.state is _READY
                    and endpoint.is_registered
                    and not endpoint.owes_bound
                ):
                    block = message >> 16
                    try:
                        data = self._rx.read(block)
                    except CorruptRegionError as error:
                        self._damaged(error, block)
                        continue
                    if not self._held or not self._is_overwritten(block, len(data)):
                        self._deliver(endpoint, block, data)
                    continue
            elif message & 0xFFFF == RELEASE_DATA:  # the endpoint is 0; any other one is looked at below
                block = message >> 16
                count = self._in_flight.pop(block, None)
                if count != 1 or self._waiters or self._names_sent or self._binding.short_of_blocks:
                    self._released(block, count)
                else:
                    self._pool.free_blocks |= 1 << block
                continue
            self._seldom(message.to_bytes(LENGTH, "little"))

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
            self._damaged(self._invalid(there), block if kind in (DATA, BOUND) else None)
        elif len(message) > LENGTH and kind == DATA:
            self._control(iter((int.from_bytes(message[:LENGTH], "little"),)))
        elif kind == RELEASE_DATA:
            self._released(block, self._in_flight.pop(block, None))
        elif kind == RELEASE_BOUND:
            self._released_bound(number, block)
        elif kind in (DATA, BOUND):
            self._take_block(kind, number, block)
        # Other types are for future versions of the protocol.

    def _take_block(self, kind: int, number: int, block: int) -> None:
        """Take a name, or data for an endpoint that is not bound."""
        try:
            data = self._rx.read(block)
        except CorruptRegionError as error:
            self._damaged(error, block)
            return
        if self._is_overwritten(block, len(data)):
            return
        if kind == BOUND:
            self._binding.name_arrived(number, block, data)
        else:
            self._first_data(number, self._by_number.get(number), block, data)

    def _first_data(self, number: int, endpoint: IcbmsgEndpoint | None, block: int, data: bytes) -> None:
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
                self._deliver(endpoint, block, data)

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
