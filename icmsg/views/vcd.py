"""Waveforms (``.vcd``) for GTKWave and Surfer: what each core does, doorbells, indices and fill levels, by value.

Written by hand, since a file of this kind is one line for each change: the library for it takes three times as long.
Beside the file stands one for GTKWave (``.gtkw``) that shows all signals, strings as text and fill levels as curves.

Order by time, for formats that cannot go back: the events of two cores come up to a quantum out of order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from icmsg.config.instance import InstanceConfig
from icmsg.timers import MS
from icmsg.views.writer import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from icmsg.views.writer import (
        Control,
        Message,
        ReaderStall,
        TracedDirection,
        TraceEnd,
        TraceOutput,
        TraceSubject,
    )


_LATEST_NS: Final = 10 * MS
"""No slice of a core is longer, whatever the quantum, and no core is further ahead."""
_ENOUGH: Final = 4096


class TimeOrder:
    """Holds what was added until nothing older can come any more, and hands it to ``write`` by time, many at once.

    Of one time, what was added first comes first. What comes later than that all the same gets the last time written.
    """

    def __init__(self, write: Callable[[Iterable[tuple[int, bytes]]], None]) -> None:
        self._write = write
        # Two lists, since the garbage collector would look at pairs.
        self._times: list[int] = []
        self._held: list[bytes] = []
        self._written = 0
        self._next_look = _ENOUGH

    def add(self, time_ns: int, what: bytes) -> None:
        """Take one more."""
        self._times.append(time_ns)
        self._held.append(what)
        if len(self._held) >= self._next_look:
            self._hand_on(_LATEST_NS)
            self._next_look = max(_ENOUGH, 2 * len(self._held))

    def close(self) -> None:
        """Hand on all that is held."""
        self._hand_on(0)

    def _hand_on(self, held_ns: int) -> None:
        """Hand on all but the newest ``held_ns``."""
        order = sorted(range(len(self._times)), key=self._times.__getitem__)
        times = [self._times[index] for index in order]
        held = [self._held[index] for index in order]
        ready = bisect_right(times, times[-1] - held_ns) if times else 0
        self._times, self._held = times[ready:], held[ready:]
        if ready:
            late = bisect_left(times, self._written, 0, ready)
            times[:late] = [self._written] * late
            self._written = times[ready - 1]
            self._write(zip(times[:ready], held, strict=False))


_FIRST_ID, _IDS = 33, 94
_STRING, _EVENT, _NUMBER, _INDEX = "string", "event", "integer", "reg"
_WIDTHS: Final = {_STRING: 1, _EVENT: 1, _NUMBER: 32, _INDEX: 17}
_FLAGS: Final = {_STRING: 0x820, _EVENT: 0x20, _NUMBER: 0x24, _INDEX: 0x24}
"""Flags of a signal in GTKWave's file: right-justified, and text, decimal or binary."""
_CURVE, _MORE_HEIGHT = 0x88024, 0x20200
_MANY: Final = 1 << 14
"""Changes of indices that are remembered."""
_GROUP, _GROUP_END = 0x800200, 0x1000200

_OF_CORE: Final = {
    "activity": _STRING,
    "handler": _NUMBER,
    "irq": _EVENT,
    "ring": _EVENT,
    "channel": _NUMBER,
    "state": _STRING,
    "fault": _EVENT,
}
_OF_DIRECTION: Final = {
    "fill": _INDEX,
    "wr": _INDEX,
    "rd": _INDEX,
    "sent": _NUMBER,
    "ring": _EVENT,
    "lost": _EVENT,
    "received": _NUMBER,
    "dropped": _NUMBER,
    "full": _EVENT,
    "stalled": _EVENT,
}
_OF_ENDPOINTS: Final = _OF_DIRECTION | {"endpoint": _STRING, "released": _EVENT}
"""Signals of a backend with several endpoints: also where the last message was sent, and that blocks came back."""


