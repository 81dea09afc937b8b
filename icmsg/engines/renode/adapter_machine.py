"""The objects of one machine in Renode, as :class:`icmsg.engines.renode.api.MachineApi`; see ``adapter.py``."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

from pyrenode3.conversion import interface_to_class

# isort: split
import System  # type: ignore[import-not-found]  # exists once pyrenode3 has loaded a runtime

from icmsg.engines.renode.process import CALLS
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icmsg.engines.renode.api import Records

_READS: Final = {8: "ReadByte", 16: "ReadWord", 32: "ReadDoubleWord"}
_WRITES: Final = {8: "WriteByte", 16: "WriteWord", 32: "WriteDoubleWord"}
_HEADER_BYTES: Final = 16
_RECORD_BYTES: Final = 16


def words(error: Exception) -> str:
    """Return what a .NET exception says, without its stack."""
    return str(getattr(error, "Message", None) or error).strip().splitlines()[0]


class AdaptedMachine:
    """A machine, its objects looked up once each."""

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
        """Return the virtual time; a tick is a nanosecond (TimeInterval.TicksPerNanosecond is 1)."""
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

    def registers(self, name: str) -> _Registers:
        """Return a peripheral by offset."""
        return _Registers(self._object(name))

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
        """Return the size of a memory's segments."""
        return int(self._object(name).SegmentSize)

    def segment(self, name: str, index: int) -> memoryview:
        """Return a segment, which is touched first: it has no address before."""
        memory = self._object(name)
        memory.TouchSegment(index)
        view = _segment(memory, index)
        if view is None:
            raise EngineError(f"Renode gives no address for memory {name}")
        return view

    def contents(self, name: str) -> Iterator[tuple[int, memoryview]]:
        """Yield segments that have other bytes than those of a reset; one that nobody touched has those."""
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
        """Make a Lockstep."""
        assert isinstance(journal, _Records)  # there is no other that comes from here
        CALLS.begin("the first step of the emulation", bounded=True)
        try:
            lockstep = self._models.Lockstep(self._machine)
            for line in lines:
                lockstep.AddLine(line)
            journal.source.HoldOnTask = lockstep
        except System.Exception as error:
            raise EngineError(f"Renode refuses the lockstep: {words(error)}") from error
        finally:
            CALLS.end()
        return _Lockstep(lockstep, journal)

    def doorbells(self, capacity: int, mailboxes: Sequence[str]) -> _Records:
        """Make a DoorbellJournal."""
        try:
            array = System.Array[self._models.IDoorbell]([self._object(name) for name in mailboxes])
        except TypeError as error:
            raise EngineError(
                f"the model of a mailbox needs the interface IDoorbell of renode/DoorbellJournal.cs: {error}"
            ) from None
        journal = self._models.DoorbellJournal(self._machine, capacity, array)
        self._before_reset = journal.GetInstructionsBeforeReset
        return _Records(journal, capacity)

    def timeline(self, capacity: int) -> _Records:
        """Make a TimelineWatch."""
        return _Records(self._models.TimelineWatch(self._machine, capacity), capacity)

    def consoles(self, capacity: int, uarts: Sequence[str]) -> _Records:
        """Make a ConsoleCapture."""
        from Antmicro.Renode.Peripherals.UART import IUART  # type: ignore[import-not-found]  # loaded by now

        array = System.Array[IUART]([self._object(name) for name in uarts])
        return _Records(self._models.ConsoleCapture(self._machine, capacity, array), capacity)


class _Registers:
    __slots__ = ("read32", "write32")

    def __init__(self, peripheral: Any) -> None:
        self.read32: Final[Callable[[int], int]] = peripheral.ReadDoubleWord
        self.write32: Final[Callable[[int, int], None]] = peripheral.WriteDoubleWord


class _Records:
    """A C# object with an ``Address``; ``memory`` is let go before it is freed."""

    def __init__(self, source: Any, capacity: int) -> None:
        self.source: Final = source
        self.memory: Final = _view(int(source.Address), _HEADER_BYTES + capacity * _RECORD_BYTES)

    def dispose(self) -> None:
        """Free the block; a view of it that somebody still has must not be used."""
        self.memory.release()
        self.source.Dispose()


class _Lockstep:
    """A Lockstep with its methods bound."""

    def __init__(self, lockstep: Any, journal: _Records) -> None:
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
            raise EngineError(f"Renode stopped: {words(error)}") from error
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
            raise EngineError(f"Renode does not pause: {words(error)}") from error
        finally:
            CALLS.end()


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def _segment(memory: Any, index: int) -> memoryview | None:
    """Return the bytes of a segment of a memory, None if nobody has touched it yet."""
    pointer = int(memory.GetSegment(index).ToInt64())
    size = int(memory.SegmentSize)
    return _view(pointer, min(size, int(memory.Size) - index * size)) if pointer else None
