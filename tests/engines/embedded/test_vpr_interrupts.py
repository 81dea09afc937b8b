"""Levels, thresholds, edges, sleep: which interrupt a VPR takes, and at which instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from riscv import SHARED, STACK
from vpr_rig import CLIC, CLICINT, PLATFORM, VprRig

from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

LOG: Final = SHARED
"""Where handlers write their number, one word after the other; tp is the next place."""

HANDLERS: Final = "\n".join(
    f"""
irq{number}: lui t0, 0
 addi t0, zero, {number}
 sw t0, 0(tp)
 addi tp, tp, 4
 {{body{number}}}
 addi t0, zero, {number + 0x40}
 sw t0, 0(tp)
 addi tp, tp, 4
 mret
"""
    for number in (4, 5, 6)
)
PROGRAM: Final = (
    f"""
start:
 la t0, vectors
 csrw mtvt, t0
 la t0, trap
 csrw mtvec, t0
 li tp, {LOG}
 {{setup}}
main: {{main}}
here: j here
.align 6
trap: j trap
.align 6
vectors: .word 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, irq4, irq5, irq6
"""
    + HANDLERS
)
BEGIN, END = 0, 0x40
NEST: Final = "csrsi mstatus, 8; nop; nop; nop; nop; csrci mstatus, 8"


def program(setup: str = "csrsi mstatus, 8", main: str = "nop", **bodies: str) -> str:
    return PROGRAM.format(
        setup=setup, main=main, **{f"body{number}": bodies.get(f"irq{number}", "nop") for number in (4, 5, 6)}
    )


def log(vpr: VprRig) -> list[int]:
    count = (vpr.core.registers["TP"] - LOG) // 4
    return vpr.words(LOG, count)


def boot(vpr: VprRig, source: str, levels: tuple[int, int, int] = (0x3F, 0x3F, 0x3F)) -> None:
    vpr.boot(source)
    for number, level in zip((4, 5, 6), levels, strict=True):
        vpr.enable(number, level)


def slot(vpr: VprRig) -> Slot:
    return vpr.core._slot


def test_the_higher_level_comes_first_and_then_the_higher_number(vpr: VprRig) -> None:
    boot(vpr, program(setup="csrci mstatus, 8", main="csrsi mstatus, 8"), (0x3F, 0xFF, 0x3F))
    for number in (4, 5, 6):
        vpr.pend(number)
    vpr.run(100)
    assert log(vpr) == [5, 5 + END, 6, 6 + END, 4, 4 + END]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0x3F, 0x7F, 0x3F), [4, 5, 5 + END, 4 + END]),
        ((0x7F, 0x7F, 0x3F), [4, 4 + END, 5, 5 + END]),
        ((0xFF, 0x7F, 0x3F), [4, 4 + END, 5, 5 + END]),
    ],
    ids=["higher", "same", "lower"],
)
def test_a_handler_that_allows_it_is_preempted_by_a_higher_level_alone(
    vpr: VprRig, levels: tuple[int, int, int], expected: list[int]
) -> None:
    pend = f"li t0, {CLICINT + 20}; addi t1, zero, 1; sb t1, 0(t0); {NEST}"
    boot(vpr, program(irq4=pend), levels)
    vpr.pend(4)
    vpr.run(200)
    assert log(vpr) == expected
    assert vpr.core.registers["MINTSTATUS"] == 0
    assert vpr.core.registers["SP"] == STACK


def test_a_handler_is_not_preempted_before_it_sets_mie(vpr: VprRig) -> None:
    boot(vpr, program(irq4=f"li t0, {CLICINT + 20}; addi t1, zero, 1; sb t1, 0(t0)"), (0x3F, 0xFF, 0x3F))
    vpr.pend(4)
    vpr.run(200)
    assert log(vpr) == [4, 4 + END, 5, 5 + END]


def test_three_levels_nest_and_unwind(vpr: VprRig) -> None:
    nest = "li t0, {0}; addi t1, zero, 1; sb t1, 0(t0); " + NEST
    source = program(irq4=nest.format(CLICINT + 20), irq5=nest.format(CLICINT + 24))
    boot(vpr, source, (0x3F, 0x7F, 0xBF))
    before = {**vpr.core.registers, "T0": 1, "T1": 2, "RA": 3}
    vpr.run(50)
    vpr.firmware.write_registers({"T0": 1, "T1": 2, "RA": 3})
    vpr.pend(4)
    vpr.run(300)
    assert log(vpr) == [4, 5, 6, 6 + END, 5 + END, 4 + END]
    assert {name: vpr.core.registers[name] for name in ("T0", "T1", "RA")} == {
        name: before[name] for name in ("T0", "T1", "RA")
    }
    assert vpr.core.registers["SP"] == STACK


@pytest.mark.parametrize(
    ("threshold", "taken"),
    [(0, True), (0x1F, True), (0x3F, True), (0x7E, True), (0x7F, False), (0xFF, False)],
)
def test_the_threshold_masks_levels_up_to_itself(vpr: VprRig, threshold: int, taken: bool) -> None:
    boot(vpr, program(setup=f"li t0, {threshold}; csrw mintthresh, t0; csrsi mstatus, 8"), (0x7F, 0x3F, 0x3F))
    vpr.pend(4)
    vpr.run(100)
    assert bool(log(vpr)) is taken
    assert slot(vpr).nvic.pending == (0 if taken else 1 << 4)


def test_a_threshold_that_is_lowered_lets_the_interrupt_in_behind_that_instruction(vpr: VprRig) -> None:
    main = "li a0, 0; csrw mintthresh, zero; addi a0, a0, 1; addi a0, a0, 1"
    source = program(setup="li t0, 0xFF; csrw mintthresh, t0; csrsi mstatus, 8", main=main, irq4="mv s0, a0")
    boot(vpr, source)
    vpr.pend(4)
    vpr.run(100)
    assert (vpr.core.registers["S0"], vpr.core.registers["A0"]) == (0, 2)


UNMASK: Final = {
    "csrsi mstatus, 8": "",
    "csrs mstatus, a1": "li a1, 8",
    "csrw mstatus, a1": "li a1, 8",
    "csrrwi a2, mstatus, 8": "",
}


@pytest.mark.parametrize("unmask", UNMASK)
def test_an_interrupt_is_taken_directly_behind_the_instruction_that_sets_mie(
    vpr: VprRig, unmask: str
) -> None:
    main = f"li a0, 0; {UNMASK[unmask]}; nop; nop; nop; {unmask}; addi a0, a0, 1; addi a0, a0, 1"
    boot(vpr, program(setup="nop", main=main, irq4="mv s0, a0"))
    vpr.pend(4)
    vpr.run(100)
    assert (vpr.core.registers["S0"], vpr.core.registers["A0"]) == (0, 2)


def test_an_interrupt_is_taken_directly_behind_the_mret_that_sets_mie(vpr: VprRig) -> None:
    """And before the instruction that the first one interrupted."""
    pend = f"li t0, {CLICINT + 20}; addi t1, zero, 1; sb t1, 0(t0)"
    main = f"li a0, 0; li a1, {CLICINT + 16}; addi a2, zero, 1; sb a2, 0(a1); addi a0, a0, 1; mv s1, a0"
    boot(vpr, program(main=main, irq4=pend, irq5="mv s0, a0"))
    vpr.run(150)
    assert log(vpr) == [4, 4 + END, 5, 5 + END]
    assert (vpr.core.registers["S0"], vpr.core.registers["S1"]) == (0, 1)


def test_an_interrupt_that_a_store_pends_is_taken_behind_the_store(vpr: VprRig) -> None:
    main = f"li a0, 0; li a1, {CLICINT + 16}; addi a2, zero, 1; sb a2, 0(a1); addi a0, a0, 1"
    boot(vpr, program(main=main, irq4="mv s0, a0"))
    vpr.run(100)
    assert (vpr.core.registers["S0"], vpr.core.registers["A0"]) == (0, 1)


# Registers and edges


def test_the_registers_of_the_clic_read_as_the_documents_say(vpr: VprRig) -> None:
    bus = vpr.core.bus
    assert (bus.read32(CLIC), bus.read32(CLIC + 4)) == (0x11, 0x0040_1FFF)
    assert {bus.read32(CLICINT + 4 * number) for number in range(271)} == {0x3FC3_0000}
    bus.write32(CLICINT + 40, 0xFFFF_FF01)
    assert bus.read32(CLICINT + 40) == 0xFFC3_0101
    bus.write32(CLICINT + 40, 0)
    assert bus.read32(CLICINT + 40) == 0x3FC3_0000, "a level has its lower bits always"
    bus.write8(CLICINT + 43, 0x80)
    assert bus.read8(CLICINT + 43) == 0xBF
    bus.write16(CLICINT + 40, 0x0101)
    assert bus.read32(CLICINT + 40) == 0xBFC3_0101


def test_a_line_is_latched_where_it_rises_and_only_there(vpr: VprRig) -> None:
    boot(vpr, program())
    slot(vpr).set_line(4, True)
    vpr.run(200)
    assert log(vpr) == [4, 4 + END], "it is still high"
    slot(vpr).set_line(4, False)
    vpr.run(100)
    slot(vpr).set_line(4, True)
    slot(vpr).set_line(4, False)
    vpr.run(100)
    assert log(vpr) == [4, 4 + END] * 2


def test_an_edge_while_disabled_is_not_lost_and_can_be_taken_back(vpr: VprRig) -> None:
    vpr.boot(program())
    slot(vpr).set_line(4, True)
    slot(vpr).set_line(5, True)
    vpr.core.bus.write8(CLICINT + 20, 0)
    vpr.run(50)
    assert log(vpr) == []
    vpr.enable(5)
    vpr.core.bus.write8(CLICINT + 17, 1)
    vpr.run(100)
    assert log(vpr) == [4, 4 + END]


def test_an_edge_during_its_own_handler_comes_again(vpr: VprRig) -> None:
    pend = f"li t0, {CLICINT + 16}; addi t1, zero, 1; lw t2, 0(t0); bnez s1, 20; sb t1, 0(t0); addi s1, s1, 1; nop"
    boot(vpr, program(irq4=pend.replace("bnez s1, 20", "bnez s1, over").replace("; nop", "; over: nop")))
    vpr.pend(4)
    vpr.run(200)
    assert log(vpr) == [4, 4 + END] * 2


def test_a_reset_disables_everything_and_forgets_what_was_pending(vpr: VprRig) -> None:
    boot(vpr, program(setup="nop"))
    vpr.pend(4)
    slot(vpr).set_line(5, True)
    vpr.core.reset()
    nvic = slot(vpr).nvic
    assert (nvic.pending, nvic.enabled) == (0, 0)
    assert not nvic.offers(5)
    vpr.enable(5)
    assert nvic.offers(5), "Python that plays the core sees the level"


# Sleep


def test_wfi_sleeps_until_an_interrupt_is_taken(vpr: VprRig) -> None:
    boot(vpr, program(main="wfi; addi a0, a0, 1"))
    vpr.run(100)
    assert vpr.core.is_asleep
    assert vpr.core.registers["A0"] == 0
    before = vpr.core.instructions
    vpr.run(10_000)
    assert vpr.core.instructions == before
    vpr.pend(4)
    vpr.run(50)
    assert (vpr.core.registers["A0"], log(vpr)) == (1, [4, 4 + END])


def test_wfi_with_mie_clear_wakes_and_takes_nothing(vpr: VprRig) -> None:
    """As on the nRF54L series, for which Zephyr's idle needs no work-around (pull request 86840)."""
    boot(vpr, program(setup="nop", main="wfi; addi a0, a0, 1"))
    vpr.run(100)
    assert vpr.core.is_asleep
    vpr.pend(4)
    vpr.run(10_000)
    assert (vpr.core.registers["A0"], log(vpr)) == (1, [])


