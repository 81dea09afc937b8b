"""A Monitor of either engine as the command's front ends use it: lines in, text and live lines out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import MonitorError
from icmsg.monitor.command import Monitor
from icmsg.monitor.verbs import IcmsgVerbs
from icmsg.monitor.verbs.syntax import WORD, is_verb, split_commands, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from icmsg.engines.choice import EngineChoice
    from icmsg.monitor import EmbeddedMonitor

    Output = Callable[[str], None]


_LEVEL: Final = re.compile(r"\[([A-Z]+)\]")
_TEXT: Final = '"""'
_NAMED: Final = re.compile(r"\s*(?:macro|alias|set)\s+\$?\w+\s*", re.ASCII)
"""Beginning of a command that has its text on the next lines."""


class MonitorSession(Protocol):
    """A Monitor session, as both front ends need it."""

    @property
    def prompt(self) -> str:
        """The text in front of the next line."""

    @property
    def is_started(self) -> bool:
        """True while :meth:`pump` lets time pass."""

    @property
    def has_quit(self) -> bool:
        """True after ``quit`` was executed."""

    def execute(self, line: str, show: Output, /) -> object:
        """Run one line, ``show`` what each of its commands prints; MonitorError if a command is refused."""

    def pump(self, ns: int) -> None:
        """Let virtual time pass on a started emulation; IcmsgError if that goes wrong."""

    def attend(self) -> None:
        """Answer debuggers that are connected, while nothing is typed."""

    def complete(self, line: str) -> list[str]:
        """Return the lines that ``line`` can become."""

    def close(self) -> None:
        """Free everything."""


class OwnMonitor(Monitor, Protocol):
    """Renode's own Monitor, in this process or in another one."""

    def close(self) -> None:
        """Let it go."""


class RenodeSession:
    """Renode's own Monitor; a started emulation runs there by itself.

    ``live`` takes the lines of ``icmsg watch``. It goes on after ``quit`` if it ``stays``. ``log`` takes the lines that
    ``take_log`` returns after each command; a Renode elsewhere shows its log there.
    """

    is_started: Final = False

    def __init__(
        self,
        monitor: OwnMonitor,
        live: Output,
        *,
        stays: bool = False,
        log: Callable[[str, str], None] | None = None,
        take_log: Callable[[], list[str]] = list,
    ) -> None:
        self._monitor: Final = monitor
        self._log: Final = log
        self._take_log: Final = take_log
        self._stays = stays
        self._verbs: Final = IcmsgVerbs(lambda: self._monitor.machine, live)
        self._typed: list[str] = []
        self.has_quit = False

    def close(self) -> None:
        """End what is being written, and let the Monitor go."""
        self._verbs.close()
        self._monitor.close()

    @property
    def prompt(self) -> str:
        """Renode's, or ``>`` while a text is typed."""
        return ">" if self._typed else self._monitor.prompt

    def execute(self, line: str, show: Output) -> None:
        """Run one line: verbs here, everything else in Renode; a text between three quotes when it has ended."""
        text = "\n".join([*self._typed, line])
        self._typed = []
        if text.count(_TEXT) % 2 or _NAMED.fullmatch(text):
            self._typed = text.split("\n")
            return
        commands = split_commands(line)
        if _TEXT in text:
            commands = [text]
        for command in commands:
            self.has_quit = self.has_quit or command in ("q", "quit")
            if self.has_quit and self._stays:
                return
            try:
                printed = self._one(command)
            finally:
                self._show_log()
            if printed:
                show(printed)

    def _show_log(self) -> None:
        if self._log is None:
            return
        for line in self._take_log():
            level = _LEVEL.search(line)
            self._log(line, level[1] if level is not None else "INFO")

    def _one(self, command: str) -> str:
        if command.strip() == "icmsg_release":  # Renode's own knows nothing of this session
            return self._verbs.execute(["release"])
        if is_verb(command):
            return self._verbs.execute(
                words_of(command, lambda name: self._monitor.execute(f"echo {name}"))[1:]
            )
        return self._monitor.execute(command)

    def pump(self, ns: int) -> None:
        """Nothing: time passes in Renode."""

    def attend(self) -> None:
        """Nothing: Renode answers them itself."""

    def complete(self, line: str) -> list[str]:
        """Complete the verbs; Renode's Monitor in this process completes nothing."""
        return completed_verb(self._verbs, line)


def open_session(
    choice: EngineChoice,
    platform: str | Path | None,
    live: Output,
    log: Callable[[str, str], None] | None,
    *,
    python: bool = True,
) -> MonitorSession:
    """Return a session on an engine; ``live`` and ``log`` take lines (and a log level) while time passes.

    Without ``python`` the embedded engine refuses the Python of scripts.

    ``platform`` is the file of which the machine is made there; None is the shipped one.

    Raises:
        EngineNotAvailableError: Renode cannot be loaded here.
        EngineError: no Monitor answers at the address of a remote engine.
    """
    if choice.address is not None:
        from icmsg.engines.remote.monitor import RemoteMonitor, TelnetMonitor

        port = TelnetMonitor(*choice.address, connect_s=choice.connect_s, patience_s=choice.patience_s)
        return RenodeSession(RemoteMonitor(port, platform), live, stays=True)
    if choice.name == "renode":
        from icmsg.engines.renode.monitor import RenodeMonitor  # loads .NET

        monitor = RenodeMonitor(platform, stall_timeout=choice.patience_s)
        return RenodeSession(monitor, live, log=log, take_log=monitor.take_log)
    return embedded_session(live, log, python=python)


def embedded_session(
    live: Output, log: Callable[[str, str], None] | None = None, *, python: bool = True
) -> EmbeddedMonitor:
    """Return a Monitor of the embedded engine, for :func:`open_session`."""
    from icmsg.monitor import EmbeddedMonitor  # the engine is slow to load

    monitor = EmbeddedMonitor(watched=live, python=python)
    if log is not None:
        monitor.log.add_sink(lambda entry: log(str(entry), entry.level.name))
    return monitor


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
