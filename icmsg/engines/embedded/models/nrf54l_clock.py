"""The nRF54L15's CLOCK, POWER and RESET: clocks that say that they have started, a little after they were told to.

Nothing depends on whether they run: cores, timers and the UARTE have their rates all the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.alarm import Alarm
from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.errors import ConfigurationError
from icmsg.hw.model import on_read, on_write
from icmsg.hw.nrf54_peripherals import CLOCK54L

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_CLOCKS: Final = ("XO", "PLL", "LFCLK")
_STATE: Final = 1 << 16


class Nrf54lClockModel(EventModel):
    """CLOCK, owned by the core of ``slot``; ``start_us`` is the time from a start task to its event.

    Raises:
        ConfigurationError: a time that is not positive.
    """

    def __init__(self, slot: Slot, *, base: int, start_us: int = 10) -> None:
        super().__init__(CLOCK54L, slot, base=base)
        if start_us <= 0:
            raise ConfigurationError(f"startMicroseconds must be > 0, not {start_us}")
        self._delay = start_us * slot.ticks_per_second // 1_000_000
        self._starting = {name: Alarm(slot, partial(self._started, name)) for name in _CLOCKS}
        self._calibrating = Alarm(slot, partial(self.generate, self.event_bit("DONE")))
        self._tuning = Alarm(slot, partial(self.generate, self.event_bit("XOTUNED")))
        for name in _CLOCKS:
            self._writes[CLOCK54L.offset(f"TASKS_{name}START")] = partial(self._start, name)
            self._writes[CLOCK54L.offset(f"TASKS_{name}STOP")] = partial(self._stop, name)

    def reset(self) -> None:
        """Stop everything and reset the registers; GPREGRET keeps its values."""
        retained = [self.peek("GPREGRET", index) for index in range(2)]
        super().reset()
        for index, value in enumerate(retained):
            self.poke("GPREGRET", value, index)
        for alarm in (*self._starting.values(), self._calibrating, self._tuning):
            alarm.reset()

    def _start(self, name: str, value: int) -> None:
        # One that runs already is started again: its source may be another one, and drivers wait for the event.
        if value & 1:
            if name == "LFCLK":
                self.poke("LFCLK_SRCCOPY", self.peek("LFCLK_SRC"))
            self.poke(f"{name}_RUN", 1)
            self._starting[name].set(self._slot.now() + self._delay)

    def _started(self, name: str) -> None:
        self.poke(f"{name}_STAT", _STATE | (self.peek("LFCLK_SRCCOPY") if name == "LFCLK" else 0))
        self.generate(self.event_bit(f"{name}STARTED"))

    def _stop(self, name: str, value: int) -> None:
        if value & 1:
            self._starting[name].cancel()
            self.poke(f"{name}_RUN", 0)
            self.poke(f"{name}_STAT", 0)

    @on_write("TASKS_CAL")
    def _calibrate(self, _index: int, value: int) -> None:
        if value & 1:
            self._calibrating.set(self._slot.now() + self._delay)

    @on_write("TASKS_XOTUNE")
    def _tune(self, _index: int, value: int) -> None:
        if value & 1:
            self._tuning.set(self._slot.now() + self._delay)

    @on_write("TASKS_XOTUNEABORT")
    def _abort_tuning(self, _index: int, value: int) -> None:
        if value & 1:
            self._tuning.cancel()

    @on_write("TASKS_CONSTLAT")
    def _keep_latency(self, _index: int, value: int) -> None:
        if value & 1:
            self.poke("CONSTLATSTAT", 1)

    @on_write("TASKS_LOWPWR")
    def _save_power(self, _index: int, value: int) -> None:
        if value & 1:
            self.poke("CONSTLATSTAT", 0)

    @on_read("INTPEND")
    def _pending(self, _index: int) -> int:
        return self._latched & self.words[self._inten]
