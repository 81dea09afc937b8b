"""Terminals beside the machines, pseudo terminals and ports, and what connects them (``connector``).

A person at a terminal types at no virtual time: what comes is written to the UART at the next look, which is between
two slices. Runs in which nobody types are those without a terminal.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import EngineError, MonitorError
from icmsg.hw.exposed import BOOL, EXTERNAL, INT32, PERIPHERAL, VOID, exposed
from icmsg.monitor.telnet_port import TelnetPort

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.objects.uart import UartObject

_MOST_WAITING: Final = 1 << 16
"""Bytes that are kept for a terminal that nobody reads."""
_AT_ONCE: Final = 4096


class External(Protocol):
    """Something beside the machines that UARTs are connected to."""

    def connect(self, uart: UartObject) -> None:
        """Join a UART."""

    def disconnect(self, uart: UartObject | None = None) -> None:
        """Let a UART go, or all."""

    def poll(self) -> None:
        """Take over what waits, between two slices."""

    def close(self) -> None:
        """End."""


class Unattached:
    """Something beside the machines that no peripheral here can be connected to."""

    type_name = ""
    """Renode's name of its type."""

    def connect(self, peripheral: object) -> None:
        """Refuse a peripheral."""
        del peripheral
        raise MonitorError(f"Could not find a way to connect a UART to {self.type_name}")

    def disconnect(self, peripheral: object = None) -> None:
        """Do nothing: nothing is connected."""

    def poll(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class EthernetSwitch(Unattached):
    """Switch for Ethernet, which no peripheral has."""

    type_name = "Switch"

    def __init__(self) -> None:
        self._is_paused = False

    @property
    @exposed(BOOL)
    def is_paused(self) -> bool:
        """True while it would forward nothing."""
        return self._is_paused

    @exposed(VOID)
    def start(self) -> None:
        """Forward what comes."""
        self._is_paused = False

    @exposed(VOID)
    def resume(self) -> None:
        """Forward what comes."""
        self._is_paused = False

    @exposed(VOID)
    def pause(self) -> None:
        """Forward nothing."""
        self._is_paused = True


class UartTerminal(ABC):
    """Terminal of one UART; ``place`` is where it is, ``tell`` takes a line for the log."""

    def __init__(self, place: str, tell: Callable[[str], None]) -> None:
        self._place: Final = place
        self._tell = tell
        self._uart: UartObject | None = None
        self._is_behind = False
        self._refused = ""

    @abstractmethod
    def _show(self, data: bytes, time_ns: int) -> None:
        """Show what the UART prints."""

    @abstractmethod
    def _typed(self) -> bytes:
        """Return what was typed since the last time, and show what could not be shown before."""

    def connect(self, uart: UartObject) -> None:
        """Show what ``uart`` prints from now on, and send it what is typed; MonitorError if it is connected already."""
        if self._uart is not None:
            raise MonitorError(f"the terminal at {self._place} is connected already; disconnect it first")
        self._uart = uart
        uart.model.sinks.append(self._show)

    def disconnect(self, uart: UartObject | None = None) -> None:
        """End that; MonitorError if ``uart`` is given and is not what it is connected to."""
        if uart is not None and self._uart is not uart:
            raise MonitorError(f"the terminal at {self._place} is not connected to this UART")
        if self._uart is not None:
            self._uart.model.sinks.remove(self._show)
            self._uart = None

    def poll(self) -> None:
        """Take over what was typed."""
        typed = self._typed()
        if self._uart is None or not typed:
            return
        try:
            self._uart.send(typed)
        except EngineError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._tell(f"what was typed at {self._place} is lost: {error}")

    def _fell_behind(self) -> None:
        if not self._is_behind:
            self._is_behind = True
            self._tell(f"nobody reads the terminal at {self._place}: its oldest bytes are lost")


class AbsentTerminal(UartTerminal):
    """Place of a terminal while a run is repeated: what was typed comes from what was noted."""

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda _line: None)

    def _show(self, data: bytes, time_ns: int) -> None:
        """Show nothing."""

    def _typed(self) -> bytes:
        return b""

    def close(self) -> None:
        """End."""
        self.disconnect()


