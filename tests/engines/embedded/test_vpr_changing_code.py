"""Code that changes while a VPR runs: by its own stores, by the Arm core, by Python, by a new image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from riscv import BASE, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_rig import VprRig

LOOP: Final = """
start: li s0, 0
again: call patched
 addi s1, s1, 1
 j again
.align 10
patched: addi s0, s0, 1
 ret
"""


def word(source: str) -> int:
    return int.from_bytes(assemble(source)[0][:4], "little")


def patched(vpr: VprRig) -> int:
    assert vpr.core.image is not None
    return vpr.core.image.symbol("patched")


def by_python(vpr: VprRig, address: int, value: int) -> None:
    vpr.core.bus.write32(address, value)


def by_python_as_a_block(vpr: VprRig, address: int, value: int) -> None:
    vpr.machine.core("app").bus.write_block(address, value.to_bytes(4, "little"))


def by_the_arm_core(vpr: VprRig, address: int, value: int) -> None:
    vpr.boot_arm(f"ldr r0, =0x{address:X}; ldr r1, =0x{value:X}; str r1, [r0]")


@pytest.mark.parametrize("write", [by_python, by_python_as_a_block, by_the_arm_core])
def test_code_that_others_change_is_executed_as_it_is_now(
    vpr: VprRig, write: Callable[[VprRig, int, int], None]
) -> None:
    vpr.boot(LOOP)
    vpr.run(1000)
    assert vpr.core.registers["S0"] > 100
    for step in (16, 64, 16):
        write(vpr, patched(vpr), word(f"addi s0, s0, {step}"))
        vpr.run(200)
        before = vpr.core.registers
        vpr.run(1000)
        after = vpr.core.registers
        rounds = after["S1"] - before["S1"]
        assert rounds > 100
        assert abs(after["S0"] - before["S0"] - step * rounds) <= step
        vpr.machine.core("app").halt()


@pytest.mark.parametrize("fence", ["fence.i", "fence", ""])
def test_code_that_the_core_changes_itself_is_executed_as_it_is_now(vpr: VprRig, fence: str) -> None:
    vpr.boot(
        f"""
start: la a0, patched
 la a1, other
 lw a1, 0(a1)
 lw a2, 0(a0)
 li s1, 50
again: call patched
 sw a1, 0(a0)
 {fence}
 call patched
 sw a2, 0(a0)
 {fence}
 addi s1, s1, -1
 bnez s1, again
stop: j stop
.align 10
patched: addi s0, s0, 1
 ret
other: addi s0, s0, 100
"""
    )
    vpr.run(1500)
    assert vpr.core.registers["S0"] == 50 * 101


def test_a_program_that_is_copied_over_another_runs(vpr: VprRig) -> None:
    """Without fence.i, in the page that the copying code runs from."""
    vpr.boot(
        """
start: li s1, 3
again: la a0, new
 la a1, target
 lw a2, 0(a0); sw a2, 0(a1); lw a2, 4(a0); sw a2, 4(a1)
 call target
 la a0, old
 la a1, target
 lw a2, 0(a0); sw a2, 0(a1); lw a2, 4(a0); sw a2, 4(a1)
 call target
 addi s1, s1, -1
 bnez s1, again
stop: j stop
target: nop
 ret
new: addi s0, s0, 5
 ret
old: addi s0, s0, 1
 ret
"""
    )
    vpr.run(400)
    assert vpr.core.registers["S0"] == 18


def test_a_second_image_runs_after_a_restart(vpr: VprRig) -> None:
    """As the application core restarts it: the image in RAM changes while the core stands."""
    for value in (5, 9, 5):
        vpr.boot(f"start: li a0, {value}; stop: j stop")
        vpr.run(20)
        assert vpr.core.registers["A0"] == value


@pytest.mark.parametrize("own", [False, True], ids=["Python", "Arm"])
def test_a_restart_executes_what_was_written_while_the_core_stood(vpr: VprRig, own: bool) -> None:
    vpr.boot("start: li a0, 5; stop: j stop")
    vpr.run(20)
    vpr.core.halt()
    new = assemble("start: li a0, 9; stop: j stop", BASE)[0]
    if own:
        at = vpr.core._slot.space.memory_at(BASE)
        assert at is not None
        at.memory.bytes[BASE - at.start : BASE - at.start + len(new)] = new
    else:
        vpr.machine.core("app").bus.write_block(BASE, new)
    vpr.core.start()
    vpr.run(20)
    assert vpr.core.registers["A0"] == 9


def test_a_core_may_run_code_that_another_one_writes_beside_it_all_the_time(vpr: VprRig) -> None:
    """Data of the Arm core in the page of code: nothing is lost, and both get on."""
    vpr.boot(LOOP)
    place = patched(vpr) + 0x100
    vpr.boot_arm(f"ldr r0, =0x{place:X}; again: adds r1, #1; str r1, [r0]; b again")
    before = vpr.core.instructions
    vpr.run(20_000)
    assert vpr.word(place) > 5000
    assert vpr.core.instructions - before > 15_000


def test_an_interrupt_in_changed_code_is_still_taken_behind_the_unmasking(vpr: VprRig) -> None:
    """Nothing about an instruction is remembered: what stands there when it runs is what counts."""
    vpr.boot(
        """
start: la t0, vectors
 csrw mtvt, t0
 la a1, other
 lw a1, 0(a1)
 la a2, patched
 sw a1, 0(a2)
 li a0, 0
 j patched
patched: nop
 addi a0, a0, 1
stop: j stop
other: csrsi mstatus, 8
.align 6
vectors: .word 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, taken
taken: mv s0, a0
 addi s1, s1, 1
 mret
"""
    )
    vpr.enable(1)
    vpr.pend(1)
    vpr.run(100)
    registers = vpr.core.registers
    assert (registers["S0"], registers["S1"], registers["A0"]) == (0, 1, 1)
