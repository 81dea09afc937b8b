"""UARTs for the testers of Renode's keywords: where their bytes come from, and how they are written to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.robot.terminal_tester import TerminalTester

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.console import ConsoleSink
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext


@dataclass(frozen=True, slots=True)
class UartPort:
    """UART by its name in the Monitor: who hears what it prints, and what sends it bytes."""

    name: str
    listen: Callable[[ConsoleSink], object]
    send: Callable[[bytes], None]

    def __str__(self) -> str:
        return self.name


def uarts_of(context: KeywordContext, name: str, machine: Machine) -> dict[str, UartPort]:
    """Return the UARTs of ``machine``, which the Monitor calls ``name``.

    Of the embedded engine all of them, of another one those that are the console of a core.
    """
    emulation = context.emulation.embedded()
    if emulation is not None:
        from icmsg.monitor.objects.uart import UartObject  # needs the engine

        devices = emulation.machines[name].devices
        return {
            full: UartPort(full, part.model.sinks.append, part.send)
            for full, device in devices.items()
            for part in device.parts
            if isinstance(part, UartObject)
        }
    consoles = {
        f"sysbus.{core.uart}": machine.core(core.name).console
        for core in machine.soc.cores.values()
        if core.uart is not None
    }
    return {
        full: UartPort(full, console.add_sink, lambda data, to=console: to.write(data, through="uart"))  # type: ignore[misc]
        for full, console in consoles.items()
    }


class _MachineTime:
    def __init__(self, context: KeywordContext, machine: Machine) -> None:
        self._context = context
        self._machine = machine

    @property
    def now_ns(self) -> int:
        return self._machine.now_ns

    def run_until(self, satisfied: Callable[[], bool], ns: int) -> bool:
        return self._context.run_until(satisfied, ns)


class UartTester(TerminalTester):
    """Tester of ``port``, a UART of ``machine``."""

    def __init__(
        self,
        context: KeywordContext,
        machine: Machine,
        port: UartPort,
        timeout_ns: int,
        *,
        carriage_return: bool = False,
        binary: bool = False,
    ) -> None:
        super().__init__(
            _MachineTime(context, machine), timeout_ns, carriage_return=carriage_return, binary=binary
        )
        self.port: Final = port
        self.write_delay_ns = 0
        """Virtual time before each byte that is written; 0 = all at once."""
        self._clock: Final = machine.clock
        self._delayed: Final[deque[tuple[int, bytes]]] = deque()
        port.listen(self.feed)

    def write(self, data: bytes) -> None:
        """Send bytes to the firmware; EngineError if nothing could receive them."""
        if not self.write_delay_ns:
            self.port.send(data)
            return
        waits = bool(self._delayed)
        self._delayed.extend((self.write_delay_ns, bytes((byte,))) for byte in data)
        if not waits:
            self._send_next()

    def _send_next(self) -> None:
        if self._delayed:
            self._clock.call_later(self._delayed[0][0], self._send_delayed)

    def _send_delayed(self) -> None:
        self.port.send(self._delayed.popleft()[1])
        self._send_next()
