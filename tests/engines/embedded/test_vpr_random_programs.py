"""Random programs of RV32E M C on the VPR and on a plain interpreter, with interrupts and without."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from riscv import BASE, STACK, assemble, b_type, i_type, r_type, s_type
from rv32_model import Model
from vpr_rig import VprRig

from icmsg.machine.image import RISCV, FirmwareImage, Segment

if TYPE_CHECKING:
    from collections.abc import Callable

_RAM, _BYTES = 0x2002_8000, 0x1_8000
"""The memory that programs may touch."""
_BUFFER: Final = 0x2003_0000
_LENGTH: Final = 60
_FREE: Final = (1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15)
"""Registers that a program may change: not the stack pointer, nor S0, which is the address of the buffer."""
_NEAR: Final = (9, 10, 11, 12, 13, 14, 15)
_HALT: Final = 0x0000_006F

Item = bytes | tuple[str, int, int]
"""An instruction, or a branch: its form, a register or two, and how many items it skips."""


def half(value: int) -> bytes:
    return struct.pack("<H", value)


def word(value: int) -> bytes:
    return struct.pack("<I", value)


class Generator:
    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.makers: list[Callable[[], Item]] = [
            getattr(self, name) for name in dir(type(self)) if name.startswith("make_")
        ]

    def any(self) -> int:
        return self.source.choice(_FREE)

    def near(self) -> int:
        return self.source.choice(_NEAR) - 8

    def number(self, bits: int) -> int:
        return self.source.getrandbits(bits)

    def make_alu(self) -> Item:
        kind = self.number(3)
        f7 = self.source.choice((0, 1, 0x20)) if kind in (0, 5) else self.source.choice((0, 1))
        return word(r_type(0x33, kind, f7, self.any(), self.any(), self.any()))

    def make_multiply(self) -> Item:
        return word(r_type(0x33, self.number(3), 1, self.any(), self.any(), self.any()))

    def make_immediate(self) -> Item:
        kind = self.source.choice((0, 2, 3, 4, 6, 7))
        return word(i_type(0x13, kind, self.any(), self.any(), self.number(12)))

    def make_shift(self) -> Item:
        kind, f7 = self.source.choice(((1, 0), (5, 0), (5, 0x20)))
        return word(r_type(0x13, kind, f7, self.any(), self.any(), self.number(5)))

    def make_upper(self) -> Item:
        return word(self.number(20) << 12 | self.any() << 7 | self.source.choice((0x37, 0x17)))

    def make_load(self) -> Item:
        kind = self.source.choice((0, 1, 2, 4, 5))
        return word(i_type(0x03, kind, self.any(), 8, self.number(6) & -(1 << (kind & 3))))

    def make_store(self) -> Item:
        kind = self.source.choice((0, 1, 2))
        return word(s_type(kind, 8, self.any(), self.number(6) & -(1 << kind)))

    def make_branch(self) -> Item:
        return "b", self.number(10), self.source.randint(1, 4)

    def make_short_branch(self) -> Item:
        return "c.b", self.near() | self.number(1) << 3, self.source.randint(1, 4)

    def make_short_jump(self) -> Item:
        return "c.j", self.number(1), self.source.randint(1, 4)

    def make_c_addi(self) -> Item:
        return half(self._six(0x0001, self.any()))

    def make_c_li(self) -> Item:
        return half(self._six(0x4001, self.any()))

    def make_c_lui(self) -> Item:
        return half(self._six(0x6001, self.any()) | 4)  # zero is reserved

    def make_c_slli(self) -> Item:
        return half(0x0002 | self.any() << 7 | self.source.randint(1, 31) << 2)

    def make_c_arithmetic(self) -> Item:
        kind = self.number(2)
        if kind == 3:
            return half(0x8C01 | self.near() << 7 | self.number(2) << 5 | self.near() << 2)
        amount = self.source.randint(1, 31) << 2
        return half(
            0x8001 | kind << 10 | self.near() << 7 | amount | (self.number(1) << 12 if kind == 2 else 0)
        )

    def make_c_move(self) -> Item:
        return half(0x8002 | self.number(1) << 12 | self.any() << 7 | self.any() << 2)

    def make_c_load_store(self) -> Item:
        return half(self.source.choice((0x4000, 0xC000)) | (self.number(2) << 10) | self.near() << 2)

    def make_c_stack(self) -> Item:
        if self.number(1):
            return half(0x4002 | self.any() << 7 | self.number(3) << 4)
        return half(0xC002 | self.number(3) << 9 | self.any() << 2)

    def make_c_stack_address(self) -> Item:
        return half(0x0000 | self.source.randint(1, 255) << 5 | self.near() << 2)

    def make_c_move_stack(self) -> Item:
        return half(0x6101 | self.source.choice((0x1, 0x4)) << 2 | 0x40)

    def _six(self, code: int, rd: int) -> int:
        return code | self.number(1) << 12 | rd << 7 | self.number(5) << 2

    def program(self) -> bytes:
        items = [self.source.choice(self.makers)() for _ in range(_LENGTH)]
        sizes = [len(item) if isinstance(item, bytes) else 4 if item[0] == "b" else 2 for item in items]
        code = b""
        for at, item in enumerate(items):
            if isinstance(item, bytes):
                code += item
                continue
            form, which, skipped = item
            distance = sum(sizes[at : at + 1 + skipped])
            if form == "b":
                kind = (0, 1, 4, 5, 6, 7)[which % 6]
                code += word(b_type(kind, _FREE[which // 6 % 13], _FREE[which // 78 % 13], distance))
            elif form == "c.j":
                code += half(0xA001 if which else 0x2001) if not distance else self._jump(which, distance)
            else:
                code += half(
                    (0xE001 if which & 8 else 0xC001)
                    | (which & 7) << 7
                    | (distance >> 1 & 3) << 3
                    | (distance >> 3 & 3) << 10
                    | (distance >> 5 & 1) << 2
                )
        return code

    @staticmethod
    def _jump(plain: int, distance: int) -> bytes:
        return half(
            (0xA001 if plain else 0x2001)
            | (distance >> 1 & 7) << 3
            | (distance >> 4 & 1) << 11
            | (distance >> 5 & 1) << 2
        )


def prologue(seed: int) -> bytes:
    source = random.Random(seed)
    values = "; ".join(f"li x{number}, {source.getrandbits(32)}" for number in _FREE)
    return assemble(
        f"li sp, {STACK - 0x1000}; la t0, vectors; csrw mtvt, t0; csrsi mstatus, 8; j over;"
        ".align 6; vectors: .space 64; .word handler;"
        f"handler: {'; '.join(f'li a{number}, -1' for number in range(6))};"
        f"li t0, -1; li t1, -1; li t2, -1; li ra, -1; mret; over: li s0, {_BUFFER}; {values}"
    )[0]


def compare(seed: int, *, interrupts: bool) -> None:
    start, body = prologue(seed), Generator(seed).program()
    code = start + body + word(_HALT)
    image = FirmwareImage(
        Path("random.elf"), (Segment(BASE, BASE, code, executable=True),), BASE, {}, architecture=RISCV
    )
    model = Model(bytearray(_BYTES), _RAM, BASE + len(start))
    model.memory[BASE - _RAM : BASE - _RAM + len(code)] = code
    source = random.Random(seed)
    for number in _FREE:
        model.x[number] = source.getrandbits(32)
    model.x[2], model.x[8] = STACK - 0x1000, _BUFFER
    count = model.run()
    with VprRig(quantum_ns=random.Random(seed).choice((16, 100, 1000))) as vpr:
        vpr.core.load(image)
        vpr.core.start()
        vpr.enable(0)
        if interrupts:
            for at in range(60, 600, 7):
                vpr.at(at, lambda: vpr.pend(0))
        vpr.run(4000 if interrupts else 100 + count)
        registers = vpr.firmware._native.registers(*(f"X{number}" for number in range(1, 32))).read()
        assert [0, *registers] == model.x, f"seed {seed}"
        assert vpr.core.registers["PC"] == model.pc
        assert vpr.core.bus.read_block(_BUFFER, 0x80) == model.memory[_BUFFER - _RAM :][:0x80]
        assert not vpr.machine.warnings
        if interrupts:  # their frames lie where the stack pointer was raised from
            return
        assert vpr.core.bus.read_block(STACK - 0x1000, 0x400) == model.memory[STACK - 0x1000 - _RAM :][:0x400]


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_a_random_program_gives_what_the_interpreter_gives(start: int) -> None:
    for seed in range(start, start + 40):
        compare(seed, interrupts=False)


@pytest.mark.parametrize("start", range(1000, 1080, 20))
def test_interrupts_change_nothing_about_it(start: int) -> None:
    for seed in range(start, start + 20):
        compare(seed, interrupts=True)
