"""What Renode's Monitor sends to a terminal, taken apart: telnet commands, colours, echo, output, prompt.

Read in the sources of Renode 1.16.1 and later (``SocketServerProvider``) and of its shell (AntShell): at connection the
server announces telnet options and does not care about answers. The shell echoes each character, ends the echo with
``\\n\\r``, prints, and then the prompt: ``(monitor) ``, or the name of the selected machine in parentheses. Errors are
written in red, a text with its line end at a time; with ``--plain`` there are no colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from icmsg.cosim.remote.transport import plain

_IAC: Final = 255
_OPTION_COMMANDS: Final = range(251, 255)
_SUBNEGOTIATION: Final = 250
_SUBNEGOTIATION_END: Final = 240

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])")
_RED_TEXT: Final = re.compile(r"\x1b\[(?:91|;?0?31)m([^\x1b]+\r?\n)\x1b\[0m")
_PROMPT: Final = re.compile(
    r"(?:(?:\A|[\r\n])(?:\x1b\[[\d;]*m)*|\x1b\[[\d;]*m)\((?P<name>[^()\r\n\x1b]+)\) (?:\x1b\[[\d;]*m)*\Z"
)
"""On a line of its own, or in a colour of its own, behind output without a line end."""
_LONGEST_PROMPT: Final = 200
_PLAIN_ERRORS: Final = re.compile(
    r"^(?:There was an error executing command '|No such (?:command|variable)"
    r"|Could not (?:find|tokenize|convert|load)\b|Errors during compilation or loading:|Bad parameters for command "
    r"|Command \S+ failed, returning |Failed to download |Machine \S+ not found\."
    r"|No (?:machine selected|device found|accessor specified)|Select active machine first"
    r"|Argument not found for |Accessor )",
    re.MULTILINE,
)
"""How texts begin that Renode writes with ``WriteError``; without colours there is nothing else to go by."""


class TelnetDecoder:
    """Takes telnet commands out of a stream of bytes that comes in any pieces."""

    def __init__(self) -> None:
        self._waiting = b""

    def decode(self, data: bytes) -> bytes:
        """Return what is text of ``data``, and of what was left over from the last time."""
        data = self._waiting + data
        text, at = bytearray(), 0
        while at < len(data):
            if data[at] != _IAC:
                text.append(data[at])
                at += 1
                continue
            size = self._command_size(data, at)
            if size == 0:
                break
            if data[at + 1] == _IAC:
                text.append(_IAC)
            at += size
        self._waiting = data[at:]
        return bytes(text)

    @staticmethod
    def _command_size(data: bytes, at: int) -> int:
        """Return the bytes of the telnet command at ``at``, 0 if it is not all there."""
        rest = len(data) - at
        if rest < 2:
            return 0
        kind = data[at + 1]
        if kind in _OPTION_COMMANDS:
            return 3 if rest >= 3 else 0
        if kind == _SUBNEGOTIATION:
            end = data.find(bytes((_IAC, _SUBNEGOTIATION_END)), at)
            return end + 2 - at if end >= 0 else 0
        return 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What was printed, without colours; whether it is an error; the name in the prompt behind it."""

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
