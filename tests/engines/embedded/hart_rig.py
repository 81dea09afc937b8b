"""Machines with harts of RV32, as the platform files of Renode describe them, and the programs of ``harts/``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine_core import MachineCore

IMAGES: Final = Path(__file__).parent / "harts"

ONE: Final = """
ram: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x100000

uart: UART.NS16550 @ sysbus 0x10000000
    IRQ -> plic@3

cpu: CPU.RiscV32 @ sysbus
    cpuType: "{cpu_type}"
    privilegedArchitecture: PrivilegedArchitecture.Priv1_10
    timeProvider: clint

plic: IRQControllers.PlatformLevelInterruptController @ sysbus 0x0C000000
    0 -> cpu@11
    numberOfSources: 52
    numberOfContexts: 1

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x02000000
    [0,1] -> cpu@[3,7]
    frequency: 10000000
"""
TWO: Final = """
ram: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x100000

uart: UART.NS16550 @ sysbus 0x10000000

cpu0: CPU.RiscV32 @ sysbus
    cpuType: "rv32imac_zicsr_zifencei"
    timeProvider: clint
    hartId: 0

cpu1: CPU.RiscV32 @ sysbus
    cpuType: "rv32imac_zicsr_zifencei"
    timeProvider: clint
    hartId: 1

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x02000000
    [0,1] -> cpu0@[3,7]
    [2,3] -> cpu1@[3,7]
    numberOfTargets: 2
    frequency: 10000000
"""
LITEX: Final = """
main_ram: Memory.MappedMemory @ {
        sysbus 0x40000000;
        sysbus 0xc0000000 // shadow
    }
    size: 0x1000000

cpu: CPU.VexRiscv @ sysbus
    cpuType: "rv32im_zicsr_zifencei"

uart: UART.LiteX_UART @ {
        sysbus 0x60001800;
        sysbus 0xE0001800 // shadow
    }
    -> cpu@2

timer0: Timers.LiteX_Timer_CSR32 @ {
        sysbus 0x60002800;
        sysbus 0xE0002800 // shadow
    }
    -> cpu@1
    frequency: 100000000

clock0: Miscellaneous.LiteX_MMCM_CSR32 @ sysbus 0xe0004800

sysbus:
    init:
        Tag <0xE0003800 0x100> "DNA"
"""
MIV: Final = """
debugArea: Memory.MappedMemory @ sysbus 0x0
    size: 0x1000

ddr: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x4000000

uart: UART.MiV_CoreUART @ sysbus 0x70001000
    clockFrequency: 66000000

cpu: CPU.RiscV32 @ sysbus
    cpuType: "rv32imaf_zicsr_zifencei"
    privilegedArchitecture: PrivilegedArchitecture.Priv1_10
    timeProvider: clint

plic: IRQControllers.PlatformLevelInterruptController @ sysbus 0x40000000
    0 -> cpu@11
    numberOfSources: 31
    numberOfContexts: 1
    prioritiesEnabled : false

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x44000000
    frequency: 66000000
    [0, 1] -> cpu@[3, 7]

gpioInputs: GPIOPort.MiV_CoreGPIO @ sysbus 0x70002000
    -> plic@29

timer0: Timers.MiV_CoreTimer @ sysbus 0x70003000
    -> plic@30
    clockFrequency: 66000000
"""
FE310: Final = """
maskRom: Memory.MappedMemory @sysbus 0x1000
    size: 0x1000

dtim: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x4000

uart0: UART.SiFive_UART @ sysbus 0x10013000
    IRQ -> plic@3

uart1: UART.SiFive_UART @ sysbus 0x10023000
    IRQ -> plic@4

cpu: CPU.RiscV32 @ sysbus
    cpuType: "rv32imac_zicsr_zifencei"
    privilegedArchitecture: PrivilegedArchitecture.Priv1_10
    timeProvider: clint

plic: IRQControllers.PlatformLevelInterruptController @ sysbus 0x0C000000
    0 -> cpu@11
    numberOfSources: 52
    numberOfContexts: 1

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x02000000
    [0,1] -> cpu@[3,7]
    frequency: 62000000

qspi0Xip: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x20000000

gpioInputs: GPIOPort.SiFive_GPIO @ sysbus 0x10012000
    [0-31] -> plic@[8-39]

sysbus:
    init:
        ApplySVD @https://example.com/FE310.svd.gz
"""


def one(cpu_type: str = "rv32imac_zicsr_zifencei") -> str:
    """The platform with one hart."""
    return ONE.format(cpu_type=cpu_type)


def machine(platform: str, image: str) -> EmbeddedMachine:
    """A machine all of whose harts begin to run an image of ``harts/``."""
    made = EmbeddedMachine(parse_platform(platform, "harts.repl"))
    try:
        for core in made.cores.values():
            core.load(IMAGES / f"{image}.elf")
        for core in made.cores.values():
            core.start()
    except BaseException:
        made.close()
        raise
    return made


def first(made: EmbeddedMachine) -> MachineCore:
    """The first hart."""
    return next(iter(made.cores.values()))


def printed(platform: str, image: str, *, milliseconds: int = 20) -> list[str]:
    """The lines that an image has printed."""
    with machine(platform, image) as made:
        made.run_for(milliseconds * 1_000_000)
        return first(made).console.text.splitlines()
