"""TT and its variants, which the emulator answers as if there were no MPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.engines.embedded.armv8m.traps import decode, passes, response

if TYPE_CHECKING:
    from rig import Rig

S, RW, R, MRVALID = 1 << 22, 1 << 19, 1 << 18, 1 << 16
ENABLE, PRIVDEFENA = 1, 4

# Region 0: flash, read-only for everybody. 1: RAM, for everybody. 2: RAM, privileged only. 3: switched off.
REGIONS = [
    (0x00000000 | 0b11 << 1, 0x000FFFE0 | 1),
    (0x20000000 | 0b01 << 1, 0x20007FE0 | 1),
    (0x20008000 | 0b00 << 1, 0x2000FFE0 | 1),
    (0x20010000 | 0b01 << 1, 0x2001FFE0),
    (0x20020000 | 0b10 << 1, 0x2002FFE0 | 1),
]


def ask(
    address: int, *, control: int = ENABLE, privileged: bool = True, unprivileged: bool | None = None
) -> int:
    return response(
        address,
        control=control,
        regions=REGIONS,
        privileged=privileged,
        unprivileged=not privileged if unprivileged is None else unprivileged,
    )


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (0x00000000, MRVALID | 0 | R),
        (0x000FFFFF, MRVALID | 0 | R),
        (0x00100000, 0),
        (0x20000000, MRVALID | 1 | R | RW),
        (0x20007FFF, MRVALID | 1 | R | RW),
        (0x20008000, MRVALID | 2 | R | RW),
        (0x20010000, 0),
        (0x20020000, MRVALID | 4 | R),
    ],
)
def test_privileged_code_hears_region_and_permissions(address: int, answer: int) -> None:
    assert ask(address) == S | answer


@pytest.mark.parametrize(
    ("address", "answer"),
    [(0x100, R), (0x20000000, R | RW), (0x20008000, 0), (0x20010000, 0), (0x20020000, 0)],
)
def test_unprivileged_code_hears_permissions_only(address: int, answer: int) -> None:
    assert ask(address, privileged=False) == S | answer


def test_privileged_code_can_ask_for_unprivileged_code() -> None:
    assert ask(0x20008000, unprivileged=True) == S | MRVALID | 2
    assert ask(0x20000000, unprivileged=True) == S | MRVALID | 1 | R | RW


def test_the_background_region_is_for_privileged_code() -> None:
    assert ask(0x30000000, control=ENABLE | PRIVDEFENA) == S | R | RW
    assert ask(0x30000000, control=ENABLE | PRIVDEFENA, privileged=False) == S


@pytest.mark.parametrize("privileged", [True, False])
def test_without_an_mpu_everything_is_allowed_and_nothing_is_a_region(privileged: bool) -> None:
    assert ask(0x20000000, control=PRIVDEFENA, privileged=privileged) == S | R | RW


def test_where_regions_overlap_there_is_none() -> None:
    regions = [(0x20000000 | 2, 0x2000FFE0 | 1), (0x20008000 | 2, 0x2001FFE0 | 1)]
    answers = [
        response(address, control=1, regions=regions, privileged=True, unprivileged=False)
        for address in (0x20007FFF, 0x20008000, 0x20010000)
    ]
    assert answers == [S | MRVALID | 0 | R | RW, S, S | MRVALID | 1 | R | RW]


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_only_the_four_encodings_are_one(first: int, second: int) -> None:
    is_one = first >> 4 == 0xE84 and second >> 12 == 0xF and second & 0x3F == 0
    query = decode(first, second)
    assert (query is not None) == is_one
    if query is not None:
        assert 0xE840 | query.source == first
        assert 0xF000 | query.target << 8 | query.alternate << 7 | query.unprivileged << 6 == second


def tt(target: int, source: int, variant: int = 0) -> str:
    return f" .short {0xE840 | source}, {0xF000 | target << 8 | variant << 6}\n"


PROGRAM_MPU = """
 ldr r0, =0xE000ED94
 movs r1, #0
 str r1, [r0]
 str r1, [r0, #4]
 ldr r1, =0x00000006
 str r1, [r0, #8]
 ldr r1, =0x000FFFE1
 str r1, [r0, #12]
 movs r1, #5
 str r1, [r0, #4]
 ldr r1, =0x20000000
 str r1, [r0, #8]
 ldr r1, =0x2000FFE1
 str r1, [r0, #12]
 movs r1, #1
 str r1, [r0]
"""
STORE = """
 ldr r7, =0x20000000
 stmia r7!, {r1-r6}
 wfi
done: b done
"""


@pytest.mark.parametrize("at", range(1, 12))
def test_firmware_hears_it_wherever_a_slice_ends(rig: Rig, at: int) -> None:
    # An action of Python ends the slice before each instruction around the two TTs in turn.
    core = rig.boot(
        f"reset:{PROGRAM_MPU} ldr r8, =0x20001234\n movs r1, #1\n{tt(2, 8)} movs r3, #3\n{tt(4, 8, 1)}"
        f" movs r5, #5; movs r6, #6\n{STORE}"
    )
    rig.at(18 + at, lambda: None)
    rig.run(1000)
    assert rig.words(6) == [1, S | MRVALID | 5 | R | RW, 3, S | MRVALID | 5, 5, 6]
    assert rig.machine.warnings == []
    assert core.instructions == 26


@pytest.mark.parametrize(("target", "source"), [(0, 0), (12, 3), (14, 7), (5, 12)])
def test_any_registers_will_do(rig: Rig, target: int, source: int) -> None:
    core = rig.boot(f"reset:{PROGRAM_MPU} ldr r{source}, =0x100\n{tt(target, source)} b stuck")
    rig.run(1000)
    assert core.registers["LR" if target == 14 else f"R{target}"] == S | MRVALID | R


def test_it_follows_the_mpu_as_it_is_at_that_moment(rig: Rig) -> None:
    rig.boot(
        f"reset:{PROGRAM_MPU} ldr r6, =0x20000100\n{tt(1, 6)} movs r2, #0; str r2, [r0]\n{tt(2, 6)}"
        f" movs r3, #1; str r3, [r0]\n{tt(3, 6)}{STORE}"
    )
    rig.run(1000)
    inside = S | MRVALID | 5 | R | RW
    assert rig.words(3) == [inside, S | R | RW, inside]


def test_unprivileged_firmware_is_not_told_the_region(rig: Rig) -> None:
    core = rig.boot(
        f"reset:{PROGRAM_MPU} ldr r6, =0x20000100; movs r1, #1; msr control, r1; isb\n{tt(1, 6)} b stuck"
    )
    rig.run(1000)
    assert core.registers["R1"] == S


def test_an_interrupt_before_it_is_taken_before_it(rig: Rig) -> None:
    from rig import ENABLE_IRQS

    core = rig.boot(
        f"reset:{ENABLE_IRQS}{PROGRAM_MPU} ldr r6, =0x20000100; movs r5, #0\n"
        f"again: adds r5, #1\n{tt(1, 6)} cmp r5, #200; bne again; b stuck\n"
        "irq_3: ldr r2, =0x20000040; ldr r3, [r2]; adds r3, #1; str r3, [r2]; bx lr"
    )
    for at in range(100, 160):
        rig.at(at, lambda: rig.pend(3))
    rig.run(5000)
    assert core.registers["R5"] == 200
    assert core.registers["R1"] == S | MRVALID | 5 | R | RW
    assert rig.word(0x40) > 0


def test_code_that_firmware_writes_itself_is_found(rig: Rig) -> None:
    first, second = 0xE840 | 6, 0xF000 | 1 << 8
    core = rig.boot(
        f"reset:{PROGRAM_MPU} ldr r6, =0x20000100; ldr r2, =0x20004000; ldr r3, ={second << 16 | first}; str r3, [r2]\n"
        " ldr r3, =0x4770; str r3, [r2, #4]; adds r2, #1; dsb; isb; blx r2; b stuck"
    )
    rig.run(1000)
    assert core.registers["R1"] == S | MRVALID | 5 | R | RW


def test_wfi_still_sleeps_in_an_image_with_a_query(rig: Rig) -> None:
    core = rig.boot(f"reset: movs r5, #0\nagain: adds r5, #1\n{tt(1, 6)} wfi; b again")
    rig.run(1000)
    assert core.registers["R5"] == 1


CONDITIONS = {
    0: lambda n, z, c, v: z,
    1: lambda n, z, c, v: not z,
    2: lambda n, z, c, v: c,
    3: lambda n, z, c, v: not c,
    4: lambda n, z, c, v: n,
    5: lambda n, z, c, v: not n,
    6: lambda n, z, c, v: v,
    7: lambda n, z, c, v: not v,
    8: lambda n, z, c, v: c and not z,
    9: lambda n, z, c, v: not c or z,
    10: lambda n, z, c, v: n == v,
    11: lambda n, z, c, v: n != v,
    12: lambda n, z, c, v: not z and n == v,
    13: lambda n, z, c, v: z or n != v,
    14: lambda n, z, c, v: True,
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_are_those_of_the_architecture(condition: int) -> None:
    for flags in range(16):
        n, z, c, v = (bool(flags >> bit & 1) for bit in (3, 2, 1, 0))
        assert passes(condition, flags << 28) == CONDITIONS[condition](n, z, c, v)


IT_CASES = [("movs r2, #0; cmp r2, #0", True), ("movs r2, #0; cmp r2, #1", False)]


@pytest.mark.parametrize(("compare", "runs"), IT_CASES)
def test_in_an_it_block_it_depends_on_its_condition(rig: Rig, compare: str, runs: bool) -> None:
    # ITTE EQ: TT, MOV R3 #1 / MOV R3 #2
    core = rig.boot(
        f"reset: movs r1, #77; movs r3, #0; ldr r6, =0x100; {compare}\n .short 0xBF06\n{tt(1, 6)}"
        " .short 0x2301, 0x2302\n b stuck"
    )
    rig.run(1000)
    assert core.registers["R1"] == (S | R | RW if runs else 77)
    assert core.registers["R3"] == (1 if runs else 2)
