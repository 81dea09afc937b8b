"""Objects of scripts beside the machines for peripherals that this engine has none of: an environment, a switch.

They are Renode's as long as nothing is attached to them, which is always: no peripheral here has a sensor or Ethernet.
"""

from __future__ import annotations

from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, DECIMAL, STRING, VOID, exposed

_NONE = "[\n\n]"
"""Renode's list of nothing."""


class Unattached:
    """Something beside the machines that no peripheral here can be connected to."""

    type_name = ""
    """Renode's name of its type."""

    def connect(self, peripheral: object) -> None:
        """Refuse a peripheral."""
        del peripheral
        raise MonitorError(f"Could not find a way to connect a UART to {self.type_name}")

    def disconnect(self, peripheral: object = None) -> None:
        """Do nothing: nothing is connected."""

    def poll(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Environment(Unattached):
    """Temperature and humidity for sensors, of which there are none."""

    type_name = "Environment"

    def __init__(self) -> None:
        self._temperature = self._humidity = "0"

    @property
    @exposed(DECIMAL)
    def temperature(self) -> str:
        """The temperature in °C."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: str) -> None:
        self._temperature = value

    @property
    @exposed(DECIMAL)
    def humidity(self) -> str:
        """The relative humidity in percent."""
        return self._humidity

    @humidity.setter
    def humidity(self, value: str) -> None:
        self._humidity = value

    @exposed(STRING)
    def get_registered_machine_names(self) -> str:
        """Return the machines in it: none."""
        return _NONE

    @exposed(STRING)
    def get_registered_sensors_names(self) -> str:
        """Return the sensors in it: none."""
        return _NONE


class EthernetSwitch(Unattached):
    """Switch for Ethernet, which no peripheral has."""

    type_name = "Switch"

    def __init__(self) -> None:
        self._is_paused = False

    @property
    @exposed(BOOL)
    def is_paused(self) -> bool:
        """True while it would forward nothing."""
        return self._is_paused

    @exposed(VOID)
    def start(self) -> None:
        """Forward what comes."""
        self._is_paused = False

    @exposed(VOID)
    def resume(self) -> None:
        """Forward what comes."""
        self._is_paused = False

    @exposed(VOID)
    def pause(self) -> None:
        """Forward nothing."""
        self._is_paused = True
