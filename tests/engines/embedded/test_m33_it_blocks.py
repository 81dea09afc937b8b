"""IT blocks: conditional instructions that reach new pages, registers, and other ends of a translated run."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest
from rig import ENABLE_IRQS, Rig

ACCESSES: Final = {
    "load from a page not used before": ("ldr{c} r1, [r5]", 0x2000_7000),
    "store to a page not used before": ("str{c} r0, [r5]", 0x2000_7000),
    "load from a register": ("ldr{c} r1, [r5]", 0xE000_ED00),
    "store to a register that changes nothing": ("str{c} r3, [r5]", 0xE000_E100),
    "store to a register that pends an interrupt": ("str{c} r6, [r5]", 0xE000_E200),
    "store that nothing models": ("str{c} r0, [r5]", 0x5002_1000),
}


PROGRAM: Final = (
    "reset: "
    + ENABLE_IRQS
    + """
 ldr r5, ={address}
 movs r6, #8
 movs r3, #0
 movs r4, #0
 movs r2, #0
 movs r0, #1
 cmp r0, #1
 {it}
 {block}
 b next
 nop
next:
 adds r2, #1
 adds r2, #1
 isb
 adds r2, #1
 b stuck
irq_3:
 ldr r7, =0x20000000
 str r4, [r7]
 bx lr
"""
)


@pytest.mark.parametrize("what", ACCESSES)
@pytest.mark.parametrize("condition", ["eq", "ne"])
def test_nothing_after_a_block_depends_on_its_condition(rig: Rig, what: str, condition: str) -> None:
    """The access at each place of a block of four, its condition true or false; then a jump, so a new run begins."""
    access, address = ACCESSES[what]
    opposite = {"eq": "ne", "ne": "eq"}[condition]
    for place, after in product(range(4), (condition, opposite)):
        conditions = [condition if at <= place else after for at in range(4)]
        lines = [(access if at == place else "add{c} r4, #1").format(c=conditions[at]) for at in range(4)]
        letters = "".join("t" if other == condition else "e" for other in conditions[1:])
        core = rig.boot(
            PROGRAM.format(address=address, it=f"it{letters} {condition}", block="; ".join(lines))
        )
        rig.run(200)
        assert core.registers["R2"] == 3, lines
        assert core.registers["R4"] == sum(line.startswith("addeq") for line in lines), lines
        pends = condition == "eq" and "pends" in what
        # A block is one instruction to the engine: what it pends is taken behind it.
        assert rig.word() == (core.registers["R4"] if pends else 0), lines


@pytest.mark.parametrize("period", [7, 11, 13])
def test_blocks_that_end_in_a_return_are_left_whole_by_interrupts(period: int) -> None:
    source = f"""
reset:
 ldr r0, =0xE000E010
 movs r1, #{period + 40}
 str r1, [r0, #4]
 str r1, [r0, #8]
 movs r1, #7
 str r1, [r0]
 movs r4, #0
 movs r5, #0
 ldr r6, =2000
again:
 bl odd
 subs r6, #1
 bne again
 movs r1, #0
 str r1, [r0]
 b stuck
odd:
 tst r6, #1
 itt ne
 addne r4, #1
 bxne lr
 adds r5, #1
 bx lr
sys_tick:
 movs r1, #0
 movs r2, #1
 cmp r1, r2
 bx lr
"""
    results = set()
    for quantum_ns in (8, 24, 1000, 100_000):
        with Rig(quantum_ns=quantum_ns) as rig:
            core = rig.boot(source)
            rig.run(60_000)
            registers = core.registers
            results.add((registers["R4"], registers["R5"], registers["R6"]))
    assert results == {(1000, 1000, 0)}


def test_a_fault_within_a_block_leaves_the_handler_unconditional(rig: Rig) -> None:
    core = rig.boot(
        """
reset:
 movs r4, #0
 movs r0, #1
 cmp r0, #1
 .short 0xBF0B        @ ITETE EQ: two that run, two that do not
 .short 0xDE00        @ UDF
 nop
 nop
 nop
 b stuck
hard_fault:
 adds r4, #1
 adds r4, #1
 adds r4, #1
 adds r4, #1
 ldr r7, =0x20000000
 ldr r0, [sp, #28]
 str r0, [r7]
wait: b wait
"""
    )
    rig.run(200)
    assert core.registers["R4"] == 4
    assert rig.word() & 0x0600_FC00 != 0, "the block's state is in the stacked xPSR"


def test_a_block_across_two_pages_keeps_its_state_over_an_interrupt(rig: Rig) -> None:
    """A run of translated code ends with its page, so here a block can be interrupted: xPSR must carry its state."""
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 movs r4, #0
 movs r5, #0
 ldr r6, =600
 ldr r7, =0x20000000
 ldr r0, =turn + 1
 bx r0
.ltorg
.align 12
 .space 0xFF8
turn:
 tst r6, #1
 ittee ne
 addne r4, #1
 addne r4, #1
 addeq r5, #1
 addeq r5, #1
 subs r6, #1
 bne turn
 b stuck
irq_3:
 movs r0, #1
 cmp r0, #2
 ldr r1, [r7]
 adds r1, #1
 str r1, [r7]
 bx lr
"""
    )
    assert core.image is not None
    assert core.image.symbol("turn") == 0x1FF8
    for instruction in range(40, 1500, 7):
        rig.at(instruction, lambda: rig.pend(3))
    rig.run(20_000)
    assert rig.word() > 150
    assert (core.registers["R4"], core.registers["R5"]) == (600, 600)
