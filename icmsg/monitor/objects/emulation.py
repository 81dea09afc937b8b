"""Members of ``emulation`` in the Monitor, and the environments for sensors that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.board_devices import DummySensor
from icmsg.errors import MonitorError
from icmsg.hw.exposed import (
    ANY,
    BOOL,
    DECIMAL,
    EXTERNAL,
    INT32,
    PERIPHERAL,
    STRING,
    TIME,
    VOID,
    Kind,
    exposed,
)
from icmsg.monitor.arguments import print_interval, print_list
from icmsg.monitor.command import parts_of
from icmsg.monitor.elsewhere import NO_LED
from icmsg.monitor.objects.terminals import EthernetSwitch, Unattached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.machine import MonitorMachine

NEEDS_ONE_ORDER: Final = (
    "the embedded engine executes cores one after the other, which is what makes runs repeatable; "
    "the renode engine takes false"
)
_MODE: Final = Kind("EmulationMode", members=("SynchronizedIO", "SynchronizedTimers"))


class EmulationObject:
    """All machines and their time."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation: Final = emulation
        self._seed = 0
        self._mode = _MODE.members[0]

    @exposed(VOID, period=TIME)
    def run_for(self, period: int) -> None:
        """Let time pass, then pause."""
        self._emulation.run_for(period)

    @exposed(VOID)
    def run_to_nearest_sync_point(self) -> None:
        """Let one quantum pass, then pause."""
        self._emulation.run_for(self._emulation.quantum_ns)

    @exposed(VOID)
    def start_all(self) -> None:
        """Let time pass from now on; see ``start``."""
        self._emulation.is_started = True

    @exposed(VOID)
    def pause_all(self) -> None:
        """Let no time pass."""
        self._emulation.is_started = False

    @property
    @exposed(BOOL)
    def is_started(self) -> bool:
        """True while it is started and not paused."""
        return self._emulation.is_started

    @exposed(VOID, quantum=TIME)
    def set_global_quantum(self, quantum: int) -> None:
        """Let no core of the machines that there are get further ahead than this."""
        self._emulation.set_quantum(quantum)

    @exposed(VOID, interval=TIME)
    def set_quantum(self, interval: int) -> None:
        """Do the same as SetGlobalQuantum: machines have no time of their own here."""
        self._emulation.set_quantum(interval)

    @exposed(VOID, val=BOOL)
    def set_global_serial_execution(self, val: bool) -> None:
        """Execute cores one after the other, as it is anyway."""
        if not val:
            raise MonitorError(NEEDS_ONE_ORDER)

    @exposed(VOID, val=BOOL)
    def set_global_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        check_immediately(val)

    @exposed(VOID, val=BOOL)
    def set_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        check_immediately(val)

    @exposed(VOID, seed=INT32)
    def set_seed(self, seed: int) -> None:
        """Keep the seed; nothing in this engine is random."""
        self._seed = seed

    @exposed(INT32)
    def get_seed(self) -> int:
        """Return the seed."""
        return self._seed

    @property
    @exposed(_MODE)
    def mode(self) -> str:
        """The way in which Renode joins input from outside; here it always comes between two slices."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode

    @exposed(VOID, environment_name=STRING)
    def create_environment(self, environment_name: str) -> None:
        """Make an environment for sensors."""
        self._emulation.add_external(environment_name, Environment())

    @exposed(VOID, name_=STRING)
    def remove_machine(self, name_: str) -> None:
        """Close a machine and forget it."""
        if name_ not in self._emulation.machines:
            raise MonitorError(f"Given machine '{name_}' does not exists.")
        self._emulation.remove(name_)

    @exposed(VOID, name_=STRING)
    def create_switch(self, name_: str) -> None:
        """Make a switch for Ethernet, which no peripheral of this engine has."""
        self._emulation.add_external(name_, EthernetSwitch())

    @property
    @exposed(BOOL)
    def single_step_blocking(self) -> bool:
        """True if time and all others wait for a core in mode SingleStep."""
        return self._emulation.single_step_blocking

    @single_step_blocking.setter
    def single_step_blocking(self, blocking: bool) -> None:
        self._emulation.single_step_blocking = blocking

    @exposed(VOID, terminal=STRING, file_name=STRING, force_create=BOOL)
    def create_uart_pty_terminal(self, terminal: str, file_name: str, force_create: bool = False) -> None:
        """Make a pseudo terminal, reached through a link of this name, for ``connector Connect``."""
        self._emulation.add_terminal(terminal, file_name, force=force_create)

    @exposed(
        VOID,
        name="CreateServerSocketTerminal",
        port=INT32,
        name_=STRING,
        telnet_mode=BOOL,
        flush_on_connect=BOOL,
    )
    def create_server_socket_terminal(
        self, port: int, name_: str, telnet_mode: bool = True, flush_on_connect: bool = False
    ) -> None:
        """Make a port of this computer alone, at which a client is a terminal for ``connector Connect``."""
        self._emulation.add_port(name_, port, telnet=telnet_mode, forgets=flush_on_connect)

    @exposed(VOID, name="CreateUARTHub", name_=STRING, loopback=BOOL)
    def create_uart_hub(self, name_: str, loopback: bool = False) -> None:
        """Make a hub for UARTs, for ``connector Connect``: what one prints comes to the others."""
        self._emulation.add_hub(name_, loopback=loopback)

    @exposed(VOID, name="CreateLEDTester", name_=STRING, led=PERIPHERAL, default_timeout=ANY)
    def create_led_tester(self, name_: str, led: str, default_timeout: object = 0) -> None:
        """Refuse: testers are keywords here."""
        del name_, led, default_timeout
        raise MonitorError(NO_LED)

    @exposed(STRING)
    def get_time_source_info(self) -> str:
        """Return the virtual time and the quantum."""
        return print_time_source(self._emulation.now_ns, self._emulation.quantum_ns)

    @property
    @exposed(INT32)
    def machines_count(self) -> int:
        """The number of machines."""
        return len(self._emulation.machines)


def print_time_source(now_ns: int, quantum_ns: int) -> str:
    """Return what GetTimeSourceInfo prints."""
    return f"Elapsed Virtual Time: {print_interval(now_ns)}\nQuantum: {print_interval(quantum_ns)}"


def check_immediately(val: bool) -> None:
    """Refuse to wait for the wall clock."""
    if not val:
        raise MonitorError(
            "the embedded engine never waits for the wall clock; the renode engine takes false"
        )


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
        return print_list([machine.name for machine in self.machines])

    @exposed(STRING)
    def get_registered_sensors_names(self) -> str:
        """Return the sensors in it."""
        return print_list([f"{machine.name}:{name}" for machine, name in self.sensors])


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
    return dict(parts_of(machine.devices, DummySensor))
