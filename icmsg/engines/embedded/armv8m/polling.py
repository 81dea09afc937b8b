"""The peripheral registers that a loop reads, from its instructions (Armv8-M Architecture Reference Manual, C2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from icmsg.hw.bus import Bus

_LOADS: Final = {0x6800: 2, 0x7800: 0, 0x8800: 1}
"""LDR, LDRB and LDRH with a 5-bit offset, and how far that is shifted."""
_WIDE_LOADS: Final = (0xF8D0, 0xF890, 0xF8B0)
_LONGEST_LOOP: Final = 128
"""Bytes between a branch and its target in a loop that is looked through."""
_PERIPHERALS: Final = 0x4000_0000


def polled(pcs: Collection[int], registers: Mapping[str, int], bus: Bus) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the loop around ``pcs`` reads with an immediate offset."""
    for pc in _loop(pcs, bus):
        first, second = (bus.read16(pc + n) for n in (0, 2))
        shift = _LOADS.get(first & 0xF800)
        if shift is not None:
            base, offset = first >> 3 & 7, (first >> 6 & 0x1F) << shift
        elif first & 0xFFF0 in _WIDE_LOADS:
            base, offset = first & 0xF, second & 0xFFF
        else:
            continue
        name = {13: "SP", 14: "LR", 15: "PC"}.get(base, f"R{base}")
        address = registers[name] + offset & 0xFFFF_FFFF
        if address >= _PERIPHERALS:
            yield address


def _loop(pcs: Collection[int], bus: Bus) -> range:
    """Return the addresses of the loop: slices may end at the same few of its instructions each time."""
    lowest, highest = min(pcs), max(pcs)
    for pc in range(highest, highest + _LONGEST_LOOP, 2):
        word = bus.read16(pc)
        if word & 0xF000 == 0xD000 and word & 0x0F00 < 0x0E00:
            offset = (word & 0xFF ^ 0x80) - 0x80
        elif word & 0xF800 == 0xE000:
            offset = (word & 0x7FF ^ 0x400) - 0x400
        else:
            continue
        target = pc + 4 + 2 * offset
        if highest - _LONGEST_LOOP < target <= lowest:
            return range(target, pc + 2, 2)
    return range(lowest, highest + 2, 2)
