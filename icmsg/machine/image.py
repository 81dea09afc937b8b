"""Firmware images: what an ELF file puts where, checked before anything runs."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from icmsg.errors import FirmwareError, closest
from icmsg.files import IMAGE_BYTES, LOADED_BYTES, SEGMENTS, SYMBOLS, read_file, size_text
from icmsg.machine.image_formats import RiscVBuild, read_hex
from icmsg.machine.source_lines import CodeSymbol, DebugInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ARM, RISCV = "Arm", "RISC-V"
_ARCHITECTURES: Final = {"EM_ARM": ARM, "EM_RISCV": RISCV}
_ELF_MAGIC: Final = b"\x7fELF"
_SYMBOL: Final = struct.Struct("<IIIBBH")
"""An entry of a symbol table (ELF, "Symbol Table"): name, value, size, binding and type, visibility, section."""
_UNDEFINED, _OF_A_FILE = 0, 4
_VECTOR_SYMBOLS: Final = (
    "_vector_table",
    "_vector_start",
    "__vector_table",
    "__isr_vector",
    "__Vectors",
    "vectors",
    "g_pfnVectors",
    "_vectors",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """``data`` as loaded at byte address ``load_address``; it runs at ``run_address``."""

    load_address: int
    run_address: int
    data: bytes
    executable: bool

    @property
    def end(self) -> int:
        """The first load address behind the segment."""
        return self.load_address + len(self.data)

    @property
    def reset_vector(self) -> int:
        """The second word, where a vector table that begins here has the address of its first instruction."""
        return int.from_bytes(self.data[4:8], "little")


@dataclass(frozen=True)
class FirmwareImage:
    """An ELF or Intel HEX file for a Cortex-M or a RISC-V core; ``symbols`` gives the address of every named symbol.

    ``debug`` is what the file says about its source; None for an image that was made in memory. ``architecture`` is
    :data:`ARM` or :data:`RISCV`, empty where the file does not say; ``build`` is what a RISC-V file says besides.
    """

    path: Path
    segments: tuple[Segment, ...]
    entry: int
    symbols: Mapping[str, int]
    debug: DebugInfo | None = None
    architecture: str = ARM
    build: RiscVBuild | None = None

    @classmethod
    def load(cls, path: str | Path) -> FirmwareImage:
        """Read an ELF or Intel HEX file.

        Raises:
            FirmwareError: it is not there, not such a file, not for a 32-bit Arm or RISC-V core that
                the engine executes, or has nothing to load.
        """
        path = Path(path)
        start = b""
        try:
            content = read_file(path, IMAGE_BYTES)
            if content.lstrip()[:1] == b":":
                return cls._of_hex(path)
            start = content[: len(_ELF_MAGIC)]
            return cls._parse(path, ELFFile(io.BytesIO(content)))
        except FileNotFoundError:
            raise FirmwareError(
                f"{path}: no such file; give the path of an ELF file or the name of a firmware stub"
            ) from None
        except OSError as error:
            raise FirmwareError(f"{path}: cannot be read: {error.strerror}") from None
        except ELFError:
            if start == _ELF_MAGIC:
                raise FirmwareError(f"{path}: a damaged ELF file; build or copy it again") from None
            raise FirmwareError(
                f"{path}: neither an ELF nor an Intel HEX file; a .bin has to be given as the .elf it was made from"
            ) from None
        except FirmwareError:
            raise
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, UnicodeError, MemoryError):
            raise FirmwareError(f"{path}: a damaged ELF file; build or copy it again") from None

    @classmethod
    def _of_hex(cls, path: Path) -> FirmwareImage:
        """Read an Intel HEX file, with the symbols of the ELF file beside it if that has the same contents."""
        parts = tuple(Segment(address, address, data, executable=True) for address, data in read_hex(path))
        if not parts:
            raise FirmwareError(f"{path}: has nothing to load")
        image = cls(path, parts, parts[0].reset_vector, {}, architecture="")
        beside = path.with_suffix(".elf")
        if beside.is_file():
            with suppress(FirmwareError):  # of something else
                elf = cls.load(beside)
                if all(image._has(segment) for segment in elf.segments):
                    same = sum(len(part.data) for part in parts) == sum(
                        len(part.data) for part in elf.segments
                    )
                    return elf if same else replace(image, symbols=elf.symbols)
        return image

    @property
    def is_elf_file(self) -> bool:
        """True if ``path`` is an ELF file that has just this; not for Intel HEX, nor for what was made in memory."""
        try:
            return read_file(self.path, IMAGE_BYTES).startswith(_ELF_MAGIC)
        except OSError:
            return False

    def _has(self, segment: Segment) -> bool:
        return any(
            part.load_address <= segment.load_address
            and segment.end <= part.end
            and part.data[segment.load_address - part.load_address :][: len(segment.data)] == segment.data
            for part in self.segments
        )

    def part_of(self, core: str, owner: Callable[[int], str | None]) -> FirmwareImage:
        """Return what a merged image has for ``core``; ``owner`` names the core that a load address belongs to.

        An image with parts of one core only is returned as it is.
        """
        owners = {owner(segment.load_address) for segment in self.segments} - {None}
        if len(owners) < 2:
            return self
        segments = tuple(segment for segment in self.segments if owner(segment.load_address) in (core, None))
        start = min(
            (segment for segment in segments if owner(segment.load_address) == core),
            key=lambda segment: segment.load_address,
            default=None,
        )
        return self if start is None else replace(self, segments=segments, entry=start.reset_vector)

    @classmethod
    def _parse(cls, path: Path, elf: ELFFile) -> FirmwareImage:
        architecture = _ARCHITECTURES.get(elf["e_machine"])
        if architecture is None or elf.elfclass != 32 or not elf.little_endian:
            raise FirmwareError(
                f"{path}: built for {elf.get_machine_arch()}, {elf.elfclass}-bit "
                f"{'little' if elf.little_endian else 'big'}-endian; "
                "the cores are 32-bit little-endian Arm (Cortex-M) or RISC-V"
            )
        if elf.num_segments() > SEGMENTS:
            raise FirmwareError(f"{path}: a damaged ELF file, it has {elf.num_segments()} segments")
        segments = tuple(_segments(path, elf))
        _check_overlaps(path, segments)
        if not segments:
            raise FirmwareError(f"{path}: has nothing to load; is it an object file that was not linked?")
        build = RiscVBuild.of(elf) if architecture == RISCV else None
        symbols = dict(_symbols(elf))
        return cls(path, segments, int(elf["e_entry"]), symbols, DebugInfo(path), architecture, build)

    @cached_property
    def vector_table(self) -> int:
        """The byte address of the vector table, on a RISC-V core that of the first instruction.

        The table is where the second word is the ELF's entry point: at the lowest loaded address, or at a symbol that
        start-up code commonly gives it.

        Raises:
            FirmwareError: none of these places looks like one.
        """
        if self.architecture == RISCV:
            return self.entry
        places = [min(segment.load_address for segment in self.segments)]
        places += [self.symbols[name] for name in _VECTOR_SYMBOLS if name in self.symbols]
        for place in places:
            if self.word(place + 4) is not None and (self.word(place + 4) or 0) | 1 == self.entry | 1:
                return place
        for place in places:
            reset = self.word(place + 4)
            if reset is not None and reset & 1 and self.word(reset & ~3) is not None:
                return place
        tried = ", ".join(f"0x{place:08X}" for place in places)
        raise FirmwareError(
            f"{self.path}: no vector table found (looked at {tried}); it must be the first thing in "
            "the image, or have a symbol such as _vector_table"
        )

    def word(self, address: int) -> int | None:
        """Return the 32-bit word loaded at ``address``, or None where the image has none."""
        for segment in self.segments:
            if segment.load_address <= address and address + 4 <= segment.end:
                offset = address - segment.load_address
                return int.from_bytes(segment.data[offset : offset + 4], "little")
        return None

    def symbol(self, name: str) -> int:
        """Return the address of a symbol; FirmwareError, with the nearest names, if the image has none of that name."""
        try:
            return self.symbols[name]
        except KeyError:
            raise FirmwareError(
                f"{self.path}: no symbol {name!r}; was it stripped, or optimised away?{closest(name, self.symbols, 3)}"
            ) from None

    # Places in the code

    def function_at(self, address: int) -> CodeSymbol | None:
        """Return the function, or another thing with a name, that ``address`` lies in."""
        found = self.debug.symbol_at(address) if self.debug is not None else None
        return found or self._nearest(address)

    def _nearest(self, address: int) -> CodeSymbol | None:
        if self.debug is not None and self.debug.symbols:
            return None
        near = [
            CodeSymbol(start & ~1, 0, name, 0, is_function=bool(start & 1))
            for name, start in self.symbols.items()
        ]
        near = [symbol for symbol in near if symbol.covers(address)]
        return max(near, key=lambda symbol: symbol.start, default=None)

    def name_of(self, address: int) -> str:
        """Return ``function+0x12``, or the bare address where no symbol is known."""
        found = self.function_at(address)
        if found is None:
            return f"0x{address:08X}"
        return f"{found.name}+0x{address - found.start:X}" if address > found.start else found.name

    def locate(self, address: int) -> str:
        """Return ``function+0x12 (file.c:34)`` for a code address.

        The line is left out where the image has no debug information for it, the function where no symbol is known;
        what is inlined there is named behind the line.
        """
        places = self.debug.places_at(address) if self.debug is not None else ()
        where = places[0].where() if places else ""
        inlined = [place.function for place in places[:-1] if place.function]
        note = ", ".join([*([where] if where else []), *(f"inlined {name}" for name in inlined[:1])])
        return self.name_of(address) + (f" ({note})" if note else "")

    def places(self, address: int, *, call: bool = False) -> tuple[str, ...]:
        """Return a line for the function at ``address``, and before it one for each that is inlined there.

        ``call``: it is where a call returns to, so that the line of the call is meant.
        """
        asked = address - 2 if call else address
        found = self.debug.places_at(asked) if self.debug is not None else ()
        function = self.function_at(asked)
        lines = []
        for place in found[:-1]:
            where = place.where()
            lines.append(f"{place.function or 'something'} inlined{f' ({where})' if where else ''}")
        where = found[-1].where() if found else ""
        if function is None:
            name = found[-1].function if found and found[-1].function else f"0x{address:08X}"
        else:
            name = function.name + (f"+0x{address - function.start:X}" if address > function.start else "")
        return (*lines, f"{name} ({where})" if where else name)

    def is_code(self, address: int) -> bool:
        """Tell whether instructions of the image lie at ``address``, where it runs."""
        found = self.function_at(address)
        if found is not None and (found.is_function or found.size):
            return found.is_function
        return any(
            segment.executable and segment.run_address <= address < segment.run_address + len(segment.data)
            for segment in self.segments
        )

    def frame_rules(self, address: int) -> tuple[dict[Any, Any], int, bool] | None:
        """Return how the registers of the caller are found at ``address``, as :meth:`CallFrames.rules`."""
        return self.debug.frames.rules(address) if self.debug is not None else None


def _segments(path: Path, elf: ELFFile) -> Iterator[Segment]:
    for segment in elf.iter_segments("PT_LOAD"):
        if not segment["p_filesz"]:
            continue
        if segment["p_filesz"] > LOADED_BYTES:
            raise FirmwareError(
                f"{path}: loads {segment['p_filesz']} bytes at 0x{segment['p_paddr']:08X}, and the limit is "
                f"{size_text(LOADED_BYTES)}; is it a damaged ELF file?"
            )
        data = segment.data()
        if len(data) != segment["p_filesz"]:
            raise FirmwareError(
                f"{path}: a damaged ELF file, it ends {segment['p_filesz'] - len(data)} bytes before what it "
                f"loads at 0x{segment['p_paddr']:08X}; build or copy it again"
            )
        yield Segment(segment["p_paddr"], segment["p_vaddr"], data, bool(segment["p_flags"] & 1))


def _check_overlaps(path: Path, segments: tuple[Segment, ...]) -> None:
    ordered = sorted(segments, key=lambda segment: segment.load_address)
    for first, second in pairwise(ordered):
        if first.end > second.load_address:
            raise FirmwareError(
                f"{path}: two segments are loaded at 0x{second.load_address:08X}; correct the linker script"
            )
    if sum(len(segment.data) for segment in segments) > LOADED_BYTES:
        raise FirmwareError(f"{path}: loads more than {size_text(LOADED_BYTES)}, the limit")
    if ordered and ordered[-1].end > 1 << 32:
        raise FirmwareError(f"{path}: loads beyond the 32-bit addresses of its core; is it damaged?")


def _symbols(elf: ELFFile) -> Iterator[tuple[str, int]]:
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            yield from _places(section)


def _places(table: SymbolTableSection) -> Iterator[tuple[str, int]]:
    """Yield name and value of what is defined in a symbol table; elftools takes ten times as long for it."""
    entries, names = table.data(), table.stringtable.data()
    if table["sh_entsize"] != _SYMBOL.size or len(entries) != table["sh_size"]:
        raise ELFError("a symbol table of another form, or one that ends early")
    for start, value, _size, kind, _other, section in islice(_SYMBOL.iter_unpack(entries), SYMBOLS):
        if section == _UNDEFINED or kind & 0xF == _OF_A_FILE:
            continue
        name = names[start : names.find(b"\0", start)].decode(errors="replace")
        if name and not name.startswith("$"):
            yield name, value
