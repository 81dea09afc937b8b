"""Core of a machine in steps that somebody else may change, too: by commands typed at a Monitor, or by a script."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from icmsg.engines.lockstep.core import SteppedCore
from icmsg.errors import EngineError, FirmwareError
from icmsg.machine.base_machine import STORES, never, store_of_python
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from icmsg.engines.lockstep.core_types import CoreState
    from icmsg.machine.base_machine import AccessKind, MemoryAccess


class ObservedCore(SteppedCore):
    """A core as :class:`icmsg.engines.lockstep.core.SteppedCore` that finds out what somebody else did to it."""

    def attach(self, told: CoreState) -> None:
        """Take over the state in which somebody else left the core; what it executes was loaded already."""
        self._halted = told.is_halted
        self._waits = self._halted and self._place.reset_block is not None
        self.tell_played(False)  # a session that broke off has not
        self._started = not self._halted or told.pc != 0
        if self._started and told.vector_table is not None:
            self._vector_table = told.vector_table
        self._told = told

    def look_at(self, told: CoreState) -> bool:
        """Take over what somebody else did to the core, which Python does not play; return whether that was anything.

        A core that is let go is halted up to the next synchronization point, and one that is locked up from then on;
        both are nobody's doing. A vector table that moves while the core runs may be its firmware's.
        """
        before, self._told = self._told or told, told
        if self._resets:
            return False
        was_halted, moved = self._halted, told.vector_table != before.vector_table
        if not told.is_halted:
            self.was_released(self._machine.now_ns)
            self._let_go_ns = -1
        elif not (was_halted or self._is_let_go or self.troubles.is_locked_up):
            self._halted = True
            self._machine.emit(EventKind.CORE_HALTED, self.index)
        jumped = self._halted and told.pc != before.pc
        if jumped:
            self._started = told.pc != 0
        if (was_halted or self._halted) and self._started and (moved or self._vector_table is None):
            self._vector_table = told.vector_table
        return moved or jumped or was_halted != self._halted

    @property
    def _is_let_go(self) -> bool:
        """True from when the core is let go up to the synchronization point at which Renode does it."""
        return self._releasing is not None or self._let_go_ns >= self._machine.now_ns

    def recognize(self, files: Iterable[str]) -> None:
        """Find this core's image among files that somebody else loaded: the last one that was linked for it."""
        told = None if self._halted or self._told is None else self._told.vector_table
        for path in files:
            with suppress(FirmwareError):  # no ELF file, or one of another core
                image = FirmwareImage.load(path)
                self.check_image(image)
                table = image.vector_table
                if self._vector_table is None or table in (self._vector_table, told):
                    self.image, self._vector_table = image, table

    # Stops

    def on_reach(self, place: int | str, handler: Callable[[], None]) -> Callable[[], None]:
        """Call ``handler()`` each time firmware comes to ``place``, directly before the instruction is executed.

        ``place`` is an address, or the name of a function of the core's image. All cores and Python stand meanwhile, at
        the core's own time within the quantum. The function returned ends that.

        Raises:
            FirmwareError: the image has no such name.
            EngineError: there can be no code, or that Renode has not the files that this needs.
        """
        return self._machine.stops.on_reach(self.index, self._place.cpu, self._stop_address(place), handler)

    def run_to(self, place: int | str, *, timeout_ns: int, times: int = 1) -> None:
        """Run until firmware has come to ``place`` (as for :meth:`on_reach`) so often; all stands directly before it.

        The next run goes on there. What halts, resets or loads a core goes on to the next synchronization point before.

        Raises:
            VirtualTimeoutError: it did not come there within a virtual time.
            FirmwareError, EngineError: as :meth:`on_reach`.
        """
        address = self._stop_address(place)
        what = f"core {self.name} coming to {self.locate(address)}{f' {times} times' if times > 1 else ''}"
        self._machine.stops.run_to(
            self.index, self._place.cpu, address, times,
            lambda: self._machine.run_until(never, timeout_ns=timeout_ns, what=what),
        )  # fmt: skip

    def _stop_address(self, place: int | str) -> int:
        self._machine.check_open()
        address = self.address_of(place)
        found = self._place.at(address)
        if found is None or not found.is_memory:
            raise EngineError(
                f"core {self.name} cannot stop at 0x{address:08X}: it has no memory there, or none directly before it"
            )
        return address

    def watch_memory(
        self,
        begin: int,
        end: int,
        told: Callable[[MemoryAccess], None],
        *,
        kinds: Collection[AccessKind] = STORES,
    ) -> Callable[[], None]:
        """Call ``told`` for each access to ``begin`` up to ``end``, which is memory; the function returned ends that.

        Firmware's accesses are told once time stands, at the next synchronization point, with the times of each; stores
        of Python that plays the core at once, as one for each block that it writes, its loads never.

        Raises:
            EngineError: that Renode has not the files that this needs.
        """
        on_access = self._machine.stops.on_access
        ends = [on_access(self.index, self._place.cpu, begin, end, kind, told) for kind in kinds]
        if "store" in kinds:
            ends.append(self._placed_bus.watch_writes(begin, end, partial(self._written, told)))

        def stop() -> None:
            while ends:
                ends.pop()()

        return stop

    def _written(self, told: Callable[[MemoryAccess], None], address: int, size: int) -> None:
        if self.is_played:
            told(store_of_python(self.bus, self._machine.now_ns, address, size))
