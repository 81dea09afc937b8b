"""PRIMASK, BASEPRI and FAULTMASK: what they hold back, and that it is taken directly after they let it go."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig
from thumb import RAM, code

# The handler stores R4, which the code counts up directly after the instruction that unmasks.
HANDLER = """
irq_3:
 ldr r7, =0x20000000
 str r4, [r7]
 ldr r6, [r7, #4]
 adds r6, #1
 str r6, [r7, #4]
 ldr r6, [sp, #24]
 str r6, [r7, #8]
 bx lr
"""
PRIORITY = """
 ldr r0, =0xE000E400
 movs r1, #0x40
 strb r1, [r0, #3]
"""
PEND = """
 ldr r0, =0xE000E200
 movs r1, #8
 str r1, [r0]
 dsb sy
"""
WAYS = {
    "cpsie i": ("cpsid i", "cpsie i"),
    "msr primask": ("movs r2, #1\n msr primask, r2\n movs r2, #0", "msr primask, r2"),
    "cpsie f": ("cpsid f", "cpsie f"),
    "msr faultmask": ("movs r2, #1\n msr faultmask, r2\n movs r2, #0", "msr faultmask, r2"),
    "cpsie if": ("cpsid if", "cpsie if"),
    "msr basepri to zero": ("movs r2, #0x20\n msr basepri, r2\n movs r2, #0", "msr basepri, r2"),
    "msr basepri to less": ("movs r2, #0x40\n msr basepri, r2\n movs r2, #0x60", "msr basepri, r2"),
    "msr basepri by another register": ("movs r2, #0x20\n msr basepri, r2\n movs r6, #0", "msr basepri, r6"),
    "store to the priority": (
        "movs r2, #0x40\n msr basepri, r2\n ldr r0, =0xE000E400\n movs r2, #0x20",
        "strb r2, [r0, #3]",
    ),
    "store to PRIGROUP": (  # priority 0x60 is not more urgent than BASEPRI 0x80 while bit 7 alone decides
        "ldr r0, =0xE000E400\n movs r2, #0xA0\n strb r2, [r0, #3]\n ldr r0, =0xE000ED0C\n ldr r2, =0x05FA0700\n"
        " str r2, [r0]\n movs r2, #0xC0\n msr basepri, r2\n ldr r2, =0x05FA0000",
        "str r2, [r0]",
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pended_by", ["firmware", "outside"])
def test_what_waits_is_taken_directly_after_the_mask_goes(rig: Rig, way: str, pended_by: str) -> None:
    mask, unmask = WAYS[way]
    pend = PEND if pended_by == "firmware" else "movs r1, #200\n wait: subs r1, #1\n bne wait"
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}{PRIORITY}
 {mask}
 push {{r0, r2}}
 movs r4, #0
 {pend}
 adds r4, #1
 pop {{r0, r2}}
 {unmask}
after:
 adds r4, #1
 adds r4, #1
 b stuck
{HANDLER}"""
    )
    if pended_by == "outside":
        rig.at(150, lambda: rig.pend(3))
    rig.run(2000)
    assert core.image is not None
    assert rig.words(3) == [1, 1, core.image.symbol("after")]


def test_it_is_taken_also_in_code_that_firmware_has_copied_to_ram(rig: Rig) -> None:
    ram = RAM["app"] + 0x800
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 ldr r0, =source
 ldr r1, ={ram}
 movs r2, #6
copy: ldr r3, [r0], #4
 str r3, [r1], #4
 subs r2, #1
 bne copy
 cpsid i
 movs r4, #0
 {PEND}
 ldr r0, ={ram + 1}
 bx r0
.align 2
source:
 adds r4, #1
 cpsie i
 adds r4, #1
 adds r4, #1
wait: b wait
.align 2
 nop
 nop
{HANDLER}"""
    )
    rig.run(3000)
    assert rig.words(3) == [1, 1, ram + 4]
    assert core.registers["R4"] == 3


def test_it_is_taken_also_in_code_that_the_host_writes_over_code_that_ran(rig: Rig) -> None:
    core = rig.boot(
        f"reset:\n{ENABLE_IRQS}\n cpsid i\n movs r4, #0\n {PEND}\nhere: nop\n adds r4, #1\n b here\n{HANDLER}"
    )
    assert core.image is not None
    here = core.image.symbol("here")
    rig.run(1000)
    assert rig.word(4) == 0
    assert core.registers["R4"] > 10
    core.bus.write_block(here, code("cpsie i"))
    rig.run(1000)
    assert rig.word(4) == 1
    assert rig.word(8) == here + 2


def test_it_is_taken_also_in_a_page_that_was_entered_in_its_middle(rig: Rig) -> None:
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 cpsid i
 movs r4, #0
 {PEND}
 ldr r0, =middle + 1
 bx r0
.ltorg
.align 12
 .space 0x100
early:
 adds r4, #1
 cpsie i
after:
 adds r4, #1
 b stuck
 .space 0x900
middle:
 ldr r0, =early + 1
 bx r0
{HANDLER}"""
    )
    rig.run(3000)
    assert core.image is not None
    assert rig.words(3) == [1, 1, core.image.symbol("after")]


def test_it_is_taken_also_where_the_host_changed_half_of_the_instruction(rig: Rig) -> None:
    """MSR APSR_nzcvq, R2 becomes MSR PRIMASK, R2 by its second halfword."""
    core = rig.boot(
        f"reset: {ENABLE_IRQS} cpsid i; movs r2, #0; movs r4, #0; {PEND}\n"
        f" again: .short 0xF382, 0x8800\n after: adds r4, #1\n{'nop; ' * 40} b again\n{HANDLER}"
    )
    assert core.image is not None
    rig.run(500)
    assert rig.word(4) == 0
    core.bus.write16(core.image.symbol("again") + 2, 0x8810)
    rig.run(500)
    assert (rig.word(4), rig.word(8)) == (1, core.image.symbol("after"))


@pytest.mark.parametrize("offset", range(-6, 4, 2))
@pytest.mark.parametrize("unmask", ["cpsie i", "msr primask, r2"])
@pytest.mark.parametrize("warm", [False, True])
def test_it_is_taken_also_where_two_pages_meet(rig: Rig, offset: int, unmask: str, warm: bool) -> None:
    """``warm``: the page behind has run before the instruction is first seen."""
    filler = 0x2000 + offset
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 cpsid i
 movs r2, #0
 movs r4, #0
 {PEND}
 {"ldr r0, =behind + 1" if warm else "ldr r0, =turn + 1"}
 bx r0
.ltorg
.align 12
 .space {filler - 0x1000}
turn:
 adds r4, #1
 {unmask}
 adds r4, #1
 b stuck
 .space 16
behind:
 ldr r0, =turn + 1
 bx r0
{HANDLER}"""
    )
    rig.run(3000)
    assert core.image is not None
    turn = core.image.symbol("turn")
    assert turn == filler
    assert rig.words(3) == [1, 1, turn + (4 if unmask == "cpsie i" else 6)]


def test_it_is_taken_after_an_unmask_that_is_conditional(rig: Rig) -> None:
    core = rig.boot(
        f"""
reset:
{ENABLE_IRQS}
 cpsid i
 movs r2, #0
 movs r4, #0
 {PEND}
 cmp r2, #0
 .short 0xBF08, 0xF382, 0x8810  @ IT EQ; MSREQ PRIMASK, R2
after:
 adds r4, #1
 b stuck
{HANDLER}"""
    )
    rig.run(500)
    assert core.image is not None
    assert rig.words(3) == [0, 1, core.image.symbol("after")]


def test_a_window_of_one_instruction_between_two_masks_is_enough(rig: Rig) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}\n cpsid i\n movs r4, #0\n {PEND}\n cpsie i\n cpsid i\n adds r4, #1\n b stuck\n{HANDLER}"
    )
    rig.run(500)
    assert rig.words(2) == [0, 1]


@pytest.mark.parametrize("quantum_ns", [1, 8, 16, 24, 500])
@pytest.mark.parametrize("way", WAYS)
def test_a_slice_that_begins_behind_a_mask_goes_on_with_what_waits(way: str, quantum_ns: int) -> None:
    """The same instructions mask and unmask; what waits behind one that masks must not stop the core there."""
    mask, unmask = WAYS[way]
    with Rig(quantum_ns=quantum_ns) as rig:
        core = rig.boot(
            f"reset: {ENABLE_IRQS}{PRIORITY}; cpsid i; {PEND}; {mask}; nop; movs r4, #1; nop; nop\n"
            f" cpsid i; {mask.split(chr(10))[0]}; movs r4, #2; {unmask}; nop; cpsie i; movs r4, #3; b stuck\n{HANDLER}"
        )
        rig.run(200)
        assert core.registers["R4"] == 3


@pytest.mark.parametrize(
    ("mask", "priority", "taken"),
    [
        ("cpsid i", 0x00, False),
        ("cpsid f", 0x00, False),
        ("movs r2, #0x40\n msr basepri, r2", 0x20, True),
        ("movs r2, #0x40\n msr basepri, r2", 0x40, False),
        ("movs r2, #0x40\n msr basepri, r2", 0x60, False),
        ("movs r2, #0x00\n msr basepri, r2", 0xE0, True),
        ("movs r2, #0x1F\n msr basepri, r2", 0xE0, True),  # the bits that are not implemented mask nothing
        ("movs r2, #0x40\n msr basepri, r2\n movs r2, #0x80\n msr basepri_max, r2", 0x60, False),
        ("movs r2, #0x80\n msr basepri, r2\n movs r2, #0x40\n msr basepri_max, r2", 0x60, False),
        ("movs r2, #0x80\n msr basepri, r2\n movs r2, #0x40\n msr basepri_max, r2", 0x20, True),
    ],
)
def test_masks_hold_back_what_is_not_urgent_enough(rig: Rig, mask: str, priority: int, taken: bool) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}\n ldr r0, =0xE000E400\n movs r1, #{priority}\n strb r1, [r0, #3]\n {mask}\n {PEND}\n"
        f" b stuck\n{HANDLER}"
    )
    rig.run(500)
    assert rig.word(4) == taken


@pytest.mark.parametrize("mask", ["cpsid i", "movs r2, #0x20\n msr basepri, r2", "cpsid f"])
def test_an_nmi_is_held_back_by_nothing(rig: Rig, mask: str) -> None:
    rig.boot(
        f"reset:\n {mask}\n ldr r0, =0xE000ED04\n ldr r1, =0x80000000\n str r1, [r0]\n movs r4, #1\n b stuck\n"
        "nmi:\n ldr r7, =0x20000000\n mrs r0, ipsr\n str r0, [r7]\n str r4, [r7, #4]\n bx lr"
    )
    rig.run(300)
    assert rig.words(2) == [2, 0]


def test_faultmask_ends_with_the_exception_that_set_it(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {ENABLE_IRQS}{PEND} b stuck\n"
        "irq_3: cpsid f; ldr r7, =0x20000000; mrs r0, faultmask; str r0, [r7]; bx lr"
    )
    rig.run(300)
    assert rig.word() == 1
    assert core.registers["FAULTMASK"] == 0


@pytest.mark.parametrize("handler", ["nmi", "hard_fault"])
def test_faultmask_outlives_nmi_and_hardfault(rig: Rig, handler: str) -> None:
    how = {"nmi": "ldr r0, =0xE000ED04; ldr r1, =0x80000000; str r1, [r0]; isb", "hard_fault": "bkpt #1"}
    core = rig.boot(
        f"reset: {how[handler]}; after: b after\n"
        f"{handler}: cpsid f; ldr r0, =after; str r0, [sp, #24]; movs r7, #1; bx lr"
    )
    rig.run(100)
    assert (core.registers["R7"], core.registers["FAULTMASK"]) == (1, 1)


def test_primask_and_basepri_outlive_the_exception_that_set_them(rig: Rig) -> None:
    core = rig.boot(
        f"reset:\n{ENABLE_IRQS}\n{PEND}\n b stuck\nirq_3:\n cpsid i\n movs r0, #0x60\n msr basepri, r0\n bx lr"
    )
    rig.run(300)
    assert (core.registers["PRIMASK"], core.registers["BASEPRI"]) == (1, 0x60)
