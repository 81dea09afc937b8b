"""Tracer: turns the event stream of a machine into what a trace's writers are told, with a number for each message.

Who has taken a packet is seen at the reader's ``rd_idx``: at each store of firmware where the engine can tell of
stores, which gives the exact time; elsewhere, and where Python plays the reader, at the next thing that it does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.errors import EngineError
from icmsg.ipc import LegacyState, ReworkState, State
from icmsg.link.endpoints.followed import follow_endpoints
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.followed_link import follow_link
from icmsg.link.link import WatchesStores
from icmsg.machine.console import Console, printable
from icmsg.machine.events import (
    LENGTH_MASK,
    REWORK_STATES,
    EndpointMessage,
    EventKind,
    Packets,
    RegionChange,
    RegionChanged,
)
from icmsg.machine.machine import fault_name
from icmsg.views.endpoint_ways import ways_of
from icmsg.views.ways import Numbers, Way
from icmsg.views.writer import AT_END, Message, TracedCore, TracedDirection, TraceSubject, TraceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from icmsg.config.instance import RegionLayout
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.followed import FollowedEndpoints
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.link.followed_link import FollowedLink
    from icmsg.machine.events import Event
    from icmsg.machine.machine import Core, Machine

_CHANGES: Final = {
    EventKind.CORE_STARTED: "runs",
    EventKind.CORE_HALTED: "halted",
    EventKind.CORE_RESET: "reset",
}
_BEGINS_ANEW: Final = (RegionChange.BEGUN_ANEW, RegionChange.BEGUN_OR_UNSEEN, RegionChange.UNSEEN)


class Tracer:
    """Tells ``writer`` what happens on its machine, until :meth:`stop`.

    ``exact`` watches the stores of firmware to ``rd_idx``, which makes firmware a little slower; without it a packet
    counts as received at the next doorbell, or end of an interrupt, of its reader.
    """

    def __init__(self, writer: TraceWriter, *, exact: bool = True) -> None:
        subject = writer.subject
        self.writer: Final = writer
        self._machine: Final = subject.machine
        self._numbers: Final = Numbers()
        self._exact = exact and (writer.wants("received") or writer.wants("filled"))
        self._ways: Final[list[Way]] = []
        self._by_address: dict[int, Way] = {}
        self._by_channel: dict[tuple[int, int], Way] = {}
        self._read_by: dict[int, tuple[Way, ...]] = {core.index: () for core in subject.cores}
        self._signals: Final = {core.index: _signals(core) for core in self._machine.cores.values()}
        self._states: Final[dict[int, type[State | LegacyState]]] = {}
        self._stops: Final[list[Callable[[], None]]] = []
        for link, pair in zip(subject.links, _pairs(subject.directions), strict=True):
            self._add(link, pair)
        self._listen()
        if self.writer.wants("printed"):
            for core in self._machine.cores.values():
                self._stops.append(core.console.add_sink(self._console(core)))
        if self.writer.wants("written"):
            for core in self._machine.cores.values():
                self._stops.append(core.console.add_input_sink(self._input(core)))

    @property
    def messages(self) -> int:
        """Messages so far, the number of the last one."""
        return self._numbers.last

    def _listen(self) -> None:
        """Listen to what the writer has a use for: everything else costs nothing."""
        events, wants = self._machine.events, self.writer.wants
        sinks: list[tuple[bool, Callable[[Event], None], Sequence[EventKind]]] = [
            (wants("event"), self.writer.event, tuple(EventKind)),
            (True, self._on_packets, (EventKind.PACKETS,)),
            (True, self._on_message, (EventKind.ENDPOINT_MESSAGE,)),
            (True, self._on_region, (EventKind.REGION,)),
            (True, self._on_doorbell, (EventKind.DOORBELL,)),
            (True, self._on_lost, (EventKind.SIGNAL_LOST,)),
            (wants("interrupt"), self._on_interrupt, (EventKind.INTERRUPT,)),
            (wants("interrupt_taken"), self._on_taken, (EventKind.INTERRUPT_TAKEN,)),
            (wants("interrupt_ended"), self._on_ended, (EventKind.INTERRUPT_END,)),
            (True, self._on_received, (EventKind.PACKET_RECEIVED,)),
            (True, self._on_state, (EventKind.STATE,)),
            (wants("session") and self._has_sessions, self._on_session, (EventKind.SESSION,)),
            (wants("core_changed") and self.writer.wants_sleep, self._on_sleep, (EventKind.SLEEP,)),
            (True, self._on_change, tuple(_CHANGES)),
            (wants("fault"), self._on_fault, (EventKind.FAULT,)),
            (wants("warning"), self._on_warning, (EventKind.WARNING,)),
        ]
        self._stops.extend(events.add_sink(sink, kinds) for wanted, sink, kinds in sinks if wanted)

    @property
    def _has_sessions(self) -> bool:
        """True if a direction has a handshake word, which is then looked at with each doorbell."""
        layouts = [way.direction.layout for way in self._ways]
        return any(each is not None and each.handshake_offset is not None for each in layouts)

    def follow(self, link: AnyLink) -> None:
        """Follow one more link from now on; only for a writer that has written nothing about its directions yet."""
        before = self.writer.subject
        added = directions_of(self._machine, link, before.cores, len(before.directions))
        self.writer.subject = replace(
            before, links=(*before.links, link), directions=(*before.directions, *added)
        )
        self._add(link, added)

    def _add(self, link: AnyLink, directions: Sequence[TracedDirection]) -> None:
        cores = self._machine.cores
        readers = [cores[each.reader.name] for each in directions]
        ways = ways_of(directions, readers, self.writer, self._numbers)
        self._ways.extend(ways)
        for way in ways:
            writer, reader = way.direction.writer.index, way.direction.reader.index
            self._by_address[way.address] = way
            self._by_channel[writer, way.direction.channel] = way
            self._read_by[reader] = (*self._read_by[reader], way)
        for name, config in link.configs.items():
            self._states[cores[name].index] = State if _rings_back(config) else LegacyState
        self._stops.append(_follow(self._machine, link).stop)
        if self._exact:
            self._watch_stores(ways)

    def _watch_stores(self, ways: Sequence[Way]) -> None:
        for way in ways:
            if isinstance(way.reader, WatchesStores):
                stop = way.reader.watch_stores(way.rd_address, way.rd_address + 4, self._on_store(way))
                self._stops.append(stop)

    def stop(self, report: Mapping[str, Any] | None = None) -> None:
        """Tell nothing more, and end the file; a second time does nothing.

        ``report`` is that of the run, see :meth:`icmsg.views.writer.TraceWriter.conclude`.
        """
        if not self._stops:
            return
        stops = self._stops[:]
        self._stops.clear()
        for stop in stops:
            stop()
        now = self._machine.now_ns
        for way in self._ways:
            way.announced(now)
            way.drop(now, AT_END)
        if report is not None:
            self.writer.conclude(report)
        self.writer.close()

    # Messages

    def _on_packets(self, event: Event) -> None:
        news = event.news
        if isinstance(news, Packets) and (way := self._by_address.get(news.region.address)) is not None:
            way.packets(event.time_ns, news)

    def _on_message(self, event: Event) -> None:
        news = event.news
        if (
            isinstance(news, EndpointMessage)
            and (way := self._by_address.get(news.region.address)) is not None
        ):
            way.message(event.time_ns, news)

    def _on_store(self, way: Way) -> Callable[[int, int, Callable[[], int]], None]:
        def told(_address: int, value: int, _pc: Callable[[], int]) -> None:
            way.is_told = True
            if value != way.rd:
                way.moved(self._machine.now_ns, value)

        return told

    def _on_region(self, event: Event) -> None:
        news = event.news
        if not isinstance(news, RegionChanged) or (way := self._by_address.get(news.region.address)) is None:
            return
        if news.change in _BEGINS_ANEW:
            way.begins_anew(event.time_ns, "its region was initialised again")
        self.writer.region_changed(event.time_ns, way.direction, str(news))

    # Signals

    def _on_doorbell(self, event: Event) -> None:
        time_ns, _, core, channel, _, _ = event
        for own in self._read_by[core]:
            if own.waiting:
                own.look(time_ns)
        way = self._by_channel.get((core, channel))
        messages: list[Message] = []
        if way is not None:
            way.announced(time_ns)
            if way.unrung:
                messages, way.unrung = way.unrung, []
                for message in messages:
                    message.rung_ns = time_ns
            behind = way.behind_signal
            if behind:  # where no interrupt rises, those that were taken all the same are left out
                behind = [each for each in behind if each.received_ns is None]
            way.behind_signal = behind + messages if behind else messages
            way.last_rung = messages
        self.writer.rang(time_ns, core, channel, messages)

    def _on_lost(self, event: Event) -> None:
        way = self._by_channel.get((event.core, event.a))
        messages = [] if way is None else way.last_rung
        for message in messages:
            message.is_lost = True
        self.writer.signal_lost(event.time_ns, event.core, event.b, messages)

    def _on_interrupt(self, event: Event) -> None:
        messages: list[Message] = []
        if event.a in self._signals[event.core]:
            for way in self._read_by[event.core]:
                for message in way.behind_signal:
                    if message.received_ns is None:
                        message.interrupt_ns = event.time_ns
                        messages.append(message)
                way.behind_signal = []
        self.writer.interrupt(event.time_ns, event.core, event.a, messages)

    def _on_taken(self, event: Event) -> None:
        self.writer.interrupt_taken(event.time_ns, event.core, event.a)

    def _on_ended(self, event: Event) -> None:
        for way in self._read_by[event.core]:
            way.look(event.time_ns)
        self.writer.interrupt_ended(event.time_ns, event.core, event.a)

    # Cores and instances

    def _on_received(self, event: Event) -> None:
        for way in self._read_by[event.core]:
            way.read_by_python(event.time_ns, event.a & LENGTH_MASK, event.b)

    def _on_state(self, event: Event) -> None:
        for way in self._read_by[event.core]:
            way.look(event.time_ns)
        states: type[State | LegacyState | ReworkState] = self._states.get(event.core, State)
        number = event.a
        if number >= REWORK_STATES:
            states, number = ReworkState, number - REWORK_STATES
        known = number in set(states)
        self.writer.state(event.time_ns, event.core, states(number).name if known else str(event.a))

    def _on_session(self, event: Event) -> None:
        self.writer.session(event.time_ns, event.core, event.a, event.b)

    def _on_sleep(self, event: Event) -> None:
        self.writer.core_changed(event.time_ns, event.core, "sleeps" if event.a else "runs")

    def _on_change(self, event: Event) -> None:
        for way in self._read_by[event.core]:
            way.is_told = False  # Python may play it next
        self.writer.core_changed(event.time_ns, event.core, _CHANGES[event.kind])

    def _on_fault(self, event: Event) -> None:
        self.writer.fault(event.time_ns, event.core, fault_name(event.a), event.b)

    def _on_warning(self, event: Event) -> None:
        text = f"accesses 0x{event.a:08X}, which nothing models, at PC 0x{event.b:08X}"
        self.writer.warning(event.time_ns, event.core, text)

    def _console(self, core: Core) -> Callable[[bytes, int], None]:
        console = Console()  # its own: sinks hear of bytes before they are lines

        def printed(data: bytes, time_ns: int) -> None:
            console.feed(data, time_ns)
            for line in console.lines:
                self.writer.printed(time_ns, core.index, line.text)
            console.lines.clear()

        return printed

    def _input(self, core: Core) -> Callable[[bytes, int], None]:
        def written(data: bytes, time_ns: int) -> None:
            self.writer.written(time_ns, core.index, printable(data.decode("utf-8", "backslashreplace")))

        return written


def _signals(core: Core) -> frozenset[int]:
    """Return the interrupts of a core's mailbox."""
    try:
        return frozenset(core.mailbox_port.interrupts.values())
    except EngineError:
        return frozenset()


