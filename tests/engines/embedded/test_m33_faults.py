"""What firmware must not do: which fault it gets, what the fault registers say, and when the core locks up."""

from __future__ import annotations

import re
from typing import Final

import pytest
from rig import ENABLE_IRQS, Rig
from thumb import firmware

from icmsg.link.verdict import fault_words
from icmsg.machine.events import Event, EventKind

# A handler that stores its number, CFSR, HFSR, LR, SP and the stacked PC, and stays.
REPORT: Final = """
 ldr r7, =0x20000000
 mrs r0, ipsr
 str r0, [r7]
 ldr r1, =0xE000ED28
 ldr r0, [r1]
 str r0, [r7, #4]
 ldr r0, [r1, #4]
 str r0, [r7, #8]
 str lr, [r7, #12]
 str sp, [r7, #16]
 ldr r0, [sp, #24]
 str r0, [r7, #20]
"""
HARD_FAULT: Final = f"hard_fault: {REPORT}\nhard_wait: b hard_wait\n"
HARD_FAULT_ELSEWHERE: Final = HARD_FAULT.replace(
    "hard_fault:", "hard_fault: ldr r7, =0x20010000; msr msp, r7\n", 1
)
"""The same with a stack of its own."""
UNDEFINED, INVSTATE, INVPC, NOCP, STKOF = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20
IACCVIOL = 1 << 0
IBUSERR, PRECISERR, IMPRECISERR, UNSTKERR, STKERR = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
BFARVALID, BFHFNMIGN = 1 << 15, 1 << 8
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31

FAULTS: Final = {
    "UDF": ("here: udf #1", UNDEFINED, FORCED),
    "UDF.W": ("here: udf.w #1", UNDEFINED, FORCED),
    "UDF behind WFE": ("sev; wfe; here: udf #1", UNDEFINED, FORCED),
    "UDF behind YIELD": ("yield; here: udf #1", UNDEFINED, FORCED),
    "coprocessor": ("here: mcr p7, #0, r0, c1, c2, #0", NOCP, FORCED),
    "BKPT": ("here: bkpt #1", 0, DEBUGEVT),
}
JUMPS: Final = {
    "no Thumb bit": (0x200, 0x200, INVSTATE),
    "a null pointer": (0, 0, INVSTATE),
    "nowhere": (0x6000_0001, 0x6000_0000, IBUSERR),
    "a peripheral": (0x5002_A001, 0x5002_A000, IACCVIOL),
    "the flash of the other core's end": (0x0104_0001, 0x0104_0000, IBUSERR),
    "EXC_RETURN in thread mode": (0xFFFF_FFF9, 0xFFFF_FFF8, IACCVIOL),
    "FNC_RETURN": (0xFEFF_FFFF, 0xFEFF_FFFE, IACCVIOL),
    "the SCS": (0xE000_E001, 0xE000_E000, IACCVIOL),
}


def report(rig: Rig) -> dict[str, int]:
    return dict(zip(("ipsr", "cfsr", "hfsr", "lr", "sp", "pc"), rig.words(6), strict=True))


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_becomes_a_hardfault_that_names_its_cause_and_place(rig: Rig, what: str) -> None:
    source, cfsr, hfsr = FAULTS[what]
    core = rig.boot(f"reset: movs r0, #1; {source}; nop; b stuck\n{HARD_FAULT}")
    rig.run(300)
    assert core.image is not None
    assert report(rig) == {
        "ipsr": 3,
        "cfsr": cfsr,
        "hfsr": hfsr,
        "lr": 0xFFFF_FFF9,
        "sp": 0x2001_0000 - 32,
        "pc": core.image.symbol("here"),
    }


