"""Renode's log tester over the log of a Monitor: the entries since it was made, in the order in which they came.

What it matches follows LogTester.cs of Renode 1.16.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.renode.monitor import RenodeMonitor
    from icmsg.monitor import EmbeddedMonitor

_LINE: Final = re.compile(r"(?:[\d:.]+ )?\[(\w+)\] (.*)", re.DOTALL)


class LoggedLine(NamedTuple):
    """Line of a log: its level by name, source and text, and all of it as it is in a file."""

    level: str
    message: str
    whole: str


class MonitorLog:
    """Log of a Monitor, line by line, from now on."""

    def __init__(self, monitor: EmbeddedMonitor | RenodeMonitor) -> None:
        self._take: Callable[[], list[str]] | None = getattr(monitor, "take_log", None)
        self.sinks: Final[list[Callable[[LoggedLine], None]]] = []
        """Called with every line."""
        log = getattr(monitor, "log", None)
        if log is not None:
            log.add_sink(lambda entry: self._tell(LoggedLine(entry.level.name, entry.message, str(entry))))
        elif self._take is not None:
            self._take()

    def poll(self) -> None:
        """Tell what was logged since the last time, of an engine that does not do that by itself."""
        for line in self._take() if self._take is not None else ():
            found = _LINE.fullmatch(line)
            self._tell(LoggedLine(found[1], found[2], line) if found else LoggedLine("INFO", line, line))

    def _tell(self, line: LoggedLine) -> None:
        for sink in self.sinks:
            sink(line)


class LogTester:
    """Keeps the last ``most`` entries."""

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.has_dropped = False
        self.failing: Final[list[tuple[str, bool]]] = []
        """Patterns that must not be logged while something is waited for, and whether each is an expression."""
        self._entries: list[LoggedLine] = []

    def add(self, entry: LoggedLine) -> None:
        """Take an entry of the log; of too many a tenth is dropped, the oldest."""
        if len(self._entries) >= self.most:
            self.has_dropped = True
            del self._entries[: max(1, self.most // 10)]
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()
        self.has_dropped = False

    def messages(self) -> list[str]:
        """Return the entries that are kept."""
        return [entry.message for entry in self._entries]

    def find(self, pattern: str, *, regex: bool, level: str | None = None, keep: bool) -> str | None:
        """Return the first entry that matches; unless ``keep``, it and everything before it is forgotten."""
        matches = _matcher(pattern, regex)
        for index, entry in enumerate(self._entries):
            if (level is None or entry.level.lower() == level.lower()) and matches(entry.message):
                if not keep:
                    del self._entries[: index + 1]
                return entry.message
        return None

    def find_failing(self, *, keep: bool) -> str | None:
        """Return the first entry that must not be logged, as :meth:`find`."""
        for pattern, regex in self.failing:
            found = self.find(pattern, regex=regex, keep=keep)
            if found is not None:
                return found
        return None


def _matcher(pattern: str, regex: bool) -> Callable[[str], bool]:
    if not regex:
        return lambda message: pattern in message
    expression = re.compile(pattern)
    return lambda message: expression.search(message) is not None
