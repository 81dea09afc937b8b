"""The event stream as lines of text, for a log or for the file that a failed test leaves behind.

>>> from icmsg.machine.events import ENDPOINT_SHIFT, LENGTH_MASK, REWORK_STATES, Event, EventKind
>>> format_event(Event(18_410, EventKind.DOORBELL, 0, 1, 0), ["app", "net"])
'      18.410 µs  app  rings mbox channel 1'
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.errors import ConfigurationError
from icmsg.ipc import LegacyState, ReworkState, State
from icmsg.machine.events import (
    ENDPOINT_SHIFT,
    LENGTH_MASK,
    REWORK_STATES,
    TIMELINE,
    Event,
    EventKind,
)
from icmsg.machine.fault_causes import fault_name
from icmsg.machine.region_news import EndpointMessage, Packets, RegionChanged
from icmsg.outputs import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from icmsg.machine.machine import Machine

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
