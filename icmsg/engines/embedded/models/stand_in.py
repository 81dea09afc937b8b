"""Models that stand for peripherals that nothing models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.hw.line import Line


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
    python = f"commands left out, since they need Python: {', '.join(left_out)}"
    return "; ".join(part for part in (words, python if left_out else "") if part)
