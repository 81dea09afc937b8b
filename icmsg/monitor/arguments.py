"""Conversion of tokens to the parameters of a member, and of what it returns to text.

Conversion of the tokens behind a member's name to its parameters (``TryPrepareParameters`` of Renode).

Text that the Monitor prints for what a member returned (``PrintActionResult`` of Renode's Monitor).
"""

from __future__ import annotations

import enum
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.renode.download import fetched, is_address
from icmsg.files import note_found, rooted
from icmsg.hw.exposed import (
    ANY,
    BOOL,
    BYTES,
    CORE,
    DECIMAL,
    EXTERNAL,
    FILE,
    INT32,
    INT64,
    PERIPHERAL,
    RANGE,
    REGISTER,
    STRING,
    TABLE,
    TIME,
    UINT8,
    Kind,
    Parameter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.monitor.tokens import Token


_INTERVAL: Final = re.compile(
    r"(?:(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):)?(?P<seconds>[0-9]+)(?P<decimals>\.[0-9]+)?"
)
_SECOND: Final = 1_000_000_000
_WIDEST: Final = 8
"""Bytes of the widest numbers: their hexadecimal ones may have the uppermost bit, and are negative as tokens."""

_NAMED: Final = {
    CORE: "core of this machine",
    PERIPHERAL: "peripheral of this machine",
    EXTERNAL: "terminal, hub or environment; make one with emulation CreateUartPtyTerminal, CreateUARTHub or "
    "CreateEnvironment",
}


class Names(Protocol):
    """Names in the selected machine that a word can be."""

    def core(self, name: str) -> str | None:
        """Return the engine's name of a core (``app`` for ``cpuapp`` and ``sysbus.cpuapp``), or None."""

    def peripheral(self, name: str) -> str | None:
        """Return the full name of a peripheral, or None."""

    def external(self, name: str) -> str | None:
        """Return the name of something beside the machines, or None."""


class Mismatch(Exception):  # noqa: N818 - not an error: another signature may fit
    """The tokens do not fit a signature; the text says what would."""


def prepare(
    tokens: Sequence[Token], parameters: Sequence[Parameter], names: Names
) -> list[object] | Mismatch:
    """Return the values for ``parameters``, or why the tokens do not fit: another signature may."""
    try:
        return _prepare(tokens, parameters, names)
    except Mismatch as reason:
        return reason


def _prepare(tokens: Sequence[Token], parameters: Sequence[Parameter], names: Names) -> list[object]:
    given = _assign(tokens, parameters)
    values: list[object] = []
    for index, parameter in enumerate(parameters):
        if index in given:
            value = convert(given[index], parameter.kind, names, wraps=True)
            if value is None and parameter.kind is STRING and not parameter.optional:
                raise Mismatch(f"{parameter.name} ({parameter.kind.name}) cannot be null")
            values.append(value)
        elif parameter.optional:
            values.append(parameter.default)
        else:
            raise Mismatch(f"{parameter.name} ({parameter.kind.name}) is missing")
    return values


def convert(tokens: Sequence[Token], kind: Kind, names: Names, *, wraps: bool = False) -> object:
    """Return the value of one argument: a single token, or the tokens between braces.

    Of a whole number that does not fit those bits count that do, if it ``wraps``: so Renode takes arguments of methods.

    Raises:
        Mismatch: it has no such value.
    """
    if kind is BYTES:
        if tokens[0].kind != "LEFT_BRACE":
            raise Mismatch("a list is written as [1, 2, 3]")
        inner = [token for token in tokens[1:-1] if token.kind != "COMMA"]
        return bytes(int(str(_number(token, UINT8))) for token in inner)
    if len(tokens) != 1:
        raise Mismatch(f"{kind.name} takes no list")
    if tokens[0].kind == "NULL" and kind in (*_NAMED, STRING):
        return None
    if kind.members:
        return _member(tokens[0], kind)
    if wraps and tokens[0].is_integer and 0 < kind.size < (_WIDEST + tokens[0].text.startswith("0x")):
        return _wrapped(tokens[0].value, kind)
    return (
        _CONVERTERS.get(kind, _number)(tokens[0], kind)
        if kind not in _NAMED
        else _named(tokens[0], kind, names)
    )


def parse_interval(text: str) -> int | None:
    """Return the nanoseconds of ``0.01`` or ``00:00:00.01``; None where it is no time.

    >>> parse_interval("00:01:00.5")
    60500000000
    """
    found = _INTERVAL.match(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(found[name] or 0) for name in ("hours", "minutes", "seconds"))
    digits = (found["decimals"] or ".")[1:10].ljust(9, "0")
    return (hours * 3600 + minutes * 60 + seconds) * _SECOND + int(digits)


def _assign(tokens: Sequence[Token], parameters: Sequence[Parameter]) -> dict[int, Sequence[Token]]:
    """Return the tokens of each parameter by its place; named ones may come in any order behind the others."""
    given: dict[int, Sequence[Token]] = {}
    positional = True
    place = index = 0
    while index < len(tokens):
        named = _named_at(tokens, index, parameters)
        if named is not None:
            positional &= named == place
            index += 2
        elif not positional:
            raise Mismatch("an argument without a name cannot stand behind one with a name")
        target = place if named is None else named
        if target in given or target >= len(parameters):
            raise Mismatch("there are too many arguments")
        end = _argument_end(tokens, index)
        given[target] = tokens[index:end]
        index, place = end, place + 1
    return given


def _named_at(tokens: Sequence[Token], index: int, parameters: Sequence[Parameter]) -> int | None:
    if index + 2 >= len(tokens) or tokens[index].kind != "LITERAL" or tokens[index + 1].kind != "EQUAL":
        return None
    name = tokens[index].text
    for place, parameter in enumerate(parameters):
        if parameter.name == name:
            return place
    known = ", ".join(parameter.name for parameter in parameters) or "none"
    raise Mismatch(f"there is no parameter {name} (there are {known})")


def _argument_end(tokens: Sequence[Token], index: int) -> int:
    if tokens[index].kind != "LEFT_BRACE":
        return index + 1
    for end in range(index + 1, len(tokens)):
        if tokens[end].kind == "RIGHT_BRACE":
            return end + 1
    raise Mismatch("a list is written as [1, 2, 3]")


def _number(token: Token, kind: Kind) -> object:
    value = token.value
    if not token.is_integer or not isinstance(value, int):
        raise Mismatch(f"{token.text} is no whole number ({kind.name})")
    bits = 8 * kind.size
    if -(1 << bits - 1) <= value < 0 and not kind.signed and kind is not REGISTER:
        value += 1 << bits  # a token has 64 bits with a sign, and C# converts the bits
    if value not in kind.range:
        raise Mismatch(f"{token.text} is no {kind.name}")
    return value


def _decimal(token: Token, kind: Kind) -> object:
    if not isinstance(token.value, int | float) or isinstance(token.value, bool):
        raise Mismatch(f"{token.text} is no number ({kind.name})")
    return f"{Decimal(str(token.value)):f}"


def _wrapped(value: object, kind: Kind) -> int:
    assert isinstance(value, int)
    bits = 8 * kind.size
    low = value & (1 << bits) - 1
    return low - (1 << bits) if kind.signed and low >> bits - 1 else low


def _text(token: Token, _kind: Kind) -> object:
    if not token.is_text:
        raise Mismatch(f'a text is written with quotes: "{token.text}"')
    return token.value


def _range(token: Token, _kind: Kind) -> object:
    if token.kind not in ("ABSOLUTE_RANGE", "RELATIVE_RANGE"):
        raise Mismatch(f"{token.text} is no range; write <0x1000 0x100>, or <0x1000, 0x10FF>")
    return token.value


def _member(token: Token, kind: Kind) -> str:
    """Return the name of a member of an enumeration, which may be written as its number."""
    value = token.value
    numbers = kind.numbers or tuple(range(len(kind.members)))
    if token.is_integer and value in numbers:
        return kind.members[numbers.index(value)]
    if (token.kind != "LITERAL" and not token.is_text) or value not in kind.members:
        raise Mismatch(f"{token.text} is no {kind.name}; there are {', '.join(kind.members)}")
    return str(value)


def _boolean(token: Token, _kind: Kind) -> object:
    if token.kind != "BOOLEAN":
        raise Mismatch(f"{token.text} is neither true nor false")
    return token.value


def _time(token: Token, _kind: Kind) -> object:
    if not token.is_text and token.kind != "TIME":
        raise Mismatch(f'a time is written with quotes: "{token.text}"')
    interval = parse_interval(str(token.value))
    if interval is None:
        raise Mismatch(
            f"{token.text} is no time; write seconds or hours:minutes:seconds, as in 00:00:00.0000"
        )
    return interval


def _file(token: Token, _kind: Kind) -> object:
    if not token.is_text:
        raise Mismatch(f"a file is written as @{token.text}")
    if is_address(str(token.value)):
        return str(fetched(str(token.value)))
    path = rooted(str(token.value))
    if not Path(path).is_file():
        raise Mismatch(f"File does not exist: {token.value}")
    note_found(path)
    return path


def _named(token: Token, kind: Kind, names: Names) -> object:
    find = {CORE: names.core, PERIPHERAL: names.peripheral, EXTERNAL: names.external}[kind]
    found = find(str(token.value)) if token.kind == "LITERAL" or token.is_text else None
    if found is None:
        raise Mismatch(f"{token.text} is no {_NAMED[kind]}")
    return found


_CONVERTERS: Final[dict[Kind, Callable[[Token, Kind], object]]] = {
    ANY: lambda token, _kind: token.value,
    STRING: _text,
    BOOL: _boolean,
    DECIMAL: _decimal,
    TIME: _time,
    FILE: _file,
    RANGE: _range,
    INT32: _number,
    INT64: _number,
    REGISTER: _number,
}


class NumbersMode(enum.Enum):
    """Notation in which whole numbers are printed."""

    Hexadecimal = "Hexadecimal"
    Decimal = "Decimal"
    Both = "Both"


def print_value(value: object, kind: Kind, mode: NumbersMode = NumbersMode.Hexadecimal) -> str:
    """Return what the Monitor prints for a value of this type."""
    if value is None:
        return ""
    if kind is TABLE:
        return print_table(value)  # type: ignore[arg-type]  # the kind says so
    if kind is BYTES:
        return _print_bytes(value, mode)  # type: ignore[arg-type]
    if kind is TIME and isinstance(value, int):
        return print_interval(value)
    if kind.members:
        return f"{value}\n\n{possible_values(kind)}"
    if kind is REGISTER:
        return f"0x{value:x}"
    if kind.size and isinstance(value, int):
        return _print_number(value, kind.size, mode)
    return str(value)


def possible_values(kind: Kind) -> str:
    """Return the members of an enumeration as Renode lists them."""
    return "\n".join(["Possible values are:", *(f"\t{member}" for member in kind.members), ""])


def print_interval(ns: int) -> str:
    """Return a time as Renode's TimeInterval prints itself.

    >>> print_interval(61_000_000_500)
    '00:01:01.000000500'
    """
    seconds, decimals = divmod(ns, 1_000_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{decimals:09}"


def print_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row has the headings."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    line = "-" * (sum(widths) + len(widths) + 1)
    printed = [
        "|" + "".join(f"{cell.ljust(width)}|" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join([line, printed[0], line, *printed[1:], line])


_A_ROW: Final = 10
"""Elements of a list that are printed in a line."""


def print_list(texts: Sequence[str]) -> str:
    """Return texts as a list over several lines."""
    rows = (texts[first : first + _A_ROW] for first in range(0, len(texts), _A_ROW))
    return "[\n" + "\n".join("".join(f"{text}, " for text in row) for row in rows) + "\n]"


def _print_number(value: int, size: int, mode: NumbersMode) -> str:
    digits = 2 * size
    hexadecimal = f"0x{value & ((1 << 8 * size) - 1):0{digits}X}"
    if mode is NumbersMode.Decimal:
        return str(value)
    return hexadecimal if mode is NumbersMode.Hexadecimal else f"{hexadecimal} ({value})"


def _print_bytes(data: bytes, mode: NumbersMode) -> str:
    lines = [
        "".join(f"{_print_number(byte, 1, mode)}, " for byte in data[start : start + 10])
        for start in range(0, len(data), 10)
    ]
    if len(data) % 10 == 0:
        lines.append("")
    return "\n".join(["[", *lines, "]"])