def _follow(machine: Machine, link: AnyLink) -> FollowedLink | FollowedEndpoints:
    """Let what passes on ``link`` come into the stream."""
    if not isinstance(link, EndpointsLink):
        return follow_link(machine, link)
    config, peer = link.configs.values()
    first, second = (machine.core(name) for name in link.cores)
    return follow_endpoints(machine, first, second, config, link.names, peer)


def _rings_back(config: InstanceConfig | SeveralConfig) -> bool:
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        return True  # its states have numbers of their own
    return (config if isinstance(config, InstanceConfig) else config.control).signalling == "ring-back"


def subject_of(
    machine: Machine,
    links: Sequence[AnyLink],
    about: Mapping[str, str],
    players: Mapping[str, str],
) -> TraceSubject:
    """Return all that is known about a machine now; ``players`` says who will play a core, where that is known."""
    ordered = sorted(machine.cores.values(), key=lambda core: core.index)
    cores = [TracedCore(core.index, core.name, players.get(core.name) or player_of(core)) for core in ordered]
    directions: list[TracedDirection] = []
    for link in links:
        directions += directions_of(machine, link, cores, len(directions))
    platform = machine.description.file.replace("\\", "/").rsplit("/", 1)[-1]
    if platform.startswith("<"):
        platform = "the platform of a script"
    return TraceSubject(machine, platform, tuple(links), cores, directions, machine.now_ns, about)


