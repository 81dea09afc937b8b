"""Messages in blocks, as both protocols of ICBMsg have them: allocation, buffers without a copy, delivery, holding.

What announces a message to the peer and what tells it that its blocks are free again is the part of a subclass.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from icmsg.errors import IcmsgError, IpcError
from icmsg.ipc.backend import BOUND, ERROR, RECEIVED, SENT, UNBOUND, AtEndpoint, check_regions
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint, RxBuffer, TxBuffer, Waiter, WaiterQueue
from icmsg.wire.block_area import BlockArea, BlockPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.hw.bus import Bus
    from icmsg.ipc.backend import Observer
    from icmsg.ipc.clock import Clock
    from icmsg.wire.packet_buffer import Payload


class BlockBackend(ABC):
    """Endpoints and blocks of one instance; what is on the wire beside blocks is in the subclasses.

    ``give_back`` tells the peer that its message at a block is done with, and never fails.
    """

    __slots__ = (
        "_config",
        "_delivering",
        "_endpoints",
        "_held",
        "_in_flight",
        "_observer",
        "_one_block",
        "_pool",
        "_return",
        "_rx",
        "_tx",
        "_waiters",
        "_waiting",
        "epoch",
    )

    _expired_errno = errno.EAGAIN

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        config: IcbmsgConfig,
        observer: Observer | None,
        *,
        best_fit: bool,
        give_back: Callable[[int], None],
    ) -> None:
        check_regions(bus, config)
        self._config = config
        self._observer = observer
        self._tx = BlockArea(bus, config.tx_layout)
        self._rx = BlockArea(bus, config.rx_layout)
        self._pool = BlockPool(config.tx_blocks, best_fit=best_fit)
        self._one_block = config.tx_layout.block_size - 4
        self._in_flight: dict[int, int] = {}
        """The first block of each message that the peer has, and how many blocks."""
        self._held: dict[int, int] = {}
        """The same of messages of the peer that are held here."""
        self._delivering: tuple[IcbmsgEndpoint, int, bytes] | None = None
        """Endpoint, block and payload of the message whose ``received`` runs, unless it holds it."""
        self._waiting = WaiterQueue(clock, self._serve)
        self._waiters = self._waiting.queue
        self._endpoints: list[IcbmsgEndpoint] = []
        self._return = give_back
        self.epoch = 0
        """Counts resets: what was handed out before one is worth nothing behind it."""

    @property
    def config(self) -> IcbmsgConfig:
        """The configuration, never changed."""
        return self._config

    @property
    def observer(self) -> Observer | None:
        """The observer that is told everything that happens, see :data:`icmsg.ipc.backend.Observer`.

        What belongs to an endpoint comes as :class:`~icmsg.ipc.backend.AtEndpoint`.
        """
        return self._observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._observer = observer

    @property
    def endpoints(self) -> tuple[IcbmsgEndpoint, ...]:
        """The registered endpoints, in the order of their numbers."""
        return tuple(endpoint for endpoint in self._endpoints if endpoint.is_registered)

    @property
    def is_bound(self) -> bool:
        """True while there are endpoints and all of them are bound."""
        endpoints = self.endpoints
        return bool(endpoints) and all(endpoint.is_bound for endpoint in endpoints)

    @property
    def blocks_in_use(self) -> int:
        """Number of this side's blocks that are not free: filled here, or with the peer."""
        return self._pool.count - self._pool.free

    @property
    def in_flight(self) -> dict[int, int]:
        """The first block of each message that the peer has, and how many blocks it takes."""
        return dict(sorted(self._in_flight.items()))

    @property
    def blocks_held(self) -> int:
        """Number of messages of the peer that are held here."""
        return len(self._held)

    @abstractmethod
    def send(self, endpoint: IcbmsgEndpoint, data: Payload) -> int:
        """Send one message; see :meth:`IcbmsgEndpoint.send`."""

    @abstractmethod
    def deregister_endpoint(self, endpoint: IcbmsgEndpoint) -> None:
        """Take an endpoint away; see :meth:`IcbmsgEndpoint.deregister`."""

    @abstractmethod
    def register_again(self, endpoint: IcbmsgEndpoint) -> None:
        """Register an endpoint that was; see :meth:`IcbmsgEndpoint.reopen`."""

    @abstractmethod
    def _may_allocate(self, endpoint: IcbmsgEndpoint) -> None:
        """Raise IpcError unless ``endpoint`` may have blocks."""

    @abstractmethod
    def _header(self, endpoint: IcbmsgEndpoint, block: int, size: int) -> int:
        """Return the header of a message of ``size`` bytes at ``block``."""

    @abstractmethod
    def _announce(self, endpoint: IcbmsgEndpoint, block: int, count: int, data: bytes | None) -> None:
        """Tell the peer that a message lies at ``block``, and ring; the blocks are free when IpcError is raised.

        ``data`` is the message for an observer.
        """

    @abstractmethod
    def _collect(self) -> None:
        """Look which blocks came back, where the peer does not ring for that."""

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes."""
        return self._config.tx_layout.longest

    def get_tx_buffer(self, endpoint: IcbmsgEndpoint, size: int) -> TxBuffer:
        """Return a buffer; see :meth:`IcbmsgEndpoint.get_tx_buffer`."""
        self._may_allocate(endpoint)
        return self._buffer(endpoint, *self._taken(size))

    def _taken(self, size: int) -> tuple[int, int]:
        """Return the first block for ``size`` bytes and how many it has; IpcError when there is no room."""
        found = self._take(size)
        if found is None:
            self._collect()
            found = self._take(size)
        if found is None:
            raise self._no_room(size)
        return found

    def wait_tx_buffer(
        self,
        endpoint: IcbmsgEndpoint,
        size: int,
        ready: Callable[[TxBuffer], None],
        failed: Callable[[IpcError], None] | None,
        timeout_ns: int | None,
    ) -> Waiter:
        """Wait for a buffer; see :meth:`IcbmsgEndpoint.wait_tx_buffer`."""
        self._may_allocate(endpoint)
        if size > self._config.tx_layout.longest:
            raise self._no_room(size)
        waiter = Waiter(self._waiting, endpoint, size, ready, failed)
        self._waiting.add(waiter, timeout_ns, self._expired)
        return waiter

    def send_nocopy(self, endpoint: IcbmsgEndpoint, buffer: TxBuffer, size: int | None) -> int:
        """Send a buffer; see :meth:`IcbmsgEndpoint.send_nocopy`."""
        size = buffer.filled if size is None else size
        block, count = self._claim(endpoint, buffer)
        if not 0 <= size <= buffer.size:
            self._give(block, count)
            raise IpcError(
                f"{self._config.name}: {size} bytes are not in the buffer of {buffer.size}, which was dropped: "
                f"get a longer one",
                errno.EINVAL,
            )
        needed = self._config.tx_layout.blocks_of(size)
        if needed < count:
            self._give(block + needed, count - needed)
        try:
            self._may_allocate(endpoint)
        except IpcError:
            self._give(block, needed)
            raise
        self._tx.write_header(block, self._header(endpoint, block, size))
        data = None if self._observer is None else self._tx.read_payload(block, size)
        self._announce(endpoint, block, needed, data)
        return size

    def drop_tx_buffer(self, endpoint: IcbmsgEndpoint, buffer: TxBuffer) -> None:
        """Give a buffer back; see :meth:`IcbmsgEndpoint.drop_tx_buffer`."""
        self._give(*self._claim(endpoint, buffer))

    def hold_rx_buffer(self, endpoint: IcbmsgEndpoint) -> RxBuffer:
        """Hold the message that is being delivered; see :meth:`IcbmsgEndpoint.hold_rx_buffer`."""
        delivering = self._delivering
        if delivering is None or delivering[0] is not endpoint:
            raise IpcError(
                f'{self._config.name}: no message of endpoint "{endpoint.name}" is being delivered: hold it from '
                f"inside its received callback, once",
                errno.EINVAL,
            )
        _, block, data = delivering
        if "held-overwritten" in self._config.defects:
            return RxBuffer(endpoint, self._rx, block, len(data), self.epoch, kept=False)
        self._delivering = None
        self._held[block] = self._config.rx_layout.blocks_of(len(data))
        return RxBuffer(endpoint, self._rx, block, len(data), self.epoch)

    def release_rx_buffer(self, endpoint: IcbmsgEndpoint, buffer: RxBuffer, *, again: bool) -> None:
        """Give a held message back; see :meth:`IcbmsgEndpoint.release_rx_buffer`."""
        if buffer.endpoint is not endpoint or not (buffer.held or again) or buffer.epoch != self.epoch:
            raise IpcError(
                f'{self._config.name}: the buffer is not held by endpoint "{endpoint.name}" any more: release it '
                f"once, before the instance is reset",
                errno.EINVAL,
            )
        if buffer.held:
            buffer.held = False
            if not buffer.kept:
                return  # it went back when it was delivered
            del self._held[buffer.block]
        self._return(buffer.block)

    def _serve(self, waiter: Waiter) -> TxBuffer | None:
        self._may_allocate(waiter.endpoint)
        found = self._take(waiter.size)
        return None if found is None else self._buffer(waiter.endpoint, *found)

    def _expired(self, waiter: Waiter) -> None:
        """Look a last time for one who has waited long enough."""
        self._collect()
        try:
            buffer = self._serve(waiter)
        except IpcError as error:
            waiter.fail(error)
            return
        if buffer is None:
            expired = IpcError(
                f"{self._config.name}: no {waiter.size} bytes became free in time: does the peer release what it "
                f"receives?",
                self._expired_errno,
            )
            waiter.fail(expired)
            return
        waiter.cancel()
        waiter.ready(buffer)

    def _take(self, size: int) -> tuple[int, int] | None:
        """Return the first block for a message and how many it has, None when there is no room now."""
        if not size:
            return self._pool.take_most()
        count = self._config.tx_layout.blocks_of(size)
        block = self._pool.take(count)
        return None if block is None else (block, count)

    def _buffer(self, endpoint: IcbmsgEndpoint, block: int, count: int) -> TxBuffer:
        """Make the buffer of reserved blocks; its header says all of them, as long as it is not sent."""
        size = count * self._config.tx_layout.block_size - 4
        self._tx.write_header(block, self._header(endpoint, block, size))
        return TxBuffer(endpoint, self._tx, block, count, size, self.epoch)

    def _claim(self, endpoint: IcbmsgEndpoint, buffer: TxBuffer) -> tuple[int, int]:
        """Take the blocks out of a buffer, which is worth nothing from now on."""
        if buffer.endpoint is not endpoint or not buffer.count or buffer.epoch != self.epoch:
            raise IpcError(
                f'{self._config.name}: the buffer is not one of endpoint "{endpoint.name}" any more: send or drop '
                f"it once, where it was got, before the instance is reset",
                errno.EINVAL,
            )
        count, buffer.count = buffer.count, 0
        return buffer.block, count

    def _give(self, block: int, count: int) -> None:
        """Free blocks, and let those who wait for some look."""
        self._pool.give(block, count)
        if self._waiters:
            self._waiting.wake()

    def _no_room(self, size: int) -> IpcError:
        layout = self._config.tx_layout
        if size > layout.longest:
            fix = f"the {layout.block_count} blocks never take more than {layout.longest}: split the message"
        else:
            fix = (
                f"{self._pool.free} of {layout.block_count} blocks are free and {layout.blocks_of(size or 1)} in a row "
                f"are needed: send again when the peer has released some"
            )
        return IpcError(f"{self._config.name}: no room for {size} bytes: {fix}", errno.ENOMEM)

    def _deliver(self, endpoint: IcbmsgEndpoint, block: int, data: bytes) -> None:
        """Hand a message to its endpoint, and its blocks back to the peer unless the endpoint holds them."""
        epoch = self.epoch
        outer = self._delivering
        self._delivering = delivering = endpoint, block, data
        received, give_back = endpoint.config.received, self._return
        try:
            if self._observer is not None:
                self._observer(RECEIVED, AtEndpoint(endpoint.config.name, data))
            if received is not None:
                received(data)
        finally:
            if self._delivering is delivering:
                self._delivering = outer
                give_back(block)
            elif epoch == self.epoch:  # held, and not the end of everything
                self._delivering = outer

    def _is_overwritten(self, block: int, size: int) -> bool:
        """Report a message that lies in blocks which are held here."""
        end = block + self._config.rx_layout.blocks_of(size)
        for start, count in self._held.items():
            if block < start + count and start < end:
                overwritten = IpcError(
                    f"{self._config.name}: the peer sent a message in block {block}, which is held here and was not "
                    f"released: what lay there is overwritten",
                    errno.EINVAL,
                )
                self.report(overwritten)
                return True
        return False

    def refuse(self, error: IcmsgError, block: int | None, endpoint: IcbmsgEndpoint | None = None) -> None:
        """Report a message that is not taken; its blocks go back, or are lost to the peer as in Zephyr."""
        if block is not None and block < self._rx.count and self._config.refused == "release":
            self._return(block)
        self.report(error, endpoint)

    def _damaged(self, error: IcmsgError, block: int | None) -> None:
        """Refuse a message whose size or endpoint cannot be; what is held in its place is not released."""
        self.refuse(error, None if block in self._held else block)

    def report(self, error: IcmsgError, endpoint: IcbmsgEndpoint | None = None) -> None:
        """Tell the observer what the peer did wrong, and the endpoint; all of them where it concerns no single one."""
        if self._observer is not None:
            self._observer(ERROR, error if endpoint is None else AtEndpoint(endpoint.config.name, error))
        for each in self.endpoints if endpoint is None else (endpoint,):
            if each.config.error is not None:
                each.config.error(error)

    def tell_bound(self, endpoint: IcbmsgEndpoint) -> None:
        """Tell an endpoint that both sides have it."""
        endpoint.owes_bound = False
        if self._observer is not None:
            self._observer(BOUND, AtEndpoint(endpoint.config.name, None))
        if endpoint.config.bound is not None:
            endpoint.config.bound()

    def tell_unbound(self, endpoint: IcbmsgEndpoint) -> None:
        """Tell an endpoint that the peer took its own away."""
        if self._observer is not None:
            self._observer(UNBOUND, AtEndpoint(endpoint.config.name, None))
        if endpoint.config.unbound is not None:
            endpoint.config.unbound()

    def _sent(self, endpoint: IcbmsgEndpoint, data: bytes) -> None:
        """Tell the observer of a message."""
        assert self._observer is not None
        self._observer(SENT, AtEndpoint(endpoint.config.name, data))

    def _forget(self) -> None:
        """Forget all blocks and buffers: what was handed out is worth nothing any more."""
        self.epoch += 1
        self._pool.clear()
        self._in_flight.clear()
        self._held.clear()
        self._delivering = None
        self._waiting.clear()

    def _drop_endpoints(self) -> None:
        for endpoint in self._endpoints:
            endpoint.is_registered = False
            endpoint.state = EndpointState.UNCONFIGURED
        self._endpoints.clear()
