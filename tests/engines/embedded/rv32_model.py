"""A plain interpreter of RV32E M C, written from the manuals, to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_MASK: Final = 0xFFFF_FFFF


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _bits(word: int, *parts: tuple[int, int, int]) -> int:
    """Gather (lowest bit in the word, number of bits, lowest bit in the result)."""
    return sum((word >> low & (1 << size) - 1) << to for low, size, to in parts)


def _divide(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _multiply(kind: int, a: int, b: int) -> int:
    sa, sb = signed(a), signed(b)
    if kind < 4:
        return (a * b, sa * sb >> 32, sa * b >> 32, a * b >> 32)[kind]
    if not b:
        return (_MASK, _MASK, a, a)[kind - 4]
    if kind == 4:
        return _divide(sa, sb)
    if kind == 6:
        return sa - _divide(sa, sb) * sb
    return a // b if kind == 5 else a % b


def _alu(kind: int, a: int, b: int, other: bool) -> int:
    shift = b & 31
    return (
        a - b if other else a + b,
        a << shift,
        int(signed(a) < signed(b)),
        int(a < b),
        a ^ b,
        signed(a) >> shift if other else a >> shift,
        a | b,
        a & b,
    )[kind]


def _taken(kind: int, a: int, b: int) -> bool:
    found = (a == b, signed(a) < signed(b), a < b)[(0, 0, 0, 0, 1, 1, 2, 2)[kind]]
    return found != bool(kind & 1)


@dataclass
class Model:
    """Registers, and memory as bytes from ``base`` on."""

    memory: bytearray
    base: int
    pc: int
    x: list[int] = field(default_factory=lambda: [0] * 32)

    def run(self, most: int = 100_000) -> int:
        """Run to the jump to itself; return the number of instructions, that one not counted."""
        for count in range(most):
            if not self.step():
                return count
        raise AssertionError("no end")

    def load(self, address: int, size: int) -> int:
        start = address - self.base
        return int.from_bytes(self.memory[start : start + size], "little")

    def store(self, address: int, size: int, value: int) -> None:
        start = address - self.base
        self.memory[start : start + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def step(self) -> bool:
        code = self.load(self.pc, 4)
        if code & 3 != 3:
            return self._short(code & 0xFFFF)
        return self._long(code)

    def _set(self, rd: int, value: int) -> None:
        if rd:
            self.x[rd] = value & _MASK

    def _long(self, code: int) -> bool:
        opcode = code & 0x7F
        if opcode in (0x63, 0x6F):
            return self._jump(code, opcode)
        rd, kind = code >> 7 & 31, code >> 12 & 7
        a, b = self.x[code >> 15 & 31], self.x[code >> 20 & 31]
        immediate, other = signed(code >> 20, 12), bool(code >> 30 & 1)
        if opcode == 0x33:
            self._set(rd, _multiply(kind, a, b) if code >> 25 == 1 else _alu(kind, a, b, other))
        elif opcode == 0x13:
            self._set(rd, _alu(kind, a, immediate & _MASK, kind == 5 and other))
        elif opcode in (0x17, 0x37):
            self._set(rd, (self.pc if opcode == 0x17 else 0) + (code & 0xFFFF_F000))
        elif opcode == 0x03:
            size = 1 << (kind & 3)
            value = self.load(a + immediate & _MASK, size)
            self._set(rd, value if kind & 4 else signed(value, 8 * size))
        else:
            assert opcode == 0x23, f"0x{code:08X}"
            offset = signed(_bits(code, (7, 5, 0), (25, 7, 5)), 12)
            self.store(a + offset & _MASK, 1 << kind, b)
        self.pc += 4
        return True

    def _jump(self, code: int, opcode: int) -> bool:
        rd, a, b = code >> 7 & 31, self.x[code >> 15 & 31], self.x[code >> 20 & 31]
        offset = 4
        if opcode == 0x63:
            if _taken(code >> 12 & 7, a, b):
                offset = signed(_bits(code, (8, 4, 1), (25, 6, 5), (7, 1, 11), (31, 1, 12)), 13)
        else:
            offset = signed(_bits(code, (21, 10, 1), (20, 1, 11), (12, 8, 12), (31, 1, 20)), 21)
            self._set(rd, self.pc + 4)
        self.pc = self.pc + offset & _MASK
        return bool(offset)

    def _short(self, code: int) -> bool:
        quadrant, kind = code & 3, code >> 13
        return (self._quadrant0, self._quadrant1, self._quadrant2)[quadrant](code, kind)

    def _next(self, following: int | None = None) -> bool:
        self.pc = self.pc + 2 if following is None else following & _MASK
        return True

    def _quadrant0(self, code: int, kind: int) -> bool:
        near, other = 8 + (code >> 7 & 7), 8 + (code >> 2 & 7)
        offset = _bits(code, (6, 1, 2), (10, 3, 3), (5, 1, 6))
        if kind == 0:  # C.ADDI4SPN
            self._set(other, self.x[2] + _bits(code, (6, 1, 2), (5, 1, 3), (11, 2, 4), (7, 4, 6)))
        elif kind == 2:
            self._set(other, self.load(self.x[near] + offset & _MASK, 4))
        else:
            self.store(self.x[near] + offset & _MASK, 4, self.x[other])
        return self._next()

    def _quadrant1(self, code: int, kind: int) -> bool:
        rd, near, other = code >> 7 & 31, 8 + (code >> 7 & 7), 8 + (code >> 2 & 7)
        immediate = signed(_bits(code, (2, 5, 0), (12, 1, 5)), 6)
        if kind == 0:
            self._set(rd, self.x[rd] + immediate)
        elif kind in (1, 5):
            parts = (
                (3, 3, 1),
                (11, 1, 4),
                (2, 1, 5),
                (7, 1, 6),
                (6, 1, 7),
                (9, 2, 8),
                (8, 1, 10),
                (12, 1, 11),
            )
            if kind == 1:
                self._set(1, self.pc + 2)
            return self._next(self.pc + signed(_bits(code, *parts), 12))
        elif kind == 2:
            self._set(rd, immediate)
        elif kind == 3 and rd == 2:  # C.ADDI16SP
            parts = ((6, 1, 4), (2, 1, 5), (5, 1, 6), (3, 2, 7), (12, 1, 9))
            self._set(2, self.x[2] + signed(_bits(code, *parts), 10))
        elif kind == 3:
            self._set(rd, immediate << 12)
        elif kind == 4:
            self._arithmetic(code, near, other, immediate)
        elif (not self.x[near]) != (kind == 7):
            offset = _bits(code, (3, 2, 1), (10, 2, 3), (2, 1, 5), (5, 2, 6), (12, 1, 8))
            return self._next(self.pc + signed(offset, 9))
        return self._next()

    def _arithmetic(self, code: int, near: int, other: int, immediate: int) -> None:
        a, b, kind = self.x[near], self.x[other], code >> 10 & 3
        if kind == 3:
            self._set(near, (a - b, a ^ b, a | b, a & b)[code >> 5 & 3])
        else:
            shift = immediate & 31
            self._set(near, (a >> shift, signed(a) >> shift, a & immediate)[kind])

    def _quadrant2(self, code: int, kind: int) -> bool:
        rd, source = code >> 7 & 31, code >> 2 & 31
        if kind == 0:
            self._set(rd, self.x[rd] << source)
        elif kind == 2:
            self._set(rd, self.load(self.x[2] + _bits(code, (4, 3, 2), (12, 1, 5), (2, 2, 6)) & _MASK, 4))
        elif kind == 6:
            self.store(self.x[2] + _bits(code, (9, 4, 2), (7, 2, 6)) & _MASK, 4, self.x[source])
        elif source:
            self._set(rd, (self.x[rd] if code >> 12 & 1 else 0) + self.x[source])
        else:
            target = self.x[rd]
            if code >> 12 & 1:
                self._set(1, self.pc + 2)
            return self._next(target & ~1)
        return self._next()