def test_wfi_with_mie_clear_does_not_wake_for_what_may_not_be_taken(vpr: VprRig) -> None:
    boot(vpr, program(setup="li t0, 0x7F; csrw mintthresh, t0", main="wfi; addi a0, a0, 1"))
    vpr.run(100)
    vpr.pend(4)
    vpr.run(10_000)
    assert vpr.core.is_asleep


def test_wfi_with_mie_clear_never_wakes_a_core_whose_wfi_needs_it() -> None:
    """The nRF54H20's rule (erratum 93; Zephyr, soc/nordic/common/vpr/soc_idle.c)."""
    description = parse_platform(
        PLATFORM.replace("clic: clicflpr", "clic: clicflpr\n    wfiNeedsMie: true"), "vpr.repl"
    )
    with VprRig(description=description) as vpr:
        boot(vpr, program(setup="nop", main="wfi; addi a0, a0, 1"))
        vpr.run(100)
        vpr.pend(4)
        vpr.run(10_000)
        assert vpr.core.is_asleep
        assert vpr.core.registers["A0"] == 0
        assert not vpr.core.registers["MSTATUS"] & 8


def test_wfi_with_an_interrupt_pending_does_not_sleep(vpr: VprRig) -> None:
    main = f"wfi; addi a0, a0, 1; li a1, {CLICINT + 16}; addi a2, zero, 1; sb a2, 0(a1); wfi; addi a0, a0, 1"
    boot(vpr, program(main=main, irq4="mv s0, a0"))
    vpr.run(50)
    vpr.pend(4)
    vpr.run(150)
    assert log(vpr) == [4, 4 + END] * 2
    assert vpr.core.is_asleep, "the second interrupt came before the second WFI"
    assert vpr.core.registers["A0"] == 1


