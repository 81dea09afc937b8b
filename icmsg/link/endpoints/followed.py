"""Messages of several endpoints between two cores, whoever plays them: seen in memory, and told as events.

The control channel of the classic generations, and all of icmsg_me, is a link that :mod:`icmsg.link.link`
follows. As there, a doorbell of either core is the moment at which memory is looked at, and whoever runs the machine
looks after every slice of a core, too. A block is read when its message is seen: before the receiver can have given it
back, as long as somebody looks after every slice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import CorruptRegionError, IcmsgError
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.link import Link, follow_link
from icmsg.link.played_instance import played_backends
from icmsg.machine.events import EndpointMessage, Event, EventKind, Packets, RegionChanged, TxRegion
from icmsg.wire.announcements import HEADER, HIGH, MASK, SlotQueueView
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine

_CONTROL_LENGTH: Final = 3


class FollowedEndpoints:
    """Endpoints of the link of ``first`` and ``second``, followed until everybody who has asked calls :meth:`stop`.

    Make one with :func:`follow_endpoints`.
    """

    def __init__(self, machine: Machine, first: Core, second: Core) -> None:
        self.asked_by = 0
        """Number of those who have asked and not called :meth:`stop`."""
        self.bound_ns: Final[dict[str, int]] = {}
        """Virtual time since when both sides have an endpoint, by its name."""
        self.problems: Final[list[IcmsgError]] = []
        """Contents of memory that make no sense, as a reader would say it."""
        self._events: Final = machine.events
        self._cores: Final = {core.index: core for core in (first, second)}
        self._other: Final = {first.index: second, second.index: first}
        self._removers = [machine.events.add_sink(self._on_reset, (EventKind.CORE_RESET,))]

    def look(self) -> None:
        """Look for what no doorbell has announced yet."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask no longer."""
        self.asked_by -= 1
        if not self.asked_by:
            self._end()

    def add_names(self, names: Iterable[str]) -> None:
        """Know further names; where the wire has them nobody has to."""

    def learn(self, core: str, backend: SeveralEndpoints) -> None:
        """Know the endpoints that ``core``, which Python plays, has bound before anybody followed."""
        raise NotImplementedError

    def _end(self) -> None:
        for remove in self._removers:
            remove()

    def _on_reset(self, event: Event) -> None:
        if event.core in self._cores:
            self._forget(event.core)

    def _forget(self, core: int) -> None:
        """A core was reset, or has opened its side anew: nothing is bound any more."""
        raise NotImplementedError

    def _bound(self, name: str, time_ns: int) -> None:
        self.bound_ns.setdefault(name, time_ns)

    def _tell(
        self,
        time_ns: int,
        region: TxRegion,
        writer: int,
        endpoint: str,
        data: bytes,
        block: int | None = None,
    ) -> None:
        news = EndpointMessage(region, endpoint, data, block)
        self._events.tell(Event(time_ns, EventKind.ENDPOINT_MESSAGE, writer, len(data), block or 0, news))


class _OverPackets(FollowedEndpoints):
    """Endpoints over an ICMsg instance, whose packets are followed."""

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        configs: Sequence[SeveralConfig],
        *,
        fresh: bool,
    ) -> None:
        super().__init__(machine, first, second)
        control, peer = (config.control for config in configs)
        self._link = follow_link(machine, Link.of(first.name, second.name, control, peer))
        self._names: dict[int, str] = {}
        """Names by the number that stands for them on the wire."""
        for followed in self._link.regions.values() if fresh else ():
            followed.ignore_what_is_there()
        self._removers += [
            machine.events.add_sink(self._on_packets, (EventKind.PACKETS,)),
            machine.events.add_sink(self._on_change, (EventKind.REGION,)),
        ]

    def look(self) -> None:
        self._link.look()

    def _end(self) -> None:
        super()._end()
        self._link.stop()

    def _forget(self, core: int) -> None:  # noqa: ARG002 - numbers come from one side, and hold for both
        self._names.clear()
        self.bound_ns.clear()

    def _is_ours(self, event: Event, region: TxRegion) -> bool:
        followed = self._link.regions.get(event.core)
        return followed is not None and followed.region is region

    def _on_packets(self, event: Event) -> None:
        news = event.news
        if not isinstance(news, Packets) or not self._is_ours(event, news.region):
            return
        for payload in news.payloads[1:] if news.opens else news.payloads:
            self._take(event, news.region, payload)

    def _on_change(self, event: Event) -> None:
        news = event.news
        if isinstance(news, RegionChanged) and self._is_ours(event, news.region) and news.error is not None:
            self.problems.append(news.error)

    def _take(self, event: Event, region: TxRegion, packet: bytes) -> None:
        raise NotImplementedError

    def learn(self, core: str, backend: SeveralEndpoints) -> None:  # noqa: ARG002 - numbers hold for both sides
        for endpoint in backend.endpoints:
            number = getattr(endpoint, "address", None) or getattr(endpoint, "number", None)
            if endpoint.is_bound:
                self._names[number or 0] = endpoint.name
                self._bound(endpoint.name, 0)

    def _name(self, number: int) -> str:
        return self._names.get(number, f"number {number}")


