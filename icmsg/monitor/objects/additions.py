"""Additions of scripts to a machine, beside its platform files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.memory import place_io
from icmsg.errors import BusError, MonitorError
from icmsg.hw.exposed import (
    BOOL,
    BYTES,
    CORE,
    FILE,
    INT32,
    INT64,
    PERIPHERAL,
    STRING,
    UINT8,
    UINT64,
    VOID,
    exposed,
)
from icmsg.hw.model import SizedModel
from icmsg.limits import SCRIPT_BYTES, read_file
from icmsg.machine.console import Console
from icmsg.monitor.command import Device
from icmsg.monitor.elsewhere import NO_SD
from icmsg.monitor.objects.registers import RegisterAccess
from icmsg.monitor.python_scripts import compile_script

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.hw.bus import Bus
    from icmsg.hw.model import IoModel
    from icmsg.machine.console import ConsoleSink
    from icmsg.monitor.machine import MonitorMachine
    from icmsg.monitor.python_scripts import HookScript


AddParts = Callable[[Callable[["EmbeddedMachine"], Mapping[str, Device]]], None]
"""Adds what a function puts into the SoC, and its devices."""


class MachineAdditions:
    """Additions to ``machine``."""

    def __init__(self, machine: MonitorMachine) -> None:
        self._machine: Final = machine

    @exposed(
        VOID,
        name="PyDevFromFile",
        path=FILE,
        address=UINT64,
        size=INT32,
        initable=BOOL,
        name_=STRING,
        offset=UINT64,
    )
    def py_dev_from_file(
        self,
        path: str,
        address: int,
        size: int,
        initable: bool = False,
        name_: str | None = None,
        offset: int = 0,
    ) -> None:
        """Let a script answer at some addresses; it has ``request``, ``self`` and ``size``."""
        text = read_file(path, SCRIPT_BYTES).decode("utf-8", errors="replace")
        name = name_ or f"pydev{len(self._machine.devices)}"
        self._machine.check_name(name)
        full = f"sysbus.{name}"
        compile_script(text, path)

        def make(soc: EmbeddedMachine) -> dict[str, Device]:
            peripheral = PythonPeripheral(lambda: self._machine.hook(text, full), size, initable=initable)
            answer_at(soc, name, address + offset, size, lambda _bus: peripheral)
            access = RegisterAccess(peripheral, lambda _text: None)
            return {full: Device(full, "PythonPeripheral", peripheral, access)}

        self._machine.add(make)

    @exposed(VOID, name="CreateVirtualConsole", name_=STRING)
    def create_virtual_console(self, name_: str) -> None:
        """Make a UART that belongs to no firmware: scripts and terminals write to it and read from it."""
        self._machine.check_name(name_)
        console = Console()
        uart = VirtualUart(console, lambda: self._machine.now_ns)
        full = f"sysbus.{name_}"
        shown = self._machine.uart(name_, uart, console)

        def make(soc: EmbeddedMachine) -> dict[str, Device]:
            return {full: Device(full, "VirtualConsole", VirtualConsole(uart, soc.bus), shown)}

        self._machine.add(make)

    @exposed(VOID, file=STRING, attach_to=PERIPHERAL, size=INT64, persistent=BOOL, name_=STRING)
    def sd_card_from_file(
        self, file: str, attach_to: str, size: int, persistent: bool = True, name_: str | None = None
    ) -> None:
        """Refuse: no peripheral here takes a card."""
        del file, attach_to, size, persistent, name_
        raise MonitorError(NO_SD)

    @exposed(VOID, peripheral=PERIPHERAL)
    def unregister_from_parent(self, peripheral: str) -> None:
        """Take a peripheral out of the machine, before time passes."""
        self._machine.remove(peripheral)


def answer_at(
    machine: EmbeddedMachine, name: str, start: int, size: int, make: Callable[[CoreBus], IoModel]
) -> None:
    """Let ``make(bus)``, of the bus of each core and of nobody, answer at ``size`` addresses from ``start`` on.

    Raises:
        MonitorError: a core has firmware already, which sees the addresses as they were when it started.
        ConfigurationError: something is there already.
    """
    if any(core.firmware is not None for core in machine.cores.values()):
        raise MonitorError(
            "the embedded engine fixes what is at an address when a core starts: do this before time passes"
        )
    for space in machine.spaces:
        place_io(space, start, size, make(CoreBus(space)), name)


class Redirected:
    """Addresses that lead to others: accesses are made at ``target`` on ``bus``, as Renode's Redirector makes them."""

    def __init__(self, bus: Bus, target: int) -> None:
        self._bus: Final = bus
        self._target: Final = target

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._bus.read8(self._target + offset)

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return self._bus.read16(self._target + offset)

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return self._bus.read32(self._target + offset)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        self._bus.write8(self._target + offset, value)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self._bus.write16(self._target + offset, value)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self._bus.write32(self._target + offset, value)

    def reset(self) -> None:
        """Do nothing: there is nothing to reset."""


class PythonRequest:
    """``request`` of a script that answers accesses; names begin in upper or lower case."""

    def __init__(self, kind: str, offset: int, value: int, length: int, counter: int) -> None:
        self.Value = value
        self.Offset = offset
        self.Length = length
        self.Counter = counter
        self.Type = kind
        self.IsInit = kind == "INIT"
        self.IsRead = kind == "READ"
        self.IsWrite = kind == "WRITE"
        self.IsUser = kind == "USER"

    def __getattr__(self, name: str) -> Any:
        upper = name[:1].upper() + name[1:]
        if upper == name or upper not in vars(self):
            raise AttributeError(name)
        return vars(self)[upper]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name[:1].upper() + name[1:], value)


class PythonPeripheral(SizedModel):
    """Peripheral whose registers are a script; its names keep their values from one access to the next."""

    def __init__(self, make: Callable[[], HookScript], size: int, *, initable: bool) -> None:
        self._make: Final = make
        self._size: Final = size
        self._initable: Final = initable
        self._counter = 0
        self._script: HookScript | None = None

    def _ask(self, kind: str, offset: int, value: int, length: int) -> int:
        if self._script is None:  # its device is there now
            self._script = self._make()
            self._script.names["size"] = self._size
            self.reset()
        request = PythonRequest(kind, offset, value, length, self._counter)
        self._counter += 1
        self._script.run(request=request)
        return int(request.Value) & ((1 << 8 * length) - 1)

    def reset(self) -> None:
        """Let the script begin anew, if it wants to know."""
        if self._initable:
            self._ask("INIT", 0, 0, 0)

    def _read(self, offset: int, size: int) -> int:
        """Ask the script for ``size`` bytes."""
        return self._ask("READ", offset, 0, size)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Give the script ``size`` bytes."""
        self._ask("WRITE", offset, value, size)

    @exposed(VOID, command=UINT64, value=UINT64)
    def control_write(self, command: int, value: int) -> None:
        """Write to the script beside its registers (``IsUser``)."""
        self._ask("USER", command, value, 8)

    @exposed(UINT64, command=UINT64)
    def control_read(self, command: int) -> int:
        """Read from the script beside its registers (``IsUser``)."""
        return self._ask("USER", command, 0, 8)


class VirtualUart:
    """Device behind a UART without firmware: what is written to it waits, and comes back where it echoes."""

    def __init__(self, console: Console, now_ns: Callable[[], int]) -> None:
        self.sinks: Final[list[ConsoleSink]] = [console.feed]
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
