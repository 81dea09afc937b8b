"""The NVIC as firmware sees it: enable, pend, active and priority registers, and level interrupts."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig

from icmsg.engines.embedded.armv8m.nvic import Nvic

ISER, ICER, ISPR, ICPR, IABR, IPR = (
    0xE000_E000 + offset for offset in (0x100, 0x180, 0x200, 0x280, 0x300, 0x400)
)
ICSR = 0xE000_ED04


def peek(rig: Rig, address: int) -> int:
    return rig.machine.core("app").bus.read32(address)


@pytest.mark.parametrize(("set_at", "clear_at"), [(ISER, ICER), (ISPR, ICPR)])
@pytest.mark.parametrize("word", [0, 1, 7])
def test_ones_set_and_clear_and_both_read_the_state(rig: Rig, set_at: int, clear_at: int, word: int) -> None:
    bus = rig.machine.core("app").bus
    set_at, clear_at = set_at + 4 * word, clear_at + 4 * word
    bus.write32(set_at, 0xF0)
    bus.write32(set_at, 0x0F)
    bus.write32(clear_at, 0x11)
    limit = 0xFFFF_FFFF if word < 7 else 0xFFFF
    assert bus.read32(set_at) == bus.read32(clear_at) == 0xEE & limit
    bus.write32(clear_at, 0xFFFF_FFFF)
    assert bus.read32(set_at) == 0


def test_what_is_not_enabled_pends_and_is_taken_when_it_is_enabled(rig: Rig) -> None:
    rig.boot(
        "reset: movs r4, #0; ldr r0, =0xE000E200; movs r1, #8; str r1, [r0]; nop; adds r4, #1; ldr r0, =0xE000E100\n"
        " str r1, [r0]; adds r4, #1; b stuck\n"
        "irq_3: ldr r7, =0x20000000; str r4, [r7]; movs r0, #1; str r0, [r7, #4]; bx lr"
    )
    rig.run(100)
    assert rig.words(2) == [1, 1]


def test_what_is_taken_back_does_not_run(rig: Rig) -> None:
    rig.boot(
        f"reset: {ENABLE_IRQS} cpsid i; ldr r0, =0xE000E200; movs r1, #8; str r1, [r0]; ldr r0, =0xE000E280; "
        "str r1, [r0]\n"
        " cpsie i; b stuck\nirq_3: ldr r7, =0x20000000; movs r0, #1; str r0, [r7]; bx lr"
    )
    rig.run(100)
    assert rig.word() == 0


def test_stir_pends_by_number(rig: Rig) -> None:
    rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0xE000EF00; movs r1, #3; str r1, [r0]; b stuck\n"
        "irq_3: ldr r7, =0x20000000; mrs r0, ipsr; str r0, [r7]; bx lr"
    )
    rig.run(100)
    assert rig.word() == 19


def test_active_and_pending_show_in_iabr_and_icsr(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0xE000E200; movs r1, #8; str r1, [r0]; b stuck\n"
        "irq_3: ldr r0, =0xE000E200; movs r1, #0x10; str r1, [r0]; ldr r0, =0xE000E300; ldr r4, [r0]; "
        "ldr r0, =0xE000ED04\n"
        " ldr r5, [r0]; wait: b wait"
    )
    rig.run(200)
    registers = core.registers
    assert registers["R4"] == 8
    assert registers["R5"] & 0x1FF == 19, "VECTACTIVE"
    assert registers["R5"] >> 12 & 0x1FF == 20, "VECTPENDING"
    assert registers["R5"] >> 22 & 1, "ISRPENDING"
    assert registers["R5"] >> 11 & 1, "RETTOBASE"


@pytest.mark.parametrize("interrupt", [0, 1, 2, 3, 42, 63])
def test_priorities_are_bytes(rig: Rig, interrupt: int) -> None:
    core = rig.boot(
        f"reset: ldr r0, ={IPR}; movs r1, #0xFF; strb r1, [r0, #{interrupt}]; ldrb r2, [r0, #{interrupt}]\n"
        f" ldr r0, ={IPR + interrupt // 4 * 4}; ldr r3, [r0]; ldrh r4, [r0, #{interrupt % 4 // 2 * 2}]; b stuck"
    )
    rig.run(100)
    registers = core.registers
    assert registers["R2"] == 0xE0
    assert registers["R3"] == 0xE0 << 8 * (interrupt % 4)
    assert registers["R4"] == 0xE0 << 8 * (interrupt % 2)


# A level: the mailbox holds its line (interrupt 42) while an enabled event is latched.
MAILBOX = """
 ldr r0, =0x5002A510
 movs r1, #1
 str r1, [r0]
 ldr r0, =0x5002A590
 str r1, [r0]
 ldr r0, =0x5002A304
 str r1, [r0]
 ldr r0, =0xE000E104
 ldr r1, =1024
 str r1, [r0]