class _Classic(_OverPackets):
    """ICBMsg of Zephyr 3.6 to 4.4: what a control message announces is read where it lies."""

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        configs: Sequence[IcbmsgConfig],
        *,
        fresh: bool,
    ) -> None:
        super().__init__(machine, first, second, configs, fresh=fresh)
        sides = dict(zip((first, second), configs, strict=True))
        self._areas = {core.index: BlockArea(core.bus, config.tx_layout) for core, config in sides.items()}
        self._initiator = next(core.index for core, config in sides.items() if config.is_initiator)

    def _take(self, event: Event, region: TxRegion, packet: bytes) -> None:
        if len(packet) < _CONTROL_LENGTH:
            return  # its reader refuses it
        kind, number, block = packet[:_CONTROL_LENGTH]
        from_initiator = event.core == self._initiator
        try:
            if kind == BOUND and from_initiator:
                text = self._areas[event.core].read(block)
                self._names[number] = text.rstrip(b"\0").decode(errors="surrogateescape")
            elif kind == RELEASE_BOUND and not from_initiator:
                self._bound(self._name(number), event.time_ns)
            elif kind == DATA:
                data = self._areas[event.core].read(block)
                if not from_initiator:
                    self._bound(self._name(number), event.time_ns)
                self._tell(event.time_ns, region, event.core, self._name(number), data, block)
        except CorruptRegionError as error:
            self.problems.append(error)


class _Me(_OverPackets):
    """icmsg_me: a byte in front of every packet, 0 for those that bind."""

    def _take(self, event: Event, region: TxRegion, packet: bytes) -> None:
        if packet[:1] != b"\0":
            self._tell(event.time_ns, region, event.core, self._name(packet[0]), packet[1:])
        elif len(packet) > 2:
            self._names[packet[1]] = packet[2:].decode(errors="surrogateescape")
        elif len(packet) == 2:
            self._bound(self._name(packet[1]), event.time_ns)


class _Queue:
    """The queue in which ``core`` announces its messages.

    What lies there before the core has initialised it says nothing after each of its resets, and now where the core is
    ``fresh``: until something has changed, or the core has rung.
    """

    def __init__(self, core: Core, config: IcbmsgConfig, reader: Core, *, fresh: bool) -> None:
        layout = config.tx_layout
        address = layout.address + layout.begin
        self.region: Final = TxRegion(config.name, core.name, reader.name, config.tx_region.address)
        self.area: Final = BlockArea(core.bus, layout)
        self.channel: Final = config.tx_channel
        self.slots: dict[int, str] = {}
        """Endpoints by the slots in which the core has them: what the other one sends to."""
        self._depth = config.slots
        self._view = SlotQueueView(core.bus, address, config.slots)
        self._read = partial(core.bus.read_block, address, HEADER + config.slots)
        self._seen = 0 if fresh else self._view.new(0)
        self._before: bytes | None = None
        if fresh:
            self.forget()

    def forget(self) -> None:
        """Wait for the core to initialise the queue."""
        self.slots.clear()
        self._before = self._read()

    def look(self, *, rung: bool = False) -> tuple[list[int], bool]:
        """Return the blocks of new messages, and whether the core has begun anew in front of them.

        ``rung``: the core rings for them just now.
        Raises :class:`CorruptRegionError` for a count that no core can have reached.
        """
        if self._before is not None:
            if not rung and self._read() == self._before:
                return [], False
            self._before, self._seen = None, 0
        count = self._view.new(0)
        new = count - self._seen & MASK
        anew = new > self._depth
        if anew:
            self._seen, new = 0, count
        if new > self._depth:
            self._seen = count
            raise CorruptRegionError(
                f"{self.region.writer} says that it has sent {count} messages, more than the {self._depth} that fit "
                "since the last look: its count is damaged, or its queue has another depth (MAX_ACTIVE_COUNT)",
                address=self.region.address,
                value=count,
            )
        entries = self._view.entries(self._seen, new) if new else []
        self._seen = count
        return [entry & ~HIGH for entry in entries], anew


