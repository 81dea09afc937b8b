"""Frames of functions: by the call frame tables of an image, and of Thumb code by its first instructions."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from elftools.dwarf.callframe import FDE

if TYPE_CHECKING:
    from collections.abc import Callable

    Words = Callable[[int], int | None]

_LONGEST: Final = 0x4000
"""Bytes of a function that are read; in a longer one nothing is known."""
_LR: Final = 14
_PC: Final = 15


class CallFrames:
    """Call frame tables of ``dwarf``, the debug information as pyelftools has it; what is damaged is absent."""

    def __init__(self, dwarf: Any | None, *, starts_at_zero: bool) -> None:
        self._dwarf = dwarf
        self._starts_at_zero = starts_at_zero

    @cached_property
    def _entries(self) -> tuple[list[int], list[Any]]:
        """The addresses at which functions begin, and the entries of these functions."""
        dwarf, found = self._dwarf, []
        if dwarf is not None:
            for has, read in (
                (dwarf.has_CFI, dwarf.CFI_entries),
                (dwarf.has_EH_CFI, dwarf.EH_CFI_entries),
            ):
                with suppress(Exception):
                    found += [entry for entry in (read() if has() else ()) if isinstance(entry, FDE)]
        found.sort(key=lambda entry: entry.header["initial_location"])
        return [entry.header["initial_location"] for entry in found], found

    def rules(self, address: int) -> tuple[dict[Any, Any], int, bool] | None:
        """Return the row of the call frame table for ``address``, and the column of the return address.

        The third value tells whether the function puts the return address somewhere in any of its rows.
        """
        with suppress(Exception):
            starts, entries = self._entries
            at = bisect_right(starts, address) - 1
            if at < 0 or (starts[at] == 0 and not self._starts_at_zero):
                return None
            entry = entries[at]
            if address >= starts[at] + entry.header["address_range"]:
                return None
            table = entry.get_decoded().table
            row = next((each for each in reversed(table) if each["pc"] <= address), None)
            column = entry.cie.header["return_address_register"]
            return None if row is None else (row, column, any(column in each for each in table))
        return None


@dataclass(slots=True)
class StackUse:
    """``size`` bytes below the caller's stack pointer; ``saved`` gives registers by their distance from there.

    ``pointer`` is the distance of R7 from the caller's stack pointer, where R7 is a frame pointer.
    """

    size: int = 0
    saved: dict[int, int] = field(default_factory=dict)
    pointer: int | None = None

    def copy(self) -> StackUse:
        """Return the same, on its own."""
        return StackUse(self.size, dict(self.saved), self.pointer)

    def push(self, registers: int) -> None:
        """Follow a push of the registers in a mask; the lowest number lies lowest."""
        numbers = [number for number in range(16) if registers >> number & 1]
        self.size += 4 * len(numbers)
        for index, number in enumerate(numbers):
            self.saved.setdefault(number, self.size - 4 * index)

    def pop(self, registers: int) -> None:
        """Follow a pop."""
        self.size -= 4 * registers.bit_count()
        self.saved = {number: place for number, place in self.saved.items() if place <= self.size}


def stack_use(start: int, pc: int, halfword: Words) -> StackUse | None:
    """Return what the function at ``start`` has on the stack where it stands at ``pc``; None where that is unclear.

    Instructions are followed in the order in which they lie; behind a return or a jump the frame is again as before it.
    """
    if not 0 <= pc - start <= _LONGEST:
        return None
    now, body = StackUse(), StackUse()
    at = start
    while at < pc:
        first = halfword(at)
        if first is None:
            return None
        wide = first >> 11 in (0b11101, 0b11110, 0b11111)
        second = halfword(at + 2) if wide else 0
        if second is None:
            return None
        returns = _wide(now, first, second) if wide else _narrow(now, first)
        if now.size > body.size or (now.pointer is not None and body.pointer is None):
            body = now.copy()
        if returns:
            now = body.copy()
        at += 4 if wide else 2
    return now if now.size >= 0 else None


def _narrow(now: StackUse, code: int) -> bool:
    if code & 0xFE00 == 0xB400:  # PUSH
        now.push(code & 0xFF | (code >> 8 & 1) << _LR)
    elif code & 0xFE00 == 0xBC00:  # POP
        now.pop(code & 0xFF | (code >> 8 & 1) << _PC)
        return bool(code & 0x100)
    elif code & 0xFF80 == 0xB080:  # SUB SP, #
        now.size += 4 * (code & 0x7F)
    elif code & 0xFF80 == 0xB000:  # ADD SP, #
        now.size -= 4 * (code & 0x7F)
    elif code & 0xFF00 == 0xAF00:  # ADD R7, SP, #
        now.pointer = now.size - 4 * (code & 0xFF)
    elif code == 0x466F:  # MOV R7, SP
        now.pointer = now.size
    elif code == 0x46BD:  # MOV SP, R7
        now.size = now.pointer if now.pointer is not None else now.size
    return code & 0xFF87 == 0x4700 or code & 0xF800 == 0xE000  # BX, B


def _wide(now: StackUse, first: int, second: int) -> bool:
    if first == 0xE92D:  # PUSH.W
        now.push(second)
    elif first == 0xE8BD:  # POP.W
        now.pop(second)
        return bool(second >> _PC & 1)
    elif first == 0xF84D and second & 0x0FFF == 0x0D04:  # STR Rt, [SP, #-4]!
        now.push(1 << (second >> 12))
    elif first == 0xF85D and second & 0x0FFF == 0x0B04:  # LDR Rt, [SP], #4
        now.pop(1 << (second >> 12))
        return second >> 12 == _PC
    elif (first & 0xFBFF) in _SHIFTS and second & 0x8F00 == 0x0D00:
        sign, constant = _SHIFTS[first & 0xFBFF]
        now.size += sign * constant(first, second)
    elif first & 0xFFBF == 0xED2D and second & 0x0E00 == 0x0A00:  # VPUSH
        now.size += 4 * (second & 0xFF)
    elif first & 0xFFBF == 0xECBD and second & 0x0E00 == 0x0A00:  # VPOP
        now.size -= 4 * (second & 0xFF)
    return first & 0xF800 == 0xF000 and second & 0xD000 == 0x9000  # B.W


def _plain(first: int, second: int) -> int:
    return (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF


def _constant(first: int, second: int) -> int:
    """Return a modified immediate constant (Armv8-M ARM, C1.5)."""
    value = _plain(first, second)
    low, kind = value & 0xFF, value >> 8 & 3
    if value >> 10 == 0:
        return (low, low | low << 16, low << 8 | low << 24, low * 0x01010101)[kind]
    turned, by = 0x80 | value & 0x7F, value >> 7
    return (turned >> by | turned << (32 - by)) & 0xFFFFFFFF


_SHIFTS: Final[dict[int, tuple[int, Callable[[int, int], int]]]] = {
    0xF1AD: (1, _constant),  # SUB.W SP, SP, #
    0xF10D: (-1, _constant),  # ADD.W SP, SP, #
    0xF2AD: (1, _plain),  # SUBW SP, SP, #
    0xF20D: (-1, _plain),  # ADDW SP, SP, #
}


def is_call(back: int, halfword: Words) -> tuple[bool, int | None]:
    """Tell whether a call lies before return address ``back``, and where it went (None: to what a register held)."""
    last = halfword(back - 2)
    if last is None:
        return False, None
    if last & 0xFF87 == 0x4780:  # BLX Rm
        return True, None
    first = halfword(back - 4)
    if first is None or first & 0xF800 != 0xF000 or last & 0xD000 != 0xD000:
        return False, None
    sign = first >> 10 & 1
    i1, i2 = (~((last >> bit & 1) ^ sign) & 1 for bit in (13, 11))
    offset = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (last & 0x7FF) << 1
    return True, (back + offset - (sign << 25)) & 0xFFFFFFFF
