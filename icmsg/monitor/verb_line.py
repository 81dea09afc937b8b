"""A line that begins with ``icmsg``: its words are no tokens of Renode's (``app->net`` is one word here)."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from icmsg.monitor.refusal import Refusal

if TYPE_CHECKING:
    from icmsg.monitor.variables import Collection

_BEGIN: Final = re.compile(r"\s*icmsg(?=\s|$)")
_SPLIT: Final = re.compile(r""";(?=(?:[^"]*"[^"]*")*[^"]*$)""")
"""A semicolon that stands in no quotes."""


def split_at_verbs(line: str) -> list[str]:
    """Return the commands of a line in which a verb is, each for itself; an empty list where none is.

    >>> split_at_verbs('mach; icmsg send "a;b"')
    ['mach', ' icmsg send "a;b"']
    """
    if "icmsg" not in line:
        return []
    parts = _SPLIT.split(line)
    return parts if any(map(_BEGIN.match, parts)) else []


def verb_of(command: str) -> str | None:
    """Return what follows ``icmsg``; None where the command is another one."""
    begin = _BEGIN.match(command)
    return None if begin is None else command[begin.end() :]


def verb_words(text: str, variables: Collection) -> list[str]:
    """Return the words, quotes taken off and variables replaced.

    Raises:
        Refusal: a quote is not closed, or there is no such variable.
    """
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise Refusal(f"icmsg{text}: {str(error).lower()}") from None
    return [
        str(variables.expand(word[1:]).value) if word[:1] == "$" and len(word) > 1 else word for word in words
    ]
