"""CPURUN and INITPC of a VPR peripheral: how another core starts and stops the VPR core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.core_holder import CoreHolder
from icmsg.hw.exposed import BOOL, exposed
from icmsg.hw.model import on_read, on_write
from icmsg.hw.nrf54_peripherals import VPR

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_WAITING: Final = 0
_RUNNING: Final = 1
_SLEEPING: Final = 2
_ERROR: Final = 14


class NrfVprModel(CoreHolder):
    """The control of the VPR core in ``vpr``, as the core in ``slot`` has it."""

    def __init__(self, slot: Slot, *, base: int, vpr: Slot) -> None:
        super().__init__(VPR, slot, base=base, held=vpr)

    @on_write("CPURUN")
    def _run(self, _index: int, value: int) -> None:
        self.poke("CPURUN", value & 1)
        self.set_holding(not value & 1, self.peek("INITPC"))

    @on_read("VPRSTATUS")
    def _status(self, _index: int) -> int:
        power, core = self.held.power, self.held.firmware
        if power is None or power.is_halted:
            return _WAITING
        if core is None or not core.asleep:
            return _RUNNING
        return _SLEEPING if core.lock_up is None else _ERROR

    # What the Monitor knows beside the registers, as renode/NRF_VPR.cs has it

    @property
    @exposed(BOOL)
    def is_held(self) -> bool:
        """True while the VPR core is held in reset."""
        return self.holds

    @property
    @exposed(BOOL)
    def is_played(self) -> bool:
        """True while somebody behind the Monitor plays the VPR core: CPURUN does not start it."""
        return self.played

    @is_played.setter
    def is_played(self, played: bool) -> None:
        self.played = played
