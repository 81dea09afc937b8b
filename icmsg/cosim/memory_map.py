"""What a platform file has on the bus: RAM, flash and registers, and which cores reach each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.memory_checks import RAM, MemoryRange
from icmsg.cosim.bus_setup import reaches, tags
from icmsg.cosim.soc import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.platform import Peripheral, PlatformDescription

_MEMORY: Final = "Memory.MappedMemory"
_RAM_SPACES: Final = ((0x2000_0000, 0x4000_0000), (0x6000_0000, 0xA000_0000))
_REGISTERS: Final = 0x1000


def memory_map(description: PlatformDescription) -> Iterator[MemoryRange]:
    """Yield what is registered on the bus, or named by a tag, with the short names of the cores that reach it.

    A memory is RAM where it lies in the spaces that the Armv8-M architecture has for it (B8, "System address map":
    SRAM and external RAM), else flash. What a registration covers that says nothing is taken for a page.
    """
    everybody = [item.name for item in description if item.type.startswith("CPU.")]
    for item in description:
        what = _what(item)
        for place in item.registrations:
            size = place.size or item.attributes.get("size")
            if place.parent == "sysbus" and place.address is not None:
                length = size if isinstance(size, int) else _REGISTERS
                cores = frozenset(short_name(name) for name in everybody if reaches(item, place, name))
                if cores:
                    yield MemoryRange(place.address, place.address + length, cores, what, item.name)
    everyone = frozenset(map(short_name, everybody))
    for tag in tags(description):
        yield MemoryRange(tag.start, tag.end, everyone, "registers", tag.name)


def _what(item: Peripheral) -> str:
    if item.type != _MEMORY:
        return "a stand-in for registers" if item.type.startswith("Memory.") else "registers"
    addresses = [place.address for place in item.registrations if place.address is not None]
    in_ram = any(start <= address < end for address in addresses for start, end in _RAM_SPACES)
    return RAM if in_ram else "flash"
