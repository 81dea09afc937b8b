"""Monitor that the keywords work on: an embedded one, Renode in this process, or that of the Renode of renode-test.

The Renode that renode-test runs: its Monitor through the Remote library that the suite has imported.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from robot.libraries.BuiltIn import BuiltIn

from icmsg.assets import asset
from icmsg.engines.lockstep.monitor_text import check_beside_lockstep, written_path
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.transport import CallableTransport, find_platform
from icmsg.errors import ConfigurationError, EngineError, EngineNotAvailableError
from icmsg.monitor.search_path import platform_commands
from icmsg.robot.settings import chosen_engine, robot_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.renode.monitor import RenodeMonitor
    from icmsg.monitor import EmbeddedMonitor
    from icmsg.monitor.command import Monitor
    from icmsg.monitor.emulation import Emulation
    from icmsg.robot.settings import LibrarySettings


SCRIPTS: Final = "renode"
DEFAULT_SCRIPT: Final = "machine"


class SuiteEmulation(Protocol):
    """Emulation that a suite works on: a Monitor and its machines."""

    def monitor(self) -> Monitor:
        """Return the Monitor; the first call makes it."""

    def embedded(self) -> Emulation | None:
        """Return all machines of the embedded engine; None on another engine."""

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script, see `Create Machine`; there is none before."""

    def clear(self) -> None:
        """Free every machine."""

    def begin_keyword(self) -> None:
        """Make sure that nobody else moves time."""

    def end_test(self) -> None:
        """Do what has to be done behind a test, before its machine is freed."""


class LocalEmulation:
    """An engine in this process; ``engine`` is what the library was imported with.

    ``settings`` say which wall time in one step of Renode ends the process.
    """

    def __init__(self, engine: str | None, settings: LibrarySettings) -> None:
        self._engine = engine
        self._settings = settings
        self._monitor: EmbeddedMonitor | RenodeMonitor | None = None
        self.on_monitor: Callable[[EmbeddedMonitor | RenodeMonitor], None] = lambda _monitor: None
        """Called with every Monitor that is made."""

    def monitor(self) -> Monitor:
        """Return the Monitor of the chosen engine; ConfigurationError or EngineNotAvailableError if there is none."""
        if self._monitor is None:
            self._take(self._make(self._engine))
        assert self._monitor is not None
        return self._monitor

    def _take(self, monitor: EmbeddedMonitor | RenodeMonitor) -> None:
        self._monitor = monitor
        self.on_monitor(monitor)

    def embedded(self) -> Emulation | None:
        """Return all machines of the embedded engine; None on another engine."""
        emulation: Emulation | None = getattr(self.monitor(), "emulation", None)
        return emulation

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script."""
        if engine is not None or platform is not None:
            self.clear()
            self._take(self._make(engine or self._engine, platform))
        run_script(self.monitor(), script, platform, variables)

    def clear(self) -> None:
        """Close the machine; the next Monitor is a new one."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()

    def begin_keyword(self) -> None:
        """Nobody else moves time."""

    def end_test(self) -> None:
        """Nothing else is to be done."""

    def _make(self, asked: str | None, platform: str | None = None) -> EmbeddedMonitor | RenodeMonitor:
        from icmsg.engines.choice import choose_engine  # libdoc needs no engine

        engine = chosen_engine(asked, robot_variables())
        if engine != "renode" and choose_engine("auto" if engine == "remote" else engine).name == "embedded":
            from icmsg.monitor import EmbeddedMonitor

            return EmbeddedMonitor()
        from icmsg.engines.renode.monitor import RenodeMonitor
        from icmsg.monitor.verbs import IcmsgVerbs

        try:
            monitor = RenodeMonitor(platform, stall_timeout=self._settings.stall_s)
        except EngineNotAvailableError as error:
            raise EngineNotAvailableError(
                f"{error}; or run the suite on the engine embedded, which needs nothing but pip"
            ) from error
        monitor.verbs = IcmsgVerbs(lambda: monitor.machine).execute
        return monitor


