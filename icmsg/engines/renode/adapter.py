"""Renode as the engine needs it, through pyrenode3: all that touches pythonnet, pyrenode3 and ``Antmicro``.

Its import loads Renode into the process, so only ``process.py`` imports it. Rules that it keeps (all seen to matter on
Renode 1.16.1): .NET members are bound once, because a wrapper's attribute costs a reflection; properties are not read
while a core runs, because pythonnet keeps the interpreter lock there; nothing of Python is given to .NET as a
callback; microseconds are whole numbers; a memory's segment is touched before its address is asked for.

Names of peripherals are those of the platform file, without ``sysbus``. Times are nanoseconds of virtual time unless
a name says otherwise. Every method raises EngineError with Renode's own words when Renode refuses.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

from pyrenode3.wrappers import Emulation, Monitor

# isort: split
import System  # type: ignore[import-not-found]  # exists once pyrenode3 has loaded a runtime
from pyrenode3.conversion import interface_to_class

from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.renode.process import CALLS
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_LOG: Final = "icmsg"
"""The name of our log among Renode's, of which `file` belongs to the Monitor's user."""
_READS: Final = {8: "ReadByte", 16: "ReadWord", 32: "ReadDoubleWord"}
_WRITES: Final = {8: "WriteByte", 16: "WriteWord", 32: "WriteDoubleWord"}
_HEADER_BYTES: Final = 16
_RECORD_BYTES: Final = 16


def _words(error: Exception) -> str:
    """Return what a .NET exception says, without its stack."""
    return str(getattr(error, "Message", None) or error).strip().splitlines()[0]


def _version() -> str:
    """Return Renode's version: it names itself only where it started the process."""
    from Antmicro.Renode.Core import EmulationManager  # type: ignore[import-not-found]  # loaded above

    loaded = {str(one.GetName().Name): one for one in System.AppDomain.CurrentDomain.GetAssemblies()}
    program = loaded.get("Renode")
    named = str(EmulationManager.Instance.VersionString)
    return named or ("Renode" if program is None else f"Renode, version {program.GetName().Version}")