def test_wfi_does_not_wake_for_what_may_not_be_taken(vpr: VprRig) -> None:
    boot(
        vpr,
        program(setup="li t0, 0x7F; csrw mintthresh, t0; csrsi mstatus, 8", main="wfi; addi a0, a0, 1"),
        (0x7F, 0xBF, 0x3F),
    )
    vpr.run(100)
    vpr.pend(4)
    vpr.run(100)
    assert vpr.core.is_asleep
    vpr.pend(5)
    vpr.run(100)
    assert log(vpr) == [5, 5 + END]


def test_return_to_sleep_sleeps_behind_the_last_handler(vpr: VprRig) -> None:
    boot(
        vpr, program(setup="li t0, 0x10002; csrw sleepctrl, t0; csrsi mstatus, 8", main="wfi; addi a0, a0, 1")
    )
    vpr.run(100)
    vpr.pend(4)
    vpr.run(100)
    assert vpr.core.is_asleep
    assert (log(vpr), vpr.core.registers["A0"]) == ([4, 4 + END], 0)


def test_wfi_as_the_last_instruction_of_a_slice_sleeps_as_well() -> None:
    for quantum_ns in range(16, 260, 16):
        with VprRig(quantum_ns=quantum_ns) as vpr:
            boot(vpr, program(main="wfi; addi a0, a0, 1"))
            vpr.run(200)
            assert vpr.core.is_asleep
            assert vpr.core.registers["A0"] == 0
            vpr.pend(4)
            vpr.run(200)
            assert (vpr.core.registers["A0"], log(vpr)) == (1, [4, 4 + END])


def test_a_handler_that_is_entered_at_each_of_its_returns_is_a_storm(vpr: VprRig) -> None:
    pend = f"li t0, {CLICINT + 16}; addi t1, zero, 1; sb t1, 0(t0); li tp, {LOG}"
    boot(vpr, program(irq4=pend))
    vpr.pend(4)
    vpr.run(20_000)
    storm = vpr.firmware.storm
    assert storm.times > 1000
    assert (storm.interrupt, storm.name) == (4, "interrupt 4")
    assert vpr.core.locate(storm.handler) == "irq4"


def test_an_interrupt_for_every_few_instructions_of_work_is_no_storm(vpr: VprRig) -> None:
    boot(vpr, program(irq4=f"li tp, {LOG}"))
    for at in range(100, 5000, 60):
        vpr.at(at, lambda: vpr.pend(4))
    vpr.run(6000)
    assert vpr.firmware.storm.times <= 1
