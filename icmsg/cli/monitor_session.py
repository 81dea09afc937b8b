"""A Monitor of either engine as the command's front ends use it: lines in, text and live lines out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import MonitorError
from icmsg.monitor.verbs import IcmsgVerbs
from icmsg.monitor.verbs.line import WORD, is_verb, split_commands, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.cosim.engines import EngineChoice
    from icmsg.cosim.machine import Machine
    from icmsg.monitor.protocol import Monitor

    Output = Callable[[str], None]


class Session(Protocol):
    """What both front ends need."""

    @property
    def prompt(self) -> str:
        """What stands in front of the next line."""

    @property
    def is_started(self) -> bool:
        """Whether :meth:`pump` lets time pass."""

    @property
    def has_quit(self) -> bool:
        """Whether ``quit`` was executed."""

    def execute(self, line: str) -> str:
        """Run one line and return what it prints; MonitorError if a command of it is refused."""

    def pump(self, ns: int) -> None:
        """Let virtual time pass on a started emulation; IcmsgError if that goes wrong."""

    def complete(self, line: str) -> list[str]:
        """Return the lines that ``line`` can become."""

    def close(self) -> None:
        """Free everything."""


class EmbeddedSession:
    """The embedded engine. ``live`` takes the lines of ``icmsg watch``, and ``log`` those of the log with a level."""

    def __init__(self, live: Output, log: Callable[[str, str], None] | None = None) -> None:
        from icmsg.monitor import EmbeddedMonitor  # the engine is slow to load

        self._monitor = EmbeddedMonitor(watched=live)
        if log is not None:
            self._monitor.log.add_sink(lambda entry: log(str(entry), entry.level.name))

    @property
    def prompt(self) -> str:
        """As Renode's."""
        return self._monitor.prompt

    @property
    def is_started(self) -> bool:
        """Whether ``start`` was executed."""
        return self._monitor.is_started

    @property
    def has_quit(self) -> bool:
        """Whether ``quit`` was executed."""
        return self._monitor.has_quit

    def execute(self, line: str) -> str:
        """Run one line."""
        return self._monitor.execute(line)

    def pump(self, ns: int) -> None:
        """Let time pass."""
        self._monitor.pump(ns)

    def complete(self, line: str) -> list[str]:
        """Complete as Renode does, and the verbs."""
        return self._monitor.complete(line)

    def close(self) -> None:
        """Free all machines."""
        self._monitor.close()


class RenodeSession:
    """Renode's own Monitor in this process; a started emulation runs there by itself."""

    is_started: Final = False

    def __init__(self, live: Output) -> None:
        module = import_module("icmsg.cosim.renode.monitor")  # loads .NET
        monitor = module.RenodeMonitor()
        self._monitor: Final[Monitor] = monitor
        self.close: Final[Callable[[], None]] = monitor.close
        self._verbs = IcmsgVerbs(self._machine, live)
        self.has_quit = False

    @property
    def prompt(self) -> str:
        """Renode's."""
        return self._monitor.prompt

    def execute(self, line: str) -> str:
        """Run one line: verbs here, everything else in Renode."""
        commands = split_commands(line)
        if not any(map(is_verb, commands)):
            self.has_quit = self.has_quit or commands[-1:] in (["q"], ["quit"])
            return self._monitor.execute(line)
        printed = [
            self._verbs.execute(words_of(command, self._value)[1:])
            if is_verb(command)
            else self._monitor.execute(command)
            for command in commands
        ]
        return "\n".join(text for text in printed if text)

    def pump(self, ns: int) -> None:
        """Nothing: time passes in Renode."""

    def complete(self, line: str) -> list[str]:
        """Complete the verbs; Renode's Monitor in this process completes nothing."""
        return completed_verb(self._verbs, line)

    def _machine(self) -> Machine | None:
        return self._monitor.machine

    def _value(self, variable: str) -> str:
        return self._monitor.execute(f"echo {variable}")


def open_session(choice: EngineChoice, live: Output, log: Callable[[str, str], None] | None) -> Session:
    """Return a session on an engine; ``live`` and ``log`` take lines (and a log level) while time passes.

    Raises:
        EngineNotAvailableError: Renode cannot be loaded here.
    """
    return RenodeSession(live) if choice.name == "renode" else EmbeddedSession(live, log)


def completed_verb(verbs: IcmsgVerbs, line: str) -> list[str]:
    """Return the lines that a line whose last command begins with ``icmsg`` can become."""
    command = line.rpartition(";")[2].lstrip()
    if not command.startswith(f"{WORD} "):
        return []
    try:
        words = words_of(command)[1:]
    except MonitorError:
        return []
    if command[-1].isspace():
        words.append("")
    last: Sequence[str] = words[-1:]
    start = line[: len(line) - len(last[0])]
    return [start + word for word in verbs.complete(words)]
