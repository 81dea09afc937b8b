"""Machine of the Monitor: empty when it is created, a SoC when a platform description was loaded."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.embedded.core_control import CoreControl
from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.engines.embedded.machine import DEFAULT_QUANTUM_NS, EmbeddedMachine
from icmsg.engines.embedded.rates import begins_halted
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.gdb import Debugger, Halted
from icmsg.machine.events import EventKind
from icmsg.machine.interruption import CtrlC
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.bus_ranges import UnhandledAccesses
from icmsg.monitor.objects.cpu_tracing import CpuTracing
from icmsg.monitor.objects.devices import make_devices
from icmsg.monitor.objects.uart import UartObject
from icmsg.soc.platform import parse_platform
from icmsg.soc.soc import is_uart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icmsg.machine.events import Event
    from icmsg.monitor.log import Log
    from icmsg.monitor.members import Device
    from icmsg.soc.platform import PlatformDescription


class MonitorMachine:
    """A machine by its name; ``soc`` is what runs. Device names are full ones, as ``sysbus.ipcapp``."""

    def __init__(
        self,
        name: str,
        log: Log,
        is_started: Callable[[], bool],
        folders: Callable[[], Sequence[Path]],
    ) -> None:
        self.name: Final = name
        self.soc: EmbeddedMachine | None = None
        self.devices: Mapping[str, Device] = {}
        self.debugger: Debugger | None = None
        self.on_reset: Callable[[], None] = lambda: None
        self.between_slices: Callable[[], None] = lambda: None
        """Called often while time passes."""
        self.execute: Callable[[str], str] = lambda _command: ""
        self._log = log
        self._is_started = is_started
        self._folders = folders
        self._sources: list[tuple[str, str]] = []
        self._controls: dict[str, CoreControl] = {}
        self._shown: dict[str, int] = {}
        self._unhandled: Final = UnhandledAccesses()
        self._quantum_ns = DEFAULT_QUANTUM_NS

    # What it is made of

    def load(self, text: str, file: str = "") -> None:
        """Load the platform description in ``file``, or the one in ``text``; a further one adds to those before.

        Raises:
            PlatformError: it has something wrong, or something that the embedded engine does not model.
            MonitorError: time has passed already.
        """
        if self.now_ns:
            raise MonitorError(
                "the embedded engine builds the machine from all platform descriptions at once: load them before "
                "time passes"
            )
        sources = [*self._sources, (file, text)]
        soc = EmbeddedMachine(_describe(sources, self._folders()), quantum_ns=self._quantum_ns)
        controls = {
            name: CoreControl(
                soc,
                core,
                halted=_begins_halted(soc, name),
                tell=partial(self._log.write, LogLevel.ERROR, source=soc.soc.cores[name].cpu),
            )
            for name, core in soc.cores.items()
        }
        told = ""
        if self.soc is not None:
            told = self.soc.announcement
            _take_over(soc, controls, self.soc, self._controls)
        self.close()
        if soc.announcement not in ("", told):
            self._log.write(LogLevel.WARNING, soc.announcement, self.name)
        self._sources = sources
        self._take(soc, controls)

    def _take(self, soc: EmbeddedMachine, controls: dict[str, CoreControl]) -> None:
        self.soc, self._controls = soc, controls
        self.devices = make_devices(
            self.name, soc, self._controls, self._log, self._is_started, self._place, self._unhandled
        )
        soc.events.add_sink(self._on_event, (EventKind.SIGNAL_LOST, EventKind.WARNING))

    def _place(self, name: str) -> Path:
        """Return the path of a new file: relative ones begin where the Monitor was started."""
        return Path(*self._folders()[:1], Path(name).expanduser())

    def adopt(self, soc: EmbeddedMachine) -> None:
        """Show a machine that somebody else has made, runs and closes."""
        tell = partial(self._log.write, LogLevel.ERROR)
        controls = {name: CoreControl(soc, core, halted=True, tell=tell) for name, core in soc.cores.items()}
        self._take(soc, controls)

    def start_debugger(self, port: int, cores: Sequence[str], greeted: Callable[[], None]) -> None:
        """Start a GDB server; MonitorError before a platform description was loaded.

        Raises:
            ConfigurationError: the port cannot be used, or the cores are not all of one architecture.
        """
        if self.soc is None:
            raise MonitorError("this machine has no cores yet; load a platform description first")
        if self.debugger is None:
            self.debugger = Debugger(self.soc, self._execute)
        self.debugger.listen(port, cores, greeted=greeted)

    def _execute(self, command: str) -> str:
        return self.execute(command)

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
            ctrl_c = CtrlC()

            def never() -> bool:
                self.between_slices()
                return ctrl_c.never()

            with ctrl_c, suppress(VirtualTimeoutError, Halted), self._waiting(waits):
                self.soc.run_until(never, timeout_ns=ns)

    @contextmanager
    def _waiting(self, waits: bool) -> Iterator[None]:
        debugger = self.debugger
        if debugger is not None:
            debugger.waits = waits
        try:
            yield
        finally:
            if debugger is not None:
                debugger.waits = True

    def reset(self) -> None:
        """Reset everything but the memories, and run what the Monitor does at a reset."""
        if self.soc is not None:
            self.soc.reset()
            for name, control in self._controls.items():
                control.power_down(halted=_begins_halted(self.soc, name))
        self.on_reset()

    def close(self) -> None:
        """Free everything."""
        self.stop_debugger()
        for device in self.devices.values():
            for part in device.parts:
                if isinstance(part, UartObject):
                    part.close()
        if self.soc is not None:
            for device in self.devices.values():
                for part in device.parts:
                    if isinstance(part, CpuTracing):
                        part.close()
            self.soc.close()
            self.soc, self.devices, self._controls = None, {}, {}

    # What it says

    def show(self, uart: str) -> None:
        """Write the lines of a UART's console into the log from now on (``showAnalyzer``)."""
        soc = self.soc
        for core in soc.cores.values() if soc is not None else ():
            if self._console_of(uart) == core.name:
                self._shown.setdefault(uart, len(core.console.lines))
                return
        raise MonitorError(f"No suitable analyzer found for {uart}")

    def show_consoles(self) -> None:
        """Write into the log what the shown consoles printed, in the order of virtual time."""
        news: list[tuple[int, str, str]] = []
        for uart, shown in self._shown.items():
            lines = self.soc.core(self._console_of(uart) or "").console.lines if self.soc is not None else []
            before = lines[shown - 1].time_ns if shown else 0
            for line in lines[shown:]:
                stamp = f"virt: {_seconds(line.time_ns)} (+{_seconds(line.time_ns - before)})"
                news.append((line.time_ns, uart, f"[{stamp}] {line.text}"))
                before = line.time_ns
            self._shown[uart] = len(lines)
        for time_ns, uart, text in sorted(news, key=lambda item: item[0]):
            self._log.write(LogLevel.INFO, text, uart, time_ns)

    def _console_of(self, uart: str) -> str | None:
        soc = None if self.soc is None else self.soc.soc
        item = None if soc is None or uart not in soc.description else soc.description[uart]
        if soc is None or item is None or not is_uart(item):
            return None
        own = (core.name for core in soc.cores.values() if uart in core.uarts)
        reaching = (soc.by_cpu[place.cpu].name for place in item.registrations if place.cpu)
        return next(iter((*own, *reaching)), None)

    def _mailbox_of(self, core: int) -> str:
        assert self.soc is not None
        return list(self.soc.soc.cores.values())[core].mailbox or ""

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.SIGNAL_LOST and self.soc is not None:
            text = f"TASKS_SEND[{event.a}]: channels 0x{event.b:X} are lost, as asked for"
            self._log.write(LogLevel.INFO, text, self._mailbox_of(event.core), event.time_ns)
        if event.kind is EventKind.WARNING and self.soc is not None:
            core = list(self.soc.cores)[event.core]
            cpu = self.soc.soc.cores[core].cpu
            what = next(
                (f"{known.what} at 0x{known.address:08X} ({known.place})" for known in self.soc.warnings[::-1]
                 if known.core == core and known.address == event.a),
                f"access at 0x{event.a:08X}",
            )  # fmt: skip
            if "which nothing models" in what and not self._unhandled.reports(tagged=True):
                return
            self._log.write(LogLevel.WARNING, f"[{cpu}: 0x{event.b:X}] {what}", "sysbus", event.time_ns)


