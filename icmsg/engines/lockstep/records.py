"""Records that the C# side writes while the emulation runs, and what is made of them: troubles, stops of firmware.

Doorbells, interrupt lines, held cores and bytes of a UART come as records, too. A record has 16 bytes (u64 time in
nanoseconds, u16 kind, u16 place of the source among those given, u32 value), all little-endian:
``renode/RecordBlock.cs``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from icmsg.machine.backtrace import exception_name, external_interrupt
from icmsg.machine.base_machine import MemoryAccess, RunsToStops
from icmsg.machine.events import EventKind
from icmsg.machine.machine import (
    CAUSES,
    FIRST_TRAP,
    NO_HANDLER,
    STORM_TIMES,
    TRAPS,
    AccessWarning,
    fault_name,
    lock_up_words,
    storm_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from icmsg.engines.lockstep.core import SteppedCore
    from icmsg.machine.base_machine import AccessKind
    from icmsg.machine.machine import Hang

TASK: Final = 1
LINE_ROSE: Final = 2
LINE_FELL: Final = 3
BYTE_SENT: Final = 4
CORE_HELD: Final = 5
CORE_RELEASED: Final = 6
CORE_RESTARTED: Final = 7
RESET_REQUESTED: Final = 8
FAULT_TAKEN: Final = 9
LOCKED_UP: Final = 10
STORM: Final = 11
INTERRUPT_TAKEN: Final = 12
INTERRUPT_ENDED: Final = 13
FELL_ASLEEP: Final = 14
WOKE: Final = 15
REACHED: Final = 16
STORED: Final = 17
LOADED: Final = 18
ACCESS_VALUE: Final = 19
ACCESS_PLACE: Final = 20

_RECORD: Final = Struct("<QHHI")
RECORD_BYTES: Final = _RECORD.size


class Record(NamedTuple):
    """Record; ``source`` is the place among the mailboxes, UARTs, cores or blocks of resets."""

    time_ns: int
    kind: int
    source: int
    value: int


def decode(data: bytes | memoryview) -> Iterator[Record]:
    """Yield the records in whole records of bytes."""
    return map(Record._make, _RECORD.iter_unpack(data))


TIMELINE: Final = frozenset((INTERRUPT_TAKEN, INTERRUPT_ENDED, FELL_ASLEEP, WOKE))
"""The kinds that are written down only while somebody wants to know what cores spend their time with."""


def among(timeline: Iterable[Record], others: Iterable[Record]) -> Iterator[Record]:
    """Yield all by time, and ``others`` in their order, which must not depend on who looks."""
    waiting = deque(sorted(timeline, key=_time))
    for record in others:
        while waiting and waiting[0].time_ns <= record.time_ns:
            yield waiting.popleft()
        yield record
    yield from waiting


def _time(record: Record) -> int:
    return record.time_ns


def encode(records: Iterable[Record]) -> bytes:
    """Return records as bytes."""
    return b"".join(_RECORD.pack(*record) for record in records)


TROUBLES: Final = frozenset((FAULT_TAKEN, LOCKED_UP, STORM))
_MEM_MANAGE: Final = 4
_USAGE_FAULT: Final = 6
_DEBUG: Final = 12
_EXCEPTIONS: Final = {3: _MEM_MANAGE, 4: _MEM_MANAGE, 7: _DEBUG}
"""A Cortex-M's exceptions by Renode's cause; everything else is a UsageFault."""
_NEVER_AGAIN: Final = (2, 3)
_SHCSR: Final = 0xE000_ED24
_ENABLED: Final = {4: 1 << 16, 5: 1 << 17, 6: 1 << 18}


class _Fault(NamedTuple):
    cause: int
    """Renode's of a Cortex-M, that of mcause of a VPR."""
    pc: int
    within: int
    """The exception in whose handler it happened, 0 for none."""
    is_trap: bool
    """True on a VPR."""

    @property
    def exception(self) -> int:
        return FIRST_TRAP + self.cause if self.is_trap else _EXCEPTIONS.get(self.cause, _USAGE_FAULT)

    @property
    def name(self) -> str:
        return fault_name(self.exception) if self.is_trap else f"exception {self.exception}"

    @property
    def text(self) -> str:
        words = TRAPS.get(self.exception) if self.is_trap else CAUSES.get(self.cause)
        return words or "an access that is not allowed there"


