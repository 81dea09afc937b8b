"""Commands of a script, from its lines: text between three quotes belongs to one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.limits import SCRIPT_BYTES, read_file
from icmsg.monitor.refusal import Refusal
from icmsg.monitor.tokens import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUOTES: Final = '"""'
_LONGEST: Final = 200
"""Lines that a string may have which one quote began."""


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, from 1; the lines joined).

    A line that begins with three quotes belongs to the one before it, as in ``macro reset`` and its text below.
    """
    pending: tuple[int, str] | None = None
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        toggles = line.count(_QUOTES) % 2 == 1
        if inside or (pending is not None and line.startswith(_QUOTES)):
            assert pending is not None
            pending = pending[0], f"{pending[1]}\n{line}"
        else:
            if pending is not None:
                yield pending
            pending = number, line
        inside ^= toggles
    if pending is not None:
        yield pending


def whole_strings(text: str) -> Iterator[str]:
    """Yield the lines of what is given at once, joined; also those over which a string goes that one quote began."""
    lines = [line for _, line in logical_lines(text)]
    while lines:
        ends = (end for end in range(1, min(len(lines), _LONGEST) + 1) if is_whole("\n".join(lines[:end])))
        end = next(ends, 1)
        yield "\n".join(lines[:end])
        del lines[:end]


def read_script(path: Path) -> str:
    """Return the text of a script.

    Raises:
        Refusal: the file is not there, or is no text.
    """
    try:
        return read_file(path, SCRIPT_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise Refusal(f"{path} cannot be read as a script: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} cannot be read as a script: {error}") from None
