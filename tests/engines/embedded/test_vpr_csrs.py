"""The CSRs of a VPR for its firmware: reset values, what can be written, those of devices, those that it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from riscv import STACK

from icmsg.engines.embedded.memory import IoRange
from icmsg.errors import BusError

if TYPE_CHECKING:
    from vpr_rig import VprRig

TRAP: Final = """
 j hang
.align 6
trap: csrr s0, mcause
 csrr s1, mtval
dead: j dead
hang: j hang
"""
PROLOGUE: Final = "start: la t0, trap; csrw mtvec, t0; "


def execute(vpr: VprRig, source: str, count: int = 100) -> dict[str, int]:
    vpr.boot(PROLOGUE + source + TRAP)
    vpr.run(count)
    return vpr.core.registers


def test_reset_values(vpr: VprRig) -> None:
    """MDK of the nRF54L family, VPRCSR_…_ResetValue."""
    numbers = {
        0x300: 0x1800,
        0x301: 0x4000_1016,
        0x305: 3,
        0x307: 0,
        0x320: 5,
        0x340: 0,
        0x341: 0,
        0x342: 0x3000_0000,
        0x343: 0,
        0x346: 0,
        0x347: 0x1F,
        0x350: 0xF000_0000,
        0x7C0: 0,
        0x7C1: 2,
        0x7C2: 2,
        0xB00: 0,
        0xB02: 0,
        0xF11: 0x144,
        0xF12: 0x8000_006E,
        0xF14: 14,
    }
    reads = "; ".join(f"csrrs a0, {number}, zero; sw a0, {4 * at}(sp)" for at, number in enumerate(numbers))
    vpr.boot(f"start: li sp, {STACK - 0x100}; {reads}; hang: j hang", stack=None)
    vpr.run(200)
    assert dict(zip(numbers, vpr.words(STACK - 0x100, len(numbers)), strict=True)) == numbers


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (0x300, 0x88),
        (0x305, 0xFFFF_FFC0),
        (0x307, 0xFFFF_FFC0),
        (0x320, 0x5),
        (0x340, 0xFFFF_FFFF),
        (0x341, 0xFFFF_FFFE),
        (0x342, 0xC8FF_0FFF),
        (0x343, 0xFFFF_FFFF),
        (0x347, 0xFF),
        (0x7C1, 0x3_000F),
        (0x301, 0),
        (0x346, 0),
        (0x350, 0),
    ],
)
def test_the_bits_that_can_be_written(vpr: VprRig, number: int, kept: int) -> None:
    registers = execute(
        vpr,
        f"csrrci zero, {number}, 0; li a0, -1; csrrw a1, {number}, a0; csrrs a2, {number}, zero;"
        f" csrrw a3, {number}, zero; csrrs a4, {number}, zero",
    )
    ones, zeros = registers["A2"], registers["A4"]
    assert (ones ^ zeros) == kept
    assert registers["A3"] == ones


def test_set_and_clear_give_the_value_from_before(vpr: VprRig) -> None:
    registers = execute(
        vpr,
        "li a0, 0xF0; csrw mscratch, a0; li a1, 0x1F; csrrs a2, mscratch, a1; csrrc a3, mscratch, a0;"
        "csrrsi a4, mscratch, 16; csrrci a5, mscratch, 3; csrr s0, mscratch",
    )
    assert [registers[name] for name in ("A2", "A3", "A4", "A5", "S0")] == [0xF0, 0xFF, 0x0F, 0x1F, 0x1C]


def test_the_same_register_may_be_source_and_target(vpr: VprRig) -> None:
    registers = execute(
        vpr, "li a0, 7; csrw mscratch, a0; li a0, 9; csrrw a0, mscratch, a0; csrr a1, mscratch"
    )
    assert (registers["A0"], registers["A1"]) == (7, 9)


def test_mcause_and_mstatus_show_the_same_previous_state(vpr: VprRig) -> None:
    registers = execute(
        vpr, "li a0, 0x80; csrw mstatus, a0; csrr a1, mcause; csrw mcause, zero; csrr a2, mstatus"
    )
    assert (registers["A1"], registers["A2"]) == (0x3800_0000, 0x1800)


def test_nordic_control_is_written_with_its_key_alone(vpr: VprRig) -> None:
    registers = execute(
        vpr,
        "li a0, 0x507D0001; csrw nordicctrl, a0; csrr a1, nordicctrl; li a0, 0x12340000; csrw nordicctrl, a0;"
        "csrr a2, nordicctrl; li a0, 0x507D0000; csrc nordicctrl, a0; csrr a3, nordicctrl",
    )
    assert [registers[name] for name in ("A1", "A2", "A3")] == [1, 1, 1]


def test_counters_stand_after_a_reset_and_count_instructions_when_they_are_let(vpr: VprRig) -> None:
    registers = execute(
        vpr,
        "csrr a0, mcycle; nop; csrr a1, mcycle; csrw mcountinhibit, zero; nop; nop; csrr a2, minstret;"
        "csrr a3, mcycle; csrrs a4, 0xC00, zero; csrr a5, minstret",
    )
    assert [registers[name] for name in ("A0", "A1", "A2", "A3", "A4", "A5")] == [0, 0, 3, 4, 5, 6]


def test_counters_can_be_set_and_are_64_bits_wide(vpr: VprRig) -> None:
    registers = execute(
        vpr,
        "li a0, -2; csrw mcycle, a0; csrwi mcountinhibit, 4; nop; nop; csrr a1, mcycle; csrrs a2, 0xB80, zero;"
        "csrrwi zero, 0xB80, 9; csrrs a3, 0xC80, zero",
    )
    assert (registers["A1"], registers["A2"], registers["A3"]) == (1, 1, 9)


def test_two_runs_count_the_same(vpr: VprRig) -> None:
    source = "csrw mcountinhibit, zero; li a0, 100; again: addi a0, a0, -1; bnez a0, again; csrr a1, mcycle"
    first = execute(vpr, source, 400)["A1"]
    assert first == execute(vpr, source, 400)["A1"] > 200


def test_counters_read_through_changed_code_and_behind_a_sleep_are_exact(vpr: VprRig) -> None:
    """Runs of the emulator end before such an instruction; it may be gone, or new, when the core comes back."""
    source = """
