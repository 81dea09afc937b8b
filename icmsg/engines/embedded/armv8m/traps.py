"""Traps and MPU queries (TT, TTT, TTA, TTAT) that a Cortex-M has and unicorn has not (Armv8-M ARM, B3, B7.3, D1).

LDM, LDRD, LDA and their kind fault at an address that is no multiple of their size; LDR, LDRH and STR do where
CCR.UNALIGN_TRP says so, divisions by zero where CCR.DIV_0_TRP does, floating point until CPACR enables it. Nothing is
looked at while code runs: what contains such an instruction is translated again as for a stricter core
(:class:`TranslatorState`), which checks natively. There an LDR may fault that must not; code with such a one is
translated as usual from then on.

The instructions TT, TTT, TTA and TTAT, which ask for the MPU region and the permissions of an address.

The emulator knows no MPU and would answer "no region", at which Zephyr stops. So runs end before such an
instruction, and it is executed here, from the MPU registers that firmware has written (Armv8-M ARM, C2.4 and the
pseudocode of TTResp). The core is in Secure state and has no SAU regions: all memory is Secure, and the Non-secure
MPU is off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.armv8m.native import TranslatorState
from icmsg.engines.embedded.emulator.native import EXECUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.engines.embedded.armv8m.native import CortexM
    from icmsg.engines.embedded.armv8m.system_control import SystemControl
    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace


_MPU_ENABLE: Final = 1 << 0
_PRIVILEGED_DEFAULT: Final = 1 << 2
_REGION_ENABLE: Final = 1 << 0
_ADDRESS: Final = 0xFFFFFFE0
_WITHIN: Final = 0x1F
_UNPRIVILEGED_TOO: Final = 1 << 1  # AP[1] in RBAR
_READ_ONLY: Final = 1 << 2  # AP[2] in RBAR

_REGION_VALID: Final = 1 << 16
_READABLE: Final = 1 << 18
_WRITABLE: Final = 1 << 19
_SECURE: Final = 1 << 22

_IPSR: Final = 0x1FF
_THUMB: Final = 1 << 24
_NPRIV: Final = 1
_NAMES: Final = (*(f"R{number}" for number in range(13)), "SP", "LR")


class Query(NamedTuple):
    """One such instruction: ``alternate`` asks for the Non-secure state, ``unprivileged`` for unprivileged code."""

    target: int
    source: int
    alternate: bool
    unprivileged: bool


def decode(first: int, second: int) -> Query | None:
    """Return the instruction in two halfwords, or None if they are another one."""
    if first & 0xFFF0 != 0xE840 or second & 0xF03F != 0xF000:
        return None
    return Query(second >> 8 & 0xF, first & 0xF, bool(second & 0x80), bool(second & 0x40))


def response(
    address: int, *, control: int, regions: Sequence[tuple[int, int]], privileged: bool, unprivileged: bool
) -> int:
    """Return the answer for ``address``.

    ``control`` is MPU_CTRL and ``regions`` are (RBAR, RLAR) of all regions. ``privileged`` says who executes the
    instruction, since only privileged code is told a region's number; ``unprivileged`` for whom it asks.
    """
    if not control & _MPU_ENABLE:
        return _SECURE | _READABLE | _WRITABLE
    found = [
        number
        for number, (base, limit) in enumerate(regions)
        if limit & _REGION_ENABLE and base & _ADDRESS <= address <= limit | _WITHIN
    ]
    if not found:
        allowed = control & _PRIVILEGED_DEFAULT and not unprivileged
        return _SECURE | (_READABLE | _WRITABLE if allowed else 0)
    if len(found) > 1:
        return _SECURE  # where regions overlap nobody may access anything
    base = regions[found[0]][0]
    answer = _SECURE | (_REGION_VALID | found[0] if privileged else 0)
    if not unprivileged or base & _UNPRIVILEGED_TOO:
        answer |= _READABLE | (0 if base & _READ_ONLY else _WRITABLE)
    return answer


def it_state(xpsr: int) -> int:
    """Return ITSTATE, the eight bits of which xPSR keeps in two places; 0 outside of an IT block."""
    return xpsr >> 8 & 0xFC | xpsr >> 25 & 0x3


def passes(condition: int, xpsr: int) -> bool:
    """Tell whether the flags in xPSR fulfil one of the 16 conditions (Armv8-M ARM, C1.3.1)."""
    n, z, c, v = (bool(xpsr >> bit & 1) for bit in (31, 30, 29, 28))
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds != bool(condition & 1) or condition == 0xF


class QueryUnit:
    """Executes these instructions for the core ``native``, whose MPU registers are in ``control``."""

    def __init__(self, native: NativeCore, space: AddressSpace, control: SystemControl) -> None:
        self._native: Final = native
        self._space: Final = space
        self._control: Final = control
        self._state: Final = native.registers(*_NAMES, "PC", "CONTROL", "XPSR")
        self._results: dict[int, RegisterBatch] = {}
        self._next = native.registers("EPSR", "PC")

    def execute(self) -> None:
        """Execute the instruction at PC, which is one of these, and go on behind it."""
        *values, pc, control, xpsr = self._state.read()
        query = decode(self._halfword(pc), self._halfword(pc + 2))
        assert query is not None
        block = it_state(xpsr)
        if not block or passes(block >> 4, xpsr):
            self._answer(query, values[query.source], control, xpsr)
        block = block & 0xE0 | block << 1 & 0x1F if block & 0x7 else 0
        self._next.write(_THUMB | (block & 0xFC) << 8 | (block & 0x3) << 25, pc + 4 | 1)

    def _answer(self, query: Query, address: int, control: int, xpsr: int) -> None:
        privileged = bool(xpsr & _IPSR) or not control & _NPRIV
        answer = response(
            address,
            control=0 if query.alternate else self._control.peek("MPU_CTRL"),
            regions=self._control.mpu_regions(),
            privileged=privileged and not query.alternate,
            unprivileged=query.unprivileged or not privileged,
        )
        result = self._results.get(query.target)
        if result is None:
            result = self._results[query.target] = self._native.registers(_NAMES[query.target])
        result.write(answer)

    def _halfword(self, address: int) -> int:
        found = self._space.memory_at(address)
        return 0 if found is None else found.memory.halfword(address - found.start)


_UNALIGN_TRP: Final = 1 << 3
_DIV_0_TRP: Final = 1 << 4
_TRAPS: Final = _UNALIGN_TRP | _DIV_0_TRP

# The first halfwords of what may have to be aligned: LDM and STM; LDM.W, STM.W, LDRD, LDA…; VLDR, VLDM….
_MAY_ALIGN: Final = re.compile(rb"(?=[\x00-\xff][\xc0-\xcf\xe8\xe9\xec\xed])", re.DOTALL)
# SDIV, UDIV Rd, Rn, Rm: FB90|Rn and FBB0|Rn, F0F0|Rd<<8|Rm.
_DIVISION: Final = re.compile(rb"(?=[\x90-\x9f\xb0-\xbf]\xfb[\xf0-\xff][\xf0-\xff])")
_UDIV: Final = 0xB0
_CONTROL_NPRIV: Final = 1 << 0
_MOST_ROUNDS: Final = 8
"""Code is translated once for thread mode and once for handler mode, but forgotten for both."""
_SIGN: Final = 1 << 31
_MASK: Final = 0xFFFFFFFF
_STACK, _PC = 13, 15


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
