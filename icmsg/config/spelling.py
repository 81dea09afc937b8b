"""A word that nobody knows, and the one that was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


_LEAST: Final = 0.7
"""Similarity below which a word is only a guess."""


def closest(word: str, known: Iterable[str], most: int = 1) -> str:
    """Return ``"; did you mean …?"`` with the known words that are most like ``word``, or an empty string.

    >>> closest("perpherals", ["peripherals", "path"]), closest("readdoubleword", ["ReadDoubleWord"])
    ('; did you mean peripherals?', '; did you mean ReadDoubleWord?')
    """
    from difflib import get_close_matches  # only for an error's text

    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=most, cutoff=_LEAST)
    return f"; did you mean {' or '.join(by_lower[each] for each in found)}?" if found else ""
