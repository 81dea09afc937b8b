"""LR and SC of a VPR beside LDREX and STREX of a Cortex-M33, on memory that both reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from riscv import SHARED
from vpr_rig import VprRig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT: Final = "li s1, 300; hold: addi s1, s1, -1; bnez s1, hold"
EXCLUSIVE: Final = f"start: li a0, {SHARED}; lr.w a1, 0(a0); {WAIT}; sc.w a2, a1, 0(a0); stop: j stop"
COUNT: Final = """
start: li a0, {lock}
 li s0, {times}
again: lr.w a1, 0(a0)
 addi a1, a1, 1
 sc.w a2, a1, 0(a0)
 bnez a2, again
 addi s0, s0, -1
 bnez s0, again
 addi s1, zero, 1
stop: j stop
"""
ARM_COUNT: Final = """
 ldr r0, =0x{lock:X}
 ldr r4, ={times}
again: ldrex r1, [r0]
 adds r1, #1
 strex r2, r1, [r0]
 cmp r2, #0
 bne again
 subs r4, #1
 bne again
 movs r5, #1
"""


@pytest.fixture(params=[16, 110, 500, 100_000], ids="quantum {} ns".format)
def pair(request: pytest.FixtureRequest) -> Iterator[VprRig]:
    with VprRig(quantum_ns=request.param) as made:
        yield made


def stored_by_arm(vpr: VprRig, offset: int = 0) -> None:
    vpr.boot_arm(
        f"ldr r0, =0x{SHARED + offset:X}; movs r1, #0; movs r2, #5; ldr r7, =20; w: subs r7, #1; bne w;"
        "str r2, [r0]; str r1, [r0]",
    )


def stored_by_python(vpr: VprRig, offset: int = 0) -> None:
    bus = vpr.machine.core("app").bus

    def write() -> None:
        bus.write32(SHARED + offset, 5)
        bus.write32(SHARED + offset, 0)

    vpr.at(100, write)


WRITERS: Final = [stored_by_arm, stored_by_python]


@pytest.mark.parametrize("write", WRITERS)
def test_a_value_that_others_change_and_restore_fails_sc(
    vpr: VprRig, write: Callable[[VprRig, int], None]
) -> None:
    vpr.boot(EXCLUSIVE)
    write(vpr, 0)
    vpr.run(1000)
    assert vpr.core.registers["A2"] == 1


@pytest.mark.parametrize("write", WRITERS)
def test_a_write_elsewhere_leaves_the_reservation_alone(
    vpr: VprRig, write: Callable[[VprRig, int], None]
) -> None:
    vpr.boot(EXCLUSIVE)
    write(vpr, 0x1000)
    vpr.run(1000)
    assert vpr.core.registers["A2"] == 0


def test_without_a_write_sc_succeeds(pair: VprRig) -> None:
    pair.boot(EXCLUSIVE)
    pair.run(1000)
    assert pair.core.registers["A2"] == 0


@pytest.mark.parametrize(
    "store", ["sw a2, 0(a0); sw a1, 0(a0)", "sb a1, 3(a0)", "sh a1, 0(a0)", "amoadd.w a3, a1, 0(a0)"]
)
def test_a_store_of_the_vpr_fails_the_strex_of_the_arm_core(vpr: VprRig, store: str) -> None:
    vpr.boot_arm(
        f"ldr r0, =0x{SHARED:X}; ldrex r1, [r0]; ldr r7, =300; w: subs r7, #1; bne w; strex r4, r1, [r0]"
    )
    vpr.boot(
        f"start: li a0, {SHARED}; li a1, 0; li a2, 5; {WAIT.replace('300', '20')}; {store}; stop: j stop"
    )
    vpr.run(1000)
    assert vpr.machine.core("app").registers["R4"] == 1


def test_what_the_vpr_stores_elsewhere_leaves_the_monitor_alone(vpr: VprRig) -> None:
    vpr.boot_arm(
        f"ldr r0, =0x{SHARED:X}; ldrex r1, [r0]; ldr r7, =300; w: subs r7, #1; bne w; strex r4, r1, [r0]"
    )
    vpr.boot(f"start: li a0, {SHARED + 0x1000}; {WAIT.replace('300', '20')}; sw a0, 0(a0); stop: j stop")
    vpr.run(1000)
    assert vpr.machine.core("app").registers["R4"] == 0


def test_a_reservation_ends_with_a_reset(vpr: VprRig) -> None:
    vpr.boot(f"start: li a0, {SHARED}; sc.w a2, a0, 0(a0); lr.w a1, 0(a0); stop: j stop")
    vpr.run(100)
    vpr.core.reset()
    vpr.run(100)
    assert vpr.core.registers["A2"] == 1


def count(vpr: VprRig, times: int) -> int:
    vpr.boot(COUNT.format(lock=SHARED, times=times))
    vpr.boot_arm(ARM_COUNT.format(lock=SHARED, times=times))
    app = vpr.machine.core("app")
    vpr.machine.run_until(
        lambda: app.registers["R5"] == 1 and vpr.core.registers["S1"] == 1,
        timeout_ns=1_000_000_000,
        what="both to come to an end",
    )
    return vpr.word(SHARED)


def test_both_count_together_and_lose_nothing(pair: VprRig) -> None:
    assert count(pair, 700) == 1400


@pytest.mark.slow
def test_of_a_hundred_thousand_increments_none_is_lost() -> None:
    with VprRig(quantum_ns=700) as vpr:
        assert count(vpr, 50_000) == 100_000
