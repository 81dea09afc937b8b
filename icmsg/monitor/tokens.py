"""Tokens of a Monitor line, as Renode's Monitor reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import lark
from lark.exceptions import UnexpectedCharacters

from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRAMMAR: Final = Path(__file__).with_name("monitor.lark")
_LARGEST: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Token:
    """Token: its ``kind`` (a name in ``monitor.lark``), the ``text`` as written and what it stands for.

    ``value`` is a str, int, float, bool, None, a time as text, or a range as (first address, size).
    """

    kind: str
    text: str
    value: object

    @property
    def is_text(self) -> bool:
        """True for a string, written as a path, with quotes or over several lines."""
        return self.kind in ("STRING", "PATH", "MULTILINE")

    @property
    def is_integer(self) -> bool:
        """True for a whole number."""
        return self.kind in ("INTEGER", "HEX")


class Tokenized(NamedTuple):
    """The tokens of a text up to the character at ``end``, where none fits; ``end`` is None where all fit."""

    tokens: list[Token]
    end: int | None
    problem: str


def tokenize(text: str) -> Tokenized:
    """Return the tokens of ``text``."""
    tokens: list[Token] = []
    position = 0
    try:
        for found in _lexer().lex(text):
            position = found.start_pos or 0
            tokens.append(_token(found.type, str(found)))
    except UnexpectedCharacters as error:
        return Tokenized(tokens, error.pos_in_stream, "")
    except MonitorError as error:
        return Tokenized(tokens, position, str(error))
    return Tokenized(tokens, None, "")


def is_whole(text: str) -> bool:
    """Return whether tokens cover all of ``text``: no string in it is open at its end."""
    return tokenize(text).end is None


def string_token(text: str) -> Token:
    """Return a string that nobody wrote: it stands for itself."""
    return Token("STRING", text, text)


def path_token(path: str) -> Token:
    """Return the token of a path, its spaces escaped."""
    return Token("PATH", written_path(path), path)


def commands(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the tokens of each command between semicolons; empty ones and comments are left out."""
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == "SPLIT":
            groups.append([])
        elif token.kind not in ("COMMENT", "HEADER"):
            groups[-1].append(token)
    return [group for group in groups if group]


@cache  # lark keeps no state from one text to the next
def _lexer() -> lark.Lark:
    return lark.Lark(_GRAMMAR.read_text(encoding="utf-8"), parser=None, lexer="basic")


def _token(kind: str, text: str) -> Token:
    return Token(kind, text, _value(kind, text))


def _value(kind: str, text: str) -> object:
    if kind in ("INTEGER", "HEX"):
        return _integer(text)
    if kind in ("EXECUTION", "STRING"):
        quote = text[0]
        return text.replace("\\" + quote, quote)[1:-1] if kind == "STRING" else text[1:-1]
    if kind == "MULTILINE":
        return text[3:-3]
    if kind == "PATH":
        return text.lstrip("@").replace("\\ ", " ")
    if kind == "VARIABLE":
        return text.lstrip("$")
    if kind == "FLOAT":
        return float(text)
    if kind == "BOOLEAN":
        return text in ("true", "True")
    if kind in ("ABSOLUTE_RANGE", "RELATIVE_RANGE"):
        return _range(kind, text)
    return None if kind == "NULL" else text


def _integer(text: str) -> int:
    if text[:2] == "0x":
        number = int(text, 16)
        number -= 1 << 64 if number >= _LARGEST and number < 1 << 64 else 0
    else:
        mantissa, _, exponent = text.partition("e")
        if exponent and abs(int(exponent)) > 20:
            raise MonitorError(f"{text} is too large for a number of 64 bits")
        scaled = int(mantissa) * 10 ** int(exponent or 0)
        number = int(scaled)
        if number != scaled:
            raise MonitorError(f"{text} is no whole number")
    if not -_LARGEST <= number < _LARGEST:
        raise MonitorError(f"{text} is too large for a number of 64 bits")
    return number


def _range(kind: str, text: str) -> tuple[int, int]:
    inside = text.strip("<>")
    first, second = (
        part.strip() for part in (inside.split(",") if kind == "ABSOLUTE_RANGE" else inside.split())
    )
    start, other = _integer(first), _integer(second)
    if kind == "RELATIVE_RANGE":
        return start, other
    if start > other:
        raise MonitorError(
            "Could not create range; the start address can't be higher than the end address.\n"
            f"Use '<{first} {second}>' without a comma if the second argument is size."
        )
    return start, other - start + 1
