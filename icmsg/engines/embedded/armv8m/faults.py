"""Reason why a core stopped, in words and in the fault registers (Armv8-M ARM, B3.21 and B11)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.nvic import BUS_FAULT, HARD_FAULT, MEM_MANAGE, USAGE_FAULT, Nvic
from icmsg.machine.machine import CAUSES

if TYPE_CHECKING:
    from icmsg.engines.embedded.armv8m.system_control import SystemControl


class Cause(enum.IntEnum):
    """Cause of a slice's end; the values below 100 are the numbers that unicorn uses."""

    UNDEFINED = 1
    SVC = 2
    PREFETCH = 3
    UNALIGNED = 4
    BREAKPOINT = 7
    EXC_RETURN = 8
    NO_COPROCESSOR = 17
    INVALID_STATE = 18
    STACK_LIMIT = 19
    WFI = 100
    WFE = 101
    STACK = 102
    YIELD = 103
    UNSTACK = 104
    VECTOR = 105
    INVALID_RETURN = 106
    STORE = 107
    DATA = 108
    DIVIDE_BY_ZERO = 109
    UNPRIVILEGED = 110


_UC_ERRORS: Final = {
    6: "read of unmapped memory",
    7: "write of unmapped memory",
    8: "execution of unmapped memory",
    10: "an instruction that does not exist",
    11: "an unaligned access",
    12: "a write of read-only memory",
    13: "a read of memory that cannot be read",
    14: "execution of a peripheral",
    21: "execution where there is no code",
}
_CFSR_BIT: Final = {
    Cause.UNDEFINED: 1 << 16,
    Cause.INVALID_STATE: 1 << 17,
    Cause.NO_COPROCESSOR: 1 << 19,
    Cause.STACK_LIMIT: 1 << 20,
    Cause.UNALIGNED: 1 << 24,
    Cause.DIVIDE_BY_ZERO: 1 << 25,
    Cause.PREFETCH: 1 << 8,
    Cause.INVALID_RETURN: 1 << 18,
    Cause.UNSTACK: 1 << 11,
    Cause.STACK: 1 << 12,
    Cause.DATA: 1 << 9,
    Cause.UNPRIVILEGED: 1 << 9,
    Cause.STORE: 1 << 10,
}
_BFAR_VALID: Final = 1 << 15
_BFHFNMIGN: Final = 1 << 8
_INSTRUCTION_BUS_ERROR: Final = 1 << 8
_INSTRUCTION_ACCESS_VIOLATION: Final = 1 << 0
_DEVICES: Final = (range(0x4000_0000, 0x6000_0000), range(0xA000_0000, 1 << 32))
"""Addresses where the memory map never lets code run (Armv8-M ARM, B8.1)."""
_HFSR_VECTOR: Final = 1 << 1
_HFSR_FORCED: Final = 1 << 30
_HFSR_DEBUG: Final = 1 << 31
_HARD: Final = {Cause.BREAKPOINT: _HFSR_DEBUG, Cause.VECTOR: _HFSR_VECTOR, Cause.SVC: _HFSR_FORCED}
"""Faults that are a HardFault whatever is enabled."""
_WORDS: Final = {
    **{Cause(number): text for number, text in CAUSES.items()},
    Cause.SVC: "an SVC where its priority does not allow it",
    Cause.UNALIGNED: "an access to an address that is no multiple of its size",
    Cause.DIVIDE_BY_ZERO: "a division by zero (CCR.DIV_0_TRP is set)",
    Cause.UNPRIVILEGED: "an access of unprivileged code to the System Control Space",
    Cause.STACK_LIMIT: "a stack that has grown beyond its limit (MSPLIM or PSPLIM)",
}
_WORDS_AT: Final = {
    Cause.DATA: "a load from where the SoC has nothing",
    Cause.STORE: "a store to where the SoC has nothing",
    Cause.STACK: "an exception frame that is not in memory",
    Cause.UNSTACK: "an exception return with a stack that is not in memory",
    Cause.VECTOR: "a vector that is not in memory",
    Cause.INVALID_RETURN: "an exception return whose frame belongs to the other mode; is the stack corrupted?",
}


def explain(cause: int | None, detail: int) -> str:
    """Return the cause in words; ``detail`` is an address where it goes with the cause, else unicorn's code."""
    if cause in _WORDS_AT:
        return f"{_WORDS_AT[Cause(cause)]} (0x{detail:08X})"
    if cause in _WORDS:
        return _WORDS[Cause(cause)]
    return _UC_ERRORS.get(detail, f"an exception that is not modelled (number {cause}, error {detail})")


class FaultUnit:
    """Chooses the fault exception and fills in the fault status registers."""

    def __init__(self, control: SystemControl, nvic: Nvic) -> None:
        self._control = control
        self._nvic = nvic

    def late(self, address: int) -> tuple[int, str]:
        """Pend the fault of a store to ``address``, which the core has put behind it; return its number and words.

        Such a fault is imprecise: BFAR does not tell the address, and the frame not the instruction.
        """
        control, nvic = self._control, self._nvic
        if control.cpu.version.is_baseline:
            nvic.pend(1 << HARD_FAULT)
            return HARD_FAULT, explain(Cause.STORE, address)
        control.poke("CFSR", control.peek("CFSR") | _CFSR_BIT[Cause.STORE])
        number = BUS_FAULT
        if not nvic.enabled >> BUS_FAULT & 1:
            control.poke("HFSR", control.peek("HFSR") | _HFSR_FORCED)
            number = HARD_FAULT
        nvic.pend(1 << number)
        return number, explain(Cause.STORE, address)

    def are_ignored(self, masked_below: int) -> bool:
        """Return whether data bus faults are ignored now: CCR.BFHFNMIGN, in HardFault, NMI or behind FAULTMASK."""
        limit = min(masked_below, self._nvic.execution_priority())
        return limit < 0 and bool(self._control.peek("CCR") & _BFHFNMIGN)

    def number(self, cause: int | None, masked_below: int, address: int | None = None, pc: int = 0) -> int:
        """Record the fault at ``pc`` and return the exception to enter; ``address`` is what a load could not read.

        ``masked_below`` is the priority that PRIMASK, BASEPRI and FAULTMASK impose. A fault whose own exception is
        not enabled, or not urgent enough, becomes a HardFault. Without the Main Extension nothing else exists, and no
        register says why.
        """
        control, nvic = self._control, self._nvic
        if control.cpu.version.is_baseline:
            return HARD_FAULT
        if cause in _HARD:
            control.poke("HFSR", control.peek("HFSR") | _HARD[Cause(cause)])
            return HARD_FAULT
        bit = _CFSR_BIT[Cause(cause)] if cause in _CFSR_BIT else _INSTRUCTION_BUS_ERROR
        if bit == _INSTRUCTION_BUS_ERROR and any(pc in devices for devices in _DEVICES):
            bit = _INSTRUCTION_ACCESS_VIOLATION
        if address is not None:
            bit |= _BFAR_VALID
            control.poke("BFAR", address)
        control.poke("CFSR", control.peek("CFSR") | bit)
        own = USAGE_FAULT if bit >= 1 << 16 else BUS_FAULT if bit >= 1 << 8 else MEM_MANAGE
        limit = min(masked_below, nvic.execution_priority())
        if nvic.enabled >> own & 1 and nvic.group(nvic.priority[own]) < limit:
            return own
        control.poke("HFSR", control.peek("HFSR") | _HFSR_FORCED)
        return HARD_FAULT
