"""The few .NET members that the adapter uses, with the behaviour that was recorded on Renode 1.16.1.

Underneath is the embedded engine, so firmware really runs. What is imitated of Renode: synchronization points one
quantum apart, the lockstep's rules, a silent 0 for an access that nothing answers, an address of 0 before a memory's
segment is touched, errors of the Monitor as text, a core that starts only after a reset, and that nothing may be
loaded beside a lockstep.
"""

from __future__ import annotations

import ctypes
import re
from functools import partial
from pathlib import Path
from struct import Struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from power_records import PowerTap
from typed_paths import typed

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.embedded.memory import Memory as Bytes
from icmsg.errors import BusError
from icmsg.machine.events import Event, EventKind
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import VPR

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.console import ConsoleSink
    from icmsg.soc.platform import Peripheral

RECORD = Struct("<QHHI")
US = 1000
RUN_NS = 10_000_000


class DotNetError(Exception):
    """``System.Exception``."""

    @property
    def Message(self) -> str:  # noqa: N802 - .NET's name
        return str(self)


class Line:
    """A GPIO: the line of one external interrupt."""

    def __init__(self, machine: FakeMachine, core: str, number: int) -> None:
        self.core, self.number = core, number
        self._nvic = machine.soc.core(core)._slot.nvic

    @property
    def IsSet(self) -> bool:  # noqa: N802 - .NET's name
        return bool(self._nvic.offers(self.number))


class DoorbellLines:
    """``DoorbellLines``."""

    @staticmethod
    def Find(peripheral: object, output: str) -> object:  # noqa: N802 - .NET's name
        return getattr(peripheral, "outputs", {}).get(output) or getattr(peripheral, output, None)


class Registers:
    """A peripheral by offset; its outputs are attributes, the numbered ones in ``outputs``."""

    def __init__(self, machine: FakeMachine, name: str, core: str, base: int) -> None:
        bus = machine.soc.core(core).bus
        self.name, self.core = name, core
        self.outputs: dict[str, Line] = {}
        self.ReadDoubleWord: Callable[[int], int] = lambda offset: bus.read32(base + offset)
        self.WriteDoubleWord: Callable[[int, int], None] = lambda offset, value: bus.write32(
            base + offset, value
        )