def _describe(sources: Sequence[tuple[str, str]], folders: Sequence[Path]) -> PlatformDescription | None:
    """Return the description in all sources, each a file or a text; None for the shipped one, which is known."""
    if len(sources) == 1 and sources[0][0] and Path(sources[0][0]).samefile(platform_file(DEFAULT.name)):
        return None
    used = "".join(f'using "{file}"\n' for file, _ in sources if file)
    texts = "\n".join(text for file, text in sources if not file)
    return parse_platform(f"{used}{texts}\n", "<LoadPlatformDescription>", search_path=folders)


def _take_over(
    new: EmbeddedMachine,
    new_controls: Mapping[str, CoreControl],
    old: EmbeddedMachine,
    old_controls: Mapping[str, CoreControl],
) -> None:
    """Bring over what was done to a machine before it was made again with more in it."""
    for name, memory in old.memories.items():
        new.memories[name].bytes[:] = memory.bytes
    for tag in old.tags:
        if tag not in new.tags:
            new.add_tag(tag)
    for name, control in old_controls.items():
        new.cores[name].image = old.cores[name].image
        new_controls[name].vector_table = control.vector_table
        new_controls[name].is_halted = control.is_halted
        for register, value in control.registers().items():
            new_controls[name].write_register(register, value)


def _begins_halted(machine: EmbeddedMachine, core: str) -> bool:
    return begins_halted(machine.description[machine.soc.cores[core].cpu])


def _seconds(ns: int) -> str:
    for unit, name in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= unit:
            return f"{ns / unit:.4g}{name}"
    return f"{ns}ns" if ns else "0s"
