"""Text that the Monitor prints for what a member returned (``PrintActionResult`` of Renode's Monitor)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from icmsg.hw.exposed import BYTES, REGISTER, TABLE, TIME, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence


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