def directions_of(
    machine: Machine, link: AnyLink, cores: Sequence[TracedCore], first: int
) -> list[TracedDirection]:
    """Return the two directions of a link, numbered from ``first`` on."""
    by_name = {core.name: core for core in cores}
    directions: list[TracedDirection] = []
    for name, config in link.configs.items():
        layout, indices = _indices(machine.core(name), config)
        directions.append(
            TracedDirection(
                first + len(directions),
                config.name,
                by_name[name],
                by_name[link.other(name)],
                config.tx_region,
                layout,
                config.tx_channel,
                *indices,
                config,
            )
        )
    return directions


def _pairs(directions: Sequence[TracedDirection]) -> list[Sequence[TracedDirection]]:
    """Return the directions in pairs, those of one link together."""
    return [directions[place : place + 2] for place in range(0, len(directions), 2)]


def _indices(
    core: Core, config: InstanceConfig | SeveralConfig
) -> tuple[RegionLayout | None, tuple[int, int]]:
    """Return the ring of a direction, and rd_idx and wr_idx as they are; of the rework none, and its counts."""
    read32 = core.bus.read32
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        at = config.tx_layout.address + config.tx_layout.begin
        return None, (read32(at + config.tx_layout.queue_size), read32(at))
    ring = config if isinstance(config, InstanceConfig) else config.control
    layout, address = ring.tx_layout, ring.tx_region.address
    return layout, (read32(address + layout.rd_idx_offset), read32(address + layout.wr_idx_offset))


def player_of(core: Core) -> str:
    """Return who plays a core now: ``Python``, the name of its image's file, or an empty text for nobody."""
    if core.is_played:
        return "Python"
    return core.image.path.name if core.image is not None else ""
