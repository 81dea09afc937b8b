"""Renode's Monitor in this process, and the machine that a script made there."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.lockstep import commands
from icmsg.engines.lockstep.machine import DEFAULT_LATENCY_NS
from icmsg.engines.lockstep.monitor_text import is_unfinished, run_for_ns, split
from icmsg.engines.lockstep.paths import monitor_path
from icmsg.engines.renode import process
from icmsg.engines.renode.attached import AttachedMachine
from icmsg.engines.renode.watchdog import Watchdog
from icmsg.errors import EngineError, MonitorError
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

_NEEDS_EVERYTHING: Final = re.compile(
    r"^(s|start|q|quit|Load|Save|Clear|EmulationManager)\b"
    r"|^(i|include|execute)\b(?!.*\.(cs|py)\s*$)"
    r"|^mach\s+(rem|create|add|clear|set)\b",
    re.IGNORECASE,
)
"""Commands that replace the machine, save it, or run commands that nobody has looked at."""
_ENDS: Final = re.compile(r"^(q|quit)\s*$", re.IGNORECASE)
_CHANGES_CORES: Final = re.compile(
    r"\b(IsHalted|Reset|VectorTableOffset|Load\w+|runMacro|HoldNetwork|ReleaseNetwork|FORCEOFF)\b|^python\b",
    re.IGNORECASE,
)


class _Times(TypedDict):
    latency_ns: int
    stall_timeout: float


class RenodeMonitor:
    """The Monitor of the Renode in this process, as ``icmsg.monitor.Monitor``; there is one Renode in a process.

    ``platform`` is the file from which scripts make their machine (default: the shipped nRF5340), ``latency_ns``
    and ``stall_timeout`` those of the machine. ``verbs`` runs what is behind the word ``icmsg``; who knows such
    commands sets it.

    The machine is taken from Renode when :attr:`machine` is asked for. From then on ``emulation RunFor`` runs through
    it as soon as Python plays a core or has let time pass, so that both agree on the time. What cannot be
    beside it (``start``, ``Save``, another script …) gives the machine back to Renode first, and is refused while
    Python plays a core, which would forget what it was doing.

    Raises:
        EngineNotAvailableError: Renode cannot be loaded here.
    """

    def __init__(
        self,
        platform: str | Path | None = None,
        *,
        latency_ns: int = DEFAULT_LATENCY_NS,
        stall_timeout: float = 0.0,
    ) -> None:
        self._platform = Path(platform) if platform is not None else platform_file(DEFAULT.name)
        self._times: Final[_Times] = {"latency_ns": latency_ns, "stall_timeout": stall_timeout}
        self._renode = process.load_renode()
        self._watchdog = Watchdog(None, stall_s=stall_timeout)
        self._watchdog.start()
        self._machine: AttachedMachine | None = None
        self._attached: str | None = None
        self._here: Path | None = None
        self._typed = ""
        self.verbs: Callable[[Sequence[str]], str] | None = None
        self._log = Path(process.private_folder()) / f"monitor-{id(self):x}.txt"
        self._log_end = 0
        self._renode.show_log_in(self._log)

    # The protocol

    @property
    def machine(self) -> AttachedMachine | None:
        """The selected machine, once it has cores.

        Raises:
            EngineError: it was not made from the platform file, the emulation runs by itself, or another machine is
                open in this process.
        """
        name = self._renode.selected
        if name != self._attached:
            self._detach()
        if self._machine is None and name is not None and self._has_cores(name):
            if self._renode.is_started:
                raise EngineError(
                    "the emulation runs by itself, so Python cannot look at it; `pause` it first"
                )
            self._machine = AttachedMachine(name, self._platform, **self._times)
            self._attached = name
        return self._machine

    @property
    def prompt(self) -> str:
        """``(monitor)``, the name of the selected machine in parentheses, or ``>`` while a text is typed."""
        return ">" if self._typed else f"({self._renode.selected or 'monitor'})"

    def execute(self, command: str) -> str:
        """Run lines and return what they print, without the last line end.

        A text of several lines, as that of a macro, may come in as many calls.

        Raises:
            MonitorError: Renode refuses a command, or it cannot be run beside the machine that Python uses.
        """
        text, self._typed = self._typed + command, ""
        if is_unfinished(text):
            self._typed = f"{text}\n"
            return ""
        printed = [self._one(part) for part in split(text)]
        return "\n".join(text for text in printed if text)

    def take_log(self) -> list[str]:
        """Return the lines that Renode has logged since the last time, what UARTs printed among them."""
        self._renode.flush_log()
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(self._log_end)
            whole = log.read().rpartition(b"\n")[0]
        self._log_end += len(whole) + bool(whole)
        return whole.decode("utf-8", errors="replace").splitlines()

    def close(self) -> None:
        """Remove every machine; Renode stays in the process. May be called twice."""
        self._detach()
        with suppress(EngineError):
            self._renode.clear()
        self._watchdog.stop()

    def __enter__(self) -> RenodeMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # One command

    def _one(self, command: str) -> str:
        word, *rest = command.split(None, 1)
        if word == "icmsg" and self.verbs is not None:
            return self.verbs(rest[0].split() if rest else [])
        machine = self._machine
        if _NEEDS_EVERYTHING.search(command):
            if machine is not None:
                self._give_back(machine, command)
            return self._replace(command)
        if machine is None:
            return self._run(command)
        if machine.is_driven:
            return self._beside(machine, command)
        printed = self._run(command)
        machine.catch_up()
        self._look_at_cores(machine, command)
        return printed

    def _replace(self, command: str) -> str:
        try:
            if _ENDS.search(command):  # Renode's own would take the Monitor away for the rest of the process
                self._renode.clear()
                return "Renode is quitting"
            return self._run(command)
        finally:
            self._here = None  # a new emulation has to be told again

    def _beside(self, machine: AttachedMachine, command: str) -> str:
        ns = run_for_ns(command)
        if ns is not None:
            machine.run_for(ns)
            return ""
        try:
            if machine.stepper.is_active:
                commands.check_beside_lockstep(command)
        except EngineError as error:
            raise MonitorError(str(error)) from error
        printed = self._run(command)
        machine.take()
        self._look_at_cores(machine, command)
        return printed

    def _run(self, command: str) -> str:
        self._settle()
        try:
            printed, error = self._renode.monitor(command)
        except EngineError as failure:
            raise MonitorError(str(failure)) from failure
        if error.strip():
            raise MonitorError(_text(error))
        return _text(printed)

    def _settle(self) -> None:
        """Tell a new emulation where files are, as Renode is started in its own folder, and to open no windows."""
        here = Path.cwd()
        if here != self._here:
            self._here = here
            self._renode.monitor(f"path add {monitor_path(here)}")
            self._renode.log_consoles()

    # The machine

    def _has_cores(self, name: str) -> bool:
        api = self._renode.machine(name)
        return any(api.has(core.cpu) for core in Soc(load_platform(self._platform)).cores.values())

    def _give_back(self, machine: AttachedMachine, command: str) -> None:
        played = [core.name for core in machine.cores.values() if core.is_played]
        if played and command.split()[0].lower() not in ("clear", "q", "quit"):
            raise MonitorError(
                f"`{command}` takes the machine away from Python, which plays core {' and '.join(played)}; "
                "icmsg release, or release() of the core, comes first; or use Clear"
            )
        self._detach()

    def _detach(self) -> None:
        machine, self._machine, self._attached = self._machine, None, None
        if machine is not None:
            machine.close()

    def _look_at_cores(self, machine: AttachedMachine, command: str) -> None:
        if not _CHANGES_CORES.search(command):
            return
        for core in machine.cores.values():
            if not core.is_played:
                core.attach()
        if "load" in command.lower() or "macro" in command.lower():
            machine.recognize_images()


def _text(printed: str) -> str:
    return printed.replace("\r\n", "\n").strip("\n").rstrip()
