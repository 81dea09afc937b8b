"""What the core traps only where firmware asked for it, and the accesses that must be aligned in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from looped import for_each
from test_m33_faults import FORCED, HARD_FAULT, report

from icmsg.engines.embedded.armv8m.traps import is_aligned

if TYPE_CHECKING:
    from rig import Rig

UNALIGNED, DIVBYZERO = 1 << 24, 1 << 25
UNALIGN_TRP, DIV_0_TRP = 1 << 3, 1 << 4
FPU: Final = "ldr r0, =0xE000ED88; ldr r1, =0xF00000; str r1, [r0]; isb\n"

ALIGNED: Final = {
    "LDM": "ldm r5, {r2, r3}",
    "LDM.W": "ldm.w r5, {r8, r9}",
    "LDMDB": "ldmdb r5, {r2, r3}",
    "STM": "stm r5!, {r2, r3}",
    "STM.W": "stm.w r5, {r8, r9}",
    "LDRD": "ldrd r6, r7, [r5]",
    "LDRD that writes back": "ldrd r6, r7, [r5], #8",
    "STRD": "strd r6, r7, [r5, #-8]",
    "LDREX": "ldrex r2, [r5]",
    "LDREXH": "ldrexh r2, [r5]",
    "LDA": ".short 0xE8D5, 0x2FAF",
    "LDAH": ".short 0xE8D5, 0x2F9F",
    "STL": ".short 0xE8C5, 0x2FAF",
    "STLH": ".short 0xE8C5, 0x2F9F",
    "LDAEX": ".short 0xE8D5, 0x2FEF",
    "VLDR": "vldr s0, [r5]",
    "VSTR": "vstr s0, [r5]",
    "VLDM": "vldm r5, {s0, s1}",
    "VSTM": "vstm r5, {s0, s1}",
}
ANYWHERE: Final = {
    "LDR": "ldr r2, [r5]",
    "LDR.W": "ldr.w r8, [r5, #4]",
    "LDRH": "ldrh r2, [r5]",
    "LDRSH": "ldrsh.w r2, [r5]",
    "STR": "str r2, [r5]",
    "STRH": "strh r2, [r5]",
    "STR that writes back": "str r2, [r5], #4",
}
UDIV, SDIV = ".short 0xFBB2, 0xF4F3", ".short 0xFB92, 0xF4F3"


def set_ccr(bits: int) -> str:
    return f"ldr r0, =0xE000ED14; ldr r1, ={0x201 | bits}; str r1, [r0]; dsb sy; isb sy\n"


@pytest.mark.parametrize("what", ALIGNED)
def test_an_access_that_must_be_aligned_faults_where_it_is_not(rig: Rig, what: str) -> None:
    core = rig.boot(f"reset: {FPU} ldr r5, =0x20000101; here: {ALIGNED[what]}\n b stuck\n{HARD_FAULT}")
    rig.run(400)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, UNALIGNED, FORCED)
    frame = core.registers["SP"]
    assert core.bus.read32(frame + 24) == core.image.symbol("here")
    assert core.registers["R5"] == 0x2000_0101, "nothing was written back"


@pytest.mark.parametrize("what", ALIGNED)
def test_an_access_that_is_aligned_does_not_fault(rig: Rig, what: str) -> None:
    core = rig.boot(f"reset: {FPU} ldr r5, =0x20000108; {ALIGNED[what]}\n movs r4, #1; b stuck\n{HARD_FAULT}")
    rig.run(400)
    assert core.registers["R4"] == 1
    assert not rig.machine.warnings


@pytest.mark.parametrize("what", ANYWHERE)
def test_other_accesses_may_be_unaligned_also_beside_those_that_may_not(rig: Rig, what: str) -> None:
    core = rig.boot(
        "reset: ldr r5, =0x20000101; ldr r4, =0x20000200; movs r3, #0\n"
        f"again: {ANYWHERE[what]}; ldrd r6, r7, [r4]; adds r3, #1; cmp r3, #50; bne again\n"
        f" b stuck\n{HARD_FAULT}"
    )
    rig.run(2000)
    assert core.registers["R3"] == 50
    assert not rig.machine.warnings


@pytest.mark.parametrize("what", ANYWHERE)
@pytest.mark.parametrize("trapped", [True, False])
def test_unalign_trp_lets_every_unaligned_access_fault(rig: Rig, what: str, trapped: bool) -> None:
    ccr = set_ccr(UNALIGN_TRP) + ("" if trapped else set_ccr(0))
    core = rig.boot(
        f"reset: {ccr} ldr r5, =0x20000101; here: {ANYWHERE[what]}; movs r4, #1; b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert core.image is not None
    if trapped:
        assert (report(rig)["cfsr"], report(rig)["pc"]) == (UNALIGNED, core.image.symbol("here"))
    else:
        assert core.registers["R4"] == 1
        assert not rig.machine.warnings


def test_bytes_are_never_unaligned(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {set_ccr(UNALIGN_TRP)} ldr r5, =0x20000101; ldrb r2, [r5]; strb r2, [r5, #2]; movs r4, #1; b stuck\n"
        f"{HARD_FAULT}"
    )
    rig.run(400)
    assert core.registers["R4"] == 1


def test_an_unaligned_access_takes_no_time_of_its_own(rig: Rig) -> None:
    """It is tried twice where a neighbour must be aligned, and counted once."""
    body = "ldr r2, [r5]; ldrd r6, r7, [r4]; adds r3, #1; cmp r3, #50; bne again; bkpt #1"
    counts = []
    for address in (0x2000_0101, 0x2000_0104):
        core = rig.boot(
            f"reset: ldr r5, ={address}; ldr r4, =0x20000200; movs r3, #0; again: {body}\n"
            "hard_fault: ldr r0, =0xE0001004; ldr r8, [r0]; b stuck"
        )
        rig.run(2000)
        counts.append(core.instructions)
        core.halt()
    assert counts[0] == counts[1]


def test_a_loop_with_unaligned_accesses_runs_through(rig: Rig) -> None:
    """In thread mode and in a handler, with an interrupt in between: a copy of words from an odd address."""
    copy = "ldr r2, [r5, r3]; str r2, [r4, r3]; adds r3, #4; cmp r3, #64; bne copy_{0}; ldrd r6, r7, [r4]"
    core = rig.boot(
        f"reset: ldr r5, =0x20000401; ldr r4, =0x20000500; movs r3, #0; copy_t: {copy.format('t')}; svc #1; b stuck\n"
        f"svc: ldr r5, =0x20000401; ldr r4, =0x20000600; movs r3, #0; copy_h: {copy.format('h')}; bx lr\n{HARD_FAULT}"
    )
    data = bytes(range(1, 65))
    core.bus.write_block(0x2000_0401, data)
    rig.run(2000)
    assert core.bus.read_block(0x2000_0500, 64) == core.bus.read_block(0x2000_0600, 64) == data
    assert not rig.machine.warnings


def test_code_that_thread_and_handler_share_is_checked_in_both(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r5, =0x20000100; bl work; svc #1; bl work; movs r4, #1; b stuck\n"
        f"work: ldrd r6, r7, [r5]; bx lr\nsvc: push {{r4, lr}}; ldr r5, =0x20000102; bl work; b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert core.image is not None
    assert (report(rig)["cfsr"], report(rig)["pc"]) == (UNALIGNED, core.image.symbol("work"))
    assert report(rig)["lr"] == 0xFFFF_FFF1


def test_code_that_is_written_later_is_checked(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0x20001000; ldr r1, =0x6700E9D5; str r1, [r0]; ldr r1, =0x4770; strh r1, [r0, #4]\n"
        f" dsb sy; isb sy; ldr r5, =0x20000101; adds r0, #1; blx r0; b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert (report(rig)["cfsr"], report(rig)["pc"]) == (UNALIGNED, 0x2000_1000)
    assert core.registers["R5"] == 0x2000_0101


# Divisions


@pytest.mark.parametrize("division", [UDIV, SDIV], ids=["UDIV", "SDIV"])
def test_div_0_trp_lets_a_division_by_zero_fault(rig: Rig, division: str) -> None:
    core = rig.boot(
        f"reset: {set_ccr(DIV_0_TRP)} movs r2, #5; movs r3, #0; movs r4, #9; here: {division}\n b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert core.image is not None
    assert report(rig) == {
        "ipsr": 3,
        "cfsr": DIVBYZERO,
        "hfsr": FORCED,
        "lr": 0xFFFF_FFF9,
        "sp": 0x2001_0000 - 32,
        "pc": core.image.symbol("here"),
    }
    assert core.registers["R4"] == 9


def test_a_trap_that_is_enabled_is_a_usagefault(rig: Rig) -> None:
    rig.boot(
        f"reset: ldr r0, =0xE000ED24; ldr r1, =0x40000; str r1, [r0]; {set_ccr(DIV_0_TRP)} movs r3, #0; {UDIV}\n"
        f" b stuck\nusage_fault: {HARD_FAULT.removeprefix('hard_fault:')}"
    )
    rig.run(400)
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (6, DIVBYZERO, 0)


@pytest.mark.parametrize("ccr", ["", set_ccr(DIV_0_TRP) + set_ccr(0)], ids=["reset", "off again"])
@pytest.mark.parametrize("division", [UDIV, SDIV], ids=["UDIV", "SDIV"])
def test_without_the_trap_a_division_by_zero_is_zero(rig: Rig, ccr: str, division: str) -> None:
    core = rig.boot(f"reset: {ccr} movs r2, #5; movs r3, #0; movs r4, #9; {division}\n b stuck\n{HARD_FAULT}")
    rig.run(400)
    assert core.registers["R4"] == 0
    assert not rig.machine.warnings


@pytest.mark.parametrize(
    ("division", "dividend", "divisor", "quotient"),
    [
        (UDIV, 100, 7, 14),
        (UDIV, 0xFFFF_FFFF, 2, 0x7FFF_FFFF),
        (SDIV, -100, 7, -14),
        (SDIV, 100, -7, -14),
        (SDIV, -100, -7, 14),
        (SDIV, -(1 << 31), -1, -(1 << 31)),
    ],
)
@pytest.mark.parametrize("trap", [0, DIV_0_TRP], ids=["usual", "trapped"])
def test_a_division_gives_what_it_gives_without_the_trap(
    rig: Rig, trap: int, division: str, dividend: int, divisor: int, quotient: int
) -> None:
    core = rig.boot(
        f"reset: {set_ccr(trap)} ldr r2, ={dividend & 0xFFFF_FFFF}; ldr r3, ={divisor & 0xFFFF_FFFF}; movs r5, #0\n"
        f" cmp r5, #1; {division}\n bne set; b stuck\nset: movs r5, #1; b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert core.registers["R4"] == quotient & 0xFFFF_FFFF
    assert core.registers["R5"] == 1, "flags are kept"


@pytest.mark.parametrize("flag", [0, 1])
def test_a_division_in_an_it_block_that_is_not_executed_traps_not(rig: Rig, flag: int) -> None:
    core = rig.boot(
        f"reset: {set_ccr(DIV_0_TRP)} movs r2, #5; movs r3, #{flag}; movs r4, #9; movs r5, #0; cmp r3, #1\n"
        f" .short 0xBF04\n {UDIV}\n .short 0x3501\n adds r5, #4; b stuck\n{HARD_FAULT}"  # ITT EQ; UDIV; ADDS R5, #1
    )
    rig.run(400)
    assert (core.registers["R4"], core.registers["R5"]) == ((5, 5) if flag else (9, 4))
    assert not rig.machine.warnings


def test_a_wfe_behind_a_division_is_a_wfe(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {set_ccr(DIV_0_TRP)} movs r2, #6; movs r3, #3; {UDIV}\n sev; wfe; movs r5, #1; b stuck\n{HARD_FAULT}"
    )
    rig.run(400)
    assert (core.registers["R4"], core.registers["R5"]) == (2, 1)
    assert not rig.machine.warnings


def test_traps_do_not_outlive_a_reset(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r6, =0x20000000; ldr r7, [r6]; adds r7, #1; str r7, [r6]; movs r2, #5; movs r3, #0\n"
        f" {UDIV}\n {set_ccr(DIV_0_TRP | UNALIGN_TRP)} b stuck\n{HARD_FAULT}"
    )
    for count in (1, 2, 3):
        rig.run(400)
        assert rig.word() == count
        assert core.bus.read32(0xE000_ED14) == 0x201 | DIV_0_TRP | UNALIGN_TRP
        core.reset()
        assert core.bus.read32(0xE000_ED14) == 0x201


def test_ccr_keeps_what_the_core_has_of_it(rig: Rig) -> None:
    core = rig.machine.core("app")
    core.bus.write32(0xE000_ED14, 0xFFFF_FFFF)
    assert core.bus.read32(0xE000_ED14) == 0x71B
    core.bus.write32(0xE000_ED14, 0)
    assert core.bus.read32(0xE000_ED14) == 0x201


def test_a_division_by_zero_and_an_unaligned_ldrd_do_not_go_on(rig: Rig) -> None:
    """The program from which this file began: both in a row, with both traps asked for."""
    core = rig.boot(
        f"""reset: ldr r0, =0xE000ED14; mov r1, #0x210; str r1, [r0]; movs r2, #5; movs r3, #0
 {UDIV}
 ldr r5, =0x20000001; ldrd r6, r7, [r5]; ldr r0, =0xE000ED28; ldr r1, [r0]; ldr r0, =0x20000010; str r1, [r0]
 mov r1, #1; str r1, [r0, #4]; b stuck