class _Rework(FollowedEndpoints):
    """ICBMsg after Zephyr 4.4: both queues, and the slots in which either side has its endpoints."""

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        configs: Sequence[IcbmsgConfig],
        *,
        fresh: bool,
    ) -> None:
        super().__init__(machine, first, second)
        self._machine = machine
        self._hashes: dict[int, str] = {}
        self._queues = {
            core.index: _Queue(core, config, self._other[core.index], fresh=fresh)
            for core, config in zip((first, second), configs, strict=True)
        }
        self._removers.append(
            machine.events.add_sink(self._on_doorbell, (EventKind.DOORBELL,), ahead=True),
        )

    def add_names(self, names: Iterable[str]) -> None:
        self._hashes |= {packets.name_hash(name): name for name in names}

    def learn(self, core: str, backend: SeveralEndpoints) -> None:
        own = next(index for index, each in self._cores.items() if each.name == core)
        for endpoint in backend.endpoints:
            if isinstance(endpoint, IcbmsgEndpoint) and endpoint.address is not None:
                self._queues[own].slots[endpoint.index] = endpoint.name
                self._queues[self._other[own].index].slots[endpoint.address] = endpoint.name
                self._bound(endpoint.name, 0)

    def look(self) -> None:
        for core in self._cores:
            self._look(core, self._machine.now_ns)

    def _on_doorbell(self, event: Event) -> None:
        if event.core in self._cores:  # what the other core has written comes before an answer to it
            self._look(self._other[event.core].index, event.time_ns)
            self._look(event.core, event.time_ns, rung=event.a == self._queues[event.core].channel)

    def _forget(self, core: int) -> None:
        self.bound_ns.clear()
        self._queues[core].forget()

    def _look(self, writer: int, time_ns: int, *, rung: bool = False) -> None:
        queue = self._queues[writer]
        try:
            blocks, anew = queue.look(rung=rung)
            if anew:
                self.bound_ns.clear()
                queue.slots.clear()
            for block in blocks:
                header, data = queue.area.read_message(block)
                self._take(time_ns, writer, header >> 24, block, data)
        except CorruptRegionError as error:
            self.problems.append(error)

    def _take(self, time_ns: int, writer: int, number: int, block: int, data: bytes) -> None:
        queue, other = self._queues[writer], self._queues[self._other[writer].index]
        if number != packets.CONTROL:
            name = other.slots.get(number, f"slot {number}")
            self._tell(time_ns, queue.region, writer, name, data, block)
        elif (found := packets.endpoint_packet(data)) is not None:
            kind, slot, hashed = found
            if kind == packets.ENDPOINT_BOUND:
                name = self._hashes.get(hashed, f"hash 0x{hashed:08x}")
                queue.slots[slot] = name
                if name in other.slots.values():
                    self._bound(name, time_ns)
            elif (gone := other.slots.pop(slot, None)) is not None:
                self.bound_ns.pop(gone, None)


def follow_endpoints(
    machine: Machine,
    first: Core,
    second: Core,
    config: SeveralConfig,
    names: Iterable[str],
    peer_config: SeveralConfig | None = None,
) -> FollowedEndpoints:
    """Let the messages of every endpoint come into the stream of ``machine``, from now on, once however many ask.

    ``config`` is that of ``first``, ``peer_config`` that of ``second`` (None: the mirror). ``names`` are those that may
    occur: the rework has only hashes of them on its wire. Where neither core has run, and Python plays none yet, what
    memory holds now is older than both.

    Raises:
        ConfigurationError: a core of the link is not there, or a region cannot be one.
        BusError: a core does not reach a region.
    """
    peer = peer_config or config.mirrored()
    key = FollowedEndpoints, first.index, second.index, config.tx_region.address
    found = machine.events.kept.get(key)
    if not isinstance(found, FollowedEndpoints) or not found.asked_by:
        backends = played_backends(machine, {first.name: config, second.name: peer})
        fresh = not machine.now_ns and not backends
        found = machine.events.kept[key] = _make(machine, first, second, (config, peer), fresh=fresh)
        for core, backend in backends.items():
            found.learn(core, backend)
    found.asked_by += 1
    found.add_names(names)
    return found


def _make(
    machine: Machine, first: Core, second: Core, configs: tuple[SeveralConfig, SeveralConfig], *, fresh: bool
) -> FollowedEndpoints:
    blocks = [config for config in configs if isinstance(config, IcbmsgConfig)]
    if len(blocks) < len(configs):
        return _Me(machine, first, second, configs, fresh=fresh)
    if blocks[0].generation == "rework":
        return _Rework(machine, first, second, blocks, fresh=fresh)
    return _Classic(machine, first, second, blocks, fresh=fresh)