csrw mcountinhibit, zero
li a0, 3
again: patched: csrrs a1, 0xC00, zero
csrrs a2, 0xC02, zero
addi a0, a0, -1
la a3, patched
la a4, other
lw a4, 0(a4)
lw a5, 0(a3)
sw a4, 0(a3)
bnez a0, again
csrrs s0, 0xC00, zero
csrrs s1, 0xC02, zero
stop: j stop
other: addi a1, zero, 77
"""
    registers = execute(vpr, source, 200)
    assert (registers["A1"], registers["S0"], registers["S1"]) == (77, 36, 37), (
        "2 and 3 * 11 instructions before"
    )


@pytest.mark.parametrize("number", [0x001, 0x304, 0x344, 0x180, 0x3A0, 0xC01, 0xC03, 0xC81, 0x306, 0x7B0])
def test_what_it_does_not_have_is_an_illegal_instruction(vpr: VprRig, number: int) -> None:
    registers = execute(vpr, f"csrrs a0, {number}, zero")
    assert registers["S0"] & 0xFFF == 2
    assert f"csrrs of CSR 0x{number:03X}, which this core does not have" in str(vpr.machine.warnings[0])


def test_real_time_peripherals_are_refused_in_words(vpr: VprRig) -> None:
    execute(vpr, "csrrw zero, 0x7D0, a0")
    assert "csrrw of CSR 0x7D0, a real-time peripheral of the VPR (VTIM, VIO, …) that is not modelled" in str(
        vpr.machine.warnings[0]
    )


# What devices of its bus have


class Window:
    """A device with one CSR, 0x7E0, which notes each access."""

    def __init__(self) -> None:
        self.value = 0
        self.accesses: list[tuple[str, int]] = []

    def read32(self, offset: int) -> int:
        self._check(offset)
        self.accesses.append(("read", self.value))
        return self.value

    def write32(self, offset: int, value: int) -> None:
        self._check(offset & ~0xF)
        self.accesses.append(({0: "write", 4: "set", 8: "clear"}[offset & 0xF], value))
        self.value = {0: value, 4: self.value | value, 8: self.value & ~value}[offset & 0xF]

    def _check(self, offset: int) -> None:
        if offset != 0x7E00:
            raise BusError("nothing there", address=offset, width=32, core="flpr")

    read8 = read16 = read32
    write8 = write16 = write32

    def reset(self) -> None:
        self.value = 0


@pytest.fixture
def window(vpr: VprRig) -> Window:
    made = Window()
    vpr.core._slot.space.add(IoRange(0xF001_0000, 0xF002_0000, made, "window"))
    return made


def test_csr_instructions_reach_a_device(vpr: VprRig, window: Window) -> None:
    registers = execute(
        vpr,
        "li a0, 0xF0; csrrw a1, tasks, a0; csrrsi a2, tasks, 9; csrrci a3, tasks, 1; csrr a4, tasks;"
        "csrw tasks, zero; csrci tasks, 2",
    )
    assert [registers[name] for name in ("A1", "A2", "A3", "A4")] == [0, 0xF0, 0xF9, 0xF8]
    assert window.accesses == [
        *(("read", 0), ("write", 0xF0)),
        *(("read", 0xF0), ("set", 9)),
        *(("read", 0xF9), ("clear", 1)),
        ("read", 0xF8),
        ("write", 0),
        *(("read", 0), ("clear", 2)),
    ]


def test_a_csr_that_no_device_answers_is_an_illegal_instruction(vpr: VprRig, window: Window) -> None:
    registers = execute(vpr, "csrrs a0, events, zero")
    assert registers["S0"] & 0xFFF == 2
    assert not window.accesses


@pytest.mark.parametrize(
    ("access", "code"), [("lw a0, 0(a1)", 5), ("sw a0, 0(a1)", 7)], ids=["load", "store"]
)
def test_loads_and_stores_do_not_reach_it(vpr: VprRig, window: Window, access: str, code: int) -> None:
    registers = execute(vpr, f"li a1, 0xF0017E00; {access}")
    assert registers["S0"] & 0xFFF == code
    assert not window.accesses


def test_what_a_device_raises_reaches_the_caller(vpr: VprRig, window: Window) -> None:
    def broken(_offset: int) -> int:
        raise RuntimeError("broken")

    window.read32 = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="broken"):
        execute(vpr, "csrr a0, tasks")
