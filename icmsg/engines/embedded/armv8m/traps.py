"""Traps that a Cortex-M has and unicorn has not (Armv8-M ARM, B3 and B7.3).

LDM, LDRD, LDA and their kind fault at an address that is no multiple of their size; LDR, LDRH and STR do where
CCR.UNALIGN_TRP says so, divisions by zero where CCR.DIV_0_TRP does, floating point until CPACR enables it. Nothing is
looked at while code runs: what contains such an instruction is translated again as for a stricter core
(:class:`TranslatorState`), which checks natively. There an LDR may fault that must not; code with such a one is
translated as usual from then on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.mpu_query import it_state
from icmsg.engines.embedded.armv8m.translator_state import TranslatorState
from icmsg.engines.embedded.emulator.native import EXECUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.armv8m.cortex_m import CortexM
    from icmsg.engines.embedded.armv8m.system_control import SystemControl
    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace

_UNALIGN_TRP: Final = 1 << 3
_DIV_0_TRP: Final = 1 << 4
_TRAPS: Final = _UNALIGN_TRP | _DIV_0_TRP

# The first halfwords of what may have to be aligned: LDM and STM; LDM.W, STM.W, LDRD, LDA…; VLDR, VLDM….
_MAY_ALIGN: Final = re.compile(rb"(?=[\x00-\xff][\xc0-\xcf\xe8\xe9\xec\xed])", re.DOTALL)
# SDIV, UDIV Rd, Rn, Rm: FB90|Rn and FBB0|Rn, F0F0|Rd<<8|Rm.
_DIVISION: Final = re.compile(rb"(?=[\x90-\x9f\xb0-\xbf]\xfb[\xf0-\xff][\xf0-\xff])")
_UDIV: Final = 0xB0
_THUMB: Final = 1 << 24
_CONTROL_NPRIV: Final = 1 << 0
_MOST_ROUNDS: Final = 8
"""Code is translated once for thread mode and once for handler mode, but forgotten for both."""
_SIGN: Final = 1 << 31
_MASK: Final = 0xFFFFFFFF
_STACK, _PC = 13, 15
_NAMES: Final = (*(f"R{number}" for number in range(13)), "SP", "LR")


class Traps:
    """Sees to the traps of one core; ``look_again`` ends the run under way before its next instruction,
    and lets :meth:`begin` be called before the next one."""

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        control: SystemControl,
        *,
        look_again: Callable[[], None],
        cpu: CortexM,
    ) -> None:
        self._native: Final = native
        self._space: Final = space
        self._control: Final = control
        self._look_again: Final = look_again
        self._translator: Final = TranslatorState.of(native)
        self._mvfr: Final = cpu.fpu
        self._fpu = True
        self._changed = False
        self._traps = 0
        self._next: tuple[int, bool, bool] | None = None  # what to translate again, and how
        self._strict = False
        self._unaligned: set[int] = set()  # what was seen to make an unaligned access that it may make
        self._privilege = native.registers("CONTROL", "IPSR")
        self._rounds: dict[int, int] = {}  # how often what begins there was translated again
        self._divisions: dict[
            bytes, tuple[RegisterBatch, RegisterBatch]
        ] = {}  # by instruction: operands, results
        control.traps_changed = self._on_change

    def forget(self) -> None:
        """Forget all code, as the reset of a core does; :meth:`reset` follows when its registers are reset."""
        self._next, self._traps = None, self._control.peek("CCR") & _TRAPS
        self._changed = False
        self._unaligned.clear()
        self._rounds.clear()
        self._set_fpu(True)

    def reset(self) -> None:
        """Take over what the reset has made of CPACR."""
        self._set_fpu(self._control.is_fpu_enabled)

    @property
    def checks_fpu(self) -> bool:
        """True if a core without FPU faults at floating point by itself."""
        return self._translator is not None

    def _set_fpu(self, enabled: bool) -> None:
        self._fpu = enabled
        if self._translator is not None:
            self._translator.set_fpu(self._mvfr if enabled else 0)

    def _on_change(self) -> None:
        self._changed = True
        self._look_again()

    def begin(self, pc: int) -> None:
        """Prepare the run from ``pc``; what it translates first is for a stricter core, or :meth:`end` is called."""
        if self._changed:
            self._changed = False
            traps = self._control.peek("CCR") & _TRAPS
            if traps != self._traps or self._fpu != self._control.is_fpu_enabled:
                self._traps = traps
                self._set_fpu(self._control.is_fpu_enabled)
                self._rounds.clear()
                self._native.forget_all_code()
        again, self._next = self._next, None
        if again is not None and again[0] == pc and self._translator is not None:
            _, alignment, division = again
            self._translator.be_strict(alignment=alignment, division=division)
            self._strict = True

    def end(self) -> None:
        """Let code be translated as usual."""
        if self._strict and self._translator is not None:
            self._translator.be_usual()
            self._strict = False

    def translated(self, address: int, code: memoryview) -> None:
        """Let the block at ``address`` be translated once more for a stricter core, if it holds what may be refused."""
        if self._strict:
            self.end()
            return
        if self._translator is None:
            return
        alignment = self._must_align(address, code)
        division = bool(self._traps & _DIV_0_TRP) and any(
            match.start() % 2 == 0 for match in _DIVISION.finditer(code)
        )
        rounds = self._rounds.get(address, 0)
        if (alignment or division) and rounds < _MOST_ROUNDS:
            self._rounds[address] = rounds + 1
            self._next = address, alignment, division
            self._native.forget_code(address, 2)
            self._look_again()

    def _must_align(self, address: int, code: memoryview) -> bool:
        if self._traps & _UNALIGN_TRP:
            return True
        if self._unaligned and any(
            place in self._unaligned for place in range(address, address + len(code), 2)
        ):
            return False
        for match in _MAY_ALIGN.finditer(code):
            offset = match.start()
            if offset % 2 == 0 and is_aligned(*_halves(code, offset)):
                return True
        return False

    def permits(self, pc: int) -> bool:
        """Return whether the instruction at ``pc``, which was refused, may make its unaligned access."""
        if self._traps & _UNALIGN_TRP or (found := self._space.memory_at(pc)) is None:
            return False
        start = pc - found.start
        if is_aligned(*_halves(found.memory.bytes[start : start + 4], 0), exclusive=True):
            return False
        self._unaligned.add(pc)
        self._native.forget_code(pc, 2)
        return True

    def refuses_unprivileged(self, access: int) -> bool:
        """Return whether unprivileged code makes an access that only privileged code may make, from within it."""
        control, ipsr = self._privilege.read()
        return access != EXECUTE and bool(control & _CONTROL_NPRIV) and not ipsr

    def divide(self, pc: int, xpsr: int) -> bool | None:
        """Execute the division at ``pc``; return False if it is one by zero, None if it is no division."""
        if not self._traps & _DIV_0_TRP or (found := self._space.memory_at(pc)) is None:
            return None
        start = pc - found.start
        code = found.memory.bytes[start : start + 4].tobytes()
        registers = self._divisions.get(code)
        if registers is None:
            first, second = _halves(code, 0)
            if first & 0xFFD0 != 0xFB90 or second & 0xF0F0 != 0xF0F0:
                return None
            registers = self._divisions[code] = (
                self._native.registers(_NAMES[first & 0xF], _NAMES[second & 0xF]),
                self._native.registers(_NAMES[second >> 8 & 0xF], "ESR", "EPSR", "PC"),
            )
        operands, results = registers
        dividend, divisor = operands.read()
        if not divisor:
            return False
        quotient = _signed_quotient(dividend, divisor) if code[0] < _UDIV else dividend // divisor
        block = it_state(xpsr)
        block = block & 0xE0 | block << 1 & 0x1F if block & 0x7 else 0
        results.write(quotient, 0, _THUMB | (block & 0xFC) << 8 | (block & 0x3) << 25, pc + 4 | 1)
        return True


def is_aligned(first: int, second: int, *, exclusive: bool = False) -> bool:
    """Return whether two halfwords are an access that has to be aligned whatever CCR says, and may not be.

    The stack pointer and the literals of LDRD and VLDR always are. ``exclusive`` includes LDREX, which unicorn checks.
    """
    if first & 0xF000 == 0xC000:  # LDM, STM
        return True
    base = first & 0xF
    if base in (_STACK, _PC):
        return False
    if first & 0xFE00 == 0xE800:
        if not first & 0x40:  # LDM.W, STM.W
            return bool(first & 0x180) and first & 0x180 != 0x180
        row = first & 0xFFF0
        if row in (0xE840, 0xE850):  # STREX, TT; LDREX
            return exclusive
        if row in (0xE8C0, 0xE8D0):  # TBB; STL, LDA and what is exclusive
            kind = second >> 4 & 0xF
            return kind in (0x9, 0xA) or (exclusive and kind in (0x5, 0xD, 0xE))
        return True  # LDRD, STRD
    return first & 0xFE00 == 0xEC00 and second & 0x0E00 == 0x0A00 and bool(first & 0x1A0)  # VLDR, VLDM, …


def _signed_quotient(dividend: int, divisor: int) -> int:
    dividend, divisor = (value - ((value & _SIGN) << 1) for value in (dividend, divisor))
    size = abs(dividend) // abs(divisor)
    return (size if (dividend < 0) == (divisor < 0) else -size) & _MASK


def _halves(code: memoryview | bytes, offset: int) -> tuple[int, int]:
    first = int.from_bytes(code[offset : offset + 2], "little")
    return first, int.from_bytes(code[offset + 2 : offset + 4], "little")
