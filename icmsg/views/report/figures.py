"""Figures of a trace for its report: counts of each direction and core, times under way, round trips, fill levels.

A fill level over time has a bounded number of steps, and its curve. All of it is the report's material when the trace
has ended.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from icmsg.timers import format_time
from icmsg.views.report.markup import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.views.report.diagram import KeptRows
    from icmsg.views.report.ending import Ending
    from icmsg.views.writer import Message, TracedCore, TracedDirection, TraceSubject


_UNDER_WAY: Final = 256
"""Messages of one direction whose echo may still come."""


class Durations:
    """Smallest, mean and largest of many durations."""

    def __init__(self) -> None:
        self.count = self._sum = 0
        self._least = self._most = 0
        self.slowest = ""
        """The message that took longest."""

    def add(self, duration_ns: int, title: str) -> None:
        """Take one more."""
        if not self.count or duration_ns < self._least:
            self._least = duration_ns
        if not self.count or duration_ns > self._most:
            self._most, self.slowest = duration_ns, title
        self.count += 1
        self._sum += duration_ns

    def __str__(self) -> str:
        return f"{format_time(self.mean)}, {self.spread}" if self.count else "none"

    @property
    def mean(self) -> int:
        """The mean, in nanoseconds."""
        return self._sum // max(1, self.count)

    @property
    def spread(self) -> str:
        """The smallest and the largest."""
        return f"{format_time(self._least)} to {format_time(self._most)}"


@dataclass(slots=True)
class EndpointFigures:
    """Counts of one endpoint in one direction."""

    sent: int = 0
    received: int = 0
    bytes: int = 0


class DirectionFigures:
    """Counts of one direction; the magic that opens a region is in none of them."""

    def __init__(self, direction: TracedDirection, levels: FillLevel) -> None:
        self.direction: Final = direction
        self.levels: Final = levels
        self.sent = self.received = self.dropped = self.waiting = self.bytes = 0
        self.rung = self.rung_for_nothing = self.lost = self.released = 0
        self.endpoints: Final[dict[str, EndpointFigures]] = {}
        """Counts of each endpoint by its name, where there are several."""
        self.last_taken = (0, "")
        """Time and name of the last message that was received."""
        self.under_way: Final = Durations()
        self.round_trips: Final = Durations()
        """Times from a message of this direction to the receipt of its echo."""
        self._unanswered: Final[deque[tuple[int, int, int, str]]] = deque(maxlen=_UNDER_WAY)
        self._echoes: set[Message] = set()

    def sends(self, message: Message, back: DirectionFigures) -> None:
        """Take a message; if it repeats one that came from the other side, it is its echo."""
        length = len(message.payload)
        self.sent += 1
        self.bytes += length
        if message.endpoint:
            at = self._at(message)
            at.sent += 1
            at.bytes += length
        crc = crc32(message.payload)
        for waiting in back._unanswered:
            if waiting[0] == length and waiting[1] == crc:
                self._echoes.add(message)
                break
        else:
            self._unanswered.append((length, crc, message.sent_ns, message.title))

    def receives(self, message: Message, time_ns: int, back: DirectionFigures) -> None:
        """Take that a message was received, and with it the round trip that it ends."""
        self.received += 1
        self.last_taken = time_ns, message.title
        if message.endpoint:
            self._at(message).received += 1
        self.under_way.add(max(0, time_ns - message.sent_ns), message.title)
        if message in self._echoes:
            self._echoes.remove(message)
            length, crc = len(message.payload), crc32(message.payload)
            for waiting in back._unanswered:
                if waiting[0] == length and waiting[1] == crc:
                    back.round_trips.add(max(0, time_ns - waiting[2]), waiting[3])
                    back._unanswered.remove(waiting)
                    break

    def _at(self, message: Message) -> EndpointFigures:
        return self.endpoints.setdefault(message.endpoint, EndpointFigures())

    def drops(self, message: Message, *, at_end: bool) -> None:
        """Take that nobody receives a message any more."""
        self._echoes.discard(message)
        if at_end:
            self.waiting += 1
        else:
            self.dropped += 1


class CoreFigures:
    """Counts of one core, and what it did last."""

    def __init__(self, core: TracedCore) -> None:
        self.core = core
        self.activity = ""
        self.state = ""
        self.last: tuple[int, str, str] = (-1, "nothing", "")
        """Time of the last thing that it did (-1 for never), what it was, and the number or message with it."""
        self.faults = self.warnings = self.resets = 0
        self.rung: Final[Counter[int]] = Counter()
        """Doorbells by channel."""
        self.lost: Final[Counter[int]] = Counter()
        self.interrupts: Final[Counter[int]] = Counter()


_STEPS: Final = 1024
"""Steps that are kept; at more of them each becomes twice as long."""
_WIDTH: Final = 1000
_HEIGHT: Final = 100


class FillLevel:
    """Fill level of one direction: of each step of time the smallest, the largest and the last one."""

    def __init__(self, direction: TracedDirection, start_ns: int) -> None:
        self.direction: Final = direction
        _, self.unit = direction.room
        self.capacity: Final = direction.capacity
        self.almost_full: Final = direction.almost_full
        self._length: Final = direction.layout.data_length if direction.layout is not None else None
        level = direction.level(direction.rd_idx, direction.wr_idx)
        self.now = level if self._length is None or direction.wr_idx < self._length else 0
        self.peak = self.now
        self.peak_ns = start_ns
        self.changes = 0
        self._start_ns: Final = start_ns
        self._shift = 0
        self._steps: dict[int, tuple[int, int, int]] = {0: (self.now, self.now, self.now)}

    def add(self, time_ns: int, rd_idx: int, wr_idx: int, level: int) -> None:
        """Take the level after a change; indices that are none are said elsewhere."""
        if self._length is not None and (rd_idx >= self._length or wr_idx >= self._length):
            return
        self.now = level
        self.changes += 1
        if level > self.peak:
            self.peak, self.peak_ns = level, time_ns
        step = time_ns - self._start_ns >> self._shift if time_ns > self._start_ns else 0
        while step >= _STEPS:
            self._double()
            step >>= 1
        steps = self._steps
        if (known := steps.get(step)) is None:
            steps[step] = (level, level, level)
        else:
            low, high, _ = known
            steps[step] = (level if level < low else low, level if level > high else high, level)

    def _double(self) -> None:
        before = sorted(self._steps.items())
        self._shift += 1
        self._steps = {}
        for step, (low, high, last) in before:
            own = self._steps.get(step >> 1, (low, high, last))
            self._steps[step >> 1] = (min(low, own[0]), max(high, own[1]), last)

    def curve(self, end_ns: int) -> str:
        """Return the curve as an SVG, as wide as the page."""
        span = max(1, end_ns - self._start_ns)
        top = max(self.peak, 1)
        line, y = "", _number(_HEIGHT)
        for step, (low, high, last) in sorted(self._steps.items()):
            x = _number(min(_WIDTH, (step << self._shift) * _WIDTH / span))
            line += f"L{x} {y}" if line else f"M{x} {y}"
            for level in (high, low, last) if high != low else (last,):
                y = _number(_HEIGHT - level * _HEIGHT / top)
                line += f"L{x} {y}"
        line += f"L{_WIDTH} {y}"
        title = escaped(self.direction.title)
        share = f"{100 * self.peak / self.capacity:.1f} %"
        if self.peak >= self.almost_full:
            share = f'<b class="bad">{share}</b>'
        return (
            f'<figure class="curve"><figcaption><b>{title}</b> ({escaped(self.direction.instance)}): '
            f"at most {self.peak} of {self.capacity} {self.unit} ({share}), at {format_time(self.peak_ns)}; "
            f"{self.now} at the end</figcaption>\n"
            f'<svg width="100%" height="150" role="img" aria-label="fill level of {title}">'
            f'<svg x="0" y="16" width="100%" height="108" viewBox="0 -4 {_WIDTH} 108" preserveAspectRatio="none">'
            f'<path class="area" d="{line}L{_WIDTH} {_HEIGHT}L0 {_HEIGHT}Z"/>'
            f'<path class="level" d="{line}"/>'
            f'<path class="axis" d="M0 {_HEIGHT}H{_WIDTH}M0 0H{_WIDTH}"/></svg>'
            f'<text x="0" y="12">{self.peak} {self.unit}</text>'
            f'<text x="0" y="142">{format_time(self._start_ns)}</text>'
            f'<text x="50%" y="142" text-anchor="middle">{format_time(self._start_ns + span // 2)}</text>'
            f'<text x="100%" y="142" text-anchor="end">{format_time(end_ns)}</text></svg></figure>\n'
        )


def _number(value: float) -> str:
    return f"{value:.1f}"


_FIRST_LINES: Final = 100
_LAST_LINES: Final = 200
_LINE: Final = 500
"""Characters of a line of a console."""


class Lines:
    """The first and the last lines of a console."""

    def __init__(self) -> None:
        self.first: Final[list[tuple[int, str]]] = []
        self.last: Final[deque[tuple[int, str]]] = deque(maxlen=_LAST_LINES)
        self.count = 0

    def add(self, time_ns: int, text: str) -> None:
        """Take a line."""
        self.count += 1
        kept = (time_ns, text if len(text) <= _LINE else text[:_LINE] + "…")
        if len(self.first) < _FIRST_LINES:
            self.first.append(kept)
        else:
            self.last.append(kept)

    @property
    def folded(self) -> int:
        """Lines between the first and the last ones that are not kept."""
        return self.count - len(self.first) - len(self.last)


@dataclass(frozen=True, slots=True)
class Problem:
    """Trouble of the run; ``serial`` is its row in the diagram."""

    time_ns: int
    core: str
    text: str
    serial: int


@dataclass(frozen=True, slots=True)
class Collected:
    """All that the page shows."""

    subject: TraceSubject
    ways: Sequence[DirectionFigures]
    cores: Sequence[CoreFigures]
    rows: KeptRows
    consoles: Mapping[int, Lines]
    """Consoles by the index of their core, of those that printed."""
    problems: Sequence[Problem]
    problem_count: int
    """Problems altogether; ``problems`` has the first ones."""
    bound_ns: int | None
    """The time of the first state of a core played by Python that means bound."""
    end_ns: int
    report: Mapping[str, Any] | None
    ending: Ending
