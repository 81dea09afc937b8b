"""Sequence diagram: cores as lifelines, a row for each thing, packets as arrows from the row in which they were sent.

Places across are percentages, so that the diagram is as wide as the window while its text keeps its size.

Rows that are kept are the first ones, the last ones, and those around each problem.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.timers import format_time
from icmsg.views.report.markup import ascii_words, escaped, hex_words, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.views.writer import Message, TracedCore


FIRST: Final = 120
LAST: Final = 120
AROUND: Final = 12
"""Rows before and behind a problem."""
PROBLEMS: Final = 30
"""Problems that are listed; more are counted."""
AROUND_ALL: Final = PROBLEMS * (2 * AROUND + 1)
"""Rows around problems altogether: enough for each that is listed."""
_new: Final = tuple.__new__
LEAVES: Final = frozenset(("sent", "magic sent"))
"""Kinds of rows in which a packet begins its way."""


class Row(NamedTuple):
    """Row: what ``core`` did; ``kind`` says how it is drawn, ``packet`` is the one that came or went.

    ``towards`` is the core at the other end of a doorbell, or None. ``serial`` counts the rows, ``messages`` is the
    number of the last message that was sent before.
    """

    time_ns: int
    core: int
    kind: str
    text: str
    packet: Message | None
    towards: int | None
    is_problem: bool
    serial: int
    messages: int


@dataclass(slots=True)
class Stretch:
    """Rows without a gap, in the order of time."""

    rows: list[Row] = field(default_factory=list)


class KeptRows:
    """Takes rows as they come, and keeps a bounded number of them."""

    def __init__(self, first: int = FIRST, last: int = LAST, around: int = AROUND) -> None:
        self.count = 0
        """Rows that came."""
        self.messages = 0
        """The number of the last message that was sent."""
        self.latest_ns = 0
        self._limit: Final = first
        self._around: Final = around
        self._kept: list[Row] = []
        self._last: Final[deque[Row]] = deque(maxlen=max(last, around))
        self._following = 0

    def add(
        self,
        time_ns: int,
        core: int,
        kind: str,
        text: str = "",
        packet: Message | None = None,
        towards: int | None = None,
        is_problem: bool = False,
    ) -> int:
        """Take one more, and return its number."""
        serial = self.count
        row = _new(Row, (time_ns, core, kind, text, packet, towards, is_problem, serial, self.messages))
        self.count = serial + 1
        if packet is not None and kind == "sent":
            self.messages = packet.number
        if serial < self._limit:
            self._kept.append(row)
        elif (is_problem or self._following) and len(self._kept) < self._limit + AROUND_ALL:
            if is_problem:
                newest = self._kept[-1].serial if self._kept else -1
                self._kept += [each for each in list(self._last)[-self._around :] if each.serial > newest]
                self._following = self._around
            else:
                self._following -= 1
            self._kept.append(row)
        self._last.append(row)
        if time_ns > self.latest_ns:
            self.latest_ns = time_ns
        return serial

    def stretches(self) -> Iterator[Stretch]:
        """Yield what is kept, in stretches between which rows are missing."""
        newest = self._kept[-1].serial if self._kept else -1
        current = Stretch()
        for row in [*self._kept, *(each for each in self._last if each.serial > newest)]:
            if current.rows and row.serial != current.rows[-1].serial + 1:
                yield _ordered(current)
                current = Stretch()
            current.rows.append(row)
        if current.rows:
            yield _ordered(current)


def _ordered(stretch: Stretch) -> Stretch:
    """Return the rows by time: the events of two cores come up to a quantum out of order."""
    return Stretch(sorted(stretch.rows, key=_order))


def _order(row: Row) -> tuple[int, int, int]:
    """Return a place by time; of one time, a core receives before it does what it does about that."""
    packet = row.packet
    if packet is None or row.kind in LEAVES:
        return row.time_ns, 1, row.serial
    return max(row.time_ns, packet.sent_ns), 2 if row.time_ns <= packet.sent_ns else 0, row.serial


_ROW: Final = 22
_FOLD: Final = 40
_EDGE: Final = 7
"""Percent of the width beside the outer lifelines."""
_LOST_AT, _DROPPED_AT = 0.75, 0.6
"""Parts of the way to the reader at which an arrow ends that does not arrive."""
_SHORT, _WIDE = 32, 90
"""Characters of a text in a narrow and in a wide window."""
_SHORT_BYTES, _WIDE_BYTES, _TITLE_BYTES = 5, 16, 64
_RECEIVED: Final = frozenset(("received", "magic received"))


class Diagram:
    """The diagram of ``rows`` between ``cores``, of which those that take part become lifelines."""

    def __init__(self, rows: KeptRows, cores: Sequence[TracedCore], linked: frozenset[int]) -> None:
        self._stretches: Final = list(rows.stretches())
        self._rows: Final = rows
        used = linked | {row.core for stretch in self._stretches for row in stretch.rows}
        self._cores: Final = [core for core in cores if core.index in used]
        step = (100 - 2 * _EDGE) / max(1, len(self._cores) - 1)
        self._x: Final = {core.index: round(_EDGE + step * at, 2) for at, core in enumerate(self._cores)}
        self._y: Final[dict[Row, int]] = {}
        self._left: Final[dict[Message, int]] = {}
        """The height at which a packet leaves, and at which it arrives."""
        self._arrived: Final[dict[Message, int]] = {}
        self._folds: Final[list[tuple[int, str]]] = []
        self._height = self._place()
        self.folded: Final = rows.count - len(self._y)
        """Rows that are not in the diagram."""

    def _place(self) -> int:
        y, before = _ROW // 2 + 4, -1
        for stretch in self._stretches:
            first = min(row.serial for row in stretch.rows)
            if first > before + 1:
                self._folds.append((y, self._fold_words(stretch, first - before - 1)))
                y += _FOLD
            for row in stretch.rows:
                self._y[row] = y
                if row.packet is not None:
                    (self._left if row.kind in LEAVES else self._arrived)[row.packet] = y
                y += _ROW
            before = max(row.serial for row in stretch.rows)
        return y

    def _fold_words(self, behind: Stretch, count: int) -> str:
        earlier = [row for row in self._y if row.serial < behind.rows[0].serial]
        newest = max(earlier, key=lambda row: row.serial, default=None)
        sent = 0
        if newest is not None:
            sent = newest.packet.number if newest.kind == "sent" and newest.packet else newest.messages
        first = min(behind.rows, key=lambda row: row.serial)
        hidden = first.messages - sent
        since = format_time(first.time_ns - (newest.time_ns if newest is not None else 0))
        which = f", messages #{sent + 1} to #{first.messages}" if hidden > 1 else ""
        return f"{count} rows folded{which}: {since}"

    def svg(self) -> str:
        """Return times and diagram, to stand in one scrolling box."""
        names = "".join(self._head(core) for core in self._cores)
        return (
            f'<div class="lanes"><div class="times head"></div><div class="heads">'
            f'<svg width="100%" height="34">{names}</svg></div></div>\n'
            f'<div class="lanes"><svg class="times" width="84" height="{self._height}">'
            f"{''.join(self._times())}</svg>\n"
            f'<svg class="diagram" width="100%" height="{self._height}">'
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0.5L8 4L0 7.5Z"/></marker></defs>\n'
            f"{''.join(self._lifelines())}\n{''.join(self._all_rows())}</svg></div>\n"
        )

    def _head(self, core: TracedCore) -> str:
        x = self._x[core.index]
        anchor = self._anchor(core.index)
        at = {"start": "0%", "end": "100%"}.get(anchor, f"{x}%")
        return (
            f'<text class="core" x="{at}" y="14" text-anchor="{anchor}">{escaped(core.name)}</text>'
            f'<text class="player" x="{at}" y="29" text-anchor="{anchor}">'
            f"{escaped(shortened(core.player or 'nobody', 20))}</text>"
        )

    def _anchor(self, core: int) -> str:
        x = self._x[core]
        return "start" if x < 40 else "end" if x > 60 else "middle"

    def _times(self) -> Iterator[str]:
        for row, y in self._y.items():
            if row.packet is not None and row.kind in _RECEIVED:
                after = format_time(max(0, row.time_ns - row.packet.sent_ns))
                yield f'<text class="after" x="78" y="{y + 4}" text-anchor="end">+{after}</text>'
            else:
                yield f'<text x="78" y="{y + 4}" text-anchor="end">{format_time(row.time_ns)}</text>'

    def _lifelines(self) -> Iterator[str]:
        for core in self._cores:
            x = self._x[core.index]
            yield f'<line class="life" x1="{x}%" x2="{x}%" y1="0" y2="{self._height}"/>'

    def _all_rows(self) -> Iterator[str]:
        for y, words in self._folds:
            yield (
                f'<g class="fold"><rect x="0" y="{y - 9}" width="100%" height="{_FOLD - 14}"/>'
                f'<text class="short" x="50%" y="{y + 8}" text-anchor="middle">{words.rpartition(":")[0]}</text>'
                f'<text class="long" x="50%" y="{y + 8}" text-anchor="middle">{words}</text></g>\n'
            )
        for row, y in self._y.items():
            if row.is_problem:
                yield f'<rect class="band" x="0" y="{y - 11}" width="100%" height="{_ROW}"/>'
        for row, y in self._y.items():
            if line := self._line(row, y):
                yield f'<line class="{line[0]}{" bad-line" if row.is_problem else ""}" {line[1]}/>\n'
        for row, y in self._y.items():
            title = f"<title>{escaped(_title(row))}</title>"
            yield f'<g class="row {_class(row)}" id="row-{row.serial}">{title}{self._row(row, y)}</g>\n'

    def _line(self, row: Row, y: int) -> tuple[str, str] | None:
        """Return class and place of the line that begins in a row, or of the end of one whose beginning is folded."""
        packet, x = row.packet, self._x[row.core]
        if packet is None:
            if (to := self._x.get(row.core if row.towards is None else row.towards, x)) == x:
                return None
            end = x + (to - x) * (_LOST_AT if row.kind == "lost" else 1)
            return "ring", _place(x, y, end, y, head=row.kind != "lost")
        x, to = self._x[packet.direction.writer.index], self._x[packet.direction.reader.index]
        arrives = self._arrived.get(packet)
        if row.kind not in LEAVES:
            half = x + (to - x) / 2
            return None if packet in self._left else ("packet open", _place(half, y - 4, to, y, head=True))
        if arrives is None:
            return "packet open", _place(x, y, x + (to - x) / 2, y + 8)
        if packet.received_ns is None:
            return "packet open bad-line", _place(x, y, x + (to - x) * _DROPPED_AT, arrives)
        return "packet", _place(x, y, to, arrives, head=True)

    def _row(self, row: Row, y: int) -> str:
        """Return marks and words of a row."""
        x = self._x[row.core]
        if row.packet is not None:
            leaves = row.kind in LEAVES
            return self._leaving(row, row.packet, y) if leaves else self._arriving(row, row.packet, y)
        if row.towards is not None and row.towards in self._x:
            end = x + (self._x[row.towards] - x) * _LOST_AT
            return (_cross(end, y) if row.kind == "lost" else "") + self._words(row.core, y - 4, row.text)
        mark = _cross(x, y) if row.is_problem else f'<circle class="dot" cx="{x}%" cy="{y}" r="3"/>'
        return mark + self._words(row.core, y + 4, row.text)

    def _words(self, core: int, y: int, text: str, wide: str | None = None) -> str:
        anchor = self._anchor(core)
        aside = {"start": 9, "end": -9, "middle": 0}[anchor]
        place = f'x="{self._x[core]}%" dx="{aside}" y="{y}" text-anchor="{anchor}"'
        longer = wide if wide is not None else shortened(text, _WIDE)
        short = shortened(text, _SHORT)
        if short == longer:
            return f"<text {place}>{escaped(short)}</text>"
        return (
            f'<text class="short" {place}>{escaped(short)}</text>'
            f'<text class="long" {place}>{escaped(longer)}</text>'
        )

    def _leaving(self, row: Row, packet: Message, y: int) -> str:
        x = self._x[packet.direction.writer.index]
        rung = "bell" if packet.rung_ns is not None else "no bell"
        bell = _cross(x, y) if packet.is_lost else f'<circle class="{rung}" cx="{x}%" cy="{y}" r="4"/>'
        return bell + self._contents(row.core, y - 4, packet)

    def _contents(self, core: int, y: int, packet: Message) -> str:
        length, seen = len(packet.payload), packet.payload[:_WIDE_BYTES]
        start = f"{packet.title} {length} B "
        short = start + hex_words(seen, _SHORT_BYTES, length)
        wide = f"{start}{hex_words(seen, _WIDE_BYTES, length)}  {ascii_words(seen)}"
        return self._words(core, y, short, wide)

    def _arriving(self, row: Row, packet: Message, y: int) -> str:
        x, to = self._x[packet.direction.writer.index], self._x[packet.direction.reader.index]
        mark = f'<circle class="irq" cx="{to}%" cy="{y}" r="3"/>' if packet.interrupt_ns is not None else ""
        if row.kind != "dropped":
            return mark if packet in self._left else mark + self._contents(row.core, y - 8, packet)
        return mark + _cross(x + (to - x) * _DROPPED_AT, y) + self._words(row.core, y - 4, row.text)


def _place(x: float, y: int, to: float, until: int, *, head: bool = False) -> str:
    end = ' marker-end="url(#head)"' if head else ""
    return f'x1="{x:.2f}%" y1="{y}" x2="{to:.2f}%" y2="{until}"{end}'


def _cross(x: float, y: int) -> str:
    return f'<text class="cross" x="{x:.2f}%" y="{y + 5}" text-anchor="middle">✕</text>'


def _class(row: Row) -> str:
    return escaped(f"{row.kind.replace(' ', '-')}{' problem' if row.is_problem else ''}")


def _title(row: Row) -> str:
    packet, words = row.packet, [format_time(row.time_ns)]
    if packet is None:
        return f"{words[0]}: {row.text}"
    words.append(f"{packet.title}, {len(packet.payload)} bytes, {row.kind} {row.text}".rstrip())
    words.append(f"sent {format_time(packet.sent_ns)}")
    for what, when in (
        ("doorbell", packet.rung_ns),
        ("interrupt", packet.interrupt_ns),
        ("received", packet.received_ns),
    ):
        words.append(f"{what} {format_time(when) if when is not None else 'none'}")
    words.append(hex_words(packet.payload[:_TITLE_BYTES], _TITLE_BYTES, len(packet.payload)))
    return "; ".join(words)
