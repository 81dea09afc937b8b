"""An exception that may run where another one returns is entered directly: nothing is unstacked in between."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig

# The thread runs on a process stack of its own; it counts in R7 what it sees, and ends in a loop.
THREAD = f"""
reset:
 ldr r0, =0x20000800
 msr psp, r0
 movs r0, #2
 msr control, r0
 isb
{ENABLE_IRQS}
 ldr r0, =0xE000E200
 movs r1, #1
 str r1, [r0]
 isb
 ldr r0, =0x20000010
 movs r1, #77
 str r1, [r0]
 b stuck
"""

PEND_1 = """
 ldr r0, =0xE000E200
 movs r1, #2
 str r1, [r0]
 isb
"""

# irq_0 leaves a stack pointer behind from which nothing can be unstacked; irq_1 puts the right one back.
LOSE_THE_STACK = f"""
irq_0:
 mrs r0, psp
 ldr r1, =0x20000020
 str r0, [r1]
 ldr r0, =0xF0000000
 msr psp, r0
{PEND_1}
 bx lr
"""
FIND_THE_STACK = """
irq_1:
 ldr r1, =0x20000020
 ldr r0, [r1]
 msr psp, r0
 str lr, [r1, #4]
 mrs r0, ipsr
 str r0, [r1, #8]
 bx lr
"""


def test_the_stack_is_not_touched_between_two_exceptions(rig: Rig) -> None:
    rig.boot(THREAD + LOSE_THE_STACK + FIND_THE_STACK)
    rig.run(500)
    assert rig.machine.warnings == []
    assert rig.word(0x10) == 77, "the thread goes on behind what interrupted it"
    assert rig.word(0x24) == 0xFFFFFFFD, "EXC_RETURN says what the first one's did: thread, process stack"
    assert rig.word(0x28) == 17


@pytest.mark.parametrize("mask", ["cpsid i", "movs r0, #0x20\n msr basepri, r0", "cpsid f"])
def test_what_may_not_run_waits_until_the_thread_lets_it(rig: Rig, mask: str) -> None:
    """A mask set in a handler outlives it (FAULTMASK does not), so there is nothing to chain to but the thread."""
    rig.boot(
        THREAD.replace(" b stuck", " cpsie i\n movs r0, #0\n msr basepri, r0\n isb\n b stuck")
        + f"irq_0:\n ldr r0, =0xE000E400\n movs r1, #0x40\n strb r1, [r0, #1]\n{PEND_1} {mask}\n bx lr\n"
        + "irq_1:\n ldr r1, =0x20000010\n ldr r0, [r1]\n str r0, [r1, #4]\n bx lr\n"
    )
    rig.run(500)
    assert rig.machine.warnings == []
    assert rig.word(0x14) == (0 if mask == "cpsid f" else 77), "what the thread had written when it was taken"


def test_the_second_exception_begins_without_the_fp_context_of_the_first(rig: Rig) -> None:
    rig.boot(
        THREAD.replace(
            "reset:", "reset:\n ldr r0, =0xE000ED88\n ldr r1, =0x00F00000\n str r1, [r0]\n isb\n dsb\n"
        )
        + f"irq_0:\n vmov.f32 s0, #1.0\n{PEND_1} bx lr\n"
        + "irq_1:\n mrs r0, control\n ldr r1, =0x20000030\n str r0, [r1]\n movs r0, #1\n str r0, [r1, #4]\n bx lr\n"
    )
    rig.run(500)
    assert rig.machine.warnings == []
    assert rig.words(2, 0x30) == [2 & ~2, 1], "no FPCA; SPSEL is 0 in a handler"
    assert rig.word(0x10) == 77


def test_a_chain_whose_vector_is_not_in_memory_is_a_fault_of_the_second_exception(rig: Rig) -> None:
    core = rig.boot(
        THREAD
        + "irq_0:\n ldr r0, =0xE000ED08\n ldr r1, =0xD0000000\n str r1, [r0]\n"
        + PEND_1
        + " bx lr\n"
        + "irq_1:\n b irq_1\n"
    )
    rig.run(500)
    assert "a vector that is not in memory" in core.lock_up


def test_pendsv_follows_the_interrupt_that_asks_for_it(rig: Rig) -> None:
    """How a kernel changes threads: no instruction of the thread runs between the two."""
    rig.boot(
        THREAD
        + "irq_0:\n ldr r0, =0xE000ED04\n ldr r1, =0x10000000\n str r1, [r0]\n bx lr\n"
        + "pend_sv:\n ldr r1, =0x20000010\n ldr r0, [r1]\n str r0, [r1, #4]\n mrs r0, psp\n str r0, [r1, #8]\n"
        + " str lr, [r1, #12]\n bx lr\n"
    )
    rig.run(500)
    assert rig.words(4, 0x10) == [77, 0, 0x20000800 - 0x20, 0xFFFFFFFD]
