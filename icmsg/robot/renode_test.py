"""The Renode that renode-test runs: its Monitor through the Remote library that the suite has imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robot.libraries.BuiltIn import BuiltIn

from icmsg.cosim.remote.machine import RemoteMachine
from icmsg.cosim.remote.transport import CallableTransport
from icmsg.errors import ConfigurationError, EngineError
from icmsg.robot.hosts import run_script

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARY = "Renode"
"""The name that renode-test gives to the Remote library."""


def run_remote_keyword(name: str, *arguments: str) -> Any:
    """Run a keyword of Renode, past Robot's log: a message takes a dozen of them.

    Raises:
        ConfigurationError: the suite has its own setup, which does not connect to Renode.
    """
    try:
        library: Any = BuiltIn().get_library_instance(LIBRARY)
    except RuntimeError:
        raise ConfigurationError(
            "the suite is not connected to Renode: let its Suite Setup begin with the keyword Setup of renode-test, "
            "or leave it out"
        ) from None
    return library.run_keyword(name, list(arguments), {})


class RenodeTestMonitor:
    """The Monitor of that Renode; ``machine`` is the selected one, as soon as a script has made it."""

    def __init__(self) -> None:
        self._transport = CallableTransport(lambda line: run_remote_keyword("ExecuteCommand", line))
        self._machine: RemoteMachine | None = None

    @property
    def prompt(self) -> str:
        """What a Monitor would show."""
        return f"({self.execute('machine').strip() or 'monitor'})"

    @property
    def machine(self) -> RemoteMachine | None:
        """The selected machine, or None before one was made."""
        if self._machine is None:
            try:
                self._machine = RemoteMachine(self._transport)
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

    def forget(self) -> None:
        """Renode has a new emulation."""
        self._machine = None


class RenodeTestHost:
    """Keeps to :class:`icmsg.robot.hosts.Host`; the engine is always remote."""

    def __init__(self) -> None:
        self._monitor = RenodeTestMonitor()

    def monitor(self) -> RenodeTestMonitor:
        """Return the Monitor."""
        return self._monitor

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script; ``engine`` has no say."""
        del engine
        run_script(self._monitor, script, platform, variables)

    def clear(self) -> None:
        """Free every machine of that Renode."""
        self._monitor.let_go()
        self._monitor.forget()
        run_remote_keyword("ResetEmulation")

    def begin_keyword(self) -> None:
        """Stop what a keyword of Renode has started: from here on time moves by commands."""
        if self._monitor.machine is not None:
            self._monitor.execute("pause")

    def end_keyword(self) -> None:
        """Leave the emulation to the keywords of Renode."""
        self._monitor.let_go()

    def end_test(self) -> None:
        """Do what renode-test does behind a test: its log and a snapshot are saved if it failed."""
        self._monitor.let_go()
        BuiltIn().run_keyword("Test Teardown")
