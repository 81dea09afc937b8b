"""Entry to and return from interrupts and exceptions of a VPR, against what its documents say, word by word.

Frames: Zephyr, soc/nordic/common/vpr/soc_isr_stacking.h. mcause, mstatus, mintstatus: RISC-V CLIC draft.
"""

from __future__ import annotations

from typing import Final

import pytest
from riscv import SHARED, STACK
from vpr_rig import VprRig

from icmsg.engines.embedded.riscv.vpr import ORDERS
from icmsg.machine.events import EventKind

STACKED: Final = ("RA", "T2", "T1", "T0", "A5", "A4", "A3", "A2", "A1", "A0")
"""The registers of a frame from its lowest address on; mcause and mepc follow."""
VALUES: Final = {name: 0x1111_0000 + number for number, name in enumerate((*STACKED, "S0", "S1", "GP", "TP"))}

PROGRAM: Final = """
start:
 la t0, vectors
 csrw mtvt, t0
 la t0, trap
 csrw mtvec, t0
 csrsi mstatus, 8
here: j here
.align 6
trap: j trap
.align 6
vectors: .word 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, taken, other, 0x80000000
taken: j taken
other: csrr s0, mcause
 csrr s1, mstatus
 mret
"""


def interrupted(vpr: VprRig, sp: int, level: int = 0x3F, number: int = 5) -> None:
    vpr.boot(PROGRAM)
    vpr.run(50)
    vpr.firmware.write_registers({**VALUES, "SP": sp})
    vpr.enable(number, level)
    vpr.pend(number)
    vpr.run(50)


def label(vpr: VprRig, name: str) -> int:
    assert vpr.core.image is not None
    return vpr.core.image.symbol(name)


@pytest.mark.parametrize(
    ("sp", "frame", "bit"),
    [
        (STACK, STACK - 48, 0),
        (STACK - 4, STACK - 56, 1),
        (STACK - 8, STACK - 56, 0),
        (STACK - 12, STACK - 64, 1),
    ],
    ids=["aligned", "four off", "eight off", "twelve off"],
)
@pytest.mark.parametrize("level", [0x3F, 0x7F, 0xBF, 0xFF])
def test_an_interrupt_pushes_twelve_words_and_vectors_through_mtvt(
    vpr: VprRig, sp: int, frame: int, bit: int, level: int
) -> None:
    interrupted(vpr, sp, level)
    registers = vpr.core.registers
    assert vpr.words(frame, 10) == [VALUES[name] for name in STACKED]
    # INTERRUPT, MPP = 3, MPIE = 1, MPIL = 0, code 16 + 5; and where it came from, with the bit of the stack pointer
    assert vpr.words(frame + 40, 2) == [0xB800_0015, label(vpr, "here") | bit]
    assert registers["SP"] == frame
    assert registers["PC"] == label(vpr, "taken")
    assert registers["MCAUSE"] == 0xB800_0015
    assert registers["MEPC"] == label(vpr, "here")
    assert registers["MSTATUS"] == 0x1880  # MPP = 3, MPIE = 1, MIE = 0
    assert registers["MINTSTATUS"] == level << 24
    assert {name: registers[name] for name in VALUES} == VALUES, "entry changes no register but these"


@pytest.mark.parametrize("sp", [STACK, STACK - 4])
def test_mret_pops_what_the_interrupt_pushed(vpr: VprRig, sp: int) -> None:
    interrupted(vpr, sp, number=6)
    registers = vpr.core.registers
    assert registers["PC"] == label(vpr, "here")
    assert registers["SP"] == sp
    assert registers["MSTATUS"] == 0x1888
    assert registers["MINTSTATUS"] == 0
    assert {name: registers[name] for name in STACKED} == {name: VALUES[name] for name in STACKED}
    assert (registers["S0"], registers["S1"]) == (0xB800_0016, 0x1880), "what the handler saw"


