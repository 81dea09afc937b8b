"""Firmware on its core: whether the image belongs there, how the SoC starts it, and what another core keeps from it."""

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
from icmsg.errors import BusError, FirmwareError
from icmsg.files import IMAGE_BYTES, SEGMENTS, SYMBOLS, read_file
from icmsg.machine.image import ARM, RISCV
from icmsg.machine.image_formats import check_for_vpr
from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from icmsg.ipc.backend import HasRegions
    from icmsg.machine.image import FirmwareImage, Segment
    from icmsg.machine.machine import Core, Machine
    from icmsg.soc.soc import MappedRange, Soc, SocCore
    from icmsg.soc.wiring import ForceOff


def start_firmware(machine: Machine, cores: Iterable[str], *, release: bool = False) -> None:
    """Start the images that were loaded into ``cores``, as the SoC does after power-up.

    A core that another one holds in reset waits until firmware there lets it go. Where Python plays the holder, or
    nobody does, or with ``release``, it is let go at once. On the nRF5340 a reset of the application core holds the
    network core, until firmware clears RESET.NETWORK.FORCEOFF (Product Specification, "RESET"); Zephyr does that before
    ``main``.

    Raises:
        EngineError: one has no image, or Python plays it.
        CoreFault: an image's reset vector is no address of Thumb code.
    """
    names = list(cores)
    force_off = machine.soc.force_off
    if force_off is None:
        for name in names:
            machine.core(name).start()
        return
    holder, held = machine.core(force_off.holder), machine.core(force_off.held)
    _set_counter(holder, force_off, names)
    for name in sorted(names, key=lambda name: name == held.name):
        if name != held.name:
            machine.core(name).start()
    waits = _runs_firmware(holder) and not release
    image = held.image
    if not waits and force_off.start is not None and image is not None and held.name in names:
        holder.bus.write32(force_off.start, image.vector_table)
    if held.name in names or (holder.name in names and _runs_firmware(held)):
        if waits:
            held.halt()
            held.wait_for_release()
        elif held.name in names:
            held.start()
    if not waits:
        holder.bus.write32(force_off.register, 1 - force_off.holds)


def _set_counter(holder: Core, force_off: ForceOff, names: list[str]) -> None:
    """Leave the counter of both as firmware of ``holder`` finds it, which starts it, or as it would have left it.

    Firmware of the core that is held asks whether it is on before it takes a time from it (nrfx_grtc.c,
    is_syscounter_running), and that of the holder refuses to start one that is on.
    """
    starts = holder.name in names
    if force_off.counter is not None and (starts or not _runs_firmware(holder)):
        holder.bus.write32(force_off.counter, 0 if starts else _SYSCOUNTEREN)


def describe_held(machine: Machine) -> list[str]:
    """Return a line about a core with an image that is still held in reset, or nothing."""
    force_off = machine.soc.force_off
    if force_off is None:
        return []
    held, holder = machine.core(force_off.held), machine.core(force_off.holder)
    if (
        held.image is None
        or not held.is_halted
        or not force_off.is_held(holder.bus.read32(force_off.register))
    ):
        return []
    board = board_of(machine.cores)
    what = board.titles[held.name] if board is not None and held.name in board.titles else f"core {held.name}"
    return [
        f"on the SoC the {what} is held in reset until "
        f"{force_off.name} is {'cleared' if force_off.holds else 'set'}: {holder.name} never wrote "
        f"{1 - force_off.holds} to 0x{force_off.register:08X}; "
        "for images that leave it to a debugger: --release-network"
    ]


def _runs_firmware(core: Core) -> bool:
    return core.image is not None and not core.is_halted and not core.is_played


_SYSCOUNTEREN: Final = 1 << 1
"""MODE of GRTC (nRF54L15 Datasheet, "GRTC")."""
_RAM: Final = 0x2000_0000
_EXTRAM_PROTECT: Final = 0x5000_0460
_EXTDOMAIN_PERM: Final = 0x5000_3440
_RAMREGION_PERM: Final = 0x5000_3700
_UNTOUCHED: Final = 0x2
"""EXTDOMAIN[0].PERM after a reset. The accesses are non-secure then, too, but a debugger may have seen to that."""
_SECURE: Final = 1 << 4
_RAM_SIZE: Final = 0x8_0000
_REGION: Final = 0x2000
_BLOCK: Final = 0x1_0000


def describe_protection(machine: Machine, config: HasRegions) -> list[str]:
    """Return why, as firmware of the application core has set the SoC up, the network core reaches no region there.

    The engines let the network core reach that RAM all the same. Its accesses come from outside the application core's
    domain: SPU.EXTDOMAIN[0].PERM says whether they count as secure ones, SPU.RAMREGION[n].PERM whether 8 KiB of RAM are
    secure, and DCNF.EXTRAM[0].PROTECT closes 64 KiB of RAM whatever they are (Product Specification, "SPU" and "DCNF").
    """
    force_off = machine.soc.force_off
    if force_off is None:
        return []
    holder, held = machine.core(force_off.holder), machine.core(force_off.held)
    if holder.image is None or held.image is None:
        return []
    try:
        protect, perm = holder.bus.read32(_EXTRAM_PROTECT), holder.bus.read32(_EXTDOMAIN_PERM)
        permissions = [holder.bus.read32(_RAMREGION_PERM + 4 * at) for at in range(_RAM_SIZE // _REGION)]
    except BusError:
        return []  # another SoC, or a platform without them
    regions = (config.tx_region, config.rx_region)
    lines: list[str] = []
    if any(protect >> block & 1 for block in _units(regions, _BLOCK)):
        lines.append(f"DCNF.EXTRAM[0].PROTECT (0x{_EXTRAM_PROTECT:08X}) is 0x{protect:X}")
    if perm != _UNTOUCHED and not perm & _SECURE:
        for at in _units(regions, _REGION):
            if not permissions[at] or permissions[at] & _SECURE:  # 0 is untouched: secure on the SoC
                lines.append(
                    f"SPU.EXTDOMAIN[0].PERM (0x{_EXTDOMAIN_PERM:08X}) is 0x{perm:X}, so its accesses are non-secure, "
                    f"and this RAM is secure (SPU.RAMREGION[{at}].PERM)"
                )
                break
    return [
        f"on the SoC core {held.name} does not reach 0x{min(region.address for region in regions):08X}…: {line}"
        for line in lines
    ]


def _units(regions: Iterable[Region], size: int) -> Iterator[int]:
    for region in regions:
        yield from range((region.address - _RAM) // size, (region.end - 1 - _RAM) // size + 1)


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

    That is what it loads, what it clears, and Zephyr's heap of ``malloc``. Zephyr's ``malloc`` has an array of its own
    (``malloc_arena``), or, with CONFIG_COMMON_LIBC_MALLOC_ARENA_SIZE=-1, the RAM from ``_end`` up to the end of chosen
    ``zephyr,sram`` (``lib/libc/common/source/stdlib/malloc.c``).
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
