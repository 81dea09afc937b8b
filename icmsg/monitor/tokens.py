"""Tokens of a Monitor line, commands of a script, values of variables: text, as Renode's Monitor reads it.

Refusal of a command.

Tokens of a line in which variables stand in words: ``$ORIGIN/file``.

Commands of a script, from its lines: text between three quotes belongs to one command.

A value that is typed line by line: ``macro reset``, then its lines between two lines of three quotes.

Variables, macros and aliases of the Monitor, and which of them a name means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import lark
from lark.exceptions import UnexpectedCharacters

from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError, closest
from icmsg.files import SCRIPT_BYTES, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Refusal(MonitorError):  # noqa: N818 - what it is, not that it is an error
    """An error that is printed as it is; any other one is printed with the command that it ends."""


class ErrorOfCommand(Refusal):
    """Error of which a command tells that has run."""

    ran = True


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


_DEEPEST: Final = 40


def expanded_tokens(text: str, variables: Collection) -> Sequence[Token]:
    """Return the tokens of ``text``.

    Where no token fits behind a variable, its value is put in and the text is read again, as Renode does it.

    Raises:
        Refusal: no token fits; the text points at the place.
    """
    for _ in range(_DEEPEST):
        tokens, end, problem = tokenize(text)
        if end is None:
            return tokens
        if problem or not tokens or tokens[-1].kind != "VARIABLE":
            lines = ["Could not tokenize here:", text, "^".rjust(end + 1), problem]
            raise Refusal("\n".join(line for line in lines if line))
        try:
            value = variables.value_of(tokens[-1])
        except MonitorError as error:
            raise Refusal(str(error)) from None
        text = f"{' '.join(token.text for token in tokens[:-1])} {value.text}{text[end:]}"
    raise Refusal(f"variables refer to each other in a circle: {text}")


_QUOTES: Final = '"""'
_LONGEST: Final = 200
"""Lines that a string may have which one quote began."""


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, from 1; the lines joined).

    A line that begins with three quotes belongs to the one before it, as in ``macro reset`` and its text below.
    """
    pending: tuple[int, str] | None = None
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        toggles = line.count(_QUOTES) % 2 == 1
        if inside or (pending is not None and line.startswith(_QUOTES)):
            assert pending is not None
            pending = pending[0], f"{pending[1]}\n{line}"
        else:
            if pending is not None:
                yield pending
            pending = number, line
        inside ^= toggles
    if pending is not None:
        yield pending


def whole_strings(text: str) -> Iterator[str]:
    """Yield the lines of what is given at once, joined; also those over which a string goes that one quote began."""
    lines = [line for _, line in logical_lines(text)]
    while lines:
        ends = (end for end in range(1, min(len(lines), _LONGEST) + 1) if is_whole("\n".join(lines[:end])))
        end = next(ends, 1) if len(lines) > 1 else 1
        yield "\n".join(lines[:end])
        del lines[:end]


def read_script(path: Path) -> str:
    """Return the text of a script.

    Raises:
        Refusal: the file is not there, or is no text.
    """
    try:
        return read_file(path, SCRIPT_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise Refusal(f"{path} cannot be read as a script: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} cannot be read as a script: {error}") from None


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


ORIGIN: Final = "global.ORIGIN"
CWD: Final = "global.CWD"
_GLOBAL: Final = "global."


class Scope:
    """Scope of variables: each belongs to one of the machines, the selected one first, or is global."""

    def __init__(self, selected: Callable[[], str | None], machines: Callable[[], Iterable[str]]) -> None:
        self._selected = selected
        self._machines = machines

    @property
    def prefix(self) -> str:
        """The text in front of a name that says nothing else."""
        selected = self._selected()
        return _GLOBAL if selected is None else f"{_plain(selected)}."

    def full_name(self, name: str) -> str:
        """Return the name under which a variable is kept."""
        first, dot, _ = name.partition(".")
        if dot and (first == "global" or first in map(_plain, self._machines())):
            return name
        return self.prefix + name

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the names that ``name`` can mean, the first one first."""
        selected = self._selected()
        return name, *(() if selected is None else (f"{_plain(selected)}.{name}",)), _GLOBAL + name


class Collection:
    """All variables (macros, aliases) by their full names."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._values: dict[str, Token] = {}

    @property
    def names(self) -> list[str]:
        """The full names, in the order in which they were set."""
        return list(self._values)

    def short_names(self) -> list[str]:
        """Return what can be written behind ``$`` here and now."""
        prefixes = self._scope.prefix, _GLOBAL
        short = [
            name.removeprefix(prefix)
            for name in self._values
            for prefix in prefixes
            if name.startswith(prefix)
        ]
        return sorted({*short, *self._values})

    def set(self, name: str, value: Token) -> None:
        """Set a variable of the selected machine, or the one that the name says."""
        self._values[self._scope.full_name(name)] = value

    def clear(self) -> None:
        """Forget everything but the folders that the Monitor itself sets."""
        self._values = {name: value for name, value in self._values.items() if name in (ORIGIN, CWD)}

    def restore(self, full_name: str, value: Token | None) -> None:
        """Put back what :meth:`get` returned."""
        if value is None:
            self._values.pop(full_name, None)
        else:
            self._values[full_name] = value

    def get(self, name: str) -> Token | None:
        """Return the value, or None."""
        for candidate in self._scope.candidates(name):
            if candidate in self._values:
                return self._values[candidate]
        return None

    def value_of(self, token: Token) -> Token:
        """Return what a token stands for: itself, or the value of a variable.

        Raises:
            MonitorError: there is no such variable, or it stands for itself.
        """
        for _ in range(_DEEPEST):
            if token.kind != "VARIABLE":
                return token
            token = self.expand(str(token.value))
        raise MonitorError(f"variable {token.text} stands for itself")

    def expand(self, name: str) -> Token:
        """Return the value.

        Raises:
            MonitorError: there is no such variable; the text names a close one.
        """
        value = self.get(name)
        if value is None:
            known = [f"${short}" for short in self.short_names()]
            raise MonitorError(f"No such variable: ${name}{closest(f'${name}', known)}")
        return value

    def text_of(self, word: str) -> str:
        """Return the value of ``$name`` as text; MonitorError if there is no such variable."""
        return str(self.expand(word.removeprefix("$")).value)


def _plain(machine: str) -> str:
    return machine.replace("-", "_")