def run_script(
    monitor: Monitor, script: str | None, platform: str | None, variables: Mapping[str, str]
) -> None:
    """Set the variables and include the script.

    Raises:
        ConfigurationError: there is no such script or platform file, or the script does not use a variable.
        MonitorError: the script cannot be run.
    """
    if platform is not None and not Path(platform).is_file():
        raise ConfigurationError(f"platform: {platform}: no such file")
    if platform is not None and script is None and not variables:
        for command in platform_commands(platform):
            monitor.execute(command)
        return
    path = script_path(script or DEFAULT_SCRIPT)
    _check_variables(path, variables)
    given = dict(variables)
    if platform is not None:
        given["platform"] = platform
    for name, value in given.items():
        monitor.execute(f"${name}={_value(name, value)}")
    monitor.execute(f"include {written_path(path)}")


def _check_variables(script: Path, variables: Mapping[str, str]) -> None:
    """Refuse a variable that a shipped script does not use; what a script of the user's includes, nobody knows."""
    if script.parent != asset(SCRIPTS).resolve():
        return
    used = _used_variables(script)
    for name in variables:
        if name not in used:
            raise ConfigurationError(
                f"{name}: neither an argument of `Create Machine` (engine, script, platform, soc) nor a variable of "
                f"{script.name} ({', '.join(sorted(used))})"
            )


def _used_variables(script: Path) -> frozenset[str]:
    """Return the variables that a shipped script and those that it includes have a default for."""
    text = script.read_text(encoding="utf-8")
    used = frozenset(re.findall(r"^\$(\w+)\?=", text, re.MULTILINE))
    for name in re.findall(r"^include \$ORIGIN/(\S+\.resc)$", text, re.MULTILINE):
        used |= _used_variables(script.parent / name)
    return used


def script_path(script: str) -> Path:
    """Return the path of a script, or of a shipped one by its name."""
    path = Path(script)
    if path.suffix:
        if not path.is_file():
            raise ConfigurationError(
                f"{script}: no such script; give the path of a .resc file, or a name: {_names()}"
            )
        return path.resolve()
    if script not in shipped_scripts():
        raise ConfigurationError(
            f"there is no script {script!r}; give the path of a .resc file, or a name: {_names()}"
        )
    return asset(f"{SCRIPTS}/{script}.resc").resolve()