hard_fault: ldr r0, =0x20000018; mov r1, #1; str r1, [r0]; b stuck"""
    )
    rig.run(1000)
    assert rig.words(3, 0x10) == [0, 0, 1]
    assert core.bus.read32(0xE000_ED28) == DIVBYZERO


# Encodings


@for_each(
    ("first", "second", "must"),
    [
        (0xC803, 0, True),  # LDM R0, {R0, R1}
        (0xE8B0, 0x0006, True),  # LDM.W
        (0xE92D, 0x4010, False),  # PUSH.W
        (0xE9D0, 0x2300, True),  # LDRD
        (0xE9DD, 0x2300, False),  # LDRD from the stack
        (0xE9DF, 0x2300, False),  # LDRD of a literal
        (0xE840, 0xF000, False),  # TT
        (0xE8D0, 0xF000, False),  # TBB
        (0xE8D0, 0x0F8F, False),  # LDAB
        (0xED90, 0x0A00, True),  # VLDR
        (0xED2D, 0x0A01, False),  # VPUSH
        (0xEC51, 0x0B10, False),  # VMOV R0, R1, D0
        (0xEE30, 0x0A00, False),  # VADD
        (0x6800, 0, False),  # LDR
        (0xF8D0, 0x0000, False),  # LDR.W
    ],
)
def test_which_instructions_must_be_aligned(first: int, second: int, must: bool) -> None:
    assert is_aligned(first, second) is must


