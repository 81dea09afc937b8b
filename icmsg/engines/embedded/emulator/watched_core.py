"""Watches over what a core of the emulator executes and accesses; they change nothing that it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.emulator.native import NativeCore


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
