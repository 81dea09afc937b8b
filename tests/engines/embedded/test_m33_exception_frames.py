"""Exception entry and return: what is stacked, on which stack, and that all of it comes back."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig
from thumb import RAM

# R7 = RAM; the handler stores LR, SP, CONTROL, IPSR and the eight words of the frame it finds on the right stack.
DUMP = """
irq_3:
 ldr r7, =0x20000000
 str lr, [r7]
 mov r0, sp
 str r0, [r7, #4]
 mrs r1, control
 str r1, [r7, #8]
 mrs r1, ipsr
 str r1, [r7, #12]
 tst lr, #4
 beq msp_frame
 mrs r0, psp
msp_frame:
 add r1, r7, #32
 ldm r0!, {r2-r5}
 stm r1!, {r2-r5}
 ldm r0!, {r2-r5}
 stm r1!, {r2-r5}
 bx lr
"""
FILL = """
 movs r0, #1
 movs r1, #2
 movs r2, #3
 movs r3, #4
 mov r12, r3
 mvn lr, #0
"""
FRAME = 32


def frame(rig: Rig) -> list[int]:
    return rig.words(8, FRAME)


def boot_and_interrupt(rig: Rig, prologue: str, interrupt_at: int = 200) -> None:
    core = rig.boot(f"reset:\n{ENABLE_IRQS}{prologue}\n{FILL}\nhere: b here\n{DUMP}")
    rig.at(interrupt_at, lambda: rig.pend(3))
    rig.run(interrupt_at + 200)
    assert core.image is not None
    assert frame(rig)[:6] == [1, 2, 3, 4, 4, 0xFFFF_FFFF]
    assert frame(rig)[6] == core.image.symbol("here")
    assert rig.word(12) == 16 + 3
    registers = core.registers
    assert [registers[f"R{number}"] for number in (0, 1, 2, 3, 12)] == [1, 2, 3, 4, 4]
    assert registers["LR"] == 0xFFFF_FFFF
    assert registers["PC"] == core.image.symbol("here")
    assert registers["XPSR"] & 0x1FF == 0


def test_thread_mode_on_the_main_stack(rig: Rig) -> None:
    boot_and_interrupt(rig, "")
    assert rig.word(0) == 0xFFFF_FFF9
    assert rig.word(4) == 0x2001_0000 - 32
    assert rig.machine.core("app").registers["SP"] == 0x2001_0000


def test_thread_mode_on_the_process_stack(rig: Rig) -> None:
    boot_and_interrupt(rig, "ldr r0, =0x20004000\n msr psp, r0\n movs r0, #2\n msr control, r0\n isb")
    assert rig.word(0) == 0xFFFF_FFFD
    assert rig.word(4) == 0x2001_0000, "the handler runs on the main stack"
    assert rig.word(8) & 2 == 0, "SPSEL is clear in a handler"
    registers = rig.machine.core("app").registers
    assert (registers["SP"], registers["PSP"], registers["MSP"]) == (0x2000_4000, 0x2000_4000, 0x2001_0000)
    assert registers["CONTROL"] & 2


def test_unprivileged_thread_on_the_process_stack(rig: Rig) -> None:
    boot_and_interrupt(rig, "ldr r0, =0x20004000\n msr psp, r0\n movs r0, #3\n msr control, r0\n isb")
    assert rig.word(0) == 0xFFFF_FFFD
    assert rig.word(8) & 3 == 1, "nPRIV stays, SPSEL is clear"
    assert rig.machine.core("app").registers["CONTROL"] & 3 == 3


def test_masks_that_were_set_before_privilege_was_dropped_still_count(rig: Rig) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}\n cpsid i\n ldr r0, =0x20004000\n msr psp, r0\n movs r0, #3\n msr control, r0\n isb\n"
        f" here: b here\n{DUMP}"
    )
    rig.at(100, lambda: rig.pend(3))
    rig.run(1000)
    assert rig.word(12) == 0


@pytest.mark.parametrize("stack", ["msp", "psp"])
@pytest.mark.parametrize("sp", [0x2000_4000, 0x2000_4004])
@pytest.mark.parametrize("fp", [False, True])
def test_the_frame_is_aligned_to_eight_bytes_and_the_padding_goes_again(
    rig: Rig, stack: str, sp: int, fp: bool
) -> None:
    select = "movs r0, #2\n msr control, r0\n isb" if stack == "psp" else ""
    use_fp = "vmov.f32 s0, #1.0" if fp else ""
    boot_and_interrupt(rig, f"ldr r0, ={sp}\n msr {stack}, r0\n {select}\n {use_fp}")
    size = 0x68 if fp else 0x20
    padded = (sp - size) % 8 != 0
    assert frame(rig)[7] >> 9 & 1 == padded
    registers = rig.machine.core("app").registers
    assert registers["SP"] == sp
    if stack == "msp":
        assert rig.word(4) == (sp - size) & ~7
    assert rig.word(0) & 0x10 == (0 if fp else 0x10)


@pytest.mark.parametrize(
    ("flags", "compare"),
    [(0x8000_0000, "movs r0, #0\n cmp r0, #1"), (0x6000_0000, "movs r0, #1\n cmp r0, #1")],
)
def test_flags_and_the_thumb_bit_are_stacked(rig: Rig, flags: int, compare: str) -> None:
    core = rig.boot(f"reset:\n{ENABLE_IRQS}\n here: {compare}\n stay: b stay\n{DUMP}")
    rig.at(100, lambda: rig.pend(3))
    rig.run(300)
    assert frame(rig)[7] & 0xFF00_0000 == flags | 0x0100_0000
    assert core.registers["XPSR"] & 0xF000_0000 == flags


def test_q_and_ge_flags_come_back(rig: Rig) -> None:
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 ldr r0, =0x7FFFFFFF
 qadd r1, r0, r0
 ldr r0, =0x80FF80FF
 uadd8 r1, r0, r0
here: b here
irq_3:
 movs r0, #0
 uadd8 r1, r0, r0
 .short 0xF380, 0x8800  @ MSR APSR_nzcvq, R0: Q goes
 ldr r7, =0x20000000
 movs r1, #1
 str r1, [r7]
 bx lr
"""
    )
    rig.run(100)
    before = core.registers["XPSR"]
    assert before & 0x080F_0000 == 0x080F_0000
    rig.pend(3)
    rig.run(100)
    assert rig.word() == 1
    assert core.registers["XPSR"] == before


@pytest.mark.parametrize("control", [0, 1])
def test_a_handler_begins_with_the_registers_of_the_caller(rig: Rig, control: int) -> None:
    """As on silicon; also where the engine has to look up a stack limit that has just changed."""
    rig.boot(
        f"reset: ldr r0, =0x20000100; msr msplim, r0; movs r0, #{control}; msr control, r0; isb\n"
        " movs r0, #1; movs r1, #2; movs r2, #3; movs r3, #4; mov r12, r3; svc #1; b stuck\n"
        "svc: push {r0-r3, r12}; ldr r7, =0x20000000; pop {r0-r3, r6}; stm r7!, {r0-r3, r6}; bx lr"
    )
    rig.run(100)
    assert rig.words(5) == [1, 2, 3, 4, 4]


NEST = """
irq_0:
 ldr r7, =0x20000000
 str lr, [r7]
 str sp, [r7, #4]
 ldr r0, =0xE000E200
 movs r1, #2
 str r1, [r0]
 movs r2, #77
 isb
 str r2, [r7, #8]
 bx lr
irq_1:
 ldr r3, =0x20000000
 str lr, [r3, #16]
 str sp, [r3, #20]
 ldr r2, [r3, #8]
 str r2, [r3, #24]
 movs r2, #0
 bx lr
"""


def test_a_handler_is_preempted_on_the_main_stack(rig: Rig) -> None:
    rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 ldr r0, =0xE000E400
 movs r1, #0x40
 strb r1, [r0]
 movs r1, #0x20
 strb r1, [r0, #1]
 ldr r0, =0x20004000
 msr psp, r0
 movs r0, #2
 msr control, r0
 isb
here: b here
{NEST}"""
    )
    rig.at(100, lambda: rig.pend(0))
    rig.run(500)
    assert rig.word(0) == 0xFFFF_FFFD
    assert rig.word(4) == 0x2001_0000
    assert rig.word(16) == 0xFFFF_FFF1, "return to handler mode"
    assert rig.word(20) == 0x2001_0000 - 32
    assert rig.word(24) == 0, "it runs before the handler goes on"
    assert rig.word(8) == 77, "R2 of the pre-empted handler comes back"
    assert rig.machine.core("app").registers["SP"] == 0x2000_4000


FP = """
irq_3:
 ldr r7, =0x20000000
 str lr, [r7]
 mrs r0, control
 str r0, [r7, #4]
 vmrs r0, fpscr
 str r0, [r7, #8]
 mrs r0, control
 str r0, [r7, #12]
 ldr r1, =0x01000000
 vmsr fpscr, r1
 movs r1, #9
 vmov s0, r1
 vmov s15, r1
 vmov s16, s16
 bx lr
"""


def test_an_fp_context_is_stacked_and_the_handler_starts_with_a_fresh_one(rig: Rig) -> None:
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 ldr r0, =0x20000100
 vldm r0, {{s0-s31}}
 ldr r1, =0xA3C00000
 vmsr fpscr, r1
here: b here
{FP}"""
    )
    core.bus.write_block(
        RAM["app"] + 0x100, b"".join((0x1000 + at).to_bytes(4, "little") for at in range(32))
    )
    rig.at(200, lambda: rig.pend(3))
    rig.run(600)
    assert rig.word(0) == 0xFFFF_FFE9
    assert rig.word(4) & 4 == 0, "FPCA is clear on entry"
    assert rig.word(8) & 0xFFC0_0000 == 0, "FPSCR is FPDSCR for the handler"
    assert rig.word(12) & 4, "FPCA is set by its first FP instruction"
    sp = core.registers["SP"]
    stacked = [core.bus.read32(sp - 0x68 + 0x20 + 4 * at) for at in range(17)]
    assert stacked == [0x1000 + at for at in range(16)] + [0xA3C0_0000]
    assert core.registers["CONTROL"] & 4, "FPCA is set again"


def test_fp_registers_and_fpscr_come_back(rig: Rig) -> None:
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 ldr r0, =0x20000100
 vldm r0, {{s0-s31}}
 ldr r1, =0xA3C00000
 vmsr fpscr, r1
 movs r2, #0
wait:
 ldr r3, [r0, #-4]
 cmp r3, #0
 beq wait
 add r0, r0, #0x100
 vstm r0, {{s0-s31}}
 vmrs r1, fpscr
 str r1, [r0, #0x80]
here: b here
{FP}"""
    )
    values = [0x1000 + at for at in range(32)]
    core.bus.write_block(RAM["app"] + 0x100, b"".join(value.to_bytes(4, "little") for value in values))
    rig.at(200, lambda: rig.pend(3))
    rig.run(600)
    core.bus.write32(RAM["app"] + 0xFC, 1)
    rig.run(600)
    assert rig.word(0) == 0xFFFF_FFE9
    assert rig.words(32, 0x200) == values
    assert rig.word(0x280) == 0xA3C0_0000


def test_without_fp_use_the_frame_is_the_short_one_again_after_control_is_cleared(rig: Rig) -> None:
    boot_and_interrupt(rig, "vmov.f32 s0, #1.0\n movs r0, #0\n msr control, r0\n isb")
    assert rig.word(0) == 0xFFFF_FFF9


def test_a_context_switch_in_pendsv_moves_between_threads_with_and_without_fp(rig: Rig) -> None:
    """Two threads on their own process stacks; PendSV saves R4-R11 and S16-S31 as an RTOS does."""
    rig.boot(
        """
reset:
 ldr r0, =0xE000ED20
 ldr r1, =0x00E00000
 str r1, [r0]
 ldr r7, =0x20000100  @ current, other: PSP of the two
 ldr r0, =0x20003000
 msr psp, r0
 @ a first frame for thread 2 below 0x20004000: R4-R11, EXC_RETURN, then the hardware frame
 ldr r1, =0x20003FBC
 movs r2, #0
 movs r3, #16
fill: str r2, [r1], #4
 subs r3, #1
 bne fill
 ldr r1, =0x20003FBC
 ldr r2, =0xFFFFFFFD
 str r2, [r1, #32]
 ldr r2, =thread2
 str r2, [r1, #60]
 ldr r2, =0x01000000
 str r2, [r1, #64]
 str r1, [r7, #4]
 movs r0, #2
 msr control, r0
 isb
 ldr r6, =0x20000000
 movs r4, #0
 vmov.f32 s0, #1.0
 vmov.f32 s17, #2.0
thread1:
 vadd.f32 s0, s0, s17
 adds r4, #1
 str r4, [r6]
 vstr s0, [r6, #4]
 ldr r0, =0xE000ED04
 ldr r1, =0x10000000
 str r1, [r0]
 isb
 cmp r4, #50
 bne thread1
 b stuck
thread2:
 ldr r6, =0x20000000
 adds r5, #3
 str r5, [r6, #8]
 ldr r0, =0xE000ED04
 ldr r1, =0x10000000
 str r1, [r0]
 isb
 b thread2
pend_sv:
 mrs r0, psp
 tst lr, #0x10
 it eq
 vstmdbeq r0!, {s16-s31}
 stmdb r0!, {r4-r11, lr}
 ldr r1, =0x20000100
 ldr r2, [r1, #4]
 str r0, [r1, #4]
 ldm r2!, {r4-r11, lr}
 tst lr, #0x10
 it eq
 vldmiaeq r2!, {s16-s31}
 msr psp, r2
 bx lr
"""
    )
    rig.run(20_000)
    assert rig.word(0) == 50
    assert rig.word(4) == 0x42CA_0000, "101.0"
    assert rig.word(8) == 3 * 50
