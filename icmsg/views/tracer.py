"""Tracer: turns the event stream of a machine into what a trace's writers are told, with a number for each message.

Who has taken a packet is seen at the reader's ``rd_idx``: at each store of firmware where the engine can tell of
stores, which gives the exact time; elsewhere, and where Python plays the reader, at the next thing that it does.

What happens is only kept where it happens (:mod:`icmsg.views.moments`); what it means is found out later.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.errors import EngineError
from icmsg.ipc import LegacyState, ReworkState, State
from icmsg.link.endpoints.followed import follow_endpoints
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.link import follow_link
from icmsg.machine.console import printable
from icmsg.machine.events import LENGTH_MASK, REWORK_STATES, EventKind, RegionChange
from icmsg.machine.machine import WatchesStores, fault_name
from icmsg.views.endpoint_ways import ways_of
from icmsg.views.moments import MOVED, NOTED, PARTS, PRINTED, WRITTEN, Moments
from icmsg.views.ways import Numbers, Way
from icmsg.views.writer import AT_END, Message, TraceEnd, TraceWriter, directions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.followed import FollowedEndpoints
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.link.link import FollowedLink
    from icmsg.machine.console import ConsoleLine
    from icmsg.machine.machine import Core, Machine
    from icmsg.views.moments import Handler
    from icmsg.views.writer import TracedDirection

_CHANGES: Final = {
    EventKind.CORE_STARTED: "runs",
    EventKind.CORE_HALTED: "halted",
    EventKind.CORE_RESET: "reset",
}
_BEGINS_ANEW: Final = (RegionChange.BEGUN_ANEW, RegionChange.BEGUN_OR_UNSEEN, RegionChange.UNSEEN)


class Tracer:
    """Tells ``writer`` what happens on its machine, until :meth:`stop`.

    ``exact`` watches the stores of firmware to ``rd_idx``, which makes firmware a little slower; without it a packet
    counts as received at the next doorbell, or end of an interrupt, of its reader. ``at_once``: the writer is told
    where things happen, for who reads along; else some thousands of them together.
    """

    def __init__(self, writer: TraceWriter, *, exact: bool = True, at_once: bool = False) -> None:
        subject = writer.subject
        self.writer: Final = writer
        self._machine: Final = subject.machine
        self._numbers: Final = Numbers()
        self.latest_ns = subject.start_ns
        """Time of the last thing that :meth:`take` took."""
        self._exact = exact and (writer.wants("received") or writer.wants("filled"))
        self._ways: Final[list[Way]] = []
        self._by_address: dict[int, Way] = {}
        self._by_channel: dict[tuple[int, int], Way] = {}
        self._read_by: Final[dict[int, tuple[Way, ...]]] = {core.index: () for core in subject.cores}
        self._moments: Final = Moments(self._read_by, self._by_address, self._by_channel, at_once=at_once)
        self._signals: Final = {core.index: _signals(core) for core in self._machine.cores.values()}
        self._states: Final[dict[int, type[State | LegacyState]]] = {}
        self._stops: Final[list[Callable[[], None]]] = []
        for link, pair in zip(subject.links, _pairs(subject.directions), strict=True):
            self._add(link, pair)
        self._listen()
        for core in self._machine.cores.values():
            if self.writer.wants("printed"):
                self._stops.append(core.console.add_line_sink(self._console(core)))
            if self.writer.wants("written"):
                self._stops.append(core.console.add_input_sink(self._input(core)))

    @property
    def messages(self) -> int:
        """Messages so far, the number of the last one."""
        self.catch_up()
        return self._numbers.last

    def catch_up(self) -> None:
        """Tell the writer all that has happened until now."""
        self._moments.hand_on()

    def look(self) -> None:
        """Tell all until now, and what was taken since the last doorbell."""
        for way in self._ways:
            self._moments.look(way, self._machine.now_ns)
        self.catch_up()

    def tell_stalls(self, writer: TraceWriter, now_ns: int) -> None:
        """Tell ``writer`` which readers have left messages until now."""
        for way in self._ways:
            if (stall := way.stall(now_ns)) is not None:
                writer.stalled(stall)

    def note(self, time_ns: int, core: int, text: str) -> None:
        """Take what a test did to the machine."""
        self._moments.add((time_ns, NOTED, core, 0, 0, text))

    def _listen(self) -> None:
        """Listen to what the writer has a use for: everything else costs nothing."""
        wants, moments, tell = self.writer.wants, self._moments, self.writer
        sleep = wants("core_changed") and tell.wants_sleep
        handlers: list[tuple[bool, Handler, int]] = [
            (True, self._on_packets, EventKind.PACKETS),
            (True, self._on_message, EventKind.ENDPOINT_MESSAGE),
            (True, self._on_region, EventKind.REGION),
            (True, self._on_doorbell, EventKind.DOORBELL),
            (True, self._on_lost, EventKind.SIGNAL_LOST),
            (wants("interrupt"), self._on_interrupt, EventKind.INTERRUPT),
            (wants("interrupt_taken"), self._on_taken, EventKind.INTERRUPT_TAKEN),
            (wants("interrupt_ended"), self._on_ended, EventKind.INTERRUPT_END),
            (True, self._on_received, EventKind.PACKET_RECEIVED),
            (True, self._on_state, EventKind.STATE),
            (wants("session") and self._has_sessions, self._on_session, EventKind.SESSION),
            (sleep, self._on_sleep, EventKind.SLEEP),
            *((True, partial(self._on_change, what), kind) for kind, what in _CHANGES.items()),
            (wants("fault"), self._on_fault, EventKind.FAULT),
            (wants("warning"), self._on_warning, EventKind.WARNING),
            (True, self._on_moved, MOVED),
            (True, lambda time_ns, core, _a, _b, text: tell.printed(time_ns, core, text), PRINTED),
            (True, lambda time_ns, core, _a, _b, text: tell.written(time_ns, core, text), WRITTEN),
            (True, lambda time_ns, core, _a, _b, text: tell.noted(time_ns, core, text), NOTED),
        ]
        self._stops.extend(
            moments.listen(self._machine.events, handler, kind)
            for wanted, handler, kind in handlers
            if wanted
        )

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
            self._moments.bound(way)
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
                told = self._moments.stored(way, partial(getattr, self._machine, "now_ns"))
                stop = way.reader.watch_stores(way.rd_address, way.rd_address + 4, told)
                self._stops.append(stop)

    def stop(self, report: Mapping[str, Any] | None = None) -> None:
        """Tell nothing more, and end the file; a second time does nothing."""
        if (end := self.detach(report)) is not None:
            self.finish(end)

    def detach(self, report: Mapping[str, Any] | None = None) -> TraceEnd | None:
        """Listen no longer, and return how it ends; a second time None."""
        if not self._stops:
            return None
        stops = self._stops[:]
        self._stops.clear()
        for stop in stops:
            stop()
        self.look()
        return TraceEnd(self._machine.now_ns, report, self.writer.see_end())

    def finish(self, end: TraceEnd) -> None:
        """Tell what was left over at the end, and end the file."""
        self.tell_stalls(self.writer, end.now_ns)
        for way in self._ways:
            way.drop(end.now_ns, AT_END)
        self.writer.close(end)

    # In a process of its own

    def send_to(self, send: Callable[[list[Any]], None]) -> None:
        """Hand moments to another process, which gives them to the :meth:`take` of its copy of this."""
        self._moments.send = send

    def take(self, moments: Sequence[Any]) -> None:
        """Take moments that another process has sent."""
        if moments:
            self.latest_ns = moments[-PARTS]
            self._moments.tell(moments)

    # Messages

    def _on_packets(self, time_ns: int, _core: int, _a: int, _b: int, news: tuple[Any, ...]) -> None:
        address, start, end, payloads, opens, found = news
        self._by_address[address].packets(time_ns, start, end, payloads, opens, found)

    def _on_moved(self, time_ns: int, _core: int, seen: Any, is_told: int, direction: int) -> None:
        self._ways[direction].looked_at(time_ns, seen, is_told)

    def _on_message(self, time_ns: int, _core: int, _a: int, _b: int, news: tuple[Any, ...]) -> None:
        address, endpoint, payload, block, found = news
        self._by_address[address].message(time_ns, endpoint, payload, block, found)

    def _on_region(self, time_ns: int, _core: int, change: int, _b: int, news: tuple[int, str]) -> None:
        way = self._by_address[news[0]]
        if change in _BEGINS_ANEW:
            way.begins_anew(time_ns, "its region was initialised again")
        self.writer.region_changed(time_ns, way.direction, news[1])

    # Signals

    def _on_doorbell(self, time_ns: int, core: int, channel: int, _b: int, _news: None) -> None:
        way = self._by_channel.get((core, channel))
        messages: list[Message] = []
        if way is not None:
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

    def _on_lost(self, time_ns: int, core: int, channel: int, channels: int, _news: None) -> None:
        way = self._by_channel.get((core, channel))
        messages = [] if way is None else way.last_rung
        for message in messages:
            message.is_lost = True
        self.writer.signal_lost(time_ns, core, channels, messages)

    def _on_interrupt(self, time_ns: int, core: int, number: int, _b: int, _news: None) -> None:
        messages: list[Message] = []
        if number in self._signals[core]:
            for way in self._read_by[core]:
                for message in way.behind_signal:
                    if message.received_ns is None:
                        message.interrupt_ns = time_ns
                        messages.append(message)
                way.behind_signal = []
        self.writer.interrupt(time_ns, core, number, messages)

    def _on_taken(self, time_ns: int, core: int, number: int, _b: int, _news: None) -> None:
        self.writer.interrupt_taken(time_ns, core, number)

    def _on_ended(self, time_ns: int, core: int, number: int, _b: int, _news: None) -> None:
        self.writer.interrupt_ended(time_ns, core, number)

    # Cores and instances

    def _on_received(self, time_ns: int, core: int, length: int, crc: int, _news: None) -> None:
        for way in self._read_by[core]:
            if way.takes_receipts:
                way.read_by_python(time_ns, length & LENGTH_MASK, crc)

    def _on_state(self, time_ns: int, core: int, told: int, _b: int, _news: None) -> None:
        states: type[State | LegacyState | ReworkState] = self._states.get(core, State)
        number = told
        if number >= REWORK_STATES:
            states, number = ReworkState, number - REWORK_STATES
        known = number in set(states)
        self.writer.state(time_ns, core, states(number).name if known else str(told))

    def _on_session(self, time_ns: int, core: int, own: int, acknowledged: int, _news: None) -> None:
        self.writer.session(time_ns, core, own, acknowledged)

    def _on_sleep(self, time_ns: int, core: int, sleeps: int, _b: int, _news: None) -> None:
        self.writer.core_changed(time_ns, core, "sleeps" if sleeps else "runs")

    def _on_change(self, what: str, time_ns: int, core: int, _a: int, _b: int, _news: None) -> None:
        self.writer.core_changed(time_ns, core, what)

    def _on_fault(self, time_ns: int, core: int, exception: int, pc: int, _news: None) -> None:
        self.writer.fault(time_ns, core, fault_name(exception), pc)

    def _on_warning(self, time_ns: int, core: int, address: int, pc: int, _news: None) -> None:
        text = f"is warned of its access to 0x{address:08X}, at PC 0x{pc:08X}"
        self.writer.warning(time_ns, core, text)

    def _console(self, core: Core) -> Callable[[ConsoleLine], None]:
        return lambda line: self._moments.add((line.time_ns, PRINTED, core.index, 0, 0, line.text))

    def _input(self, core: Core) -> Callable[[bytes, int], None]:
        def written(data: bytes, time_ns: int) -> None:
            text = printable(data.decode("utf-8", "backslashreplace"))
            self._moments.add((time_ns, WRITTEN, core.index, 0, 0, text))

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


def _pairs(directions: Sequence[TracedDirection]) -> list[Sequence[TracedDirection]]:
    """Return the directions in pairs, those of one link together."""
    return [directions[place : place + 2] for place in range(0, len(directions), 2)]