class VcdWriter(TraceWriter):
    """Writes changes in the order of time; messages are their numbers, 0 is the magic."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        super().__init__(subject, output)
        self._write = output.write
        self._at = -1
        self._order = TimeOrder(self._changed)
        self._add = self._order.add
        self._ids: dict[tuple[str, str], bytes] = {}
        self._scopes = {core.name: _OF_CORE for core in subject.cores}
        self._core_scopes = subject.names
        self._ways = [_scope(each, len(subject.links) > 1) for each in subject.directions]
        self._scopes |= {
            scope: _OF_DIRECTION if isinstance(each.config, InstanceConfig) else _OF_ENDPOINTS
            for scope, each in zip(self._ways, subject.directions, strict=True)
        }
        self._by_channel = {(each.writer.index, each.channel): each.number for each in subject.directions}
        self._handlers: dict[int, list[int]] = {core.index: [] for core in subject.cores}
        self._indices: dict[int, tuple[int, int]] = {}
        self._bells: dict[tuple[int, int], bytes] = {}
        self._of_index: dict[tuple[int, str, int], bytes] = {}
        self._of_core: dict[tuple[int, str | int], bytes] = {}
        self._declare()

    def _declare(self) -> None:
        lines = [
            f"$comment icmsg, {self.subject.platform} $end",
            "$timescale 1 ns $end",
            "$scope module icmsg $end",
        ]
        for scope, signals in self._scopes.items():
            lines.append(f"$scope module {scope} $end")
            for name, kind in signals.items():
                own = self._ids[scope, name] = _identifier(len(self._ids))
                width = _WIDTHS[kind]
                bits = f" [{width - 1}:0]" if kind == _INDEX else ""
                lines.append(f"$var {kind} {width} {own.decode()} {name}{bits} $end")
            lines.append("$upscope $end")
        lines += ["$upscope $end", "$enddefinitions $end"]
        self._write("".join(f"{line}\n" for line in lines).encode())
        start = self.subject.start_ns
        for core in self.subject.cores:
            self._set_text(start, core.name, "activity", "python" if core.player == "Python" else "halted")
            self._set_text(start, core.name, "state", "-")
            self._set(start, core.name, "handler", 0)
        for each in self.subject.directions:
            self.filled(start, each, each.rd_idx, each.wr_idx, each.level(each.rd_idx, each.wr_idx))
            for name in ("sent", "received", "dropped"):
                self._set(start, self._ways[each.number], name, 0)
            if (self._ways[each.number], "endpoint") in self._ids:
                self._set_text(start, self._ways[each.number], "endpoint", "-")

    def _changed(self, changes: Iterable[tuple[int, bytes]]) -> None:
        at, parts = self._at, []
        for time_ns, change in changes:
            if time_ns != at:
                at = time_ns
                parts.append(b"#%d\n" % time_ns)
            parts.append(change)
        self._at = at
        self._write(b"".join(parts))

    def _number(self, scope: str, name: str, value: int) -> bytes:
        return b"b%b %b\n" % (f"{value:b}".encode(), self._ids[scope, name])

    def _set(self, time_ns: int, scope: str, name: str, value: int) -> None:
        self._add(time_ns, b"b%b %b\n" % (f"{value:b}".encode(), self._ids[scope, name]))

    def _set_text(self, time_ns: int, scope: str, name: str, value: str) -> None:
        self._add(time_ns, b"s%b %b\n" % (value.replace(" ", "\\x20").encode(), self._ids[scope, name]))

    def _happens(self, time_ns: int, scope: str, name: str) -> None:
        self._add(time_ns, b"1%b\n" % self._ids[scope, name])

    # Messages

    def sent(self, time_ns: int, message: Message) -> None:
        """Write the number, and the endpoint with the number there."""
        scope = self._ways[message.direction.number]
        self._set(time_ns, scope, "sent", message.number)
        if message.endpoint:
            self._set_text(time_ns, scope, "endpoint", f"{message.endpoint}:{message.own_number}")

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Write that its writer has given blocks back."""
        if control.is_release:
            self._happens(time_ns, self._ways[direction.number], "released")

    def received(self, time_ns: int, message: Message) -> None:
        """Write the number."""
        self._set(time_ns, self._ways[message.direction.number], "received", message.number)

    def dropped(self, time_ns: int, message: Message, why: str) -> None:  # noqa: ARG002 - a number is all there is
        """Write the number."""
        self._set(time_ns, self._ways[message.direction.number], "dropped", message.number)

    def full(self, time_ns: int, direction: TracedDirection, level: int) -> None:  # noqa: ARG002 - fill has it
        """Write that the ring is almost full."""
        self._happens(time_ns, self._ways[direction.number], "full")

    def stalled(self, stall: ReaderStall) -> None:
        """Write that the reader has left messages; since when is where ``received`` changed last."""
        self._happens(stall.now_ns, self._ways[stall.direction.number], "stalled")

    def rang(self, time_ns: int, core: int, channel: int, messages: Sequence[Message]) -> None:  # noqa: ARG002 - sent has them
        """Write the doorbell at its core, with its channel, and at the direction that it belongs to."""
        changes = self._bells.get((core, channel))
        if changes is None:
            scope = self._core_scopes[core]
            changes = self._number(scope, "channel", channel) + b"1%b\n" % self._ids[scope, "ring"]
            if (way := self._by_channel.get((core, channel))) is not None:
                changes += b"1%b\n" % self._ids[self._ways[way], "ring"]
            self._bells[core, channel] = changes
        self._add(time_ns, changes)

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:  # noqa: ARG002 - has no words
        """Write the loss at the directions that the core writes."""
        for each in self.subject.directions:
            if each.writer.index == core:
                self._happens(time_ns, self._ways[each.number], "lost")

    def interrupt(self, time_ns: int, core: int, number: int, messages: Sequence[Message]) -> None:  # noqa: ARG002 - the handler says it
        """Write that a line rose."""
        self._happens(time_ns, self._core_scopes[core], "irq")

    def interrupt_taken(self, time_ns: int, core: int, number: int) -> None:
        """Write whose handler runs."""
        self._handlers[core].append(number)
        self._runs(time_ns, core, number)

    def interrupt_ended(self, time_ns: int, core: int, number: int) -> None:
        """Write whose handler runs now, 0 for none."""
        running = self._handlers[core]
        if number in running:
            running.remove(number)
        self._runs(time_ns, core, running[-1] if running else 0)

    def _runs(self, time_ns: int, core: int, number: int) -> None:
        change = self._of_core.get((core, number))
        if change is None:
            change = self._of_core[core, number] = self._number(self._core_scopes[core], "handler", number)
        self._add(time_ns, change)

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int, level: int) -> None:
        """Write both indices and the fill level."""
        number = direction.number
        before = self._indices.get(number, (-1, -1))
        self._indices[number] = rd_idx, wr_idx
        changes = b""
        if wr_idx != before[1]:
            changes = self._index(number, "wr", wr_idx)
        if rd_idx != before[0]:
            changes += self._index(number, "rd", rd_idx)
        self._add(time_ns, changes + self._index(number, "fill", level))

    def _index(self, direction: int, name: str, value: int) -> bytes:
        key = direction, name, value
        change = self._of_index.get(key)
        if change is None:
            if len(self._of_index) > _MANY:
                self._of_index.clear()
            change = self._number(self._ways[direction], name, value & 0x1FFFF)
            self._of_index[key] = change
        return change

    # Cores and instances

    def state(self, time_ns: int, core: int, name: str) -> None:
        """Write the state."""
        self._set_text(time_ns, self._core_scopes[core], "state", name)

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Write what the core does now."""
        change = self._of_core.get((core, what))
        if change is None:
            own = self._ids[self._core_scopes[core], "activity"]
            change = self._of_core[core, what] = b"s%b %b\n" % (what.encode(), own)
        self._add(time_ns, change)

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:  # noqa: ARG002 - a waveform has no words
        """Write that the core faulted."""
        self._happens(time_ns, self._core_scopes[core], "fault")

    # The end

    def close(self, end: TraceEnd) -> None:
        """Write what is held, and the time of the end."""
        self._order.add(max(end.now_ns, self.subject.start_ns), b"")
        self._order.close()

    def companions(self, name: str) -> Mapping[str, str]:
        """Return the file for GTKWave."""
        return {".gtkw": "".join(f"{line}\n" for line in self._view(name))}

    def _view(self, name: str) -> Iterator[str]:
        yield from (f'[dumpfile] "{name}"', "[timestart] 0", "[treeopen] icmsg.")
        for scope, signals in self._scopes.items():
            yield from (f"@{_GROUP:x}", f"-{scope}")
            for signal, kind in signals.items():
                path = f"icmsg.{scope}.{signal}" + (f"[{_WIDTHS[kind] - 1}:0]" if kind == _INDEX else "")
                yield from (f"@{_CURVE if signal == 'fill' else _FLAGS[kind]:x}", path)
                if signal == "fill":
                    yield from (f"@{_MORE_HEIGHT:x}", "-", "-")
            yield from (f"@{_GROUP_END:x}", f"-{scope}")


def _identifier(number: int) -> bytes:
    text = bytearray([_FIRST_ID + number % _IDS])
    while number := number // _IDS:
        text.append(_FIRST_ID + number % _IDS)
    return bytes(text)


def _scope(direction: TracedDirection, several: bool) -> str:
    name = f"{direction.writer.name}_to_{direction.reader.name}"
    return f"{name}_{direction.instance}" if several else name
