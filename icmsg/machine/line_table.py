"""Line tables: which code a line of source became, in one compilation unit and in a whole image.

Attributes of the entries (DIEs) that debug information is made of.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.source_lines import DebugInfo


DEEPEST: Final = 64
"""Depth of what lies within one another, or refers to one another; more is no tree."""


def die_name(die: Any) -> str | None:
    """Return what an entry of the debug information is called, itself or where it comes from."""
    for _ in range(DEEPEST):
        name = text_of(die, "DW_AT_name")
        if name is not None:
            return name
        link = next(
            (each for each in ("DW_AT_abstract_origin", "DW_AT_specification") if each in die.attributes),
            None,
        )
        if link is None:
            return None
        die = die.get_DIE_from_attribute(link)
    return None


def text_of(die: Any, attribute: str) -> str | None:
    """Return an attribute of an entry that is a text."""
    found = die.attributes.get(attribute)
    return None if found is None else decoded(found.value)


def number_of(die: Any, attribute: str) -> int | None:
    """Return an attribute of an entry that is a number."""
    found = die.attributes.get(attribute)
    return found.value if found is not None and isinstance(found.value, int) else None


def decoded(value: Any) -> str:
    """Return a name in a file as text."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


class LineTable:
    """The line table and the file names of one compilation unit."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self._unit = unit
        self._program = dwarf.line_program_for_CU(unit)
        top = unit.get_top_DIE()
        self._folder = text_of(top, "DW_AT_comp_dir") or ""
        self._paths: dict[int, str | None] = {}

    def spans(self) -> Iterator[list[tuple[int, int, str | None, int]]]:
        """Yield each sequence of code as (begin, end, path, line) of its parts; line 0 is what belongs to none."""
        found: list[tuple[int, int, str | None, int]] = []
        before: Any = None
        for entry in self._program.get_entries() if self._program is not None else ():
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address < state.address:
                found.append((before.address, state.address, self.path(before.file), before.line))
            before = None if state.end_sequence else state
            if before is None:
                yield found
                found = []

    def line_of(self, address: int) -> tuple[str | None, int]:
        """Return the path and the line of ``address``; (None, 0) where the table has none."""
        before: Any = None
        for entry in self._program.get_entries() if self._program is not None else ():
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address <= address < state.address and before.line:
                return self.path(before.file), before.line
            before = None if state.end_sequence else state
        return None, 0

    def path(self, number: int) -> str | None:
        """Return the path of a file by its number in the line table."""
        if number not in self._paths:
            self._paths[number] = self._path(number)
        return self._paths[number]

    def _path(self, number: int) -> str | None:
        if self._program is None:
            return None
        header = self._program.header
        first = 0 if header["version"] >= 5 else 1
        if not first <= number < len(header["file_entry"]) + first:
            return None
        entry = header["file_entry"][number - first]
        folders = header["include_directory"]
        index = entry["dir_index"]
        folder = ""
        if first == 0 and index < len(folders):
            folder = decoded(folders[index])
        elif first and 0 < index <= len(folders):
            folder = decoded(folders[index - 1])
        parts = [self._folder, folder, decoded(entry["name"])]
        path = ""
        for part in (each.replace("\\", "/") for each in parts if each):
            path = part if part.startswith("/") or part[1:2] == ":" or not path else f"{path}/{part}"
        return _without_dots(path)


def _without_dots(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in ("", ".."):
            parts.pop()
        elif part not in (".", "") or not parts:
            parts.append(part)
    return "/".join(parts)


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
