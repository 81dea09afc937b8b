"""Ways between the console of a core and its firmware: the receiver of its UART, and what lies in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.machine.memory_console import MemoryConsoles, no_rtt, no_uart, nobody_reads

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.slot import Slot
    from icmsg.machine.console import ConsoleSink
    from icmsg.machine.image import FirmwareImage


class Receiver(Protocol):
    """The receiving half of a UART; ``missed(count)`` is told of bytes that firmware did not take."""

    missed: Callable[[int], None]

    @property
    def is_on(self) -> bool:
        """True while firmware has it on."""

    def write(self, data: bytes) -> None:
        """Send bytes to firmware."""


@runtime_checkable
class ConsoleModel(Protocol):
    """A UART: ``sinks`` are called with all bytes that it sends, and their virtual time."""

    sinks: list[ConsoleSink]

    @property
    def receiver(self) -> Receiver:
        """The receiving half."""

    @property
    def baud_rate(self) -> int:
        """Bits a second, rounded."""


class CoreConsole:
    """The console of ``core``, in ``slot``; ``receiver`` is that of its UART, None where it has none."""

    def __init__(self, core: MachineCore, slot: Slot, receiver: Receiver | None) -> None:
        self._core: Final = core
        self._slot: Final = slot
        self._receiver: Final = receiver
        self._memory: MemoryConsoles | None = None
        if receiver is not None:
            receiver.missed = slot.missed
        slot.console.connect_input(self._write)

    def begin(self, image: FirmwareImage) -> None:
        """Look from now on, after each slice, for what ``image`` prints into memory."""
        core = self._slot.firmware
        self._memory = MemoryConsoles(self._slot.bus, image.symbols)
        if core is not None:
            core.after_slice = self._poll if self._memory.each else None

    def _poll(self) -> None:
        assert self._memory is not None
        self._memory.poll(self._slot.print)

    def _write(self, data: bytes, through: str | None) -> int:
        time_ns = self._core.open_time_ns()
        if self._core.is_played:
            raise nobody_reads(self._core.name)
        rtt = None if self._memory is None else self._memory.rtt
        receiver = self._receiver
        if through is None:
            through = "uart" if rtt is None or (receiver is not None and receiver.is_on) else "rtt"
        if through == "rtt":
            if rtt is None:
                raise no_rtt(self._core.name)
            rtt.write(data)
        else:
            if receiver is None:
                raise no_uart(self._core.name)
            receiver.write(data)
        return time_ns
