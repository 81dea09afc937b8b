"""All machines of one Monitor, which of them is selected, and whether time passes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.machine import DEFAULT_QUANTUM_NS
from icmsg.errors import MonitorError
from icmsg.monitor.command import Device
from icmsg.monitor.journal import Journal
from icmsg.monitor.log import Log, LogLevel
from icmsg.monitor.machine import MonitorMachine
from icmsg.monitor.objects.emulation import EmulationObject, Environments
from icmsg.monitor.objects.machine import MachineObject
from icmsg.monitor.objects.terminals import (
    AbsentTerminal,
    Connector,
    External,
    PtyTerminal,
    SocketTerminal,
    UartTerminal,
)
from icmsg.monitor.objects.uart import UartHub, UartObject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from tempfile import TemporaryDirectory

    from icmsg.monitor.objects.cpu_execution import ExecutionTrace


class Emulation:
    """Machines by name; ``usings`` are the prefixes that need not be written."""

    def __init__(self) -> None:
        self.log: Final = Log(lambda: self.now_ns)
        self.log.catch_up = self.show_consoles
        self.machines: Final[dict[str, MonitorMachine]] = {}
        self.usings: Final[list[str]] = ["sysbus."]
        self.is_started = self._stops = False
        self.single_step_blocking = True
        """True while all others wait for a core in mode SingleStep."""
        self.folders: Callable[[], Sequence[Path]] = lambda: ()
        """Folders in which platform descriptions look for those that they use."""
        self.on_machine: Callable[[MonitorMachine], None] = lambda _machine: None
        """Called for every machine that is made."""
        self.journal: Final = Journal()
        """Record of what all this was made of."""
        self.kept: list[TemporaryDirectory[str]] = []
        """Folders with the files of the snapshot that was loaded: images are read again for their lines."""
        self._selected: str | None = None
        self._objects = {"emulation": Device("emulation", "Emulation", EmulationObject(self))}
        self._objects["connector"] = Device("connector", "Connector", Connector(self))
        self.terminals: Final[dict[str, External]] = {}
        """Terminals and hubs by name."""
        self.environments: Final = Environments(self.terminals)
        """Members of environments."""
        self._traces: dict[str, ExecutionTrace] = {}

    # Machines

    @property
    def selected(self) -> MonitorMachine | None:
        """The machine that commands mean."""
        return self.machines.get(self._selected or "")

    @property
    def selected_name(self) -> str | None:
        """Its name."""
        return self._selected

    def add_object(self, name: str, thing: object) -> None:
        """Give something beside the machines a name."""
        self._objects[name] = Device(name, name, thing)

    def create(self, name: str | None = None) -> str:
        """Make an empty machine and return its name; MonitorError if the name is taken."""
        if not name:
            number = 0
            while f"machine-{number}" in self.machines:
                number += 1
            name = f"machine-{number}"
        if name in self.machines:
            raise MonitorError("Given machine is already added or name is already taken.")
        machine = MonitorMachine(name, self.log, lambda: self.is_started, self.folders, self.journal)
        machine.between_slices = self._between_slices
        machine.add_trace = self._add_trace
        machine.started = self._start
        machine.changed = partial(self.environments.changed, machine)
        machine.join = partial(self.environments.take_sensor, machine)
        self.machines[name] = machine
        self.on_machine(machine)
        machine.load("")  # its bus, before it has anything else
        return name

    def select(self, name: str | None) -> None:
        """Select a machine, or none."""
        self._selected = name

    def remove(self, name: str) -> None:
        """Close a machine and forget it."""
        machine = self.machines.pop(name)
        self.environments.forget(machine)
        machine.close()
        if self._selected == name:
            self._selected = None

    def clear(self) -> None:
        """Close all machines and terminals, and pause."""
        for terminal in self.terminals.values():
            terminal.close()
        self.terminals.clear()
        for trace in self._traces.values():
            trace.close()
        self._traces.clear()
        for name in list(self.machines):
            self.remove(name)
        self.is_started = False
        while self.kept:
            self.kept.pop().cleanup()

    def close(self) -> None:
        """Close all machines and the log's file."""
        self.clear()
        self.log.close()

    # Terminals

    def add_terminal(self, name: str, path: str, *, force: bool) -> None:
        """Make a pseudo terminal with a link to it at ``path``.

        Raises:
            MonitorError: the name is taken, the path is, or this system has no pseudo terminals.
        """

        def make(tell: Callable[[str], None]) -> External:
            return PtyTerminal(Path(*self.folders()[:1], Path(path).expanduser()), force=force, tell=tell)

        self._add_terminal(name, make)

    def add_port(self, name: str, port: int, *, telnet: bool, forgets: bool) -> None:
        """Make a port at which a client is the terminal; MonitorError if the name or the port is taken."""
        self._add_terminal(name, lambda tell: SocketTerminal(port, telnet=telnet, forgets=forgets, tell=tell))

    def _add_terminal(self, name: str, make: Callable[[Callable[[str], None]], External]) -> None:
        self._check_free(name)
        tell = partial(self.log.write, LogLevel.WARNING, source=name)
        self.terminals[name] = AbsentTerminal(name) if self.journal.is_repeating else make(tell)

    def add_hub(self, name: str, *, loopback: bool) -> None:
        """Make a hub for UARTs; MonitorError if the name is taken."""
        tell = partial(self.log.write, LogLevel.WARNING, source=name)
        self.add_external(name, UartHub(loopback=loopback, tell=tell))

    def add_external(self, name: str, external: External) -> None:
        """Give something beside the machines a name; MonitorError if it is taken."""
        self._check_free(name)
        self.terminals[name] = external

    def forget_absent(self) -> None:
        """Forget the terminals that a snapshot had, and that are not there."""
        for name, terminal in list(self.terminals.items()):
            if isinstance(terminal, AbsentTerminal):
                self.terminals.pop(name).close()

    def _add_trace(self, name: str, make: Callable[[], ExecutionTrace]) -> ExecutionTrace:
        try:
            self._check_free(name)
        except MonitorError:
            raise MonitorError("ExecutionTracer is already running") from None
        trace = self._traces[name] = make()
        return trace

    def _check_free(self, name: str) -> None:
        if name in self.terminals or self.device(name) is not None:
            raise MonitorError(f"Given name '{name}' is already used.")

    def external(self, name: str) -> str | None:
        """Return the name of a terminal or hub, or None."""
        return name if name in self.terminals else None

    def uart(self, name: str) -> UartObject:
        """Return a UART of the selected machine by its full name; MonitorError if it is none."""
        device = self.device(name)
        uart = next((part for part in device.parts if isinstance(part, UartObject)), None) if device else None
        if uart is None:
            raise MonitorError(f"{name} is no UART: only UARTs can be connected to a terminal here")
        return uart

    def look_at_terminals(self) -> None:
        """Take over what was typed, and what hubs have to hand on."""
        for terminal in self.terminals.values():
            if isinstance(terminal, UartTerminal):
                with self.journal.looking():
                    terminal.poll()
            else:
                terminal.poll()

    def _between_slices(self) -> None:
        self.journal.look()
        self.look_at_terminals()

    # Time

    @property
    def now_ns(self) -> int:
        """The virtual time of the machine that is furthest."""
        return max((machine.now_ns for machine in self.machines.values()), default=0)

    @property
    def quantum_ns(self) -> int:
        """The smallest quantum of all machines."""
        return min((machine.quantum_ns for machine in self.machines.values()), default=DEFAULT_QUANTUM_NS)

    def set_quantum(self, quantum_ns: int) -> None:
        """Set the quantum of the machines that there are."""
        for machine in self.machines.values():
            machine.quantum_ns = quantum_ns

    def run_for(self, ns: int) -> None:
        """Let time pass on all machines; MonitorError while the emulation is started."""
        if self.is_started:
            raise MonitorError("This action is not available when emulation is already started")
        if blocking := self._blocking():
            raise MonitorError(
                f"{blocking} is in ExecutionMode SingleStep, for which all others wait, so no time passes: {blocking} "
                "Step, ExecutionMode Continuous, or emulation SingleStepBlocking false (Renode waits for ever here)"
            )
        self.advance(ns)

    def advance(self, ns: int, *, waits: bool = True) -> None:
        """Let time pass on all machines; where a debugger has halted one, wait for it, or do without.

        Several machines take turns, a quantum each. None passes while all wait for a core in mode SingleStep.
        """
        with self.journal.outside(do="advance", ns=ns, waits=waits):
            self._advance(ns, waits=waits)

    def _advance(self, ns: int, *, waits: bool) -> None:
        machines = [machine for machine in self.machines.values() if not machine.is_empty]
        turn = ns if len(machines) == 1 else self.quantum_ns
        self._stops = False
        while ns > 0 and machines and not self._stops and not self._blocking():
            for machine in machines:
                machine.run_for(min(turn, ns), waits=waits)
            ns -= turn

    def _blocking(self) -> str:
        """Return the core for which all others wait, or nothing."""
        stepped = (cpu for machine in self.machines.values() for cpu in machine.single_stepped)
        return next(stepped, "") if self.single_step_blocking else ""

    def _start(self) -> None:
        self.is_started = True

    def pause(self) -> None:
        """Let no more time pass, from the end of the slices that run."""
        self.is_started = False
        self._stops = True
        for machine in self.machines.values():
            machine.stop()

    def run_until(self, satisfied: Callable[[], bool], ns: int) -> bool:
        """Let at most ``ns`` pass on all machines, a quantum at a time; return whether ``satisfied()`` was."""
        while not satisfied():
            if ns <= 0:
                return False
            self.advance(min(self.quantum_ns, ns))
            ns -= self.quantum_ns
        return True

    def show_consoles(self) -> None:
        """Write into the log what shown consoles printed since the last time."""
        for machine in self.machines.values():
            machine.show_consoles()

    # Names

    def device(self, name: str) -> Device | None:
        """Return what a word means, with or without a prefix of ``usings``; None if nothing has that name."""
        machine = self.selected
        beside = self._beside(name)
        if machine is None:
            return beside
        if name == "machine":
            return Device("machine", "Machine", MachineObject(machine, self))
        names = (name, *(prefix + name for prefix in self.usings))
        return next((machine.devices[full] for full in names if full in machine.devices), beside)

    def _beside(self, name: str) -> Device | None:
        """Return what is beside the machines: an object of Renode's, a terminal, a hub, a trace."""
        thing = self.terminals.get(name) or self._traces.get(name)
        return self._objects.get(name) if thing is None else Device(name, type(thing).__name__, thing)

    def device_names(self) -> list[str]:
        """Return all names that mean a device here and now, with and without prefixes."""
        machine = self.selected
        beside = {*self._objects, *self.terminals, *self._traces}
        if machine is None:
            return sorted(beside)
        short = [
            full.removeprefix(prefix)
            for full in machine.devices
            for prefix in self.usings
            if full.startswith(prefix) and full != prefix
        ]
        return sorted({*beside, "machine", *machine.devices, *short})

    def core(self, name: str) -> str | None:
        """Return the engine's name of a core of the selected machine, or None."""
        return None if self.selected is None else self.selected.core(name)

    def peripheral(self, name: str) -> str | None:
        """Return the full name of a peripheral of the selected machine, or None."""
        device = self.device(name)
        return None if device is None else device.name
