"""Handlers that are called where firmware on Renode comes to an address or touches memory.

``renode/FirmwareStops.cs`` holds the core in front of the instruction, with everything else, and writes accesses down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.lockstep.records import ACCESS_PLACE, ACCESS_VALUE, LOADED, REACHED, STORED
from icmsg.machine.firmware_stops import MemoryAccess, RunsToStops

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.lockstep.records import Record
    from icmsg.machine.firmware_stops import AccessKind

KINDS: Final = frozenset((REACHED, STORED, LOADED, ACCESS_VALUE, ACCESS_PLACE))
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
    """Handlers of all cores; a core is given by its number in events and its name in Renode."""

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