@pytest.mark.parametrize("what", JUMPS)
def test_a_jump_to_where_no_code_is_faults_at_its_target(rig: Rig, what: str) -> None:
    target, pc, cfsr = JUMPS[what]
    for instruction in ("bx r0", "blx r0", "push {r0}; pop {pc}"):
        rig.boot(f"reset: ldr r0, ={target}; {instruction}; b stuck\n{HARD_FAULT}")
        rig.run(300)
        assert report(rig)["ipsr"] == 3
        assert (report(rig)["cfsr"], report(rig)["pc"]) == (cfsr, pc), instruction


@pytest.mark.parametrize(
    ("source", "exception", "cfsr"),
    [
        ("here: udf #1", 6, UNDEFINED),
        ("here: mcr p7, #0, r0, c1, c2, #0", 6, NOCP),
        ("ldr r0, =0x60000001; bx r0", 5, IBUSERR),
        ("ldr r0, =0x50000001; bx r0", 4, IACCVIOL),
        ("ldr r0, =0xE0001001; bx r0", 4, IACCVIOL),
    ],
)
def test_a_fault_that_is_enabled_is_taken_itself(rig: Rig, source: str, exception: int, cfsr: int) -> None:
    rig.boot(
        f"reset: ldr r0, =0xE000ED24; ldr r1, =0x70000; str r1, [r0]; {source}; b stuck\n"
        f"mem_manage:\nbus_fault:\nusage_fault: {REPORT} b stuck\n{HARD_FAULT}"
    )
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (exception, cfsr, 0)


@pytest.mark.parametrize("mask", ["cpsid i", "movs r0, #0x20; msr basepri, r0"])
def test_an_enabled_fault_that_is_masked_escalates(rig: Rig, mask: str) -> None:
    rig.boot(
        "reset: ldr r0, =0xE000ED24; ldr r1, =0x70000; str r1, [r0]; ldr r0, =0xE000ED18; ldr r1, =0x00400000\n"
        f" str r1, [r0]; {mask}; udf #1; b stuck\nusage_fault: b usage_fault\n{HARD_FAULT}"
    )
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, UNDEFINED, FORCED)


@pytest.mark.parametrize("mask", ["cpsid i", "movs r0, #0x40; msr basepri, r0"])
def test_a_masked_svc_escalates_without_a_fault_bit(rig: Rig, mask: str) -> None:
    core = rig.boot(
        "reset: ldr r0, =0xE000ED1C; ldr r1, =0x40000000; str r1, [r0]\n"
        f" {mask}; svc #1; after: b stuck\nsvc: b svc\n{HARD_FAULT}"
    )
    rig.run(300)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, 0, FORCED)
    assert report(rig)["pc"] == core.image.symbol("after")


def test_a_handler_can_step_over_the_fault_and_return(rig: Rig) -> None:
    core = rig.boot(
        "reset: movs r4, #1; udf #1; adds r4, #1; udf #2; adds r4, #1; b stuck\n"
        "hard_fault: ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr"
    )
    rig.run(100)
    assert core.registers["R4"] == 3
    faults = [warning for warning in rig.machine.warnings if warning.what.startswith("exception 3")]
    assert [warning.place for warning in faults] == ["reset+0x2", "reset+0x6"]


def test_fault_bits_stay_until_a_one_is_written(rig: Rig) -> None:
    core = rig.boot(f"reset: udf #1\n{HARD_FAULT}")
    rig.run(100)
    core.bus.write32(0xE000_ED28, UNDEFINED)
    core.bus.write32(0xE000_ED2C, FORCED)
    assert (core.bus.read32(0xE000_ED28), core.bus.read32(0xE000_ED2C)) == (0, 0)


def test_every_fault_is_an_event(rig: Rig) -> None:
    seen: list[Event] = []
    rig.machine.events.add_sink(seen.append)
    core = rig.boot(
        "reset: nop; here: udf #1; b here\n"
        "hard_fault: ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr"
    )
    rig.run(100)
    assert core.image is not None
    faults = [event for event in seen if event.kind == EventKind.FAULT]
    assert len(faults) > 5
    assert {(event.a, event.b, event.core) for event in faults} == {
        (3, core.image.symbol("here"), core.index)
    }


