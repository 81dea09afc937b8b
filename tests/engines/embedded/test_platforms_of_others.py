"""Platform files of others: Renode's defaults, one core that nobody names, and stand-ins for what is not modelled."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from looped import for_each
from thumb import code
from uart_firmware import LINE, UARTS, image

from icmsg.cli.main import main
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.errors import PlatformError
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.monitor.embedded import EmbeddedMonitor
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Callable

_RAM: Final = 0x2000_0000
_FLASH: Final = 0x0800_0000
SMALL: Final = """
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    IRQ -> cpu@0

cpu: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvic

flash: Memory.MappedMemory @ sysbus 0x08000000
    size: 0x2000

sram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x2000
"""
"""The least that anybody writes, with nothing said that Renode has a default for."""

BOARD: Final = """
using "./chip.repl"

led: Miscellaneous.LED @ gpioA 5

gpioA:
    5 -> led@0

usart2: @ none
"""
CHIP: Final = (
    SMALL
    + """
nvic:
    priorityMask: 0xF0
    haltSystickOnDeepSleep: false

exti: IRQControllers.STM32F4_EXTI @ sysbus 0x40013C00
    numberOfOutputLines: 24
    [0-4] -> nvic@[6-10]

gpioA: GPIOPort.STM32_GPIOPort @ {
        sysbus <0x40020000, +0x400>;
        rcc Alias.GPIOA
    }
    modeResetValue: 0xA8000000
    [0-15] -> exti@[0-15]

rcc: Miscellaneous.STM32F4_RCC @ sysbus 0x40023800
    rtcPeripheral: exti

usart1: UART.STM32F7_USART @ sysbus 0x40011000
    frequency: 200000000
    IRQ -> nvic@37
    ReceiveDmaRequest -> dma@5

usart2: UART.STM32F7_USART @ sysbus 0x40004400
    frequency: 200000000
    IRQ -> nvic@38

dma: DMA.STM32DMA @ {
        sysbus new Bus.BusMultiRegistration { address: 0x40026000; size: 0x200; region: "one" };
        sysbus new Bus.BusMultiRegistration { address: 0x40026200; size: 0x200; region: "two" }
    }

ready: Python.PythonPeripheral @ sysbus 0x40007000
    size: 0x4
    initable: true
    script: "request.Value = 0x4000"

toggles: Python.PythonPeripheral @ sysbus 0x40007004
    size: 0x4
    initable: true
    filename: "scripts/pydev/flipflop.py"

counts: Python.PythonPeripheral @ sysbus 0x40007008
    size: 0x4
    initable: true
    filename: "scripts/pydev/ticker.py"

computes: Python.PythonPeripheral @ sysbus 0x4000700C
    size: 0x4
    script: "request.Value = 1 if request.IsRead else 0"

sysbus:
    init:
        ApplySVD @https://example.com/chip.svd
        Tag <0xE000E010 0x10> "SYSTICK"
        Tag <0x60000000 0x20000000> "external memory" 0x5A
