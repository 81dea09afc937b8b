"""Text and bytes as HTML: nothing that firmware prints or sends can become markup, or hide what stands beside it."""

from __future__ import annotations

import html
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PICTURES: Final = 0x2400
"""Pictures of the control characters 0…0x1F in Unicode."""
_HIDING: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that cannot be seen, turn the direction of a line or are none at all."""


def visible(text: str) -> str:
    """Return ``text`` with a picture or an escape for each character that cannot be seen."""
    if text.isprintable():
        return text
    return "".join(
        chr(_PICTURES + ord(each))
        if each < " "
        else f"\\u{{{ord(each):x}}}"
        if unicodedata.category(each) in _HIDING
        else each
        for each in text
    )


def escaped(text: str) -> str:
    """Return ``text`` for an element or an attribute in quotes."""
    return html.escape(visible(text))


def shortened(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, the last one a mark that there are more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def hex_words(data: bytes, limit: int, length: int | None = None) -> str:
    """Return the first bytes as hexadecimal numbers; ``length`` is how many there were."""
    more = " …" if (len(data) if length is None else length) > limit else ""
    return data[:limit].hex(" ") + more


def ascii_words(data: bytes) -> str:
    """Return bytes as characters, a dot for each that is none."""
    return "".join(chr(each) if 0x20 <= each < 0x7F else "." for each in data)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Iterable[int] = (), name: str = ""
) -> str:
    """Return a table of cells that are HTML already; ``figures`` are the columns with numbers."""
    right = set(figures)
    cells = "".join(f"<th{_side(column, right)}>{text}</th>" for column, text in enumerate(head))
    body = "".join(
        "<tr>"
        + "".join(f"<td{_side(column, right)}>{text}</td>" for column, text in enumerate(row))
        + "</tr>\n"
        for row in rows
    )
    own = f' id="{name}"' if name else ""
    return f'<div class="wide-table"><table{own}><thead><tr>{cells}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'


def _side(column: int, right: set[int]) -> str:
    return ' class="figure"' if column in right else ""
