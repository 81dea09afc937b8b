"""Rows of a sequence diagram that are kept: the first ones, the last ones, and those around each problem."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.views.writer import Message

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
