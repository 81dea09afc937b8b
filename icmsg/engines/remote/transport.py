"""Transport of commands to a Monitor: text in, text out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import IcmsgError, MonitorError
from icmsg.machine.console import printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """The Monitor of some Renode; :class:`icmsg.monitor.protocol.Monitor` is one, too."""

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


def check_line(command: str) -> None:
    """Refuse what is more than one line: the Monitor would take it for several, and answer each.

    Raises:
        MonitorError: there is a line end, or another control character.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in command):
        raise MonitorError(f"a command is one line without control characters, not {command!r}")
