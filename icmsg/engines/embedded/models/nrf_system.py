"""The nRF5340's watchdog: resets the core that no longer reloads it, with the peripherals of that core.

It counts virtual time, also while the core sleeps; nothing runs while the core is halted, so it does not bite then.

The nRF5340's RNG: a byte every so often, from a generator whose seed everybody knows.

The nRF5340's TEMP: a measurement takes a little, and it is always 25 degrees Celsius.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.hw.exposed import UINT32, exposed
from icmsg.hw.model import on_write
from icmsg.hw.nrf_peripherals import LFCLK_HZ, RELOAD, RNG, SHORTEST, TEMP, WDT

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


_POSTPONED_CYCLES: Final = 2
"""Cycles that a reset waits for the handler of the TIMEOUT interrupt."""
_STOPEN: Final = 1 << 6


class NrfWdtModel(EventModel):
    """WDT, owned by the core of ``slot``."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(WDT, slot, base=base)
        self._timeout = self.event_bit("TIMEOUT")
        self._alarm = Alarm(slot, self._expire)
        self._reset = Alarm(slot, self._bite)
        self._stop_allowed = False
        self._config = {name: self.peek(name) for name in ("CRV", "RREN", "CONFIG")}

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()
        self._reset.reset()
        self._stop_allowed = False
        self._config = {name: self.peek(name) for name in self._config}
        self._slot.lfclk.force(False)

    @property
    def _running(self) -> bool:
        return bool(self.peek("RUNSTATUS"))

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1 and not self._running:
            self.poke("RUNSTATUS", 1)
            self._slot.lfclk.force(True)
            self._reload()

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1 and self._running and self._stop_allowed and self.peek("CONFIG") & _STOPEN:
            self.poke("RUNSTATUS", 0)
            self._slot.lfclk.force(False)
            self._alarm.cancel()
            self.generate(self.event_bit("STOPPED"))

    @on_write("TSEN")
    def _enable_stop(self, _index: int, value: int) -> None:
        self._stop_allowed = value == RELOAD

    @on_write("CRV")
    def _set_reload_value(self, _index: int, value: int) -> None:
        self._configure("CRV", max(value, SHORTEST))

    @on_write("RREN")
    def _set_requests(self, _index: int, value: int) -> None:
        self._configure("RREN", value & 0xFF)
        if not self._running:
            self.poke("REQSTATUS", value & 0xFF)

    @on_write("CONFIG")
    def _set_config(self, _index: int, value: int) -> None:
        self._configure("CONFIG", value)

    def _configure(self, name: str, value: int) -> None:
        """Take a configuration register over, or put it back: it cannot be changed while the watchdog runs."""
        if not self._running:
            self._config[name] = value
        self.poke(name, self._config[name])

    @on_write("RR")
    def _request(self, index: int, value: int) -> None:
        if value == RELOAD and self._running:
            left = self.peek("REQSTATUS") & ~(1 << index)
            self.poke("REQSTATUS", left)
            if not left and self.peek("RREN"):
                self._reload()

    def _reload(self) -> None:
        self.poke("REQSTATUS", self.peek("RREN"))
        self._alarm.set(self._after(self.peek("CRV") + 1))

    def _after(self, cycles: int) -> int:
        slot = self._slot
        return slot.now() - (-cycles * slot.ticks_per_second // LFCLK_HZ)

    def _expire(self) -> None:
        self.generate(self._timeout)
        if self.words[self._inten] & self._timeout:
            self._reset.set(self._after(_POSTPONED_CYCLES))
        else:
            self._bite()

    def _bite(self) -> None:
        self._slot.restart()


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