class SocketTerminal(UartTerminal):
    """A port of this computer at which ``telnet`` or another program is the terminal."""

    def __init__(self, port: int, *, telnet: bool, forgets: bool, tell: Callable[[str], None]) -> None:
        self._port: Final = TelnetPort(port, telnet=telnet, forgets=forgets)
        super().__init__(f"port {self._port.port}", tell)

    @property
    @exposed(INT32)
    def port(self) -> int:
        """The port, which is another one than was asked for where that was 0."""
        return self._port.port

    def _show(self, data: bytes, time_ns: int) -> None:
        del time_ns
        lost = self._port.lost
        self._port.send(data)
        if self._port.has_client and self._port.lost > lost:
            self._fell_behind()

    def _typed(self) -> bytes:
        self._port.accept()
        self._port.flush()
        return self._port.receive()

    def close(self) -> None:
        """Let the client go, and free the port."""
        self.disconnect()
        self._port.close()


class PtyTerminal(UartTerminal):
    """A pseudo terminal, reached through a link at ``path``: ``screen PATH`` or ``picocom PATH`` shows it.

    Raises:
        MonitorError: this system has no pseudo terminals, or something is at ``path`` already.
    """

    def __init__(self, path: Path, *, force: bool, tell: Callable[[str], None]) -> None:
        super().__init__(str(path), tell)
        self.path: Final = path
        self._waiting = bytearray()
        if force and (path.is_symlink() or (path.is_file() and not path.stat().st_size)):
            path.unlink()
        elif path.is_symlink() or path.exists():
            hint = (
                "Use forceCreate to overwrite it."
                if path.is_symlink()
                else "It is no link; choose another path."
            )
            raise MonitorError(f"File `{path}' already exists. {hint}")
        try:
            import tty  # there is none on Windows

            self._host, self._device = os.openpty()
        except (ImportError, OSError) as error:  # nor in a folder that chroot made a root without /dev/pts
            why = f" ({error.strerror})" if isinstance(error, OSError) else ""
            raise MonitorError(
                f"this system has no pseudo terminals{why}: write with WriteLine of the UART, "
                "read with CreateFileBackend"
            ) from None
        try:
            tty.setraw(self._device)
            os.set_blocking(self._host, False)
            self.device: Final = os.ttyname(self._device)
            path.symlink_to(self.device)
        except OSError as error:
            os.close(self._host)
            os.close(self._device)
            raise MonitorError(
                f"There was an error when creating symlink `{path}': {error.strerror}"
            ) from None

    def _typed(self) -> bytes:
        if self._waiting:
            self._flush()
        if self._uart is None:  # it stays in the terminal
            return b""
        try:
            return os.read(self._host, _AT_ONCE)
        except OSError:  # nothing was typed
            return b""

    def _show(self, data: bytes, time_ns: int) -> None:
        del time_ns
        self._waiting += data
        self._flush()
        if (over := len(self._waiting) - _MOST_WAITING) > 0:
            del self._waiting[:over]
            self._fell_behind()

    def _flush(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._host, self._waiting[:_AT_ONCE])]
            self._is_behind = False
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise

    def close(self) -> None:
        """Remove the link, and close."""
        self.disconnect()
        with suppress(OSError):
            if self.path.is_symlink() and str(self.path.readlink()) == self.device:
                self.path.unlink()
        os.close(self._host)
        os.close(self._device)


class Connector:
    """``connector``: joins a UART and a terminal or hub."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation: Final = emulation

    @exposed(VOID, connector=PERIPHERAL, connectee=EXTERNAL)
    def connect(self, connector: str, connectee: str) -> None:
        """Show what a UART prints in a terminal, and send it what is typed there."""
        external, device = self._emulation.terminals[connectee], self._emulation.device(connector)
        if isinstance(external, Unattached) and device is not None:
            raise MonitorError(f"Could not find a way to connect {device.type_name} to {external.type_name}")
        external.connect(self._emulation.uart(connector))

    @exposed(VOID, connector=PERIPHERAL, connectee=EXTERNAL)
    def disconnect(self, connector: str, connectee: str) -> None:
        """End what Connect began."""
        self._emulation.terminals[connectee].disconnect(self._emulation.uart(connector))
