"""Memory that an image uses, read from its ELF file: what it loads, what it clears, and Zephyr's heap of ``malloc``."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from icmsg.config.instance import Region
from icmsg.config.memory_checks import LinkedMemory
from icmsg.limits import IMAGE_BYTES, SEGMENTS, SYMBOLS, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
