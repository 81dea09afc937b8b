"""The registers of a Cortex-M33's DWT: the cycle counter, and comparators that are stored only."""

from __future__ import annotations

from typing import Final

from icmsg.hw.registers import Access, Field, Register, RegisterBlock

COMPARATORS: Final = 4

DWT: Final = RegisterBlock(
    "DWT",
    (
        Register(
            "CTRL",
            0x000,
            reset=COMPARATORS << 28,
            fields=(
                Field("CYCCNTENA", 0, meaning="1 counts cycles"),
                Field("NUMCOMP", 28, width=4, access=Access.R),
            ),
        ),
        Register("CYCCNT", 0x004, meaning="cycles of the core's clock, 32 bits"),
        Register("CPICNT", 0x008),
        Register("EXCCNT", 0x00C),
        Register("SLEEPCNT", 0x010),
        Register("LSUCNT", 0x014),
        Register("FOLDCNT", 0x018),
        Register("PCSR", 0x01C, access=Access.R),
        Register("COMP", 0x020, count=COMPARATORS, stride=0x10),
        Register("FUNCTION", 0x028, count=COMPARATORS, stride=0x10),
        Register("LAR", 0xFB0, access=Access.W),
        Register("LSR", 0xFB4, access=Access.R),
        Register("DEVARCH", 0xFBC, access=Access.R, reset=0x47701A02),
    ),
    source="Armv8-M Architecture Reference Manual, D1 (DWT)",
)
