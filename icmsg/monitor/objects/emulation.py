"""``emulation`` and ``machine`` in the Monitor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.exposed import (
    ANY,
    BOOL,
    CORE,
    EXTERNAL,
    FILE,
    INT32,
    PERIPHERAL,
    STRING,
    TIME,
    VOID,
    Kind,
    exposed,
)
from icmsg.monitor.arguments import print_interval
from icmsg.monitor.elsewhere import NO_LED
from icmsg.monitor.objects.environment import Environment, EthernetSwitch

if TYPE_CHECKING:
    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.machine import MonitorMachine

_NEEDS_ONE_ORDER: Final = (
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
            raise MonitorError(_NEEDS_ONE_ORDER)

    @exposed(VOID, val=BOOL)
    def set_global_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        _check_immediately(val)

    @exposed(VOID, val=BOOL)
    def set_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        _check_immediately(val)

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
        return _time_source(self._emulation.now_ns, self._emulation.quantum_ns)

    @property
    @exposed(INT32)
    def machines_count(self) -> int:
        """The number of machines."""
        return len(self._emulation.machines)


class MachineObject:
    """The selected machine."""

    def __init__(self, machine: MonitorMachine, emulation: Emulation) -> None:
        self._machine: Final = machine
        self._emulation: Final = emulation

    @exposed(VOID, platform=FILE)
    def load_platform_description(self, platform: str) -> None:
        """Make what a platform file describes."""
        self._machine.load("", str(Path(platform)))

    @exposed(VOID, platform=STRING)
    def load_platform_description_from_string(self, platform: str) -> None:
        """Make what a text describes."""
        self._machine.load(platform)

    @exposed(VOID)
    def reset(self) -> None:
        """Reset everything but the memories, and run the macro ``reset``."""
        self._machine.reset()

    @exposed(VOID)
    def request_reset(self) -> None:
        """Do the same as Reset: nothing runs while a command does."""
        self._machine.reset()

    @exposed(STRING)
    def get_time_source_info(self) -> str:
        """Return the virtual time of this machine and its quantum."""
        return _time_source(self._machine.now_ns, self._machine.quantum_ns)

    @exposed(VOID, port=INT32, autostart_emulation=BOOL, cpu_cluster=STRING)
    def start_gdb_server(self, port: int, autostart_emulation: bool = True, cpu_cluster: str = "") -> None:
        """Let a GDB debug the cores of this machine, or the one that is named, at a port of this computer."""
        if cpu_cluster and self._machine.core(cpu_cluster) is None:
            raise MonitorError(f"No core is called {cpu_cluster}")
        self._debug(port, [cpu_cluster] if cpu_cluster else [], autostart=autostart_emulation)

    @exposed(VOID, name="StartGdbServer", port=INT32, autostart_emulation=BOOL, cpu_cluster=CORE)
    def start_gdb_server_for(self, port: int, autostart_emulation: bool, cpu_cluster: str) -> None:
        """Do so for one core."""
        self._debug(port, [cpu_cluster], autostart=autostart_emulation)

    def _debug(self, port: int, cores: list[str], *, autostart: bool) -> None:
        def greeted() -> None:
            self._emulation.is_started = self._emulation.is_started or autostart

        self._machine.start_debugger(port, cores, greeted)

    @exposed(VOID)
    def stop_gdb_server(self) -> None:
        """Stop all GDB servers of this machine; their clients are let go."""
        self._machine.stop_debugger()

    @property
    @exposed(STRING)
    def elapsed_virtual_time(self) -> str:
        """The virtual time."""
        return f"[Domain = [{self._machine.name}], TimeElapsed = {print_interval(self._machine.now_ns)}]"

    @property
    @exposed(BOOL)
    def is_paused(self) -> bool:
        """True while no time passes."""
        return not self._emulation.is_started

    @exposed(BOOL, val=BOOL)
    def set_serial_execution(self, val: bool) -> bool:
        """Execute cores one after the other, as it is anyway; return what was set before."""
        if not val:
            raise MonitorError(_NEEDS_ONE_ORDER)
        return True

    @exposed(VOID, interval=TIME)
    def set_quantum(self, interval: int) -> None:
        """Let no core of this machine get further ahead of another one than this."""
        self._machine.quantum_ns = interval

    @exposed(VOID, val=BOOL)
    def set_advance_immediately(self, val: bool) -> None:
        """Do not wait for the wall clock, as it never happens here."""
        _check_immediately(val)

    @exposed(VOID, target_environment=EXTERNAL)
    def set_environment(self, target_environment: str) -> None:
        """Put all sensors, also those to come, into an environment."""
        self._emulation.environments.take_machine(self._machine, target_environment)


def _time_source(now_ns: int, quantum_ns: int) -> str:
    return f"Elapsed Virtual Time: {print_interval(now_ns)}\nQuantum: {print_interval(quantum_ns)}"


def _check_immediately(val: bool) -> None:
    if not val:
        raise MonitorError(
            "the embedded engine never waits for the wall clock; the renode engine takes false"
        )
