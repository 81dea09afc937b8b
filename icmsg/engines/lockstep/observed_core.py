"""Core of a machine in steps that somebody else may change, too: by commands typed into Renode's Monitor."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from icmsg.engines.lockstep.core import SteppedCore
from icmsg.errors import FirmwareError
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.engines.lockstep.core_types import CoreState


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
