"""A word that nobody knows, and the one that was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean …?"`` with the known word that is most like ``word``, or an empty string."""
    from difflib import get_close_matches  # only for an error's text

    found = get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {found[0]}?" if found else ""
