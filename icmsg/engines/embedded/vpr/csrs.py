"""The control and status registers that a VPR core has itself (MDK: VPRCSR of nRF54L; RISC-V privileged architecture).

All that it does not have is not here: those of its mailbox, real-time peripherals and pins are devices on its bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.counters import COUNTERS, Counters
from icmsg.engines.embedded.riscv.traps import INTERRUPT

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
    """The values of one core; ``readers`` and ``writers`` are by number.

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
            MISA: _ignore,
            MTVEC: self._write_handler,
            MTVT: self._write_vectors,
            MSCRATCH: self._write_scratch,
            MEPC: self._write_epc,
            MCAUSE: self.write_mcause,
            MTVAL: self._write_value,
            MINTSTATUS: _ignore,
            MINTTHRESH: self._write_threshold,
            MCLICBASE: _ignore,
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

    def _write_value(self, value: int) -> None:
        self.value = value

    def _write_scratch(self, value: int) -> None:
        self.scratch = value

    def _write_sleep(self, value: int) -> None:
        self.sleep = value & _SLEEP

    def _write_with_key(self, number: int, value: int, mask: int) -> None:
        if value >> 16 == _NORDIC_KEY:
            self._kept[number] = value & mask


def _ignore(_value: int) -> None:
    """Do nothing: this register stays as it is."""
