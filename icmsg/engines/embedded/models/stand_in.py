"""Models that stand for peripherals that nothing models, and for those that a line of Python describes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.hw.line import Line

_MASK: Final = 0xFFFF_FFFF
_CONSTANT: Final = re.compile(r"\s*request\.[Vv]alue\s*=\s*(0[xX][0-9A-Fa-f]+|\d+)\s*")
_NEXT: Final[dict[str, Callable[[int], int]]] = {
    "counter.py": lambda last: last + 1,
    "flipflop.py": lambda last: last ^ _MASK,
    "rolling-bit.py": lambda last: last << 1 & _MASK or 1,
    "ticker.py": lambda last: last + 1,
}
"""The value that is read next, by the file of Renode's ``scripts/pydev``."""
_FIRST: Final = {"counter.py": -1}


class StandInModel(SizedModel):
    """Registers of a type that is not modelled: they read as they were written, at first zero.

    ``first_access(what, offset)`` is told once, at the first read or write of firmware or anybody.
    """

    irq: Line | None = None

    def __init__(self, first_access: Callable[[str, int], None]) -> None:
        self._first_access: Final = first_access
        self._touched = False
        self._words: Final[dict[int, int]] = {}

    def reset(self) -> None:
        """Forget what was written."""
        self._words.clear()

    def _read(self, offset: int, _size: int) -> int:
        """Read what was written last, from the byte ``offset`` on."""
        self._tell("read", offset)
        return self._words.get(offset & -WORD, 0) >> 8 * (offset % WORD)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Keep what is written."""
        self._tell("write", offset)
        word, shift, mask = offset & -WORD, 8 * (offset % WORD), (1 << 8 * size) - 1
        self._words[word] = self._words.get(word, 0) & ~(mask << shift) | value << shift

    def _tell(self, what: str, offset: int) -> None:
        if not self._touched:
            self._touched = True
            self._first_access(what, offset)


class ScriptedModel(SizedModel):
    """Register whose reads give one value after the other; nothing keeps what is written.

    ``following`` makes each value from the last one, ``first`` is what it begins with.
    """

    irq: Line | None = None

    def __init__(self, following: Callable[[int], int], first: int = 0) -> None:
        self._following: Final = following
        self._first: Final = first
        self._last = first

    def reset(self) -> None:
        """Begin again."""
        self._last = self._first

    def _write(self, offset: int, size: int, value: int) -> None:
        """Lose it."""

    def _read(self, _offset: int, _size: int) -> int:
        """Read the value behind the last one."""
        self._last = self._following(self._last)
        return self._last


def scripted(script: object, file: object) -> ScriptedModel | None:
    """Return the model of a ``Python.PythonPeripheral`` by its attributes, None for what would have to be executed.

    Known are a script that is one constant, ``request.Value = 0xFF``, and files that are called as those in Renode's
    ``scripts/pydev``. No Python of a platform file is executed.
    """
    if isinstance(script, str) and (found := _CONSTANT.fullmatch(script)) is not None:
        value = int(found[1], 0)
        return ScriptedModel(lambda _last: value)
    name = file.replace("\\", "/").rpartition("/")[2] if isinstance(file, str) else ""
    following = _NEXT.get(name)
    return None if following is None else ScriptedModel(following, _FIRST.get(name, 0))


def announced(stand_ins: Mapping[str, str], left_out: Sequence[str] = ()) -> str:
    """Return one line that names what nothing models, by type, and the commands that nobody runs; empty for nothing.

    ``stand_ins`` are types by name.
    """
    names: dict[str, list[str]] = {}
    for name, kind in stand_ins.items():
        names.setdefault(kind, []).append(name)
    listed = ", ".join(f"{kind} ({', '.join(names[kind])})" for kind in sorted(names))
    words = (
        f"the embedded engine has no models of {listed}: they keep what is written, and nothing else happens; the "
        "renode engine has them"
        if listed
        else ""
    )
    python = f"commands left out, since no Python of a platform file is executed: {', '.join(left_out)}"
    return "; ".join(part for part in (words, python if left_out else "") if part)
