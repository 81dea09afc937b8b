"""Functions, files and lines of code addresses, and how its callers are found: what DWARF says (versions 2 to 5).

Nothing is read before a place is asked for, and then the compilation unit of that place alone. What is damaged, or
was written by a compiler that means something else, counts as absent: an answer that is not certain is none.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from elftools.dwarf.callframe import FDE
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

if TYPE_CHECKING:
    from collections.abc import Iterator

_FARTHEST: Final = 0x10000
"""Bytes from a label without a size up to which an address is called after it."""
_NEAR: Final = 64
"""Symbols that are looked through for one that an address lies in."""
_DEEPEST: Final = 64
"""Depth of functions that are inlined into one another; more is no tree."""
_NEVER: Final = 0xFFFF_FFFE
"""Address from which linkers leave ranges of functions that they dropped; others leave them at zero."""


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


class DebugInfo:
    """Debug information of the ELF file ``path``; none where it has changed since this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _state(path)

    @property
    def symbols(self) -> list[CodeSymbol]:
        """Everything with a name and an address, in the order of addresses; of several names the best is last."""
        return self._read[0]

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
            found: tuple[SourcePlace, ...] = ()
            with suppress(Exception):  # a damaged file may fail in any way that its reader did not think of
                found = tuple(self._find(address))
            self._places[address] = found
        return self._places[address]

    @cached_property
    def _places(self) -> dict[int, tuple[SourcePlace, ...]]:
        return {}

    # Sections

    @property
    def _dwarf(self) -> Any | None:
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
        files = _Files(self._dwarf, unit)
        chain = [] if self._dwarf is None else list(self._functions(unit, address))
        path, line = files.line_of(address)
        for die in reversed(chain):
            yield SourcePlace(_name(die), path, line)
            call_file, call_line = _number(die, "DW_AT_call_file"), _number(die, "DW_AT_call_line")
            path, line = (None if call_file is None else files.path(call_file)), call_line or 0
        if not chain:
            yield SourcePlace(None, path, line)

    def _unit(self, address: int) -> Any | None:
        dwarf = self._dwarf
        if dwarf is None:
            return None
        with suppress(Exception):
            tables = dwarf.get_aranges()
            offset = tables.cu_offset_at_addr(address) if tables is not None else None
            if offset is not None:
                unit = dwarf.get_CU_at(offset)
                if self._is_here(unit.get_top_DIE(), address):
                    return unit
        for begin, end, unit in self._units:
            if begin <= address < end:
                return unit
        return None

    @cached_property
    def _units(self) -> list[tuple[int, int, Any]]:
        """The ranges of all compilation units, for the code that no ``.debug_aranges`` names."""
        found: list[tuple[int, int, Any]] = []
        with suppress(Exception):
            for unit in self._dwarf.iter_CUs() if self._dwarf is not None else ():
                with suppress(Exception):
                    found += [(begin, end, unit) for begin, end in self._ranges(unit.get_top_DIE())]
        return found

    def _functions(self, unit: Any, address: int) -> Iterator[Any]:
        """Yield the function at ``address``, and what is inlined there, the outermost first."""
        scope = unit.get_top_DIE()
        for _ in range(_DEEPEST):
            inner = next(
                (die for die in _scopes(scope) if self._is_here(die, address)),
                None,
            )
            if inner is None:
                return
            if inner.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                yield inner
            scope = inner

    def _is_here(self, die: Any, address: int) -> bool:
        return any(begin <= address < end for begin, end in self._ranges(die))

    def _ranges(self, die: Any) -> Iterator[tuple[int, int]]:
        for begin, end in _raw_ranges(self._dwarf, die):
            dropped = begin == 0 and not self._starts_at_zero
            if begin < end and begin < _NEVER and not dropped:
                yield begin, end

    @cached_property
    def _starts_at_zero(self) -> bool:
        return any(symbol.start == 0 and symbol.is_function for symbol in self.symbols[:64])

    # Call frames

    @cached_property
    def _frames(self) -> tuple[list[int], list[Any]]:
        dwarf, found = self._dwarf, []
        if dwarf is not None:
            for has, read in (
                (dwarf.has_CFI, dwarf.CFI_entries),
                (dwarf.has_EH_CFI, dwarf.EH_CFI_entries),
            ):
                with suppress(Exception):
                    found += [entry for entry in (read() if has() else ()) if isinstance(entry, FDE)]
        found.sort(key=lambda entry: entry.header["initial_location"])
        return [entry.header["initial_location"] for entry in found], found

    def frame_rules(self, address: int) -> tuple[dict[Any, Any], int] | None:
        """Return the row of the call frame table for ``address``, and the column of the return address."""
        with suppress(Exception):
            starts, entries = self._frames
            at = bisect_right(starts, address) - 1
            if at < 0 or (starts[at] == 0 and not self._starts_at_zero):
                return None
            entry = entries[at]
            if address >= starts[at] + entry.header["address_range"]:
                return None
            table = entry.get_decoded().table
            row = next((each for each in reversed(table) if each["pc"] <= address), None)
            return None if row is None else (row, entry.cie.header["return_address_register"])
        return None


class _Files:
    """The line table and the file names of one compilation unit."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self._unit = unit
        self._program = dwarf.line_program_for_CU(unit)
        top = unit.get_top_DIE()
        self._folder = _text(top, "DW_AT_comp_dir") or ""

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
            folder = _decoded(folders[index])
        elif first and 0 < index <= len(folders):
            folder = _decoded(folders[index - 1])
        parts = [self._folder, folder, _decoded(entry["name"])]
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


def _scopes(die: Any) -> Iterator[Any]:
    last = die.offset
    for child in die.iter_children():
        if child.offset <= last:
            return  # a sibling that lies before: a loop
        last = child.offset
        if child.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
            yield child
        elif child.tag in (
            "DW_TAG_lexical_block",
            "DW_TAG_namespace",
            "DW_TAG_class_type",
            "DW_TAG_structure_type",
        ):
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


def _name(die: Any) -> str | None:
    for _ in range(_DEEPEST):
        name = _text(die, "DW_AT_name")
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


def _text(die: Any, attribute: str) -> str | None:
    found = die.attributes.get(attribute)
    return None if found is None else _decoded(found.value)


def _number(die: Any, attribute: str) -> int | None:
    found = die.attributes.get(attribute)
    return found.value if found is not None and isinstance(found.value, int) else None


def _decoded(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


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
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size
