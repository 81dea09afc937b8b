"""A Monitor line with ``icmsg`` in it, before Renode's tokenizer would take ``0x0c`` for 12 and ``:05`` for a comment.

>>> split_commands('start; icmsg send "a; b" net # greets')
['start', 'icmsg send "a; b" net']
>>> words_of('icmsg send "a; b" net')
['icmsg', 'send', 'a; b', 'net']
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable

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