class Memory:
    """A MappedMemory, in segments of 64 KiB."""

    SegmentSize = 1 << 16
    ResetByte = 0

    def __init__(self, machine: FakeMachine, name: str) -> None:
        found = machine.soc.memories.get(name)
        self._memory = (
            found if found is not None else Bytes(name, self.SegmentSize)
        )  # of a core that is left out
        self._touched: set[int] = set()
        self.Size = self._memory.size
        self.SegmentCount = -(-self.Size // self.SegmentSize)

    def ZeroAll(self) -> None:  # noqa: N802 - .NET's name
        self._memory.bytes[:] = bytes(self._memory.size)

    def TouchSegment(self, number: int) -> None:  # noqa: N802 - .NET's name
        self._touched.add(number)

    def GetSegment(self, number: int) -> Any:  # noqa: N802 - .NET's name
        start = number * self.SegmentSize
        touched = number in self._touched or any(self._memory.bytes[start : start + self.SegmentSize])
        return SimpleNamespace(ToInt64=lambda: self._memory.pointer + start if touched else 0)


class Cpu:
    """A core; what the Monitor does to it."""

    def __init__(self, machine: FakeMachine, name: str) -> None:
        self.core = machine.soc.core(name)
        self.halted = False
        self.fresh = False
        self.pc = 0  # of a core that nothing has started

    @property
    def IsHalted(self) -> bool:  # noqa: N802 - .NET's name
        return self.halted

    @IsHalted.setter
    def IsHalted(self, halted: bool) -> None:  # noqa: N802 - .NET's name
        self.halt(halted)

    @property
    def ExecutedInstructions(self) -> int:  # noqa: N802 - .NET's name
        return self.core.instructions

    def set_vector_table(self, address: int) -> None:
        """Let the core start there, also what was written into memory instead of loaded."""
        slot: Any = self.core._slot
        slot.control.vector_table = address
        if self.core.image is None:
            anything: Any = SimpleNamespace(locate=hex, symbols={})
            self.core.image = anything

    def answer(self, what: str) -> str | None:
        """Do what the Monitor says behind the core's name; None if there is no such thing."""
        if what == "IsHalted":
            self.halted = self.halted and self.core.is_halted  # FORCEOFF may have let it go
            return str(self.halted)
        if what == "PC":
            return f"0x{self.core.registers.get('PC', self.pc):X}"
        if what in ("SP", "LR", "RA", "MSTATUS", "MCAUSE", "MEPC", "MTVAL"):
            return f"0x{self.core.registers.get(what, 0):X}"
        if found := re.fullmatch(
            r"PC (0x[0-9A-Fa-f]+)", what
        ):  # a VPR begins where its image says all the same
            self.pc = int(found[1], 16)
            return ""
        if what == "XProgramStatusRegister":
            return f"0x{self.core.registers.get('XPSR', 0):X}"
        if what == "VectorTableOffset":
            return f"0x{self.core._slot.control.vector_table:X}"  # type: ignore[attr-defined]
        if found := re.fullmatch(r"IsHalted (true|false)", what):
            self.halt(found[1] == "true")
            return ""
        if what == "Reset":
            self.fresh = True
            self.core.reset()
            return ""
        if found := re.fullmatch(r"VectorTableOffset (0x[0-9A-Fa-f]{8})", what):
            self.set_vector_table(int(found[1], 16))
            return ""
        return None

    def halt(self, halted: bool) -> None:
        if halted != self.halted:
            self.halted = halted
            if halted:
                self.core.halt()
            elif self.fresh and self.core.image is not None:
                self.fresh = False
                self.core.start()
            else:
                self.core.resume()


class ForeignCpu:
    """A core that the embedded engine does not execute, halted."""

    ExecutedInstructions = 0

    def answer(self, what: str) -> str | None:
        """Do what the Monitor says behind the core's name."""
        return {"IsHalted": "True", "IsHalted true": "", "PC": "0x0"}.get(what)


class SystemBus:
    """Accesses in the context of a core; what nothing answers is 0, and nothing is raised."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def GetLoadedFingerprints(self) -> list[Any]:  # noqa: N802 - .NET's name
        return [SimpleNamespace(FileName=path) for path in self._machine.loaded]

    def _bus(self, context: Any) -> Any:
        return context.core.bus if isinstance(context, Cpu) else None

    def _read(self, name: str, address: int, context: Any) -> int:
        bus = self._bus(context)
        try:
            return int(getattr(bus, name)(address)) if bus is not None else 0
        except BusError:
            return 0

    def _write(self, name: str, address: int, value: int, context: Any) -> None:
        try:
            getattr(self._bus(context), name)(address, value)
        except (BusError, AttributeError):
            return

    def ReadByte(self, address: int, context: Any = None) -> int:  # noqa: N802 - .NET's name
        return self._read("read8", address, context)

    def ReadWord(self, address: int, context: Any = None) -> int:  # noqa: N802 - .NET's name
        return self._read("read16", address, context)

    def ReadDoubleWord(self, address: int, context: Any = None) -> int:  # noqa: N802 - .NET's name
        return self._read("read32", address, context)

    def WriteByte(self, address: int, value: int, context: Any = None) -> None:  # noqa: N802 - .NET's name
        self._write("write8", address, value, context)

    def WriteWord(self, address: int, value: int, context: Any = None) -> None:  # noqa: N802 - .NET's name
        self._write("write16", address, value, context)

    def WriteDoubleWord(self, address: int, value: int, context: Any = None) -> None:  # noqa: N802 - .NET's name
        self._write("write32", address, value, context)

    def ReadBytes(self, address: int, size: int, _only_memory: bool, context: Any) -> bytearray:  # noqa: N802 - .NET's name
        return bytearray(self._bus(context).read_block(address, size))

    def WriteBytes(  # noqa: N802 - .NET's name
        self, array: bytearray, address: int, start: int, count: int, _only_memory: bool, context: Any
    ) -> None:
        self._bus(context).write_block(address, bytes(array[start : start + count]))


class FakeMachine:
    """A machine made of a platform file, with all its cores running nothing."""

    def __init__(self, platform: str) -> None:
        description = load_platform(Path(platform))
        self.soc = EmbeddedMachine(platform, quantum_ns=1 * US, latency_ns=0)
        self.quantum_ns = 100 * US
        self.objects: dict[str, Any] = {}
        self.lockstep: FakeLockstep | None = None
        self.bus = SystemBus(self)
        cores = self.soc.soc.by_cpu
        for item in description:
            if item.name in self.soc.foreign_cores:
                self.objects[item.name] = ForeignCpu()
            elif item.type.startswith("CPU."):
                self.objects[item.name] = Cpu(self, cores[item.name].name)
            elif item.type == "Memory.MappedMemory":
                self.objects[item.name] = Memory(self, item.name)
            else:
                self._add_registers(item)
        self.mailbox_interrupts = {
            core.name: {interrupt: output for output, interrupt in core.port.interrupts.items()}
            for core in cores.values()
            if core.port is not None
        }
        self.loaded: list[str] = []
        self.followed = 0

    def _add_registers(self, item: Peripheral) -> None:
        cores = self.soc.soc.by_cpu
        place = next(iter(item.registrations), None)
        if place is None or place.address is None:
            return
        controllers = {core.nvic: core for core in cores.values()}
        wired = (
            controllers[wire.destination] for wire in item.connections if wire.destination in controllers
        )
        owner = next(wired, cores[place.cpu] if place.cpu else next(iter(cores.values())))
        found = self.objects[item.name] = Registers(self, item.name, owner.name, place.address - place.offset)
        controlled = controllers.get(item.name)
        if controlled is not None and controlled.kind == VPR:
            for number in controlled.wires:
                found.outputs[str(number)] = Line(self, controlled.name, number)
        for wire in item.connections:
            core = controllers.get(wire.destination)
            if core is not None and wire.index is None:
                setattr(found, wire.source or "IRQ", Line(self, core.name, wire.irq))
            elif core is not None:
                found.outputs[str(wire.index)] = Line(self, core.name, wire.irq)

    def __getitem__(self, name: str) -> Any:
        try:
            return self.objects[name.removeprefix("sysbus.")]
        except KeyError:
            raise DotNetError(f"Could not find element {name}") from None

    @property
    def LocalTimeSource(self) -> Any:  # noqa: N802 - .NET's name
        return SimpleNamespace(Quantum=SimpleNamespace(Ticks=self.quantum_ns))

    @property
    def ElapsedVirtualTime(self) -> Any:  # noqa: N802 - .NET's name
        return SimpleNamespace(TimeElapsed=SimpleNamespace(Ticks=self.soc.now_ns))

    def run_quantum(self) -> None:
        self.soc.run_for(self.quantum_ns - self.soc.now_ns % self.quantum_ns)


class FakeLockstep:
    """``Lockstep``: held at synchronization points."""

    def __init__(self, machine: FakeMachine) -> None:
        if machine.lockstep is not None:
            raise DotNetError("There is a lockstep for this emulation already; dispose it first")
        self._machine = machine
        self._lines: list[Line] = []
        self._hold = False
        self._started = machine.soc.now_ns
        self.failure: str | None = None
        machine.lockstep = self
        self._remove = machine.soc.events.add_sink(self._on_event)
        machine.run_quantum()

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.INTERRUPT:
            names = list(self._machine.soc.cores)
            self._hold |= any(
                line.number == event.a and names.index(line.core) == event.core for line in self._lines
            )

    def RequestHold(self) -> None:  # noqa: N802 - .NET's name
        self._hold = True

    def AddLine(self, line: Line) -> None:  # noqa: N802 - .NET's name
        if line not in self._lines:
            self._lines.append(line)

    def RemoveLine(self, line: Line) -> None:  # noqa: N802 - .NET's name
        if line in self._lines:
            self._lines.remove(line)

    def Advance(self, microseconds: int) -> bool:  # noqa: N802 - .NET's name
        if type(microseconds) is not int:
            raise TypeError("an integer is required")
        if self.failure is not None:
            raise DotNetError(f"The emulation failed and must be cleared: {self.failure}")
        if self._machine.lockstep is not self:
            raise DotNetError("The lockstep is disposed; make a new one")
        if microseconds and not self._is_any_high():
            until = self._machine.soc.now_ns + microseconds * US
            self._hold = False
            while not self._hold and self._machine.soc.now_ns < until:
                self._machine.run_quantum()
        return self._is_any_high()

    def _is_any_high(self) -> bool:
        return any(line.IsSet for line in self._lines)

    def GetNanoseconds(self) -> int:  # noqa: N802 - .NET's name
        return self._machine.soc.now_ns

    def Dispose(self) -> None:  # noqa: N802 - .NET's name
        if self._machine.lockstep is self:
            self._machine.lockstep = None
            self._remove()
            self._machine.soc.run_for(RUN_NS - (self._machine.soc.now_ns - self._started) % RUN_NS)


class Block:
    """Unmanaged memory with records in it."""

    def __init__(self, machine: FakeMachine, capacity: int) -> None:
        self._memory = (ctypes.c_ubyte * (16 + 16 * capacity))()
        self._capacity = capacity
        self.machine = machine
        self.Address = ctypes.addressof(self._memory)
        self.disposed = False
        machine.followed += 1

    def _let_go(self) -> None:
        self.disposed = True
        self.machine.followed -= 1

    def add(self, time_ns: int, kind: int, source: int, value: int) -> None:
        counters = memoryview(self._memory).cast("B")[:8].cast("I")
        if counters[0] >= self._capacity:
            counters[1] += 1
            return
        RECORD.pack_into(self._memory, 16 + 16 * counters[0], time_ns, kind, source, value)
        counters[0] += 1


class DoorbellJournal(Block):
    """``DoorbellJournal``."""

    HoldOnTask: FakeLockstep | None = None

    def __init__(self, machine: FakeMachine, capacity: int, mailboxes: list[Registers]) -> None:
        super().__init__(machine, capacity)
        names = list(machine.soc.cores)
        self._sources = {names.index(mailbox.core): place for place, mailbox in enumerate(mailboxes)}
        numbers = machine.mailbox_interrupts
        self._outputs = {names.index(name): outputs for name, outputs in numbers.items()}
        self._remove = machine.soc.events.add_sink(self._on_event)
        self._power = PowerTap(machine.soc, self._on_power)

    def GetInstructionsBeforeReset(self, _cpu: Cpu) -> int:  # noqa: N802 - .NET's name
        return 0  # the counter of the engine underneath goes on

    def _on_power(self, time_ns: int, kind: int) -> None:
        self.add(time_ns, kind, 0, 0)
        if self.HoldOnTask is not None:
            self.HoldOnTask.RequestHold()

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.DOORBELL:
            self.add(event.time_ns, 1, self._sources[event.core], event.a)
            if self.HoldOnTask is not None:
                self.HoldOnTask.RequestHold()
        elif event.kind is EventKind.INTERRUPT and event.a in self._outputs.get(event.core, ()):
            self.add(event.time_ns, 2, self._sources[event.core], self._outputs[event.core][event.a])
            if self.HoldOnTask is not None:
                self.HoldOnTask.RequestHold()

    def Dispose(self) -> None:  # noqa: N802 - .NET's name
        self._remove()
        self._power.dispose()
        self._let_go()


class TimelineWatch(Block):
    """``TimelineWatch``."""

    def __init__(self, machine: FakeMachine, capacity: int) -> None:
        super().__init__(machine, capacity)
        kinds = {EventKind.INTERRUPT_TAKEN: 12, EventKind.INTERRUPT_END: 13, EventKind.SLEEP: 15}

        def told(event: Event) -> None:
            is_sleep = event.kind is EventKind.SLEEP
            kind = 14 if is_sleep and event.a else kinds[event.kind]
            self.add(event.time_ns, kind, event.core, 0 if is_sleep else event.a)

        self._remove = machine.soc.events.add_sink(told, tuple(kinds))

    def Dispose(self) -> None:  # noqa: N802 - .NET's name
        self._remove()
        self._let_go()


class ConsoleCapture(Block):
    """``ConsoleCapture``."""

    def __init__(self, machine: FakeMachine, capacity: int, uarts: list[Registers]) -> None:
        super().__init__(machine, capacity)
        self._removers: list[Callable[[], None]] = []
        for place, uart in enumerate(uarts):
            sinks: list[ConsoleSink] = machine.soc.models[uart.name].sinks  # type: ignore[attr-defined]
            sink = partial(self._sent, place)
            sinks.append(sink)
            self._removers.append(partial(sinks.remove, sink))
            core = machine.soc.core(uart.core)
            if (
                machine.soc.soc.cores[core.name].uart == uart.name
            ):  # the fake reads RTT, too, before the engine does
                models = list(machine.soc.models.values())
                self._removers.append(core.console.add_sink(sink, without=models))

    def _sent(self, place: int, data: bytes, time_ns: int) -> None:
        for byte in data:
            self.add(time_ns, 4, place, byte)

    def Dispose(self) -> None:  # noqa: N802 - .NET's name
        self._let_go()
        for remove in self._removers:
            remove()


class Interaction:
    """Where the Monitor prints: that of one command, or that of the lines of scripts."""

    def __init__(self) -> None:
        self.contents, self.error = "", ""

    def Clear(self) -> None:  # noqa: N802 - .NET's name
        self.contents, self.error = "", ""

    def GetContents(self) -> str:  # noqa: N802 - .NET's name
        return self.contents

    def GetError(self) -> str:  # noqa: N802 - .NET's name
        return self.error


class FileBackend:
    """A log."""

    def __init__(self, path: str, _flush: bool) -> None:
        self.path, self.level = Path(path), ""

    def SetLogLevel(self, level: str) -> None:  # noqa: N802 - .NET's name
        self.level = level


class Internal:
    """``Monitor`` and ``Emulation`` themselves, of which pyrenode3 has wrappers."""

    def __init__(self, renode: FakeRenode) -> None:
        self._renode = renode
        self.BackendManager = SimpleNamespace(SetPreferredAnalyzer=self._prefer)

    def _prefer(self, _backend: Any, _analyzer: Any) -> None:
        self._renode.analyzer_is_chosen = True

    @property
    def Machine(self) -> FakeMachine | None:  # noqa: N802 - .NET's name
        return self._renode.selected

    @property
    def IsStarted(self) -> bool:  # noqa: N802 - .NET's name
        return self._renode.started

    def __getitem__(self, machine: FakeMachine) -> str:
        assert machine is self._renode.current
        return self._renode.name


class FakeRenode:
    """One process with Renode in it: the Monitor's commands and the objects behind them.

    As in Renode, what the lines of a script print does not come back to who included it, relative paths are looked
    for where the Monitor was told to look, a new emulation has forgotten that, and UARTs have several analyzers of
    which one has to be chosen.
    """

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.compiled: list[str] = []
        self.name = ""
        self.current: FakeMachine | None = None
        self.selected: FakeMachine | None = None
        self.started = False
        self.analyzer_is_chosen = False
        self.cleared = 0
        self.settings: dict[str, str] = {}
        self.log: Path | None = None
        self.shown_log: Path | None = None
        self.interaction = Interaction()
        self.internal = Internal(self)
        self.variables: dict[str, str] = {}
        self.macros: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.folders: list[Path] = []

    def get_mach(self, name: str) -> Any:
        if self.current is None or name != self.name:
            return None
        return SimpleNamespace(internal=self.current, sysbus=SimpleNamespace(internal=self.current.bus))

    def clear(self) -> None:
        self.cleared += 1
        self.selected, self.started, self.analyzer_is_chosen = None, False, False
        self.variables, self.macros, self.aliases, self.folders = {}, {}, {}, []
        if self.current is not None:
            machine, self.current = self.current, None
            if machine.lockstep is not None:
                machine.lockstep = None
            machine.soc.close()

    def add_log(self, log: Any, name: str, _overwrite: bool) -> None:
        assert name != "file", "that one belongs to the user"
        if name == "icmsg":
            self.log = log.path
        elif name == "icmsg-monitor":
            self.shown_log = log.path

    def flush(self) -> None:
        if self.log is not None and self.current is not None:
            lines = [
                f"12:00:00.0000 [WARNING] sysbus: [cpu{warning.core}: 0x{warning.pc:X}] ReadDoubleWord from "
                f"non existing peripheral at 0x{warning.address:X}."
                for warning in self.current.soc.warnings
            ]
            self.log.write_text("\n".join(lines))

    def execute(self, command: str) -> tuple[str, str]:
        self.commands.append(command)
        try:
            return self._execute(command), ""
        except DotNetError as error:
            return "", f"There was an error executing command '{command}'\r\n{error}\r\n"

    def _execute(self, command: str) -> str:
        if found := re.fullmatch(r"\$(\w+)=(.*)", command):
            self.variables[found[1]] = found[2]
            return ""
        if "; " in command and '"' not in command:
            return "\n".join(map(self._execute, command.split("; ")))
        if not command.startswith(("macro", "runMacro")):
            command = self._expand(self.aliases.get(command, command))
        word, _, rest = command.partition(" ")
        do: Callable[[str], str] | None = getattr(self, f"_do_{word.lower()}", None)
        return self._on_object(command) if do is None else do(rest) or ""

    def _do_include(self, files: str) -> None:
        self._include(files)

    def _do_using(self, _name: str) -> None:
        pass

    def _do_showanalyzer(self, _uart: str) -> None:
        if not self.analyzer_is_chosen:
            raise DotNetError("More than one analyzer available")

    def _do_mach(self, rest: str) -> None:
        self._mach(*rest.split())

    def _do_path(self, rest: str) -> None:
        self.folders.append(Path(rest.partition("@")[2].replace("\\ ", " ")))

    def _do_emulation(self, rest: str) -> None:
        self._emulation(*rest.split(None, 1))

    def _do_machine(self, rest: str) -> None:
        assert rest.startswith("LoadPlatformDescription @")
        self.current = self.selected = FakeMachine(rest.partition("@")[2].replace("\\ ", " "))

    def _do_sysbus(self, rest: str) -> None:
        found = re.fullmatch(r"LoadELF @((?:\\ |\S)+) cpu=(\w+)", rest)
        assert found is not None
        self._load(found[1].replace("\\ ", " "), self._machine().objects[found[2]])

    def _do_start(self, _rest: str) -> str:
        self.started = True
        return "Starting emulation..."

    def _do_pause(self, _rest: str) -> str:
        self.started = False
        return "Pausing emulation..."

    def _do_clear(self, _rest: str) -> None:
        assert self.current is None or self.current.lockstep is None, "Renode hangs here"
        self.clear()

    def _do_save(self, _rest: str) -> None:
        if self._machine().lockstep is not None or self._machine().followed:
            raise DotNetError("Pointer or ThreadLocal or SpinLock encountered during serialization")

    def _do_alias(self, rest: str) -> None:
        name, _, command = rest.partition(" ")
        self.aliases[name] = command.strip('"')

    def _do_python(self, rest: str) -> None:
        exec(rest.strip('"'), {"self": SimpleNamespace(Machine=self._machine())})

    def _do_macro(self, rest: str) -> None:
        self.macros[rest.split(None, 1)[0]] = rest.split('"""')[1]

    def _do_runmacro(self, rest: str) -> str:
        lines = self.macros[rest.lstrip("$")].strip().splitlines()
        return "\n".join(filter(None, [self._execute(line.strip()) for line in lines]))

    def _include(self, files: str) -> None:
        paths = [self._find(path) for path in re.split(r"(?<!\\) +", files.strip())]
        if paths[0].suffix == ".cs":
            self.compiled += [path.name for path in paths]
        elif paths[0].suffix != ".py":
            self._script(paths[0])

    def _find(self, token: str) -> Path:
        path = Path(token.removeprefix("@").replace("\\ ", " "))
        found = next((folder / path for folder in (Path(), *self.folders) if (folder / path).exists()), None)
        if found is None or not (path.is_absolute() or self.folders):  # Renode runs in a folder of its own
            raise DotNetError(f"File does not exist: {path}")
        return found

    def _script(self, path: Path) -> None:
        text = re.sub(r'\n"""', ' """', path.read_text())
        origin = self.variables.get("ORIGIN")
        self.variables["ORIGIN"] = typed(path.parent)
        for line in re.findall(r'(?m)^(?:[^"\n]|"{3}[\s\S]*?"{3}|"[^"\n]*")+', text):
            if line.startswith((":", "#")):
                continue
            if found := re.fullmatch(r"\$(\w+)\?=(.*)", line):
                self.variables.setdefault(found[1], self._expand(found[2]))
                continue
            try:
                self._execute(line)
            except DotNetError as error:
                self.interaction.error += f"There was an error executing command '{line}'\r\n{error}\r\n"
                return
        if origin is not None:
            self.variables["ORIGIN"] = origin

    def _expand(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda found: self.variables.get(found[1], found[0]), text)

    def _mach(self, action: str, name: str = "") -> None:
        if action == "create":
            self.name = name.strip('"')
        elif action == "set":
            self.selected = self.current
        else:
            self.selected = None

    def _emulation(self, name: str, value: str = "") -> None:
        self.settings[name] = value
        if name == "SetGlobalQuantum":
            self._machine().quantum_ns = int(float(value.strip('"')) * 1e9)
        elif name == "RunFor":
            assert self._machine().lockstep is None, "Renode mixes both times here"
            self._machine().soc.run_for(int(float(value.strip('"')) * 1e9))

    def _machine(self) -> FakeMachine:
        if self.current is None:
            raise DotNetError("No machine is selected")
        return self.current

    def _load(self, path: str, cpu: Cpu) -> None:
        if self._machine().lockstep is not None:
            raise DotNetError("Cannot load ELF on an unpaused machine.")
        cpu.core.load(path)
        cpu.fresh = True
        self._machine().loaded.append(str(Path(path).resolve()))

    def _on_object(self, command: str) -> str:
        name, _, what = command.partition(" ")
        thing = self._machine().objects.get(name)
        if thing is None:
            raise DotNetError(f"No such command or device: {name}")
        answer = thing.answer(what) if isinstance(thing, Cpu | ForeignCpu) else None
        if isinstance(thing, Memory) and what == "ZeroAll":
            thing.ZeroAll()
            answer = ""
        if found := re.fullmatch(r"Is(?:Network)?Played (true|false)", what):
            force_off = self._machine().soc.soc.force_off
            assert force_off is not None
            self._machine().soc.core(force_off.held).is_played_elsewhere = found[1] == "true"
            answer = ""
        if found := re.fullmatch(r"WriteChar 0x([0-9A-F]{2})", what):
            uart: Any = self._machine().soc.models[name]
            uart.receiver.write(bytes.fromhex(found[1]))
            answer = ""
        if answer is None and what != "Reset" and not what.startswith("NetworkVectorTable "):
            raise DotNetError(f"{name} does not provide a field, method or property {what}")
        return answer or ""
