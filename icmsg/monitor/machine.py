"""Machine of the Monitor: a bus when it is created, a SoC when a platform description was loaded."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.core_control import CoreControl
from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.engines.embedded.machine import DEFAULT_QUANTUM_NS
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.gdb import Debugger, Halted
from icmsg.machine.console import Console
from icmsg.machine.events import EventKind
from icmsg.machine.interruption import CtrlC
from icmsg.monitor.command import parts_of
from icmsg.monitor.journal import NotedMachine
from icmsg.monitor.log import LogLevel, MachineLog, entry_of, news
from icmsg.monitor.objects.bus_contents import UnhandledAccesses
from icmsg.monitor.objects.cpu_execution import CpuExecution
from icmsg.monitor.objects.cpu_tracing import CpuTracing
from icmsg.monitor.objects.devices import (
    DescriptionSource,
    Surroundings,
    describe,
    make_devices,
    needed_by,
    starts_halted,
    take_over,
)
from icmsg.monitor.objects.uart import UartObject
from icmsg.monitor.python_objects import compile_script
from icmsg.soc.soc import is_uart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.machine.events import Event
    from icmsg.monitor.command import Device
    from icmsg.monitor.journal import Journal
    from icmsg.monitor.log import Log
    from icmsg.monitor.objects.devices import AddTrace
    from icmsg.monitor.objects.uart import VirtualUart
    from icmsg.monitor.python_scripts import HookScript


class MonitorMachine:
    """A machine by its name; ``soc`` is what runs. Device names are full ones, as ``sysbus.ipcapp``."""

    def __init__(
        self,
        name: str,
        log: Log,
        is_started: Callable[[], bool],
        folders: Callable[[], Sequence[Path]],
        journal: Journal,
    ) -> None:
        self._journal: Final = journal
        self.name: Final = name
        self.soc: EmbeddedMachine | None = None
        self.devices: Mapping[str, Device] = {}
        self.debugger: Debugger | None = None
        self.on_reset: Callable[[], None] = lambda: None
        self.between_slices: Callable[[], None] = lambda: None
        """Called often while time passes."""
        self.execute: Callable[[str], str] = lambda _command: ""
        self.script: Callable[..., HookScript] = _no_script
        """Returns the script ``(machine, text, itself, *others)`` of a hook."""
        self.runs_python: Callable[[], bool] = lambda: True
        """Tells whether Python that files bring is run."""
        self.changed: Callable[[], None] = lambda: None
        """Called when there are other devices."""
        self.join: Callable[[str, str], None] = lambda _sensor, _environment: None
        """Puts a sensor into an environment."""
        self.started: Callable[[], None] = lambda: None
        self.add_trace: AddTrace = lambda _name, make: make()
        """Makes a trace of this name."""
        self._stops = False
        self._log: Final = MachineLog(log, name)
        self._is_started = is_started
        self._folders = folders
        self._sources: list[DescriptionSource] = []
        self._controls: dict[str, CoreControl] = {}
        self._shown: dict[str, int] = {}
        self._added: list[Callable[[], None]] = []
        self._unhandled: Final = UnhandledAccesses()
        self._quantum_ns = DEFAULT_QUANTUM_NS
        self._uarts: dict[str, UartObject] = {}
        self._adopted = False

    @property
    def is_empty(self) -> bool:
        """True before a platform description was loaded."""
        return not self._sources and not self._adopted

    # What it is made of

    def load(self, text: str, file: str = "") -> None:
        """Load the platform description in ``file``, or the one in ``text``; a further one adds to those before.

        Raises:
            PlatformError: it has something wrong, or something that the embedded engine does not model.
            MonitorError: time has passed already, or the description has an error of syntax.
        """
        self._make_again(DescriptionSource(text, file) if file or text else None)

    def _make_again(self, more: DescriptionSource | None) -> None:
        if self.now_ns:
            raise MonitorError(
                "the embedded engine builds the machine from all platform descriptions at once: load them before "
                "time passes"
            )
        if attached := [device.name for device in self.devices.values() if device.is_attached]:
            raise MonitorError(
                "the embedded engine makes the machine again for this: load platform descriptions, and set speeds, "
                f"before hooks, traces and logs of {', '.join(attached)}"
            )
        self._make(self._sources if more is None else [*self._sources, more])

    def _make(self, sources: list[DescriptionSource]) -> None:
        description = describe(sources, self._folders())
        soc = NotedMachine(description, quantum_ns=self._quantum_ns, coreless=True, scripts=self._script_of)
        soc.note_runs(partial(self._journal.ran, self.name))
        controls = {
            name: CoreControl(
                soc,
                core,
                halted=starts_halted(soc, name),
                tell=partial(self._log.write, LogLevel.ERROR, source=soc.soc.cores[name].cpu),
            )
            for name, core in soc.cores.items()
        }
        told = ""
        if self.soc is not None:
            told = self.soc.announcement
            take_over(soc, controls, self.soc, self._controls)
        self._free()
        if soc.announcement not in ("", told):
            self._log.write(LogLevel.WARNING, soc.announcement, self.name)
        self._sources = sources
        self._take(soc, controls)
        self.changed()

    def _take(self, soc: EmbeddedMachine, controls: dict[str, CoreControl]) -> None:
        self.soc, self._controls = soc, controls
        around = Surroundings(
            log=self._log,
            is_started=self._is_started,
            place=self._place,
            unhandled=self._unhandled,
            script=self.hook,
            add_trace=self.add_trace,
            set_mips=self._set_mips,
            started=self.started,
            uarts=self._uarts,
            add_parts=self.add,
            join=self.join,
        )
        self.devices = make_devices(self.name, soc, self._controls, around)
        for full, uart in self._uarts.items():
            uart.sent = partial(self._journal.sent, self.name, full)
        for add in self._added:
            add()
        soc.events.add_sink(self._on_event, (EventKind.SIGNAL_LOST, EventKind.WARNING))

    def _script_of(self, name: str, text: str) -> Callable[[], HookScript] | None:
        """Return what makes the script of a peripheral, None where no Python of files is run."""
        if not self.runs_python():
            return None
        compile_script(text)
        return lambda: self.hook(text, f"sysbus.{name}")

    def hook(self, text: str, itself: str, *others: str) -> HookScript:
        """Return the script of a hook of the device ``itself``, which ``others`` of its names mean, too."""
        return self.script(self, text, itself, *others)

    def _set_mips(self, cpu: str, mips: int) -> None:
        """Let a core execute so many million instructions a second from now on."""
        assert self.soc is not None
        text = f"{cpu}:\n    PerformanceInMips: {mips}"
        if self._controls[self.soc.soc.by_cpu[cpu].name].set_rate(mips * 1_000_000):
            self._sources.append(DescriptionSource(text))  # for the next description
        elif self.now_ns:
            raise MonitorError(
                f"{mips} MIPS are no whole part of this machine's tick, which is fixed since time has passed: set it "
                "before, or use a speed of which the other cores' are multiples"
            )
        else:
            self.load(text)

    @property
    def single_stepped(self) -> list[str]:
        """The cores that execute only what ``Step`` asks for."""
        return [
            self.soc.soc.cores[name].cpu
            for name, control in self._controls.items()
            if control.single_step and self.soc is not None
        ]

    # What scripts add to it

    def check_name(self, name: str) -> None:
        """Refuse a name that a device has already."""
        if self.peripheral(name) is not None:
            raise MonitorError(f"Given name '{name}' is already used.")

    def add(self, make: Callable[[EmbeddedMachine], Mapping[str, Device]]) -> None:
        """Add what ``make`` puts into the SoC, and its devices; also to one that is made again."""

        def once() -> None:
            assert self.soc is not None
            self.devices = {**self.devices, **make(self.soc)}

        once()
        self._added.append(once)

    def remove(self, name: str) -> None:
        """Take a peripheral out; MonitorError where time has passed, or something else needs it."""
        soc = self.soc
        item = name.removeprefix("sysbus.")
        if soc is None or item not in soc.description:
            raise MonitorError(f"{name} is in no platform file of this machine, so it stays")
        if needed := needed_by(soc.description, item):
            raise MonitorError(f"{name} stays: {', '.join(needed)} of the platform file cannot be without it")
        self._make_again(DescriptionSource(without=item))

    def uart(self, name: str, model: VirtualUart) -> UartObject:
        """Return the UART of a virtual console that scripts have made."""
        tell = partial(self._log.write, LogLevel.INFO, source=name)
        made = self._uarts[f"sysbus.{name}"] = UartObject(name, model, None, self._place, tell, self.hook)
        made.sent = partial(self._journal.sent, self.name, f"sysbus.{name}")
        return made

    def _place(self, name: str) -> Path:
        """Return the path of a new file: relative ones begin where the Monitor was started."""
        return Path(*self._folders()[:1], Path(name).expanduser())

    def adopt(self, soc: EmbeddedMachine) -> None:
        """Show a machine that somebody else has made, runs and closes."""
        self._journal.is_whole = False
        self._free()
        self._adopted = True
        tell = partial(self._log.write, LogLevel.ERROR)
        controls = {name: CoreControl(soc, core, halted=True, tell=tell) for name, core in soc.cores.items()}
        self._take(soc, controls)

    def start_debugger(self, port: int, cores: Sequence[str], greeted: Callable[[], None]) -> None:
        """Start a GDB server; MonitorError before a platform description was loaded.

        Raises:
            ConfigurationError: the port cannot be used, or the cores are not all of one architecture.
        """
        if self.soc is None or not self.soc.cores:
            raise MonitorError("this machine has no cores yet; load a platform description first")
        if self._journal.is_repeating:
            return
        if self.debugger is None:
            self.debugger = Debugger(self.soc, self.execute)
        wanted = [self.soc.core(name).name for name in cores] or list(self.soc.cores)
        for server in self.debugger.servers:
            for core in server.cores:
                if core.name in wanted:
                    raise MonitorError(
                        f"CPU: {self.name}.{self.soc.soc.cores[core.name].cpu} is already attached to an existing GDB "
                        f"server, running on port :{server.port}"
                    )
        self.debugger.listen(port, cores, greeted=greeted)

    def stop_debugger(self) -> None:
        """Stop all GDB servers; everything goes on that they have halted."""
        if self.debugger is not None:
            self.debugger.stop()
            self.debugger = None

    def core(self, name: str) -> str | None:
        """Return the engine's name of a core, or None; MonitorError for one that the engine does not execute."""
        word = name.removeprefix("sysbus.")
        if self.soc is not None and (foreign := self.soc.foreign_cores.get(word)):
            raise MonitorError(refusal(foreign))
        found = None if self.soc is None else self.soc.soc.by_cpu.get(word)
        return found.name if found is not None else None

    def peripheral(self, name: str) -> str | None:
        """Return the full name of a peripheral, or None."""
        return next((full for full in (name, f"sysbus.{name}") if full in self.devices), None)

    # What it does

    @property
    def quantum_ns(self) -> int:
        """The quantum, also before there is a SoC."""
        return self._quantum_ns

    @quantum_ns.setter
    def quantum_ns(self, quantum_ns: int) -> None:
        self._quantum_ns = quantum_ns
        if self.soc is not None:
            self.soc.quantum_ns = quantum_ns

    @property
    def now_ns(self) -> int:
        """The virtual time."""
        return 0 if self.soc is None else self.soc.now_ns

    def run_for(self, ns: int, *, waits: bool = True) -> None:
        """Let time pass; Ctrl-C ends it between two slices, and a debugger that halts it if it does not wait."""
        if self.soc is not None:
            ctrl_c, debugger = CtrlC(), self.debugger
            self._stops = False

            def never() -> bool:
                self.between_slices()
                return ctrl_c.never() or self._stops

            if debugger is not None:
                debugger.waits = waits
            try:
                with ctrl_c, suppress(VirtualTimeoutError, Halted):
                    self.soc.run_until(never, timeout_ns=ns)
            finally:
                if debugger is not None:
                    debugger.waits = True

    @property
    def is_running(self) -> bool:
        """True while time passes on it."""
        return isinstance(self.soc, NotedMachine) and self.soc.is_running

    def stop(self) -> None:
        """End the run that is under way at the end of its slice."""
        self._stops = True

    def request_reset(self) -> None:
        """Reset behind the instruction that runs, or now."""
        if self.soc is not None:
            self.soc.scheduler.call_soon(self.reset)

    def reset(self) -> None:
        """Reset everything but the memories, and run what the Monitor does at a reset."""
        if self.soc is not None:
            self.soc.reset()
            for name, control in self._controls.items():
                control.power_down(halted=starts_halted(self.soc, name))
        self.on_reset()

    def close(self) -> None:
        """Free everything."""
        for uart in self._uarts.values():
            uart.close()
        self._uarts.clear()
        self._free()

    def _free(self) -> None:
        """Free the SoC and what looks at it; UARTs stay for the next one."""
        self.stop_debugger()
        if self.soc is not None:
            for _, tracing in parts_of(self.devices, CpuTracing):
                tracing.close()
            for _, execution in parts_of(self.devices, CpuExecution):
                execution.close()
            self.soc.close()
            self.soc, self.devices, self._controls = None, {}, {}

    # What it says

    def show(self, uart: str) -> None:
        """Write the lines of a UART's console into the log from now on (``showAnalyzer``)."""
        console = self._console_of(uart)
        if console is None:
            raise MonitorError(f"No suitable analyzer found for {uart}")
        self._shown.setdefault(uart, len(console.lines))

    def show_consoles(self) -> None:
        """Write into the log what the shown consoles printed, in the order of virtual time."""
        consoles = {uart: console for uart in self._shown if (console := self._console_of(uart)) is not None}
        for time_ns, uart, text in news(consoles, self._shown):
            self._log.write(LogLevel.INFO, text, uart, time_ns)

    def _console_of(self, uart: str) -> Console | None:
        shown = self._uarts.get(f"sysbus.{uart}")
        if shown is not None:
            return shown.printed
        item = None if self.soc is None or uart not in self.soc.description else self.soc.description[uart]
        # One that is not modelled prints nothing.
        return Console() if item is not None and is_uart(item) else None

    def _on_event(self, event: Event) -> None:
        if self.soc is not None and (entry := entry_of(event, self.soc)) is not None:
            level, text, source, is_tagged = entry
            if not is_tagged or self._unhandled.reports(tagged=True):
                self._log.write(level, text, source, event.time_ns)


def _no_script(*_arguments: object) -> HookScript:
    raise MonitorError("this machine belongs to no Monitor that runs scripts")
