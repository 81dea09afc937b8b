"""Observation of a core's firmware from outside: stops at addresses, accesses and events, and what it does.

Observation of what a core's firmware does, whatever firmware the core runs.

Handlers that are called where a core's firmware comes to an address, makes an access, or has made one step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.config.instance import WORD
from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.processor import StopKind
from icmsg.machine.base_machine import STORES, BaseCore, MemoryAccess, RunsToStops, store_of_python

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.embedded.processor import Processor
    from icmsg.machine.base_machine import AccessKind


@dataclass(eq=False)
class _AccessWatch:
    begin: int
    end: int
    kind: StopKind
    handler: Callable[[int], None]
    on: Processor | None = None
    remove: Callable[[], None] = field(default=lambda: None)

    def put(self, firmware: Processor) -> None:
        """Watch this firmware."""
        self.on, self.remove = firmware, firmware.watch_accesses(self.begin, self.end, self.kind)


class CoreStops:
    """Handlers of one core, whatever firmware it runs; ``current()`` is what it runs now."""

    def __init__(self, current: Callable[[], Processor | None]) -> None:
        self._current: Final = current
        self._known: Processor | None = None  # who was told; it may have been freed since
        self._reached: Final[dict[int, list[Callable[[], None]]]] = {}
        self._watches: Final[list[_AccessWatch]] = []
        self._stepped: list[Callable[[], None]] = []
        self._runs: Final = RunsToStops()

    @property
    def _firmware(self) -> Processor | None:
        current = self._current()
        return current if current is self._known else None

    def begin(self) -> None:
        """Take over the firmware that the core runs from now on."""
        firmware = self._current()
        if firmware is self._known:
            return
        self._known = firmware
        self._stepped.clear()
        if firmware is not None:
            if self._reached:
                firmware.break_at(self._reached)
            for watch in self._watches:
                watch.put(firmware)

    def on_reach(self, address: int, handler: Callable[[], None]) -> Callable[[], None]:
        """Call ``handler`` directly before the instruction at ``address``; the result ends that."""
        self._reached.setdefault(address, []).append(handler)
        self._apply()

        def remove() -> None:
            handlers = self._reached.get(address, [])
            if handler in handlers:
                handlers.remove(handler)
                if not handlers:
                    del self._reached[address]
                    self._apply()

        return remove

    def _apply(self) -> None:
        if self._firmware is not None:
            self._firmware.break_at(self._reached)

    def on_access(
        self, begin: int, end: int, kind: StopKind, handler: Callable[[int], None]
    ) -> Callable[[], None]:
        """Call ``handler(address)`` directly behind a load, or a store, that touches a range; the result ends that."""
        watch = _AccessWatch(begin, end, kind, handler)
        self._watches.append(watch)
        if self._firmware is not None:
            watch.put(self._firmware)

        def remove() -> None:
            if watch in self._watches:
                self._watches.remove(watch)
                if watch.on is not None and watch.on is self._firmware:
                    watch.remove()

        return remove

    def on_step(self, handler: Callable[[], None]) -> None:
        """Call ``handler`` once, directly behind the next instruction, or at another stop that comes first."""
        self._stepped.append(handler)
        if self._firmware is not None:
            self._firmware.step_once()

    def forget_step(self) -> None:
        """Call nobody behind the next instruction."""
        self._stepped.clear()

    def run_to(self, address: int, times: int, run: Callable[[], None]) -> None:
        """Let time pass by ``run()``, until ``address`` is the next instruction for the ``times``-th time."""
        self._runs.run_to(partial(self.on_reach, address), times, run)

    def tell(self, firmware: Processor) -> None:
        """Call who waits for the stop of ``firmware``."""
        stop = firmware.stop
        assert stop is not None
        stepped, self._stepped = self._stepped, []
        if stop.kind is StopKind.REACHED:
            for reached in tuple(self._reached.get(stop.address, ())):
                reached()
        elif stop.kind is not StopKind.STEPPED:
            for watch in tuple(self._watches):
                if watch.kind is stop.kind and watch.begin <= stop.address < watch.end:
                    watch.handler(stop.address)
        for handler in stepped:
            handler()
        self._runs.told()


class FirmwareWatch:
    """Watch over every firmware that the core runs; ``install(firmware)`` watches one, and returns how to end that."""

    def __init__(self, install: Callable[[Processor], Callable[[], None]]) -> None:
        self._install = install
        self._on: Processor | None = None
        self._stop: Callable[[], None] | None = None

    def begin(self, firmware: Processor | None) -> None:
        """Watch ``firmware``, if it is not watched already."""
        if firmware is not None and firmware is not self._on:
            self._on, self._stop = firmware, self._install(firmware)

    def end(self, firmware: Processor | None) -> None:
        """Watch no longer; a core that was freed meanwhile is left alone."""
        if self._stop is not None and firmware is self._on:
            self._stop()
        self._on = self._stop = None


class FirmwareWatches:
    """Watches of one core; ``current()`` is the firmware that it runs now."""

    def __init__(self, current: Callable[[], Processor | None]) -> None:
        self._current: Final = current
        self._all: Final[list[FirmwareWatch]] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, install: Callable[[Processor], Callable[[], None]]) -> Callable[[], None]:
        """Watch every firmware from now on; the function returned ends that, before the next slice."""
        watch = FirmwareWatch(install)
        self._all.append(watch)
        watch.begin(self._current())

        def stop() -> None:
            if watch in self._all:
                self._all.remove(watch)
                watch.end(self._current())

        return stop

    def begin(self) -> None:
        """Take over the firmware that the core runs from now on."""
        for watch in self._all:
            watch.begin(self._current())


class ObservableCore(BaseCore):
    """A core that tells what memory its firmware, or Python that plays it, touches."""

    _watches: FirmwareWatches

    def open_time_ns(self) -> int:
        """Return the virtual time; EngineError if the machine is closed."""
        raise NotImplementedError

    def watch_stores(
        self, begin: int, end: int, told: Callable[[int, int, Callable[[], int]], None]
    ) -> Callable[[], None]:
        """Call ``told(address, value, pc)`` at each store of this core's firmware to ``begin`` up to ``end``.

        ``pc`` is a function. The result ends that, before the next slice. Meanwhile firmware is about a third slower.
        """
        return self.watch_firmware(lambda firmware: firmware.watch_stores(begin, end, told))

    def watch_firmware(self, install: Callable[[Processor], Callable[[], None]]) -> Callable[[], None]:
        """Call ``install(firmware)``, which returns how to end that, for each firmware that runs here from now on.

        The function returned ends that, before the next slice.
        """
        return self._watches.add(install)

    def watch_memory(
        self,
        begin: int,
        end: int,
        told: Callable[[MemoryAccess], None],
        *,
        kinds: Collection[AccessKind] = STORES,
    ) -> Callable[[], None]:
        """Call ``told`` for each access to ``begin`` up to ``end``, which is memory; the function returned ends that.

        Firmware's stores are told before they are made, those of Python that plays the core behind, as one for each
        block that it writes; Python's loads are never told.
        """

        def tell(kind: AccessKind, address: int, value: int, pc: int) -> None:
            told(MemoryAccess(self.open_time_ns(), kind, address, value & 0xFFFF_FFFF, pc))

        def stored(address: int, value: int, pc: Callable[[], int]) -> None:
            tell("store", address, value, pc())

        def loaded(address: int, _value: int, pc: Callable[[], int]) -> None:
            tell("load", address, self.bus.read32(address & -WORD), pc())

        def written(address: int, size: int) -> None:
            if self.is_played:
                told(store_of_python(self.bus, self.open_time_ns(), address, size))

        ends: list[Callable[[], None]] = []
        if "store" in kinds:
            assert isinstance(self.bus, CoreBus)
            ends += self.watch_stores(begin, end, stored), self.bus.watch_writes(begin, end, written)
        if "load" in kinds:
            install = partial(_watch_loads, begin, end, loaded)
            ends.append(self.watch_firmware(install))

        def stop() -> None:
            while ends:
                ends.pop()()

        return stop


def _watch_loads(
    begin: int, end: int, told: Callable[[int, int, Callable[[], int]], None], firmware: Processor
) -> Callable[[], None]:
    return firmware.watch_stores(begin, end, told, loads=True)