# What else the manual says and programs see


@pytest.mark.parametrize("enabled", [True, False])
def test_an_svc_without_room_for_its_frame_is_made_up_for(rig: Rig, enabled: bool) -> None:
    """STKOF comes first; when its handler has made room, SVCall, which stayed pending, is taken."""
    room = "ldr r0, =0x20002000; msr msplim, r0; ldr r0, =0x20003100; msr msp, r0"
    note = "ldr r7, =0x20000100; ldr r0, [r7]; adds r0, #4; str r0, [r7]; mrs r1, ipsr; str r1, [r7, r0]"
    enable = "ldr r0, =0xE000ED24; ldr r1, =0x70000; str r1, [r0]" if enabled else ""
    back = "ldr r0, =after; str r0, [sp, #24]; ldr r0, =0x01000000; str r0, [sp, #28]; bx lr"
    core = rig.boot(
        f"reset: {enable}; ldr r0, =0x20003000; msr msplim, r0; ldr r0, =0x20003010; msr msp, r0; svc #1\n"
        " after: b after\n"
        f"usage_fault:\nhard_fault: {note}; {room}; {back}\nsvc: {note}; bx lr"
    )
    rig.run(400)
    assert core.image is not None
    assert rig.words(3, 0x100) == [8, 6 if enabled else 3, 11]
    assert core.registers["PC"] == core.image.symbol("after")
    assert core.bus.read32(0xE000_ED28) == 1 << 20


