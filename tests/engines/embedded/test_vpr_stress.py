"""Interrupts anywhere change nothing: ten thousand of them, between any two instructions, of three levels that nest."""

from __future__ import annotations

import random
from functools import cache
from typing import Final

import pytest
from riscv import SHARED, STACK
from vpr_rig import VprRig

from icmsg.machine.events import Event

COUNT: Final = SHARED
"""Words with the number of interrupts 4, 5 and 6."""
DONE, RESULTS = SHARED + 0x40, SHARED + 0x44
REGISTERS: Final = ["ra", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "gp", "tp"]
COUNT_ONE: Final = (
    "la t0, {place}; lw t1, 0(t0); addi t1, t1, 1; sw t1, 0(t0); li t1, -1; li t2, -1; li ra, -1"
)
CLOBBER: Final = "; ".join(f"li a{number}, {0x7777 + number}" for number in range(6))
HANDLERS: Final = "\n".join(
    f"irq{number}: {COUNT_ONE.format(place=COUNT + 4 * (number - 4))}; {CLOBBER}; {nest} mret"
    for number, nest in (
        (4, "csrsi mstatus, 8; nop; nop; nop; csrci mstatus, 8;"),
        (5, "csrsi mstatus, 8; nop; nop; csrci mstatus, 8;"),
        (6, ""),
    )
)
WORK: Final = f"""
start:
 la t0, vectors
 csrw mtvt, t0
 la t0, trap
 csrw mtvec, t0
 {"; ".join(f"li {name}, {0x1234_5678 + 0x0101_0101 * at}" for at, name in enumerate(REGISTERS))}
 li s1, {{rounds}}
 csrsi mstatus, 8
again:
 add a0, a0, a1
 sltu a2, a0, a1
 mul a3, a0, t0
 mulhu a4, a0, t1
 xor t0, t0, a3
 addi sp, sp, -20
 sw a3, 0(sp)
 sw a4, 4(sp)
 lw t2, 0(sp)
 sb a0, 9(sp)
 lbu gp, 9(sp)
 call leaf
 divu a5, a3, gp
 remu tp, a4, a5
 add t1, t1, tp
 csrrci a1, mstatus, 8
 addi sp, sp, 20
 csrs mstatus, a1
 rotate: srli a1, a0, 7
 slli a2, a0, 25
 or a1, a1, a2
 add s0, s0, a1
 addi s1, s1, -1
 bnez s1, again
 csrci mstatus, 8
 li a2, {RESULTS}
 sw a0, 0(a2); sw a1, 4(a2); sw t0, 8(a2); sw t1, 12(a2); sw s0, 16(a2); sw sp, 20(a2); sw tp, 24(a2); sw gp, 28(a2)
 addi a0, zero, 1
 sw a0, -4(a2)
end: wfi
 j end
leaf: xor a3, a3, t2
 addi gp, gp, 1
 ret
.align 6
trap: j trap
.align 6
vectors: .word 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, irq4, irq5, irq6
{HANDLERS}
"""


def run(rounds: int, seed: int | None, *, quantum_ns: int = 500) -> tuple[list[int], list[int]]:
    """Return the results, and how many interrupts of each number were taken."""
    source = random.Random(seed)
    with VprRig(quantum_ns=quantum_ns) as vpr:
        vpr.boot(WORK.format(rounds=rounds))
        if seed is not None:
            for number, level in ((4, 0x3F), (5, 0x7F), (6, 0xFF)):
                vpr.enable(number, level)

            def ring() -> None:
                vpr.pend(source.choice((4, 4, 5, 6)))
                vpr.at(source.randint(1, 70), ring)

            vpr.at(100, ring)
        vpr.machine.run_until(lambda: vpr.word(DONE) == 1, timeout_ns=2_000_000_000, what="the end")
        assert not vpr.machine.warnings
        assert vpr.core.registers["SP"] == STACK
        return vpr.words(RESULTS, 8), vpr.words(COUNT, 3)


@cache
def undisturbed(rounds: int) -> list[int]:
    results, counts = run(rounds, None)
    assert counts == [0, 0, 0]
    return results


@pytest.mark.parametrize("seed", range(3))
def test_interrupts_between_any_two_instructions_change_nothing(seed: int) -> None:
    results, counts = run(400, seed)
    assert results == undisturbed(400)
    assert sum(counts) > 300


@pytest.mark.slow
def test_ten_thousand_interrupts_change_nothing() -> None:
    results, counts = run(9000, 7)
    assert results == undisturbed(9000)
    assert sum(counts) >= 10_000


@pytest.mark.parametrize("quantum_ns", [16, 100, 777, 100_000])
def test_where_slices_end_changes_nothing(quantum_ns: int) -> None:
    assert run(100, 3, quantum_ns=quantum_ns)[0] == undisturbed(100)


def trace(step: int | None, seed: int = 1) -> list[Event]:
    """Run for the same time in steps of ``step`` nanoseconds, random ones for None."""
    source, steps = random.Random(seed), random.Random(step)
    events: list[Event] = []
    with VprRig() as vpr:
        vpr.machine.events.add_sink(events.append)
        vpr.boot(WORK.format(rounds=10_000))
        for number, level in ((4, 0x3F), (5, 0x7F), (6, 0xFF)):
            vpr.enable(number, level)

        def ring() -> None:
            number = source.choice((4, 5, 6))
            vpr.core._slot.set_line(number, True)
            vpr.core._slot.set_line(number, False)
            vpr.at(source.randint(1, 400), ring)

        vpr.at(100, ring)
        end = 400_000
        while (left := end - vpr.machine.now_ns) > 0:
            vpr.machine.run_for(min(left, step or steps.randint(1, 3000)))
        registers = vpr.core.registers
        events.append(Event(0, events[0].kind, 0, vpr.core.instructions, hash(tuple(registers.values()))))
    return events


@pytest.mark.parametrize("step", [977, 10_000, None])
def test_the_step_size_changes_nothing(step: int | None) -> None:
    assert trace(step) == trace(400_000)