class RenodeApi:
    """The Renode of this process."""

    def __init__(self) -> None:
        self._emulation = Emulation()
        self._monitor = Monitor()
        # What the lines of a script print and what they call an error goes there, not to who included the script.
        self._script = self._monitor.interaction
        self._included: set[Path] = set()
        self.failure: Final[type[Exception]] = System.Exception
        self.version: Final = _version()

    def monitor(self, command: str) -> tuple[str, str]:
        """Run a Monitor command and return what it prints, and what it prints as an error."""
        self._script.Clear()
        CALLS.begin(f"`{command}`")
        try:
            printed, error = self._monitor.execute(command)
        except System.Exception as failure:
            raise EngineError(f"Renode failed at `{command}`: {_words(failure)}") from failure
        finally:
            CALLS.end()
        script = self._script
        return f"{printed}{script.GetContents()}", f"{error}{script.GetError()}"

    def execute(self, command: str) -> str:
        """Run a Monitor command; what the Monitor calls an error is raised."""
        printed, error = self.monitor(command)
        if error.strip():
            reason = error.replace(f"There was an error executing command '{command}'", "")
            raise EngineError(f"Renode refuses `{command}`: {' '.join(reason.split())}")
        return printed.strip()

    @property
    def selected(self) -> str | None:
        """The machine that the Monitor has selected, by name."""
        machine = self._monitor.internal.Machine
        return None if machine is None else str(self._emulation.internal[machine])

    @property
    def is_started(self) -> bool:
        """True while the emulation runs by itself."""
        return bool(self._emulation.internal.IsStarted)

    def include(self, files: Sequence[Path]) -> None:
        """Compile those C# files together that were not compiled yet: classes cannot be replaced in a process."""
        wanted = [path for path in (file.resolve() for file in files) if path not in self._included]
        if wanted:
            self.execute("include " + " ".join(map(monitor_path, wanted)))
            self._included.update(wanted)

    def log_to(self, path: Path) -> None:
        """Write warnings and errors into a file, beside whatever the user logs to."""
        from Antmicro.Renode.Logging import FileBackend, Logger, LogLevel  # type: ignore[import-not-found]
        from Antmicro.Renode.Utilities import SequencedFilePath  # type: ignore[import-not-found]

        backend = FileBackend(SequencedFilePath(str(path)), True)
        Logger.AddBackend(backend, _LOG, True)
        backend.SetLogLevel(LogLevel.Warning)

    def show_log_in(self, path: Path) -> None:
        """Write everything from Renode's level INFO on into a file, and keep it for `lastLog`."""
        from Antmicro.Renode.Logging import FileBackend, Logger, LogLevel
        from Antmicro.Renode.Logging.Backends import MemoryBackend  # type: ignore[import-not-found]
        from Antmicro.Renode.Utilities import SequencedFilePath

        backend = FileBackend(SequencedFilePath(str(path)), True)
        Logger.AddBackend(backend, f"{_LOG}-monitor", True)
        backend.SetLogLevel(LogLevel.Info)
        Logger.AddBackend(MemoryBackend(), "memory", True)  # the name by which `lastLog` finds it

    def log_consoles(self) -> None:
        """Let `showAnalyzer` of the current emulation log what a UART sends; Renode finds several ways otherwise."""
        from Antmicro.Renode.Analyzers import LoggingUartAnalyzer  # type: ignore[import-not-found]
        from Antmicro.Renode.Peripherals.UART import UARTBackend  # type: ignore[import-not-found]

        self._emulation.internal.BackendManager.SetPreferredAnalyzer(UARTBackend, LoggingUartAnalyzer)

    def flush_log(self) -> None:
        """Let the log be complete up to now."""
        from Antmicro.Renode.Logging import Logger  # loaded by now

        Logger.Flush()

    def machine(self, name: str) -> MachineApi:
        """Return a machine by its name."""
        found = self._emulation.get_mach(name)
        if found is None:
            raise EngineError(f"Renode has no machine {name!r}")
        return MachineApi(found)

    def clear(self) -> None:
        """Remove every machine; whatever was got from one dangles."""
        CALLS.begin("the removal of the machine")
        try:
            self._emulation.clear()
        finally:
            CALLS.end()


