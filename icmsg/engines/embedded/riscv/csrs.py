"""Control and status registers of RISC-V cores: the counters that all have, and what a hart has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.native import FLOATING_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.riscv.hart import HartType
    from icmsg.engines.embedded.riscv.native import NativeRiscV
    from icmsg.engines.embedded.riscv.traps import LocalInterrupts

MSTATUS, MISA, MIE, MTVEC, MCOUNTEREN, MSTATUSH = 0x300, 0x301, 0x304, 0x305, 0x306, 0x310
MSCRATCH, MEPC, MCAUSE, MTVAL, MIP = 0x340, 0x341, 0x342, 0x343, 0x344
SHOWN: Final = {
    "MSTATUS": MSTATUS,
    "MISA": MISA,
    "MIE": MIE,
    "MTVEC": MTVEC,
    "MSCRATCH": MSCRATCH,
    "MEPC": MEPC,
    "MCAUSE": MCAUSE,
    "MTVAL": MTVAL,
    "MIP": MIP,
}
"""Numbers of the registers that a person sees, by name."""
_MHPMEVENTS: Final = range(0x323, 0x340)
_MHPMCOUNTERS: Final = (*range(0xB03, 0xB20), *range(0xB83, 0xBA0))
_HPMCOUNTERS: Final = (*range(0xC03, 0xC20), *range(0xC83, 0xCA0))
_PMP: Final = (*range(0x3A0, 0x3B0), *range(0x3B0, 0x3F0))
_TRIGGERS: Final = (0x7A0, 0x7A1, 0x7A2)
_TIME, _TIMEH = 0xC01, 0xC81
_IDENTIFICATION: Final = (0xF11, 0xF12, 0xF13, 0xF15)
_MHARTID: Final = 0xF14
_FLOATING: Final = (0x001, 0x002, 0x003)
MACHINE, USER = 3, 0
_MIE, _MPIE, _MPRV = 1 << 3, 1 << 7, 1 << 17
_MPP: Final = 3 << 11
_SD: Final = 1 << 31
_DIRTY: Final = 3 << 13
_INITIAL: Final = 1 << 13
_DEFAULT_MTVEC: Final = 0x1010
"""Value of mtvec in Renode's harts after a reset."""
_RV32: Final = 1 << 30
_MASK: Final = 0xFFFF_FFFF


