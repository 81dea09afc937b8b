"""The nRF5340's RNG: a byte every so often, from a generator whose seed everybody knows."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.alarm import Alarm
from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.hw.exposed import UINT32, exposed
from icmsg.hw.model import on_write
from icmsg.hw.nrf_peripherals import RNG

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

SEED: Final = 1
"""The seed of every machine, so that two runs get the same numbers."""
_BYTE_US: Final = 30
_CORRECTED_BYTE_US: Final = 120


class NrfRngModel(EventModel):
    """RNG, owned by the core of ``slot``. A reset stops it; its numbers go on."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(RNG, slot, base=base)
        self._seed = SEED
        self._numbers = Random(SEED)
        self._ready = self.event_bit("VALRDY")
        self._alarm = Alarm(slot, self._happen)

    @property
    @exposed(UINT32)
    def seed(self) -> int:
        """The number that the random ones follow from; to set it begins them anew."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed = seed
        self._numbers = Random(seed)

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1:
            self._begin(self._slot.now())

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.cancel()

    def _begin(self, since: int) -> None:
        microseconds = _CORRECTED_BYTE_US if self.peek("CONFIG") & 1 else _BYTE_US
        self._due = since + microseconds * self._slot.ticks_per_second // 1_000_000
        self._alarm.set(self._due)

    def _happen(self) -> None:
        self.poke("VALUE", self._numbers.getrandbits(8))
        if not self.peek("SHORTS") & 1:
            self._begin(self._due)
        self.generate(self._ready)
