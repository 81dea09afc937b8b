"""Breakpoints, watches, loads and stores of a core of the emulator.

Watches over what a core of the emulator executes and accesses; they change nothing that it does.

Addresses before whose instructions the runs of one core end, as a WFI would end them; everything else costs nothing.

The emulator ends such a run like one that has come to a WFI. So a WFI that stands directly before such an address is
executed alone, and everything else that ends there is a breakpoint.

Loads and stores of a core, to memories and models; what nothing models is told, a hole refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import PAGE, AddressSpace, IoRange, MappedMemory
from icmsg.engines.embedded.models.stand_in import OverriddenRange, TaggedPages
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.embedded.emulator.code_pages import CodePages
    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import Range

    Warn = Callable[[str, int], None]
    """(what, address)"""
    RaiseLater = Callable[[BaseException], None]
    """Keep an exception until the emulator is off the stack, which no exception may pass through."""
    Lost = Callable[[int], None]
    """(address) of a store that nothing takes"""
    Load = Callable[[int], bool]
    """(address) of a load that nothing answers -> whether it reads 0; else the run ends before it"""


_NOWHERE: Final = (-1, -1)


class Breakpoints:
    """Breakpoints of one core, whose code ``code`` knows."""

    def __init__(self, code: CodePages) -> None:
        self._code: Final = code
        self._addresses: frozenset[int] = frozenset()
        self._sleeps: frozenset[int] = frozenset()
        self._wanted: frozenset[int] = frozenset()  # where the emulator shall stop
        self._now: frozenset[int] = frozenset()  # and where it can
        self._told = _NOWHERE  # address and instruction number at which a stop was told
        self._from = -1  # where the run begins that executes one instruction

    def set(self, addresses: Collection[int], sleep_before: Callable[[int], int | None]) -> None:
        """Stop before these, and no others."""
        self._addresses = frozenset(addresses)
        sleeps = (sleep_before(address) for address in self._addresses)
        self._sleeps = frozenset(address for address in sleeps if address is not None)
        self._apply(self._addresses | self._sleeps)

    def _apply(self, wanted: frozenset[int]) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._now = self._code.break_before(wanted)

    def arrives(self, pc: int, instructions: int) -> bool:
        """Return whether to stop before the instruction at ``pc``: once, if it is one of them."""
        if pc not in self._addresses or pc not in self._now or self._told == (pc, instructions):
            return False
        self._told = pc, instructions
        return True

    def begins_at(self, pc: int) -> bool:
        """Return whether a run that begins at ``pc`` would end there at once."""
        return pc in self._now

    def pass_over(self, pc: int, end: int | None) -> None:
        """Let the next run not end at ``pc``, but at ``end``."""
        self._from = pc
        self._apply(self._wanted - {pc} if end is None else (self._wanted | {end}) - {pc})

    def has_ended(self, pc: int, executed: int) -> bool:
        """Return whether a run that stands at ``pc`` has ended for that alone; else it has come to a WFI."""
        return pc in self._now and not (executed == 1 and self._from in self._sleeps)

    def restore(self) -> None:
        """End what :meth:`pass_over` began."""
        self._from = -1
        self._apply(self._addresses | self._sleeps)


class WatchedCore(ABC):
    """A core that ``native`` executes, as far as somebody watches it."""

    __slots__ = ()

    _native: NativeCore
    _running: bool
    _leftover: list[Callable[[], None]]
    """Work before the next slices, one piece before each."""
    instructions: int

    @abstractmethod
    def pc(self) -> int:
        """Return the program counter; in an access, that of the instruction that makes it."""

    @abstractmethod
    def _raise_later(self, error: BaseException) -> None:
        """Raise an error where the run under way has ended."""

    def watch_stores(
        self,
        begin: int,
        end: int,
        told: Callable[[int, int, Callable[[], int]], None],
        *,
        loads: bool = False,
        width: int = 0,
    ) -> Callable[[], None]:
        """Call ``told(address, value, pc)`` at each store of this core to ``begin``…``end`` - 1, before it is made.

        ``pc`` is a function, since to read it takes longer than the rest. ``loads``: at each load instead, its value 0.
        ``width``: only at those of so many bytes. The function returned ends that before the next slice.
        """
        on, pc = [True], self.pc

        def tell(address: int, size: int, value: int) -> None:
            if on and width in (0, size):
                told(address, value, pc)

        hook = self._native.hook_loads if loads else self._native.hook_stores
        return self._watch(hook(begin, end, tell), on)

    def watch_blocks(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Call ``told(address)`` wherever a run of instructions begins; the result ends that before the next slice.

        Registers are those before the first instruction, but for the program counter.
        """
        return self.watch_runs(lambda address, _size: told(address))

    def watch_runs(self, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Do the same, and tell the bytes of the run, too; one that ends early has fewer."""
        on = [True]

        def tell(address: int, size: int) -> None:
            try:
                if on:
                    told(address, size)
            except BaseException as error:
                self._raise_later(error)

        self._retranslate()  # what was translated before does not tell
        return self._watch(self._native.hook_blocks(tell), on)

    def watch_translations(self, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Call ``told(address, size)`` where a run of instructions comes for the first time, and now and then again.

        What runs is not slower for that.
        """
        self._retranslate()
        # The emulator tells of none before it has executed one.
        first = [] if self.instructions else [self._native.hook_blocks(told)]

        def tell(address: int, size: int) -> None:
            if first:
                self._leftover.extend((first.pop(), self._native.forget_all_code))
            told(address, size)

        end = self._watch(self._native.hook_translations(0, 1 << 32, tell), [])

        def end_both() -> None:
            self._leftover.extend(first)
            end()

        return end_both

    def _watch(self, remove: Callable[[], None], on: list[bool]) -> Callable[[], None]:
        """Return how to end a watch, which tells as long as there is something in ``on``."""

        def end() -> None:
            on.clear()
            # unicorn lets go of a hook in its next run, and what was translated before that stays slow.
            self._leftover.extend((remove, self._native.forget_all_code))

        return end

    def _retranslate(self) -> None:
        self._now_or_before_the_next_slice(self._native.forget_all_code)

    def _now_or_before_the_next_slice(self, action: Callable[[], None]) -> None:
        if self._running:
            self._leftover.append(action)
        else:
            action()


def map_space(
    native: NativeCore,
    space: AddressSpace,
    own: int | None,
    *,
    warn: Warn,
    lost: Lost,
    load: Load,
    raise_later: RaiseLater,
    hidden: Collection[Range] = (),
) -> None:
    """Give the native core everything in ``space``; where nothing is, ``load`` and ``lost`` are asked.

    ``own`` is a page with nothing that the engine uses itself and that is mapped already. What is ``hidden`` from loads
    and stores counts as nothing.
    """
    for item in space.ranges:
        if item in hidden:
            continue
        if isinstance(item, MappedMemory):
            native.map_memory(item.start, item.end - item.start, item.memory.pointer)
        else:
            _map_io(native, item, warn, raise_later)
    holes = [(item.start, item.end) for item in hidden]
    for start, end in space.gaps():
        parts = (
            ((start, own), (own + PAGE, end)) if own is not None and start <= own < end else ((start, end),)
        )
        holes += [(first, last) for first, last in parts if first < last]

    def store(address: int) -> None:
        try:
            lost(address)
        except BaseException as error:
            raise_later(error)

    native.map_holes(holes, store, load)


def _map_io(native: NativeCore, item: IoRange, warn: Warn, raise_later: RaiseLater) -> None:
    model, start = item.model, item.start
    read32, write32 = model.read32, model.write32
    narrow_reads = {1: model.read8, 2: model.read16}
    narrow_writes = {1: model.write8, 2: model.write16}

    tagged = model if isinstance(model, TaggedPages | OverriddenRange) else None

    def read(offset: int, size: int) -> int:
        try:
            try:
                named = None if tagged is None else tagged.at(offset)
                if named is not None and not named.silent:
                    warn(f"read of {named.name}, which nothing models", start + offset)
                return read32(offset) if size == 4 else narrow_reads[size](offset)
            except BusError as error:
                warn(f"refused read ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)
        return 0

    def write(offset: int, size: int, value: int) -> None:
        try:
            try:
                named = None if tagged is None else tagged.at(offset)
                if named is not None and not named.silent:
                    warn(f"write of {named.name}, which nothing models", start + offset)
                if size == 4:
                    write32(offset, value)
                else:
                    narrow_writes[size](offset, value)
            except BusError as error:
                warn(f"refused write ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)

    native.map_io(start, item.end - start, read, write)
