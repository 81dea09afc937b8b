"""The interrupts of a hart: mip and mie, and the lines that its peripherals drive (RISC-V privileged architecture).

A line n is bit n of mip as long as it is high: 3 is the software interrupt of machine mode, 7 its timer, 11 what a PLIC
has for it, 16 and above are the platform's own. Of several, the external interrupt comes first, then the software and
the timer interrupt, then the others, the smallest number first.

VexRiscv and Minerva, as LiteX builds them, have a controller of 32 inputs before the external interrupt: two registers
beside the standard ones say which are let through, and which are high (VexRiscv, ``ExternalInterruptArrayPlugin``).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.traps import RiscVHandlers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOFTWARE, TIMER, EXTERNAL = 3, 7, 11
INTERRUPTS: Final = 32
_ORDER: Final = (EXTERNAL, SOFTWARE, TIMER)
_MASK: Final = 0xFFFF_FFFF
_DEEPEST: Final = 64
"""Traps of which is remembered what they were: handlers in which others come."""


class LocalInterrupts(RiscVHandlers):
    """State of the interrupts; ``changed`` is called when one may have become takeable."""

    __slots__ = ("_active", "enabled", "lines", "pending")

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.pending = 0
        """Bits of mip."""
        self.enabled = 0
        """Bits of mie."""
        self._active: deque[int | None] = deque(maxlen=_DEEPEST)

    def reset(self) -> None:
        """Put everything but the input lines into the reset state."""
        self.enabled = 0
        self._active.clear()
        self._update()

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive an input; return whether it is high and passes."""
        self.lines = self.lines & ~(1 << interrupt) | level << interrupt
        self._update()
        return level

    def latch_edges(self, interrupt: int) -> None:
        """Do nothing: every input is a level."""

    def offers(self, interrupt: int) -> bool:
        """Return whether an input is high: where Python plays the core, nobody has set up what passes."""
        return bool(self.lines >> interrupt & 1)

    def enable(self, mask: int) -> None:
        """Set mie."""
        self.enabled = mask & _MASK
        if self.pending & self.enabled:
            self.changed()

    def most_urgent(self) -> int | None:
        """Return the number of the pending enabled interrupt that would be taken first, or None."""
        candidates = self.pending & self.enabled
        if not candidates:
            return None
        first = next((number for number in _ORDER if candidates >> number & 1), None)
        return (candidates & -candidates).bit_length() - 1 if first is None else first

    def begin(self, interrupt: int | None) -> None:
        """Note that the handler of an interrupt, or for None of an exception, is entered."""
        self._active.append(interrupt)
        if interrupt is not None:
            self.tell_begun(interrupt)

    def finish(self) -> None:
        """Note that the handler entered last has returned."""
        interrupt = self._active.pop() if self._active else None
        if interrupt is not None:
            self.tell_ended(interrupt)

    def csrs(self) -> dict[int, tuple[Callable[[], int], Callable[[int], None]]]:
        """Return what reads and writes the registers that the controller has beside mip and mie, by number."""
        return {}

    def _update(self) -> None:
        self._pend(self.lines & _MASK)

    def _pend(self, pending: int) -> None:
        rose = pending & ~self.pending & self.enabled
        self.pending = pending
        if rose:
            self.changed()


class ArrayInterrupts(LocalInterrupts):
    """Interrupts of a hart with a controller of 32 inputs in it; ``mask`` and ``levels`` are its registers' numbers.

    ``others`` are the numbers, in a platform file, of the lines that go beside it.
    """

    __slots__ = ("_levels", "_mask", "_numbers", "_others")

    def __init__(self, mask: int, levels: int, others: Mapping[int, int]) -> None:
        super().__init__()
        self._numbers: Final = mask, levels
        self._others: Final = others
        self._mask = self._levels = 0

    def reset(self) -> None:
        """Let nothing through."""
        self._mask = 0
        super().reset()

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive an input; return whether it is high and passes."""
        if interrupt < INTERRUPTS:
            self._levels = self._levels & ~(1 << interrupt) | level << interrupt
        return super().set_line(interrupt, level)

    def csrs(self) -> dict[int, tuple[Callable[[], int], Callable[[int], None]]]:
        """Return what reads and writes the two registers, by number."""
        mask, levels = self._numbers
        return {
            mask: (lambda: self._mask, self._let_through),
            levels: (lambda: self._levels, self._set_levels),
        }

    def _let_through(self, mask: int) -> None:
        self._mask = mask
        self._update()

    def _set_levels(self, levels: int) -> None:
        self._levels = levels
        self._update()

    def _update(self) -> None:
        pending = bool(self._mask & self._levels) << EXTERNAL
        for line, number in self._others.items():
            pending |= (self.lines >> line & 1) << number
        self._pend(pending)
