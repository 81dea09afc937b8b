"""SysTick: periods exact to the cycle, what its registers read, and how it stops and goes on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from rig import Rig

CSR, RVR, CVR = 0xE000_E010, 0xE000_E014, 0xE000_E018


def straight(count: int) -> str:
    return " nop\n" * count


def start(reload: int, csr: int = 7) -> str:
    """R0 = SysTick; the counter starts with the last instruction."""
    return f"ldr r0, ={CSR}; ldr r1, ={reload}; str r1, [r0, #4]; str r1, [r0, #8]; movs r1, #{csr}; str r1, [r0]\n"


COUNTING = "sys_tick: ldr r2, =0x20000000; ldr r3, [r2]; adds r3, #1; str r3, [r2]; bx lr\n"
COUNTING_NET = COUNTING.replace("0x20000000", "0x21000000")


@pytest.mark.parametrize("core", ["app", "net"])
@pytest.mark.parametrize("reload", [99, 640, 63_999])
def test_one_interrupt_every_reload_plus_one_cycles(rig: Rig, core: str, reload: int) -> None:
    """Cycles are those of the core; each tick is seen at its exact time by a core that sleeps."""
    rig.boot(
        f"reset: {start(reload)} sleep: wfi; b sleep\n" + (COUNTING if core == "app" else COUNTING_NET),
        core=core,
    )
    hz = {"app": 128_000_000, "net": 64_000_000}[core]
    times = []
    for ticks in range(1, 11):
        rig.machine.run_until(lambda ticks=ticks: rig.word(core=core) == ticks, timeout_ns=2_000_000_000)
        times.append(rig.machine.core(core).progress[1])
    # progress is in ticks of 1/128 MHz; the handler takes the same number of instructions each time
    period = (reload + 1) * 128_000_000 // hz
    assert [later - earlier for earlier, later in pairwise(times)] == [period] * 9


@settings(deadline=None, max_examples=examples(30))
@given(reload=st.integers(1, 200), wait=st.integers(0, 300))
def test_cvr_counts_instructions_down_and_starts_again(reload: int, wait: int) -> None:
    with Rig() as rig:
        core = rig.boot(f"reset: {start(reload, csr=5)} {straight(wait)} ldr r2, [r0, #8]; b stuck")
        rig.run(1000)
        passed = wait + 1  # instructions from the start to the end of the load
        assert core.registers["R2"] == (reload + 1 - passed) % (reload + 1)


@pytest.mark.parametrize("wait", range(6))
def test_the_interrupt_comes_between_the_very_instructions_of_its_cycle(rig: Rig, wait: int) -> None:
    reload = 9 + wait
    core = rig.boot(
        f"reset: movs r4, #0; {start(reload)}" + "adds r4, #1\n" * 40 + " b stuck\n"
        "sys_tick: ldr r2, =0x20000000; str r4, [r2]; movs r1, #0; str r1, [r0]; bx lr"
    )
    rig.run(200)
    assert rig.word() == reload + 1
    assert core.registers["R4"] == 40


def test_countflag_is_set_once_a_period_and_cleared_by_reading_it(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {start(19, csr=5)} {straight(19)} ldr r2, [r0]; ldr r3, [r0]; ldr r4, [r0]; b stuck"
    )
    rig.run(500)
    registers = core.registers
    assert [registers[name] >> 16 & 1 for name in ("R2", "R3", "R4")] == [0, 1, 0]


def test_countflag_outlives_a_write_of_csr_and_ends_with_one_of_cvr(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {start(19, csr=5)} {straight(30)} movs r1, #5; str r1, [r0]; ldr r2, [r0]\n"
        f" {straight(20)} str r1, [r0, #8]; ldr r3, [r0]; b stuck"
    )
    rig.run(500)
    assert core.registers["R2"] >> 16 & 1 == 1
    assert core.registers["R3"] >> 16 & 1 == 0


def test_a_stopped_counter_keeps_its_value_and_goes_on_from_it(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {start(99, csr=5)} {straight(10)} movs r1, #0; str r1, [r0]; ldr r2, [r0, #8]; {straight(50)}\n"
        " ldr r3, [r0, #8]; movs r1, #5; str r1, [r0]; nop; nop; ldr r4, [r0, #8]; b stuck"
    )
    rig.run(500)
    registers = core.registers
    assert registers["R2"] == registers["R3"] == 100 - 12
    assert registers["R4"] == registers["R3"] - 3


def test_any_write_clears_the_counter_and_it_reloads(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {start(99, csr=5)} {straight(10)} str r0, [r0, #8]; nop; ldr r2, [r0, #8]; b stuck"
    )
    rig.run(500)
    assert core.registers["R2"] == 100 - 2


def test_a_new_reload_value_counts_from_the_next_period_on(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {start(19, csr=5)} movs r1, #49; str r1, [r0, #4]; ldr r2, [r0, #8]\n"
        f" {straight(18)} ldr r3, [r0, #8]; b stuck"
    )
    rig.run(500)
    assert core.registers["R2"] == 20 - 3
    assert core.registers["R3"] == 20 + 50 - 22


def test_reload_zero_stops_the_counter_until_there_is_another_value(rig: Rig) -> None:
    rig.boot(f"reset: {start(19)} movs r1, #0; str r1, [r0, #4]; sleep: wfi; b sleep\n{COUNTING}")
    rig.run(2000)
    assert rig.word() == 1, "the period that ran came to its end"
    rig.machine.core("app").bus.write32(RVR, 19)
    rig.run(200)
    assert rig.word() in (10, 11)


def test_the_counter_of_a_sleeping_core_reads_zero_at_the_end_of_its_period(rig: Rig) -> None:
    core = rig.boot(f"reset: {start(99, csr=5)} sleep: wfi; b sleep")
    seen: list[int] = []
    for instruction in (105, 106, 107, 205, 206, 207):
        rig.at(instruction, lambda: seen.append(core.bus.read32(CVR)))
    rig.run(1000)
    assert seen == [1, 0, 99, 1, 0, 99]


def test_without_tickint_it_counts_in_silence(rig: Rig) -> None:
    core = rig.boot(f"reset: {start(19, csr=5)} b stuck\n{COUNTING}")
    rig.run(2000)
    assert rig.word() == 0
    assert core.bus.read32(CSR) >> 16 & 1 == 1
    assert core.bus.read32(CSR) >> 16 & 1 == 0


def test_a_pending_tick_can_be_made_and_taken_back(rig: Rig) -> None:
    rig.boot(
        "reset: cpsid i; ldr r0, =0xE000ED04; ldr r1, =0x04000000; str r1, [r0]; ldr r4, [r0]\n"
        " ldr r1, =0x02000000; str r1, [r0]; ldr r5, [r0]; cpsie i; nop\n"
        f" ldr r1, =0x04000000; str r1, [r0]; b stuck\n{COUNTING}"
    )
    rig.run(200)
    registers = rig.machine.core("app").registers
    assert registers["R4"] >> 26 & 1 == 1
    assert registers["R4"] >> 12 & 0x1FF == 15, "VECTPENDING"
    assert registers["R5"] >> 26 & 1 == 0
    assert rig.word() == 1


def test_a_reset_stops_it(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r2, =0x20000010; ldr r3, [r2]; adds r3, #1; str r3, [r2]; cmp r3, #1; bne stuck\n"
        f" {start(19)} b stuck\n{COUNTING}"
    )
    rig.run(200)
    core.reset()
    ticks = rig.word()
    assert ticks > 3
    rig.run(2000)
    assert rig.word() == ticks
    assert [core.bus.read32(register) for register in (CSR, RVR, CVR)] == [0, 0, 0]
