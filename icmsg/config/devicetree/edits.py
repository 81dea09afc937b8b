"""Replacements in a text that keep every line where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Edit(NamedTuple):
    """Put ``text`` in place of ``start`` … ``end`` (offsets); ``macro`` names what is lost thereby."""

    start: int
    end: int
    text: str
    macro: str | None = None


class Edits:
    """A set of replacements that do not overlap."""

    def __init__(self, edits: Iterable[Edit] = ()) -> None:
        self._edits = list(edits)

    def add(self, edits: Iterable[Edit]) -> None:
        """Take in more replacements."""
        self._edits.extend(edits)

    def apply(self, text: str) -> tuple[str, list[tuple[int, str]]]:
        """Return the new text, and where in it (offset) which macro was lost."""
        pieces: list[str] = []
        macros: list[tuple[int, str]] = []
        done = length = 0
        for edit in sorted(self._edits, key=lambda edit: edit[:2]):  # at one offset, in the order of adding
            kept = text[done : edit.start]
            length += len(kept)
            if edit.macro is not None:
                macros.append((length, edit.macro))
            new = edit.text + "\n" * text.count("\n", edit.start, edit.end)
            length += len(new)
            pieces += (kept, new)
            done = edit.end
        return "".join(pieces) + text[done:], macros
