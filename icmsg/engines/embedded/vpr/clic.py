"""The CLIC of a VPR: interrupts by priority, and its registers (RISC-V CLIC, draft 0.8).

Pending, enabled and active interrupts of a VPR, and which of them runs next (RISC-V CLIC, draft 0.8).

All are edge-triggered and vectored. Larger levels are more urgent; of two with the same one the larger number is first.

The CLIC as a peripheral that only its own core reaches (MDK: CLIC of nRF54L, CLIC_CLICINT).
"""

from __future__ import annotations

from typing import Final

from icmsg.engines.embedded.riscv.traps import RiscVHandlers
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

INTERRUPTS: Final = 271
FIRST_CODE: Final = 16
"""Number of interrupt 0 in mcause and in the table at mtvt: the CLIC draft leaves sixteen to local interrupts.

Zephyr installs its handlers accordingly (CONFIG_RISCV_RESERVED_IRQ_ISR_TABLES_OFFSET of its VPR cores).
"""
LEVEL_BITS: Final = 0x3F
"""Bits of a level that are always one: there are four of them, 0x3F, 0x7F, 0xBF and 0xFF."""


class Clic(RiscVHandlers):
    """State of the interrupt controller; ``changed`` is called when an interrupt may have become takeable."""

    __slots__ = ("active", "enabled", "level", "lines", "pending")

    def __init__(self) -> None:
        super().__init__()
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
        self.tell_begun(interrupt)

    def finish(self) -> None:
        """Note that the handler entered last has returned."""
        if self.active:
            self.tell_ended(self.active.pop())


CLIC_BASE: Final = 0xF000_0000
CLIC_BYTES: Final = 0x2000

CLIC: Final = RegisterBlock(
    "CLIC",
    (
        Register("CLICCFG", 0x0000, access=Access.R, reset=0x11, meaning="vectoring, levels of eight bits"),
        Register("CLICINFO", 0x0004, access=Access.R, reset=0x0040_1FFF),
        Register(
            "CLICINT",
            0x1000,
            count=INTERRUPTS,
            reset=0x3FC3_0000,
            fields=(
                Field("IP", 0),
                Field("IE", 8),
                Field("SHV", 16),
                Field("TRIG", 17, width=2),
                Field("MODE", 22, width=2),
                Field("PRIORITY", 24, width=8),
            ),
        ),
    ),
    size=CLIC_BYTES,
    source="MDK of the nRF54L, CLIC; RISC-V CLIC draft",
)
_FIXED: Final = 0x00C3_0000
"""SHV, TRIG and MODE: vectored, rising edge, machine mode, and nothing else."""
_PENDING, _ENABLE, _PRIORITY = 0, 1, 3
"""The bytes of CLICINT."""


class ClicRegisters(RegisterModel):
    """Registers of one core's CLIC; ``vector_table`` is where the core begins after a reset."""

    def __init__(self, clic: Clic, *, name: str) -> None:
        super().__init__(CLIC, base=CLIC_BASE, core=name)
        self._clic = clic
        self._first = CLIC.offset("CLICINT")
        self.vector_table = 0

    def set_speed(self, times: int) -> None:
        """Do nothing: the core has no timer."""

    def write8(self, offset: int, value: int) -> None:
        """Write one byte, which leaves the other ones alone."""
        index, byte = divmod(offset - self._first, 4)
        if 0 <= index < INTERRUPTS:
            self._set(index, byte, value)
        else:
            super().write8(offset, value)

    def write16(self, offset: int, value: int) -> None:
        """Write two bytes."""
        if offset < self._first:
            super().write16(offset, value)
        else:
            self.write8(offset, value & 0xFF)
            self.write8(offset + 1, value >> 8)

    @on_read("CLICINT")
    def _read(self, index: int) -> int:
        clic = self._clic
        return (
            _FIXED | clic.level[index] << 24 | (clic.enabled >> index & 1) << 8 | (clic.pending >> index & 1)
        )

    @on_write("CLICINT")
    def _write(self, index: int, value: int) -> None:
        for byte in (_PRIORITY, _ENABLE, _PENDING):
            self._set(index, byte, value >> 8 * byte & 0xFF)

    def _set(self, index: int, byte: int, value: int) -> None:
        clic = self._clic
        if byte == _PRIORITY:
            clic.set_level(index, value)
        elif byte == _ENABLE:
            clic.enable(index, bool(value & 1))
        elif byte == _PENDING:
            if value & 1:
                clic.pend(index)
            else:
                clic.unpend(index)