@pytest.mark.parametrize(("sp", "frame", "bit"), [(STACK, STACK - 8, 0), (STACK - 4, STACK - 16, 1)])
def test_an_exception_pushes_mcause_and_mepc_and_goes_to_mtvec(
    vpr: VprRig, sp: int, frame: int, bit: int
) -> None:
    vpr.boot(PROGRAM.replace("here: j here", "here: j here\ncall_it: ecall"))
    vpr.run(50)
    vpr.firmware.write_registers({**VALUES, "SP": sp, "PC": label(vpr, "call_it")})
    vpr.core.bus.write32(frame - 4, 0x55AA_55AA)
    vpr.run(50)
    registers = vpr.core.registers
    assert vpr.words(frame - 4, 3) == [0x55AA_55AA, 0x3800_000B, label(vpr, "call_it") | bit]
    assert (registers["SP"], registers["PC"]) == (frame, label(vpr, "trap"))
    assert (registers["MCAUSE"], registers["MEPC"]) == (0x3800_000B, label(vpr, "call_it"))
    assert registers["MSTATUS"] == 0x1880
    assert {name: registers[name] for name in VALUES} == VALUES


def test_an_ecall_is_no_fault(vpr: VprRig) -> None:
    """Zephyr switches threads by it."""
    vpr.boot(PROGRAM.replace("here: j here", "ecall\nhere: j here"))
    vpr.run(50)
    assert vpr.core.registers["PC"] == label(vpr, "trap")
    assert not vpr.machine.events.counts(EventKind.FAULT, vpr.core.index)
    assert not vpr.machine.warnings