# Lock-up


@pytest.mark.parametrize("handler", ["udf #2", "svc #1", "bkpt #1", "ldr r0, =0x60000001; bx r0"])
def test_a_fault_in_hardfault_locks_up_and_names_pc_and_symbol(rig: Rig, handler: str) -> None:
    core = rig.boot(f"reset: udf #1; b stuck\nhard_fault: nop; {handler}; b hard_fault")
    rig.run(100)
    assert core.is_locked_up
    assert re.match(
        r"core app is locked up at PC 0x[0-9A-F]{8}: .*, where no fault handler can run \((hard_fault|0x60000000)",
        core.lock_up,
    )
    assert core.image is not None
    fault = rig.machine.faults[-1]
    assert (fault.core, fault.exception) == ("app", 3)
    assert fault.pc - core.image.symbol("hard_fault") in (2, 4) or fault.pc == 0x6000_0000
    assert rig.machine.warnings[-1].what.endswith("where no fault handler can run")


@pytest.mark.parametrize("where", ["nmi", "faultmask"])
def test_a_fault_at_negative_priority_locks_up(rig: Rig, where: str) -> None:
    enter = {
        "nmi": "ldr r0, =0xE000ED04; ldr r1, =0x80000000; str r1, [r0]; isb",
        "faultmask": "cpsid f; udf #1",
    }
    core = rig.boot(f"reset: {enter[where]}; b stuck\nnmi: udf #1\nhard_fault: b hard_fault")
    rig.run(100)
    assert core.is_locked_up


def test_a_vector_without_the_thumb_bit_is_invstate(rig: Rig) -> None:
    core = rig.machine.core("app")
    image = core.load(firmware(f"reset: {ENABLE_IRQS} here: b here\nirq_3: b irq_3\n{HARD_FAULT}"))
    core.bus.write32(4 * (16 + 3), image.symbol("irq_3"))
    core.start()
    rig.run(50)
    rig.pend(3)
    rig.run(200)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["pc"]) == (
        3,
        INVSTATE,
        image.symbol("irq_3"),
    )


def test_a_vector_table_that_is_nowhere_locks_up(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0xE000ED08; ldr r1, =0x60000000; str r1, [r0]; svc #1; b stuck\n{HARD_FAULT}"
    )
    rig.run(200)
    assert "a vector that is not in memory" in core.lock_up


LOCKS_UP_ONCE: Final = (
    "reset: ldr r4, =0x20000000; ldr r5, [r4]; cmp r5, #0; bne stuck; {0}; udf #1\nhard_fault: udf #2"
)


@pytest.mark.parametrize("how", ["start", "reset", "hold"])
def test_a_reset_ends_the_lockup(rig: Rig, how: str) -> None:
    core = rig.boot(LOCKS_UP_ONCE.format("nop"))
    rig.run(100)
    assert core.is_locked_up
    core.bus.write32(0x2000_0000, 1)
    if how == "hold":
        core.hold()
        rig.run(100)
        assert core.registers["R5"] == 0
        core.release_reset()
    else:
        getattr(core, how)()
    assert not core.is_locked_up
    assert core.lock_up == ""
    rig.run(100)
    assert core.registers["R5"] == 1
    assert core.bus.read32(0xE000_ED28) == 0


def test_the_watchdog_resets_a_core_that_is_locked_up(rig: Rig) -> None:
    watchdog = (
        "ldr r0, =0x4100B504; movs r1, #40; str r1, [r0]; ldr r0, =0x4100B000; movs r1, #1; str r1, [r0]"
    )
    core = rig.boot(LOCKS_UP_ONCE.format(watchdog).replace("0x20000000", "0x21000000"), core="net")
    rig.run(1000)
    assert core.is_locked_up
    core.bus.write32(0x2100_0000, 1)
    rig.run(400_000)
    assert not core.is_locked_up
    assert core.registers["R5"] == 1


