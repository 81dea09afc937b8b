"""The peripheral registers that a loop reads, from its instructions (RISC-V unprivileged architecture)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from icmsg.hw.bus import Bus

_LOAD: Final = 0x03
_LONGEST_LOOP: Final = 128
"""Bytes behind the last place where a loop was seen in which its jump back is looked for."""
_PERIPHERALS: Final = 0x4000_0000
_ABI: Final = (
    *("ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0", "S1"),
    *(f"A{number}" for number in range(6)),
)


def polled(pcs: Collection[int], registers: Mapping[str, int], bus: Bus) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the code at ``pcs``, and what lies between them, loads from."""
    at, end = min(pcs), max(pcs)
    while at <= end:
        code = bus.read16(at)
        size = 4 if code & 3 == 3 else 2
        place = _wide(code | bus.read16(at + 2) << 16) if size == 4 else _narrow(code)
        at += size
        if place is None or place[0] >= len(_ABI):
            continue
        base, offset = place
        address = registers.get(_ABI[base], 0) + offset & 0xFFFF_FFFF
        if address >= _PERIPHERALS:
            yield address


def _wide(code: int) -> tuple[int, int] | None:
    """Return base register and offset of LB, LH, LW, LBU and LHU."""
    if code & 0x7F != _LOAD:
        return None
    return code >> 15 & 31, (code >> 20 ^ 0x800) - 0x800


def _narrow(code: int) -> tuple[int, int] | None:
    """Return base register and offset of C.LW."""
    if code & 0xE003 != 0x4000:
        return None
    return 8 + (code >> 7 & 7), (code >> 10 & 7) << 3 | (code >> 6 & 1) << 2 | (code >> 5 & 1) << 6
