"""Renode's Monitor beside a machine that Python uses, over any way to a Renode."""

from __future__ import annotations

import re
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from icmsg.engines.lockstep import monitor_text
from icmsg.engines.lockstep.machine import SteppedMachine
from icmsg.engines.lockstep.monitor_text import run_for_ns, split
from icmsg.errors import EngineError, MonitorError

MachineT = TypeVar("MachineT", bound=SteppedMachine[Any])
AttachedT = TypeVar("AttachedT", bound=SteppedMachine[Any], covariant=True)


class _Treatment(Enum):
    """Treatment of a command beside a machine that Python uses, and plays no core of unless it says so."""

    REFUSED = auto()
    LETS_GO = auto()
    """The machine lets the emulation go and goes on afterwards."""
    DETACHES = auto()
    """The machine is taken away from Python; there is another one, or the same anew, behind it."""
    ENDS = auto()
    """The machine is taken away, also while Python plays a core."""


class _Rule(NamedTuple):
    """Commands, and their treatment in a Renode of one's own and in one that somebody else started."""

    command: re.Pattern[str]
    own: _Treatment
    shared: _Treatment


_POLICY: Final = tuple(
    _Rule(re.compile(command, re.IGNORECASE), own, shared)
    for command, own, shared in (
        (r"^(q|quit)\s*$", _Treatment.ENDS, _Treatment.REFUSED),
        (r"^Clear\b", _Treatment.ENDS, _Treatment.DETACHES),
        # In this process Renode would go on writing into memory that Python reads.
        (r"^(s|start)\b", _Treatment.DETACHES, _Treatment.LETS_GO),
        # They replace the machine, save it without what follows it, or run commands that nobody has looked at.
        (r"^(Load|Save|EmulationManager)\b", _Treatment.DETACHES, _Treatment.DETACHES),
        (r"^(i|include|execute)\b(?!.*\.(cs|py)\s*$)", _Treatment.DETACHES, _Treatment.DETACHES),
        (r"^mach\s+(rem|create|add|clear|set)\b", _Treatment.DETACHES, _Treatment.DETACHES),
    )
)
_MAY_LOAD: Final = re.compile("load|macro", re.IGNORECASE)
"""Commands that may load a file and leave every core as it was."""


class MonitorTransport(Protocol[AttachedT]):
    """Way to a Renode: commands go there, one at a time, and a machine is attached to."""

    @property
    def is_shared(self) -> bool:
        """True for a Renode that somebody else started."""

    @property
    def selected(self) -> str | None:
        """The machine that the Monitor has selected, by name."""

    def settle(self, folder: Path) -> None:
        """Tell a new emulation where relative paths begin."""

    def run(self, command: str) -> str:
        """Run one command and return what it prints.

        Raises:
            MonitorError: Renode refuses it.
            EngineError: nothing answers.
        """

    def attach(self, name: str) -> AttachedT | None:
        """Return the machine of that name; None while it has no cores. EngineError if it cannot be attached to."""


class MonitorProxy(Generic[MachineT]):
    """Keeps to ``icmsg.monitor.Monitor`` over ``transport``.

    The machine is attached to when :attr:`machine` is asked for. After each command Renode is asked what became of the
    cores that Python does not play. ``emulation RunFor`` runs through the machine as soon as Python plays a core or has
    let time pass, so that both agree on the time. What else lets time pass, or needs a paused emulation, lets the
    machine go first; what replaces or saves the machine takes it away from Python. Both are refused while Python plays
    a core, which would miss that time or forget what it was doing.
    """

    def __init__(self, transport: MonitorTransport[MachineT]) -> None:
        self._transport = transport
        self._machine: MachineT | None = None
        self._attached: str | None = None
        self._folder: Path | None = None

    @property
    def machine(self) -> MachineT | None:
        """The selected machine, once it has cores.

        Raises:
            EngineError: it was not made from the platform file; in this process also if the emulation runs by itself,
                or another machine is open.
        """
        name = self._transport.selected
        if name != self._attached or (self._machine is not None and self._machine.is_closed):
            self._detach()
        if self._machine is None and name is not None:
            self._machine = self._transport.attach(name)
            self._attached = name if self._machine is not None else None
        return self._machine

    @property
    def prompt(self) -> str:
        """``(monitor)``, or the name of the selected machine in parentheses."""
        return f"({self._transport.selected or 'monitor'})"

    def execute(self, command: str) -> str:
        """Run lines and return what they print, without the last line end.

        Raises:
            MonitorError: Renode refuses a command, or it cannot be run beside the machine that Python uses.
            EngineError: nothing answers.
        """
        printed = [self._one(part) for part in split(command)]
        return "\n".join(text for text in printed if text)

    def _one(self, command: str) -> str:
        rule = next((rule for rule in _POLICY if rule.command.search(command)), None)
        treatment = None if rule is None else rule.shared if self._transport.is_shared else rule.own
        if treatment is _Treatment.REFUSED:
            raise MonitorError(f"`{command}` would end a Renode that somebody else started; leave it to them")
        if (machine := self._machine) is not None:
            ns = run_for_ns(command) if machine.is_driven else None
            if ns is not None:
                machine.run_for(ns)
                return ""
            self._make_way(machine, command, treatment)
        try:
            return self._run(command)
        finally:
            if treatment in (_Treatment.DETACHES, _Treatment.ENDS):
                self._folder = None  # a new emulation has to be told again

    def _run(self, command: str) -> str:
        folder = Path.cwd()
        if folder != self._folder:
            self._folder = folder
            self._transport.settle(folder)
        try:
            printed = self._transport.run(command)
        except MonitorError:  # it may have come half way
            with suppress(EngineError):
                self._look(command)
            raise
        self._look(command)
        return printed

    def _make_way(self, machine: MachineT, command: str, treatment: _Treatment | None) -> None:
        played = [core.name for core in machine.cores.values() if core.is_played]
        if treatment is None and machine.is_driven:
            try:
                monitor_text.check_beside_lockstep(command, is_held=machine.is_held)
            except EngineError as error:
                if played:
                    raise MonitorError(str(error)) from error
                treatment = _Treatment.LETS_GO
        if treatment is None:
            return
        if played and treatment is not _Treatment.ENDS:
            raise MonitorError(
                f"`{command}` lets time pass or takes the machine away while Python plays core "
                f"{' and '.join(played)}; icmsg release, or release() of the core, comes first"
            )
        if treatment is _Treatment.LETS_GO:
            machine.let_go()
        else:
            self._detach()

    def _look(self, command: str) -> None:
        """Find out what became of the machine and its cores."""
        machine = self._machine
        if machine is None:
            return
        if machine.is_closed or self._transport.selected != self._attached:
            self._detach()
            return
        machine.catch_up()
        machine.look_at_cores(loaded=_MAY_LOAD.search(command) is not None)

    def _detach(self) -> None:
        machine, self._machine, self._attached = self._machine, None, None
        if machine is not None:
            machine.close()
