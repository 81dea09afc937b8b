"""The control and status registers that a VPR core has itself (MDK: VPRCSR of nRF54L; RISC-V privileged architecture).

All that it does not have is not here: those of its mailbox, real-time peripherals and pins are devices on its bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MSTATUS, MISA, MTVEC, MTVT = 0x300, 0x301, 0x305, 0x307
MCOUNTINHIBIT, MSCRATCH, MEPC, MCAUSE, MTVAL = 0x320, 0x340, 0x341, 0x342, 0x343
MINTSTATUS, MINTTHRESH, MCLICBASE = 0x346, 0x347, 0x350
VPRNORDICCTRL, VPRNORDICSLEEPCTRL, VPRNORDICFEATURESDISABLE = 0x7C0, 0x7C1, 0x7C2
MCYCLE, MINSTRET, MCYCLEH, MINSTRETH = 0xB00, 0xB02, 0xB80, 0xB82
UCYCLE, UINSTRET, UCYCLEH, UINSTRETH = 0xC00, 0xC02, 0xC80, 0xC82
MVENDORID, MARCHID, MIMPID, MHARTID = 0xF11, 0xF12, 0xF13, 0xF14

INTERRUPT: Final = 1 << 31
"""Bit of mcause: an interrupt, not an exception."""
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
_COUNTERS: Final = 0x5
_MASK: Final = 0xFFFF_FFFF
_READ_ONLY: Final = 3
"""Value of the two highest bits in the number of a CSR that cannot be written."""


class Csrs:
    """The values of one core; ``readers`` and ``writers`` are by number.

    ``executed()`` is how many instructions were executed, which the counters count when firmware lets them: an
    instruction is a cycle. ``unmasked()`` is called when an interrupt may have been let through.
    """

    def __init__(self, *, hart: int, executed: Callable[[], int], unmasked: Callable[[], None]) -> None:
        self._executed: Final = executed
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
        self._counted: dict[int, int] = {}
        self.reset()
        self.readers: Final[dict[int, Callable[[], int]]] = {
            MSTATUS: self.status,
            MISA: lambda: 0x4000_1016,  # as the MDK says it: RV32, M, E, C; and B
            MTVEC: lambda: self.handler | _CLIC_MODE,
            MTVT: lambda: self.vectors,
            MCOUNTINHIBIT: lambda: self._kept[MCOUNTINHIBIT],
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
            **{number: self._counter(bit, high) for number, (bit, high) in _COUNTER.items()},
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
            MCOUNTINHIBIT: self._write_inhibit,
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
            **{
                number: self._set_counter(bit, high)
                for number, (bit, high) in _COUNTER.items()
                if number >> 10 != _READ_ONLY
            },
        }

    def reset(self) -> None:
        """Give every register its reset value."""
        self.mie = self.mpie = False
        self.vectors = self.handler = 0
        self.cause = self.epc = self.value = self.scratch = 0
        self.level, self.threshold = 0, 0x1F
        self.sleep = 2
        self._kept = {MCOUNTINHIBIT: _COUNTERS, VPRNORDICCTRL: 0, VPRNORDICFEATURESDISABLE: 2}
        self._counted = {0: 0, 2: 0}

    @property
    def returns_to_sleep(self) -> bool:
        """True if the core sleeps again when its last interrupt handler returns."""
        return bool(self.sleep & _RETURN_TO_SLEEP)

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

    # Counters: what they have counted, or where they would have been zero

    def _write_inhibit(self, value: int) -> None:
        before = {bit: self._count(bit) for bit in self._counted}
        self._kept[MCOUNTINHIBIT] = value & _COUNTERS
        for bit, count in before.items():
            self._start(bit, count)

    def _count(self, bit: int) -> int:
        stands = self._kept[MCOUNTINHIBIT] >> bit & 1
        return self._counted[bit] if stands else self._executed() - self._counted[bit]

    def _start(self, bit: int, count: int) -> None:
        stands = self._kept[MCOUNTINHIBIT] >> bit & 1
        self._counted[bit] = count if stands else self._executed() - count

    def _counter(self, bit: int, high: int) -> Callable[[], int]:
        return lambda: self._count(bit) >> high & _MASK

    def _set_counter(self, bit: int, high: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            self._start(bit, self._count(bit) & _MASK << (32 - high) | value << high)

        return write


_COUNTER: Final = {
    MCYCLE: (0, 0),
    MCYCLEH: (0, 32),
    MINSTRET: (2, 0),
    MINSTRETH: (2, 32),
    UCYCLE: (0, 0),
    UCYCLEH: (0, 32),
    UINSTRET: (2, 0),
    UINSTRETH: (2, 32),
}
"""Counters by number: their bit in mcountinhibit, and the bit of the count that they begin at."""


def _ignore(_value: int) -> None:
    """Do nothing: this register stays as it is."""
