"""Lines of source with the code that they became, for a whole image."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.machine.line_table import LineTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.source_lines import DebugInfo

_NEVER: Final = 0xFFFF_FFFE


class LineSpan(NamedTuple):
    """Code from address ``begin`` to ``end`` - 1, made of one line."""

    begin: int
    end: int
    path: str
    line: int


class FunctionStart(NamedTuple):
    """A function with code at ``start`` whose first line is known."""

    start: int
    name: str
    path: str
    line: int


def line_spans(debug: DebugInfo) -> list[LineSpan]:
    """Return all code of an image with its lines, in the order of addresses; what the linker has dropped is not there.

    What is damaged counts as absent, and so does code that no compiler says a line of.
    """
    return sorted(set(_spans(debug)))


def _spans(debug: DebugInfo) -> Iterator[LineSpan]:
    with suppress(Exception):  # a damaged file may fail in any way that its reader did not think of
        for unit in debug.dwarf.iter_CUs() if debug.dwarf is not None else ():
            with suppress(Exception):
                for sequence in LineTable(debug.dwarf, unit).spans():
                    begin = min((span[0] for span in sequence), default=_NEVER)
                    if begin >= _NEVER or (begin == 0 and not debug.starts_at_zero):
                        continue
                    for first, end, path, line in sequence:
                        if path is not None and line:
                            yield LineSpan(first, end, path, line)


def functions(debug: DebugInfo, spans: list[LineSpan]) -> list[FunctionStart]:
    """Return the functions of an image that have a line among ``spans``; of several names for one the best."""
    lines = {span.begin: span for span in reversed(spans)}
    best = {each.start: each for each in debug.symbols if each.is_function}
    return [
        FunctionStart(start, each.name, lines[start].path, lines[start].line)
        for start, each in best.items()
        if start in lines
    ]
