"""Which exception runs first, which one pre-empts which, and what waits for its turn."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig

# Every handler writes its number when it begins, and its number with bit 8 when it ends, into a list at RAM + 0x100.
LOG = """
log:
 ldr r2, =0x20000100
 ldr r1, [r2]
 adds r1, #4
 str r1, [r2]
 str r0, [r2, r1]
 bx lr
"""


def logging(number: int, label: str, body: str = "") -> str:
    return f"""
{label}:
 push {{r7, lr}}
 movs r0, #{number}
 bl log
 {body}
 ldr r0, ={number | 0x100}
 bl log
 pop {{r7, pc}}
"""


def pend(interrupt: int) -> str:
    return f"ldr r0, =0xE000E200\n ldr r1, ={1 << interrupt}\n str r1, [r0]\n isb\n"


def priorities(*values: int) -> str:
    stores = "".join(f" movs r1, #{value}\n strb r1, [r0, #{at}]\n" for at, value in enumerate(values))
    return f" ldr r0, =0xE000E400\n{stores}"


def log(rig: Rig) -> list[int]:
    return rig.words(rig.word(0x100) // 4, 0x104)


def begin(number: int) -> int:
    return number


def end(number: int) -> int:
    return number | 0x100


def test_the_more_urgent_one_preempts_and_the_less_urgent_one_waits(rig: Rig) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}{priorities(0x40, 0x20, 0x60)}{pend(0)} b stuck\n{LOG}"
        + logging(0, "irq_0", pend(2) + pend(1))
        + logging(1, "irq_1")
        + logging(2, "irq_2")
    )
    rig.run(500)
    assert log(rig) == [begin(0), begin(1), end(1), end(0), begin(2), end(2)]


def test_equal_priorities_do_not_preempt_and_the_lowest_number_goes_first(rig: Rig) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}{priorities(0x40, 0x40, 0x40)}{pend(1)} b stuck\n{LOG}"
        + logging(1, "irq_1", pend(2) + pend(0))
        + logging(0, "irq_0")
        + logging(2, "irq_2")
    )
    rig.run(500)
    assert log(rig) == [begin(1), end(1), begin(0), end(0), begin(2), end(2)]


def test_an_interrupt_that_pends_itself_runs_again_and_not_within_itself(rig: Rig) -> None:
    count = "ldr r7, =0x20000000; ldr r0, [r7]; adds r0, #1; str r0, [r7]; cmp r0, #3; beq last"
    rig.boot(
        f"reset: {ENABLE_IRQS}{pend(0)} b stuck\n{LOG}" + logging(0, "irq_0", f"{count};{pend(0)}; last: nop")
    )
    rig.run(500)
    assert log(rig) == [begin(0), end(0)] * 3


def test_four_levels_nest(rig: Rig) -> None:
    rig.boot(
        f"reset:\n{ENABLE_IRQS}{priorities(0xE0, 0xA0, 0x60, 0x20)}{pend(0)} b stuck\n{LOG}"
        + logging(0, "irq_0", pend(1))
        + logging(1, "irq_1", pend(2))
        + logging(2, "irq_2", pend(3))
        + logging(3, "irq_3", "ldr r0, =0xE000ED04\n ldr r1, =0x80000000\n str r1, [r0]\n isb")
        + logging(9, "nmi")
    )
    rig.run(800)
    assert log(rig) == [0, 1, 2, 3, 9, *(end(number) for number in (9, 3, 2, 1, 0))]


@pytest.mark.parametrize(
    ("prigroup", "preempts"),
    [(0, True), (4, True), (5, True), (6, False), (7, False)],
)
def test_prigroup_says_which_bits_preempt(rig: Rig, prigroup: int, preempts: bool) -> None:
    """0x40 against 0x80 differ in bits 7 and 6: from PRIGROUP 6 on only bit 7 decides … and 0x40 wins by it."""
    rig.boot(
        f"reset:\n ldr r0, =0xE000ED0C\n ldr r1, ={0x05FA_0000 | prigroup << 8}\n str r1, [r0]\n"
        f"{ENABLE_IRQS}{priorities(0xC0, 0x80)}{pend(0)} b stuck\n{LOG}"
        + logging(0, "irq_0", pend(1))
        + logging(1, "irq_1")
    )
    rig.run(500)
    expected = [begin(0), begin(1), end(1), end(0)] if preempts else [begin(0), end(0), begin(1), end(1)]
    assert log(rig) == expected


def test_the_subpriority_orders_what_waits(rig: Rig) -> None:
    rig.boot(
        f"reset:\n ldr r0, =0xE000ED0C\n ldr r1, =0x05FA0700\n str r1, [r0]\n"
        f"{ENABLE_IRQS}{priorities(0x40, 0xC0, 0x80, 0x20)}{pend(0)} b stuck\n{LOG}"
        + logging(0, "irq_0", pend(1) + pend(2) + pend(3))
        + logging(1, "irq_1")
        + logging(2, "irq_2")
        + logging(3, "irq_3")
    )
    rig.run(800)
    order = [number for number in log(rig) if number < 0x100]
    assert order == [0, 3, 2, 1]


def test_a_wrong_key_leaves_prigroup_alone(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0xE000ED0C; ldr r1, =0x05FA0300; str r1, [r0]; ldr r1, =0x12340700; str r1, [r0]\n"
        " ldr r2, [r0]; b stuck"
    )
    rig.run(100)
    assert core.registers["R2"] == 0xFA05_0300


def test_only_three_priority_bits_exist(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0xE000E400; mvn r1, #0; str r1, [r0]; ldr r2, [r0]\n"
        " ldr r0, =0xE000ED18; str r1, [r0]; ldrb r3, [r0, #2]; b stuck"
    )
    rig.run(100)
    assert (core.registers["R2"], core.registers["R3"]) == (0xE0E0_E0E0, 0xE0)


def test_svc_returns_behind_itself_and_takes_its_number_from_the_instruction(rig: Rig) -> None:
    core = rig.boot(
        """
