"""The nRF5340's TEMP: a measurement takes a little, and it is always 25 degrees Celsius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.alarm import Alarm
from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.hw.model import on_write
from icmsg.hw.nrf_peripherals import TEMP

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_QUARTERS_OF_A_DEGREE: Final = 4 * 25
_MEASUREMENT_US: Final = 36


class NrfTempModel(EventModel):
    """TEMP, owned by the core of ``slot``."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(TEMP, slot, base=base)
        self._ready = self.event_bit("DATARDY")
        self._alarm = Alarm(slot, self._measured)

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.set(self._slot.now() + _MEASUREMENT_US * self._slot.ticks_per_second // 1_000_000)

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.cancel()

    def _measured(self) -> None:
        self.poke("TEMP", _QUARTERS_OF_A_DEGREE)
        self.generate(self._ready)