def test_a_core_that_is_locked_up_stops_alone(rig: Rig) -> None:
    """Time passes, the other core counts on, and interrupts of the one that stands stay pending."""
    count = "reset: ldr r0, =0x21000000; loop: ldr r1, [r0]; adds r1, #1; str r1, [r0]; b loop"
    other = rig.boot(count, core="net")
    core = rig.boot(f"reset: {ENABLE_IRQS} udf #1\nhard_fault: udf #2\nirq_3: b irq_3")
    rig.run(1000)
    assert core.is_locked_up
    stands, counted, now = core.registers, rig.word(core="net"), rig.machine.now_ns
    rig.pend(3)
    rig.run(10_000)
    assert rig.machine.now_ns > now
    assert rig.word(core="net") > counted + 500
    assert core.registers == stands
    assert not core.is_asleep
    assert not core.is_halted
    assert not other.is_locked_up
    assert [fault.core for fault in rig.machine.faults] == ["app", "app"]


def test_a_verdict_names_the_core_that_is_locked_up(rig: Rig) -> None:
    core = rig.boot("reset: udf #1\nhard_fault: udf #2")
    rig.run(100)
    words = list(fault_words(rig.machine, rig.machine.faults))
    assert words[-1] == core.lock_up
    assert [word.partition(" at ")[0] for word in words] == [
        "core app: exception 3: an instruction that this core does not have",
        "core app: exception 3: an instruction that this core does not have, where no fault handler can run",
        "core app is locked up",
    ]


def test_halt_and_resume_do_not_end_a_lockup(rig: Rig) -> None:
    core = rig.boot("reset: udf #1\nhard_fault: udf #2")
    rig.run(100)
    core.halt()
    core.resume()
    executed = core.instructions
    rig.run(100)
    assert core.is_locked_up
    assert core.instructions == executed


# Stacks


@pytest.mark.parametrize("stack", ["msp", "psp"])
def test_an_overflow_of_a_limited_stack_is_stkof(rig: Rig, stack: str) -> None:
    select = "msr psp, r0; movs r0, #2; msr control, r0; isb" if stack == "psp" else "msr msp, r0"
    core = rig.boot(
        f"reset: ldr r0, =0x20003000; msr {stack}lim, r0; ldr r0, =0x20003010; {select}\n"
        f" push {{r0-r3}}; here: push {{r0}}; b stuck\n"
        f"usage_fault:\nhard_fault: {REPORT} b stuck"
    )
    rig.run(300)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"] & STKOF) == (3, STKOF)
    assert core.registers[stack.upper()] == 0x2000_3000, "nothing was pushed below the limit"
    place = next(warning for warning in rig.machine.warnings if "beyond its limit" in warning.what)
    assert place.pc == core.image.symbol("here")
    assert report(rig)["lr"] == (0xFFFF_FFFD if stack == "psp" else 0xFFFF_FFF9)


@pytest.mark.parametrize("room", [0, 24, 28, 32, 40])
@pytest.mark.parametrize("control", [2, 3], ids=["privileged", "unprivileged"])
def test_an_exception_frame_is_not_pushed_beyond_the_limit(rig: Rig, room: int, control: int) -> None:
    """The thread is fine until the interrupt comes; then it depends on whether 32 bytes are left."""
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0x20003000; msr psplim, r0; ldr r0, ={0x2000_3000 + room}; msr psp, r0\n"
        f" movs r0, #{control}; msr control, r0; isb; movs r0, #7; movs r1, #8; here: b here\n"
        f"irq_3: ldr r7, =0x20000000; movs r0, #99; str r0, [r7]; bx lr\n{HARD_FAULT}"
    )
    rig.at(100, lambda: rig.pend(3))
    rig.run(400)
    if room >= 32:
        assert rig.word() == 99
        assert [core.registers[name] for name in ("R0", "R1", "SP")] == [7, 8, 0x2000_3000 + room]
    else:
        assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, STKOF, FORCED)
        assert report(rig)["lr"] == 0xFFFF_FFFD
        assert core.registers["PSP"] == 0x2000_3000
        assert core.bus.read_block(0x2000_2FE0, 32) == bytes(32)