"""
)


def load(text: str, name: str = "some.repl") -> EmbeddedMachine:
    return EmbeddedMachine(parse_platform(text, name))


def board(folder: Path) -> Path:
    """Write a board and its chip in a folder with a difficult name."""
    where = folder / "mit Umläuten"
    where.mkdir()
    (where / "chip.repl").write_text(CHIP, encoding="utf-8")
    (where / "board.repl").write_text(BOARD, encoding="utf-8")
    return where / "board.repl"


def program(source: str) -> FirmwareImage:
    table = [_RAM + 0x1000, *[_FLASH + 0x101] * 63]
    data = struct.pack("<64I", *table) + code(f"{source}\n b .\n .ltorg", _FLASH + 0x100)
    return FirmwareImage(
        Path("test.elf"), (Segment(_FLASH, _FLASH, data, executable=True),), _FLASH + 0x101, {}
    )


def elf(image: FirmwareImage, path: Path) -> Path:
    """Write an image with one segment as an ELF file."""
    (segment,) = image.segments
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", ident, 2, 40, 1, segment.load_address | 1, 52, 0, 0, 52, 32, 1, 40, 0, 0
    )
    where = segment.load_address
    table = struct.pack("<8I", 1, 84, where, where, len(segment.data), len(segment.data), 5, 4)
    path.write_bytes(header + table + segment.data)
    return path


def test_a_core_without_a_name_has_everything_and_renodes_defaults() -> None:
    with load(f"{SMALL}\nserial: UART.PL011 @ sysbus 0x40011000\n    -> nvic@5\n") as machine:
        core = machine.core("cpu")
        core.load(image(UARTS["UART.PL011"], 0x4001_1000, flash=_FLASH, interrupt=5))
        core.start()
        machine.run_for(100_000)
        core.console.write("ok")
        machine.run_for(100_000)
        assert core.console.text == f"{LINE}\nok"
        core.bus.write32(0xE000_E400, 0xFFFF_FFFF)
        assert core.bus.read32(0xE000_E400) == 0xFFFF_FFFF
        core.bus.write32(0xE000_E014, 0xFF_FFFF)  # SysTick counts with 50 * 0x800000 Hz
        core.bus.write32(0xE000_E018, 0)
        core.bus.write32(0xE000_E010, 5)
        machine.run_for(1_000_000)
        assert 0xFF_FFFF - core.bus.read32(0xE000_E018) == pytest.approx(419_430, abs=200)


def test_what_is_not_modelled_is_named_in_one_line_and_warned_of_at_its_first_access(tmp_path: Path) -> None:
    with EmbeddedMachine(board(tmp_path)) as machine:
        line = machine.announcement
        assert "\n" not in line
        assert {*machine.stand_ins} == {"exti", "rcc", "gpioA", "dma"}
        assert "GPIOPort.STM32_GPIOPort (gpioA), IRQControllers.STM32F4_EXTI (exti)" in line
        core = machine.core("cpu")
        core.load(
            program("""
         ldr r0, =0x40020000; ldr r1, =0x12345678; str r1, [r0, #8]; ldr r2, [r0, #8]; ldrb r3, [r0, #9]
         ldr r0, =0x40023800; ldr r4, [r0]
         ldr r0, =0x40026000; str r1, [r0]; ldr r5, =0x40026200; ldr r5, [r5]
         ldr r6, =0x20000000; str r2, [r6]; str r3, [r6, #4]; str r4, [r6, #8]; str r5, [r6, #12]
        """)
        )
        core.start()
        machine.run_for(10_000)
        assert [core.bus.read32(_RAM + offset) for offset in (0, 4, 8, 12)] == [0x1234_5678, 0x56, 0, 0]
        assert [
            (warning.what.partition(",")[0], warning.address, warning.count) for warning in machine.warnings
        ] == [
            ("write of gpioA (GPIOPort.STM32_GPIOPort)", 0x4002_0008, 1),
            ("read of rcc (Miscellaneous.STM32F4_RCC)", 0x4002_3800, 1),
            ("write of dma (DMA.STM32DMA)", 0x4002_6000, 1),
            ("read of dma (DMA.STM32DMA)", 0x4002_6200, 1),
        ]
        machine.reset()
        assert machine.bus.read32(0x4002_0008) == 0


def test_python_of_a_platform_file_is_executed_and_begins_anew_at_a_reset(tmp_path: Path) -> None:
    with EmbeddedMachine(board(tmp_path)) as machine:
        bus = machine.core("cpu").bus
        assert [bus.read32(0x4000_7000) for _ in range(2)] == [0x4000, 0x4000]
        assert [bus.read32(0x4000_7004) for _ in range(3)] == [0xFFFF_FFFF, 0, 0xFFFF_FFFF]
        assert [bus.read32(0x4000_7008) for _ in range(3)] == [1, 2, 3]
        assert bus.read32(0x4000_700C) == 1
        assert "PythonPeripheral" not in machine.announcement
        bus.write32(0x4000_7008, 7)
        assert bus.read32(0x4000_7008) == 5
        machine.reset()
        assert bus.read32(0x4000_7008) == 1


def test_tags_answer_beside_the_core_s_own_registers_and_over_large_ranges(tmp_path: Path) -> None:
    with EmbeddedMachine(board(tmp_path)) as machine:
        bus = machine.core("cpu").bus
        assert bus.read32(0xE000_ED00) == 0x410F_D214
        assert [bus.read8(address) for address in (0x6000_0000, 0x7FFF_FFFF)] == [0x5A, 0x5A]


def test_the_monitor_runs_such_a_file_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    firmware = elf(
        image(UARTS["UART.STM32F7_USART"], 0x4001_1000, flash=_FLASH), tmp_path / "hello world.elf"
    )
    script = tmp_path / "try.resc"
    script.write_text(
        f"mach create\nmachine LoadPlatformDescription {monitor_path(board(tmp_path))}\n"
        f"sysbus LoadELF {monitor_path(firmware)}\nshowAnalyzer usart1\n"
        'emulation RunFor "0.001"\nusart1 WriteLine "again" false\nemulation RunFor "0.001"\n'
        "usart1 DumpHistoryBuffer\nquit\n",
        encoding="utf-8",
    )
    assert main(["monitor", "--engine", "embedded", str(script)]) == 0
    found = capsys.readouterr()
    said = found.out + found.err
    assert said.count("has no models of") == 1
    assert re.search(rf"usart1: \[.*\] {LINE}", said)
    assert f"{LINE}\nagain" in said


def test_a_peripheral_is_called_by_what_it_is_registered_in(tmp_path: Path) -> None:
    with EmbeddedMonitor() as monitor:
        monitor.execute("mach create")
        monitor.execute(f"machine LoadPlatformDescription {monitor_path(board(tmp_path))}")
        assert monitor.emulation.selected is not None
        assert {"sysbus.gpioA", "sysbus.gpioA.led", "sysbus.usart2"} <= {*monitor.emulation.selected.devices}


SPLIT: Final = """
header: Memory.MappedMemory @ {
        sysbus 0x00A00000;
        sysbus 0x31000000
    }
    size: 0x2400
    init:
        WriteWord 0x23FE 0xBEEF
        WriteDoubleWord 0x0 `py "print 3"`

text: Memory.MappedMemory @ {
        sysbus 0x00A02400;
        sysbus 0x31002400
    }
    size: 0x400

option: Memory.MappedMemory @ sysbus 0x0100A000
    size: 0x100
"""


def test_memories_of_any_size_are_there_and_may_share_a_page() -> None:
    with load(SMALL + SPLIT) as machine:
        bus = machine.core("cpu").bus
        bus.write32(0x00A0_2400, 0x1122_3344)
        assert bus.read32(0x3100_2400) == 0x1122_3344
        assert bus.read16(0x3100_23FE) == 0xBEEF
        assert machine.memories["text"].bytes[:4] == bytes.fromhex("44332211")
        assert [machine.memories[name].size for name in ("header", "text", "option")] == [
            0x2400,
            0x400,
            0x100,
        ]
        bus.write8(0x0100_A0FF, 1)
        assert "commands left out, since they need Python: header WriteDoubleWord 0x0 `py" in (
            machine.announcement
        )
        assert len(machine.trace_sha256()) == 64


BANDS: Final = """
bands: Miscellaneous.BitBanding @ sysbus <0x22000040, 0x23FFFFFF>
    peripheralBase: 0x20000000
"""


def test_a_large_peripheral_is_a_few_ranges_wherever_it_begins_and_ends() -> None:
    with load(SMALL + BANDS) as machine:
        bus = machine.core("cpu").bus
        for address in (0x2200_0040, 0x2300_0000, 0x23FF_FFF8):
            bus.write32(address, address)
            assert bus.read32(address) == address
        pages = [
            each for each in machine.slots["cpu"].space.ranges if 0x2200_0000 <= each.start < 0x2400_0000
        ]
        assert len(pages) == 3


TWO: Final = """
cluster: CPU.Cluster @ sysbus

cpu0: CPU.ARMv8A @ cluster
    cpuType: "cortex-a55"
    genericInterruptController: gic

cpu_m33: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvic

helper: CPU.CortexM @ sysbus
    cpuType: "cortex-m0+"
    nvic: nvic1
    IsHalted: true

nvic: IRQControllers.NVIC @ { sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpu_m33 } }
    -> cpu_m33@0

nvic1: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: helper }
    -> helper@0

