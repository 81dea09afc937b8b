"""Tracer: turns the event stream of a machine into what a trace's writers are told, with a number for each message.

Who has taken a packet is seen at the reader's ``rd_idx``: at each store of firmware where the engine can tell of
stores, which gives the exact time; elsewhere, and where Python plays the reader, at the next thing that it does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, EngineError
from icmsg.ipc import LegacyState, State
from icmsg.link.followed_link import follow_link
from icmsg.link.link_observer import WatchesStores
from icmsg.machine.console import Console, printable
from icmsg.machine.events import EventKind
from icmsg.machine.fault_causes import fault_name
from icmsg.machine.region_news import Packets, RegionChange, RegionChanged
from icmsg.views.writer import Message, TracedCore, TracedDirection, TraceSubject, TraceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from icmsg.link.link import Link
    from icmsg.machine.events import Event
    from icmsg.machine.machine import Core, Machine

_HEADER: Final = 4
_CHANGES: Final = {
    EventKind.CORE_STARTED: "runs",
    EventKind.CORE_HALTED: "halted",
    EventKind.CORE_RESET: "reset",
}
_BEGINS_ANEW: Final = (RegionChange.BEGUN_ANEW, RegionChange.BEGUN_OR_UNSEEN, RegionChange.UNSEEN)


class _Way:
    """Direction with the messages under way in it."""

    def __init__(self, direction: TracedDirection, reader: Core) -> None:
        self.direction: Final = direction
        self.reader: Final = reader
        self.length: Final = direction.layout.data_length
        self.rd_address: Final = direction.region.address + direction.layout.rd_idx_offset
        self.read32: Final = reader.bus.read32
        self.rd, self.wr = direction.rd_idx, direction.wr_idx
        self.is_told = False
        """True while firmware reads, and each of its stores to rd_idx is told: nobody has to look."""
        self.waiting: Final[deque[Message]] = deque()
        """Messages in the ring, the oldest first."""
        self.unrung: list[Message] = []
        self.behind_signal: list[Message] = []
        """Messages whose doorbell rang, and whose interrupt did not rise yet."""
        self.last_rung: list[Message] = []


class Tracer:
    """Tells ``writer`` what happens on its machine, until :meth:`stop`.

    ``exact`` watches the stores of firmware to ``rd_idx``, which makes firmware a little slower; without it a packet
    counts as received at the next doorbell, or end of an interrupt, of its reader.
    """

    def __init__(self, writer: TraceWriter, *, exact: bool = True) -> None:
        subject = writer.subject
        self.writer: Final = writer
        self.messages = 0
        """Messages so far, the number of the last one."""
        self._machine: Final = subject.machine
        cores = self._machine.cores
        self._ways: Final = [_Way(each, cores[each.reader.name]) for each in subject.directions]
        self._by_address: Final = {way.direction.region.address: way for way in self._ways}
        self._by_channel: Final = {
            (way.direction.writer.index, way.direction.channel): way for way in self._ways
        }
        self._read_by: Final = {
            core.index: tuple(way for way in self._ways if way.direction.reader.index == core.index)
            for core in subject.cores
        }
        self._written_by: Final = {
            core.index: tuple(way for way in self._ways if way.direction.writer.index == core.index)
            for core in subject.cores
        }
        self._signals: Final = {core.index: _signals(core) for core in cores.values()}
        self._states: Final = {
            cores[name].index: State if config.signalling == "ring-back" else LegacyState
            for link in subject.links
            for name, config in link.configs.items()
        }
        self._links: Final = [follow_link(self._machine, link) for link in subject.links]
        self._stops: Final[list[Callable[[], None]]] = [link.stop for link in self._links]
        self._listen()
        if self._wants("printed"):
            for core in cores.values():
                self._stops.append(core.console.add_sink(self._console(core)))
        if self._wants("written"):
            for core in cores.values():
                self._stops.append(core.console.add_input_sink(self._input(core)))
        if exact and (self._wants("received") or self._wants("filled")):
            self._watch_stores()

    def _listen(self) -> None:
        """Listen to what the writer has a use for: everything else costs nothing."""
        events, wants = self._machine.events, self._wants
        sinks: list[tuple[bool, Callable[[Event], None], Sequence[EventKind]]] = [
            (wants("event"), self.writer.event, tuple(EventKind)),
            (True, self._on_packets, (EventKind.PACKETS,)),
            (True, self._on_region, (EventKind.REGION,)),
            (True, self._on_doorbell, (EventKind.DOORBELL,)),
            (wants("signal_lost"), self._on_lost, (EventKind.SIGNAL_LOST,)),
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

    def _wants(self, name: str) -> bool:
        """Tell whether the writer has a method of its own of that name."""
        own = getattr(self.writer, name)
        return getattr(own, "__func__", own) is not getattr(TraceWriter, name)

    @property
    def _has_sessions(self) -> bool:
        """True if a direction has a handshake word, which is then looked at with each doorbell."""
        return any(way.direction.layout.handshake_offset is not None for way in self._ways)

    def _watch_stores(self) -> None:
        for way in self._ways:
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
            self._drop(way, now, "still in the ring when the trace ended")
        if report is not None:
            self.writer.conclude(report)
        self.writer.close()

    # Messages

    def _on_packets(self, event: Event) -> None:
        news = event.news
        if not isinstance(news, Packets) or (way := self._by_address.get(news.region.address)) is None:
            return
        time_ns, writer, direction = event.time_ns, self.writer, way.direction
        if news.opens and way.waiting and way.waiting[0].is_magic:
            return  # who sets up a run lets its regions be looked at from the start
        if way.rd != way.wr:
            self._look(way, time_ns)
        index, magic = news.start, news.opens
        for payload in news.payloads:
            number = 0
            if not magic:
                number = self.messages = self.messages + 1
            magic = False
            message = Message(number, direction, bytes(payload), index, time_ns)
            index = (index + _HEADER + len(payload) + 3 & ~3) % way.length
            way.waiting.append(message)
            way.unrung.append(message)
            writer.sent(time_ns, message)
        way.wr = news.end
        writer.filled(time_ns, direction, way.rd, news.end)

    def _look(self, way: _Way, time_ns: int) -> None:
        """Look where the reader of a direction is, if there is something for it to take."""
        if way.is_told or not way.waiting:
            return
        try:
            rd = way.read32(way.rd_address)
        except BusError:
            return
        if rd != way.rd:
            self._moved(way, time_ns, rd)

    def _moved(self, way: _Way, time_ns: int, rd: int) -> None:
        """The reader's index is ``rd`` now: what lies before it was taken."""
        before, length, waiting = way.rd, way.length, way.waiting
        way.rd = rd
        if rd >= length:
            return  # no index; what a reader or a writer makes of it is said elsewhere
        taken = (rd - before) % length
        while waiting and (waiting[0].index - before) % length < taken:
            message = waiting.popleft()
            message.received_ns = time_ns
            if message.rung_ns is None:
                way.unrung.remove(message)
            self.writer.received(time_ns, message)
        self.writer.filled(time_ns, way.direction, rd, way.wr)

    def _on_store(self, way: _Way) -> Callable[[int, int, int], None]:
        def told(_address: int, value: int, _pc: int) -> None:
            way.is_told = True
            if value != way.rd:
                self._moved(way, self._machine.now_ns, value)

        return told

    def _drop(self, way: _Way, time_ns: int, why: str) -> None:
        while way.waiting:
            self.writer.dropped(time_ns, way.waiting.popleft(), why)
        way.unrung, way.behind_signal, way.last_rung = [], [], []

    def _on_region(self, event: Event) -> None:
        news = event.news
        if not isinstance(news, RegionChanged) or (way := self._by_address.get(news.region.address)) is None:
            return
        if news.change in _BEGINS_ANEW:
            self._drop(way, event.time_ns, "its region was initialised again")
            way.rd = way.wr = 0
        self.writer.region_changed(event.time_ns, way.direction, str(news))

    # Signals

    def _on_doorbell(self, event: Event) -> None:
        time_ns, core, channel = event.time_ns, event.core, event.a
        for own in self._read_by[core]:
            self._look(own, time_ns)
        way = self._by_channel.get((core, channel))
        messages: list[Message] = []
        if way is not None:
            messages, way.unrung = way.unrung, []
            for message in messages:
                message.rung_ns = time_ns
            behind = (
                way.behind_signal
            )  # where no interrupt rises, those that were taken all the same are left out
            if behind:
                behind = [each for each in behind if each.received_ns is None]
            way.behind_signal = behind + messages if behind else messages
            way.last_rung = messages
        self.writer.rang(time_ns, core, channel, messages)

    def _on_lost(self, event: Event) -> None:
        way = self._by_channel.get((event.core, event.a))
        self.writer.signal_lost(event.time_ns, event.core, event.b, [] if way is None else way.last_rung)

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
            self._look(way, event.time_ns)
        self.writer.interrupt_ended(event.time_ns, event.core, event.a)

    # Cores and instances

    def _on_received(self, event: Event) -> None:
        for way in self._read_by[event.core]:
            self._look(way, event.time_ns)

    def _on_state(self, event: Event) -> None:
        self._on_received(event)
        states = self._states.get(event.core, State)
        known = event.a in set(states)
        self.writer.state(event.time_ns, event.core, states(event.a).name if known else str(event.a))

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


