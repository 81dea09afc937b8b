"""UARTs in the Monitor: input, files of what they print, hubs between them, and consoles that belong to no firmware."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import BusError, ConfigurationError, EngineError, MonitorError
from icmsg.hw.exposed import (
    BOOL,
    BYTES,
    CORE,
    INT32,
    INT64,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    VOID,
    exposed,
)
from icmsg.machine.console import AsciinemaFile, Console, ConsoleFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icmsg.hw.bus import Bus
    from icmsg.machine.console import ConsoleSink
    from icmsg.monitor.python_scripts import HookScript


_CARRIAGE_RETURN: Final = b"\r"
_REMEMBERED: Final = 100_000
"""Bytes of Renode's history of a UART."""


class UartInput(Protocol):
    """Receiver of bytes that come to a UART."""

    def write(self, data: bytes) -> object:
        """Take them."""


class Uart(Protocol):
    """Device behind a UART of the Monitor."""

    @property
    def sinks(self) -> list[ConsoleSink]:
        """Called with all bytes that are sent, and their virtual time."""

    @property
    def receiver(self) -> UartInput:
        """Receiver of bytes that come to it."""

    @property
    def baud_rate(self) -> int:
        """Bits a second."""


class UartObject:
    """The UART ``model`` called ``name``, with the members of Renode's UARTs.

    ``console`` is that of its core if this UART is it. ``place`` gives the path of a new file, ``tell`` takes lines for
    the log, ``script`` makes the script of a hook.
    """

    def __init__(
        self,
        name: str,
        model: Uart,
        console: Console | None,
        place: Callable[[str], Path],
        tell: Callable[[str], None],
        script: Callable[..., HookScript],
    ) -> None:
        self._name: Final = name
        self.model = model
        self._console = console
        self._place: Final = place
        self._tell: Final = tell
        self._script = script
        self._files: Final[dict[Path, ConsoleFile]] = {}
        self._recordings: Final[list[AsciinemaFile]] = []
        self._history: Final = bytearray()
        self.printed: Final = Console()
        """The console of this UART alone, whatever others of its core print."""
        self.sent: Callable[[bytes], None] = lambda _data: None
        """Called with what was sent to the firmware."""
        model.sinks.append(self._remember)

    def move_to(self, model: Uart, console: Console | None) -> None:
        """Be the UART of a machine that was made again, with all that is connected."""
        model.sinks.extend(sink for sink in self.model.sinks if sink not in model.sinks)
        self.model, self._console = model, console

    def send(self, data: bytes) -> None:
        """Send bytes to the firmware; EngineError if Python plays the core."""
        if self._console is None:
            self.model.receiver.write(data)
        else:
            self._console.write(data, through="uart")
        self.sent(data)

    @exposed(VOID, value=UINT8)
    def write_char(self, value: int) -> None:
        """Send a byte to the firmware."""
        self.send(bytes((value,)))

    @exposed(VOID, text=STRING, append_carriage_return=BOOL)
    def write_line(self, text: str, append_carriage_return: bool = True) -> None:
        """Send a line to the firmware."""
        self.send(text.encode() + (_CARRIAGE_RETURN if append_carriage_return else b""))

    @exposed(STRING, limit=INT32)
    def dump_history_buffer(self, limit: int = 0) -> str:
        """Return what the UART printed, the last 100000 bytes; with a limit their first ones."""
        return bytes(self._history[: limit if limit > 0 else None]).decode("latin-1")

    @exposed(VOID, contains=STRING, python_script=STRING)
    def add_line_hook(self, contains: str, python_script: str) -> None:
        """Run a script behind each line that contains a text; it has ``line``, ``uart``, ``self`` and ``machine``."""
        script = self._script(python_script, f"sysbus.{self._name}", "uart")
        begun = bytearray()

        def printed(data: bytes, _time_ns: int) -> None:
            for byte in data:
                if byte not in b"\r\n":
                    begun.append(byte)
                    continue
                line = begun.decode("latin-1")
                begun.clear()
                if contains in line:
                    script.run(line=line)

        self.model.sinks.append(printed)

    def _remember(self, data: bytes, time_ns: int) -> None:
        self.printed.feed(data, time_ns)
        self._history.extend(data)
        del self._history[:-_REMEMBERED]

    @property
    @exposed(UINT32)
    def baud_rate(self) -> int:
        """Bits a second, as firmware has set them."""
        return self.model.baud_rate

    @exposed(VOID, path=STRING, immediate_flush=BOOL, virtual_times=BOOL)
    def create_file_backend(
        self, path: str, immediate_flush: bool = False, virtual_times: bool = False
    ) -> None:
        """Write what the UART prints from now on into a new file."""
        full = self._place(path)
        if full in self._files:
            raise MonitorError(
                f"The {path} is already used as UART file backend. Please close it using 'CloseFileBackend' "
                "before re-using"
            )
        try:
            file = ConsoleFile(full, virtual_times=virtual_times, immediate_flush=immediate_flush)
        except ConfigurationError as error:
            raise MonitorError(str(error)) from None
        if file.moved is not None:
            self._tell(f"Old file {full} moved to {file.moved}")
        self._files[full] = file
        self.model.sinks.append(file.write)

    @exposed(VOID, path=STRING)
    def close_file_backend(self, path: str) -> None:
        """End what CreateFileBackend began."""
        file = self._files.pop(self._place(path), None)
        if file is None:
            raise MonitorError(f"Couldn't find active {path} file backend for the UART")
        self.model.sinks.remove(file.write)
        file.close()

    @exposed(VOID, file_path=STRING, use_virtual_time_stamps=BOOL, width=INT32, height=INT32)
    def record_to_asciinema(
        self, file_path: str, use_virtual_time_stamps: bool = False, width: int = 80, height: int = 24
    ) -> None:
        """Write what the UART prints from now on for ``asciinema play``; times are virtual in any case."""
        del use_virtual_time_stamps
        full = self._place(file_path)
        try:
            file = AsciinemaFile(full, self._name, width=width, height=height)
        except ConfigurationError as error:
            raise MonitorError(str(error)) from None
        if file.moved is not None:
            self._tell(f"Old file {full} moved to {file.moved}")
        self._recordings.append(file)
        self.model.sinks.append(file.write)

    def close(self) -> None:
        """Close all files."""
        for recording in self._recordings:
            recording.close()
        for path in list(self._files):
            self.close_file_backend(str(path))