class MachineApi:
    """The machine that was made last; its objects are looked up once each."""

    def __init__(self, wrapper: Any) -> None:
        from Antmicro.Renode.Peripherals import Miscellaneous  # type: ignore[import-not-found]  # loaded by now

        self._models = Miscellaneous
        self._machine = wrapper.internal
        self._bus = wrapper.sysbus.internal
        self._objects: dict[str, Any] = {}
        self._before_reset: Callable[[Any], Any] | None = None

    def _object(self, name: str) -> Any:
        if name not in self._objects:
            try:
                # Not by the wrapper of the sysbus, which looks at every member of every peripheral.
                self._objects[name] = interface_to_class(self._machine[f"sysbus.{name}"])
            except System.Exception:
                raise EngineError(f"Renode's machine has no peripheral {name!r} on its sysbus") from None
        return self._objects[name]

    def now_ns(self) -> int:
        """Return the virtual time; not while a lockstep advances. A tick is a nanosecond (TicksPerNanosecond is 1)."""
        return int(self._machine.ElapsedVirtualTime.TimeElapsed.Ticks)

    def quantum_ns(self) -> int:
        """Return the distance of the synchronization points."""
        return int(self._machine.LocalTimeSource.Quantum.Ticks)

    def has(self, name: str) -> bool:
        """Return whether there is such a peripheral on the sysbus."""
        try:
            self._object(name)
        except EngineError:
            return False
        return True

    def loaded_files(self) -> list[str]:
        """Return the files that were loaded, the last one last."""
        return [str(one.FileName) for one in self._bus.GetLoadedFingerprints()]

    def registers(self, name: str) -> Registers:
        """Return a peripheral by offset."""
        return Registers(self._object(name))

    def line(self, name: str, output: str) -> object:
        """Return a GPIO property of a peripheral, or an output by its number."""
        found: object = self._models.DoorbellLines.Find(self._object(name), output)
        if found is None:
            raise EngineError(f"peripheral {name} has no output {output}")
        return found

    def is_set(self, line: Any) -> bool:
        """Return a line's level."""
        return bool(line.IsSet)

    def segment_bytes(self, name: str) -> int:
        """Return how large the segments are in which a memory is kept; the last one may be smaller."""
        return int(self._object(name).SegmentSize)

    def segment(self, name: str, index: int) -> memoryview:
        """Return a segment's bytes, shared and valid until the machine is cleared or loaded again.

        It is touched first: it has no address before.
        """
        memory = self._object(name)
        memory.TouchSegment(index)
        view = _segment(memory, index)
        if view is None:
            raise EngineError(f"Renode gives no address for memory {name}")
        return view

    def contents(self, name: str) -> Iterator[tuple[int, memoryview]]:
        """Yield number and bytes, to be used at once, of each segment that has other bytes than after a reset.

        One that nobody touched has those.
        """
        memory = self._object(name)
        after_reset = bytes([int(memory.ResetByte)]) * int(memory.SegmentSize)
        for index in range(int(memory.SegmentCount)):
            view = _segment(memory, index)
            if view is not None and view != memoryview(after_reset)[: len(view)]:
                yield index, view

    def reader(self, width: int, core: str) -> Callable[[int], int]:
        """Return a bus read in the context of a core; without one a core's own registers read 0."""
        read, context = getattr(self._bus, _READS[width]), self._object(core)
        return lambda address: int(read(address, context))

    def writer(self, width: int, core: str) -> Callable[[int, int], None]:
        """Return a bus write in the context of a core."""
        write, context = getattr(self._bus, _WRITES[width]), self._object(core)
        return lambda address, value: write(address, value, context)

    def read_block(self, core: str, address: int, size: int) -> bytes:
        """Read bytes in the context of a core."""
        return memoryview(self._bus.ReadBytes(address, size, False, self._object(core))).tobytes()

    def write_block(self, core: str, address: int, data: bytes) -> None:
        """Write bytes in the context of a core; translated code there is dropped."""
        array = System.Array.CreateInstance(System.Byte, len(data))
        memoryview(array).cast("B")[:] = data
        self._bus.WriteBytes(array, address, 0, len(data), False, self._object(core))

    def instructions(self, core: str) -> int:
        """Return a core's instruction counter, which a reset of the core does not set back."""
        cpu = self._object(core)
        before = int(self._before_reset(cpu)) if self._before_reset is not None else 0
        return before + int(cpu.ExecutedInstructions)

    def lockstep(self, lines: Sequence[object], journal: Records) -> _Lockstep:
        """Make a Lockstep; one quantum passes. Doorbells in ``journal`` end an advance."""
        CALLS.begin("the first step of the emulation", bounded=True)
        try:
            lockstep = self._models.Lockstep(self._machine)
            for line in lines:
                lockstep.AddLine(line)
            journal.source.HoldOnTask = lockstep
        except System.Exception as error:
            raise EngineError(f"Renode refuses the lockstep: {_words(error)}") from error
        finally:
            CALLS.end()
        return _Lockstep(lockstep, journal)

    def doorbells(self, capacity: int, mailboxes: Sequence[str]) -> Records:
        """Make a DoorbellJournal: doorbells and interrupt lines of these mailboxes."""
        try:
            array = System.Array[self._models.IDoorbell]([self._object(name) for name in mailboxes])
        except TypeError as error:
            raise EngineError(
                f"the model of a mailbox needs the interface IDoorbell of renode/DoorbellJournal.cs: {error}"
            ) from None
        journal = self._models.DoorbellJournal(self._machine, capacity, array)
        self._before_reset = journal.GetInstructionsBeforeReset
        return Records(journal, capacity)

    def timeline(self, capacity: int) -> Records:
        """Make a TimelineWatch: what the cores spend their time with."""
        return Records(self._models.TimelineWatch(self._machine, capacity), capacity)

    def stops(self, capacity: int) -> Stops:
        """Make a FirmwareStops: it stops firmware and writes down what it touches, as it is told."""
        return Stops(self._models.FirmwareStops(self._machine, capacity), capacity, self._object)

    def consoles(self, capacity: int, uarts: Sequence[str]) -> Records:
        """Make a ConsoleCapture: what these UARTs send."""
        from Antmicro.Renode.Peripherals.UART import IUART  # loaded by now

        array = System.Array[IUART]([self._object(name) for name in uarts])
        return Records(self._models.ConsoleCapture(self._machine, capacity, array), capacity)


