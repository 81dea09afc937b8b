"""A hart of RV32 in the Monitor: what Renode answers for it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES: Final = Path(__file__).parent.parent / "engines/embedded/harts"
PLATFORM: Final = """\
ram: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x100000

uart: UART.NS16550 @ sysbus 0x10000000
    IRQ -> plic@3

cpu: CPU.RiscV32 @ sysbus
    cpuType: "rv32imac_zicsr_zifencei"
    timeProvider: clint
    hartId: 0

plic: IRQControllers.PlatformLevelInterruptController @ sysbus 0x0C000000
    0 -> cpu@11
    numberOfSources: 52
    numberOfContexts: 1

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x02000000
    [0,1] -> cpu@[3,7]
    frequency: 10000000
"""
LOOP: Final = struct.pack("<3I", 0x00150513, 0x00A02823 | 0 << 15, 0xFF9FF06F)
"""addi a0, a0, 1; sw a0, 16(zero); j the first one."""


@pytest.fixture
def hart(tmp_path: Path) -> Iterator[EmbeddedMonitor]:
    (tmp_path / "hart.repl").write_text(PLATFORM)
    with EmbeddedMonitor(tmp_path) as monitor:
        monitor.execute("using sysbus; mach create; machine LoadPlatformDescription @hart.repl")
        yield monitor


def test_registers_before_a_run_are_those_of_renode_after_a_reset(hart: EmbeddedMonitor) -> None:
    told = hart.execute(
        "cpu PC; cpu MTVEC; cpu MSTATUS; cpu MIE; cpu MIP; cpu FP; cpu HartId; cpu Architecture"
    )
    assert told.split() == ["0x1000", "0x1010", "0x1800", "0x0", "0x0", "0x0", "0x00000000", "riscv"]
    assert hart.execute("cpu Model") == "rv32imac_zicsr_zifencei"


@pytest.mark.parametrize("name", ["a0", "A0", "X10", "x10"])
def test_a_register_has_renodes_names_and_number(hart: EmbeddedMonitor, name: str) -> None:
    hart.execute(f'cpu SetRegister "{name}" 0x1234')
    assert hart.execute(f'cpu GetRegister "{name}"') == hart.execute("cpu GetRegister 10") == "0x1234"
    hart.execute("cpu SetRegister 10 0x4321")
    assert hart.execute(f'cpu GetRegister "{name}"') == "0x4321"


def test_a_register_that_is_none_is_refused_as_in_renode(hart: EmbeddedMonitor) -> None:
    with pytest.raises(MonitorError, match="Wrong register name: r0"):
        hart.execute('cpu GetRegister "r0"')
    with pytest.raises(MonitorError, match="Wrong register index: 999"):
        hart.execute("cpu SetRegister 999 1")
    with pytest.raises(MonitorError, match="does not provide a field, method or property VectorTableOffset"):
        hart.execute("cpu VectorTableOffset")


def test_the_tables_of_registers_are_renodes(hart: EmbeddedMonitor) -> None:
    names = hart.execute("cpu GetRegisters").splitlines()
    assert (
        names[1]
        == "ZERO / X0, RA / X1, SP / X2, GP / X3, TP / X4, X5 / T0, X6 / T1, X7 / T2, FP / X8 / S0, X9 / S1, "
    )
    assert names[4].startswith("X30 / T5, X31 / T6, PC, ")
    rows = [
        [part.strip() for part in row.split("|")[1:-1]]
        for row in hart.execute("cpu GetRegistersValues").splitlines()
    ]
    assert ["X10 / A0", "10", "0x0"] in rows
    assert ["PC", "32", "0x1000"] in rows
    assert ["MTVEC", "838", "0x1010"] in rows
    assert ["MISA", "834", "0x40101105"] in rows


def test_what_is_set_before_a_run_is_there_when_the_hart_begins(hart: EmbeddedMonitor) -> None:
    for at, word in enumerate(struct.unpack("<3I", LOOP)):
        hart.execute(f"sysbus WriteDoubleWord {0x8000_0000 + 4 * at} {word}")
    hart.execute(
        'cpu PC 0x80000000; cpu SetRegister "A0" 41; cpu MSCRATCH 0x77; cpu ExecutionMode SingleStep'
    )
    assert hart.execute("cpu Step") == "0x0000000080000004"
    assert hart.execute("cpu GetRegister 10; cpu MSCRATCH; cpu ExecutedInstructions").split() == [
        "0x2a",
        "0x77",
        "0x0000000000000001",
    ]
    hart.execute('cpu SetRegister "MTVEC" 0x80000103; cpu MEPC 0x80000001')
    assert hart.execute("cpu MTVEC; cpu MEPC").split() == ["0x80000101", "0x80000000"]


def test_an_image_begins_at_its_entry_and_prints(hart: EmbeddedMonitor) -> None:
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'timer.elf')}")
    assert hart.execute("cpu PC; cpu ResetVector").split() == ["0x80000000", "0x0000000080000000"]
    hart.execute("emulation RunFor '0.001'")
    assert hart.machine is not None
    assert hart.machine.core("cpu").console.text.startswith("tick at 000003ea\n")


def test_hooks_and_breakpoints_see_the_hart_at_a_function(hart: EmbeddedMonitor) -> None:
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'timer.elf')}")
    address = int(hart.execute("sysbus GetSymbolAddress 'handle'"), 0)
    hart.execute(f"cpu AddHook {address} 'self.InfoLog(\"cause \" + hex(int(self.GetRegister(10))))'")
    hart.execute("emulation RunFor '0.00025'")
    told = [entry.text for entry in hart.log.last(99) if "cause" in entry.text]
    assert len(told) == 2
    assert told[0].lower().rstrip("l").endswith("cause 0x80000007")


def test_a_line_of_a_hart_can_be_driven_by_hand(hart: EmbeddedMonitor) -> None:
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'hello-ns16550.elf')}; emulation RunFor '0.001'")
    assert hart.execute("cpu MIP") == "0x0"
    hart.execute("cpu OnGPIO 16 true; cpu OnGPIO 3 true")
    assert hart.execute("cpu MIP") == "0x10008"
    hart.execute("cpu OnGPIO 16 false")
    assert hart.execute("cpu MIP") == "0x8"


def test_the_timer_and_the_plic_are_read_by_offset(hart: EmbeddedMonitor) -> None:
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'plic.elf')}; emulation RunFor '0.001'")
    assert hart.execute("clint ReadDoubleWord 0xBFF8") == "0x00002710"
    assert hart.execute("plic ReadDoubleWord 0x2000; plic ReadDoubleWord 12").split() == [
        "0x00000008",
        "0x00000001",
    ]
    assert hart.execute("plic IsOutputSet 0") == "False"


def test_code_of_a_hart_is_disassembled(hart: EmbeddedMonitor) -> None:
    pytest.importorskip("capstone")
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'timer.elf')}")
    assert "csrr\ta0, mhartid" in hart.execute("cpu DisassembleBlock 0x80000000 4")


def test_the_executed_code_is_traced(hart: EmbeddedMonitor, tmp_path: Path) -> None:
    hart.execute(f"sysbus LoadELF {typed(IMAGES / 'hello-ns16550.elf')}")
    hart.execute(
        f"cpu CreateExecutionTracing 't' {typed(tmp_path / 'trace.txt')} PC; emulation RunFor '0.001'"
    )
    hart.execute("cpu DisableExecutionTracing")
    lines = (tmp_path / "trace.txt").read_text().split()
    assert lines[0] == "0x80000000"
    assert len(lines) == 65