def test_a_frame_says_whether_the_floating_point_context_is_active(rig: Rig) -> None:
    rig.boot(
        f"reset: svc #1; {FPU} vmov s0, r0; svc #1; b stuck\n"
        "svc: ldr r7, =0x20000100; ldr r0, [r7]; adds r0, #4; str r0, [r7]; ldr r1, [sp, #28]; str r1, [r7, r0]; bx lr"
    )
    rig.run(400)
    assert [word >> 20 & 1 for word in rig.words(3, 0x100)[1:]] == [0, 1]


def test_the_core_says_what_it_is(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    assert bus.read32(0xE000_ED00) == 0x410F_D214
    assert [bus.read32(0xE000_ED40 + 4 * at) for at in (0, 1, 8, 15)] == [
        0x30,
        0x210,
        0x0110_1110,
        0x8000_C000,
    ]


def test_system_priorities_keep_the_bits_that_there_are(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    for at in range(3):
        bus.write32(0xE000_ED18 + 4 * at, 0xFFFF_FFFF)
    assert [bus.read32(0xE000_ED18 + 4 * at) for at in range(3)] == [0xE0E0_E0E0, 0xE000_0000, 0xE0E0_00E0]


def test_countflag_is_set_at_zero_and_cleared_by_a_read_or_a_write_of_the_counter(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0xE000E010; movs r1, #20; str r1, [r0, #4]; movs r1, #0; str r1, [r0, #8]; movs r1, #5\n"
        " str r1, [r0]; ldr r2, [r0]; movs r1, #20; wait: subs r1, #1; bne wait; ldr r3, [r0]; ldr r4, [r0]\n"
        " movs r1, #20; wait2: subs r1, #1; bne wait2; str r1, [r0, #8]; ldr r5, [r0]; b stuck"
    )
    rig.run(400)
    flags = [core.registers[name] for name in ("R2", "R3", "R4", "R5")]
    assert flags == [0x0000_0005, 0x0001_0005, 0x0000_0005, 0x0000_0005]


@pytest.mark.parametrize("instruction", ["ldr r2, [r0]", "str r2, [r0]", "ldrb r2, [r0]"])
@pytest.mark.parametrize("register", [0xE000_ED14, 0xE000_E100, 0xE000_E010])
def test_unprivileged_code_gets_a_bus_fault_from_the_system_control_space(
    rig: Rig, register: int, instruction: str
) -> None:
    core = rig.boot(
        f"reset: ldr r0, ={register}; ldr r3, [r0]; movs r1, #1; msr control, r1; isb sy; movs r2, #7\n"
        f"here: {instruction}; b stuck\n{HARD_FAULT}"
    )
    rig.run(200)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, 1 << 9, FORCED)
    assert report(rig)["pc"] == core.image.symbol("here")
    assert core.registers["R2"] == 7
    assert core.bus.read32(register) & 7 != 7, "nothing was written"


def test_handlers_of_unprivileged_code_reach_the_system_control_space(rig: Rig) -> None:
    core = rig.boot(
        "reset: movs r1, #1; msr control, r1; isb sy; svc #1; mov r5, r4; b stuck\n"
        f"svc: ldr r0, =0xE000ED14; ldr r4, [r0]; bx lr\n{HARD_FAULT}"
    )
    rig.run(200)
    assert core.registers["R5"] == 0x201
    assert not rig.machine.warnings


@pytest.mark.parametrize("instruction", ["vmov s0, r0", "vldr s0, [r5]", "vpush {s0}", "vmrs r2, fpscr"])
@pytest.mark.parametrize(
    "enable", ["", FPU + "ldr r0, =0xE000ED88; movs r1, #0; str r1, [r0]; dsb sy; isb sy\n"]
)
def test_floating_point_faults_where_cpacr_does_not_enable_it(
    rig: Rig, instruction: str, enable: str
) -> None:
    core = rig.boot(
        f"reset: {enable} ldr r5, =0x20000100; here: {instruction}\n b stuck\n{HARD_FAULT}", fpu=False
    )
    rig.run(400)
    assert core.image is not None
    assert (report(rig)["ipsr"], report(rig)["cfsr"], report(rig)["hfsr"]) == (3, 1 << 19, FORCED)
    assert report(rig)["pc"] == core.image.symbol("here")
    assert report(rig)["lr"] == 0xFFFF_FFF9, "without a context to save"


def test_a_handler_may_enable_the_fpu_and_return_to_what_needs_it(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0x40400000; here: vmov s0, r0; vadd.f32 s0, s0, s0; vmov r4, s0; b stuck\n"
        f"hard_fault: {FPU} bx lr",
        fpu=False,
    )
    rig.run(400)
    assert core.registers["R4"] == 0x40C0_0000
    assert len(rig.machine.warnings) == 1


def test_a_reset_disables_the_fpu(rig: Rig) -> None:
    core = rig.boot(f"reset: vmov s0, r0; {FPU} vmov s0, r0; b stuck\n{HARD_FAULT}", fpu=False)
    rig.run(400)
    assert report(rig)["cfsr"] == 1 << 19
    core.bus.write32(0x2000_0004, 0)
    core.reset()
    rig.run(400)
    assert report(rig)["cfsr"] == 1 << 19


# Coprocessor access: these cores have one coprocessor, the FPU, and stay in Secure state


@pytest.mark.parametrize(
    ("core", "cpacr", "nsacr"), [("app", 0xF0_0000, 0xC00), ("net", 0, 0)], ids=["with FPU", "without"]
)
def test_access_registers_keep_the_bits_of_coprocessors_that_there_are(
    rig: Rig, core: str, cpacr: int, nsacr: int
) -> None:
    """Armv8-M ARM, D1.2: bits of a coprocessor that is not implemented are RAZ/WI."""
    bus = rig.machine.core(core).bus
    for register, kept in ((0xE000_ED88, cpacr), (0xE000_ED8C, nsacr)):
        bus.write32(register, 0xFFFF_FFFF)
        assert bus.read32(register) == kept
        bus.write32(register, 0)
        assert bus.read32(register) == 0


@pytest.mark.parametrize("nsacr", [0, 0xC00])
def test_nsacr_is_about_non_secure_code_and_lets_secure_code_alone(rig: Rig, nsacr: int) -> None:
    core = rig.boot(
        f"reset: ldr r0, =0xE000ED8C; ldr r1, ={nsacr}; str r1, [r0]; {FPU} movs r0, #7\n"
        f" vmov s0, r0; vmov r4, s0; b stuck\n{HARD_FAULT}",
        fpu=False,
    )
    rig.run(400)
    assert core.registers["R4"] == 7
    assert not rig.machine.warnings
