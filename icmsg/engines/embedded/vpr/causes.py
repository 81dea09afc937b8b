"""Exceptions of a VPR core: their codes in mcause (MDK: VPRCSR_MCAUSE), and what they mean."""

from __future__ import annotations

import enum
from typing import Final


class Code(enum.IntEnum):
    """Exception code in mcause."""

    FETCH = 1
    ILLEGAL = 2
    BREAKPOINT = 3
    MISALIGNED_LOAD = 4
    LOAD = 5
    MISALIGNED_STORE = 6
    STORE = 7
    ECALL = 11
    MISALIGNED_STACKING = 0x18
    STACKING = 0x19
    VECTOR = 0x1A
    MISALIGNED_UNSTACKING = 0x1B
    UNSTACKING = 0x1C
    EXCEPTION_STACKING = 0x1F


FAULT: Final = 0x100
"""Added to a code, the number of a FAULT event: Arm's exceptions have the numbers below."""

WORDS: Final = {
    Code.FETCH: "a jump to where there is no code",
    Code.ILLEGAL: "an instruction that this core does not have",
    Code.BREAKPOINT: "an ebreak without a debugger",
    Code.MISALIGNED_LOAD: "an atomic load from an address that is no multiple of 4",
    Code.LOAD: "a load from where the SoC has nothing",
    Code.MISALIGNED_STORE: "an atomic access to an address that is no multiple of 4",
    Code.STORE: "a store to where the SoC has nothing",
    Code.MISALIGNED_STACKING: "an interrupt with a stack pointer that is no multiple of 4",
    Code.STACKING: "an interrupt's frame that is not in memory",
    Code.VECTOR: "an interrupt's vector that is not in memory (mtvt)",
    Code.MISALIGNED_UNSTACKING: "an mret with a stack pointer that is no multiple of 4",
    Code.UNSTACKING: "an mret with a stack that is not in memory",
    Code.EXCEPTION_STACKING: "an exception whose frame cannot be stacked",
}
