"""Base of the blocks by which one core holds another one in reset and lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.model import RegisterModel

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock


class CoreHolder(RegisterModel):
    """A block of the core in ``slot``, which holds and releases the core in ``held``.

    After a reset it holds. Firmware that resets its own core, the one in ``slot``, puts the other into reset again;
    after power-up whoever starts that one decides (:mod:`icmsg.machine.force_off`).
    """

    irq: Final = None

    def __init__(self, block: RegisterBlock, slot: Slot, *, base: int, held: Slot) -> None:
        super().__init__(block, base=base, core=slot.name)
        self.held: Final = held
        self._holds = True

    def reset(self) -> None:
        """Reset the registers; the other core stays as it is."""
        super().reset()
        self._holds = True

    def set_holding(self, holds: bool, entry: int | None = None) -> None:
        """Hold the other core in reset, or let it go, to begin at byte address ``entry`` if one is given."""
        before, self._holds = self._holds, holds
        if holds:
            self.held.hold()
        elif before:
            self.held.release_reset(entry)

    @property
    def holds(self) -> bool:
        """True while the other core is held in reset."""
        return self.held.power is not None and self.held.power.is_held

    @property
    def played(self) -> bool:
        """True while somebody behind the Monitor plays the other core: nothing is started there."""
        return self.held.power is not None and self.held.power.is_played_elsewhere

    @played.setter
    def played(self, played: bool) -> None:
        if self.held.power is not None:
            self.held.power.is_played_elsewhere = played
