"""Memory that an image uses, and the check that it belongs on a core.

Memory that an image uses, read from its ELF file: what it loads, what it clears, and Zephyr's heap of ``malloc``.
"""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from icmsg.config.boards import board_of
from icmsg.config.instance import Region
from icmsg.config.memory_checks import LinkedMemory
from icmsg.errors import FirmwareError
from icmsg.limits import IMAGE_BYTES, SEGMENTS, SYMBOLS, read_file
from icmsg.machine.image import ARM, RISCV
from icmsg.machine.image_formats import check_for_vpr
from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icmsg.machine.image import FirmwareImage, Segment
    from icmsg.soc.soc import MappedRange, Soc, SocCore


_ARTICLES: Final = {ARM: "an Arm", RISCV: "a RISC-V"}


def check_addresses(image: FirmwareImage, core: str, soc: Soc) -> None:
    """Check what ``image`` was built for, and where every part of it would be loaded on ``core``.

    Raises:
        FirmwareError: it is for a core of another architecture, waits for firmware that is not public, or a part is
            outside of the core's memories, or in the flash from which another core runs.
    """
    _check_architecture(image, soc.core(core), soc)
    _check_services(image, soc)
    for segment in image.segments:
        _check(image, segment, soc.core(core), soc)


def _check_architecture(image: FirmwareImage, core: SocCore, soc: Soc) -> None:
    wanted = RISCV if core.is_riscv else ARM if core.kind == CORTEX_M else image.architecture
    if core.kind == VPR and image.build is not None:
        check_for_vpr(image.path, image.build)
    if image.architecture == wanted or (not image.architecture and wanted == ARM):
        return
    if not image.architecture:
        raise FirmwareError(
            f"{image.path}: an Intel HEX file does not say where a program begins, nor where it runs; core "
            f"{core.name} needs the .elf"
        )
    others = [other.name for other in soc.cores.values() if other.is_riscv is (image.architecture == RISCV)]
    load = f": load it on that one (--{others[0]})" if others else ""
    raise FirmwareError(
        f"{image.path}: built for {_ARTICLES[image.architecture]} core, and core {core.name} is "
        f"{_ARTICLES[wanted]} one{load}"
    )


def _check_services(image: FirmwareImage, soc: Soc) -> None:
    board = board_of(soc.cores)
    asks = board.services if board is not None else ()
    found = next((name for name in image.symbols if name.startswith(asks)), None) if asks else None
    if found is not None and board is not None:
        raise FirmwareError(
            f"{image.path}: waits for the secure and the system core of the {board.title} ({found}), whose firmware is "
            "not public and not emulated: build it without these services (IronSide, SDFW, NRFS)"
        )


def _check(image: FirmwareImage, segment: Segment, core: SocCore, soc: Soc) -> None:
    found = _memory_at(core, segment.load_address)
    if found is None:
        for other in soc.cores.values():
            if (theirs := _memory_at(other, segment.load_address)) is not None:
                raise _linked_for(other, image, segment, theirs)
    if found is None or segment.end > found.end:
        ranges = ", ".join(f"{item.name} 0x{item.start:08X}…0x{item.end - 1:08X}" for item in core.memories())
        raise FirmwareError(
            f"{image.path}: 0x{segment.load_address:08X}…0x{segment.end - 1:08X} is outside the memory "
            f"of core {core.name} ({ranges}); link it for that core"
        )
    owner = soc.owner_of_code(segment.load_address)
    if owner not in (None, core.name):
        raise _linked_for(soc.core(owner or ""), image, segment, found)


def _memory_at(core: SocCore, address: int) -> MappedRange | None:
    place = core.at(address)
    return place if place is not None and place.is_memory else None


def _linked_for(other: SocCore, image: FirmwareImage, segment: Segment, memory: MappedRange) -> FirmwareError:
    return FirmwareError(
        f"{image.path}: loads at 0x{segment.load_address:08X}, which is {memory.name}; it "
        f"was linked for core {other.name}: load it there (--{other.name})"
    )


_END: Final = "_end"
_HEAP: Final = "z_malloc_heap"
_ARENA: Final = "malloc_arena"


def linked_memory(path: Path) -> LinkedMemory | None:
    """Return the memory that the ELF file ``path`` uses; None for a file that is none, or cannot be read.

    Zephyr's ``malloc`` has an array of its own (``malloc_arena``), or, with CONFIG_COMMON_LIBC_MALLOC_ARENA_SIZE=-1,
    the RAM from ``_end`` up to the end of chosen ``zephyr,sram`` (``lib/libc/common/source/stdlib/malloc.c``).
    """
    try:
        elf = ELFFile(io.BytesIO(read_file(path, IMAGE_BYTES)))
        regions = tuple(_regions(elf))
        symbols = _symbols(elf)
    except (ELFError, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError):
        return None
    heap = symbols.get(_END) if _HEAP in symbols and _ARENA not in symbols else None
    return LinkedMemory(str(path), regions, heap)


def _regions(elf: ELFFile) -> Iterator[Region]:
    for segment in islice(elf.iter_segments("PT_LOAD"), SEGMENTS):
        if segment["p_memsz"]:
            yield Region(segment["p_vaddr"], segment["p_memsz"])


def _symbols(elf: ELFFile) -> dict[str, int]:
    return {
        symbol.name: symbol["st_value"]
        for section in elf.iter_sections()
        if isinstance(section, SymbolTableSection)
        for symbol in islice(section.iter_symbols(), SYMBOLS)
        if symbol.name in (_END, _HEAP, _ARENA)
    }
