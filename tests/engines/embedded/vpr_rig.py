"""A machine with a Cortex-M33 and a VPR, and short ways to what tests ask of the VPR."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import thumb
from riscv import BASE, STACK, firmware

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.soc.platform import PlatformDescription, parse_platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.riscv.vpr import VprCore

HZ: Final = 64_000_000
CLIC: Final = 0xF000_0000
CLICINT: Final = CLIC + 0x1000
PLATFORM: Final = """
cpuapp: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicapp
    PerformanceInMips: 64

nvicapp: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpuapp }
    priorityMask: 0xE0
    systickFrequency: 64000000
    -> cpuapp@0

cpuflpr: CPU.NRF_VPR @ sysbus
    clic: clicflpr
    hartId: 14
    PerformanceInMips: 64

clicflpr: IRQControllers.NRF_CLIC @ sysbus new Bus.BusRangeRegistration {
        address: 0xF0000000; size: 0x2000; cpu: cpuflpr
    }

rram: Memory.MappedMemory @ sysbus 0x00000000
    size: 0x20000

ram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x40000
"""
"""One instruction takes one tick of 64 MHz on either core."""


@cache
def platform() -> PlatformDescription:
    return parse_platform(PLATFORM, "vpr.repl")


class VprRig:
    """``core`` is the VPR; times are its instructions."""

    def __init__(
        self, *, quantum_ns: int = 500, description: PlatformDescription | None = None, **options: Any
    ) -> None:
        self.machine: Final = EmbeddedMachine(
            platform=description or platform(), quantum_ns=quantum_ns, **options
        )
        self.core: Final[MachineCore] = self.machine.core("flpr")

    def __enter__(self) -> VprRig:
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()

    @property
    def firmware(self) -> VprCore:
        found = self.core.firmware
        assert found is not None
        return found  # type: ignore[return-value]

    def boot(self, source: str, *, base: int = BASE, stack: int | None = STACK) -> MachineCore:
        """Assemble, load and start; the stack pointer is set, unless ``stack`` is None."""
        if not self.core.is_halted:
            self.core.halt()
        self.core.load(firmware(source, base=base))
        self.core.start()
        if stack is not None:
            self.firmware.write_registers({"SP": stack})
        return self.core

    def boot_arm(self, source: str) -> MachineCore:
        """Assemble, load and start a program of the Arm core, in the memory at 0."""
        data = thumb.code(f".word 0x20010000\n.word 9\n{source}\nstuck: b stuck\n.ltorg")
        core = self.machine.core("app")
        core.load(FirmwareImage(Path("arm.elf"), (Segment(0, 0, data, executable=True),), 9, {}))
        core.start()
        return core

    def run(self, instructions: int) -> None:
        self.machine.run_for(nanoseconds(instructions))

    def at(self, instruction: int, action: Callable[[], None]) -> None:
        """Do something when the VPR has executed so many instructions from now on."""
        self.machine.clock.call_later(nanoseconds(instruction), action)

    def pend(self, interrupt: int) -> None:
        """Pend an interrupt as a debugger would, in the register that firmware uses."""
        address = CLICINT + 4 * interrupt
        self.core.bus.write8(address, 1)

    def enable(self, interrupt: int, level: int = 0x3F) -> None:
        self.core.bus.write32(CLICINT + 4 * interrupt, level << 24 | 1 << 8)

    def word(self, address: int) -> int:
        return self.core.bus.read32(address)

    def words(self, address: int, count: int) -> list[int]:
        return [self.word(address + 4 * at) for at in range(count)]


def nanoseconds(instructions: int) -> int:
    """The latest whole nanosecond that is rounded up to the tick of so many instructions."""
    return instructions * 1_000_000_000 // HZ