gic: IRQControllers.ARM_GenericInterruptController @ {
        sysbus new Bus.BusMultiRegistration { address: 0x11900000; size: 0x10000; region: "main"; cluster: cluster };
        sysbus new IRQControllers.ArmGicRedistributorRegistration { visibleTo: cpu_m33; address: 0x41940000 };
        sysbus new Bus.BusMultiRegistration { address: 0x41900000; size: 0x10000; region: "main"; cpu: cpu_m33 }
    }

ram: Memory.MappedMemory @ {
        sysbus new Bus.BusPointRegistration { address: 0x000010000; cluster: cluster };
        sysbus new Bus.BusPointRegistration { address: 0x20000000; cpu: cpu_m33 };
        sysbus new Bus.BusPointRegistration { address: 0x0; cpu: helper }
    }
    size: 0x10000

big: Memory.MappedMemory @ sysbus new Bus.BusPointRegistration { address: 0x050000000; cluster: cluster }
    size: 0xF0000000

scif: SCI.RenesasRZG_SCIFA @ {
        sysbus new Bus.BusPointRegistration { address: 0x1004B800; cluster: cluster };
        sysbus new Bus.BusPointRegistration { address: 0x4004B800; cpu: cpu_m33 }
    }
    frequency: 100_000_000
    [0-4] -> gic@[380-384] | nvic@[380-384]