def subject_of(
    machine: Machine, links: Sequence[Link], about: Mapping[str, str], players: Mapping[str, str]
) -> TraceSubject:
    """Return all that is known about a machine now; ``players`` says who will play a core, where that is known."""
    ordered = sorted(machine.cores.values(), key=lambda core: core.index)
    cores = [TracedCore(core.index, core.name, players.get(core.name) or player_of(core)) for core in ordered]
    by_name = {core.name: core for core in cores}
    directions: list[TracedDirection] = []
    for link in links:
        for name, config in link.configs.items():
            bus, layout, region = machine.core(name).bus, config.tx_layout, config.tx_region
            directions.append(
                TracedDirection(
                    len(directions),
                    config.name,
                    by_name[name],
                    by_name[link.other(name)],
                    region,
                    layout,
                    config.tx_channel,
                    bus.read32(region.address + layout.rd_idx_offset),
                    bus.read32(region.address + layout.wr_idx_offset),
                )
            )
    platform = machine.description.file.replace("\\", "/").rsplit("/", 1)[-1]
    return TraceSubject(machine, platform, tuple(links), cores, directions, machine.now_ns, about)


def player_of(core: Core) -> str:
    """Return who plays a core now: ``Python``, the name of its image's file, or an empty text for nobody."""
    if core.is_played:
        return "Python"
    return core.image.path.name if core.image is not None else ""
