"""Transport of commands to a Monitor: text in, text out, in few lines, and what the Renode behind it has.

Commands on their way to a Monitor: as few lines as possible, counted, and their answers read.

Capabilities of the Renode behind a Monitor: which of our files it has, and whether the machine fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.assets import asset
from icmsg.config.boards import BOARDS
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.errors import EngineError, IcmsgError, MonitorError
from icmsg.machine.console import printable_lines
from icmsg.soc.soc import shipped_platform_with

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from icmsg.soc.soc import MappedRange, SocCore


CONNECT_S: Final = 3.0
"""Wall time in which a Monitor has to show its prompt, and to answer what can take no time."""
PATIENCE_S: Final = 60.0
"""Wall time in which Renode has to come back from anything else: a command, or a step of the emulation."""

_EXCEPTION_NAME: Final = re.compile(r"^(?:[A-Za-z]+Exception: )+")
_INTRODUCTION: Final = re.compile(
    r"(?:There was an error (?:when )?executing command|Could not execute command) '.*?':? ?\n?", re.DOTALL
)
_LONGEST_REASON: Final = 1000
_BLANK_LINES: Final = re.compile(r"\n{2,}")


class Transport(Protocol):
    """The Monitor of some Renode; :class:`icmsg.monitor.command.Monitor` is one, too."""

    def execute(self, command: str) -> str:
        """Run one line, which may hold several commands with ``;`` between them, and return what it prints.

        Raises:
            MonitorError: the Monitor refuses it; the text is what it prints.
            EngineError: nothing answers.
        """


class CallableTransport:
    """A transport over a function, for example ``lambda line: builtin.run_keyword("Execute Command", line)``.

    Any exception of the function that is not ours is the Monitor's refusal, because that is how Robot Framework hands
    on what Renode raises.
    """

    def __init__(self, function: Callable[[str], object]) -> None:
        self._function = function

    def execute(self, command: str) -> str:
        """Call the function with one line."""
        check_line(command)
        try:
            answer = self._function(command)
        except IcmsgError:
            raise
        except Exception as error:
            raise MonitorError(_EXCEPTION_NAME.sub("", plain(str(error)))) from error
        return plain("" if answer is None else str(answer))


def plain(text: str) -> str:
    """Return what the Monitor prints with plain line ends, without empty lines and without the last line end.

    Renode writes ``\\r\\r\\n`` behind a value and ``\\r\\n\\r`` behind a line. What a terminal would act on is shown.
    """
    return printable_lines(_BLANK_LINES.sub("\n", text.replace("\r", "")).strip("\n"))


def words(error: Exception) -> str:
    """Return why the Monitor refuses something, on one line and without the command, which the reader knows."""
    lines = _INTRODUCTION.sub("", plain(str(error))).splitlines()
    return cut("; ".join(line.strip() for line in lines if line.strip()) or str(error))


def cut(text: str) -> str:
    """Return the begin of what a Monitor prints, for the text of an error."""
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_line(command: str) -> None:
    """Refuse what is more than one line: the Monitor would take it for several, and answer each.

    Raises:
        MonitorError: there is a line end, or another control character.
    """
    if _CONTROL.search(command):
        raise MonitorError(f"a command is one line without control characters, not {command!r}")


_NUMBER: Final = re.compile(r"\s*(?:0x(?P<hex>[0-9A-Fa-f]{1,16})|(?P<decimal>[0-9]{1,20}))\b")
_LONGEST: Final = 4000
"""Characters of a line; a Monitor behind telnet echoes each of them."""


class BatchedMonitor:
    """Monitor whose lines are as few as possible.

    While ``joins`` is set, commands that answer nothing wait and go with the next one that does, on one line: in the
    order in which they were given, and before any virtual time passes. Only who knows that nobody else looks at the
    machine meanwhile may set it. ``lines`` counts what was sent.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: list[str] = []
        self._length = 0
        self._joins = False
        self.lines = 0

    @property
    def joins(self) -> bool:
        """True while commands without an answer wait."""
        return self._joins

    @joins.setter
    def joins(self, joins: bool) -> None:
        self._joins = joins
        if not joins:
            self.flush()

    def do(self, command: str) -> None:
        """Run a command that prints nothing.

        Raises:
            MonitorError: it is refused. For one that waited an EngineError comes later, from what it was sent with.
        """
        if self._length + len(command) > _LONGEST:
            self.flush()
        if self._joins:
            self._waiting.append(command)
            self._length += len(command) + 2
        else:
            self._send([command])

    def ask(self, *commands: str, answers: int | None = None) -> list[str]:
        """Run commands on one line and return the lines that they print, one each unless ``answers`` says how many.

        Raises:
            MonitorError: one is refused.
            EngineError: another number of lines was printed, or something that waited is refused.
        """
        expected = len(commands) if answers is None else answers
        printed = self._send(commands)
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        if len(lines) != expected:
            raise EngineError(
                f"`{'; '.join(commands)}` printed {len(lines)} lines instead of {expected}: {cut(printed)!r}"
            )
        return lines

    def number(self, command: str) -> int:
        """Run a command that prints one number."""
        return number(self.ask(command)[0])

    def execute(self, command: str) -> str:
        """Run anything and return what it prints; what waited goes before it."""
        self.flush()
        return self._send([command])

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self._send([])

    def _send(self, commands: tuple[str, ...] | list[str]) -> str:
        waited, self._waiting, self._length = self._waiting, [], 0
        line = "; ".join([*waited, *commands])
        self.lines += 1
        try:
            return plain(self._transport.execute(line))
        except MonitorError as error:
            if waited:
                raise EngineError(f"the Monitor refuses a part of `{line}`: {words(error)}") from error
            raise MonitorError(plain(str(error))) from error


