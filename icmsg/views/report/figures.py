"""Figures of a trace: counts of each direction and core, times under way, and round trips."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.machine.simtime import format_time

if TYPE_CHECKING:
    from icmsg.views.report.fill_level import FillLevel
    from icmsg.views.writer import Message, TracedCore, TracedDirection

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
