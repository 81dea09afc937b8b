"""Material of a report when its trace has ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.views.report.figures import CoreFigures, DirectionFigures
    from icmsg.views.report.rows import KeptRows
    from icmsg.views.writer import TraceSubject

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