FAULTS: Final = {
    "load": ("li a0, 0x90000000; here: lw a1, 4(a0)", 5, 0x9000_0004),
    "load of a byte": ("li a0, 0x90000000; here: lbu a1, 3(a0)", 5, 0x9000_0003),
    "store": ("li a0, 0x90000000; here: sw a1, 8(a0)", 7, 0x9000_0008),
    "store of a halfword": ("li a0, 0x90000000; here: sh a1, 2(a0)", 7, 0x9000_0002),
    "store to the window of CSRs": ("li a0, 0xF0017E00; here: sw a1, 0(a0)", 7, 0xF001_7E00),
    "illegal instruction": ("here: .word 0xFFFFFFFF", 2, 0xFFFF_FFFF),
    "illegal short instruction": ("here: .half 0, 1", 2, 0),
    "floating point": ("here: .word 0x00B57553", 2, 0x00B5_7553),
    "Zba": ("here: .word 0x20B52533", 2, 0x20B5_2533),
    "unknown CSR": ("here: csrrs a0, 0x123, zero", 2, 0x1230_2573),
    "write of a read-only CSR": ("here: csrrw zero, mhartid, a0", 2, 0xF145_1073),
    "mie, which a CLIC replaces": ("here: csrrs a0, 0x304, zero", 2, 0x3040_2573),
    "sret": ("here: .word 0x10200073", 2, 0x1020_0073),
    "ebreak": ("here: ebreak", 3, None),
    "short ebreak": ("here: c.ebreak; c.nop", 3, None),
    "misaligned LR": (f"li a0, {SHARED + 2}; here: lr.w a1, 0(a0)", 4, SHARED + 2),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_tells_its_code_its_place_and_its_value(vpr: VprRig, what: str) -> None:
    code, number, value = FAULTS[what]
    program = PROGRAM.replace("here: j here", f"{code}\nhang: j hang")
    vpr.boot(program)
    vpr.run(60)
    registers, here = vpr.core.registers, label(vpr, "here")
    assert vpr.words(STACK - 8, 2) == [0x3800_0000 | number, here]
    assert (registers["PC"], registers["SP"]) == (label(vpr, "trap"), STACK - 8)
    assert (registers["MEPC"], registers["MCAUSE"] & 0xFFF) == (here, number)
    if value is not None:
        assert registers["MTVAL"] == value
    assert vpr.machine.events.counts(EventKind.FAULT, vpr.core.index) == {0x100 + number: 1}
    assert len(vpr.machine.warnings) == 1


def test_a_jump_to_nowhere_faults_at_its_target(vpr: VprRig) -> None:
    vpr.boot(PROGRAM.replace("here: j here", "li a0, 0x90000000; jr a0"))
    vpr.run(60)
    registers = vpr.core.registers
    assert vpr.words(STACK - 8, 2) == [0x3800_0001, 0x9000_0000]
    assert (registers["PC"], registers["MTVAL"]) == (label(vpr, "trap"), 0x9000_0000)


def test_a_faulting_load_changes_no_register_and_a_faulting_store_nothing_after_it(vpr: VprRig) -> None:
    vpr.boot(
        PROGRAM.replace("here: j here", "li a0, 0x90000000; li a1, 7; lw a1, 0(a0)").replace(
            "trap: j trap",
            "trap: csrr s0, mepc; addi s0, s0, 4; sw s0, 4(sp); addi s1, s1, 1; mret",
        )
        + "\n"
    )
    vpr.run(40)
    assert vpr.core.registers["A1"] == 7
    vpr.boot(
        PROGRAM.replace(
            "here: j here", "li a0, 0x90000000; sw a1, 0(a0); addi a2, a2, 1; hang: j hang"
        ).replace("trap: j trap", "trap: mv s0, a2; csrr s1, mcause; stop: j stop")
    )
    vpr.run(60)
    assert (vpr.core.registers["S0"], vpr.core.registers["S1"] & 0xFFF) == (0, 7)


def test_firmware_goes_on_behind_a_fault_where_its_handler_says(vpr: VprRig) -> None:
    """A handler that adds to the stacked mepc, not to the CSR, which mret does not use."""
    vpr.boot(
        PROGRAM.replace("here: j here", ".word 0xFFFFFFFF; addi a2, a2, 1; hang: j hang").replace(
            "trap: j trap", "trap: lw a0, 4(sp); addi a0, a0, 4; sw a0, 4(sp); mret"
        )
    )
    vpr.run(60)
    registers = vpr.core.registers
    assert (registers["A2"], registers["SP"], registers["PC"]) == (1, STACK, label(vpr, "hang"))


# What mret pops: by the interrupt bit of mcause, as Zephyr's switch needs it


def test_a_thread_that_an_interrupt_stopped_is_resumed_from_an_ecall(vpr: VprRig) -> None:
    """An exception's mret pops two words, here those above the ten registers that software has restored."""
    vpr.boot(
        PROGRAM.replace("here: j here", "ecall; hang: j hang").replace(
            "trap: j trap",
            f"trap: li sp, {STACK - 0x108}; la a0, resumed; sw a0, 4(sp); li a1, 0xB8000005; sw a1, 0(sp); mret\n"
            "resumed: j resumed",
        )
    )
    vpr.run(60)
    registers = vpr.core.registers
    assert (registers["PC"], registers["SP"]) == (label(vpr, "resumed"), STACK - 0x100)
    assert (registers["MINTSTATUS"], registers["MSTATUS"]) == (0, 0x1888)


def test_a_thread_that_made_an_ecall_is_resumed_from_an_interrupt(vpr: VprRig) -> None:
    """An interrupt's mret pops twelve words, ten of which software has stacked at the ECALL; mcause says exception."""
    frame = STACK - 0x130
    for offset in range(0, 40, 4):
        vpr.core.bus.write32(frame + offset, 0x4444_0000 + offset)
    vpr.boot(
        PROGRAM.replace(
            "taken: j taken",
            f"taken: li sp, {frame}; li a0, 0x3800000B; sw a0, 40(sp); la a0, resumed; sw a0, 44(sp); mret\n"
            "resumed: j resumed",
        )
    )
    vpr.run(50)
    vpr.enable(5)
    vpr.pend(5)
    vpr.run(50)
    registers = vpr.core.registers
    assert (registers["PC"], registers["SP"]) == (label(vpr, "resumed"), STACK - 0x100)
    assert registers["MINTSTATUS"] == 0
    assert [registers[name] for name in STACKED] == [0x4444_0000 + offset for offset in range(0, 40, 4)]


def test_the_first_frame_of_a_thread_starts_it_with_interrupts_on(vpr: VprRig) -> None:
    """As Zephyr builds it: mcause 0, and MPIE in mstatus, outside of any handler."""
    frame = STACK - 0x48
    vpr.boot(
        PROGRAM.replace(
            "here: j here",
            f"li sp, {frame}; sw zero, 0(sp); la a0, thread; sw a0, 4(sp); li a1, 0x1880; csrw mstatus, a1; mret\n"
            "thread: j thread",
        )
    )
    vpr.run(60)
    registers = vpr.core.registers
    assert (registers["PC"], registers["SP"]) == (label(vpr, "thread"), frame + 8)
    assert (registers["MSTATUS"], registers["MINTSTATUS"]) == (0x1888, 0)


def test_an_ecall_within_a_handler_leaves_the_way_out_of_it_as_it_was(vpr: VprRig) -> None:
    vpr.boot(
        PROGRAM.replace("taken: j taken", "taken: li a0, 1; ecall; addi a1, a0, 1; mret").replace(
            "trap: j trap", "trap: lw s0, 4(sp); addi s0, s0, 4; sw s0, 4(sp); csrr s1, mcause; mret"
        )
    )
    vpr.run(50)
    vpr.firmware.write_registers({**VALUES, "SP": STACK})
    vpr.enable(5, 0x7F)
    vpr.pend(5)
    vpr.run(50)
    registers = vpr.core.registers
    assert registers["S1"] == 0x307F_000B, "the level of the interrupt stays, MPIE is what MIE was"
    assert (registers["PC"], registers["SP"]) == (label(vpr, "here"), STACK)
    assert {name: registers[name] for name in STACKED} == {name: VALUES[name] for name in STACKED}
    assert (registers["MSTATUS"], registers["MINTSTATUS"]) == (0x1888, 0)


# What cannot be stacked


@pytest.mark.parametrize(
    ("sp", "frame", "words"),
    [
        (0x2000_0010, 0x1FFF_FFE0, "an interrupt's frame that is not in memory"),
        (0x2000_0008, 0x1FFF_FFD8, "an interrupt's frame that is not in memory"),
    ],
)
def test_an_interrupt_whose_frame_does_not_fit_is_an_exception(
    vpr: VprRig, sp: int, frame: int, words: str
) -> None:
    interrupted(vpr, sp)
    registers = vpr.core.registers
    assert registers["MCAUSE"] == 0x3800_0019
    assert (registers["MTVAL"], registers["PC"]) == (frame, label(vpr, "trap"))
    assert any(f"interrupt 5: {words} (0x{frame:08X})" in str(text) for text in vpr.machine.warnings)


def test_a_vector_that_is_nowhere_is_an_exception(vpr: VprRig) -> None:
    vpr.boot(PROGRAM.replace("la t0, vectors", "li t0, 0x90000000"))
    vpr.run(50)
    vpr.enable(5)
    vpr.pend(5)
    vpr.run(50)
    assert vpr.core.registers["MCAUSE"] == 0x7800_001A, "with MINHV: it was in hardware vectoring"
    assert vpr.core.registers["MTVAL"] == 0x9000_0054


@pytest.mark.parametrize(
    ("sp", "words"),
    [
        (0, "an exception whose frame cannot be stacked"),
        (0x9000_0000, "an exception whose frame cannot be stacked"),
        (STACK - 2, "an interrupt with a stack pointer that is no multiple of 4"),
    ],
)
def test_without_a_stack_the_core_locks_up_alone(vpr: VprRig, sp: int, words: str) -> None:
    interrupted(vpr, sp)
    assert vpr.core.is_locked_up
    assert words in vpr.core.lock_up
    assert "core flpr is locked up at PC" in vpr.core.lock_up
    vpr.run(1000)
    vpr.core.start()
    assert not vpr.core.is_locked_up, "a reset ends it"


def test_an_mret_without_a_frame_is_an_exception(vpr: VprRig) -> None:
    vpr.boot(PROGRAM.replace("here: j here", "li sp, 0x2003FFFC; here: mret"))
    vpr.run(50)
    registers = vpr.core.registers
    assert registers["MCAUSE"] & 0xFFF == 0x1C
    assert (registers["MEPC"], registers["PC"]) == (label(vpr, "here"), label(vpr, "trap"))


def test_a_handler_that_is_no_code_locks_the_core_up(vpr: VprRig) -> None:
    vpr.boot(
        PROGRAM.replace("trap: j trap", "trap: .word 0xFFFFFFFF").replace("here: j here", "here: ebreak")
    )
    vpr.run(50)
    assert "an instruction that this core does not have" in vpr.core.lock_up
    assert vpr.core.registers["SP"] == STACK - 8


def test_a_core_that_never_set_mtvec_locks_up(vpr: VprRig) -> None:
    vpr.boot("start: ebreak")
    vpr.run(50)
    assert vpr.core.is_locked_up


# The other order, of a bus of 64 bits


def test_a_bus_of_64_bits_stacks_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Order of early silicon (soc_isr_stacking.h, nordic,bus-width = <64>)."""
    monkeypatch.setitem(ORDERS, 32, ORDERS[64])
    with VprRig() as vpr:
        interrupted(vpr, STACK - 4)
        order = ("T2", "RA", "T0", "T1", "A4", "A5", "A2", "A3", "A0", "A1")
        assert vpr.words(STACK - 56, 10) == [VALUES[name] for name in order]
        assert vpr.words(STACK - 16, 2) == [label(vpr, "here") | 1, 0xB800_0015]
