"""Names of variables as a person writes them: ``stats.received``, ``buf[3]``, ``p->x``, ``*p``, ``file.c::counter``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from icmsg.errors import FirmwareError

_SCOPE: Final = re.compile(r"([^\[\]*]+)::")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_STEP: Final = re.compile(r"\s*(?:(\.|->)\s*([A-Za-z_$][\w$]*)|\[\s*(0[xX][0-9a-fA-F]+|[0-9]+)\s*\])")


@dataclass(frozen=True, slots=True)
class VariablePath:
    """A variable ``name``, told from others by ``scope`` (its file, function or namespace, or empty), and what of it.

    ``steps`` are names of members behind ``.`` or ``->``, as (operator, name), and indices, as ("[", number).
    ``stars`` is how often the value is followed as a pointer at last.
    """

    name: str
    steps: tuple[tuple[str, str | int], ...] = ()
    scope: str = ""
    stars: int = 0


def parse_path(text: str) -> VariablePath:
    """Return what a text names.

    Raises:
        FirmwareError: it is not written like a variable.
    """
    rest = text.strip()
    stars = len(rest) - len(rest.lstrip("* "))
    stars, rest = rest[:stars].count("*"), rest[stars:]
    scope = ""
    if (found := _SCOPE.match(rest)) is not None:
        scope, rest = found[1].strip().strip("'\""), rest[found.end() :]
    name = _NAME.match(rest)
    if name is None:
        raise _refused(text, text.strip() or "nothing")
    rest = rest[name.end() :]
    steps: list[tuple[str, str | int]] = []
    while rest.strip():
        step = _STEP.match(rest)
        if step is None:
            raise _refused(text, rest.strip())
        steps.append((step[1], step[2]) if step[1] else ("[", int(step[3], 0)))
        rest = rest[step.end() :]
    return VariablePath(name[0], tuple(steps), scope, stars)


def _refused(text: str, what: str) -> FirmwareError:
    return FirmwareError(
        f"{text!r} is no variable (at {what!r}); write name, name.member, name[3], pointer->member, *pointer, "
        "file.c::name or function::name"
    )