def test_the_limit_is_that_of_the_last_context_switch(rig: Rig) -> None:
    """PSPLIM is lowered again before the interrupt: the frame fits."""
    rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0x20003000; msr psplim, r0; msr psp, r0; movs r1, #2; msr control, r1; isb\n"
        " ldr r0, =0x20002000; msr psplim, r0; here: b here\n"
        f"irq_3: ldr r7, =0x20000000; movs r0, #99; str r0, [r7]; bx lr\n{HARD_FAULT}"
    )
    rig.at(100, lambda: rig.pend(3))
    rig.run(400)
    assert rig.word() == 99


def test_limits_do_not_outlive_a_reset(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r4, =0x20000000; ldr r5, [r4]; adds r5, #1; str r5, [r4]; push {r0}; ldr r0, =0x20010000\n"
        " msr msplim, r0; msr psplim, r0; movs r0, #3; msr control, r0; isb; b stuck"
    )
    for count in range(1, 4):
        rig.run(200)
        assert rig.word() == count
        assert core.registers["CONTROL"] & 3 == 3
        core.reset()
        assert core.registers["CONTROL"] & 3 == 0
    assert not rig.machine.warnings


def test_a_stack_outside_memory_reaches_hardfault_with_stkerr(rig: Rig) -> None:
    core = rig.boot(
        f"reset: ldr r0, =0x1FFFFFF0; msr msp, r0; svc #1; b stuck\nsvc: b svc\n{HARD_FAULT_ELSEWHERE}"
    )
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, STKERR, FORCED)
    assert core.image is not None
    assert core.registers["PC"] == core.image.symbol("hard_wait")


def test_a_recursion_that_runs_out_of_ram_reaches_hardfault(rig: Rig) -> None:
    """A push below RAM is a bus fault, whose frame finds no stack either."""
    rig.boot(
        "reset: movs r0, #200; bl deep; b stuck\n"
        f"deep: push {{r1, lr}}; subs r0, #1; beq back; bl deep\nback: pop {{r1, pc}}\n{HARD_FAULT_ELSEWHERE}",
        stack=0x2000_0400,
    )
    rig.run(3000)
    assert report(rig)["ipsr"] == 3
    assert report(rig)["cfsr"] == IMPRECISERR | STKERR
    assert any(
        "a store to where the SoC has nothing (0x1FFFFFF" in warning.what and warning.place.startswith("deep")
        for warning in rig.machine.warnings
    )


def test_an_unstacking_error_is_chained_to_hardfault(rig: Rig) -> None:
    rig.boot(
        f"reset: ldr r0, =0x20004000; msr psp, r0; movs r0, #2; msr control, r0; isb; svc #1; b stuck\n"
        f"svc: ldr r0, =0x60000000; msr psp, r0; bx lr\n{HARD_FAULT}"
    )
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, UNSTKERR, FORCED)
    assert report(rig)["lr"] == 0xFFFF_FFFD, "the return that failed"
    assert report(rig)["sp"] == 0x2001_0000, "nothing more was pushed"