def shipped_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with the package."""
    return tuple(sorted(path.stem for path in asset(SCRIPTS).glob("*.resc")))


def _names() -> str:
    return ", ".join(shipped_scripts())


def _value(name: str, value: str) -> str:
    """Return a value as the Monitor reads it: a number as it is, a file as a path, anything else as text."""
    try:
        int(value, 0)
    except ValueError:
        path = Path(value)
        if path.is_file():
            return written_path(path.resolve())
        if path.suffix in {".elf", ".repl", ".resc", ".bin", ".hex"}:
            raise ConfigurationError(f"{name}: {value}: no such file") from None
        return f'"{value}"'
    return value


LIBRARIES: Final = ("Renode", "Remote")
"""The names that renode-test gives to the Remote library: after 1.16.1, and up to it."""
_REPLACING: Final = {"resetemulation", "requires", "provides"}
"""Keywords of Renode that save the emulation or make a new one."""
_WITHOUT_TIME: Final = {
    "createterminaltester",
    "createlogtester",
    "setdefaultuarttimeout",
    "setdefaulttester",
}


def run_remote_keyword(name: str, *arguments: str) -> Any:
    """Run a keyword of Renode, past Robot's log: a message takes a dozen of them.

    Raises:
        ConfigurationError: the suite has its own setup, which does not connect to Renode.
    """
    known: Any = BuiltIn().get_library_instance(all=True)
    library = next((known[each] for each in LIBRARIES if each in known), None)
    if library is None:
        raise ConfigurationError(
            "the suite is not connected to Renode: let its Suite Setup begin with the keyword Setup of renode-test, "
            "or leave it out"
        )
    return library.run_keyword(name, list(arguments), {})


class RenodeTestMonitor:
    """The Monitor of that Renode; ``machine`` is the selected one, as soon as a script has made it."""

    def __init__(self) -> None:
        self._transport = CallableTransport(lambda line: run_remote_keyword("ExecuteCommand", line))
        self._machine: RemoteMachine | None = None
        self.platform: str | None = None
        """The platform file of the machine, None for the shipped one whose cores it has."""

    @property
    def prompt(self) -> str:
        """The prompt of a Monitor."""
        return f"({self.execute('machine').strip() or 'monitor'})"

    @property
    def machine(self) -> RemoteMachine | None:
        """The selected machine, or None before one was made."""
        if self._machine is None:
            try:
                platform = self.platform or find_platform(self._transport)
                self._machine = RemoteMachine(self._transport, platform)
            except EngineError:
                return None
        return self._machine

    def execute(self, command: str) -> str:
        """Run one or more lines and return what they print; MonitorError if one is refused."""
        printed = [self._transport.execute(line) for line in command.splitlines() if line.strip()]
        return "\n".join(filter(None, printed))

    def let_go(self) -> None:
        """Let others move time: end what holds the emulation."""
        if self._machine is not None:
            self._machine.let_go()

    def close_machine(self) -> None:
        """Take our hands off the machine, before it is saved or replaced."""
        machine, self._machine = self._machine, None
        self.platform = None
        if machine is not None:
            machine.close()


class RenodeTestEmulation:
    """Keeps to :class:`icmsg.robot.emulation.SuiteEmulation`; the engine is always remote."""

    def __init__(self) -> None:
        self._monitor = RenodeTestMonitor()
        self._runs = False
        """True if a keyword of Renode may have started the emulation."""

    def monitor(self) -> RenodeTestMonitor:
        """Return the Monitor."""
        return self._monitor

    def embedded(self) -> None:
        """Return None: another engine."""

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script; ``engine`` has no say."""
        del engine
        self._monitor.platform = platform
        run_script(self._monitor, script, platform, variables)

    def clear(self) -> None:
        """Free every machine of that Renode."""
        self._monitor.close_machine()
        run_remote_keyword("ResetEmulation")

    def begin_keyword(self) -> None:
        """Stop what a keyword of Renode has started: from here on time moves by commands."""
        if self._runs:
            self._monitor.execute("pause")
            self._runs = False

    def before_renode(self, keyword: str, command: str) -> None:
        """Leave the emulation to a keyword of Renode that lets time pass, or replaces the machine."""
        if keyword == "executecommand":
            try:
                check_beside_lockstep(command)
            except EngineError:
                self._monitor.let_go()
        elif keyword in _REPLACING:
            self._monitor.close_machine()
        else:
            self._monitor.let_go()
            self._runs = keyword not in _WITHOUT_TIME

    def end_test(self) -> None:
        """Do what renode-test does behind a test: its log and a snapshot are saved if it failed."""
        self._monitor.close_machine()
        BuiltIn().run_keyword("Test Teardown")


class BeforeRenode:
    """A listener of Robot: tells the emulation of every keyword of Renode before it runs."""

    ROBOT_LISTENER_API_VERSION = 2

    def __init__(self, emulation: RenodeTestEmulation) -> None:
        self._emulation = emulation

    def start_keyword(self, _name: str, attributes: Mapping[str, Any]) -> None:
        """Look whose keyword it is; in an `Execute Command` the command counts."""
        if attributes["libname"] not in LIBRARIES:
            return
        arguments = [BuiltIn().replace_variables(argument) for argument in attributes["args"][:1]]
        keyword = attributes["kwname"].replace(" ", "").replace("_", "").lower()
        self._emulation.before_renode(keyword, str(arguments[0]) if arguments else "")
