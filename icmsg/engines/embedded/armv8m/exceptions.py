"""Exception entry and return: the stack frames and the registers (Armv8-M ARM, B3.19 and B3.20).

The order of the register writes matters: each set is one call into unicorn, which applies it from left to right,
and some of the writes change what the following ones mean (IPSR swaps the banked stack pointer, APSR_NZCV makes
the translator take note of the new state).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.faults import Cause
from icmsg.engines.embedded.armv8m.nvic import HARD_FAULT, NMI

if TYPE_CHECKING:
    from icmsg.engines.embedded.armv8m.native import SpecialRegisters
    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import AddressSpace

_BASIC: Final = Struct("<8I")
_EXTENDED: Final = Struct("<25I4x")
_EXTENDED_BYTES: Final = 0x68
_BASIC_BYTES: Final = 0x20

_EXC_RETURN_SECURE: Final = 0xFFFFFFE1  # S and ES: the cores of the SoC start, and here stay, in Secure state
_EXC_RETURN_LOWEST: Final = 0xFF000000
_FTYPE_BASIC: Final = 1 << 4
_MODE_THREAD: Final = 1 << 3
_SPSEL: Final = 1 << 2

_CONTROL_NPRIV: Final = 1 << 0
_CONTROL_SPSEL: Final = 1 << 1
_CONTROL_FPCA: Final = 1 << 2
_CONTROL_SFPA: Final = 1 << 3  # without it unicorn re-initialises FPSCR at the next FP instruction
_XPSR_ALIGN: Final = 1 << 9
_XPSR_SFPA: Final = 1 << 20
"""Bit of a frame's XPSR that keeps CONTROL.SFPA."""
_SFPA_SHIFT: Final = 17
_XPSR_THUMB: Final = 1 << 24
_IPSR: Final = 0x1FF
_NZCV: Final = 0xF0000000
SP_RES0: Final = 0x3
"""Bits of a stack pointer that are always zero (Armv8-M ARM, B3.6)."""


class EntryError(Exception):
    """An exception cannot be entered: its frame or its vector is at ``address``; nothing was changed."""

    def __init__(self, cause: Cause, address: int) -> None:
        super().__init__(cause, address)
        self.cause = cause
        self.address = address


class ReturnError(Exception):
    """Exception ``number`` cannot return: its frame is not in memory, or says something impossible."""

    def __init__(self, cause: Cause, address: int, number: int) -> None:
        super().__init__(cause, address, number)
        self.cause = cause
        self.address = address
        self.number = number


