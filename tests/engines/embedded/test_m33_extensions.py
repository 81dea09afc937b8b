"""What the network core does not have: an FPU and the DSP extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from looped import for_each
from thumb import code

from icmsg.engines.embedded.armv8m.instructions import is_floating_point, is_signal_processing

if TYPE_CHECKING:
    from rig import Rig

NOCP, UNDEFINED = 1 << 19, 1 << 16
FORCED = 1 << 30
FPU: Final = (
    "vmov s0, r0",
    "vadd.f32 s0, s1, s2",
    "vldr s0, [r2]",
    "vpush {s0}",
    "vmrs r0, fpscr",
    "vcvt.s32.f32 s0, s1",
)
DSP: Final = (
    *("sadd16 r0, r1, r2", "uqsub8 r0, r1, r2", "shasx r0, r1, r2", "qadd r0, r1, r2", "sel r0, r1, r2"),
    *(
        ".short 0xEAC1, 0x00C2  @ PKHBT",
        ".short 0xEAC1, 0x00E2  @ PKHTB",
        "ssat16 r0, #5, r1",
        "usat16 r0, #5, r1",
    ),
    *(
        ".short 0xFA41, 0xF082  @ SXTAB",
        ".short 0xFA11, 0xF082  @ UXTAH",
        ".short 0xFA2F, 0xF081  @ SXTB16",
        ".short 0xFA31, 0xF082  @ UXTAB16",
    ),
    *(
        "smlabb r0, r1, r2, r3",
        "smulwt r0, r1, r2",
        "smlad r0, r1, r2, r3",
        "smmul r0, r1, r2",
        "usad8 r0, r1, r2",
    ),
    *("smlalbb r0, r1, r2, r3", "smlald r0, r1, r2, r3", "smlsld r0, r1, r2, r3", "umaal r0, r1, r2, r3"),
)
BASE: Final = (
    *(
        "add.w r0, r1, r2",
        "mul r0, r1, r2",
        "mla r0, r1, r2, r3",
        "mls r0, r1, r2, r3",
        "smull r0, r1, r2, r3",
    ),
    *(
        "umull r0, r1, r2, r3",
        "smlal r0, r1, r2, r3",
        "umlal r0, r1, r2, r3",
        ".short 0xFB91, 0xF0F2  @ SDIV",
        ".short 0xFBB1, 0xF0F2  @ UDIV",
    ),
    *(
        "sxtb.w r8, r1",
        "uxtb.w r8, r1",
        "sxth.w r8, r1",
        "uxth.w r8, r1",
        "lsl.w r0, r1, r2",
        "ror.w r0, r1, r2",
    ),
    *("clz r0, r1", "rbit r0, r1", "rev.w r8, r1", "rev16.w r8, r1", "revsh.w r8, r1", "ssat r0, #5, r1"),
    *(
        "usat r0, #5, r1",
        "usat r0, #5, r1, lsl #3",
        "ssat r0, #5, r1, asr #3",
        "bfi r0, r1, #3, #4",
        "teq r1, r2",
    ),
    *(
        "mrs r0, xpsr",
        "ldr.w r0, [r2]",
        "ldrd r0, r1, [r2]",
        ".short 0xF000, 0xF800  @ BL",
        "mvn.w r0, r1",
        "dmb",
    ),
)
HARD_FAULT: Final = (
    "hard_fault: ldr r0, =0xE000ED28; ldr r6, [r0]; ldr r7, [r0, #4]; ldr r5, [sp, #24]; wait: b wait\n"
)


def halves(instruction: str) -> tuple[int, int]:
    found = code(instruction)
    assert len(found) == 4, instruction
    return int.from_bytes(found[:2], "little"), int.from_bytes(found[2:], "little")


@for_each("instruction", FPU)
def test_the_fpu_is_recognized(instruction: str) -> None:
    assert is_floating_point(*halves(instruction))
    assert not is_signal_processing(*halves(instruction))


@for_each("instruction", DSP)
def test_the_dsp_extension_is_recognized(instruction: str) -> None:
    assert is_signal_processing(*halves(instruction))
    assert not is_floating_point(*halves(instruction))


@for_each("instruction", BASE)
def test_nothing_else_is(instruction: str) -> None:
    assert not is_signal_processing(*halves(instruction))
    assert not is_floating_point(*halves(instruction))


@pytest.mark.parametrize(
    ("instruction", "cfsr"), [*((text, NOCP) for text in FPU), *((text, UNDEFINED) for text in DSP)]
)
def test_the_network_core_faults_at_it(rig: Rig, instruction: str, cfsr: int) -> None:
    core = rig.boot(
        f"reset: movs r4, #1; here: {instruction}\n movs r4, #2; b stuck\n{HARD_FAULT}", core="net"
    )
    rig.run(400)
    assert core.image is not None
    registers = core.registers
    assert (registers["R4"], registers["R5"]) == (1, core.image.symbol("here"))
    assert (registers["R6"], registers["R7"]) == (cfsr, FORCED)


@pytest.mark.parametrize("instruction", ["vadd.f32 s0, s1, s2", *DSP])
def test_the_application_core_executes_it(rig: Rig, instruction: str) -> None:
    enable = "ldr r0, =0xE000ED88; ldr r1, =0xF00000; str r1, [r0]; isb; movs r1, #1"
    core = rig.boot(f"reset: {enable}; {instruction}\n movs r4, #2; b stuck\n{HARD_FAULT}")
    rig.run(400)
    assert core.registers["R4"] == 2
    assert not rig.machine.warnings


@pytest.mark.parametrize("instruction", BASE)
def test_the_network_core_executes_the_rest(rig: Rig, instruction: str) -> None:
    core = rig.boot(
        f"reset: ldr r2, =0x21000000; movs r3, #3; {instruction}\n movs r4, #2; b stuck\n{HARD_FAULT}",
        core="net",
    )
    rig.run(400)
    assert core.registers["R4"] == 2
    assert not rig.machine.warnings
