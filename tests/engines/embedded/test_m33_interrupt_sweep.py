"""An interrupt between any two instructions changes nothing: results are those of an undisturbed run."""

from __future__ import annotations

from typing import Final

import pytest
from rig import Rig
from thumb import RAM

PERIOD, RESULTS, SEEN = 0x00, 0x40, 0x1000
ROUNDS: Final = 40

# R11 counts rounds, R10 = RAM. Every register that the handler may destroy carries a value into the next round.
WORK: Final = """
work:
 push {r4-r7, lr}
 adds r0, r0, r1
 adc r1, r1, r0
 umull r2, r3, r0, r1
 eors r0, r2
 it mi
 addmi r3, r3, #1
 cmp r3, r2
 ite hi
 subhi r3, r3, r2
 addls r3, r3, #7
 ittet eq
 moveq r4, r0
 moveq r5, r1
 movne r4, r1
 addeq r5, r5, #3
 clz r6, r3
 rbit r7, r0
 add r12, r12, r7, ror #3
 strd r0, r1, [r10, #0x80]
 ldrd r6, r7, [r10, #0x80]
 add r4, r10, #0x90
 stm r4, {r0-r3, r6, r7}
 ldm r4!, {r1-r3, r5-r7}
 ldrex r4, [r10, #0x70]
 add r4, r4, #1
 strex r5, r4, [r10, #0x70]
 str r5, [r10, #0x74]
 bl leaf
 push {r0, r3}
 ldr r5, [sp, #4]
 pop {r0, r3}
 vmov s0, r2
 vcvt.f32.u32 s0, s0
 vmul.f32 s1, s0, s2
 vadd.f32 s2, s2, s3
 vcmp.f32 s1, s2
 vmrs apsr_nzcv, fpscr
 it gt
 vsubgt.f32 s2, s2, s3
 vpush {s0-s7}
 vldr s4, [sp, #8]
 vpop {s8-s15}
 vcvt.u32.f32 s5, s4
 vmov r2, s5
 vmrs r4, fpscr
 add r12, r12, r4
 tbb [pc, r8]
 .byte 2, 3, 4, 5
 nop
 nop
 add r12, #1
 pop {r4-r7, pc}
leaf:
 cmp r0, #0
 it eq
 bxeq lr
 sub r3, r3, #1
 bx lr
work_end:
"""

PROGRAM: Final = (
    """
reset:
 ldr r10, =0x20000000
 SELECT_STACK
 ldr r9, =0xE000E010
 ldr r0, [r10]
 cmp r0, #0
 beq undisturbed
 sub r0, r0, #1
 str r0, [r9, #4]
 str r0, [r9, #8]
 movs r0, #7
 str r0, [r9]
undisturbed:
 movs r0, #1
 movs r1, #2
 movs r2, #3
 movs r3, #4
 movs r4, #5
 movs r5, #6
 movs r6, #7
 movs r7, #8
 movs r8, #1
 mov r12, r0
 vmov s2, r0
 vmov.f32 s3, #1.5
 vmov.f32 s14, #2.0
 vmov.f32 s15, #3.0
 vmov.f32 s16, #4.0
 vmov.f32 s17, #5.0
 movs r11, #"""
    + str(ROUNDS)
    + """
again:
 bl work
 subs r11, #1
 bne again
 movs r4, #0
 str r4, [r9]
 add r4, r10, #0x40
 stm r4!, {r0-r3, r12}
 mrs r0, apsr
 vmrs r1, fpscr
 stm r4!, {r0, r1}
 vstm r4, {s0-s3}
 movs r0, #1
 str r0, [r10, #4]
done: wfi
 b done
"""
    + WORK
    + """
sys_tick:
 tst lr, #4
 .short 0xBF0C, 0xF3EF, 0x8008, 0xF3EF, 0x8009  @ ITE EQ; MRSEQ R0, MSP; MRSNE R0, PSP
 ldr r1, [r0, #24]      @ where the work was
 ldr r0, =0x20001000
 ldrb r2, [r0, r1]
 adds r2, #1
 strb r2, [r0, r1]
 ldrex r2, [r0]
 vmov s0, r1
 vmov s15, r1
 vmov s7, r1
 ldr r1, =0xF7C00000
 vmsr fpscr, r1
 movs r1, #0
 movs r2, #0
 movs r3, #0
 mov r12, r1
 cmp r1, #1
 bx lr
"""
)


def program(stack: str) -> str:
    select = (
        "ldr r0, =0x20006000\n msr psp, r0\n movs r0, #2\n msr control, r0\n isb" if stack == "psp" else ""
    )
    return PROGRAM.replace("SELECT_STACK", select)


def run(stack: str, period: int, *, quantum_ns: int = 100_000) -> tuple[list[int], set[int], set[int]]:
    """Return the results, the addresses where the work was interrupted, and those of the whole work."""
    with Rig(quantum_ns=quantum_ns) as rig:
        core = rig.machine.core("app")
        core.bus.write32(RAM["app"] + PERIOD, period)
        core = rig.boot(program(stack))
        rig.machine.run_until(lambda: rig.word(4) == 1, timeout_ns=200_000_000, what="the end of the work")
        assert core.image is not None
        first, last = core.image.symbol("work"), core.image.symbol("work_end")
        seen = core.bus.read_block(RAM["app"] + SEEN, last)
        interrupted = {at for at in range(first, last) if seen[at]}
        assert not any(seen[:first:2]) or period
        return rig.words(11, RESULTS), interrupted, set(range(first, last))


def boundaries(stack: str) -> set[int]:
    """Return every address of the work at which a slice of one instruction begins."""
    found = set()
    with Rig(quantum_ns=1) as rig:
        core = rig.boot(program(stack))
        assert core.image is not None
        work = range(core.image.symbol("work"), core.image.symbol("work_end"))
        while rig.word(4) == 0:
            rig.machine.run_for(8)
            found.add(core.registers["PC"])
        return found & set(work)


PERIODS: Final = (61, 67, 71, 73, 79, 83, 89, 97, 101, 131)


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["msp", "psp"])
def test_an_interrupt_anywhere_in_the_work_changes_nothing(stack: str) -> None:
    undisturbed, nowhere, _ = run(stack, 0)
    assert nowhere == set()
    interrupted: set[int] = set()
    for period in PERIODS:
        results, where, _ = run(stack, period)
        assert results == undisturbed, f"SysTick every {period} instructions"
        interrupted |= where
    assert len(interrupted) > 40
    assert interrupted == boundaries(stack), "the interrupts came at every boundary between instructions"


@pytest.mark.parametrize("quantum_ns", [8, 100, 777, 10_000])
def test_where_slices_end_changes_nothing(quantum_ns: int) -> None:
    assert run("psp", 97, quantum_ns=quantum_ns)[0] == run("psp", 0)[0]