class ExceptionUnit:
    """Stacks and unstacks for one core."""

    __slots__ = (
        "_bare",
        "_chained",
        "_entered",
        "_fp",
        "_leaving",
        "_limits",
        "_limits_known",
        "_mode",
        "_resets",
        "_return",
        "_space",
        "_special",
        "_stack_pointers",
        "_thread",
        "_thread_after_fault",
        "_unstacked",
        "_whole",
    )

    def __init__(self, native: NativeCore, space: AddressSpace, special: SpecialRegisters) -> None:
        self._space = space
        self._special = special
        self._limits = 0, 0
        self._limits_known = True
        self._whole = native.registers("R0", "R1", "R2", "R3", "R12", "LR", "PC", "XPSR", "SP", "CONTROL")
        self._entered = native.registers("SP", "IEPSR", "CONTROL", "LR", "APSR_NZCV", "PC")
        self._fp = native.registers(*[f"S{number}" for number in range(16)], "FPSCR")
        self._leaving = native.registers("PC", "IPSR", "CONTROL", "MSP", "PSP")
        self._return = [0, 0, 0, 0, 0]
        self._thread = native.registers("CONTROL", "FAULTMASK", "XPSR_NZCVQG")
        self._thread_after_fault = native.registers("CONTROL", "XPSR_NZCVQG")
        self._unstacked = native.registers("R0", "R1", "R2", "R3", "R12", "LR", "SP", "APSR_NZCV", "PC")
        self._chained = native.registers("IEPSR", "CONTROL", "LR", "APSR_NZCV", "PC")
        self._mode = native.registers("IEPSR")
        self._stack_pointers = native.registers("MSP", "PSP")
        self._bare = native.registers("R0", "R1", "PC")
        self._resets = native.registers(
            *("CONTROL", "PRIMASK", "BASEPRI", "FAULTMASK", "FPSCR", "XPSR_NZCVQG"),
            *("MSP", "PSP", "LR", "APSR_NZCV", "PC"),
        )

    def reset(self, stack: int, entry: int) -> None:
        """Put the registers into their reset state: MSP = ``stack``, PC = ``entry``, no limits, no masks."""
        self._mode.write(HARD_FAULT | _XPSR_THUMB)  # privileged, whatever ran before
        self._special.write_limits(0, 0)
        self._special.clear_monitor()
        self._limits, self._limits_known = (0, 0), True
        self._resets.write(0, 0, 0, 0, 0, _XPSR_THUMB, stack & ~SP_RES0, 0, 0xFFFFFFFF, 0, entry)

    def limits_changed(self) -> None:
        """Firmware has written MSPLIM or PSPLIM."""
        self._limits_known = False

    def align_stack_pointers(self) -> None:
        """Clear the bits that a stack pointer does not have, where they were written."""
        msp, psp = self._stack_pointers.read()
        if (msp | psp) & SP_RES0:
            self._stack_pointers.write(msp & ~SP_RES0, psp & ~SP_RES0)

    def enter(self, number: int, vector_table: int, *, pushes: bool = True) -> bool:
        """Enter exception ``number`` from whatever runs; return whether its vector is an address of Thumb code.

        Without ``pushes`` no frame is written, because the stack is what the exception is about.

        Raises:
            EntryError: the stack or the vector table is not in memory, or the frame would exceed the stack's limit.
        """
        r0, r1, r2, r3, r12, lr, pc, xpsr, sp, control = self._whole.read()
        handler = self._word(vector_table + 4 * number)
        in_thread = not xpsr & _IPSR
        has_fp = control & _CONTROL_FPCA
        size = _EXTENDED_BYTES if has_fp else _BASIC_BYTES
        frame = (sp - size) & 0xFFFFFFF8
        if not self._limits_known:
            self._read_limits(r0, r1, pc, xpsr)
        limit = self._limits[1 if in_thread and control & _CONTROL_SPSEL else 0]
        if frame < limit:
            if pushes:
                raise EntryError(Cause.STACK_LIMIT, frame)
            frame = limit
        elif pushes:
            saved = xpsr & ~_XPSR_ALIGN | (_XPSR_ALIGN if (sp - size) & 4 else 0)
            saved |= (control & _CONTROL_SFPA) << _SFPA_SHIFT
            stack = self._space.memory_at(frame)
            if stack is None or frame + size > stack.end:
                raise EntryError(Cause.STACK, frame)
            where = frame - stack.start
            if has_fp:
                fp = self._fp.read()
                _EXTENDED.pack_into(stack.memory.bytes, where, r0, r1, r2, r3, r12, lr, pc, saved, *fp)
            else:
                _BASIC.pack_into(stack.memory.bytes, where, r0, r1, r2, r3, r12, lr, pc, saved)
        exc_return = _EXC_RETURN_SECURE | (0 if has_fp else _FTYPE_BASIC)
        if in_thread:
            exc_return |= _MODE_THREAD | (_SPSEL if control & _CONTROL_SPSEL else 0)
        # IEPSR and not IPSR alone: a fault may come from within an IT block, whose state the handler must not get.
        self._entered.write(
            frame,
            number | _XPSR_THUMB,
            control & _CONTROL_NPRIV,
            exc_return,
            xpsr & _NZCV,
            handler,
        )
        return bool(handler & 1)

    def returning(self) -> int:
        """Begin to return as the EXC_RETURN value in PC says; return the number of the exception that ends.

        Raises:
            ReturnError: with number 0, this is no return.
        """
        self._return = pc, ipsr, *_ = self._leaving.read()
        number = ipsr & _IPSR
        if not number or pc < _EXC_RETURN_LOWEST:
            raise ReturnError(Cause.PREFETCH, pc, 0)
        return number

    def chain(self, number: int, vector_table: int) -> bool:
        """Enter exception ``number`` where another one returns, or could not: its frame stays where it is.

        Returns whether its vector is an address of Thumb code.

        Raises:
            EntryError: the vector table is not in memory; nothing was changed.
        """
        handler = self._word(vector_table + 4 * number)
        exc_return, _, control, _, _ = self._return
        self._chained.write(number | _XPSR_THUMB, control & _CONTROL_NPRIV, exc_return | 1, 0, handler)
        return bool(handler & 1)

    def leave(self) -> tuple[int, bool]:
        """Go on where :meth:`returning` says that the exception returns to.

        Returns the exception's number, and whether the frame's xPSR has the Thumb bit.

        Raises:
            ReturnError: the frame is not in memory, or belongs to the other mode.
        """
        pc, ipsr, control, msp, psp = self._return
        number = ipsr & _IPSR
        to_thread = bool(pc & _MODE_THREAD)
        on_psp = bool(to_thread and pc & _SPSEL)
        frame = psp if on_psp else msp
        has_fp = not pc & _FTYPE_BASIC
        size = _EXTENDED_BYTES if has_fp else _BASIC_BYTES
        stack = self._space.memory_at(frame)
        if stack is None or frame + size > stack.end:
            raise ReturnError(Cause.UNSTACK, frame, number)
        offset = frame - stack.start
        new_control = control & _CONTROL_NPRIV | (_CONTROL_SPSEL if on_psp else 0)
        if has_fp:
            values = _EXTENDED.unpack_from(stack.memory.bytes, offset)
            new_control |= _CONTROL_FPCA | _CONTROL_SFPA
        else:
            values = _BASIC.unpack_from(stack.memory.bytes, offset)
        r0, r1, r2, r3, r12, lr, return_pc, saved = values[:8]
        if to_thread == bool(saved & _IPSR):
            raise ReturnError(Cause.INVALID_RETURN, frame, number)
        self._special.clear_monitor()
        if has_fp:
            self._fp.write(*values[8:])
        after = frame + size + (4 if saved & _XPSR_ALIGN else 0)
        # CONTROL while still in handler mode, then xPSR with IPSR: only then SP means the interrupted bank.
        if number in (HARD_FAULT, NMI):
            self._thread_after_fault.write(new_control, saved & ~(_XPSR_ALIGN | _XPSR_SFPA))
        else:
            self._thread.write(new_control, 0, saved & ~(_XPSR_ALIGN | _XPSR_SFPA))
        thumb = bool(saved & _XPSR_THUMB)
        self._unstacked.write(r0, r1, r2, r3, r12, lr, after, saved & _NZCV, return_pc & ~1 | thumb)
        return number, thumb

    def _read_limits(self, r0: int, r1: int, pc: int, xpsr: int) -> None:
        # In an exception for a moment: unprivileged code would read zero, and an IT block would skip instructions.
        self._mode.write(xpsr & _IPSR or HARD_FAULT)
        self._limits = self._special.read_limits()
        self._limits_known = True
        self._mode.write(xpsr)
        self._bare.write(r0, r1, pc | bool(xpsr & _XPSR_THUMB))

    def _word(self, address: int) -> int:
        found = self._space.memory_at(address)
        if found is None:
            raise EntryError(Cause.VECTOR, address)
        return found.memory.words[(address - found.start) >> 2]