class Registers:
    """A peripheral by byte offset, without a core and without a bus: the cheapest access there is."""

    __slots__ = ("read32", "write32")

    def __init__(self, peripheral: Any) -> None:
        self.read32: Final[Callable[[int], int]] = peripheral.ReadDoubleWord
        self.write32: Final[Callable[[int, int], None]] = peripheral.WriteDoubleWord


class Records:
    """A block of memory into which ``source``, a C# object, writes what happened (layout: ``lockstep/records.py``).

    ``memory`` is shared, not copied, and is let go before it is freed.
    """

    def __init__(self, source: Any, capacity: int) -> None:
        self.source: Final = source
        self.memory: Final = _view(int(source.Address), _HEADER_BYTES + capacity * _RECORD_BYTES)

    def dispose(self) -> None:
        """Free the block; a view of it that somebody still has must not be used."""
        self.memory.release()
        self.source.Dispose()


class Stops:
    """A FirmwareStops, and ``records`` of the stops and accesses that it writes down."""

    def __init__(self, stops: Any, capacity: int, find: Callable[[str], Any]) -> None:
        self._stops = stops
        self._find = find
        self.records: Final = Records(stops, capacity)

    def break_at(self, cpu: str, address: int, *, wanted: bool) -> None:
        """Stop a core at an address, or no longer."""
        self._stops.BreakAt(self._find(cpu), address, wanted)

    def watch_memory(self, cpu: str, begin: int, size: int, *, loads: bool, wanted: bool) -> None:
        """Write down a core's stores, or loads, or no longer."""
        self._stops.Watch(self._find(cpu), begin, size, loads, wanted)


class _Lockstep:
    """A Lockstep with its methods bound."""

    def __init__(self, lockstep: Any, journal: Records) -> None:
        self._lockstep = lockstep
        self._journal = journal
        self._advance = lockstep.Advance
        self._now = lockstep.GetNanoseconds

    def advance(self, microseconds: int) -> bool:
        """Call into .NET, which waits there."""
        CALLS.begin("a step of the emulation", bounded=True)
        try:
            return bool(self._advance(microseconds))
        except System.Exception as error:
            raise EngineError(f"Renode stopped: {_words(error)}") from error
        finally:
            CALLS.end()

    def now_ns(self) -> int:
        """Return the virtual time."""
        return int(self._now())

    def follow(self, line: object) -> None:
        """Add a line."""
        self._lockstep.AddLine(line)

    def ignore(self, line: object) -> None:
        """Remove a line."""
        self._lockstep.RemoveLine(line)

    def dispose(self) -> None:
        """Let the emulation run out its RunFor, and pause."""
        CALLS.begin("the end of the lockstep", bounded=True)
        try:
            self._journal.source.HoldOnTask = None
            self._lockstep.Dispose()
        except System.Exception as error:
            raise EngineError(f"Renode does not pause: {_words(error)}") from error
        finally:
            CALLS.end()


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def _segment(memory: Any, index: int) -> memoryview | None:
    """Return the bytes of a segment of a memory, None if nobody has touched it yet."""
    pointer = int(memory.GetSegment(index).ToInt64())
    size = int(memory.SegmentSize)
    return _view(pointer, min(size, int(memory.Size) - index * size)) if pointer else None
