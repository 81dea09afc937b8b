"""Objects of scripts beside the machines: an environment for sensors, and a switch, to which nothing is attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.dummy_sensor import DummySensor
from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, DECIMAL, EXTERNAL, STRING, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icmsg.monitor.machine import MonitorMachine

_A_ROW: Final = 10
"""Elements of a list that the Monitor prints in a line."""


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
    """Temperature and humidity of the sensors that are in it."""

    type_name = "Environment"

    def __init__(self) -> None:
        self._temperature = self._humidity = "0"
        self.machines: Final[list[MonitorMachine]] = []
        """The machines that are in it as a whole."""
        self.watched: Final[list[MonitorMachine]] = []
        """The machines of which it gets every sensor that is added."""
        self.sensors: Final[dict[tuple[MonitorMachine, str], None]] = {}
        """The sensors in it, by machine and full name."""

    def add(self, machine: MonitorMachine, name: str) -> None:
        """Take a sensor in, if it is not here yet."""
        if (machine, name) not in self.sensors:
            self.sensors[machine, name] = None
            self.update(machine, name)

    def update(self, machine: MonitorMachine, name: str) -> None:
        """Let a sensor measure what is here."""
        sensor = sensors_of(machine)[name]
        sensor.temperature = self._temperature
        sensor.humidity = self._humidity

    @property
    @exposed(DECIMAL)
    def temperature(self) -> str:
        """The temperature in °C."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: str) -> None:
        self._temperature = value
        for machine, name in self.sensors:
            sensors_of(machine)[name].temperature = value

    @property
    @exposed(DECIMAL)
    def humidity(self) -> str:
        """The relative humidity in percent."""
        return self._humidity

    @humidity.setter
    def humidity(self, value: str) -> None:
        self._humidity = value
        for machine, name in self.sensors:
            sensors_of(machine)[name].humidity = value

    @exposed(STRING)
    def get_registered_machine_names(self) -> str:
        """Return the machines in it."""
        return _listed([machine.name for machine in self.machines])

    @exposed(STRING)
    def get_registered_sensors_names(self) -> str:
        """Return the sensors in it."""
        return _listed([f"{machine.name}:{name}" for machine, name in self.sensors])


class Environments:
    """Members of all environments in ``externals``: sensors, and machines with theirs."""

    def __init__(self, externals: Mapping[str, object]) -> None:
        self._externals: Final = externals
        self._known: Final[dict[MonitorMachine, set[str]]] = {}

    def take_machine(self, machine: MonitorMachine, name: str) -> None:
        """Put all sensors of a machine, also those to come, into an environment; MonitorError if it is none."""
        wanted = self._find(name)
        for environment in self._all():
            if environment is not wanted and machine in environment.machines:
                environment.machines.remove(machine)
                environment.watched.remove(machine)
        for sensor in sensors_of(machine):
            self._move(machine, sensor, wanted)
        for group in (wanted.machines, wanted.watched):
            if machine not in group:
                group.append(machine)

    def take_sensor(self, machine: MonitorMachine, sensor: str, name: str) -> None:
        """Put a sensor into an environment, and those that its machine gets later; MonitorError if it is none."""
        wanted = self._find(name)
        if machine not in wanted.watched:
            wanted.watched.append(machine)
        self._move(machine, sensor, wanted)

    def changed(self, machine: MonitorMachine) -> None:
        """Take in the sensors that a machine has got, and let those go that it has lost."""
        there, before = set(sensors_of(machine)), self._known.get(machine, set())
        for environment in self._all():
            for name in sorted(before - there):
                environment.sensors.pop((machine, name), None)
            for name in sorted(there - before) if machine in environment.watched else ():
                environment.add(machine, name)
        self._known[machine] = there

    def was_reset(self, machine: MonitorMachine) -> None:
        """Let sensors that are reset measure again."""
        for environment in self._all():
            for whose, name in environment.sensors:
                if whose is machine:
                    environment.update(machine, name)

    def forget(self, machine: MonitorMachine) -> None:
        """Forget a machine with its sensors."""
        self._known.pop(machine, None)
        for environment in self._all():
            for group in (environment.machines, environment.watched):
                if machine in group:
                    group.remove(machine)
            for key in [key for key in environment.sensors if key[0] is machine]:
                del environment.sensors[key]

    def _move(self, machine: MonitorMachine, sensor: str, wanted: Environment) -> None:
        for environment in self._all():
            if environment is not wanted:
                environment.sensors.pop((machine, sensor), None)
        wanted.add(machine, sensor)

    def _all(self) -> Iterator[Environment]:
        return (external for external in self._externals.values() if isinstance(external, Environment))

    def _find(self, name: str) -> Environment:
        found = self._externals[name]
        if not isinstance(found, Environment):
            raise MonitorError(f"{name} is no environment; make one with emulation CreateEnvironment")
        return found


class SensorPlace:
    """Place of the sensor ``name``; ``join(sensor, environment)`` puts it into an environment."""

    def __init__(self, name: str, join: Callable[[str, str], None]) -> None:
        self._name: Final = name
        self._join = join

    @exposed(VOID, target_environment=EXTERNAL)
    def set_environment(self, target_environment: str) -> None:
        """Put the sensor into an environment."""
        self._join(self._name, target_environment)


def sensors_of(machine: MonitorMachine) -> dict[str, DummySensor]:
    """Return the sensors of a machine by their full names."""
    return {
        name: part
        for name, device in machine.devices.items()
        for part in device.parts
        if isinstance(part, DummySensor)
    }


def _listed(texts: Sequence[str]) -> str:
    rows = (texts[first : first + _A_ROW] for first in range(0, len(texts), _A_ROW))
    return "[\n" + "\n".join("".join(f"{text}, " for text in row) for row in rows) + "\n]"


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
