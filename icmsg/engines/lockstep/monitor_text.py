"""Rules of the Monitor's language that are needed to run its commands beside a machine that Python uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT: Final = '"""'
"""Begins and ends a text of several lines, as that of a macro."""
_PARTS: Final = re.compile(r"""(?:\"{3}[\s\S]*?\"{3}|"[^"]*"|'[^']*'|[^;"'])+""")
_NAMES_A_TEXT: Final = re.compile(r"(?:^|\n)\s*(?:macro|alias|set)\s+\w+\s*$")
_RUN_FOR: Final = re.compile(
    r"""^emulation\s+RunFor\s+["']?(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)["']?\s*$""",
    re.IGNORECASE,
)


def split(lines: str) -> Iterator[str]:
    """Yield the single commands of several lines; comments and empty ones are left out.

    Raises:
        MonitorError: a text of several lines does not end.
    """
    for line in _join(lines):
        if not line.lstrip().startswith(("#", ":")):
            yield from (part.strip() for part in _PARTS.findall(line) if part.strip())


def _join(lines: str) -> Iterator[str]:
    """Yield lines; a text that begins on a line of its own belongs to the one before, as in a script."""
    whole: list[str] = []
    is_text = False
    for line in lines.splitlines():
        if not is_text and not line.startswith(_TEXT):
            yield from whole
            whole = []
        whole.append(line)
        if line.count(_TEXT) % 2:
            is_text = not is_text
            if is_text or len(whole) > 1:
                whole = ["\n".join(whole)]
    if is_text:
        raise MonitorError(f"the text that begins with {_TEXT} does not end; close it with {_TEXT}")
    yield from whole


def is_unfinished(lines: str) -> bool:
    """Return whether a text of several lines is still to come, as after ``macro reset`` alone."""
    return lines.count(_TEXT) % 2 == 1 or _NAMES_A_TEXT.search(lines) is not None


def run_for_ns(command: str) -> int | None:
    """Return the nanoseconds of an ``emulation RunFor``, given as seconds or as hh:mm:ss; None for anything else."""
    found = _RUN_FOR.match(command)
    if found is None:
        return None
    whole, _, fraction = found["s"].partition(".")
    seconds = (int(found["h"] or 0) * 60 + int(found["m"] or 0)) * 60 + int(whole)
    return seconds * 1_000_000_000 + int(f"{fraction:0<9}"[:9])