class UartHub:
    """Hub (``emulation CreateUARTHub``): what one UART prints comes to all others, with ``loopback`` to itself, too.

    Bytes are handed on between two slices, in the order in which they were printed, so that a run repeats exactly; they
    come at the receiver's baud rate from then on. ``tell`` takes a line for the log.
    """

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


class VirtualUart:
    """Device behind a UART without firmware: what is written to it waits, and comes back where it echoes."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.sinks: Final[list[ConsoleSink]] = []
        self.receiver: Final = self
        self.baud_rate = 0
        self.waiting: Final[deque[int]] = deque()
        self.echoes = True
        self._now_ns = now_ns

    def write(self, data: bytes) -> None:
        """Take what is written to the UART."""
        self.waiting.extend(data)
        if self.echoes:
            self.show(data)

    def show(self, data: bytes) -> None:
        """Print bytes."""
        for sink in tuple(self.sinks):
            sink(data, self._now_ns())


class VirtualConsole:
    """Members of a virtual console beside those of a UART; ``bus`` is where bytes are written to."""

    def __init__(self, uart: VirtualUart, bus: Bus) -> None:
        self._uart: Final = uart
        self._bus: Final = bus

    @property
    @exposed(BOOL)
    def echo(self) -> bool:
        """True while what is written to it is printed."""
        return self._uart.echoes

    @echo.setter
    def echo(self, on: bool) -> None:
        self._uart.echoes = on

    @exposed(VOID, value=UINT8)
    def display_char(self, value: int) -> None:
        """Print a byte."""
        self._uart.show(bytes((value,)))

    @exposed(VOID)
    def clear(self) -> None:
        """Forget what waits."""
        self._uart.waiting.clear()

    @exposed(VOID)
    def reset(self) -> None:
        """Do the same."""
        self.clear()

    @exposed(BOOL)
    def is_empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._uart.waiting

    @exposed(BOOL, value=UINT8)
    def contains(self, value: int) -> bool:
        """Tell whether a byte is among those that wait."""
        return value in self._uart.waiting

    @exposed(BYTES)
    def get_buffer(self) -> bytes:
        """Return what waits."""
        return bytes(self._uart.waiting)

    @exposed(BYTES, max_count=INT32)
    def read_buffer(self, max_count: int = 1) -> bytes:
        """Take the oldest bytes that wait."""
        waiting = self._uart.waiting
        return bytes(waiting.popleft() for _ in range(min(max_count, len(waiting))))

    @exposed(INT64, address=UINT64, max_count=INT32, context=CORE)
    def write_buffer_to_memory(self, address: int, max_count: int, context: str | None = None) -> int:
        """Take the oldest bytes that wait, and write them into memory; return how many."""
        del context  # memory is the same for all cores
        data = self.read_buffer(max_count)
        try:
            self._bus.write_block(address, data)
        except BusError as error:
            raise MonitorError(str(error)) from None
        return len(data)
