"""The Monitor of a Renode elsewhere, and the machine that somebody made there."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from icmsg.engines.lockstep import commands
from icmsg.engines.lockstep.monitor_text import run_for_ns, split
from icmsg.engines.lockstep.paths import monitor_path
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import EngineError, MonitorError

_REPLACES: Final = re.compile(
    r"^(Load|Clear|EmulationManager)\b|^(i|include|execute)\b(?!.*\.(cs|py)\s*$)|^mach\s+(rem|create|add|clear|set)\b",
    re.IGNORECASE,
)
_CHANGES_CORES: Final = re.compile(
    r"\b(IsHalted|Reset|VectorTableOffset|Load\w+|runMacro|HoldNetwork|ReleaseNetwork)\b|^python\b",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"^(q|quit)\s*$", re.IGNORECASE)


class Terminal(Protocol):
    """A transport that knows the prompt, as :class:`icmsg.engines.remote.telnet.TelnetMonitor`."""

    @property
    def prompt(self) -> str:
        """The name in the last prompt."""

    def execute(self, command: str) -> str:
        """Run one line."""

    def close(self) -> None:
        """Hang up."""


class RemoteMonitor:
    """Keeps to ``icmsg.monitor.Monitor`` over ``terminal``; ``platform`` is what machines there are made of.

    The machine is attached to when :attr:`machine` is asked for. What lets time pass by itself, or needs a paused
    emulation, lets it go first, and is refused while Python plays a core, which would miss that time.
    ``emulation RunFor`` runs through the machine then.
    """

    def __init__(self, terminal: Terminal, platform: str | Path | None = None) -> None:
        self._terminal = terminal
        self._platform = platform
        self._machine: RemoteMachine | None = None
        self._attached = ""
        with suppress(MonitorError):  # it may be on another computer
            self._send(f"path add {monitor_path(Path.cwd())}")

    @property
    def machine(self) -> RemoteMachine | None:
        """The selected machine; None if none is selected.

        Raises:
            EngineError: it was not made from the platform file.
        """
        if self._terminal.prompt != self._attached:
            self._detach()
        if self._machine is None and self._terminal.prompt != "monitor":
            self._machine = RemoteMachine(self._terminal, self._platform)
            self._attached = self._terminal.prompt
        return self._machine

    @property
    def prompt(self) -> str:
        """``(monitor)``, or the name of the selected machine in parentheses."""
        return f"({self._terminal.prompt})"

    def execute(self, command: str) -> str:
        """Run lines and return what they print, without the last line end.

        Raises:
            MonitorError: Renode refuses a command, or it cannot be run beside the machine that Python uses.
            EngineError: nothing answers.
        """
        printed = [self._one(part) for part in split(command)]
        return "\n".join(text for text in printed if text)

    def close(self) -> None:
        """Let the machine go and hang up; Renode goes on. May be called twice."""
        self._detach()
        self._terminal.close()

    def _one(self, command: str) -> str:
        if _ENDS.search(command):
            raise MonitorError(f"`{command}` would end a Renode that somebody else started; leave it to them")
        machine = self._machine
        if machine is None:
            return self._send(command)
        is_driven = machine.stepper.is_active or self._played
        ns = run_for_ns(command) if is_driven else None
        if ns is not None:
            machine.run_for(ns)
            return ""
        if _REPLACES.search(command):
            self._refuse_beside_python(command)
            self._detach()
            return self._send(command)
        self._make_way(machine, command)
        printed = self._send(command)
        if _CHANGES_CORES.search(command):
            machine.look_at_cores()
        return printed

    def _make_way(self, machine: RemoteMachine, command: str) -> None:
        try:
            commands.check_beside_lockstep(command)
        except EngineError:
            self._refuse_beside_python(command)
            machine.let_go()

    @property
    def _played(self) -> list[str]:
        cores = self._machine.cores.values() if self._machine is not None else ()
        return [core.name for core in cores if core.is_played]

    def _refuse_beside_python(self, command: str) -> None:
        if self._played:
            raise MonitorError(
                f"`{command}` lets time pass or takes the machine away while Python plays core "
                f"{' and '.join(self._played)}; icmsg release, or release() of the core, comes first"
            )

    def _send(self, command: str) -> str:
        lines = command.expandtabs(4).split("\n")  # a text between three quotes is typed line by line
        return "\n".join(filter(None, map(self._terminal.execute, lines)))

    def _detach(self) -> None:
        machine, self._machine, self._attached = self._machine, None, ""
        if machine is not None:
            machine.close()
