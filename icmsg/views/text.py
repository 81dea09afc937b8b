"""The event stream as lines of text, for a log or for the file that a failed test leaves behind.

>>> from icmsg.machine.events import ENDPOINT_SHIFT, LENGTH_MASK, REWORK_STATES, Event, EventKind
>>> format_event(Event(18_410, EventKind.DOORBELL, 0, 1, 0), ["app", "net"])
'      18.410 µs  app  rings mbox channel 1'

Text: a line for each thing, as far as a person wants to read them; grep for ``#17`` finds all of message 17.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.errors import ConfigurationError
from icmsg.files import replace_file
from icmsg.ipc import LegacyState, ReworkState, State
from icmsg.machine.events import (
    ENDPOINT_SHIFT,
    LENGTH_MASK,
    REWORK_STATES,
    TIMELINE,
    EndpointMessage,
    Event,
    EventKind,
    Packets,
    RegionChanged,
)
from icmsg.machine.machine import fault_name
from icmsg.timers import format_time
from icmsg.views.writer import TraceWriter, full_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from icmsg.machine.machine import Machine
    from icmsg.views.writer import (
        Control,
        Message,
        ReaderStall,
        TracedDirection,
        TraceEnd,
        TraceOutput,
        TraceSubject,
    )


_LIMIT: Final = 100_000
"""Events that are kept: the last ones explain a failure, and eight hours of time must fit into memory."""

_NS_PER_US: Final = 1000
_LISTED: Final = tuple(kind for kind in EventKind if kind not in TIMELINE - {EventKind.INTERRUPT_END})


def _packet(event: Event) -> str:
    endpoint = event.a >> ENDPOINT_SHIFT
    where = f" at its endpoint {endpoint}" if endpoint else ""
    return f"{event.a & LENGTH_MASK} bytes, CRC-32 {event.b:08x}{where}"


def _printed(event: Event) -> str:
    return f"prints {event.a} bytes, CRC-32 {event.b:08x}"


def _in_memory(event: Event) -> str:
    """Name the packets that were seen in a followed region."""
    if not isinstance(event.news, Packets):
        return f"has put {event.a} packets into its tx-region, from index {event.b} on"
    news = event.news
    packets = ", ".join(f"{len(payload)} bytes (CRC-32 {crc32(payload):08x})" for payload in news.payloads)
    return (
        f"has put into its tx-region of {news.region.instance}, index {news.start} to {news.end}: {packets}"
    )


def _at_endpoint(event: Event) -> str:
    """Name the message that was seen at one of several endpoints."""
    if not isinstance(event.news, EndpointMessage):
        return f"has sent {event.a} bytes, at block {event.b}"
    news = event.news
    block = "" if news.block is None else f" at block {news.block}"
    what = f"{event.a} bytes (CRC-32 {crc32(news.payload):08x}){block}"
    return f"has put into its tx-region of {news.region.instance}, endpoint {news.endpoint}: {what}"


def _change(event: Event) -> str:
    """Name what became of a followed region."""
    if not isinstance(event.news, RegionChanged):
        return f"tx-region: change {event.a}"
    return f"tx-region of {event.news.region.instance}: {event.news}"


def _state(event: Event) -> str:
    """Name a state; both generations have three with the numbers 0 to 2."""
    number = event.a - REWORK_STATES
    if number in set(ReworkState):
        return f"state {number} ({ReworkState(number).name})"
    names = [states(event.a).name for states in (State, LegacyState) if event.a in set(states)]
    return f"state {event.a} ({' or '.join(dict.fromkeys(names)) or 'unknown'})"


_TEXTS: Final[Mapping[EventKind, Callable[[Event], str]]] = {
    EventKind.DOORBELL: lambda event: f"rings mbox channel {event.a}",
    EventKind.INTERRUPT: lambda event: f"interrupt {event.a} rises",
    EventKind.PACKET_SENT: lambda event: f"sent {_packet(event)}",
    EventKind.PACKET_RECEIVED: lambda event: f"received {_packet(event)}",
    EventKind.STATE: _state,
    EventKind.CORE_STARTED: lambda _event: "started",
    EventKind.CORE_HALTED: lambda _event: "halted",
    EventKind.CORE_RESET: lambda _event: "reset",
    EventKind.CONSOLE: _printed,
    EventKind.FAULT: lambda event: f"{fault_name(event.a)} at PC 0x{event.b:08X}",
    EventKind.SIGNAL_LOST: lambda event: f"loses the signal of task {event.a}, channels 0x{event.b:X}",
    EventKind.PACKETS: _in_memory,
    EventKind.REGION: _change,
    EventKind.ENDPOINT_MESSAGE: _at_endpoint,
    EventKind.SESSION: lambda event: f"has session {event.a}, acknowledges {event.b or 'nobody'}",
    EventKind.INTERRUPT_END: lambda event: f"interrupt {event.a} ends",
    EventKind.INTERRUPT_TAKEN: lambda event: f"interrupt {event.a} is taken",
    EventKind.SLEEP: lambda event: "sleeps" if event.a else "wakes",
    EventKind.WARNING: lambda event: f"is warned of its access to 0x{event.a:08X}, at PC 0x{event.b:08X}",
}


def format_event(event: Event, cores: Sequence[str]) -> str:
    """Return one line: virtual time in µs, core, what happened; ``cores`` has the names by index."""
    name = cores[event.core] if event.core < len(cores) else f"core {event.core}"
    return format_line(event.time_ns, name, event_words(event))


def event_words(event: Event) -> str:
    """Return what happened, without time and core."""
    return _TEXTS[event.kind](event)


def format_line(time_ns: int, core: str, text: str) -> str:
    """Return the line of something that is no event of the machine, such as what a test did to it."""
    return f"{format_microseconds(time_ns)} µs  {core:<4} {text}"


def format_microseconds(time_ns: int) -> str:
    """Return a time in microseconds, as wide as one of eight digits."""
    return f"{time_ns // _NS_PER_US:>8}.{time_ns % _NS_PER_US:03d}"


class TextTrace:
    """Keeps the last ``limit`` events of ``machine`` from now on.

    Several events of one kind and core at one time, such as the bytes of a console, stay separate: the lines are
    those that the trace hash is made of, and what was seen beside them (:data:`icmsg.machine.events.SEEN`).
    """

    def __init__(self, machine: Machine, *, limit: int = _LIMIT) -> None:
        self._names = [core.name for core in sorted(machine.cores.values(), key=lambda core: core.index)]
        self._events: deque[Event | str] = deque(maxlen=limit)
        self._seen = 0
        self._remove = machine.events.add_sink(self._add, _LISTED)

    def _add(self, event: Event) -> None:
        self._seen += 1
        # As text where it would keep a payload: so that memory is bounded, whatever the packets' size.
        self._events.append(event if event.news is None else format_event(event, self._names))

    def lines(self) -> list[str]:
        """Return a line for each event that is kept; the first one tells how many are not."""
        dropped = self._seen - len(self._events)
        head = [f"({dropped} earlier events are not kept)"] if dropped else []
        lines = (
            event if isinstance(event, str) else format_event(event, self._names) for event in self._events
        )
        return [*head, *lines]

    def save(self, path: Path) -> Path:
        """Write the lines into a file, see :func:`write_lines`, and return its path."""
        return write_lines(path, self.lines())

    def stop(self) -> None:
        """Keep what there is and add nothing more."""
        self._remove()


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write lines into a file, with its folder if need be, and return its path; ConfigurationError if it cannot be."""
    try:
        replace_file(path, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise ConfigurationError(
            f"trace {path} cannot be written: {error.strerror}; give a folder that can be"
        ) from None
    return path


_SHOWN: Final = 32
"""Bytes of a payload in a line."""
_MANY: Final = 1 << 13
"""Pieces of lines that are handed on at once."""


class TextWriter(TraceWriter):
    """Writes lines as :func:`icmsg.views.text.format_line` makes them: virtual time, core, what happened."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        super().__init__(subject, output)
        self._names = [f" µs  {name:<4} " for name in subject.names]
        self._lines: list[str] = []
        self._time_ns, self._time = -1, ""
        self._levels: dict[int, int] = {}
        self._durations: dict[int, str] = {}  # they come again and again
        if all(each.blocks is None for each in subject.directions):
            self.filled = super().filled  # type: ignore[method-assign]  # so that nobody tells it
        for each in subject.directions:
            self._comment(f"{each.title} {each.instance}: {each.region}, channel {each.channel}, {each.wire}")

    def _comment(self, text: str) -> None:
        self._lines += (f"# {text}", "\n")

    def _line(self, time_ns: int, core: int, text: str) -> None:
        if time_ns != self._time_ns:
            self._time_ns, self._time = time_ns, format_microseconds(time_ns)
            if len(self._lines) > _MANY:
                self._hand_on()
        self._lines += (self._time, self._names[core], text, "\n")

    def _hand_on(self) -> None:
        self.output.write("".join(self._lines).encode())
        self._lines.clear()

    def sent(self, time_ns: int, message: Message) -> None:
        """Write number, place, length and the first bytes."""
        payload = message.payload
        more = " ..." if len(payload) > _SHOWN else ""
        place = f"at index {message.index}" if message.block is None else message.place
        self._line(
            time_ns,
            message.direction.writer.index,
            f"sent {message.title} to {message.direction.reader.name} {place}, "
            f"{len(payload)} bytes: {payload[:_SHOWN].hex(' ')}{more}",
        )

    def rang(self, time_ns: int, core: int, channel: int, messages: Sequence[Message]) -> None:
        """Write the channel, and what it announces."""
        words = f" for {messages[0].title}" if len(messages) == 1 else _titles(messages, " for ")
        self._line(time_ns, core, f"rings mbox channel {channel}{words}")

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:
        """Write which channels."""
        self._line(time_ns, core, f"LOST the signal of channels 0x{channels:X}{_titles(messages, ' for ')}")

    def interrupt(self, time_ns: int, core: int, number: int, messages: Sequence[Message]) -> None:
        """Write number and what waits."""
        words = f" for {messages[0].title}" if len(messages) == 1 else _titles(messages, " for ")
        self._line(time_ns, core, f"interrupt {number} rises{words}")

    def interrupt_taken(self, time_ns: int, core: int, number: int) -> None:
        """Write the entry."""
        self._line(time_ns, core, f"interrupt {number} is taken")

    def interrupt_ended(self, time_ns: int, core: int, number: int) -> None:
        """Write the return."""
        self._line(time_ns, core, f"interrupt {number} ends")

    def received(self, time_ns: int, message: Message) -> None:
        """Write number and time under way."""
        under_way = max(0, time_ns - message.sent_ns)
        after = self._durations.get(under_way)
        if after is None:
            if len(self._durations) > _MANY:
                self._durations.clear()
            after = self._durations[under_way] = f", {format_time(under_way)} after it was sent"
        self._line(time_ns, message.direction.reader.index, f"received {message.title}{after}")

    def dropped(self, time_ns: int, message: Message, why: str) -> None:
        """Write why nobody received it."""
        self._line(time_ns, message.direction.reader.index, f"NOT RECEIVED {message.title}: {why}")

    def full(self, time_ns: int, direction: TracedDirection, level: int) -> None:
        """Write how full."""
        self._line(time_ns, direction.writer.index, f"FULL {full_words(direction, level)}")

    def stalled(self, stall: ReaderStall) -> None:
        """Write who, since when, and what waits."""
        self._line(stall.now_ns, stall.direction.reader.index, f"STALLED {stall}")

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Write the words."""
        self._line(time_ns, direction.writer.index, f"to {direction.reader.name}: {control.words}")

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int, level: int) -> None:  # noqa: ARG002 - blocks
        """Write how many blocks are in use; the bytes of a ring follow from its messages."""
        if direction.blocks is not None and level != self._levels.get(direction.number, 0):
            self._levels[direction.number] = level
            room, unit = direction.room
            self._line(time_ns, direction.writer.index, f"has {level} of {room} {unit} in use")

    def state(self, time_ns: int, core: int, name: str) -> None:
        """Write the state."""
        self._line(time_ns, core, f"is {name}")

    def session(self, time_ns: int, core: int, own: int, acknowledged: int) -> None:
        """Write both ids."""
        self._line(time_ns, core, f"has session {own}, acknowledges {acknowledged or 'nobody'}")

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Write the change."""
        self._line(time_ns, core, what)

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:
        """Write fault and PC."""
        self._line(time_ns, core, f"FAULT {text} at PC 0x{pc:08X}")

    def warning(self, time_ns: int, core: int, text: str) -> None:
        """Write the text."""
        self._line(time_ns, core, f"WARNING {text}")

    def region_changed(self, time_ns: int, direction: TracedDirection, text: str) -> None:
        """Write the text."""
        self._line(time_ns, direction.writer.index, f"region {direction.title}: {text}")

    def printed(self, time_ns: int, core: int, text: str) -> None:
        """Write the line."""
        self._line(time_ns, core, f"prints {text}")

    def written(self, time_ns: int, core: int, text: str) -> None:
        """Write the input."""
        self._line(time_ns, core, f"is written to: {text}")

    def noted(self, time_ns: int, core: int, text: str) -> None:
        """Write the text."""
        self._line(time_ns, core, text)

    def close(self, end: TraceEnd) -> None:  # noqa: ARG002 - it has no time of its own
        """Hand on the rest."""
        self._hand_on()


def _titles(messages: Sequence[Message], before: str) -> str:
    return before + ", ".join(message.title for message in messages) if messages else ""
