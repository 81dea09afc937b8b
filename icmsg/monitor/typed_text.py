"""A value that is typed line by line: ``macro reset``, then its lines between two lines of three quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.monitor.tokens import string_token

if TYPE_CHECKING:
    from icmsg.monitor.variables import Collection

_QUOTES: Final = '"""'


class TypedText:
    """Takes lines for the variable ``name`` of ``collection``; ``inside`` if the first quotes have been there."""

    def __init__(self, collection: Collection, name: str, *, inside: bool) -> None:
        self._collection = collection
        self._name = name
        self._lines: list[str] | None = [] if inside else None

    def take(self, line: str) -> bool:
        """Take a line; return whether it was the last one. Without quotes the first line is the value."""
        if self._lines is None and _QUOTES not in line:
            self._collection.set(self._name, string_token(line))
            return True
        if self._lines is None:
            self._lines = []
        elif _QUOTES in line:
            self._collection.set(self._name, string_token("\n".join(self._lines)))
            return True
        else:
            self._lines.append(line)
        return False