shared: UART.RenesasDA14_UART @ sysbus 0x50020000
    -> nvic1@4

sysc: Miscellaneous.Sysc @ sysbus 0x50030000
    cpu0: cpu0
    m33: cpu_m33
"""


def test_cores_of_other_kinds_are_left_out_with_what_only_they_see() -> None:
    with load(TWO) as machine:
        assert list(machine.cores) == ["m33", "helper"]
        assert [*machine.foreign_cores] == ["cluster", "cpu0"]
        assert {*machine.stand_ins} == {"gic", "sysc"}
        assert {*machine.memories} == {"ram"}
        main_core, helper = machine.core("cpu_m33"), machine.core("helper")
        main_core.bus.write32(0x2000_0010, 0xC0FFEE)
        assert helper.bus.read32(0x10) == 0xC0FFEE
        assert machine.soc.cores["m33"].uarts == ["scif"]
        assert machine.soc.cores["helper"].uarts == ["shared"]
        main_core.bus.write16(0x4004_B804, 0x30)
        main_core.bus.write8(0x4004_B806, ord("m"))
        main_core.bus.write32(0x5002_0000, ord("h"))
        assert (main_core.console.text, helper.console.text) == ("m", "h")


@for_each(
    ("change", "message"),
    [
        (lambda text: text.replace("    nvic: nvic\n", ""), "cpu needs nvic: the name of an IRQControllers.NVIC"),
        (lambda text: text.replace("0xE000E000", "0xE000F000"), "nvic must be registered at 0xE000E000"),
        (lambda text: f"{text}\nspare: IRQControllers.NVIC @ none\n", "no core has spare for its interrupt controller"),
        (lambda text: text.replace("    IRQ -> cpu@0\n", "    priorityMask: 0x1F0\n"), "priorityMask must be 0…0xFF"),
        (lambda text: text.replace("    size: 0x2000", "    size: 0", 1), "flash needs a size in bytes"),
        (lambda text: f"{text}\nx: UART.PL011 @ sysbus 0x40000000\n    Other -> nvic@3\n", "this connection of x"),
        (lambda text: f"{text}\nx: Memory.MappedMemory @ cpu\n    size: 4\n", "x needs an address on sysbus"),
        (
            lambda text: f"{text}\nx: Memory.MappedMemory @ {{ sysbus 0x10000; sysbus 0x20400 }}\n    size: 0x1000\n",
            "x must begin at the same place of a page",
        ),
        (
            lambda text: f"{text}\nx: Memory.MappedMemory @ {{ sysbus 0x10000; sysbus 0x30000 }}\n    size: 0x400\n"
            "\ny: Memory.MappedMemory @ sysbus 0x10400\n    size: 0x400\n",
            "y shares a page of 4096 bytes with x, and not at all of its addresses",
        ),
        (
            lambda text: text.replace("0x2000\n", "0x2000\n    init:\n        Fill 3\n", 1),
            "the init command 'Fill 3' of flash is not modelled",
        ),
        (
            lambda text: text.replace("0x2000\n", "0x2000\n    init:\n        WriteByte 0x1FFF 0x100\n", 1),
            "flash has 8192 bytes, and a value 1",
        ),
        (
            lambda text: text.replace("    nvic: nvic\n", "    nvic: nvic\n    init:\n        Step 3\n"),
            "the init command 'Step 3' is not modelled",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_says_why_and_where(change: Callable[[str], str], message: str) -> None:
    with pytest.raises(PlatformError, match=r"^some\.repl:\d+: ") as refused:
        load(change(SMALL))
    assert message in str(refused.value)


def test_a_file_of_renodes_tree_finds_what_it_uses_above_it(tmp_path: Path) -> None:
    cpus, boards = tmp_path / "platforms/cpus", tmp_path / "platforms/boards"
    for folder in (cpus, boards):
        folder.mkdir(parents=True)
    (cpus / "small.repl").write_text(SMALL, encoding="utf-8")
    (boards / "board.repl").write_text('using "platforms/cpus/small.repl"\n', encoding="utf-8")
    with EmbeddedMachine(boards / "board.repl") as machine:
        assert [*machine.memories] == ["flash", "sram"]


def test_the_page_shows_the_example_as_it_is() -> None:
    example = Path(__file__).parents[3] / "examples/board.repl"
    page = (Path(__file__).parents[3] / "docs/platform-files.md").read_text(encoding="utf-8")
    assert f"```text\n{example.read_text(encoding='utf-8')}```" in page
    with EmbeddedMachine(example) as machine:
        assert [*machine.stand_ins] == ["rcc"]