def number(text: str) -> int:
    """Return a number in any of the Monitor's forms: ``0x0000000A``, ``10`` and ``0xA (10)``.

    Raises:
        EngineError: there is none.
    """
    found = _NUMBER.match(text)
    if found is None:
        raise EngineError(f"the Monitor printed {cut(text)!r} where a number was expected")
    return int(found["hex"], 16) if found["hex"] is not None else int(found["decimal"])


MONITOR_SCRIPT: Final = "icmsg_monitor.py"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``lockstep`` is the mailbox whose extensions hold the emulation, None where time passes in slices of RunFor.

    ``blocks`` tells whether ``icmsg_read`` and ``icmsg_write`` are there.
    """

    lockstep: str | None
    blocks: bool


def find_platform(transport: Transport) -> Path:
    """Return the shipped platform file whose cores the selected machine has, the default's where none fits."""
    return shipped_platform_with(lambda cpu: _answers(transport, f"sysbus.{cpu} IsHalted"))


def find_capabilities(
    monitor: BatchedMonitor, platform: Path, cores: Mapping[str, SocCore], shared: Collection[MappedRange]
) -> Capabilities:
    """Pause the emulation, check that the selected machine is one of ``platform``, and see what can be used.

    Raises:
        EngineError: there is no such machine; the text says what to do.
    """
    mailboxes = [core.mailbox for core in cores.values() if core.mailbox is not None]
    _check_machine(monitor, platform, [core.cpu for core in cores.values()])
    # Somebody before us may have left it held, and then `pause` would wait for ever.
    if mailboxes and _answers(monitor, f"{mailboxes[0]} EndLockstep"):
        monitor.execute("pause")
        uarts = [core.uart for core in cores.values() if core.uart is not None]
        follow = f'{mailboxes[0]} Follow "{" ".join(mailboxes)}" "{" ".join(uarts)}"'
        lockstep = mailboxes[0] if _answers(monitor, follow) else None
    else:
        monitor.execute("pause")
        lockstep = None
    return Capabilities(lockstep, _find_blocks(monitor, shared))


def _check_machine(monitor: BatchedMonitor, platform: Path, cpus: list[str]) -> None:
    try:
        monitor.execute("using sysbus")
        for cpu in cpus:
            monitor.execute(f"{cpu} IsHalted")
    except MonitorError as error:
        script = platform.stem if platform.stem in BOARDS else "platform"
        raise EngineError(
            f"the Monitor has no machine of {platform.name} selected ({words(error)}): include "
            f"renode/{script}.resc, select the machine with `mach set`, or name the platform file that it was "
            "made of"
        ) from error


def _find_blocks(monitor: BatchedMonitor, shared: Collection[MappedRange]) -> bool:
    place = next(iter(sorted(shared, key=lambda place: place.start)), None)
    if place is None:
        return False
    probe = f"icmsg_read 0x{place.start:08X} 4"
    if _answers(monitor, probe):
        return True
    return _answers(monitor, f"include {monitor_path(asset('renode') / MONITOR_SCRIPT)}") and _answers(
        monitor, probe
    )


def _answers(monitor: Transport | BatchedMonitor, command: str) -> bool:
    try:
        monitor.execute(command)
    except MonitorError:
        return False
    return True
