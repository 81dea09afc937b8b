"""Programs for a VPR core, assembled in the test: RV32E, M, A, Zicsr, some of C, and a few words of the assembler.

Instructions stand in lines of their own or behind a semicolon, comments behind ``#``; a label ends with a colon. The
registers have the names of the ABI; an operand is a number, a label, ``label+number``, or ``offset(register)``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Container
from functools import cache
from pathlib import Path
from typing import Final

from icmsg.machine.image import RISCV, FirmwareImage, Segment

BASE: Final = 0x2002_8000
"""Where programs are, in RAM that the Arm core reaches as well."""
STACK: Final = 0x2003_8000
SHARED: Final = 0x2002_0000

_ABI: Final = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5"
REGISTERS: Final = {name: number for number, name in enumerate(_ABI.split(" "))} | {
    f"x{number}": number for number in range(32)
}
CSRS: Final = {
    "mstatus": 0x300,
    "misa": 0x301,
    "mtvec": 0x305,
    "mtvt": 0x307,
    "mcountinhibit": 0x320,
    "mscratch": 0x340,
    "mepc": 0x341,
    "mcause": 0x342,
    "mtval": 0x343,
    "mintstatus": 0x346,
    "mintthresh": 0x347,
    "mclicbase": 0x350,
    "nordicctrl": 0x7C0,
    "sleepctrl": 0x7C1,
    "tasks": 0x7E0,
    "events": 0x7E2,
    "mcycle": 0xB00,
    "minstret": 0xB02,
    "time": 0xC01,
    "mvendorid": 0xF11,
    "mhartid": 0xF14,
}
_ALU: Final = {
    "add": (0, 0),
    "sub": (0, 0x20),
    "sll": (1, 0),
    "slt": (2, 0),
    "sltu": (3, 0),
    "xor": (4, 0),
    "srl": (5, 0),
    "sra": (5, 0x20),
    "or": (6, 0),
    "and": (7, 0),
    **{
        name: (number, 1)
        for number, name in enumerate(["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"])
    },
}
_IMMEDIATE: Final = {"addi": 0, "slti": 2, "sltiu": 3, "xori": 4, "ori": 6, "andi": 7}
_SHIFTS: Final = {"slli": (1, 0), "srli": (5, 0), "srai": (5, 0x20)}
_LOADS: Final = {"lb": 0, "lh": 1, "lw": 2, "lbu": 4, "lhu": 5}
_STORES: Final = {"sb": 0, "sh": 1, "sw": 2}
_BRANCHES: Final = {"beq": 0, "bne": 1, "blt": 4, "bge": 5, "bltu": 6, "bgeu": 7}
_CSR: Final = {"csrrw": 1, "csrrs": 2, "csrrc": 3, "csrrwi": 5, "csrrsi": 6, "csrrci": 7}
_AMO: Final = {"lr.w": 2, "sc.w": 3, "amoswap.w": 1, "amoadd.w": 0}
_FIXED: Final = {
    "nop": 0x13,
    "ecall": 0x73,
    "ebreak": 0x0010_0073,
    "mret": 0x3020_0073,
    "wfi": 0x1050_0073,
    "fence": 0x0FF0_000F,
    "fence.i": 0x100F,
}
_SHORT: Final = {"c.nop": 0x0001, "c.ebreak": 0x9002}
_PSEUDO: Final = {
    "mv": "addi {0}, {1}, 0",
    "not": "xori {0}, {1}, -1",
    "j": "jal zero, {0}",
    "call": "jal ra, {0}",
    "jr": "jalr zero, 0({0})",
    "ret": "jalr zero, 0(ra)",
    "beqz": "beq {0}, zero, {1}",
    "bnez": "bne {0}, zero, {1}",
    "csrr": "csrrs {0}, {1}, zero",
    "csrw": "csrrw zero, {0}, {1}",
    "csrs": "csrrs zero, {0}, {1}",
    "csrc": "csrrc zero, {0}, {1}",
    "csrwi": "csrrwi zero, {0}, {1}",
    "csrsi": "csrrsi zero, {0}, {1}",
    "csrci": "csrrci zero, {0}, {1}",
}
_WORD: Final = re.compile(r"[^\s,]+")


def r_type(opcode: int, f3: int, f7: int, rd: int, rs1: int, rs2: int) -> int:
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode


def i_type(opcode: int, f3: int, rd: int, rs1: int, value: int) -> int:
    return (value & 0xFFF) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode


def s_type(f3: int, rs1: int, rs2: int, value: int) -> int:
    return (value >> 5 & 0x7F) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (value & 31) << 7 | 0x23


def b_type(f3: int, rs1: int, rs2: int, value: int) -> int:
    high = (value >> 12 & 1) << 31 | (value >> 5 & 0x3F) << 25
    return high | rs2 << 20 | rs1 << 15 | f3 << 12 | (value >> 1 & 15) << 8 | (value >> 11 & 1) << 7 | 0x63


def j_type(rd: int, value: int) -> int:
    high = (value >> 20 & 1) << 31 | (value >> 1 & 0x3FF) << 21 | (value >> 11 & 1) << 20
    return high | (value >> 12 & 0xFF) << 12 | rd << 7 | 0x6F


def _lines(source: str) -> list[list[str]]:
    found: list[list[str]] = []
    for line in re.sub(r"#.*", "", source).replace(";", "\n").splitlines():
        while (label := re.match(r"\s*([A-Za-z_]\w*):", line)) is not None:
            found.append([label[1] + ":"])
            line = line[label.end() :]
        words = _WORD.findall(line)
        if words and words[0] in _PSEUDO:
            words = _WORD.findall(_PSEUDO[words[0]].format(*words[1:]))
        if words:
            found.append(words)
    return found


def _size(words: list[str], at: int) -> int:
    name = words[0]
    if name.endswith(":"):
        return 0
    if name == ".align":
        return -at % (1 << int(words[1]))
    if name in (".half", *_SHORT):
        return 2 * max(len(words) - 1, 1)
    if name == ".word":
        return 4 * (len(words) - 1)
    if name == ".space":
        return int(words[1], 0)
    return 8 if name in ("li", "la") else 4


def assemble(source: str, base: int = BASE) -> tuple[bytes, dict[str, int]]:
    """Return the bytes of ``source`` at ``base``, and the addresses of its labels."""
    lines = _lines(source)
    labels: dict[str, int] = {}
    at = base
    for words in lines:
        if words[0].endswith(":"):
            labels[words[0][:-1]] = at
        at += _size(words, at)
    code, at = b"", base
    for words in lines:
        size = _size(words, at)
        code += _encode(words, at, size, labels)
        at += size
    return code, labels


class _Operands:
    """The operands of one instruction at ``at``."""

    def __init__(self, words: list[str], at: int, labels: dict[str, int]) -> None:
        self.words, self.at, self.labels = words, at, labels

    def value(self, index: int) -> int:
        return self.number(self.words[index])

    def number(self, text: str) -> int:
        label, _, more = text.partition("+")
        if label in self.labels:
            return self.labels[label] + (int(more, 0) if more else 0)
        return CSRS[text] if text in CSRS else int(text, 0)

    def register(self, index: int) -> int:
        return REGISTERS[self.words[index]]

    def place(self, index: int) -> tuple[int, int]:
        """Return base register and offset of ``offset(register)``."""
        offset, _, base = self.words[index].rstrip(")").partition("(")
        return REGISTERS[base], self.number(offset or "0")

    def distance(self, index: int) -> int:
        return self.value(index) - self.at


def _load_immediate(operands: _Operands) -> bytes:
    number = operands.value(1) & 0xFFFF_FFFF
    low = (number & 0xFFF ^ 0x800) - 0x800
    rd = operands.register(0)
    return struct.pack("<2I", (number - low & 0xFFFF_F000) | rd << 7 | 0x37, i_type(0x13, 0, rd, rd, low))


def _csr(name: str, of: _Operands) -> int:
    source = of.value(2) if name.endswith("i") else of.register(2)
    return of.value(1) << 20 | source << 15 | _CSR[name] << 12 | of.register(0) << 7 | 0x73


def _atomic(name: str, of: _Operands) -> int:
    rs2 = 0 if name == "lr.w" else of.register(1)
    return r_type(0x2F, 2, _AMO[name] << 2, of.register(0), of.place(-1)[0], rs2)


_Format = Callable[[str, _Operands], int]
_FORMATS: Final[tuple[tuple[Container[str], _Format], ...]] = (
    (_FIXED, lambda name, of: _FIXED[name]),
    (_ALU, lambda name, of: r_type(0x33, *_ALU[name], of.register(0), of.register(1), of.register(2))),
    (
        _IMMEDIATE,
        lambda name, of: i_type(0x13, _IMMEDIATE[name], of.register(0), of.register(1), of.value(2)),
    ),
    (_SHIFTS, lambda name, of: r_type(0x13, *_SHIFTS[name], of.register(0), of.register(1), of.value(2))),
    (("lui",), lambda name, of: of.value(1) << 12 | of.register(0) << 7 | 0x37),
    (_LOADS, lambda name, of: i_type(0x03, _LOADS[name], of.register(0), *of.place(1))),
    (_STORES, lambda name, of: s_type(_STORES[name], of.place(1)[0], of.register(0), of.place(1)[1])),
    (_BRANCHES, lambda name, of: b_type(_BRANCHES[name], of.register(0), of.register(1), of.distance(2))),
    (("jal",), lambda name, of: j_type(of.register(0), of.distance(1))),
    (("jalr",), lambda name, of: i_type(0x67, 0, of.register(0), *of.place(1))),
    (_CSR, _csr),
    (_AMO, _atomic),
)


def _encode(words: list[str], at: int, size: int, labels: dict[str, int]) -> bytes:
    name, operands = words[0], _Operands(words[1:], at, labels)
    if name.endswith(":") or name in (".align", ".space"):
        return bytes(size)
    if name in (".half", ".word"):
        values = [operands.value(index) & 0xFFFF_FFFF for index in range(len(words) - 1)]
        return struct.pack(f"<{len(values)}{'H' if name == '.half' else 'I'}", *values)
    if name in _SHORT:
        return struct.pack("<H", _SHORT[name])
    if name in ("li", "la"):
        return _load_immediate(operands)
    for names, encode in _FORMATS:
        if name in names:
            return struct.pack("<I", encode(name, operands))
    raise ValueError(f"no such instruction: {' '.join(words)}")


@cache
def firmware(source: str, *, base: int = BASE, name: str = "test.elf") -> FirmwareImage:
    """Return an image that begins at the label ``start``, or at its first instruction."""
    data, labels = assemble(source, base)
    segment = Segment(base, base, data, executable=True)
    return FirmwareImage(Path(name), (segment,), labels.get("start", base), labels, architecture=RISCV)
