"""The nRF5340's CLOCK and POWER: oscillators that say that they have started, a little after they were told to.

Nothing in the engine depends on them: cores and timers run at the platform's rates all the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.alarm import Alarm
from icmsg.cosim.embedded.models.event_model import EventModel
from icmsg.errors import ConfigurationError
from icmsg.hw.model import on_read, on_write
from icmsg.hw.nrf_clock import CLOCK

if TYPE_CHECKING:
    from icmsg.cosim.embedded.slot import Slot

_SOURCES: Final = {"HFCLK": "HFCLKSRC", "LFCLK": "LFCLKSRC", "HFCLKAUDIO": None, "HFCLK192M": "HFCLK192MSRC"}
_STATE: Final = 1 << 16
_ALWAYS_RUNNING: Final = 1 << 4
_LF: Final = "LFCLK"


class NrfClockModel(EventModel):
    """One CLOCK, owned by the core of ``slot``; ``start_us`` is the time from a start task to its event.

    Raises:
        ConfigurationError: a time that is not positive.
    """

    def __init__(self, slot: Slot, *, base: int, start_us: int = 10) -> None:
        super().__init__(CLOCK, slot, base=base)
        if start_us <= 0:
            raise ConfigurationError(f"startMicroseconds must be > 0, not {start_us}")
        self._delay = start_us * slot.ticks_per_second // 1_000_000
        self._starting = {name: Alarm(slot, partial(self._started, name)) for name in _SOURCES}
        self._calibrating = Alarm(slot, partial(self.generate, self.event_bit("DONE")))
        self._events = {name: self.event_bit(f"{name}STARTED") for name in _SOURCES}

    def reset(self) -> None:
        """Stop everything and reset the registers; GPREGRET keeps its values."""
        retained = [self.peek("GPREGRET", index) for index in range(2)]
        super().reset()
        for index, value in enumerate(retained):
            self.poke("GPREGRET", value, index)
        for alarm in (*self._starting.values(), self._calibrating):
            alarm.reset()

    @on_write("TASKS_HFCLKSTART")
    def _start_hf(self, _index: int, value: int) -> None:
        self._start("HFCLK", value)

    @on_write("TASKS_LFCLKSTART")
    def _start_lf(self, _index: int, value: int) -> None:
        if value & 1:
            self.poke("LFCLKSRCCOPY", self.peek("LFCLKSRC"))
        self._start(_LF, value)

    @on_write("TASKS_HFCLKAUDIOSTART")
    def _start_audio(self, _index: int, value: int) -> None:
        self._start("HFCLKAUDIO", value)

    @on_write("TASKS_HFCLK192MSTART")
    def _start_192m(self, _index: int, value: int) -> None:
        self._start("HFCLK192M", value)

    @on_write("TASKS_HFCLKSTOP")
    def _stop_hf(self, _index: int, value: int) -> None:
        self._stop("HFCLK", value)

    @on_write("TASKS_LFCLKSTOP")
    def _stop_lf(self, _index: int, value: int) -> None:
        self._stop(_LF, value)

    @on_write("TASKS_HFCLKAUDIOSTOP")
    def _stop_audio(self, _index: int, value: int) -> None:
        self._stop("HFCLKAUDIO", value)

    @on_write("TASKS_HFCLK192MSTOP")
    def _stop_192m(self, _index: int, value: int) -> None:
        self._stop("HFCLK192M", value)

    @on_write("TASKS_CAL")
    def _calibrate(self, _index: int, value: int) -> None:
        if value & 1:
            self._calibrating.set(self._slot.now() + self._delay)

    @on_read("INTPEND")
    def _pending(self, _index: int) -> int:
        return self._latched & self.words[self._inten]

    @on_read("HFCLKSTAT")
    def _hf_stat(self, _index: int) -> int:
        return self._stat("HFCLK")

    @on_read("LFCLKSTAT")
    def _lf_stat(self, _index: int) -> int:
        return self._stat(_LF)

    @on_read("HFCLKAUDIOSTAT")
    def _audio_stat(self, _index: int) -> int:
        return self._stat("HFCLKAUDIO")

    @on_read("HFCLK192MSTAT")
    def _192m_stat(self, _index: int) -> int:
        return self._stat("HFCLK192M")

    def _start(self, name: str, value: int) -> None:
        # A clock that runs already is started again: its source may be another one, and drivers wait for the event.
        if value & 1:
            self.poke(f"{name}RUN", 1)
            self._starting[name].set(self._slot.now() + self._delay)

    def _started(self, name: str) -> None:
        source = _SOURCES[name]
        selected = 0 if source is None else self.peek("LFCLKSRCCOPY" if name == _LF else source)
        self.poke(f"{name}STAT", _STATE | selected)
        self.generate(self._events[name])

    def _stop(self, name: str, value: int) -> None:
        if value & 1:
            self._starting[name].cancel()
            self.poke(f"{name}RUN", 0)
            self.poke(f"{name}STAT", 0)

    def _stat(self, name: str) -> int:
        return self.peek(f"{name}STAT") | (_ALWAYS_RUNNING if self.peek(f"{name}ALWAYSRUN") & 1 else 0)
