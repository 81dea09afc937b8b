"""Perfetto's own format (``.pftrace``): a track for each core, arrows from send to received, fill levels as counters.

Numbers of fields are those of Perfetto's public ``.proto`` files: TracePacket, TrackDescriptor, TrackEvent. Packets may
be out of time order, as the events of two cores are; whoever opens the file sorts them.
"""

from __future__ import annotations

from collections import defaultdict
from struct import Struct
from typing import TYPE_CHECKING, Final

from icmsg.views.protobuf import data, long_varint, number, tag, text, varint
from icmsg.views.writer import TraceWriter, full_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.views.writer import (
        Control,
        Message,
        ReaderStall,
        TracedDirection,
        TraceEnd,
        TraceOutput,
        TraceSubject,
    )

# TracePacket
_PACKET: Final = tag(1, 2)
_TIMESTAMP: Final = tag(8, 0)
_SEQUENCE: Final = number(10, 1)
_EVENT: Final = _SEQUENCE + tag(11, 2)
_DESCRIPTOR: Final = 60
_CLEARED: Final = number(13, 1)
# TrackDescriptor
_UUID, _NAME, _PARENT, _COUNTER, _ORDERING, _RANK, _ABOUT = 1, 2, 5, 8, 11, 12, 14
_EXPLICIT: Final = 3
# TrackEvent
_BEGIN, _END, _INSTANT, _COUNT = 1, 2, 3, 4
_IS_BEGIN, _IS_END, _IS_INSTANT = number(9, _BEGIN), number(9, _END), number(9, _INSTANT)
_EVENT_NAME: Final = tag(23, 2)
_VALUE: Final = tag(30, 0)
_FLOW: Final = tag(47, 1)
_LAST_FLOW: Final = tag(48, 1)
_ANNOTATION: Final = tag(4, 2)
_fixed64: Final = Struct("<Q").pack
_FLOW_SIZE: Final = len(_FLOW) + 8
# DebugAnnotation
_STRING, _INTEGER = tag(6, 2), tag(4, 0)

_LANES: Final = ("activity", "interrupts", "messages", "doorbells", "instance", "console", "problems")
_ACTIVITY, _INTERRUPTS, _MESSAGES, _DOORBELLS, _INSTANCE, _CONSOLE, _PROBLEMS = range(len(_LANES))
_MAGIC_FLOWS: Final = 1 << 32
"""Flow ids of the packets that open a region; those of messages are their numbers."""
_COUNTERS: Final = 1_000_000
_MANY: Final = 1 << 15
"""Pieces of packets that are handed on at once."""


def _integer(name: str) -> Callable[[int], bytes]:
    """Return what encodes an argument of a slice."""
    before = text(10, name) + _INTEGER

    def encode(value: int) -> bytes:
        fields = before + varint(value)
        return _ANNOTATION + varint(len(fields)) + fields

    return encode


def _string(name: str) -> Callable[[str], bytes]:
    """Return what encodes an argument of a slice."""
    before = text(10, name) + _STRING

    def encode(value: str) -> bytes:
        encoded = value.encode()
        fields = before + varint(len(encoded)) + encoded
        return _ANNOTATION + varint(len(fields)) + fields

    return encode


_SEND: Final = b"send "
_MSG, _SIZE, _CHANNELS, _OWN = map(_integer, ("msg", "size", "channels", "number at endpoint"))
_MSG_BEFORE: Final = _MSG(1 << 28)[:-5]
"""The argument ``msg`` up to its value, which has five bytes here."""
_PAYLOAD, _WHY, _PC, _ENDPOINT, _PLACE = map(_string, ("payload", "why", "pc", "endpoint", "place"))


