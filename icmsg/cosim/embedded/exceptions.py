"""Exception entry and return: the stack frames and the registers (Armv8-M ARM, B3.19 and B3.20).

The order of the register writes matters: each set is one call into unicorn, which applies it from left to right,
and some of the writes change what the following ones mean (IPSR swaps the banked stack pointer, APSR_NZCV makes
the translator take note of the new state).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icmsg.cosim.embedded.memory import AddressSpace
    from icmsg.cosim.embedded.native import NativeCore

_BASIC: Final = Struct("<8I")
_EXTENDED: Final = Struct("<25I4x")
_EXTENDED_BYTES: Final = 0x68
_BASIC_BYTES: Final = 0x20

_EXC_RETURN_SECURE: Final = 0xFFFFFFE1  # S and ES: the cores of the SoC start, and here stay, in Secure state
_FTYPE_BASIC: Final = 1 << 4
_MODE_THREAD: Final = 1 << 3
_SPSEL: Final = 1 << 2

_CONTROL_NPRIV: Final = 1 << 0
_CONTROL_SPSEL: Final = 1 << 1
_CONTROL_FPCA: Final = 1 << 2
_CONTROL_SFPA: Final = 1 << 3  # without it unicorn re-initialises FPSCR at the next FP instruction
_XPSR_ALIGN: Final = 1 << 9
_IPSR: Final = 0x1FF
_NZCV: Final = 0xF0000000


class FrameError(Exception):
    """A frame that would lie outside memory; ``address`` is where."""

    def __init__(self, address: int) -> None:
        super().__init__(f"exception frame at 0x{address:08X} is not in memory")
        self.address = address


class ExceptionUnit:
    """Stacks and unstacks for one core."""

    __slots__ = (
        "_entered",
        "_fp",
        "_leaving",
        "_left",
        "_space",
        "_thread",
        "_unstacked",
        "_whole",
        "frame_pc",
    )

    def __init__(self, native: NativeCore, space: AddressSpace) -> None:
        self._space = space
        self._whole = native.registers("R0", "R1", "R2", "R3", "R12", "LR", "PC", "XPSR", "SP", "CONTROL")
        self._entered = native.registers("SP", "IPSR", "CONTROL", "LR", "APSR_NZCV", "PC")
        self._fp = native.registers(*[f"S{number}" for number in range(16)], "FPSCR")
        self._leaving = native.registers("PC", "IPSR", "CONTROL", "MSP", "PSP")
        self._thread = native.registers("CONTROL", "XPSR_NZCVQG")
        self._unstacked = native.registers("R0", "R1", "R2", "R3", "R12", "LR", "SP", "APSR_NZCV", "PC")

    def enter(self, number: int, vector_table: int) -> None:
        """Enter exception ``number`` from whatever runs.

        Raises:
            FrameError: the stack or the vector table is not in memory; nothing was changed.
        """
        r0, r1, r2, r3, r12, lr, pc, xpsr, sp, control = self._whole.read()
        has_fp = control & _CONTROL_FPCA
        size = _EXTENDED_BYTES if has_fp else _BASIC_BYTES
        frame = (sp - size) & ~7
        saved = xpsr & ~_XPSR_ALIGN | (_XPSR_ALIGN if (sp - size) & 4 else 0)
        stack = self._space.memory_at(frame)
        if stack is None or frame + size > stack.end:
            raise FrameError(frame)
        if has_fp:
            _EXTENDED.pack_into(
                stack.memory.bytes,
                frame - stack.start,
                r0,
                r1,
                r2,
                r3,
                r12,
                lr,
                pc & ~1,
                saved,
                *self._fp.read(),
            )
        else:
            _BASIC.pack_into(stack.memory.bytes, frame - stack.start, r0, r1, r2, r3, r12, lr, pc & ~1, saved)
        in_thread = not xpsr & _IPSR
        exc_return = _EXC_RETURN_SECURE | (0 if has_fp else _FTYPE_BASIC)
        if in_thread:
            exc_return |= _MODE_THREAD | (_SPSEL if control & _CONTROL_SPSEL else 0)
        handler = self._word(vector_table + 4 * number)
        self._entered.write(frame, number, control & _CONTROL_NPRIV, exc_return, xpsr & _NZCV, handler | 1)

    def leave(self) -> int:
        """Return from the exception that runs, as the EXC_RETURN value in PC says; return its number.

        Raises:
            FrameError: the frame is not in memory; nothing was changed.
        """
        pc, ipsr, control, msp, psp = self._leaving.read()
        exc_return = pc | 1
        to_thread = exc_return & _MODE_THREAD
        on_psp = bool(to_thread and exc_return & _SPSEL)
        frame = psp if on_psp else msp
        has_fp = not exc_return & _FTYPE_BASIC
        size = _EXTENDED_BYTES if has_fp else _BASIC_BYTES
        stack = self._space.memory_at(frame)
        if stack is None or frame + size > stack.end:
            raise FrameError(frame)
        offset = frame - stack.start
        new_control = control & _CONTROL_NPRIV | (_CONTROL_SPSEL if on_psp else 0)
        if has_fp:
            values = _EXTENDED.unpack_from(stack.memory.bytes, offset)
            self._fp.write(*values[8:])
            new_control |= _CONTROL_FPCA | _CONTROL_SFPA
        else:
            values = _BASIC.unpack_from(stack.memory.bytes, offset)
        r0, r1, r2, r3, r12, lr, return_pc, saved = values[:8]
        after = frame + size + (4 if saved & _XPSR_ALIGN else 0)
        # CONTROL while still in handler mode, then xPSR with IPSR: only then SP means the interrupted bank.
        self._thread.write(new_control, saved & ~_XPSR_ALIGN)
        self._unstacked.write(r0, r1, r2, r3, r12, lr, after, saved & _NZCV, return_pc | 1)
        return ipsr & _IPSR

    def _word(self, address: int) -> int:
        found = self._space.memory_at(address)
        if found is None:
            raise FrameError(address)
        return found.memory.words[(address - found.start) >> 2]
