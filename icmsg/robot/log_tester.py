"""Renode's log tester over the log of a Monitor: the entries since it was made, in the order in which they came.

What it matches follows LogTester.cs of Renode 1.16.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class LoggedLine(Protocol):
    """Line of a log."""

    @property
    def message(self) -> str:
        """Source and text."""

    @property
    def level(self) -> object:
        """The severity; its text is the name of the level."""


class LogTester:
    """Keeps the last ``most`` entries."""

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.has_dropped = False
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

    def find(self, pattern: str, *, regex: bool, level: str | None, keep: bool) -> str | None:
        """Return the first entry that matches; unless ``keep``, it and everything before it is forgotten."""
        matches = _matcher(pattern, regex)
        for index, entry in enumerate(self._entries):
            name = getattr(entry.level, "name", str(entry.level))
            if (level is None or name.lower() == level.lower()) and matches(entry.message):
                if not keep:
                    del self._entries[: index + 1]
                return entry.message
        return None


def _matcher(pattern: str, regex: bool) -> Callable[[str], bool]:
    if not regex:
        return lambda message: pattern in message
    expression = re.compile(pattern)
    return lambda message: expression.search(message) is not None
