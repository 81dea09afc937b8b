"""Hub of UARTs (``emulation CreateUARTHub``): what one of them prints comes to all others.

Bytes are handed on between two slices, in the order in which they were printed, so that a run repeats exactly; they
come at the receiver's baud rate from then on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.console import ConsoleSink
    from icmsg.monitor.objects.uart import UartObject


class UartHub:
    """A hub; with ``loopback`` a UART gets its own bytes, too. ``tell`` takes a line for the log."""

    def __init__(self, *, loopback: bool, tell: Callable[[str], None]) -> None:
        self._loopback: Final = loopback
        self._tell: Final = tell
        self._uarts: Final[dict[UartObject, ConsoleSink]] = {}
        self._waiting: Final[list[tuple[UartObject, bytes]]] = []
        self._refused: Final[set[str]] = set()

    def connect(self, uart: UartObject) -> None:
        """Join a UART; MonitorError if it is in this hub already."""
        if uart in self._uarts:
            raise MonitorError("Cannot attach to the provided UART as it is already registered in this hub.")
        sink = self._uarts[uart] = partial(self._printed, uart)
        uart.model.sinks.append(sink)

    def disconnect(self, uart: UartObject | None = None) -> None:
        """Take a UART out, or all; MonitorError if it is not in this hub."""
        if uart is not None and uart not in self._uarts:
            raise MonitorError("Cannot detach from the provided UART as it is not registered in this hub.")
        for each in [uart] if uart is not None else list(self._uarts):
            each.model.sinks.remove(self._uarts.pop(each))

    def poll(self) -> None:
        """Hand on what was printed since the last time."""
        waiting, self._waiting[:] = self._waiting[:], []
        for sender, data in waiting:
            for uart in self._uarts:
                if self._loopback or uart is not sender:
                    self._send(uart, data)

    def close(self) -> None:
        """Take all UARTs out."""
        self.disconnect()

    def _printed(self, sender: UartObject, data: bytes, _time_ns: int) -> None:
        self._waiting.append((sender, data))

    def _send(self, uart: UartObject, data: bytes) -> None:
        try:
            uart.send(data)
        except EngineError as error:
            if str(error) not in self._refused:
                self._refused.add(str(error))
                self._tell(f"what came through the hub is lost: {error}")