"""
RING = "ldr r0, =0x5002A000; movs r1, #1; str r1, [r0]"


def test_an_interrupt_whose_line_stays_high_comes_again(rig: Rig) -> None:
    rig.boot(
        f"reset: {MAILBOX}{RING}; b stuck\n"
        "irq_42: ldr r7, =0x20000000; ldr r1, [r7]; adds r1, #1; str r1, [r7]; cmp r1, #5; bne back\n"
        " ldr r0, =0x5002A100; movs r1, #0; str r1, [r0]\nback: bx lr"
    )
    rig.run(500)
    assert rig.word() == 5


def test_a_high_line_cannot_be_unpended_and_a_low_one_stays_pended_until_it_is(rig: Rig) -> None:
    core = rig.boot(
        f"reset: cpsid i; {MAILBOX}{RING}; ldr r2, =0xE000E284; ldr r3, =1024; str r3, [r2]; ldr r4, [r2]\n"
        " ldr r0, =0x5002A100; movs r1, #0; str r1, [r0]; ldr r5, [r2]; str r3, [r2]; ldr r6, [r2]; b stuck"
    )
    rig.run(200)
    registers = core.registers
    assert [registers[name] & 1024 for name in ("R4", "R5", "R6")] == [1024, 1024, 0]


def test_a_doorbell_in_the_handler_behind_the_acknowledge_is_not_lost(rig: Rig) -> None:
    rig.boot(
        f"reset: {MAILBOX}{RING}; b stuck\n"
        "irq_42: ldr r0, =0x5002A100; movs r1, #0; str r1, [r0]; ldr r7, =0x20000000; ldr r2, [r7]; "
        "adds r2, #1; str r2, [r7]\n"
        f" cmp r2, #4; beq back; {RING}\nback: bx lr"
    )
    rig.run(500)
    assert rig.word() == 4


def test_a_line_that_stays_high_over_a_reset_pends_again() -> None:
    nvic = Nvic()
    nvic.set_line(3, True)
    nvic.pend(1 << 20)
    nvic.reset()
    assert nvic.pending == 1 << 16 + 3


def test_a_reset_of_the_core_resets_what_drives_its_lines(rig: Rig) -> None:
    core = rig.boot(f"reset: cpsid i; {MAILBOX}{RING}; b stuck")
    rig.run(200)
    assert peek(rig, ISPR + 4) == 1024
    core.reset()
    assert peek(rig, ISPR + 4) == 0


@pytest.mark.parametrize("how", ["ISER and ISPR", "STIR"])
def test_interrupts_that_the_core_does_not_have_read_zero_and_ignore_writes(rig: Rig, how: str) -> None:
    """There are 480 (Armv8-M ARM, B3): the sixteenth word of each register is reserved."""
    trigger = {
        "ISER and ISPR": "ldr r0, =0xE000E23C; str r1, [r0]",
        "STIR": "ldr r0, =0xE000EF00; movw r3, #480; str r3, [r0]; movw r3, #0x1FF; str r3, [r0]",
    }[how]
    core = rig.boot(
        "reset: mvn r1, #0; ldr r0, =0xE000E13C; str r1, [r0]; ldr r4, [r0]; ldr r0, =0xE000E5E0; str r1, [r0]\n"
        f" ldr r5, [r0]; ldr r0, =0xE000E180; str r1, [r0, #0x3C]; {trigger}\n"
        " ldr r0, =0xE000E23C; ldr r6, [r0]; b stuck"
    )
    rig.run(200)
    assert [core.registers[name] for name in ("R4", "R5", "R6")] == [0, 0, 0]
    assert core.registers["XPSR"] & 0x1FF == 0


@pytest.mark.parametrize("interrupt", [239, 240, 270, 479])
def test_the_last_interrupts_are_taken_as_the_first_ones(rig: Rig, interrupt: int) -> None:
    word, bit = divmod(interrupt, 32)
    core = rig.boot(
        f"reset: ldr r1, ={1 << bit}; ldr r0, ={ISER + 4 * word}; str r1, [r0]; ldr r0, =0xE000E004; ldr r2, [r0]\n"
        f" ldr r0, ={ISPR + 4 * word}; str r1, [r0]; b stuck\n"
        f"irq_{interrupt}: mrs r4, ipsr; ldr r0, =0x20000000; str r4, [r0]; bx lr"
    )
    rig.run(200)
    assert rig.word() == 16 + interrupt
    assert 32 * (core.registers["R2"] + 1) == 480, "ICTR"
