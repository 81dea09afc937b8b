"""The Renode that renode-test runs: its Monitor through the Remote library that the suite has imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from robot.libraries.BuiltIn import BuiltIn

from icmsg.engines.lockstep.commands import check_beside_lockstep
from icmsg.engines.remote.capabilities import find_platform
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.transport import CallableTransport
from icmsg.errors import ConfigurationError, EngineError
from icmsg.robot.emulation import run_script

if TYPE_CHECKING:
    from collections.abc import Mapping

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
