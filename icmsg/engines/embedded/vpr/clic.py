"""Pending, enabled and active interrupts of a VPR, and which of them runs next (RISC-V CLIC, draft 0.8).

All are edge-triggered and vectored. Larger levels are more urgent; of two with the same one the larger number is first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.processor import ignore

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTS: Final = 271
FIRST_CODE: Final = 16
"""Number of interrupt 0 in mcause and in the table at mtvt: the CLIC draft leaves sixteen to local interrupts.

Zephyr installs its handlers accordingly (CONFIG_RISCV_RESERVED_IRQ_ISR_TABLES_OFFSET of its VPR cores).
"""
LEVEL_BITS: Final = 0x3F
"""Bits of a level that are always one: there are four of them, 0x3F, 0x7F, 0xBF and 0xFF."""


class Clic:
    """State of the interrupt controller; ``changed`` is called when an interrupt may have become takeable."""

    __slots__ = (
        "active",
        "began",
        "changed",
        "enabled",
        "ended",
        "entered",
        "left",
        "level",
        "lines",
        "pending",
    )

    def __init__(self) -> None:
        self.changed: Callable[[], None] = ignore
        self.ended: Callable[[int], None] | None = None
        self.began: Callable[[int], None] | None = None
        """Called with an interrupt whose handler has returned."""
        self.entered: list[Callable[[int], None]] = []
        self.left: list[Callable[[int], None]] = []
        self.pending = 0
        self.enabled = 0
        self.lines = 0
        self.active: list[int] = []
        self.level = [LEVEL_BITS] * INTERRUPTS

    def reset(self) -> None:
        """Put everything but the input lines into the reset state; a line that is high pends nothing."""
        self.pending = self.enabled = 0
        self.active.clear()
        self.level[:] = [LEVEL_BITS] * INTERRUPTS

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive the input of an interrupt, which becomes pending where it rises. Return what it offers now."""
        bit = 1 << interrupt
        if not level:
            self.lines &= ~bit
        elif not self.lines & bit:
            self.lines |= bit
            self.pend(interrupt)
        return self.offers(interrupt)

    def latch_edges(self, interrupt: int) -> None:
        """Do nothing: every interrupt is latched at its edge."""

    def offers(self, interrupt: int) -> bool:
        """Return whether the line of an enabled interrupt is high."""
        return bool(self.lines & self.enabled & 1 << interrupt)

    def pend(self, interrupt: int) -> None:
        """Make an interrupt pending."""
        self.pending |= 1 << interrupt
        if self.enabled & 1 << interrupt:
            self.changed()

    def unpend(self, interrupt: int) -> None:
        """Take the pending state of an interrupt back, whatever its line says."""
        self.pending &= ~(1 << interrupt)

    def enable(self, interrupt: int, on: bool) -> None:
        """Enable or disable an interrupt; it keeps its pending state."""
        bit = 1 << interrupt
        if bool(self.enabled & bit) is not on:
            self.enabled ^= bit
            self.changed()

    def set_level(self, interrupt: int, level: int) -> None:
        """Set how urgent an interrupt is."""
        level |= LEVEL_BITS
        if self.level[interrupt] != level:
            self.level[interrupt] = level
            self.changed()

    def most_urgent(self) -> tuple[int, int] | None:
        """Return number and level of the pending enabled interrupt that would be taken first, or None."""
        candidates = self.pending & self.enabled
        best = None
        while candidates:
            number = candidates.bit_length() - 1
            candidates ^= 1 << number
            level = self.level[number]
            if best is None or level > best[1]:
                best = number, level
        return best

    def begin(self, interrupt: int) -> None:
        """Note that the handler of an interrupt is entered."""
        self.pending &= ~(1 << interrupt)
        self.active.append(interrupt)
        if self.began is not None:
            self.began(interrupt)
        for told in self.entered:
            told(interrupt)

    def finish(self) -> None:
        """Note that the handler entered last has returned."""
        if self.active:
            interrupt = self.active.pop()
            if self.ended is not None:
                self.ended(interrupt)
            for told in self.left:
                told(interrupt)
