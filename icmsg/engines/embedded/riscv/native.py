"""A RISC-V core of unicorn that leaves everything privileged to the engine.

It runs in user mode, so that each CSR instruction and ``mret`` is an illegal instruction there: the hook for those
executes them. Nothing has to be found in code beforehand, and what runs between them is native.

The instructions that read a counter, which the emulator would execute itself: with the host's time in it.
"""

from __future__ import annotations

import re
import struct
from ctypes import c_size_t, c_uint32
from functools import cache
from typing import TYPE_CHECKING, Final

import unicorn
from unicorn import riscv_const

from icmsg.engines.embedded.emulator.code_pages import CodePages
from icmsg.engines.embedded.emulator.native import Model, NativeCore
from icmsg.engines.embedded.emulator.private_state import can_read, pointed_to
from icmsg.engines.embedded.memory import PAGE, Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.memory import AddressSpace, MappedMemory


PAGE_BYTES: Final = 4096
"""Bytes of a page of unicorn's RISC-V."""
_USER_MODE, _MACHINE_MODE = 0, 3
_INTEGER: Final = Model(
    unicorn.UC_ARCH_RISCV,
    unicorn.UC_MODE_RISCV32,
    riscv_const.UC_CPU_RISCV32_SIFIVE_E31,  # RV32I M A C; it has no F and no D, whose instructions are illegal
    riscv_const,
    "UC_RISCV_REG_",
    loop=struct.pack("<2I", 0x0000_0013, 0xFFDF_F06F),  # nop; j .-4
)
_FLOATING: Final = _INTEGER._replace(cpu=riscv_const.UC_CPU_RISCV32_ANY)  # RV32I M A F D C
FLOATING_STATE: Final = 3 << 13
"""The bits FS of mstatus: off, initial, clean or dirty."""
UNRESERVED: Final = 0xFFFF_FFFF
"""The address of a reservation where there is none."""
_LOCK: Final = 0x1357_9240
_LOCKED: Final = 0x2468_ACE1
_LR: Final = 0x1000_A02F  # lr.w x0, (x1)
_SC: Final = 0x1800_A02F  # sc.w x0, x0, (x1)


class NativeRiscV(NativeCore):
    """A RISC-V core in user mode.

    The numbers of its exceptions are those of the architecture's mcause: 2 = illegal instruction, 8 = ECALL. With
    ``floating`` it has F and D, which are off until :meth:`set_floating_state`.
    """

    def __init__(self, *, floating: bool = False) -> None:
        super().__init__(_FLOATING if floating else _INTEGER)
        self._mode = self.registers("PRIV")
        self._status = self.registers("MSTATUS")
        self._mode.put(_USER_MODE)

    def floating_state(self) -> int:
        """Return the bits FS of mstatus: instructions that write floating-point registers make them dirty."""
        self._mode.put(_MACHINE_MODE)
        state = self._status.first() & FLOATING_STATE
        self._mode.put(_USER_MODE)
        return state

    def set_floating_state(self, state: int) -> None:
        """Set the bits FS of mstatus; while they are 0, floating-point instructions are illegal ones."""
        self._mode.put(_MACHINE_MODE)
        self._status.put(self._status.first() & ~FLOATING_STATE | state)
        self._mode.put(_USER_MODE)

    def reservation(self) -> c_uint32:
        """Return the address that LR has reserved; one that is never set where it cannot be seen."""
        places = _places()
        if places is None:
            return c_uint32(UNRESERVED)
        pointer, offset = places
        return c_uint32.from_address(c_size_t.from_address(self.handle + pointer).value + offset)


@cache
def _places() -> tuple[int, int] | None:
    """Find the reservation: the byte offset of the pointer to the core's state, and its own there."""
    if not can_read():
        return None
    core, memory = NativeRiscV(), Memory("reservation", PAGE)
    try:
        start = _LOCK & -PAGE
        core.map_memory(start, PAGE, memory.pointer)
        memory.words[0:2] = memoryview(struct.pack("<2I", _LR, _SC)).cast("I")
        memory.words[(_LOCK - start) >> 2] = _LOCKED
        core.registers("X1").write(_LOCK)
        core.run(start, 1)
        mark = struct.pack("<2I", _LOCK, _LOCKED)
        found = {pointer: state.find(mark) for pointer, state in pointed_to(core) if mark in state}
        core.run(start + 4, 1)
        after = dict(pointed_to(core))
        found = {
            pointer: offset
            for pointer, offset in found.items()
            if after[pointer][offset : offset + 4] == struct.pack("<I", UNRESERVED)
        }
        return min(found.items(), key=lambda place: place[1], default=None)
    finally:
        core.close()
        memory.close()


# A CSR instruction, the CSR in its upper twelve bits: cycle and instret and the others from 0xC00 and 0xC80 on.
_COUNTER: Final = re.compile(rb"(?=[\x73\xf3]..[\xc0\xc1\xc8\xc9])", re.DOTALL)
_REACH: Final = 3
"""Bytes of such an instruction behind its first one."""


class RiscVPages(CodePages):
    """Lets runs end before those instructions, at :attr:`stops`; where another one is found there, call :meth:`run_on`.

    A hit in data is harmless: it is never executed.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        *,
        clear_monitor: Callable[[], None],
        look_again: Callable[[], None],
    ) -> None:
        super().__init__(native, space, clear_monitor=clear_monitor, look_again=look_again, page=PAGE_BYTES)
        self.stops: Final[set[int]] = set()

    def run_on(self, address: int) -> None:
        """Let no run end before the instruction at an address any more."""
        self.stops.discard(address)
        self._native.stop_before(self.stops)
        self._native.forget_all_code()

    def _look(self, where: MappedMemory, start: int, end: int) -> Iterable[int]:
        first = max(start - _REACH & ~1, where.start)
        code = where.memory.bytes[first - where.start : end + _REACH - where.start]
        found = {first + hit.start() for hit in _COUNTER.finditer(code) if not hit.start() & 1}
        news = found - self.stops
        if news:
            self.stops.update(news)
            self._native.stop_before(self.stops)
        return news

    def _leave(self) -> None:
        super()._leave()
        self.stops.clear()
        self._native.stop_before(())
