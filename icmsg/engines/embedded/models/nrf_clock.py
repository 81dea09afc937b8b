"""CLOCK and POWER of the nRF5340 and of the nRF54L15: clocks that start, and say so a little later."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import FASTEST, Alarm
from icmsg.engines.embedded.models.nrf_events import EventModel
from icmsg.errors import ConfigurationError
from icmsg.hw.model import on_read, on_write
from icmsg.hw.nrf54_peripherals import CLOCK54L
from icmsg.hw.nrf_peripherals import CLOCK

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


_SOURCES: Final = {"HFCLK": "HFCLKSRC", "LFCLK": "LFCLKSRC", "HFCLKAUDIO": None, "HFCLK192M": "HFCLK192MSRC"}
_STATE: Final = 1 << 16
_ALWAYS_RUNNING: Final = 1 << 4
_LF: Final = "LFCLK"
_DIVIDED_BY_TWO: Final = 1


class NrfClockModel(EventModel):
    """CLOCK and POWER of the nRF5340, owned by the core of ``slot``.

    The RTCs of the core count while its LFCLK runs, and HFCLKCTRL divides the core's clock: by two after a reset, which
    is the platform's rate, or by one. Everything else runs at its rate all the time. ``start_us`` is the time from a
    start task to its event, ``divides`` says whether HFCLKCTRL has an effect on the core.

    Raises:
        ConfigurationError: a time that is not positive.
    """

    def __init__(self, slot: Slot, *, base: int, start_us: int = 10, divides: bool = False) -> None:
        super().__init__(CLOCK, slot, base=base)
        if start_us <= 0:
            raise ConfigurationError(f"startMicroseconds must be > 0, not {start_us}")
        self._delay = start_us * slot.ticks_per_second // 1_000_000
        self._starting = {name: Alarm(slot, partial(self._started, name)) for name in _SOURCES}
        self._calibrating = Alarm(slot, partial(self.generate, self.event_bit("DONE")))
        self._events = {name: self.event_bit(f"{name}STARTED") for name in _SOURCES}
        self._divides = divides
        for name in _SOURCES:
            self._writes[CLOCK.offset(f"TASKS_{name}START")] = partial(self._start, name)
            self._writes[CLOCK.offset(f"TASKS_{name}STOP")] = partial(self._stop, name)
            self._reads[CLOCK.offset(f"{name}STAT")] = partial(self._stat, name)
        slot.lfclk.take_over()

    def reset(self) -> None:
        """Stop everything and reset the registers; GPREGRET keeps its values."""
        retained = [self.peek("GPREGRET", index) for index in range(2)]
        super().reset()
        for index, value in enumerate(retained):
            self.poke("GPREGRET", value, index)
        for alarm in (*self._starting.values(), self._calibrating):
            alarm.reset()
        self._low_frequency_changed()
        self._divide(0, self.peek("HFCLKCTRL"))

    @on_write("HFCLKCTRL")
    def _divide(self, _index: int, value: int) -> None:
        if self._divides:
            self._slot.set_speed(1 if value & _DIVIDED_BY_TWO else FASTEST)

    @on_write("LFCLKALWAYSRUN")
    def _always_run(self, _index: int, _value: int) -> None:
        self._low_frequency_changed()

    def _low_frequency_changed(self) -> None:
        self._slot.lfclk.ask(bool(self.peek("LFCLKSTAT") & _STATE or self.peek("LFCLKALWAYSRUN") & 1))

    @on_write("TASKS_CAL")
    def _calibrate(self, _index: int, value: int) -> None:
        if value & 1:
            self._calibrating.set(self._slot.now() + self._delay)

    @on_read("INTPEND")
    def _pending(self, _index: int) -> int:
        return self._latched & self.words[self._inten]

    def _start(self, name: str, value: int) -> None:
        # A clock that runs already is started again: its source may be another one, and drivers wait for the event.
        if value & 1:
            if name == _LF:
                self.poke("LFCLKSRCCOPY", self.peek("LFCLKSRC"))
            self.poke(f"{name}RUN", 1)
            self._starting[name].set(self._slot.now() + self._delay)

    def _started(self, name: str) -> None:
        source = _SOURCES[name]
        selected = 0 if source is None else self.peek("LFCLKSRCCOPY" if name == _LF else source)
        self.poke(f"{name}STAT", _STATE | selected)
        self._low_frequency_changed()
        self.generate(self._events[name])

    def _stop(self, name: str, value: int) -> None:
        if value & 1:
            self._starting[name].cancel()
            self.poke(f"{name}RUN", 0)
            self.poke(f"{name}STAT", 0)
            self._low_frequency_changed()

    def _stat(self, name: str) -> int:
        return self.peek(f"{name}STAT") | (_ALWAYS_RUNNING if self.peek(f"{name}ALWAYSRUN") & 1 else 0)


_CLOCKS: Final = ("XO", "PLL", "LFCLK")


class Nrf54lClockModel(EventModel):
    """CLOCK, POWER and RESET of the nRF54L15, owned by the core of ``slot``.

    Nothing depends on whether its clocks run: cores, timers and the UARTE have their rates all the time.
    ``start_us`` is the time from a start task to its event.

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
