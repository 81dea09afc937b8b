"""Text: a line for each thing, as far as a person wants to read them; grep for ``#17`` finds all of message 17."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.machine.simtime import format_time
from icmsg.views.text import format_microseconds
from icmsg.views.writer import TraceWriter, full_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.views.writer import Control, Message, ReaderStall, TracedDirection, TraceOutput, TraceSubject

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

    def close(self) -> None:
        """Hand on the rest."""
        self._hand_on()


def _titles(messages: Sequence[Message], before: str) -> str:
    return before + ", ".join(message.title for message in messages) if messages else ""
