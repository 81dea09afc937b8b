"""Ways between the console of a core on Renode and its firmware: Renode's UART, and what lies in memory.

Renode's models receive at once: bytes do not come at a baud rate there. They log what no receiver took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.machine.memory_console import MemoryConsoles, no_rtt, no_uart, nobody_reads

if TYPE_CHECKING:
    from icmsg.engines.lockstep.core import SteppedCore
    from icmsg.engines.lockstep.core_machine import CoreMachine
    from icmsg.machine.image import FirmwareImage


class SteppedConsole:
    """The console of ``core``, whose UART the platform file calls ``uart``; None where it has none."""

    def __init__(self, core: SteppedCore, machine: CoreMachine, uart: str | None) -> None:
        self._core: Final = core
        self._machine: Final = machine
        self._uart: Final = uart
        self._memory: tuple[FirmwareImage, MemoryConsoles] | None = None
        core.console.connect_input(self._write)

    @property
    def are_in_memory(self) -> bool:
        """True if the firmware that runs has consoles in memory, for which somebody has to look."""
        memory = self._consoles()
        return memory is not None and bool(memory.each) and not self._core.is_halted

    def poll(self, time_ns: int) -> None:
        """Take over what firmware has printed into memory, and hand it what was written."""
        memory = self._consoles()
        if memory is not None:
            memory.poll(lambda data: self._core.console.feed(data, time_ns))

    def _consoles(self) -> MemoryConsoles | None:
        """Return the consoles of the image that was loaded last."""
        image = self._core.image
        if image is None or self._core.is_played:
            return None
        if self._memory is None or self._memory[0] is not image:
            self._memory = image, MemoryConsoles(self._core.bus, image.symbols)
        return self._memory[1]

    def _write(self, data: bytes, through: str | None) -> int:
        self._machine.check_open()
        if self._core.is_played:
            raise nobody_reads(self._core.name)
        memory = self._consoles()
        rtt = None if memory is None else memory.rtt
        if through is None:
            through = "uart" if rtt is None else "rtt"
        if through == "rtt":
            if rtt is None:
                raise no_rtt(self._core.name)
            rtt.write(data)
        elif self._uart is None:
            raise no_uart(self._core.name)
        else:
            for byte in data:
                self._machine.command(f"{self._uart} WriteChar 0x{byte:02X}")
            self._machine.take()
        return self._machine.clock.time_ns
