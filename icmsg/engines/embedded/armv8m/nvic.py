"""Exceptions of one core by priority, and the registers of the System Control Space (Armv8-M ARM, B3, D1).

Pending, enabled and active exceptions of one core, and which of them runs next (Armv8-M ARM, B3).

Numbers are exception numbers: interrupt n is exception 16 + n. Smaller priority values are more urgent.

The System Control Space of a Cortex-M: SysTick, NVIC, SCB, MPU (Armv8-M ARM, D1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.processor import Handlers, ignore
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

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
_PRIORITIES: Final = tuple(_FIXED.get(number, 0) for number in range(EXCEPTIONS))


class Nvic(Handlers):
    """State of the interrupt controller; ``changed`` is called when an exception may have become takeable.

    ``priority_mask`` are the bits that a priority has in its byte (``priorityMask`` of Renode's NVIC).
    """

    __slots__ = (
        "active",
        "edges",
        "enabled",
        "lines",
        "pended",
        "pending",
        "priority",
        "priority_mask",
        "subpriority_bits",
    )

    def __init__(self, priority_mask: int = 0xE0) -> None:
        super().__init__()
        self.priority_mask: Final = priority_mask
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
        self.priority[:] = _PRIORITIES
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


SCS_BASE: Final = 0xE000E000

_R, _W = Access.R, Access.W
_WORDS = 16
SCS: Final = RegisterBlock(
    "SCS",
    (
        Register("ICTR", 0x004, access=_R, reset=_WORDS - 2, meaning="words of interrupts less one"),
        Register("ACTLR", 0x008),
        Register(
            "SYST_CSR",
            0x010,
            fields=(Field("ENABLE", 0), Field("TICKINT", 1), Field("CLKSOURCE", 2), Field("COUNTFLAG", 16)),
        ),
        Register("SYST_RVR", 0x014, fields=(Field("RELOAD", 0, width=24),)),
        Register("SYST_CVR", 0x018, meaning="current value; any write clears it"),
        Register(
            "SYST_CALIB", 0x01C, access=_R, reset=0xC0000000, meaning="no reference clock, no calibration"
        ),
        Register("NVIC_ISER", 0x100, count=_WORDS, meaning="a one enables an interrupt"),
        Register("NVIC_ICER", 0x180, count=_WORDS, meaning="a one disables it"),
        Register("NVIC_ISPR", 0x200, count=_WORDS, meaning="a one pends it"),
        Register("NVIC_ICPR", 0x280, count=_WORDS, meaning="a one takes the pending state back"),
        Register("NVIC_IABR", 0x300, count=_WORDS, access=_R, meaning="active interrupts"),
        Register("NVIC_ITNS", 0x380, count=_WORDS, meaning="target security state; stored only"),
        Register("NVIC_IPR", 0x400, count=8 * _WORDS, meaning="priorities, one byte each"),
        Register("CPUID", 0xD00, access=_R, meaning="which Cortex-M this is"),
        Register(
            "ICSR",
            0xD04,
            fields=(
                Field("VECTACTIVE", 0, width=9),
                Field("RETTOBASE", 11),
                Field("VECTPENDING", 12, width=9),
                Field("ISRPENDING", 22),
                Field("PENDSTCLR", 25),
                Field("PENDSTSET", 26),
                Field("PENDSVCLR", 27),
                Field("PENDSVSET", 28),
                Field("PENDNMISET", 31),
            ),
        ),
        Register("VTOR", 0xD08, meaning="address of the vector table"),
        Register(
            "AIRCR",
            0xD0C,
            reset=0xFA050000,
            fields=(Field("SYSRESETREQ", 2), Field("PRIGROUP", 8, width=3), Field("VECTKEY", 16, width=16)),
        ),
        Register(
            "SCR", 0xD10, fields=(Field("SLEEPONEXIT", 1), Field("SLEEPDEEP", 2), Field("SEVONPEND", 4))
        ),
        Register("CCR", 0xD14),
        Register("SHPR", 0xD18, count=3, meaning="priorities of exceptions 4 to 15, one byte each"),
        Register(
            "SHCSR",
            0xD24,
            fields=(
                Field("MEMFAULTACT", 0),
                Field("BUSFAULTACT", 1),
                Field("USGFAULTACT", 3),
                Field("SVCALLACT", 7),
                Field("PENDSVACT", 10),
                Field("SYSTICKACT", 11),
                Field("MEMFAULTENA", 16),
                Field("BUSFAULTENA", 17),
                Field("USGFAULTENA", 18),
                Field("SECUREFAULTENA", 19),
            ),
        ),
        Register("CFSR", 0xD28, clears="CFSR", meaning="why a fault was taken; a one clears"),
        Register("HFSR", 0xD2C, clears="HFSR", fields=(Field("VECTTBL", 1), Field("FORCED", 30))),
        Register("DFSR", 0xD30, clears="DFSR"),
        Register("MMFAR", 0xD34),
        Register("BFAR", 0xD38),
        Register("AFSR", 0xD3C),
        Register("ID", 0xD40, count=16, access=_R, meaning="ID_PFR0 to CTR"),
        Register("CCSIDR", 0xD80, access=_R, meaning="size of a cache; there is none"),
        Register("CSSELR", 0xD84),
        Register("CPACR", 0xD88),
        Register("NSACR", 0xD8C),
        Register("MPU_TYPE", 0xD90, access=_R, meaning="how many regions"),
        Register("MPU_CTRL", 0xD94),
        Register("MPU_RNR", 0xD98),
        Register("MPU_RBAR", 0xD9C),
        Register("MPU_RLAR", 0xDA0),
        Register("MPU_RBAR_A", 0xDA4, count=3, stride=8),
        Register("MPU_RLAR_A", 0xDA8, count=3, stride=8),
        Register("MPU_MAIR", 0xDC0, count=2),
        Register("SAU", 0xDD0, count=7, meaning="security attribution; stored only"),
        Register("DHCSR", 0xDF0, access=_R),
        Register("DEMCR", 0xDFC),
        Register("STIR", 0xF00, access=_W, meaning="pends the interrupt whose number is written"),
        Register("FPCCR", 0xF34, reset=0xC0000000),
        Register("FPCAR", 0xF38),
        Register("FPDSCR", 0xF3C),
        Register("MVFR", 0xF40, count=3, access=_R, reset=0),
        Register("ICIALLU", 0xF50, count=12, access=_W, meaning="cache maintenance; there is no cache"),
        Register("ITCMCR", 0xF90, count=5, meaning="TCMs, AHBP and cache of a Cortex-M7; stored only"),
    ),
    source="Armv8-M Architecture Reference Manual, D1",
)
"""Registers that firmware may touch there; the MPU and SAU are stored, not enforced."""
