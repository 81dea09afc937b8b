"""Members of ``machine`` in the Monitor, and what scripts add to a machine beside its platform files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.memory import place_io
from icmsg.engines.embedded.models.python_peripheral import PythonPeripheral
from icmsg.errors import MonitorError
from icmsg.files import SCRIPT_BYTES, read_file
from icmsg.hw.exposed import (
    BOOL,
    CORE,
    EXTERNAL,
    FILE,
    INT32,
    INT64,
    PERIPHERAL,
    STRING,
    TIME,
    UINT64,
    VOID,
    exposed,
)
from icmsg.monitor.arguments import print_interval
from icmsg.monitor.command import Device
from icmsg.monitor.elsewhere import NO_SD
from icmsg.monitor.objects.emulation import NEEDS_ONE_ORDER, check_immediately, print_time_source
from icmsg.monitor.objects.registers import WideRegisterAccess
from icmsg.monitor.objects.uart import VirtualConsole, VirtualUart
from icmsg.monitor.python_objects import compile_script

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.hw.bus import Bus
    from icmsg.hw.model import IoModel
    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.machine import MonitorMachine

AddParts = Callable[[Callable[["EmbeddedMachine"], Mapping[str, Device]]], None]
"""Adds what a function puts into the SoC, and its devices."""


class MachineObject:
    """The selected machine: its time, its debugger, and what scripts add to it."""

    def __init__(self, machine: MonitorMachine, emulation: Emulation) -> None:
        self._machine: Final = machine
        self._emulation: Final = emulation

    @exposed(VOID, platform=FILE)
    def load_platform_description(self, platform: str) -> None:
        """Make what a platform file describes."""
        self._machine.load("", str(Path(platform)))

    @exposed(VOID, platform=STRING)
    def load_platform_description_from_string(self, platform: str) -> None:
        """Make what a text describes."""
        self._machine.load(platform)

    @exposed(VOID)
    def reset(self) -> None:
        """Reset everything but the memories, and run the macro ``reset``."""
        self._machine.reset()

    @exposed(VOID)
    def request_reset(self) -> None:
        """Do the same as Reset: nothing runs while a command does."""
        self._machine.reset()

    @exposed(STRING)
    def get_time_source_info(self) -> str:
        """Return the virtual time of this machine and its quantum."""
        return print_time_source(self._machine.now_ns, self._machine.quantum_ns)

    @exposed(VOID, port=INT32, autostart_emulation=BOOL, cpu_cluster=STRING)
    def start_gdb_server(self, port: int, autostart_emulation: bool = True, cpu_cluster: str = "") -> None:
        """Let a GDB debug the cores of this machine, or the one that is named, at a port of this computer."""
        if cpu_cluster and self._machine.core(cpu_cluster) is None:
            raise MonitorError(f"No core is called {cpu_cluster}")
        self._debug(port, [cpu_cluster] if cpu_cluster else [], autostart=autostart_emulation)

    @exposed(VOID, name="StartGdbServer", port=INT32, autostart_emulation=BOOL, cpu_cluster=CORE)
    def start_gdb_server_for(self, port: int, autostart_emulation: bool, cpu_cluster: str) -> None:
        """Do so for one core."""
        self._debug(port, [cpu_cluster], autostart=autostart_emulation)

    def _debug(self, port: int, cores: list[str], *, autostart: bool) -> None:
        def greeted() -> None:
            self._emulation.is_started = self._emulation.is_started or autostart

        self._machine.start_debugger(port, cores, greeted)

    @exposed(VOID)
    def stop_gdb_server(self) -> None:
        """Stop all GDB servers of this machine; their clients are let go."""
        self._machine.stop_debugger()

    @property
    @exposed(STRING)
    def elapsed_virtual_time(self) -> str:
        """The virtual time."""
        return f"[Domain = [{self._machine.name}], TimeElapsed = {print_interval(self._machine.now_ns)}]"

    @property
    @exposed(BOOL)
    def is_paused(self) -> bool:
        """True while no time passes."""
        return not self._emulation.is_started

    @exposed(BOOL, val=BOOL)
    def set_serial_execution(self, val: bool) -> bool:
        """Execute cores one after the other, as it is anyway; return what was set before."""
        if not val:
            raise MonitorError(NEEDS_ONE_ORDER)
        return True

    @exposed(VOID, interval=TIME)
    def set_quantum(self, interval: int) -> None:
        """Let no core of this machine get further ahead of another one than this."""
        self._machine.quantum_ns = interval

    @exposed(VOID, val=BOOL)
    def set_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        check_immediately(val)

    @exposed(VOID, target_environment=EXTERNAL)
    def set_environment(self, target_environment: str) -> None:
        """Put all sensors, also those to come, into an environment."""
        self._emulation.environments.take_machine(self._machine, target_environment)

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
        self._add_script(text, path, address + offset, size, initable, name_)

    @exposed(
        VOID,
        name="PyDevFromString",
        script=STRING,
        address=UINT64,
        size=INT32,
        initable=BOOL,
        name_=STRING,
        offset=UINT64,
    )
    def py_dev_from_string(
        self,
        script: str,
        address: int,
        size: int,
        initable: bool = False,
        name_: str | None = None,
        offset: int = 0,
    ) -> None:
        """Do the same with the text of a script."""
        self._add_script(script, "<script>", address + offset, size, initable, name_)

    def _add_script(
        self, text: str, file: str, start: int, size: int, initable: bool, name: str | None
    ) -> None:
        name = name or f"pydev{len(self._machine.devices)}"
        self._machine.check_name(name)
        full = f"sysbus.{name}"
        compile_script(text, file)

        def make(soc: EmbeddedMachine) -> dict[str, Device]:
            peripheral = PythonPeripheral(lambda: self._machine.hook(text, full), size, initable=initable)
            answer_at(soc, name, start, size, lambda _bus: peripheral)
            access = WideRegisterAccess(peripheral, lambda _text: None)
            return {full: Device(full, "PythonPeripheral", peripheral, access)}

        self._machine.add(make)

    @exposed(VOID, name="CreateVirtualConsole", name_=STRING)
    def create_virtual_console(self, name_: str) -> None:
        """Make a UART that belongs to no firmware: scripts and terminals write to it and read from it."""
        self._machine.check_name(name_)
        uart = VirtualUart(lambda: self._machine.now_ns)
        full = f"sysbus.{name_}"
        shown = self._machine.uart(name_, uart)

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
