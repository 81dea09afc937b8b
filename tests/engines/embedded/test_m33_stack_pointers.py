"""Bits 1 and 0 of a stack pointer are RES0 (Armv8-M ARM, B3.6), however it is written.

MOV, ADD, SUB and LDR with an odd value are left out on purpose; docs/design-decisions.md says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from rig import ENABLE_IRQS

if TYPE_CHECKING:
    from rig import Rig

ODD: Final = 0x2000_4003


@pytest.mark.parametrize("bank", ["msp", "psp"])
@pytest.mark.parametrize("low", [0, 1, 2, 3])
def test_msr_keeps_the_low_bits_zero(rig: Rig, bank: str, low: int) -> None:
    core = rig.boot(f"reset: ldr r0, ={0x2000_4000 + low}; msr {bank}, r0; mrs r1, {bank}; b stuck")
    rig.run(100)
    assert core.registers["R1"] == core.registers[bank.upper()] == 0x2000_4000


def test_what_follows_msr_uses_the_aligned_stack_pointer(rig: Rig) -> None:
    core = rig.boot(
        f"reset: ldr r0, ={ODD}; ldr r2, =0x12345678; msr msp, r0; push {{r2}}; mov r1, sp; b stuck"
    )
    rig.run(100)
    assert core.registers["R1"] == 0x2000_3FFC
    assert core.bus.read32(0x2000_3FFC) == 0x1234_5678


def test_msr_of_the_stack_pointer_in_use_as_of_the_other_one(rig: Rig) -> None:
    core = rig.boot(
        f"reset: movs r0, #2; msr control, r0; isb sy; ldr r0, ={ODD}; msr psp, r0; mov r1, sp; adds r0, #32\n"
        " msr msp, r0; mov r2, sp; mrs r3, msp; b stuck"
    )
    rig.run(100)
    assert [core.registers[name] for name in ("R1", "R2", "R3")] == [0x2000_4000, 0x2000_4000, 0x2000_4020]


def test_unprivileged_code_writes_no_stack_pointer(rig: Rig) -> None:
    core = rig.boot(
        f"reset: ldr r0, ={ODD}; mov r2, sp; movs r1, #1; msr control, r1; isb sy; msr msp, r0; mov r1, sp; b stuck"
    )
    rig.run(100)
    assert core.registers["R1"] == core.registers["R2"] == 0x2001_0000


def test_msr_in_an_it_block(rig: Rig) -> None:
    core = rig.boot(
        f"reset: ldr r0, ={ODD}; movs r2, #1; movs r3, #1; cmp r2, #1; .short 0xBF0C\n msr msp, r0\n .short 0x3310\n"
        " mov r1, sp; b stuck"  # ITE EQ; MSREQ; ADDNE R3, #16
    )
    rig.run(100)
    assert (core.registers["R1"], core.registers["R3"]) == (0x2000_4000, 1)


@pytest.mark.parametrize("register", ["SP", "MSP", "PSP"])
def test_python_writes_an_aligned_stack_pointer(rig: Rig, register: str) -> None:
    core = rig.boot("reset: b stuck")
    rig.run(10)
    firmware = core.firmware
    assert firmware is not None
    firmware.write_registers({register: ODD, "R3": ODD})
    assert core.registers[register] == 0x2000_4000
    assert core.registers["R3"] == ODD


def test_an_exception_returns_to_an_aligned_stack_pointer(rig: Rig) -> None:
    """Also where an instruction that is not checked wrote it: the frame lies where it lies on hardware."""
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, ={ODD + 4}; mov sp, r0; here: b here\nirq_3: mov r5, sp; bx lr"
    )
    rig.at(50, lambda: rig.pend(3))
    rig.run(200)
    assert core.registers["R5"] == 0x2000_3FE0
    assert core.registers["SP"] == 0x2000_4004
