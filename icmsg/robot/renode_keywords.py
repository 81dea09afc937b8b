"""Renode's own keywords about the Monitor and the emulation, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of RenodeKeywords.cs of Renode 1.16.1; those of its
renode-keywords.robot that a suite's header names are here, too.

Names, arguments, defaults and failures are those of CpuKeywords.cs of Renode 1.16.1.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from robot.api import logger
from robot.api.deco import keyword

from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.robot.context import Keywords
from icmsg.robot.execution_keywords import MachineKeywords
from icmsg.robot.testers import keyword_exception, python_exception

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


_NO_ETHERNET: Final = "no engine of icmsg models Ethernet, only the messages between cores: use renode-test"
_NO_CAN: Final = "no engine of icmsg models CAN, only the messages between cores: use renode-test"
_NO_WINDOW: Final = (
    "there is no window: look with icmsg monitor, or pause in a debugger (machine StartGdbServer)"
)


class RenodeKeywords(Keywords):
    """Monitor and emulation."""

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
        self._machine: Final = MachineKeywords(context)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._allocated = 0

    # Around suites and tests

    @keyword(tags=["renode"])
    def setup(self) -> None:
        """Begins a suite: no machine is left. There is no Renode to connect to, as under renode-test."""
        self._context.clear()

    @keyword(tags=["renode"])
    def teardown(self) -> None:
        """Ends a suite: frees every machine, and removes what `Allocate Temporary File` made."""
        self._context.clear()
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            temporary.cleanup()

    @keyword(tags=["renode"])
    def test_setup(self) -> None:
        """Does nothing: renode-test's own starts a profiler of Renode where that is asked for."""

    @keyword(tags=["renode"])
    def test_teardown(self) -> None:
        """Ends a test as `Close Machine` does: one that failed leaves its trace."""
        self._machine.close_machine()

    @keyword(tags=["renode"])
    def stop_remote_server(self) -> None:
        """Does nothing: the engine belongs to this process and ends with it."""

    # The Monitor

    @keyword(tags=["renode"])
    def execute_command(self, command: str | list[str], machine: str | None = None) -> str:
        """Runs a command of the Monitor and returns what it prints, with the line end behind it.

        A list is joined by spaces. ``machine`` is the name of the machine that is selected before.
        """
        if not isinstance(command, str):
            command = " ".join(command)
        try:
            if machine:
                self._context.execute(f'mach set "{machine}"')
            printed = self._context.execute(command)
        except MonitorError as error:
            words = "There was an error when executing" if error.ran else "Could not execute"
            raise keyword_exception(f"{words} command '{command}': {error}") from None
        return f"{printed}\n" if printed else ""

    @keyword(tags=["renode"])
    def execute_script(self, path: str) -> str:
        """Runs a script (``.resc``) in the Monitor and returns what it prints."""
        try:
            printed = self._context.execute(f"include {written_path(path)}")
        except MonitorError as error:
            missing = "Could not find file. " if "File does not exist" in str(error) else ""
            raise keyword_exception(f"Could not execute script: {missing}{error}") from None
        return f"{printed}\n" if printed else ""

    @keyword(tags=["renode"])
    def execute_python(self, command: str, machine: str | None = None) -> object:
        """Runs Python as the Monitor's ``python`` does, and returns its value where it is an expression.

        Numbers, texts and lists of them are returned as they are, nothing as an empty text, all else as its text. What
        it prints is in the log. On the embedded engine only; a failure begins with the name of .NET's exception.
        """
        monitor = self._context.monitor
        evaluate = getattr(monitor, "evaluate", None)
        if evaluate is None:
            raise keyword_exception(
                f"Execute Python: {command}: the keyword works on the embedded engine and under renode-test; on this "
                'engine use Execute Command    python "…"'
            )
        try:
            if machine:
                self._context.execute(f'mach set "{machine}"')
            value = _remote_value(evaluate(command, lambda text: logger.info(f"printed: {text}")))
        except MonitorError as error:
            raise python_exception(error) from None
        logger.info(f"{command}: {value!r}")
        return value

    # The emulation

    @keyword(tags=["renode"])
    def start_emulation(self) -> None:
        """Does nothing: time passes only while a keyword waits. Under renode-test it goes on by itself."""

    @keyword(tags=["renode"])
    def reset_emulation(self) -> None:
        """Frees every machine and tester. It is the setup of a test that has none."""
        self._context.clear()

    @keyword(tags=["renode"])
    def wait_for_pause(self, timeout: float) -> None:
        """Runs until something pauses the emulation, such as a hook; ``timeout`` is in seconds of virtual time."""
        emulation = self._context.emulation.embedded()
        if emulation is None:
            raise keyword_exception(
                "Wait For Pause works on the embedded engine and under renode-test: on this engine the emulation is "
                "always paused between two keywords"
            )
        emulation.is_started = True
        paused = self._context.run_until(lambda: not emulation.is_started, round(timeout * 1e9))
        emulation.is_started = False
        if not paused:
            raise keyword_exception(f"Emulation did not pause in expected time of {timeout:g} seconds.")

    @keyword(tags=["renode"])
    def handle_hot_spot(self, action: Literal["None", "Pause", "Serialize"]) -> None:
        """Does what ``--hot-spot`` of renode-test asks for: ``Serialize`` saves the emulation and loads it again.

        ``Pause`` does nothing, since no time passes between two keywords.
        """
        if action == "Serialize":
            path = written_path(self.allocate_temporary_file())
            is_started = self.execute_command("emulation IsStarted").strip() == "True"
            for command in (f"Save {path}", f"Load {path} true", *(["start"] if is_started else [])):
                self.execute_command(command)

    # Files

    @keyword(tags=["renode"])
    def allocate_temporary_file(self) -> str:
        """Makes an empty file that lasts as long as the suite, and returns its path."""
        self._allocated += 1
        path = self._folder() / f"file-{self._allocated}.tmp"
        path.touch()
        return str(path)

    @keyword(tags=["renode"])
    def allocate_temporary_directory(self, dirName: str) -> str:
        """Makes a folder of this name that lasts as long as the suite, and returns its path."""
        path = self._folder() / dirName
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise keyword_exception(f"Can't create temporary directory: {path}: {error.strerror}") from None
        return str(path)

    @keyword(tags=["renode"])
    def download_file(self, uri: str) -> NoReturn:
        """Fails: nothing is fetched from a network. Give the path of a file that is there."""
        raise keyword_exception(
            f"Couldn't download file from: {uri}: icmsg uses no network; fetch it before, and give its path"
        )

    def _folder(self) -> Path:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="icmsg-robot-")
        return Path(self._temporary.name)

    # What is not there

    @keyword(tags=["renode"])
    def open_gui(self) -> NoReturn:
        """Fails: no engine of this package has a window."""
        raise keyword_exception(_NO_WINDOW)

    @keyword(tags=["renode"])
    def close_gui(self) -> NoReturn:
        """Fails: no engine of this package has a window."""
        raise keyword_exception(_NO_WINDOW)

    @keyword(tags=["renode"])
    def wait_for_gdb_connection(self, port: int, *_arguments: str, **_named: str) -> NoReturn:
        """Fails: a test does not wait for a person. ``icmsg run --gdb PORT`` waits for a GDB."""
        raise keyword_exception(
            f"Wait For Gdb Connection {port}: a suite does not wait for a person: use icmsg run --gdb {port}"
        )

    @keyword(tags=["renode"])
    def create_network_interface_tester(self, networkInterface: str, machine: str | None = None) -> NoReturn:
        """Fails: Ethernet is not modelled, and neither are the other keywords about it."""
        del machine
        raise keyword_exception(f"no tester for {networkInterface}: {_NO_ETHERNET}")

    @keyword(tags=["renode"], name="Create CAN Tester")
    def create_can_tester(
        self, canHub: str, defaultTimeout: float | None = None, machine: str | None = None
    ) -> NoReturn:
        """Fails: CAN is not modelled, and neither are the other keywords about it."""
        del defaultTimeout, machine
        raise keyword_exception(f"no tester for {canHub}: {_NO_CAN}")