class Troubles:
    """Troubles of one core since its last start, by ``renode/ExceptionWatch.cs``.

    They are faults, a lock-up, and an interrupt that never ends.
    """

    def __init__(self, core: SteppedCore) -> None:
        self._core = core
        self._faults: dict[_Fault, int] = {}
        self._locked: _Fault | None = None
        self._storm = 0

    def forget(self) -> None:
        """The core starts anew; the faults that it took stay."""
        self._locked, self._storm = None, 0

    def clear(self) -> None:
        """The core is as after power-up."""
        self.forget()
        self._faults.clear()

    def take(self, record: Record) -> tuple[EventKind, int, int] | None:
        """Take one record of this core; return the event that it is."""
        if record.kind == STORM:
            self._storm = record.value
            return None
        fault = _Fault(record.source >> 4 & 0x1F, record.value, record.source >> 9, self._core.is_vpr)
        if record.kind == LOCKED_UP:
            self._locked = fault
            return None
        self._faults[fault] = self._faults.get(fault, 0) + 1
        return EventKind.FAULT, fault.exception, fault.pc

    @property
    def is_locked_up(self) -> bool:
        """True while the core can take a fault no more, and Renode's model of it is halted."""
        return self._locked is not None

    @property
    def lock_up(self) -> str:
        """The place and reason of the core's lock-up; empty where it is not locked up."""
        fault = self._locked
        if fault is None:
            return ""
        words = lock_up_words(self._core, fault.text, fault.pc)
        if fault.is_trap or self._locks_the_soc(fault):
            return words
        return f"{words}; the SoC takes a HardFault there, which Renode does not: --engine embedded"

    def _locks_the_soc(self, fault: _Fault) -> bool:
        """Return whether the SoC is locked up as well: a fault whose exception is not enabled is a HardFault there."""
        if fault.within in _NEVER_AGAIN:
            return True
        enabled = _ENABLED.get(fault.within)
        return enabled is not None and not self._core.bus.read32(_SHCSR) & enabled

    def hangs(self, vector_table: int) -> list[Hang]:
        """Return the interrupt that never ends."""
        number, core = self._storm, self._core
        if not number:
            return []
        handler = core.bus.read32(vector_table + 4 * number) & ~1
        return [storm_of(core, exception_name(number), external_interrupt(number), handler, STORM_TIMES)]

    def warnings(self) -> list[AccessWarning]:
        """Return a line for each fault."""
        core = self._core
        return [
            AccessWarning(
                core.name,
                (fault.name if fault.is_trap else f"{fault.name}: {fault.text}")
                + (f", {NO_HANDLER}" if fault == self._locked else ""),
                fault.pc,
                fault.pc,
                core.locate(fault.pc),
                count=count,
            )
            for fault, count in self._faults.items()
        ]


STOPS: Final = frozenset((REACHED, STORED, LOADED, ACCESS_VALUE, ACCESS_PLACE))
"""The kinds of record that are taken here."""
_ACCESSES: Final[dict[int, AccessKind]] = {STORED: "store", LOADED: "load"}


class StopCommands(Protocol):
    """Renode's side; ``cpu`` is a core's name there."""

    def break_at(self, cpu: str, address: int, *, wanted: bool) -> None:
        """Let everything stand where a core comes to ``address``, or no longer."""

    def watch_memory(self, cpu: str, begin: int, size: int, *, loads: bool, wanted: bool) -> None:
        """Write down a core's stores, or loads, or no longer."""


@dataclass(eq=False)
class _Watch:
    begin: int
    end: int
    kind: AccessKind
    told: Callable[[MemoryAccess], None]


class FirmwareStops:
    """Handlers that are called where firmware on Renode comes to an address or touches memory.

    ``renode/FirmwareStops.cs`` holds the core in front of the instruction, with everything else, and writes accesses
    down. A core is given by its number in events and its name in Renode.
    """

    def __init__(self, commands: Callable[[], StopCommands], set_time: Callable[[int], None]) -> None:
        self._commands: Final = commands
        self._set_time: Final = set_time
        self._handlers: Final[dict[tuple[int, int], list[Callable[[], None]]]] = {}
        self._watches: Final[dict[int, list[_Watch]]] = {}
        self._stood: list[Record] = []
        self._access: list[Record] = []
        self._runs: Final = RunsToStops()

    def on_reach(self, core: int, cpu: str, address: int, handler: Callable[[], None]) -> Callable[[], None]:
        """Call ``handler`` directly before the instruction at ``address``; the result ends that."""
        place = core, address
        if place not in self._handlers:
            self._commands().break_at(cpu, address, wanted=True)
        self._handlers.setdefault(place, []).append(handler)

        def remove() -> None:
            handlers = self._handlers.get(place, [])
            if handler in handlers:
                handlers.remove(handler)
                if not handlers:
                    del self._handlers[place]
                    self._commands().break_at(cpu, address, wanted=False)

        return remove

    def run_to(self, core: int, cpu: str, address: int, times: int, run: Callable[[], None]) -> None:
        """Let time pass by ``run()``, until ``address`` is the next instruction for the ``times``-th time."""
        self._runs.run_to(partial(self.on_reach, core, cpu, address), times, run)

    def on_access(
        self,
        core: int,
        cpu: str,
        begin: int,
        end: int,
        kind: AccessKind,
        told: Callable[[MemoryAccess], None],
    ) -> Callable[[], None]:
        """Call ``told`` for each store, or load, that begins in a range, once time stands; the result ends that."""
        watch, loads = _Watch(begin, end, kind, told), kind == "load"
        self._commands().watch_memory(cpu, begin, end - begin, loads=loads, wanted=True)
        watches = self._watches.setdefault(core, [])
        watches.append(watch)

        def remove() -> None:
            if watch in watches:
                watches.remove(watch)
                self._commands().watch_memory(cpu, begin, end - begin, loads=loads, wanted=False)

        return remove

    def take(self, record: Record) -> None:
        """Take over what the C# side wrote down."""
        if record.kind == REACHED:
            self._stood.append(record)
            return
        self._access.append(record)
        if record.kind == ACCESS_PLACE:
            (made, value, place), self._access = self._access[-3:], []
            access = MemoryAccess(made.time_ns, _ACCESSES[made.kind], made.value, value.value, place.value)
            for watch in tuple(self._watches.get(made.source, ())):
                if watch.kind == access.kind and watch.begin <= access.address < watch.end:
                    watch.told(access)

    def tell(self) -> bool:
        """Call who waits where a core stands, at its time; return whether one stood.

        Raises:
            StoodStill: time shall stand here.
        """
        stood, self._stood = self._stood, []
        for record in stood:
            self._set_time(record.time_ns)
            for handler in tuple(self._handlers.get((record.source, record.value), ())):
                handler()
        if stood:
            self._runs.told()
        return bool(stood)
