"""The peripheral registers that a loop reads, from its instructions (RISC-V unprivileged architecture)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from icmsg.hw.bus import Bus

_LOAD, _BRANCH, _JAL = 0x03, 0x63, 0x6F
_LONGEST_LOOP: Final = 128
"""Bytes behind the last place where a loop was seen in which its jump back is looked for."""
_PERIPHERALS: Final = 0x4000_0000
_ABI: Final = (
    *("ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0", "S1"),
    *(f"A{number}" for number in range(6)),
)


def polled(pcs: Collection[int], registers: Mapping[str, int], bus: Bus) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the loop around ``pcs`` loads from."""
    at, end = _loop(pcs, bus)
    while at <= end:
        code, size = _fetch(at, bus)
        place = _wide(code) if size == 4 else _narrow(code)
        at += size
        if place is None or place[0] >= len(_ABI):
            continue
        base, offset = place
        address = registers.get(_ABI[base], 0) + offset & 0xFFFF_FFFF
        if address >= _PERIPHERALS:
            yield address


def _loop(pcs: Collection[int], bus: Bus) -> tuple[int, int]:
    """Return where the loop begins and ends: slices may end at the same few of its instructions each time."""
    lowest, highest = min(pcs), max(pcs)
    at = highest
    while at < highest + _LONGEST_LOOP:
        code, size = _fetch(at, bus)
        target = at + (_jump(code) if size == 4 else _short_jump(code))
        if highest - _LONGEST_LOOP < target <= lowest and target < at:
            return target, at
        at += size
    return lowest, highest


def _fetch(at: int, bus: Bus) -> tuple[int, int]:
    code = bus.read16(at)
    return (code | bus.read16(at + 2) << 16, 4) if code & 3 == 3 else (code, 2)


def _jump(code: int) -> int:
    """Return how far a branch or a JAL jumps, 0 for another instruction."""
    if code & 0x7F == _BRANCH:
        offset = (code >> 8 & 15) << 1 | (code >> 25 & 0x3F) << 5 | (code >> 7 & 1) << 11
        return offset - (code >> 31 << 12)
    if code & 0x7F == _JAL:
        offset = (code >> 21 & 0x3FF) << 1 | (code >> 20 & 1) << 11 | (code >> 12 & 0xFF) << 12
        return offset - (code >> 31 << 20)
    return 0


def _short_jump(code: int) -> int:
    """Return how far C.BEQZ, C.BNEZ or C.J jumps, 0 for another instruction."""
    if code & 0xC003 == 0xC001:
        offset = (code >> 3 & 3) << 1 | (code >> 10 & 3) << 3 | (code >> 2 & 1) << 5 | (code >> 5 & 3) << 6
        return offset - ((code >> 12 & 1) << 8)
    if code & 0xE003 == 0xA001:
        offset = (code >> 3 & 7) << 1 | (code >> 11 & 1) << 4 | (code >> 2 & 1) << 5 | (code >> 7 & 1) << 6
        offset |= (code >> 6 & 1) << 7 | (code >> 9 & 3) << 8 | (code >> 8 & 1) << 10
        return offset - ((code >> 12 & 1) << 11)
    return 0


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
