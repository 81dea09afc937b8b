"""Renesas RA's ICU: events of peripherals become interrupts of the core, as firmware links them by IELSR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_MASK: Final = 0xFFFF_FFFF
_IELSR: Final = 0x300
_PENDING: Final = 1 << 16
_MOST: Final = 96
_FALLING, _RISING, _BOTH = range(3)
_GROUPS: Final = 8
_RA2_EVENTS: Final = {
    **{(1, group): 1 + group % 4 for group in range(_GROUPS)},
    **{(0x12, group): 0x71 for group in (0, 4)},
    **{(0x10, group): 0x72 for group in (1, 5)},
    **{(0x0F, group): 0x73 for group in (2, 6)},
    **{(0x0F, group): 0x74 for group in (3, 7)},
    (0x1E, 0): 0x77, (0x1B, 1): 0x78, (0x1B, 2): 0x79, (0x19, 3): 0x7A,
    (0x1E, 4): 0x7C, (0x1C, 5): 0x7D, (0x1E, 6): 0x7E, (0x1A, 7): 0x7F,
    (0x1D, 4): 0x8E, (0x1B, 5): 0x8F, (0x1C, 6): 0x90, (0x19, 7): 0x91,
    (0x1F, 0): 0x93, (0x1D, 1): 0x94, (0x1C, 2): 0x95, (0x1A, 3): 0x96,
}  # fmt: skip
"""Events by (IELS, number of the interrupt modulo 8): the pins and the SCIs of RA2 (RA2E1 manual, 13.3)."""


class RenesasIcuModel(SizedModel):
    """ICU of the core of ``slot``, with ``interrupts`` registers IELSR (RA6M5 manual, "Interrupt Controller Unit").

    An event that rises sets IR of each IELSR that names it, and the core's interrupt of that number is high until
    firmware writes 0 to IR. Events 1 to ``pins`` are those of pins, whose edge IRQCR chooses. ``is_ra2``: IELS
    means another event for each interrupt; those of pins and SCIs are known.

    Raises:
        ConfigurationError: a number of interrupts that no ICU has.
    """

    irq: Line | None = None
    inputs: Final = range(512)
    """Numbers of the events."""

    def __init__(self, slot: Slot, *, interrupts: int = _MOST, pins: int = 16, is_ra2: bool = False) -> None:
        if not 1 <= interrupts <= _MOST:
            raise ConfigurationError(f"numberOfNVICOutputs must be 1…{_MOST}, not {interrupts}")
        self._pins: Final = pins
        self._is_ra2: Final = is_ra2
        self._words: Final[dict[int, int]] = {}
        self._links: Final = [0] * interrupts
        self._levels: Final[dict[int, bool]] = {}
        self._lines: Final = [Line() for _ in range(interrupts)]
        for number, line in enumerate(self._lines):
            line.connect(slot.set_line, number)

    def reset(self) -> None:
        """Link nothing; all interrupts fall."""
        self._words.clear()
        for number, line in enumerate(self._lines):
            self._links[number] = 0
            line.set(False)

    def set_input(self, event: int, level: bool) -> None:
        """Take over the level of an event of a peripheral, or of a pin."""
        rose = level and not self._levels.get(event, False)
        changed = level is not self._levels.get(event, False)
        self._levels[event] = level
        edge = self._words.get(WORD * (event - 1), 0) & 3 if event <= self._pins else _RISING
        if not (rose if edge == _RISING else changed and (edge == _BOTH or not level)):
            return
        for number, link in enumerate(self._links):
            if event and self._event(number, link) == event:
                self._links[number] |= _PENDING
                self._lines[number].set(True)

    def _event(self, number: int, link: int) -> int:
        if self._is_ra2:
            return _RA2_EVENTS.get((link & 0x1F, number % _GROUPS), 0)
        return link & 0x1FF

    def _linked(self, offset: int) -> int | None:
        number = (offset - _IELSR) // WORD
        return number if 0 <= number < len(self._links) else None

    def _read(self, offset: int, _size: int) -> int:
        """Read a register, from the byte ``offset`` on."""
        number = self._linked(offset)
        value = self._words.get(offset & -WORD, 0) if number is None else self._links[number]
        return value >> 8 * (offset % WORD)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Write a register, or a part of it; IR can only be cleared."""
        number, shift = self._linked(offset), 8 * (offset % WORD)
        written = ((1 << 8 * size) - 1) << shift & _MASK
        value = value << shift & written
        if number is None:
            word = offset & -WORD
            self._words[word] = self._words.get(word, 0) & ~written | value
            return
        old = self._links[number]
        new = old & ~written | value & ~_PENDING
        if old & _PENDING and not (written & ~value & _PENDING):
            new |= _PENDING
        self._links[number] = new
        self._lines[number].set(bool(new & _PENDING))
