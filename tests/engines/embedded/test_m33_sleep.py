"""WFI, WFE, SEV, SEVONPEND and SLEEPONEXIT: what wakes a core, when, and what does not."""

from __future__ import annotations

import pytest
from rig import ENABLE_IRQS, Rig, nanoseconds

# R5 counts what runs after the sleep; the handler counts in RAM.
HANDLER = "irq_3: ldr r7, =0x20000000; ldr r6, [r7]; adds r6, #1; str r6, [r7]; bx lr\n"


def awake(rig: Rig) -> int:
    return rig.machine.core("app").registers["R5"]


def boot(rig: Rig, before: str, instruction: str, after: str = "") -> None:
    rig.boot(
        f"reset: {ENABLE_IRQS} movs r5, #0; {before}\n"
        f" again: {instruction}; adds r5, #1; {after}\n b again\n{HANDLER}"
    )
    rig.run(1000)


@pytest.mark.parametrize("instruction", ["wfi", "wfi.w", "wfe", "wfe.w"])
def test_an_interrupt_wakes_and_is_taken_before_the_next_instruction(rig: Rig, instruction: str) -> None:
    boot(rig, "", instruction)
    assert awake(rig) == 0
    rig.pend(3)
    rig.run(50)
    assert rig.word() == 1
    # Exception entry and return set the event register: the next WFE goes on at once, the one after it sleeps.
    assert awake(rig) == (2 if "wfe" in instruction else 1)


def test_a_sleeping_core_executes_nothing(rig: Rig) -> None:
    boot(rig, "", "wfi")
    before = rig.machine.core("app").instructions
    rig.machine.run_for(10_000_000_000)
    assert rig.machine.core("app").instructions == before


@pytest.mark.parametrize("tick", [1_001, 1_002, 1_999, 54_321])
def test_it_wakes_at_the_exact_tick(rig: Rig, tick: int) -> None:
    boot(rig, "", "wfi")
    rig.at(tick, lambda: rig.pend(3))
    rig.machine.run_until(lambda: rig.word() == 1, timeout_ns=1_000_000_000)
    # at() counts from 1000; six instructions from the wake-up to the end of the store, the slice ends in WFI
    rig.machine.run_until(lambda: awake(rig) == 1, timeout_ns=1_000_000)
    assert rig.machine.core("app").progress[1] == 1000 + tick + 5 + 3


def test_wfi_wakes_under_primask_without_taking_the_interrupt(rig: Rig) -> None:
    boot(rig, "cpsid i", "wfi", "wait: cmp r5, #1; beq wait")
    rig.pend(3)
    rig.run(100)
    assert (awake(rig), rig.word()) == (1, 0)


@pytest.mark.parametrize(
    "mask",
    [
        "movs r0, #0x20; msr basepri, r0; ldr r0, =0xE000E400; movs r1, #0x20; strb r1, [r0, #3]",
        "cpsid f",
        "ldr r0, =0xE000E180; movs r1, #8; str r1, [r0]",
    ],
    ids=["basepri", "faultmask", "disabled"],
)
@pytest.mark.parametrize("instruction", ["wfi", "wfe"])
def test_what_could_not_be_taken_wakes_nobody(rig: Rig, mask: str, instruction: str) -> None:
    boot(rig, mask, instruction)
    rig.pend(3)
    rig.run(1000)
    assert (awake(rig), rig.word()) == (0, 0)


def test_primask_keeps_wfe_asleep(rig: Rig) -> None:
    boot(rig, "cpsid i", "wfe")
    rig.pend(3)
    rig.run(1000)
    assert awake(rig) == 0


SEVONPEND = "ldr r0, =0xE000ED10; movs r1, #0x10; str r1, [r0]"


@pytest.mark.parametrize("also", ["cpsid i", "ldr r0, =0xE000E180; movs r1, #8; str r1, [r0]"])
def test_with_sevonpend_whatever_begins_to_pend_wakes_wfe(rig: Rig, also: str) -> None:
    boot(rig, f"{SEVONPEND}; {also}", "wfe")
    assert awake(rig) == 0
    rig.pend(3)
    rig.run(1000)
    assert (awake(rig), rig.word()) == (1, 0)
    rig.pend(3)
    rig.run(1000)
    assert awake(rig) == 1, "it pended already"


def test_with_sevonpend_what_pended_before_wfe_keeps_it_from_sleeping(rig: Rig) -> None:
    pend = "ldr r0, =0xE000E200; movs r1, #8; str r1, [r0]"
    boot(rig, f"{SEVONPEND}; cpsid i; {pend}", "wfe", "wait: cmp r5, #1; beq wait")
    assert awake(rig) == 1


def test_sevonpend_does_not_wake_wfi(rig: Rig) -> None:
    boot(rig, f"{SEVONPEND}; ldr r0, =0xE000E180; movs r1, #8; str r1, [r0]", "wfi")
    rig.pend(3)
    rig.run(1000)
    assert awake(rig) == 0


@pytest.mark.parametrize("sev", ["sev", "sev.w"])
def test_an_event_is_kept_until_one_wfe_has_used_it_up(rig: Rig, sev: str) -> None:
    """SEV makes one WFE go on, however often it was executed; the first WFE of all may do so in any case."""
    rig.boot(
        f"reset: movs r5, #0; {sev}; wfe; adds r5, #1; {sev}; {sev}; wfe; adds r5, #1; wfe; adds r5, #1; b stuck"
    )
    rig.run(2000)
    assert awake(rig) == 2


def test_a_reset_clears_the_event_register(rig: Rig) -> None:
    core = rig.boot(
        "reset: movs r5, #0; ldr r0, =0x20000000; ldr r1, [r0]; cmp r1, #0; bne wait; svc #1; b stuck\n"
        " wait: wfe; adds r5, #1; b stuck\nsvc: bx lr"
    )
    rig.run(100)
    core.bus.write32(0x2000_0000, 1)
    core.reset()
    rig.run(1000)
    assert awake(rig) == 0


def test_the_idiom_that_clears_the_event_before_it_waits(rig: Rig) -> None:
    boot(rig, "", "sev; wfe; wfe")
    assert awake(rig) == 0
    for count in range(1, 4):
        rig.pend(3)
        rig.run(1000)
        assert (awake(rig), rig.word()) == (count, count)


def test_sleeponexit_sleeps_when_the_last_handler_returns(rig: Rig) -> None:
    boot(rig, "ldr r0, =0xE000ED10; movs r1, #2; str r1, [r0]", "wfi")
    for count in range(1, 4):
        rig.pend(3)
        rig.run(1000)
        assert (awake(rig), rig.word()) == (0, count)


def test_yield_goes_on(rig: Rig) -> None:
    boot(rig, "", "yield; yield.w")
    assert awake(rig) > 50


def test_two_cores_sleep_and_time_passes_at_once(rig: Rig) -> None:
    for core in ("app", "net"):
        rig.boot("reset: wfi; b reset", core=core)
    rig.machine.run_for(3600 * 1_000_000_000)
    assert rig.machine.now_ns == 3600 * 1_000_000_000
    assert rig.machine.core("app").instructions <= 2
    assert nanoseconds(128) == 1000