def _remote_value(value: object) -> object:
    """Return a value of Python as Renode's Remote library returns it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return [_remote_value(item) for item in value]
    return value if type(value) in (bool, int, float, str) else str(value)


class RenodeCpuKeywords(Keywords):
    """Registers of cores, as the Monitor shows them."""

    @keyword(tags=["renode"])
    def pc_should_be_equal(self, value: int, machine: str | None = None, cpuName: str | None = None) -> None:
        """Fails if a core is at another address; ``cpuName`` as in the platform file, where there are several."""
        actual = self._read(f"{self._cpu(machine, cpuName)} PC")
        if actual != value:
            raise keyword_exception(f"PC value assertion failed, actual: 0x{actual:x}, expected: 0x{value:x}")

    @keyword(tags=["renode"])
    def register_should_be_equal(
        self,
        register: str,
        value: int,
        machine: str | None = None,
        cpuName: str | None = None,
        message: str | None = None,
    ) -> None:
        """Fails if a register of a core, by number or name, holds another value."""
        name = register if register.isdigit() else f'"{register}"'
        actual = self._read(f"{self._cpu(machine, cpuName)} GetRegister {name}")
        if actual != value:
            prefix = f"{message}: " if message is not None else ""
            raise keyword_exception(
                f"{prefix}Register {register} value assertion failed, actual: 0x{actual:x}, expected: 0x{value:x}"
            )

    @keyword(tags=["renode"])
    def run_until_breakpoint(
        self,
        timeout: float,
        machine: str | None = None,
        cpuName: str | None = None,
        address: int | None = None,
    ) -> None:
        """Runs until a core comes to ``address``, and stands before that instruction; ``timeout`` is in seconds.

        Renode also stops at breakpoints of its GDB server: outside renode-test the address is needed.
        """
        if address is None:
            raise keyword_exception(
                "Run Until Breakpoint needs address= outside renode-test: no other breakpoints are known there"
            )
        cpu = self._cpu(machine, cpuName)
        core = self._context.core(self._context.core_name(cpu.rpartition(".")[2]))
        run_to = getattr(core, "run_to", None)
        if run_to is None:
            raise keyword_exception("Run Until Breakpoint works on the embedded engine and under renode-test")
        try:
            run_to(address, timeout_ns=round(timeout * 1e9), times=1)
        except VirtualTimeoutError:
            raise keyword_exception(
                f"Breakpoint hasn't been hit in excepted time of {timeout:g} seconds."
            ) from None

    def _read(self, command: str) -> int:
        try:
            value = int(self._context.execute(command), 0)
        except MonitorError as error:
            raise keyword_exception(str(error)) from None
        logger.info(f"{command}: 0x{value:x}")
        return value

    def _cpu(self, machine: str | None, name: str | None) -> str:
        """Return the name of a core in the Monitor, whose machine is selected then."""
        machines = self._context.machines()
        available = f"Available machines: [{', '.join(machines)}]"
        if not machines:
            raise keyword_exception("There are no machines in the emulation.")
        if machine is None and len(machines) > 1:
            raise keyword_exception(
                f"There is more than 1 machine and no machine name was specified. {available}"
            )
        if machine is not None and machine not in machines:
            raise keyword_exception(f"Machine with name {machine} not found. {available}")
        chosen = machine or next(iter(machines))
        owner = machines[chosen]
        cpus = [core.cpu for core in owner.soc.cores.values()] if owner is not None else []
        if not cpus:
            raise keyword_exception("This machine has no CPUs.")
        if name is None and len(cpus) > 1:
            raise keyword_exception(f"This machine has {len(cpus)} CPUs and no CPU name was specified")
        if name is not None and name not in cpus:
            raise keyword_exception(
                f"This machine has no CPU named: {name}, available are: {', '.join(cpus)}"
            )
        if len(machines) > 1:
            self._context.execute(f'mach set "{chosen}"')
        return f"sysbus.{name or cpus[0]}"
