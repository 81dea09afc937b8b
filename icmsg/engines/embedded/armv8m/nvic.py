"""Pending, enabled and active exceptions of one core, and which of them runs next (Armv8-M ARM, B3).

Numbers are exception numbers: interrupt n is exception 16 + n. Smaller priority values are more urgent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.processor import ignore

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTS: Final = 480
"""External interrupts of each core's NVIC, the most that Armv8-M allows; registers, STIR and the wires of a platform
know these and no others."""
EXCEPTIONS: Final = 16 + INTERRUPTS
INTERRUPT_MASK: Final = (1 << EXCEPTIONS) - (1 << 16)
"""The bits of the external interrupts, among those of all exceptions."""
THREAD_PRIORITY: Final = 256
"""The priority of code that runs in no exception."""

NMI: Final = 2
HARD_FAULT: Final = 3
MEM_MANAGE: Final = 4
BUS_FAULT: Final = 5
USAGE_FAULT: Final = 6
SVCALL: Final = 11
PENDSV: Final = 14
SYSTICK: Final = 15

_ALWAYS_ENABLED: Final = 0xFFFF & ~(1 << MEM_MANAGE | 1 << BUS_FAULT | 1 << USAGE_FAULT)
_FIXED: Final = {1: -4, NMI: -2, HARD_FAULT: -1}


class Nvic:
    """State of the interrupt controller; ``changed`` is called when an exception may have become takeable.

    ``priority_mask`` are the bits that a priority has in its byte (``priorityMask`` of Renode's NVIC).
    """

    __slots__ = (
        "active",
        "began",
        "changed",
        "edges",
        "enabled",
        "ended",
        "entered",
        "left",
        "lines",
        "pended",
        "pending",
        "priority",
        "priority_mask",
        "subpriority_bits",
    )

    def __init__(self, priority_mask: int = 0xE0) -> None:
        self.priority_mask: Final = priority_mask
        self.changed: Callable[[], None] = ignore
        self.ended: Callable[[int], None] | None = None
        """Called with an external interrupt whose handler has returned."""
        self.began: Callable[[int], None] | None = None
        """Called with an external interrupt whose handler is entered."""
        self.entered: list[Callable[[int], None]] = []
        self.left: list[Callable[[int], None]] = []
        self.pended: Callable[[], None] = ignore
        """Called when an exception becomes pending that was not, enabled or not (SCR.SEVONPEND)."""
        self.pending = 0
        self.enabled = _ALWAYS_ENABLED
        self.lines = 0
        self.edges = 0
        """Lines that pend where they rise, and only there."""
        self.active: list[int] = []
        self.priority = [0] * EXCEPTIONS
        self.subpriority_bits = 0
        self.reset()

    def reset(self) -> None:
        """Put everything but the input lines into the reset state; a line that is high pends again."""
        self.pending = self.lines & ~self.edges
        self.enabled = _ALWAYS_ENABLED
        self.active.clear()
        self.priority[:] = [_FIXED.get(number, 0) for number in range(EXCEPTIONS)]
        self.subpriority_bits = 0
        self.pended = ignore

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive the input of external interrupt ``interrupt``; a rising level pends it. Return what it offers now."""
        bit = 1 << (16 + interrupt)
        if level:
            self.lines |= bit
            self.pend(bit)
        else:
            self.lines &= ~bit
        return level

    def latch_edges(self, interrupt: int) -> None:
        """Let external interrupt ``interrupt`` pend where its line rises, and only there."""
        self.edges |= 1 << (16 + interrupt)

    def offers(self, interrupt: int) -> bool:
        """Return the level of external interrupt ``interrupt``."""
        return bool(self.lines >> (16 + interrupt) & 1)

    def pend(self, mask: int) -> None:
        """Pend every exception whose bit is set."""
        new = mask & ~self.pending
        self.pending |= mask
        if new:
            self.pended()
        if self.enabled & mask:
            self.changed()

    def unpend(self, mask: int) -> None:
        """Clear the pending state; an interrupt whose line is high stays pending."""
        self.pending &= ~mask | (self.lines & ~self.edges)

    def enable(self, mask: int) -> None:
        """Enable every exception whose bit is set."""
        self.enabled |= mask
        if self.pending & mask:
            self.changed()

    def disable(self, mask: int) -> None:
        """Disable every exception whose bit is set; it keeps its pending state."""
        self.enabled &= ~mask

    def group(self, priority: int) -> int:
        """Return the part of a priority that decides about pre-emption (AIRCR.PRIGROUP)."""
        return priority >> self.subpriority_bits << self.subpriority_bits if priority > 0 else priority

    def execution_priority(self) -> int:
        """Return the priority of what is running, without PRIMASK, BASEPRI and FAULTMASK."""
        if not self.active:
            return THREAD_PRIORITY
        return min(self.group(self.priority[number]) for number in self.active)

    def most_urgent(self) -> int | None:
        """Return the pending enabled exception that would be taken first, or None."""
        candidates = self.pending & self.enabled
        if not candidates:
            return None
        lowest = candidates & -candidates
        if candidates == lowest:
            return lowest.bit_length() - 1
        best = None
        best_priority = THREAD_PRIORITY
        while candidates:
            lowest = candidates & -candidates
            candidates ^= lowest
            number = lowest.bit_length() - 1
            if self.priority[number] < best_priority:
                best, best_priority = number, self.priority[number]
        return best

    def begin(self, number: int) -> None:
        """Exception ``number`` is entered."""
        for told in self.entered:
            told(number)
        self.pending &= ~(1 << number)
        self.active.append(number)
        if self.began is not None and number > SYSTICK:
            self.began(number - 16)

    def finish(self, number: int) -> None:
        """Exception ``number`` returns; it pends again where its line is still high."""
        if number in self.active:
            self.active.remove(number)
            if self.ended is not None and number > SYSTICK:
                self.ended(number - 16)
            for told in self.left:
                told(number)
        bit = 1 << number
        if self.lines & ~self.edges & bit:
            self.pend(bit)
