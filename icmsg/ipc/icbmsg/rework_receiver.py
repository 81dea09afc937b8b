"""Receiving side of the rework: what arrives in the queue, connects the two sides and binds endpoints.

Zephyr runs all of it in the mailbox interrupt; here it runs from the clock's queue, and callbacks with it.
"""

from __future__ import annotations

import errno
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING

from icmsg.errors import CorruptRegionError, IpcError
from icmsg.ipc.backend import RING, STATE
from icmsg.ipc.clock import WorkItem
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.blocks import BlockBackend
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint
from icmsg.ipc.icbmsg.packets import EndpointTable, unlike
from icmsg.wire.announcements import Queues

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Observer
    from icmsg.ipc.clock import Clock

_READY = EndpointState.READY


class ReworkState(IntEnum):
    """``enum state`` of Zephyr's rework."""

    IDLE = 0
    CONNECTING = 1
    CONNECTED = 2


_CONNECTED = ReworkState.CONNECTED


class ReworkReceiver(BlockBackend):
    """The part of an instance that the peer drives; :class:`IcbmsgReworkInstance` has the rest."""

    __slots__ = (
        "_by_slot",
        "_clock",
        "_inbox",
        "_mailbox",
        "_ring_mailbox",
        "_rx_work",
        "_state",
        "_table",
        "_tell_work",
        "_to_tell",
        "_tx_channel",
        "bus",
        "mailbox_rang",
        "queues",
    )

    def __init__(
        self, bus: Bus, mailbox: Mailbox, clock: Clock, config: IcbmsgConfig, observer: Observer | None
    ) -> None:
        queues = self.queues = Queues(bus, config, self.report)
        super().__init__(bus, clock, config, observer, best_fit=True, give_back=queues.consume)
        self.bus = bus
        self._mailbox = mailbox
        self._ring_mailbox = mailbox.ring
        self._tx_channel = config.tx_channel
        self._clock = clock
        self._state = ReworkState.IDLE
        self._table = EndpointTable(config)
        self._by_slot = self._table.by_slot
        self._inbox: deque[int] = deque()
        """Blocks of messages that were taken from the queue and not handled yet."""
        self._to_tell: list[IcbmsgEndpoint] = []
        """Endpoints that were bound inside a call of the application."""
        self._tell_work = WorkItem(clock, self.tell_bound_endpoints)
        self._rx_work = WorkItem(clock, self._receive)
        self.mailbox_rang = self._rx_work.submit
        """Tell the instance that its RX channel signalled: it looks into the queue from the work queue."""

    @property
    def state(self) -> ReworkState:
        """The state, with the name and number that it has in Zephyr."""
        return self._state

    @property
    def is_connected(self) -> bool:
        """True when the peer's bound packet was there, with block counts that fit."""
        return self._state is _CONNECTED

    @property
    def is_about_to_look(self) -> bool:
        """True when the peer has rung, and the queue was not looked at since."""
        return self._rx_work.is_queued

    def tell_bound_endpoints(self) -> None:
        """Call ``bound`` of the endpoints that were bound inside of their registration."""
        while self._to_tell:
            endpoint = self._to_tell.pop(0)
            if endpoint.owes_bound:
                if self._to_tell:
                    self._tell_work.submit()  # if this one raises
                self.tell_bound(endpoint)

    def _look(self) -> None:
        """Take what a peer that opened first has sent, for which its ring may be lost (pull request 117494).

        What an earlier run has left there is none of it: a peer that has opened before this side did cannot have
        consumed anything yet. Memory that nobody has initialised is no peer either.
        """
        queues = self.queues
        if queues.peer_has_consumed or not 0 < queues.waiting <= self._config.slots:
            return
        try:
            _, packet = self._rx.read_message(queues.first())
        except CorruptRegionError:
            return
        if packets.block_counts(packet) == (self._config.rx_blocks, self._config.tx_blocks):
            self._receive()

    def _receive(self) -> None:
        """Do the RX work: every message that is in the queue now."""
        if self._state is not _CONNECTED and not self._has_begun():
            return
        inbox = self._inbox
        gone = self._table.gone if self._table.has_gone else None
        inbox.extend(self.queues.take())
        epoch = self.epoch
        if self._waiters:
            self._collect()
        try:
            while inbox:
                self._handle(inbox.popleft())
        except BaseException:
            if inbox and epoch == self.epoch:
                self._rx_work.submit()  # a callback has raised: the others have their turn all the same
            raise
        if gone and epoch == self.epoch:
            self._table.free(gone)

    def _has_begun(self) -> bool:
        """Tell whether this side listens, and what waits may begin with the bound packet of a peer that is there.

        A ring that was latched before this side opened may be of an earlier run, and so is what lies in memory until
        the peer has started over, too: taken for new it would hide the peer's bound packet for good.
        """
        queues = self.queues
        if self._state is ReworkState.IDLE or not queues.waiting or queues.is_of_earlier_run:
            return False
        if queues.waiting > self._config.slots:
            return True  # which is told where it is taken
        block = queues.first()
        try:
            header, _ = self._rx.read_message(block)
        except CorruptRegionError as error:
            self.report(unlike(self, error))
            return False
        if header >> 24 != packets.CONTROL or header >> 16 & 0xFF != block:
            self.report(unlike(self, None))
            return False
        return True

    def _handle(self, block: int) -> None:
        try:
            header, data = self._rx.read_message(block)
        except CorruptRegionError as error:
            self._damaged(error, block)
            return
        number = header >> 24
        if self._state is not _CONNECTED and (number != packets.CONTROL or header >> 16 & 0xFF != block):
            self.report(unlike(self, None))
            return
        if header >> 16 & 0xFF != block:
            told = f"a message whose header says block {header >> 16 & 0xFF} in block {block}: it is damaged"
            self._damaged(self._invalid(told), block)
        elif self._held and self._is_overwritten(block, len(data)):
            return
        elif number == packets.CONTROL:
            self._control(block, data)
        else:
            endpoint = self._by_slot.get(number)
            if endpoint is None or endpoint.state is not _READY:
                self.refuse(self._unknown(number, endpoint), block, endpoint)
            elif endpoint.owes_bound:
                self._bound_before(endpoint, block, data)
            else:
                self._deliver(endpoint, block, data)

    def _bound_before(self, endpoint: IcbmsgEndpoint, block: int, data: bytes) -> None:
        """Deliver the first message behind ``bound``, whatever that does."""
        epoch = self.epoch
        try:
            self.tell_bound(endpoint)
        finally:
            if epoch == self.epoch:
                self._deliver(endpoint, block, data)

    def _control(self, block: int, packet: bytes) -> None:
        """Handle a control packet; its block goes back whatever it is."""
        epoch = self.epoch
        try:
            if self._state is not _CONNECTED:
                self._connect(packet)
            elif (found := packets.endpoint_packet(packet)) is None:
                again = " (a bound packet: it has opened again)" if packets.block_counts(packet) else ""
                self.report(self._invalid(f"a control packet of no known form{again}: {packet[:8].hex(' ')}"))
            elif found[0] == packets.ENDPOINT_BOUND:
                self._name_arrived(found[1], found[2])
            else:
                self._unbind(found[1])
        finally:
            if epoch == self.epoch:
                self._return(block)

    def _connect(self, packet: bytes) -> None:
        counts = packets.block_counts(packet)
        if counts is None:
            self.report(self._invalid(f"no bound packet as the first one, but {packet[:8].hex(' ')}"))
        elif counts != (self._config.rx_blocks, self._config.tx_blocks):
            self.report(unlike(self, None))
        else:
            self._enter(_CONNECTED)
            if self._config.rings_back and self.queues.unread == self.queues.sent.count:
                self._ring()  # the peer may not have listened yet when we rang

    def _name_arrived(self, slot: int, hashed: int) -> None:
        """Bind the endpoint of a name that the peer has, or let the name wait for one."""
        try:
            endpoint = self._table.name_arrived(slot, hashed)
        except IpcError as error:
            self.report(error)
            return
        if endpoint is not None:
            endpoint.address = slot
            endpoint.state = _READY
            self.tell_bound(endpoint)

    def _unbind(self, slot: int) -> None:
        if self._table.is_gone(slot):
            return  # both sides have deregistered it
        endpoint = self._by_slot.get(slot)
        if not self._config.deinit or endpoint is None or endpoint.state is not _READY:
            self.report(self._invalid(f"an unbound packet for slot {slot}, where no endpoint is bound"))
            return
        epoch = self.epoch
        try:
            if endpoint.owes_bound:
                self.tell_bound(endpoint)
        finally:
            if epoch == self.epoch and self._by_slot.get(slot) is endpoint:
                self._remove(endpoint)
                self.tell_unbound(endpoint)

    def _remove(self, endpoint: IcbmsgEndpoint, block: int | None = None) -> None:
        self._table.remove(endpoint, block)
        self._endpoints = self._table.endpoints
        endpoint.is_registered = endpoint.owes_bound = False
        endpoint.state = EndpointState.UNCONFIGURED
        endpoint.address = None

    def _ring(self) -> None:
        if self._observer is not None:
            self._observer(RING, self._tx_channel)
        self._ring_mailbox(self._tx_channel)

    def _collect(self) -> None:
        """Free what the peer has done with ("garbage collection")."""
        if self._state is not _CONNECTED:
            return  # nobody has initialised what would be read
        for block in self.queues.come_back():
            count = self._in_flight.pop(block, None)
            if count is None:
                self.report(self._invalid(f"block {block} back, where no message of ours begins that it has"))
            else:
                self._give(block, count)
                if self._table.has_gone:
                    self._table.came_back(block)

    def _unknown(self, number: int, endpoint: IcbmsgEndpoint | None) -> IpcError:
        where = "which nobody has" if endpoint is None else f'"{endpoint.name}", which is not bound'
        return self._invalid(f"data for endpoint {number}, {where}")

    def _invalid(self, what: str) -> IpcError:
        return IpcError(f"{self._config.name}: received {what}", errno.EINVAL)

    def _enter(self, state: ReworkState) -> None:
        self._state = state
        if self._observer is not None:
            self._observer(STATE, state)
