"""Registers that a VPR core has itself: those by CSR number, and its CLIC with those on its bus."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.csrs import COUNTERS, Counters, ignore
from icmsg.engines.embedded.riscv.traps import INTERRUPT, RiscVHandlers
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Callable

MSTATUS, MISA, MTVEC, MTVT = 0x300, 0x301, 0x305, 0x307
MSCRATCH, MEPC, MCAUSE, MTVAL = 0x340, 0x341, 0x342, 0x343
MINTSTATUS, MINTTHRESH, MCLICBASE = 0x346, 0x347, 0x350
VPRNORDICCTRL, VPRNORDICSLEEPCTRL, VPRNORDICFEATURESDISABLE = 0x7C0, 0x7C1, 0x7C2
MVENDORID, MARCHID, MIMPID, MHARTID = 0xF11, 0xF12, 0xF13, 0xF14

_MINHV: Final = 1 << 30
_MPP: Final = 3
"""The only privilege mode, machine mode, in the two bits that say which one a trap came from."""
_MCAUSE_KEPT: Final = INTERRUPT | _MINHV | 0x00FF_0FFF
_RESERVED_BITS: Final = 0x3F
"""Bits of mtvec and mtvt that are not of the address."""
_CLIC_MODE: Final = 3
_NORDIC_KEY: Final = 0x507D
_CONTROL: Final = 0xC1
"""ENABLERTPERIPH, CNTIRQENABLE and VPRBUSPRI."""
_FEATURES: Final = 0x1A
_SLEEP: Final = 0x3_000F
_RETURN_TO_SLEEP: Final = 1 << 16
_MASK: Final = 0xFFFF_FFFF
_DEVICE_CSRS: Final = (range(0x7C3, 0x800), range(0xBC0, 0xC00))


class Csrs:
    """CSRs of one core (MDK: VPRCSR of nRF54L; RISC-V privileged architecture); ``readers``, ``writers`` by number.

    Those of its mailbox, real-time peripherals and pins are not here: these are devices on its bus.

    ``executed()`` is how many instructions were executed, which the counters count when firmware lets them.
    ``unmasked()`` is called when an interrupt may have been let through.
    """

    ignores_read_only: Final = False
    privilege: Final = 3

    def __init__(self, *, hart: int, executed: Callable[[], int], unmasked: Callable[[], None]) -> None:
        self._counters: Final = Counters(executed, inhibited=COUNTERS)
        self._unmasked: Final = unmasked
        self.mie = self.mpie = False
        self.vectors = self.handler = 0
        """The byte addresses of mtvt's table and of mtvec's handler."""
        self.cause = self.epc = self.value = self.scratch = 0
        """mcause without what mstatus has, too; mepc, mtval, mscratch."""
        self.level = self.threshold = 0
        """mintstatus.MIL and mintthresh."""
        self.sleep = 0
        self._kept: dict[int, int] = {}
        self.reset()
        self.readers: Final[dict[int, Callable[[], int]]] = {
            MSTATUS: self.status,
            MISA: lambda: 0x4000_1016,  # as the MDK says it: RV32, M, E, C; and B
            MTVEC: lambda: self.handler | _CLIC_MODE,
            MTVT: lambda: self.vectors,
            MSCRATCH: lambda: self.scratch,
            MEPC: lambda: self.epc,
            MCAUSE: self.mcause,
            MTVAL: lambda: self.value,
            MINTSTATUS: lambda: self.level << 24,
            MINTTHRESH: lambda: self.threshold,
            MCLICBASE: lambda: 0xF000_0000,
            VPRNORDICCTRL: lambda: self._kept[VPRNORDICCTRL],
            VPRNORDICSLEEPCTRL: lambda: self.sleep,
            VPRNORDICFEATURESDISABLE: lambda: self._kept[VPRNORDICFEATURESDISABLE],
            **self._counters.readers,
            MVENDORID: lambda: 0x144,
            MARCHID: lambda: 0x8000_006E,
            MIMPID: lambda: 0x0001_0403,
            MHARTID: lambda: hart,
        }
        self.writers: Final[dict[int, Callable[[int], None]]] = {
            MSTATUS: self._write_status,
            MISA: ignore,
            MTVEC: self._write_handler,
            MTVT: self._write_vectors,
            MSCRATCH: partial(setattr, self, "scratch"),
            MEPC: self._write_epc,
            MCAUSE: self.write_mcause,
            MTVAL: partial(setattr, self, "value"),
            MINTSTATUS: ignore,
            MINTTHRESH: self._write_threshold,
            MCLICBASE: ignore,
            VPRNORDICCTRL: lambda value: self._write_with_key(VPRNORDICCTRL, value, _CONTROL),
            VPRNORDICSLEEPCTRL: self._write_sleep,
            VPRNORDICFEATURESDISABLE: lambda value: self._write_with_key(
                VPRNORDICFEATURESDISABLE, value, _FEATURES
            ),
            **self._counters.writers,
        }

    def reset(self) -> None:
        """Give every register its reset value."""
        self.mie = self.mpie = False
        self.vectors = self.handler = 0
        self.cause = self.epc = self.value = self.scratch = 0
        self.level, self.threshold = 0, 0x1F
        self.sleep = 2
        self._kept = {VPRNORDICCTRL: 0, VPRNORDICFEATURESDISABLE: 2}
        self._counters.reset()

    @property
    def returns_to_sleep(self) -> bool:
        """True if the core sleeps again when its last interrupt handler returns."""
        return bool(self.sleep & _RETURN_TO_SLEEP)

    def absent(self, number: int) -> str:
        """Return what a register is that the core does not have."""
        if any(number in numbers for numbers in _DEVICE_CSRS):
            return "a real-time peripheral of the VPR (VTIM, VIO, …) that is not modelled"
        return "which this core does not have"

    def status(self) -> int:
        """Return mstatus."""
        return _MPP << 11 | self.mpie << 7 | self.mie << 3

    def mcause(self) -> int:
        """Return mcause, which has the MPIE and MPP of mstatus."""
        return self.cause | _MPP << 28 | self.mpie << 27

    def write_mcause(self, value: int) -> None:
        """Set mcause, and with it the MPIE of mstatus."""
        self.cause = value & _MCAUSE_KEPT
        self.mpie = bool(value >> 27 & 1)

    def _write_status(self, value: int) -> None:
        self.mpie = bool(value & 1 << 7)
        self.mie = bool(value & 1 << 3)
        if self.mie:
            self._unmasked()

    def _write_threshold(self, value: int) -> None:
        self.threshold = value & 0xFF
        self._unmasked()

    def _write_handler(self, value: int) -> None:
        self.handler = value & ~_RESERVED_BITS & _MASK

    def _write_vectors(self, value: int) -> None:
        self.vectors = value & ~_RESERVED_BITS & _MASK

    def _write_epc(self, value: int) -> None:
        self.epc = value & ~1

    def _write_sleep(self, value: int) -> None:
        self.sleep = value & _SLEEP

    def _write_with_key(self, number: int, value: int, mask: int) -> None:
        if value >> 16 == _NORDIC_KEY:
            self._kept[number] = value & mask


INTERRUPTS: Final = 271
FIRST_CODE: Final = 16
"""Number of interrupt 0 in mcause and in the table at mtvt: the CLIC draft leaves sixteen to local interrupts.

Zephyr installs its handlers accordingly (CONFIG_RISCV_RESERVED_IRQ_ISR_TABLES_OFFSET of its VPR cores).
"""
LEVEL_BITS: Final = 0x3F
"""Bits of a level that are always one: there are four of them, 0x3F, 0x7F, 0xBF and 0xFF."""


class Clic(RiscVHandlers):
    """Interrupts of a VPR, pending, enabled and active, and which of them runs next (RISC-V CLIC, draft 0.8).

    All are edge-triggered and vectored. Larger levels are more urgent; of two with the same one the larger number is
    first. ``changed`` is called when an interrupt may have become takeable.
    """

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
    """Registers of one core's CLIC, which only this core reaches (MDK: CLIC of nRF54L, CLIC_CLICINT).

    ``vector_table`` is where the core begins after a reset.
    """

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
