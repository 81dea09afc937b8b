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

from icmsg.machine.line_table import DEEPEST, LineTable, die_name, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.debug_variables import DebugVariables

_FARTHEST: Final = 0x10000
"""Bytes from a label without a size up to which an address is called after it."""
_NEAR: Final = 64
"""Symbols that are looked through for one that an address lies in."""
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
        for begin, end, unit in self._units:
            if begin <= address < end:
                return unit
        return None

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
        for begin, end in _raw_ranges(self.dwarf, die):
            dropped = begin == 0 and not self.starts_at_zero
            if begin < end and begin < _NEVER and not dropped:
                yield begin, end

    @cached_property
    def starts_at_zero(self) -> bool:
        """True if code may begin at address 0, where linkers also leave what they have dropped."""
        return any(symbol.start == 0 and symbol.is_function for symbol in self.symbols[:64])

    # Call frames

    @cached_property
    def _frames(self) -> tuple[list[int], list[Any]]:
        dwarf, found = self.dwarf, []
        if dwarf is not None:
            for has, read in (
                (dwarf.has_CFI, dwarf.CFI_entries),
                (dwarf.has_EH_CFI, dwarf.EH_CFI_entries),
            ):
                with suppress(Exception):
                    found += [entry for entry in (read() if has() else ()) if isinstance(entry, FDE)]
        found.sort(key=lambda entry: entry.header["initial_location"])
        return [entry.header["initial_location"] for entry in found], found

    def frame_rules(self, address: int) -> tuple[dict[Any, Any], int, bool] | None:
        """Return the row of the call frame table for ``address``, and the column of the return address.

        The third value tells whether the function puts the return address somewhere in any of its rows.
        """
        with suppress(Exception):
            starts, entries = self._frames
            at = bisect_right(starts, address) - 1
            if at < 0 or (starts[at] == 0 and not self.starts_at_zero):
                return None
            entry = entries[at]
            if address >= starts[at] + entry.header["address_range"]:
                return None
            table = entry.get_decoded().table
            row = next((each for each in reversed(table) if each["pc"] <= address), None)
            column = entry.cie.header["return_address_register"]
            return None if row is None else (row, column, any(column in each for each in table))
        return None


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
