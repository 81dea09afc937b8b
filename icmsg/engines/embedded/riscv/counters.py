"""The counters of cycles and instructions that every RISC-V core here has: an instruction is a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MCOUNTINHIBIT: Final = 0x320
_MCYCLE, _MINSTRET, _MCYCLEH, _MINSTRETH = 0xB00, 0xB02, 0xB80, 0xB82
_CYCLE, _INSTRET, _CYCLEH, _INSTRETH = 0xC00, 0xC02, 0xC80, 0xC82
_COUNTER: Final = {
    _MCYCLE: (0, 0),
    _MCYCLEH: (0, 32),
    _MINSTRET: (2, 0),
    _MINSTRETH: (2, 32),
    _CYCLE: (0, 0),
    _CYCLEH: (0, 32),
    _INSTRET: (2, 0),
    _INSTRETH: (2, 32),
}
"""Counters by number: their bit in mcountinhibit, and the bit of the count that they begin at."""
_WRITABLE: Final = (_MCYCLE, _MCYCLEH, _MINSTRET, _MINSTRETH)
COUNTERS: Final = 0x5
"""Bits of mcountinhibit."""
_MASK: Final = 0xFFFF_FFFF


class Counters:
    """The counters of one core; ``inhibited`` are the bits of mcountinhibit after a reset.

    ``executed()`` is how many instructions were executed.
    """

    def __init__(self, executed: Callable[[], int], *, inhibited: int) -> None:
        self._executed: Final = executed
        self._first: Final = inhibited
        self._inhibited = inhibited
        self._counted: dict[int, int] = {}  # what they have counted, or where they would have been zero
        self.reset()
        self.readers: Final[dict[int, Callable[[], int]]] = {
            MCOUNTINHIBIT: lambda: self._inhibited,
            **{number: self._reader(bit, first) for number, (bit, first) in _COUNTER.items()},
        }
        self.writers: Final[dict[int, Callable[[int], None]]] = {
            MCOUNTINHIBIT: self._inhibit,
            **{number: self._writer(*_COUNTER[number]) for number in _WRITABLE},
        }

    def reset(self) -> None:
        """Begin at 0."""
        self._inhibited = self._first
        for bit in (0, 2):
            self._start(bit, 0)

    def _inhibit(self, value: int) -> None:
        before = {bit: self._count(bit) for bit in self._counted}
        self._inhibited = value & COUNTERS
        for bit, count in before.items():
            self._start(bit, count)

    def _count(self, bit: int) -> int:
        stands = self._inhibited >> bit & 1
        return self._counted[bit] if stands else self._executed() - self._counted[bit]

    def _start(self, bit: int, count: int) -> None:
        stands = self._inhibited >> bit & 1
        self._counted[bit] = count if stands else self._executed() - count

    def _reader(self, bit: int, first: int) -> Callable[[], int]:
        return lambda: self._count(bit) >> first & _MASK

    def _writer(self, bit: int, first: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            self._start(bit, self._count(bit) & _MASK << (32 - first) | value << first)

        return write
