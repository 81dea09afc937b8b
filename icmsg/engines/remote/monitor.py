"""The Monitor of a Renode elsewhere, and the machine that somebody made there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.lockstep.monitor_proxy import MonitorProxy
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.remote.capabilities import find_platform
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(Protocol):
    """A transport that knows the prompt, as :class:`icmsg.engines.remote.telnet.TelnetMonitor`."""

    @property
    def prompt(self) -> str:
        """The name in the last prompt."""

    def execute(self, command: str) -> str:
        """Run one line."""

    def close(self) -> None:
        """Hang up."""


class _TerminalTransport:
    """Renode behind a terminal, as :class:`icmsg.engines.lockstep.monitor_proxy.MonitorTransport`."""

    is_shared: Final = True

    def __init__(self, terminal: Terminal, platform: str | Path | None) -> None:
        self._terminal = terminal
        self._platform = platform

    @property
    def selected(self) -> str | None:
        name = self._terminal.prompt
        return name if name != "monitor" else None

    def settle(self, folder: Path) -> None:
        with suppress(MonitorError):  # it may be on another computer
            self.run(f"path add {monitor_path(folder)}")

    def run(self, command: str) -> str:
        lines = command.expandtabs(4).split("\n")  # a text between three quotes is typed line by line
        return "\n".join(filter(None, map(self._terminal.execute, lines)))

    def attach(self, name: str) -> RemoteMachine:
        del name  # the selected one
        return RemoteMachine(self._terminal, self._platform or find_platform(self._terminal))


class RemoteMonitor(MonitorProxy[RemoteMachine]):
    """The Monitor behind ``terminal``; ``platform`` is what machines there are made of.

    By default that is the shipped file whose cores the machine has.
    """

    def __init__(self, terminal: Terminal, platform: str | Path | None = None) -> None:
        super().__init__(_TerminalTransport(terminal, platform))
        self._terminal = terminal

    def close(self) -> None:
        """Let the machine go and hang up; Renode goes on. May be called twice."""
        self._detach()
        self._terminal.close()