def test_an_interrupt_more_urgent_than_the_fault_of_its_entry_runs_first(rig: Rig) -> None:
    """The stack of the thread is gone when the interrupt comes; its handler gives the thread another one."""
    note = "ldr r7, =0x20000100; ldr r0, [r7]; adds r0, #4; str r0, [r7]; mrs r1, ipsr; str r1, [r7, r0]"
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0xE000ED24; ldr r1, =0x20000; str r1, [r0]; ldr r0, =0xE000ED18\n"
        " ldr r1, =0x00008000; str r1, [r0]; ldr r0, =0x60000000; msr psp, r0; movs r0, #2; msr control, r0; isb\n"
        f" here: b here\nirq_3: {note}; ldr r0, =0x20004000; msr psp, r0; bx lr\n"
        f"bus_fault: {note}; wait: b wait\n{HARD_FAULT}"
    )
    assert core.image is not None
    core.bus.write32(0x2000_4000 + 24, core.image.symbol("here"))
    core.bus.write32(0x2000_4000 + 28, 0x0100_0000)
    rig.at(100, lambda: rig.pend(3))
    rig.run(500)
    assert rig.words(3, 0x100) == [8, 16 + 3, 5]
    assert core.bus.read32(0xE000_ED28) == STKERR


def test_a_vector_beyond_memory_is_a_hardfault_with_its_frame(rig: Rig) -> None:
    table = 0x2008_0000 - 0x80
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, ={table}; ldr r1, =hard_fault + 1; str r1, [r0, #12]; ldr r2, =0xE000ED08\n"
        f" str r0, [r2]; dsb sy; here: b here\n{HARD_FAULT}"
    )
    rig.at(100, lambda: rig.pend(20))
    rig.run(300)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["hfsr"]) == (3, VECTTBL)
    assert report(rig)["pc"] == core.image.symbol("here")


@pytest.mark.parametrize("fault", ["udf #1; nop", "mcr p7, #0, r0, c1, c2, #0"])
def test_a_wfe_behind_a_fault_is_a_wfe(rig: Rig, fault: str) -> None:
    core = rig.boot(
        f"reset: {fault}; sev; wfe; movs r4, #1; b stuck\n"
        "hard_fault: ldr r0, [sp, #24]; adds r0, #4; str r0, [sp, #24]; bx lr"
    )
    rig.run(200)
    assert core.registers["R4"] == 1
    assert len(rig.machine.warnings) == 1


def test_a_branch_without_the_thumb_bit_faults_whatever_the_slices() -> None:
    with Rig(quantum_ns=1) as rig:
        rig.boot(f"reset: ldr r0, =0x200; bx r0; b stuck\n{HARD_FAULT}")
        rig.run(300)
        assert (report(rig)["cfsr"], report(rig)["pc"]) == (INVSTATE, 0x200)


def test_a_function_return_to_the_other_state_is_a_fault_in_a_handler_too(rig: Rig) -> None:
    rig.boot(f"reset: svc #1; b stuck\nsvc: ldr r0, =0xFEFFFFFF; bx r0\n{HARD_FAULT}")
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["pc"]) == (3, IACCVIOL, 0xFEFF_FFFE)
    assert report(rig)["lr"] == 0xFFFF_FFF1


def test_a_frame_of_the_other_mode_is_invpc(rig: Rig) -> None:
    rig.boot(
        f"reset: svc #1; b stuck\nsvc: ldr r0, [sp, #28]; orr r0, #3; str r0, [sp, #28]; bx lr\n{HARD_FAULT}"
    )
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"]) == (3, INVPC)


def test_a_frame_without_the_thumb_bit_is_invstate_after_the_return(rig: Rig) -> None:
    core = rig.boot(
        "reset: svc #1; after: b stuck\n"
        f"svc: ldr r0, [sp, #28]; bic r0, #0x01000000; str r0, [sp, #28]; bx lr\n{HARD_FAULT}"
    )
    rig.run(300)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["pc"]) == (
        3,
        INVSTATE,
        core.image.symbol("after"),
    )


# Where the SoC has nothing

NOTHING: Final = {
    "a gap": 0x6000_0000,
    "the other core's RAM": 0x2100_0000,
    "the other core's mailbox": 0x4101_2000,
}
BUS_FAULT: Final = f"bus_fault: {REPORT} ldr r0, [r1, #16]; str r0, [r7, #24]\nbus_wait: b bus_wait\n"
"""Reports BFAR, too."""
ENABLE_BUS_FAULT: Final = "ldr r0, =0xE000ED24; ldr r1, =0x20000; str r1, [r0]\n"


