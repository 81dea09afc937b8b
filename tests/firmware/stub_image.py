"""The committed images: which there are, what core each is for, and what tests look at in one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from native_stub import STUBS

if TYPE_CHECKING:
    from pathlib import Path

PREBUILT = STUBS / "prebuilt"
MODES = ("disable", "enable", "detect")
GENERATIONS = {"-icbmsg-rework-": 3, "-icbmsg-": 2}
"""Number of the generation by what an image's name has of it; 0 for ICMsg."""


class Place(NamedTuple):
    """A core that there are images for: its memories, and the instance that they have by default."""

    flash: range
    ram: range
    dma: range
    """Memory of its own for what EasyDMA reads, or empty."""
    geometry: tuple[int, ...]
    """tx-region, its size, rx-region, its size, tx channel, rx channel."""
    alignment: int
    timer_hz: int


_NRF5340 = (0x2007_0000, 0x800, 0x2007_8000, 0x800, 0, 1)
_NRF54L15 = (0x2002_0000, 0x800, 0x2001_8000, 0x800, 21, 20)
_NRF54H20 = (0x2F0B_F000, 0x800, 0x2F0B_F800, 0x800, 12, 18)


def _mirrored(geometry: tuple[int, ...]) -> tuple[int, ...]:
    return (*geometry[2:4], *geometry[:2], geometry[5], geometry[4])


# The nRF5340's application core's RAM ends where the shared 64 KiB begin, the nRF54L15's where its regions do.
PLACES = {
    "nrf5340-app": Place(
        range(0x0010_0000), range(0x2000_0000, 0x2007_0000), range(0), _NRF5340, 0, 64_000_000
    ),
    "nrf5340-net": Place(
        range(0x0100_0000, 0x0104_0000),
        range(0x2100_0000, 0x2101_0000),
        range(0),
        _mirrored(_NRF5340),
        0,
        64_000_000,
    ),
    "nrf54l15-app": Place(
        range(0x0016_5000), range(0x2000_0000, 0x2001_8000), range(0), _NRF54L15, 0, 1_000_000
    ),
    "nrf54l15-flpr": Place(
        range(0x2002_8000, 0x2002_C000),
        range(0x2002_C000, 0x2003_FE00),
        range(0),
        _mirrored(_NRF54L15),
        0,
        1_000_000,
    ),
    "nrf54h20-app": Place(
        range(0x0E09_4000, 0x0E0E_4000),
        range(0x2F01_1000, 0x2F05_1000),
        range(0x2FC1_2000, 0x2FC1_3000),
        _NRF54H20,
        32,
        1_000_000,
    ),
    "nrf54h20-rad": Place(
        range(0x0E05_4000, 0x0E09_4000),
        range(0x2300_0000, 0x2303_0000),
        range(0x2FC1_3000, 0x2FC1_3400),
        _mirrored(_NRF54H20),
        32,
        1_000_000,
    ),
}
SUFFIXES = ("", "-enable", "-detect", "-icbmsg", "-icbmsg-rework")
LINKED = [program + suffix for program in ("echo", "initiator") for suffix in SUFFIXES]


def image_name(program: str, place: str) -> str:
    """Return the name of an image: its path in ``prebuilt`` without ``.elf``."""
    soc, _, core = place.partition("-")
    return f"{program}-{core}" if soc == "nrf5340" else f"{soc}/{program}-{core}"


IMAGES = {image_name(program, place): place for place in PLACES for program in (*LINKED, "spin")}
"""Names of all images, and the core that each is for."""


def mode_of(name: str) -> str:
    """Return for which ``unbound`` an image is built."""
    return next((mode for mode in MODES if f"-{mode}-" in name), "disable")


def generation_of(name: str) -> int:
    """Return the number of the generation of ICBMsg that an image speaks, 0 for ICMsg."""
    return next((number for part, number in GENERATIONS.items() if part in name), 0)


class Image:
    """What the tests look at in an ELF file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.header: dict[str, Any] = dict(elf.header)
            self.segments = [dict(s.header) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
            self.sections = {s.name: (dict(s.header), s.data()) for s in elf.iter_sections()}
            table = elf.get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            self.symbols = {s.name: (s["st_value"], s["st_size"]) for s in table.iter_symbols() if s.name}

    @classmethod
    @cache
    def named(cls, name: str) -> Image:
        """Return an image, which is read once for all tests."""
        return cls(PREBUILT / f"{name}.elf")