reset:
 movs r0, #5
 svc #42
 adds r0, #1
 b stuck
svc:
 ldr r1, [sp, #24]
 ldrb r2, [r1, #-2]
 ldr r3, =0x20000000
 str r2, [r3]
 str r1, [r3, #4]
 movs r2, #100
 str r2, [sp]   @ the caller's R0
 bx lr
"""
    )
    rig.run(100)
    assert core.image is not None
    assert rig.words(2) == [42, core.image.symbol("reset") + 4]
    assert core.registers["R0"] == 101


def test_pendsv_waits_for_every_interrupt(rig: Rig) -> None:
    set_pendsv = "ldr r0, =0xE000ED04\n ldr r1, =0x10000000\n str r1, [r0]\n isb\n"
    rig.boot(
        f"reset:\n ldr r0, =0xE000ED20\n ldr r1, =0x00E00000\n str r1, [r0]\n"
        f"{ENABLE_IRQS}{priorities(0x40, 0x80)}{pend(0)} b stuck\n{LOG}"
        + logging(0, "irq_0", set_pendsv + pend(1))
        + logging(1, "irq_1")
        + logging(14, "pend_sv")
    )
    rig.run(500)
    assert log(rig) == [0, end(0), 1, end(1), 14, end(14)]


def test_an_interrupt_preempts_svc_before_its_first_instruction(rig: Rig) -> None:
    """Both become due at the same instruction: SVC is entered, the more urgent interrupt runs at once."""
    rig.boot(
        f"reset:\n ldr r0, =0xE000ED1C\n ldr r1, =0x80000000\n str r1, [r0]\n"
        f"{ENABLE_IRQS}{priorities(0x20)}\n cpsid f\n {pend(0)}\n movs r7, #0\n cpsie f\n svc #1\n b stuck\n{LOG}"
        + logging(0, "irq_0")
        + logging(11, "svc")
    )
    rig.run(500)
    assert log(rig) == [0, end(0), 11, end(11)]


def test_one_that_waits_at_a_return_runs_before_the_thread_goes_on(rig: Rig) -> None:
    rig.boot(
        f"reset: {ENABLE_IRQS}{priorities(0x40, 0x40)}; movs r4, #0; {pend(0)} adds r4, #1; adds r4, #1; b stuck\n"
        f"irq_0:\n push {{r7, lr}}\n {pend(1)}\n pop {{r7, pc}}\n"
        "irq_1:\n ldr r3, =0x20000000\n str r4, [r3]\n movs r2, #1\n str r2, [r3, #4]\n bx lr"
    )
    rig.run(300)
    assert rig.words(2) == [0, 1]
