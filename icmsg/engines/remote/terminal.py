"""Output of Renode's Monitor to a terminal, taken apart: telnet commands, colours, echo, output, prompt.

Read in the sources of Renode 1.16.1 and later (``SocketServerProvider``) and of its shell (AntShell): at connection the
server announces telnet options and does not care about answers. The shell echoes each character, ends the echo with
``\\n\\r``, prints, and then the prompt: ``(monitor) ``, or the name of the selected machine in parentheses. Errors are
written in red, a text with its line end at a time; with ``--plain`` there are no colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from icmsg.engines.remote.transport import plain

_IAC: Final = b"\xff"
_LONGEST_COMMAND: Final = 4096
_MOST_COMMANDS: Final = 1000
"""Renode announces five options."""
_COMMAND: Final = re.compile(
    rb"\xff(?:[\xfb-\xfe].|\xfa.{0,%d}?\xff\xf0|[^\xfa-\xfe])" % _LONGEST_COMMAND, re.DOTALL
)
"""An option, a subnegotiation up to its end, or anything else of two bytes: a byte 255 is sent twice."""

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])")
_RED_TEXT: Final = re.compile(r"\x1b\[(?:91|;?0?31)m([^\x1b]+\r?\n)\x1b\[0m")
_PROMPT: Final = re.compile(
    r"(?:(?:\A|[\r\n])(?:\x1b\[[\d;]*m)*|\x1b\[[\d;]*m)\((?P<name>[^()\r\n\x1b]+)\) (?:\x1b\[[\d;]*m)*\Z"
)
"""The prompt: on a line of its own, or in a colour of its own, behind output without a line end."""
_LONGEST_PROMPT: Final = 200
_PLAIN_ERRORS: Final = re.compile(
    r"^(?:There was an error executing command '|No such (?:command|variable)"
    r"|Could not (?:find|tokenize|convert|load)\b|Errors during compilation or loading:|Bad parameters for command "
    r"|Command \S+ failed, returning |Failed to download |Machine \S+ not found\."
    r"|No (?:machine selected|device found|accessor specified)|Select active machine first"
    r"|Argument not found for |Accessor )",
    re.MULTILINE,
)
"""Beginnings of texts that Renode writes with ``WriteError``; without colours there is nothing else to go by."""


class TelnetDecoder:
    """Takes telnet commands out of a stream of bytes that comes in any pieces."""

    def __init__(self) -> None:
        self._waiting = b""
        self._commands = 0

    def begin(self) -> None:
        """Let an answer begin, to which a limited number of telnet commands may belong."""
        self._commands = 0

    def decode(self, data: bytes) -> bytes:
        """Return what is text of ``data``, and of what was left over from the last time.

        Raises:
            ValueError: more telnet commands than belong to any answer, or a longer one than there are.
        """
        data, self._waiting = self._waiting + data, b""
        text, at = bytearray(), 0
        while (start := data.find(_IAC, at)) >= 0:
            text += data[at:start]
            found = _COMMAND.match(data, start)
            if found is None:
                self._waiting = data[start:]
                if len(self._waiting) > _LONGEST_COMMAND:
                    raise ValueError("a telnet command does not end")
                return bytes(text)
            at = found.end()
            if found[0] == _IAC * 2:
                text += _IAC
            else:
                self._commands += 1
                if self._commands > _MOST_COMMANDS:
                    raise ValueError("telnet commands without end")
        text += data[at:]
        return bytes(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """Text that was printed, without colours; whether it is an error; the name in the prompt behind it."""

    text: str
    failed: bool
    prompt: str


def without_sequences(text: str) -> str:
    """Return a text without colours and movements of the cursor."""
    return _SEQUENCE.sub("", text)


def prompt_at_end(text: str, known: str = "") -> str | None:
    """Return the name in the prompt with which ``text`` ends, None if it ends with something else.

    The ``known`` one of before needs neither a line nor a colour of its own.
    """
    end = text if len(text) <= _LONGEST_PROMPT else "." + text[-_LONGEST_PROMPT:]
    found = _PROMPT.search(end)
    if found is not None:
        return found["name"]
    return known if known and without_sequences(end).endswith(f"({known}) ") else None


def read_answer(command: str, text: str, known: str = "") -> Answer | None:
    """Take apart what came after ``command`` was sent; None while it does not end with a prompt.

    ``known`` is the name in the prompt of before.

    Raises:
        ValueError: it does not begin with the echo of the command: somebody else types, too.
    """
    name = prompt_at_end(text, known)
    if name is None:
        return None
    start = _end_of_echo(command, text)
    body = text[start : text.rindex(f"({name}) ")]
    printed = plain(without_sequences(body))
    failed = _RED_TEXT.search(body) is not None or _PLAIN_ERRORS.search(printed) is not None
    return Answer(printed, failed, name)


def _end_of_echo(command: str, text: str) -> int:
    """Return where the output begins; the echo may have movements of the cursor in it, as at the end of a line."""
    at = 0
    for character in command:
        while (moved := _SEQUENCE.match(text, at)) is not None:
            at = moved.end()
        if text[at : at + 1] != character:
            raise ValueError(f"{text[:80]!r} does not begin with the echo of {command!r}")
        at += 1
    end = text.find("\n", at)
    if end < 0 or without_sequences(text[at:end]).strip("\r"):
        raise ValueError(f"{text[:80]!r} is not the echo of {command!r} alone")
    return end + 1
