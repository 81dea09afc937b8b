"""Values that stand behind a verb: numbers, bytes, times.

A Monitor line with ``icmsg`` in it, before Renode's tokenizer would take ``0x0c`` for 12 and ``:05`` for a comment.

>>> split_commands('start; icmsg send "a; b" net # greets')
['start', 'icmsg send "a; b" net']
>>> words_of('icmsg send "a; b" net')
['icmsg', 'send', 'a; b', 'net']
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.timers import MS, NS, US, S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_TIME: Final = re.compile(r"(?:(\d+):(\d\d):)?(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?", re.ASCII)
_UNITS: Final = {"ns": NS, "us": US, "µs": US, "ms": MS, "s": S}


def number(text: str, what: str) -> int:
    """Return a whole number, decimal or ``0x…``."""
    try:
        return int(text, 0)
    except ValueError:
        raise MonitorError(f"{what} {text!r}: use a whole number, such as 12 or 0x0C") from None


def hex_bytes(text: str) -> bytes:
    """Return the bytes of hex digits, two for each, in the order in which they are written."""
    try:
        data = bytes.fromhex(text.removeprefix("hex:").removeprefix("0x"))
    except ValueError:
        data = b""
    if not data:
        raise MonitorError(f"{text!r} are no bytes: use two hex digits for each, such as 0c000000")
    return data


def message(text: str) -> bytes:
    """Return the bytes of ``hex:…`` or ``0x…``, or text in UTF-8; ``text:…`` is text whatever it looks like."""
    if text.startswith(("hex:", "0x")):
        return hex_bytes(text)
    return text.removeprefix("text:").encode()


def time_ns(text: str) -> int:
    """Return the nanoseconds of a virtual time: seconds as in ``emulation RunFor``, or with a unit, as ``5ms``."""
    found = _TIME.fullmatch(text)
    if found is None or (found[1] and found[4]):
        raise MonitorError(
            f'{text!r} is no time: use seconds as in emulation RunFor ("0.01", "00:00:01"), or 10ms'
        )
    hours, minutes, value, unit = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * S
    return whole + round(float(value) * _UNITS[unit or "s"])


def option(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``--name VALUE`` (or ``--name=VALUE``), and that value or None."""
    left: list[str] = []
    value = None
    rest = iter(words)
    for word in rest:
        if word == name:
            value = next(rest, None)
            if value is None:
                raise MonitorError(f"{name} needs a value")
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
        else:
            left.append(word)
    return left, value


def setting(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``name=VALUE``, and that value or None."""
    left = [word for word in words if not word.startswith(f"{name}=")]
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return left, found[-1] if found else None


WORD: Final = "icmsg"
"""Word that begins a command which goes to the verbs."""

_PIECE: Final = re.compile(r"""(?:\\ |[^\s;"'`])+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def is_verb(command: str) -> bool:
    """Tell whether a command goes to the verbs."""
    return command.split(maxsplit=1)[:1] == [WORD]


def split_commands(line: str) -> list[str]:
    """Return the commands between the semicolons of a line, without a comment at its end."""
    commands = [""]
    position = 0
    while position < len(line):
        character = line[position]
        if character == "#" and (not commands[-1] or commands[-1][-1].isspace()):
            break
        piece = _PIECE.match(line, position)
        text = piece[0] if piece is not None else character
        if character == ";":
            commands.append("")
        else:
            commands[-1] += text
        position += len(text)
    return [command.strip() for command in commands if command.strip()]


def words_of(command: str, value_of: Callable[[str], str] = str) -> list[str]:
    """Return the words of one command, with the quotes taken off.

    ``value_of`` gives the text for a word such as ``$name``. MonitorError for a quote that is not closed.
    """
    words: list[str] = []
    position, joined = 0, False
    while position < len(command):
        piece = _PIECE.match(command, position)
        if piece is None:
            if not command[position].isspace():
                raise MonitorError(f"a quote is not closed: {command[position:]}")
            position, joined = position + 1, False
            continue
        text = piece[0]
        if text[0] in "\"'":
            text = _ESCAPED.sub(r"\1", text[1:-1])
        elif text[0] == "$":
            text = value_of(text)
        else:
            text = text.replace("\\ ", " ")  # as in Renode's paths, @a\ b
        if joined:
            words[-1] += text
        else:
            words.append(text)
        position, joined = piece.end(), True
    return words
