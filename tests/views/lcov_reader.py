"""A strict reader of lcov's tracefiles: every line is known, in its place, and its sums are right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z_$][\w.$]*")
ORDER = ("FN", "FNDA", "FNF", "FNH", "DA", "LF", "LH")


@dataclass
class Record:
    """One source file: counts by line, and line and count by function."""

    path: str
    lines: dict[int, int] = field(default_factory=dict)
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def reached(self) -> set[str]:
        return {name for name, (_, count) in self.functions.items() if count}


def read_lcov(text: str) -> dict[str, Record]:
    """Return the records by path; ValueError for the first thing that ``geninfo(1)`` does not allow there."""
    found: dict[str, Record] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if not re.fullmatch(r"TN:\w*", line):
            raise ValueError(f"no test name: {line}")
        record = _record(lines)
        if record.path in found:
            raise ValueError(f"{record.path} is there twice")
        found[record.path] = record
    return found


def _record(lines: Iterator[str]) -> Record:
    rows = list(takewhile(lambda line: line != "end_of_record", lines))
    if not rows or not rows[0].startswith("SF:/"):
        raise ValueError(f"no absolute path: {rows[:1]}")
    record = Record(rows[0].removeprefix("SF:"))
    order = list(dict.fromkeys(row.split(":")[0] for row in rows[1:]))
    if order != [kind for kind in ORDER if kind in order]:
        raise ValueError(f"{record.path}: {order}")
    starts = {name: line for line, name in (_pair(row) for row in rows if row.startswith("FN:"))}
    for row in rows[1:]:
        if row.startswith("FNDA:"):
            count, name = _pair(row)
            record.functions[name] = starts[name], count
        elif row.startswith("DA:"):
            line, count = _pair(row)
            if line <= max(record.lines, default=0):
                raise ValueError(row)
            record.lines[line] = _number(count, 0)
    _check_sums(record, rows, len(starts))
    return record


def _pair(row: str) -> tuple[int, str]:
    """Return the number of a row, and the name or number behind it."""
    kind, _, value = row.partition(":")
    first, _, second = value.partition(",")
    if kind.startswith("FN") and not _NAME.fullmatch(second):
        raise ValueError(row)
    return _number(first, kind != "FNDA"), second


def _check_sums(record: Record, rows: list[str], functions: int) -> None:
    counts = [count for _, count in record.functions.values()]
    right = {
        "FNF": functions,
        "FNH": sum(count > 0 for count in counts),
        "LF": len(record.lines),
        "LH": sum(count > 0 for count in record.lines.values()),
    }
    sums = {name: _number(row.partition(":")[2], 0) for row in rows if (name := row.split(":")[0]) in right}
    if sums != right or len(counts) != functions:
        raise ValueError(f"{record.path}: {sums}, not {right}")


def _number(text: str, least: int) -> int:
    if not re.fullmatch(r"\d+", text) or int(text) < least:
        raise ValueError(f"{text!r} is no number from {least} on")
    return int(text)