class PerfettoWriter(TraceWriter):
    """Writes packets as things happen; slices that are open at the end are closed there."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        super().__init__(subject, output)
        self._parts: list[bytes] = []
        self._lanes = {
            (core.index, lane): number(11, self._lane(core.index, lane))
            for core in subject.cores
            for lane in range(len(_LANES))
        }
        self._instants = {place: _IS_INSTANT + track + _EVENT_NAME for place, track in self._lanes.items()}
        self._counters = {
            each.number: number(9, _COUNT) + number(11, _COUNTERS + each.number) + _VALUE
            for each in subject.directions
        }
        self._open: dict[bytes, int] = defaultdict(int)  # slices by track
        self._turns: dict[tuple[bytes, str], tuple[bytes, bytes, bytes]] = {}  # of one slice into the next
        self._levels: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._framed: dict[bytes, tuple[bytes, bytes]] = {}  # events as they are
        self._passing: dict[tuple[int, int, str, int], tuple[bytes, bytes]] = {}  # what an arrow goes through
        self._leaving: dict[tuple[int, int, int, int], tuple[bytes, bytes, bytes]] = {}  # where it begins
        self._time, self._stamp, self._length = -1, b"", 0
        self._last_ns = subject.start_ns
        self._describe()
        for core in subject.cores:
            if core.player == "Python":
                self._begin(subject.start_ns, self._lanes[core.index, _ACTIVITY], "played by Python")
        for each in subject.directions:
            indices = each.rd_idx, each.wr_idx
            self.filled(subject.start_ns, each, *indices, each.level(*indices))

    # Tracks

    def _lane(self, core: int, lane: int) -> int:
        return (core + 1) * 100 + lane + 1

    def _describe(self) -> None:
        cleared = _CLEARED
        for rank, core in enumerate(self.subject.cores):
            root = (core.index + 1) * 100
            about = ", ".join(filter(None, (f"core {core.name} of {self.subject.platform}", core.player)))
            fields = number(_UUID, root) + text(_NAME, f"{core.name} {core.player}".strip())
            fields += number(_ORDERING, _EXPLICIT) + number(_RANK, rank) + text(_ABOUT, about)
            self._track(fields, cleared)
            cleared = b""
            for lane, name in enumerate(_LANES):
                fields = number(_UUID, self._lane(core.index, lane)) + number(_PARENT, root)
                self._track(fields + text(_NAME, name) + number(_RANK, lane))
        for each in self.subject.directions:
            room, unit = each.room
            name = (
                f"{each.title} {each.instance}: {unit} in {'use' if each.blocks else 'the ring'} (of {room})"
            )
            fields = number(_UUID, _COUNTERS + each.number) + text(_NAME, name)
            self._track(fields + data(_COUNTER, text(6, unit)))

    def _track(self, fields: bytes, more: bytes = b"") -> None:
        self._parts.append(data(1, _SEQUENCE + more + data(_DESCRIPTOR, fields)))

    # Events: what is written again and again is framed once, for a time whose encoding has the same length

    def _begin_time(self, time_ns: int) -> None:
        self._time = time_ns
        self._stamp = _TIMESTAMP + long_varint(time_ns) + _EVENT
        if time_ns > self._last_ns:
            self._last_ns = time_ns
        if len(self._stamp) != self._length:
            self._length = len(self._stamp)
            self._forget()
        if len(self._parts) > _MANY:
            self._hand_on()
            if len(self._framed) + len(self._levels) + len(self._leaving) > _MANY:
                self._forget()

    def _forget(self) -> None:
        for known in (self._framed, self._levels, self._turns, self._passing, self._leaving):
            known.clear()

    def _hand_on(self) -> None:
        self.output.write(b"".join(self._parts))
        self._parts.clear()

    def _frame(self, event: bytes, more: int = 0) -> tuple[bytes, bytes]:
        """Return what stands before the stamp and behind it, of an event that has so many more bytes."""
        length = len(event) + more
        encoded = varint(length)
        return _PACKET + varint(len(self._stamp) + len(encoded) + length), encoded + event

    def _event(self, time_ns: int, event: bytes) -> None:
        if time_ns != self._time:
            self._begin_time(time_ns)
        if (framed := self._framed.get(event)) is None:
            framed = self._framed[event] = self._frame(event)
        self._parts += (framed[0], self._stamp, framed[1])

    def _instant(self, time_ns: int, place: tuple[int, int], name: bytes, more: bytes = b"") -> None:
        """Write an instant on the lane of a core."""
        if time_ns != self._time:
            self._begin_time(time_ns)
        head, event = self._frame(self._instants[place] + varint(len(name)), len(name) + len(more))
        self._parts += (head, self._stamp, event, name, more)

    def _passes(
        self, time_ns: int, core: int, lane: int, name: str, message: Message, flow: bytes = _FLOW
    ) -> None:
        """Write an instant through which the arrow of a message goes: the most frequent of all events."""
        if time_ns != self._time:
            self._begin_time(time_ns)
        title = message.title.encode()
        key = core, lane, name, len(title)
        if (framed := self._passing.get(key)) is None:
            start = name.encode()
            event = self._instants[core, lane] + varint(len(start) + len(title)) + start
            framed = self._passing[key] = self._frame(event, len(title) + _FLOW_SIZE)
        flow_id = message.number or _MAGIC_FLOWS + message.direction.number
        self._parts += (framed[0], self._stamp, framed[1], title, flow, _fixed64(flow_id))

    def _begin(self, time_ns: int, track: bytes, name: str) -> None:
        self._open[track] += 1
        self._event(time_ns, _beginning(track, name))

    def _end(self, time_ns: int, track: bytes) -> None:
        if self._open[track]:
            self._open[track] -= 1
            self._event(time_ns, _IS_END + track)

    def _becomes(self, time_ns: int, track: bytes, name: str) -> None:
        """End the slice of a track, if there is one, and begin another."""
        if not self._open[track]:
            self._begin(time_ns, track, name)
            return
        if time_ns != self._time:
            self._begin_time(time_ns)
        if (framed := self._turns.get((track, name))) is None:
            head, end = self._frame(_IS_END + track)
            head_of_next, begin = self._frame(_beginning(track, name))
            framed = self._turns[track, name] = head, end + head_of_next, begin
        self._parts += (framed[0], self._stamp, framed[1], self._stamp, framed[2])

    # Messages

    def sent(self, time_ns: int, message: Message) -> None:
        """Write an instant at which the arrow of the message begins, with its payload."""
        direction, payload = message.direction, message.payload
        if message.endpoint or not message.number:
            more = _flow(message) + _MSG(message.number) + _SIZE(len(payload)) + _PAYLOAD(payload.hex())
            if message.endpoint:
                more += _ENDPOINT(message.endpoint) + _OWN(message.own_number) + _PLACE(message.place)
            self._instant(
                time_ns, (direction.writer.index, _MESSAGES), f"send {message.title}".encode(), more
            )
            return
        if time_ns != self._time:
            self._begin_time(time_ns)
        title, number = message.title.encode(), long_varint(message.number)
        key = direction.number, len(title), len(payload), len(number)
        if (framed := self._leaving.get(key)) is None:
            framed = self._leaving[key] = self._frame_of_sent(*key, direction.writer.index)
        head, before, behind = framed
        flow, shown = _fixed64(message.number), payload.hex().encode()
        self._parts += (head, self._stamp, before, title, _FLOW, flow, _MSG_BEFORE, number, behind, shown)

    def _frame_of_sent(
        self, _direction: int, title: int, payload: int, number: int, core: int
    ) -> tuple[bytes, bytes, bytes]:
        before = self._instants[core, _MESSAGES] + varint(len(_SEND) + title) + _SEND
        size = _SIZE(payload)
        hexadecimal = _PAYLOAD("0" * 2 * payload)
        behind = size + hexadecimal[: len(hexadecimal) - 2 * payload]
        rest = title + _FLOW_SIZE + len(_MSG_BEFORE) + number + len(behind) + 2 * payload
        return *self._frame(before, rest), behind

    def received(self, time_ns: int, message: Message) -> None:
        """Write the end of the arrow."""
        self._passes(time_ns, message.direction.reader.index, _MESSAGES, "received ", message, _LAST_FLOW)

    def dropped(self, time_ns: int, message: Message, why: str) -> None:
        """Write that the arrow ends nowhere."""
        reader = message.direction.reader.index
        more = _flow(message, _LAST_FLOW) + _WHY(why)
        name = f"NOT RECEIVED {message.title}".encode()
        self._instant(time_ns, (reader, _MESSAGES), name, more)
        self._instant(time_ns, (reader, _PROBLEMS), name, _WHY(why))

    def full(self, time_ns: int, direction: TracedDirection, level: int) -> None:
        """Write how full among the problems of its writer."""
        self._problem(time_ns, direction.writer.index, f"FULL {full_words(direction, level)}")

    def stalled(self, stall: ReaderStall) -> None:
        """Begin a slice among the problems of the reader, where it stopped to take; it lasts until the end."""
        reader = stall.direction.reader.index
        self._begin(stall.since_ns, self._lanes[reader, _PROBLEMS], f"STALLED {stall}")

    def rang(self, time_ns: int, core: int, channel: int, messages: Sequence[Message]) -> None:
        """Write a doorbell, through which the arrows go."""
        if len(messages) == 1:
            self._passes(time_ns, core, _DOORBELLS, f"ring {channel} ", messages[0])
        else:
            name = f"ring {channel}{_titles(messages)}".encode()
            self._instant(time_ns, (core, _DOORBELLS), name, _flows(messages))

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:
        """Write the loss where the doorbell is, and among the problems."""
        name = f"LOST doorbell{_titles(messages)}".encode()
        more = _CHANNELS(channels)
        self._instant(time_ns, (core, _DOORBELLS), name, more)
        self._instant(time_ns, (core, _PROBLEMS), name, more)

    def interrupt(self, time_ns: int, core: int, number: int, messages: Sequence[Message]) -> None:
        """Write the rise of the line, through which the arrows go."""
        if len(messages) == 1:
            self._passes(time_ns, core, _INTERRUPTS, f"interrupt {number} rises ", messages[0])
        else:
            name = f"interrupt {number} rises{_titles(messages)}".encode()
            self._instant(time_ns, (core, _INTERRUPTS), name, _flows(messages))

    def interrupt_taken(self, time_ns: int, core: int, number: int) -> None:
        """Begin the slice of a handler."""
        self._begin(time_ns, self._lanes[core, _INTERRUPTS], f"interrupt {number}")

    def interrupt_ended(self, time_ns: int, core: int, number: int) -> None:  # noqa: ARG002 - the last one taken
        """End the slice of a handler."""
        self._end(time_ns, self._lanes[core, _INTERRUPTS])

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Write the words beside the messages of its writer."""
        self._instant(time_ns, (direction.writer.index, _MESSAGES), control.words.encode())

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int, level: int) -> None:  # noqa: ARG002 - the level
        """Write the fill level."""
        if time_ns != self._time:
            self._begin_time(time_ns)
        key = direction.number, level
        if (framed := self._levels.get(key)) is None:
            framed = self._levels[key] = self._frame(self._counters[direction.number] + varint(level))
        self._parts += (framed[0], self._stamp, framed[1])

    # Cores and instances

    def state(self, time_ns: int, core: int, name: str) -> None:
        """Begin the slice of a state."""
        self._becomes(time_ns, self._lanes[core, _INSTANCE], name)

    def session(self, time_ns: int, core: int, own: int, acknowledged: int) -> None:
        """Write both ids."""
        name = f"session {own}, acknowledges {acknowledged or 'nobody'}".encode()
        self._instant(time_ns, (core, _INSTANCE), name)

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Begin the slice of what the core does now; a reset also ends the handlers that ran."""
        if what == "reset":
            self._instant(time_ns, (core, _ACTIVITY), b"reset")
            while self._open[interrupts := self._lanes[core, _INTERRUPTS]]:
                self._end(time_ns, interrupts)
        else:
            self._becomes(time_ns, self._lanes[core, _ACTIVITY], what)

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:
        """Write a fault among the problems."""
        self._problem(time_ns, core, f"FAULT {text}", _PC(f"0x{pc:08X}"))

    def warning(self, time_ns: int, core: int, text: str) -> None:
        """Write a warning among the problems."""
        self._problem(time_ns, core, text)

    def region_changed(self, time_ns: int, direction: TracedDirection, text: str) -> None:
        """Write what became of a region among the problems of its writer."""
        self._problem(time_ns, direction.writer.index, f"region {direction.title}: {text}")

    def _problem(self, time_ns: int, core: int, name: str, more: bytes = b"") -> None:
        self._instant(time_ns, (core, _PROBLEMS), name.encode(), more)

    def printed(self, time_ns: int, core: int, text: str) -> None:
        """Write a line of the console."""
        self._instant(time_ns, (core, _CONSOLE), text.encode() or b" ")

    def written(self, time_ns: int, core: int, text: str) -> None:
        """Write input of the console."""
        self._instant(time_ns, (core, _CONSOLE), f"< {text}".encode())

    def noted(self, time_ns: int, core: int, text: str) -> None:
        """Write what a test did among the problems."""
        self._problem(time_ns, core, text)

    def close(self, end: TraceEnd) -> None:
        """End all slices, and hand on the rest."""
        for track, open_slices in list(self._open.items()):
            for _ in range(open_slices):
                self._end(max(self._last_ns, end.now_ns), track)
        self._hand_on()


def _beginning(track: bytes, name: str) -> bytes:
    encoded = name.encode()
    return _IS_BEGIN + track + _EVENT_NAME + varint(len(encoded)) + encoded


def _flow(message: Message, kind: bytes = _FLOW) -> bytes:
    return kind + _fixed64(message.number or _MAGIC_FLOWS + message.direction.number)


def _flows(messages: Sequence[Message]) -> bytes:
    return b"".join(map(_flow, messages))


def _titles(messages: Sequence[Message]) -> str:
    return "".join([f" {message.title}" for message in messages])