@pytest.mark.parametrize("what", NOTHING)
@pytest.mark.parametrize(
    "load", ["ldr r1, [r2]", "ldrh r1, [r2]", "ldrb r1, [r2]", "ldm r2, {r1, r3}", "ldrex r1, [r2]"]
)
def test_a_load_from_nowhere_is_a_precise_bus_fault(rig: Rig, what: str, load: str) -> None:
    core = rig.boot(
        f"reset: {ENABLE_BUS_FAULT} ldr r2, ={NOTHING[what]}; movs r1, #5; here: {load}; b stuck\n{BUS_FAULT}"
    )
    rig.run(300)
    assert core.image is not None
    found = report(rig)
    assert (found["ipsr"], found["cfsr"], found["hfsr"]) == (5, PRECISERR | BFARVALID, 0)
    assert (found["pc"], rig.word(24)) == (core.image.symbol("here"), NOTHING[what])
    (warning,) = rig.machine.warnings
    assert (warning.pc, warning.place) == (core.image.symbol("here"), "here")
    assert f"exception 5: a load from where the SoC has nothing (0x{NOTHING[what]:08X})" in warning.what


def test_a_load_that_faults_changes_no_register(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r2, =0x60000000; movs r1, #5; ldr r1, [r2, #4]!; b stuck\nhard_fault: b hard_fault\n"
    )
    rig.run(300)
    assert (core.registers["R1"], core.registers["R2"]) == (5, 0x6000_0000)


@pytest.mark.parametrize("what", NOTHING)
@pytest.mark.parametrize("store", ["str r1, [r2]", "strh r1, [r2]", "strb r1, [r2]", "stm r2, {r1, r3}"])
def test_a_store_to_nowhere_is_an_imprecise_bus_fault_behind_it(rig: Rig, what: str, store: str) -> None:
    core = rig.boot(
        f"reset: {ENABLE_BUS_FAULT} ldr r2, ={NOTHING[what]}; here: {store}; after: b stuck\n{BUS_FAULT}"
    )
    rig.run(300)
    assert core.image is not None
    found = report(rig)
    assert (found["ipsr"], found["cfsr"], found["hfsr"]) == (5, IMPRECISERR, 0)
    assert (found["pc"], rig.word(24)) == (core.image.symbol("after"), 0)
    (warning,) = rig.machine.warnings
    assert (warning.pc, warning.place) == (core.image.symbol("here"), "here")
    assert f"a store to where the SoC has nothing (0x{NOTHING[what]:08X})" in warning.what


@pytest.mark.parametrize(
    ("access", "cfsr"), [("ldr r1, [r2]", PRECISERR | BFARVALID), ("str r1, [r2]", IMPRECISERR)]
)
def test_without_its_enable_it_is_a_hard_fault(rig: Rig, access: str, cfsr: int) -> None:
    rig.boot(f"reset: ldr r2, =0x60000000; {access}; b stuck\n{HARD_FAULT}")
    rig.run(300)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, cfsr, FORCED)


@pytest.mark.parametrize("access", ["ldr r1, [r2]", "str r1, [r2]"])
def test_a_fault_handler_may_ask_for_bus_faults_to_be_ignored(rig: Rig, access: str) -> None:
    """CCR.BFHFNMIGN: how a handler looks at what may not be there. A load gives 0."""
    core = rig.boot(
        "reset: udf #1; b stuck\n"
        f"hard_fault: ldr r0, =0xE000ED14; ldr r1, ={BFHFNMIGN}; str r1, [r0]; ldr r2, =0x60000000; movs r1, #5\n"
        f" {access}; movs r4, #1; wait: b wait\n"
    )
    rig.run(300)
    assert core.registers["R4"] == 1
    assert core.registers["R1"] == (0 if access.startswith("ldr") else 5)
    assert len(rig.machine.warnings) == 1, "the undefined instruction"
