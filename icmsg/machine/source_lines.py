"""Functions, files and lines of code addresses, and what a line of source became: what DWARF says (versions 2 to 5).

Nothing is read before a place is asked for, and then the compilation unit of that place alone. What is damaged, or
was written by a compiler that means something else, counts as absent: an answer that is not certain is none.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from icmsg.machine.frames import CallFrames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.debug_variables import DebugVariables

_FARTHEST: Final = 0x10000
"""Bytes from a label without a size up to which an address is called after it."""
_NEAR: Final = 64
"""Symbols that are looked through for one that an address lies in."""
_NEVER: Final = 0xFFFF_FFFE
"""Address from which linkers leave ranges of functions that they dropped; others leave them at zero."""


_BLOCKS: Final = {"DW_TAG_lexical_block", "DW_TAG_namespace", "DW_TAG_class_type", "DW_TAG_structure_type"}
DEEPEST: Final = 64
"""Depth of what lies within one another, or refers to one another; more is no tree."""


def die_name(die: Any) -> str | None:
    """Return what an entry of the debug information is called, itself or where it comes from."""
    return None if (found := die_with(die, "DW_AT_name")) is None else text_of(found, "DW_AT_name")


def die_with(die: Any, attribute: str) -> Any | None:
    """Return the entry that has an attribute: an entry itself, or where it comes from."""
    for _ in range(DEEPEST):
        if attribute in die.attributes:
            return die
        links = (each for each in ("DW_AT_abstract_origin", "DW_AT_specification") if each in die.attributes)
        link = next(links, None)
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


@dataclass(frozen=True, slots=True)
class CodeSymbol:
    """A name in the symbol table; ``size`` in bytes is 0 where nobody said it, ``rank`` is best for what to show."""

    start: int
    size: int
    name: str
    rank: int
    is_function: bool

    def covers(self, address: int) -> bool:
        """Tell whether ``address`` may be called after this symbol."""
        return self.start <= address < self.start + (self.size or _FARTHEST)


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A line of a function; ``path`` as the compiler wrote it, made whole with its folder, None where unknown."""

    function: str | None
    path: str | None
    line: int

    def where(self) -> str:
        """Return ``file.c:34`` with the path that a person knows, or nothing."""
        return f"{short_path(self.path)}:{self.line}" if self.path is not None and self.line else ""


def short_path(path: str) -> str:
    """Return a path from the folder where the user is, if it is below it, else the file's name with its folder."""
    plain = PurePosixPath(path.replace("\\", "/"))
    with suppress(ValueError, OSError):
        return str(plain.relative_to(PurePosixPath(Path.cwd().as_posix())))
    return "/".join(plain.parts[-2:]) if len(plain.parts) > 2 else str(plain)


