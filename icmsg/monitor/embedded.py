"""Renode's Monitor over the embedded engine: no Renode is needed, and time is virtual only."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import ConfigurationError, IcmsgError, MonitorError
from icmsg.monitor import elsewhere, machine_commands, session_commands
from icmsg.monitor.builtins import BUILTINS
from icmsg.monitor.emulation import Emulation
from icmsg.monitor.interpreter import Interpreter
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.snapshots import EmulationManager
from icmsg.monitor.search_path import SearchPath
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.command import Command
    from icmsg.monitor.log import Log
    from icmsg.monitor.machine import MonitorMachine

COMMANDS: Final[tuple[Command, ...]] = (
    *elsewhere.COMMANDS,
    *machine_commands.COMMANDS,
    *session_commands.COMMANDS,
)
"""Renode's commands of the Monitor."""


class EmbeddedMonitor:
    """A Monitor with no machine yet; ``folder`` is where relative paths begin (default: the current one).

    ``watched`` takes the lines of ``icmsg watch``, and what scripts print, while time passes; by default they go into
    the log. Without ``python`` the Python of scripts is refused. Use it as a context manager, or call :meth:`close`.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        watched: Callable[[str], None] | None = None,
        python: bool = True,
    ) -> None:
        self.emulation: Final = Emulation()
        self.emulation.on_machine = self._new_machine
        path = SearchPath(Path(folder or ".").resolve(), asset("renode").parent)
        self.emulation.folders = path.absolute
        self._folder = path.start
        self._interpreter = Interpreter(self.emulation, path, COMMANDS, BUILTINS, self._run_verb)
        self._interpreter.python.is_allowed = python
        self._interpreter.told = watched or self._log_line
        self._interpreter.suggestions = self.complete
        self._watched = watched or self._log_line
        self.verbs = IcmsgVerbs(lambda: self.machine, self._tell)
        self.emulation.journal.began_in(str(path.start))
        self.manager: Final = EmulationManager(self._interpreter, self._fresh)
        self.manager.forget = self._forget
        self.manager.end_files = self._end_traces
        self.emulation.add_object("EmulationManager", self.manager)

    @classmethod
    def over(cls, machine: EmbeddedMachine) -> EmbeddedMonitor:
        """Return a Monitor for a machine that somebody else has made, and closes."""
        monitor = cls()
        monitor.emulation.create("machine-0")
        monitor.emulation.select("machine-0")
        monitor.emulation.machines["machine-0"].adopt(machine)
        return monitor

    @property
    def machine(self) -> EmbeddedMachine | None:
        """The SoC of the selected machine; None before a platform description was loaded."""
        selected = self.emulation.selected
        return None if selected is None or selected.is_empty else selected.soc

    @property
    def prompt(self) -> str:
        """``(monitor)``, the name of the selected machine in parentheses, or ``>`` while a text is typed."""
        if self._interpreter.typed is not None:
            return ">"
        return f"({self.emulation.selected_name or 'monitor'})"

    @property
    def log(self) -> Log:
        """The log, as Renode would write it."""
        return self.emulation.log

    @property
    def is_started(self) -> bool:
        """True while time may pass in :meth:`pump`."""
        return self.emulation.is_started

    @property
    def has_quit(self) -> bool:
        """True after ``quit`` was executed."""
        return self._interpreter.has_quit

    def execute(self, command: str, show: Callable[[str], None] | None = None) -> str:
        """Run one or more lines and return what they print, without the last line end.

        ``show`` takes what each command prints as soon as it has run, instead of the value that is returned.

        Raises:
            MonitorError: a command is refused, and the following ones are not run; the text is what the Monitor
                prints, what was printed before and not shown included.
        """
        before = self._interpreter.after_command  # a debugger may ask for a command while another one runs
        with self._interpreter.captured() as printed:

            def tell() -> None:
                if show is not None and printed:
                    text = "".join(printed).removesuffix("\n")
                    printed.clear()
                    self.emulation.show_consoles()
                    show(text)

            self._interpreter.after_command = tell
            try:
                with self.emulation.journal.outside(do="execute", text=command):
                    self._interpreter.run_lines(command)
                tell()
            except IcmsgError as error:
                refused = MonitorError("".join(printed) + str(error))
                refused.ran = isinstance(error, MonitorError) and error.ran
                raise refused from None
            finally:
                self._interpreter.after_command = before
                self.emulation.show_consoles()
            return "".join(printed).removesuffix("\n")

    def evaluate(self, text: str, show: Callable[[str], None] | None = None) -> object:
        """Run Python as ``python "…"`` does, and return its value where it is an expression, else None.

        ``show`` takes what it prints.

        Raises:
            MonitorError: it is no Python, or something went wrong in it, which is the cause of the error.
        """
        with self._interpreter.captured() as printed:
            try:
                return self._interpreter.python.execute(text)
            finally:
                self.emulation.show_consoles()
                if show is not None and printed:
                    show("".join(printed).removesuffix("\n"))

    def pump(self, ns: int) -> None:
        """Let ``ns`` nanoseconds of virtual time pass on all machines, if ``start`` was executed.

        Raises:
            CoreFault: a core was reset whose image cannot start; the emulation is paused.
        """
        if ns < 0:
            raise ConfigurationError("time does not run backwards")
        if self.emulation.is_started:
            try:
                self.emulation.advance(ns, waits=False)
            except IcmsgError:
                self.emulation.is_started = False
                raise
            finally:
                self.emulation.show_consoles()

    def attend(self) -> None:
        """Answer debuggers and terminals that are connected, while no time passes."""
        with self.emulation.journal.attending():
            self.emulation.look_at_terminals()
        for machine in list(self.emulation.machines.values()):
            if machine.debugger is not None:
                machine.debugger.serve(0)

    def complete(self, line: str) -> list[str]:
        """Return the lines that ``line`` can become."""
        return complete(self._interpreter, line, self.verbs.complete)

    def close(self) -> None:
        """Free all machines; may be called twice."""
        self.verbs.close()
        self.emulation.close()

    def __enter__(self) -> EmbeddedMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_machine(self, machine: MonitorMachine) -> None:
        machine.on_reset = partial(self._was_reset, machine)
        machine.execute = self.execute
        machine.script = self._interpreter.python.hook
        machine.runs_python = lambda: self._interpreter.python.is_allowed

    def _was_reset(self, machine: MonitorMachine) -> None:
        self.emulation.environments.was_reset(machine)
        self._interpreter.run_reset_macro(machine.name)

    def _fresh(self) -> EmulationManager:
        """Return the object of a Monitor like this one."""
        return EmbeddedMonitor(self._folder, python=self._interpreter.python.is_allowed).manager

    def _end_traces(self) -> None:
        self.verbs.close()

    def _forget(self) -> None:
        self._end_traces()
        self.verbs = IcmsgVerbs(lambda: self.machine, self._tell)

    def _tell(self, line: str) -> None:
        if not self.emulation.journal.is_repeating:
            self._watched(line)

    def _run_verb(self, words: Sequence[str]) -> str:
        return self.verbs.execute(words)

    def _log_line(self, line: str) -> None:
        self.log.write(LogLevel.INFO, line)


_WITH_MACRO = ("runMacro", "macro")


def complete(monitor: Interpreter, line: str, verbs: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """Return the whole lines that ``line`` can become, sorted; ``verbs`` does it for the words behind ``icmsg``."""
    words = _words(line.rpartition(";")[2].lstrip())
    last = words[-1]
    start = line[: len(line) - len(last)]
    if last.startswith("@"):
        found = _files(monitor, last)
    elif last.startswith("$"):
        collection = monitor.macros if words[0] in _WITH_MACRO else monitor.variables
        found = [f"${name}" for name in collection.short_names()]
    elif len(words) == 1:
        found = monitor.words()
    elif words[0] == "icmsg":
        found = verbs(words[1:])
    else:
        found = _after(monitor, words)
    return sorted({start + word for word in found if word.lower().startswith(last.lower())})


def _words(command: str) -> list[str]:
    """Return the words of a command, an empty one behind a space; a space behind a backslash ends none."""
    words = [""]
    escaped = False
    for character in command:
        if character.isspace() and not escaped:
            words.append("")
        else:
            words[-1] += character
        escaped = character == "\\"
    return [*[word for word in words[:-1] if word], words[-1]]


def _after(monitor: Interpreter, words: list[str]) -> list[str]:
    first = words[0]
    device = monitor.emulation.device(first)
    if first not in monitor.commands and device is not None:
        return list(device.members) if len(words) == 2 else monitor.emulation.device_names()
    if first == "help":
        return list(monitor.commands)
    if first == "mach":
        machines = [f'"{name}"' for name in monitor.emulation.machines]
        return ["add", "clear", "create", "rem", "set"] if len(words) == 2 else machines
    return monitor.emulation.device_names()


def _files(monitor: Interpreter, word: str) -> list[str]:
    written = word[1:].replace("\\ ", " ")
    folder, _, _ = written.rpartition("/")
    prefix = folder + "/" if "/" in written else ""
    found: set[str] = set()
    for base in ("", *monitor.path.folders):
        root = monitor.path.find(base or ".")
        here = (
            root / (prefix or ".") if root is not None and not prefix.startswith("/") else Path(prefix or ".")
        )
        if here.is_dir():
            found |= {f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in here.iterdir()}
    return [written_path(name) for name in found]
