"""A machine with assembled firmware, looked at from outside: what the tests of the engine are written with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thumb import RAM, firmware

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.soc.platform import PlatformDescription, parse_platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore

REAL: Final = platform_file("nrf5340")
HZ: Final = {"app": 128_000_000, "net": 64_000_000}
ISPR: Final = 0xE000_E200
CPACR: Final = 0xE000_ED88

ENABLE_IRQS: Final = """
 ldr r0, =0xE000E100
 mvn r1, #0
 str r1, [r0]
 str r1, [r0, #4]
"""
"""Enables external interrupts 0 to 63; uses R0 and R1."""


@cache
def one_cycle_an_instruction() -> PlatformDescription:
    """The shipped platform with cores of 128 and 64 MHz, and instructions that take one cycle: easy to count with."""
    text = Path(REAL).read_text(encoding="utf-8")
    app, net = text.split("cpunet: CPU", 1)
    app = app.replace("PerformanceInMips: 42", "PerformanceInMips: 128")
    net = net.replace("PerformanceInMips: 42", "PerformanceInMips: 64")
    net = net.replace("systickFrequency: 64000000", "systickFrequency: 128000000", 1)
    changed = f"{app}cpunet: CPU{net}".replace("    clocked: cpuapp\n    clockedNvic: nvicapp\n", "")
    return parse_platform(changed, str(REAL))


class Rig:
    """``machine`` and short ways to what tests ask of it; times are instructions of the app core.

    The quantum is a short one, so that what a test does between two runs is not late for a core that is busy.
    """

    def __init__(self, *, quantum_ns: int = 500, **options: Any) -> None:
        options.setdefault("platform", one_cycle_an_instruction())
        self.machine: Final = EmbeddedMachine(quantum_ns=quantum_ns, **options)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()

    def boot(self, source: str, core: str = "app", *, fpu: bool = True, **options: Any) -> MachineCore:
        """Assemble, load and start; what ran on the core before is gone, with its first page of RAM.

        The FPU is enabled, unless ``fpu`` is False.
        """
        found = self.machine.core(core)
        if found.image is not None:
            found.halt()
            found.bus.write_block(RAM[core], bytes(0x1000))
        found.load(firmware(source, core=core, **options))
        found.start()
        if fpu:
            found.bus.write32(CPACR, 0xF0_0000)
        return found

    def run(self, instructions: int = 20_000) -> None:
        """Let the time of so many instructions of the app core pass."""
        self.machine.run_for(nanoseconds(instructions))

    def at(self, instruction: int, action: Callable[[], None]) -> None:
        """Do something at the tick at which the app core has executed so many instructions from now on."""
        self.machine.clock.call_later(nanoseconds(instruction), action)

    def pend(self, interrupt: int, core: str = "app") -> None:
        """Pend an external interrupt as a debugger would."""
        self.machine.core(core).bus.write32(ISPR + 4 * (interrupt // 32), 1 << interrupt % 32)

    def word(self, offset: int = 0, core: str = "app") -> int:
        """Read the word at ``offset`` of the core's RAM."""
        return self.machine.core(core).bus.read32(RAM[core] + offset)

    def words(self, count: int, offset: int = 0, core: str = "app") -> list[int]:
        return [self.word(offset + 4 * at, core) for at in range(count)]


def nanoseconds(instructions: int) -> int:
    """The latest whole nanosecond that is rounded up to the tick of so many instructions of the app core."""
    return instructions * 1_000_000_000 // HZ["app"]