class HartCsrs:
    """CSRs of a hart with machine mode and perhaps user mode (RISC-V privileged architecture).

    Of physical memory protection the registers are there, and nothing is protected; that is said where firmware first
    writes one. What supervisor mode has is not there.

    ``readers`` and ``writers`` are by number. ``executed()`` is how many instructions were executed, ``time()`` what
    the register time reads. ``unmasked()`` is called when an interrupt may have been let through, ``warn(what)`` where
    firmware asks for what is not modelled.
    """

    def __init__(
        self,
        native: NativeRiscV,
        interrupts: LocalInterrupts,
        *,
        hart: int,
        kind: HartType,
        executed: Callable[[], int],
        time: Callable[[], int],
        unmasked: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        self._native: Final = native
        self._interrupts: Final = interrupts
        self._has_user: Final = "u" in kind.letters
        self._has_floating: Final = kind.floating
        self._mode: Final = kind.mode
        self._counters: Final = Counters(executed, inhibited=0)
        self._unmasked: Final = unmasked
        self._warn: Final = warn
        self.ignores_read_only: Final = kind.ignores_read_only
        self.privilege = MACHINE
        self.mie = self.mpie = False
        self.mpp = MACHINE
        self.vector = _DEFAULT_MTVEC
        """mtvec: the address of the handler, and in bit 0 whether each interrupt has its own."""
        self.epc = self.cause = self.value = self._scratch = 0
        self._mprv = 0
        self._floating = 0
        self._kept: dict[int, int] = {}
        misa = misa_of(kind)
        zeros = (
            *_MHPMEVENTS,
            *_MHPMCOUNTERS,
            *_HPMCOUNTERS,
            *_TRIGGERS,
            *_IDENTIFICATION,
            MSTATUSH,
            *kind.zeros,
        )
        own = interrupts.csrs()
        self.readers: Final[dict[int, Callable[[], int]]] = {
            **dict.fromkeys(zeros, _zero),
            **{number: self._reader(number) for number in (*_PMP, MCOUNTEREN, *kind.kept)},
            MSTATUS: self.status,
            MISA: lambda: misa,
            MIE: lambda: interrupts.enabled,
            MTVEC: lambda: self.vector,
            MSCRATCH: lambda: self._scratch,
            MEPC: lambda: self.epc,
            MCAUSE: lambda: self.cause,
            MTVAL: lambda: self.value,
            MIP: lambda: interrupts.pending,
            **self._counters.readers,
            _TIME: lambda: time() & _MASK,
            _TIMEH: lambda: time() >> 32 & _MASK,
            _MHARTID: lambda: hart,
            **{number: read for number, (read, _) in own.items()},
        }
        self.writers: Final[dict[int, Callable[[int], None]]] = {
            **dict.fromkeys(
                (*_MHPMEVENTS, *_MHPMCOUNTERS, *_TRIGGERS, MSTATUSH, MISA, MIP, *kind.zeros), ignore
            ),
            **{number: self._protector(number) for number in _PMP},
            **{number: self._keeper(number) for number in (MCOUNTEREN, *kind.kept)},
            MSTATUS: self._write_status,
            MIE: interrupts.enable,
            MTVEC: self._write_vector,
            MSCRATCH: partial(setattr, self, "_scratch"),
            MEPC: self._write_epc,
            MCAUSE: partial(setattr, self, "cause"),
            MTVAL: partial(setattr, self, "value"),
            **self._counters.writers,
            **{number: write for number, (_, write) in own.items()},
        }
        self.reset()

    def reset(self) -> None:
        """Give every register its reset value."""
        self.privilege = self.mpp = MACHINE
        self.mie = self.mpie = False
        self._write_vector(_DEFAULT_MTVEC)
        self.epc = self.cause = self.value = self._scratch = self._mprv = 0
        self._kept.clear()
        self._counters.reset()
        if self._has_floating:
            self._set_floating(_INITIAL)

    def absent(self, number: int) -> str:
        """Return what a register is that the hart does not have."""
        if number in _FLOATING:
            return "which a hart has whose cpuType has F, when mstatus.FS is not 0"
        if number >> 8 & 3 == 1 or number in (0x302, 0x303):
            return "supervisor mode, which the embedded engine does not execute"
        return "which this hart does not have"

    def status(self) -> int:
        """Return mstatus."""
        floating = self._floating
        if 0 < floating < _DIRTY:
            floating = self._floating = self._native.floating_state()
        return (
            self.mie << 3
            | self.mpie << 7
            | self.mpp << 11
            | self._mprv
            | floating
            | (_SD if floating == _DIRTY else 0)
        )

    def enter(self, cause: int, pc: int, value: int) -> None:
        """Write what a trap writes; the hart is in machine mode then."""
        self.cause, self.epc, self.value = cause, pc, value
        self.mpie, self.mie = self.mie, False
        self.mpp, self.privilege = self.privilege, MACHINE

    def leave(self) -> int:
        """Do what ``mret`` does, and return the address at which the hart goes on."""
        self.mie, self.mpie = self.mpie, True
        self.privilege, self.mpp = self.mpp, USER if self._has_user else MACHINE
        if self.privilege != MACHINE:
            self._mprv = 0
        return self.epc

    def _write_status(self, value: int) -> None:
        self.mie, self.mpie = bool(value & _MIE), bool(value & _MPIE)
        wanted = value >> 11 & 3
        if wanted == MACHINE or (wanted == USER and self._has_user):
            self.mpp = wanted
        if self._has_user:
            self._mprv = value & _MPRV
        if self._has_floating and value & FLOATING_STATE != self.status() & FLOATING_STATE:
            self._set_floating(value & FLOATING_STATE)
        if self.mie:
            self._unmasked()

    def _set_floating(self, state: int) -> None:
        self._floating = state
        self._native.set_floating_state(state)

    def _write_vector(self, value: int) -> None:
        self.vector = value & ~2 if self._mode is None else value & ~3 | self._mode

    def _write_epc(self, value: int) -> None:
        self.epc = value & ~1

    def _reader(self, number: int) -> Callable[[], int]:
        return lambda: self._kept.get(number, 0)

    def _keeper(self, number: int) -> Callable[[int], None]:
        return lambda value: self._kept.update({number: value})

    def _protector(self, number: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            if value and not any(kept in _PMP for kept in self._kept):
                self._warn("physical memory protection (pmpcfg, pmpaddr), which protects nothing here")
            self._kept[number] = value

        return write


def misa_of(kind: HartType) -> int:
    """Return misa: RV32 with its extensions."""
    return _RV32 | sum(1 << ord(letter) - ord("a") for letter in kind.letters)


def after_reset(kind: HartType) -> dict[str, int]:
    """Return the registers that are not 0 after a reset, by name."""
    return {
        "MSTATUS": MACHINE << 11 | (_INITIAL if kind.floating else 0),
        "MISA": misa_of(kind),
        "MTVEC": _DEFAULT_MTVEC | (kind.mode or 0),
    }


def _zero() -> int:
    return 0


def ignore(_value: int) -> None:
    """Do nothing: this register stays as it is."""


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


class Counters:
    """Counters of cycles and instructions, an instruction being a cycle, as every RISC-V core here has them.

    ``inhibited`` are the bits of mcountinhibit after a reset, ``executed()`` is how many instructions were executed.
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
