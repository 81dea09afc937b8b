"""Sensor without registers, which an environment of the Monitor sets: Renode's ``Sensors.DummySensor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.exposed import DECIMAL, INT32, exposed
from icmsg.hw.model import SizedModel

if TYPE_CHECKING:
    from icmsg.hw.line import Line

_NOTHING: Final = "0"


class DummySensor(SizedModel):
    """Temperature in °C and relative humidity in percent, and how often each was set.

    On the bus it reads 0, and writes go nowhere; Renode's takes no access at all.
    """

    irq: Line | None = None

    def __init__(self) -> None:
        self._temperature = self._humidity = _NOTHING
        self._temperature_updates = self._humidity_updates = 0

    def reset(self) -> None:
        """Measure nothing, which counts as an update."""
        self.temperature = self.humidity = _NOTHING

    def take_over(self, other: DummySensor) -> None:
        """Go on as another one, which is no more."""
        vars(self).update(vars(other))

    def _read(self, _offset: int, _size: int) -> int:
        return 0

    def _write(self, _offset: int, _size: int, _value: int) -> None:
        """Write nothing."""

    @property
    @exposed(DECIMAL)
    def temperature(self) -> str:
        """The temperature in °C."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: str) -> None:
        self._temperature = value
        self._temperature_updates += 1

    @property
    @exposed(DECIMAL)
    def humidity(self) -> str:
        """The relative humidity in percent."""
        return self._humidity

    @humidity.setter
    def humidity(self, value: str) -> None:
        self._humidity = value
        self._humidity_updates += 1

    @property
    @exposed(INT32)
    def temperature_update_counter(self) -> int:
        """Number of times that the temperature was set."""
        return self._temperature_updates

    @temperature_update_counter.setter
    def temperature_update_counter(self, count: int) -> None:
        self._temperature_updates = count

    @property
    @exposed(INT32)
    def humidity_update_counter(self) -> int:
        """Number of times that the humidity was set."""
        return self._humidity_updates

    @humidity_update_counter.setter
    def humidity_update_counter(self, count: int) -> None:
        self._humidity_updates = count