class LineTable:
    """The line table and the file names of one compilation unit."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self._program = dwarf.line_program_for_CU(unit)
        self._folder = text_of(unit.get_top_DIE(), "DW_AT_comp_dir") or ""
        self.path: Final = cache(self._path)
        """Returns the path of a file by its number in the line table."""

    def spans(self) -> Iterator[list[tuple[int, int, str | None, int]]]:
        """Yield each sequence of code as (begin, end, path, line) of its parts; line 0 is what belongs to none."""
        found: list[tuple[int, int, str | None, int]] = []
        before: Any = None
        entries = self._program.get_entries() if self._program is not None else ()
        for state in filter(None, (entry.state for entry in entries)):
            if before is not None and before.address < state.address:
                found.append((before.address, state.address, self.path(before.file), before.line))
            before = None if state.end_sequence else state
            if before is None:
                yield found
                found = []

    def line_of(self, address: int) -> tuple[str | None, int]:
        """Return the path and the line of ``address``; (None, 0) where the table has none."""
        parts = (part for sequence in self.spans() for part in sequence)
        places = ((path, line) for begin, end, path, line in parts if begin <= address < end and line)
        return next(places, (None, 0))

    def _path(self, number: int) -> str | None:
        if self._program is None:
            return None
        header = self._program.header
        first = 0 if header["version"] >= 5 else 1
        if not first <= number < len(header["file_entry"]) + first:
            return None
        entry, folders = header["file_entry"][number - first], header["include_directory"]
        at = entry["dir_index"] - first
        folder = decoded(folders[at]) if 0 <= at < len(folders) else ""
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


class DebugInfo:
    """Debug information of the ELF file ``path``; none where it has changed since this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _state(path)
        self._places: Final[dict[int, tuple[SourcePlace, ...]]] = {}

    @property
    def symbols(self) -> list[CodeSymbol]:
        """Everything with a name and an address, in the order of addresses; of several names the best is last."""
        return self._read[0]

    @cached_property
    def variables(self) -> DebugVariables:
        """The variables that it describes."""
        from icmsg.machine.debug_variables import DebugVariables  # most runs do without

        return DebugVariables(self)

    @cached_property
    def _starts(self) -> list[int]:
        return [symbol.start for symbol in self.symbols]

    def symbol_at(self, address: int) -> CodeSymbol | None:
        """Return the symbol that ``address`` lies in."""
        at = bisect_right(self._starts, address)
        label: CodeSymbol | None = None
        for symbol in reversed(self.symbols[max(0, at - _NEAR) : at]):
            if symbol.covers(address):
                if symbol.is_function or symbol.size:
                    return symbol
                label = label or symbol
            elif symbol.is_function:
                break  # a label beyond another function is not where the address belongs
        return label

    def places_at(self, address: int) -> tuple[SourcePlace, ...]:
        """Return the line of ``address``, then the lines that its function was inlined into; empty where unknown."""
        if address not in self._places:
            self._places[address] = ()
            with suppress(Exception):  # a damaged file may fail in any way that its reader did not think of
                self._places[address] = tuple(self._find(address))
        return self._places[address]

    # Sections

    @property
    def dwarf(self) -> Any | None:
        """The debug information as pyelftools has it; None where there is none."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[list[CodeSymbol], Any | None]:
        """The symbols, and the sections with debug information; what is damaged is absent."""
        symbols: list[CodeSymbol] = []
        dwarf: Any | None = None
        with suppress(Exception):
            if self._known is not None and _state(self._path) == self._known:
                with self._path.open("rb") as stream:
                    elf = ELFFile(stream)
                    symbols = sorted(_symbols(elf), key=lambda each: (each.start, each.rank))
                    dwarf = elf.get_dwarf_info() if elf.has_dwarf_info() else None
        return symbols, dwarf

    # Lines

    def _find(self, address: int) -> Iterator[SourcePlace]:
        unit = self._unit(address)
        if unit is None:
            return
        files = LineTable(self.dwarf, unit)
        chain = [] if self.dwarf is None else list(self._functions(unit, address))
        path, line = files.line_of(address)
        for die in reversed(chain):
            yield SourcePlace(die_name(die), path, line)
            call_file, call_line = number_of(die, "DW_AT_call_file"), number_of(die, "DW_AT_call_line")
            path, line = (None if call_file is None else files.path(call_file)), call_line or 0
        if not chain:
            yield SourcePlace(None, path, line)

    def _unit(self, address: int) -> Any | None:
        dwarf = self.dwarf
        if dwarf is None:
            return None
        with suppress(Exception):
            tables = dwarf.get_aranges()
            offset = tables.cu_offset_at_addr(address) if tables is not None else None
            if offset is not None:
                unit = dwarf.get_CU_at(offset)
                if self._is_here(unit.get_top_DIE(), address):
                    return unit
        return next((unit for begin, end, unit in self._units if begin <= address < end), None)

    @cached_property
    def _units(self) -> list[tuple[int, int, Any]]:
        """The ranges of all compilation units, for the code that no ``.debug_aranges`` names."""
        found: list[tuple[int, int, Any]] = []
        with suppress(Exception):
            for unit in self.dwarf.iter_CUs() if self.dwarf is not None else ():
                with suppress(Exception):
                    found += [(begin, end, unit) for begin, end in self._ranges(unit.get_top_DIE())]
        return found

    def _functions(self, unit: Any, address: int) -> Iterator[Any]:
        """Yield the function at ``address``, and what is inlined there, the outermost first."""
        scope = unit.get_top_DIE()
        for _ in range(DEEPEST):
            inner = next((die for die in _scopes(scope) if self._is_here(die, address)), None)
            if inner is None:
                return
            if inner.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                yield inner
            scope = inner

    def _is_here(self, die: Any, address: int) -> bool:
        return any(begin <= address < end for begin, end in self._ranges(die))

    def _ranges(self, die: Any) -> Iterator[tuple[int, int]]:
        for begin, end in _raw_ranges(self.dwarf, die):
            if begin < end and begin < _NEVER and (begin or self.starts_at_zero):
                yield begin, end

    @cached_property
    def starts_at_zero(self) -> bool:
        """True if code may begin at address 0, where linkers also leave what they have dropped."""
        return any(symbol.start == 0 and symbol.is_function for symbol in self.symbols[:64])

    @cached_property
    def frames(self) -> CallFrames:
        """The call frame tables that it has."""
        return CallFrames(self.dwarf, starts_at_zero=self.starts_at_zero)


def _scopes(die: Any) -> Iterator[Any]:
    last = die.offset
    for child in die.iter_children():
        if child.offset <= last:
            return  # a sibling that lies before: a loop
        last = child.offset
        if child.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
            yield child
        elif child.tag in _BLOCKS:
            if "DW_AT_low_pc" in child.attributes or "DW_AT_ranges" in child.attributes:
                yield child
            elif child.tag != "DW_TAG_structure_type":
                yield from _scopes(child)


def _raw_ranges(dwarf: Any, die: Any) -> Iterator[tuple[int, int]]:
    low, high = die.attributes.get("DW_AT_low_pc"), die.attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        start = int(low.value)
        yield start, int(high.value) if high.form == "DW_FORM_addr" else start + int(high.value)
    elif "DW_AT_ranges" in die.attributes:
        top = die.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
        base = int(top.value) if top is not None else 0
        lists = dwarf.range_lists()
        for entry in lists.get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, cu=die.cu):
            if isinstance(entry, BaseAddressEntry):
                base = entry.base_address
            else:
                shift = 0 if entry.is_absolute else base
                yield entry.begin_offset + shift, entry.end_offset + shift


def _symbols(elf: Any) -> Iterator[CodeSymbol]:
    for section in elf.iter_sections():
        if not isinstance(section, SymbolTableSection):
            continue
        for symbol in section.iter_symbols():
            kind, bind = symbol["st_info"]["type"], symbol["st_info"]["bind"]
            if symbol["st_shndx"] in ("SHN_UNDEF", "SHN_ABS") or kind in ("STT_FILE", "STT_SECTION"):
                continue
            if not symbol.name or symbol.name.startswith("$"):
                continue
            is_function = kind == "STT_FUNC"
            rank = 4 * is_function + 2 * (bind != "STB_WEAK") + (bind == "STB_GLOBAL")
            start = symbol["st_value"] & ~1 if is_function else symbol["st_value"]
            yield CodeSymbol(start, symbol["st_size"], symbol.name, rank, is_function)


def _state(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        known = path.stat()
        return known.st_mtime_ns, known.st_size
    return None


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
    found: set[LineSpan] = set()
    with suppress(Exception):  # a damaged file may fail in any way that its reader did not think of
        for unit in debug.dwarf.iter_CUs() if debug.dwarf is not None else ():
            with suppress(Exception):
                for sequence in LineTable(debug.dwarf, unit).spans():
                    begin = min((span[0] for span in sequence), default=_NEVER)
                    if begin >= _NEVER or (begin == 0 and not debug.starts_at_zero):
                        continue
                    for first, end, path, line in sequence:
                        if path is not None and line:
                            found.add(LineSpan(first, end, path, line))
    return sorted(found)


def functions(debug: DebugInfo, spans: list[LineSpan]) -> list[FunctionStart]:
    """Return the functions of an image that have a line among ``spans``; of several names for one the best."""
    lines = {span.begin: span for span in reversed(spans)}
    best = {each.start: each for each in debug.symbols if each.is_function}
    return [
        FunctionStart(start, each.name, lines[start].path, lines[start].line)
        for start, each in best.items()
        if start in lines
    ]
