"""The System Control Space of a Cortex-M: SysTick, NVIC, SCB, MPU (Armv8-M ARM, D1)."""

from __future__ import annotations

from typing import Final

from icmsg.hw.registers import Access, Field, Register, RegisterBlock

SCS_BASE: Final = 0xE000E000

_R, _W = Access.R, Access.W
_WORDS = 16
SCS: Final = RegisterBlock(
    "SCS",
    (
        Register("ICTR", 0x004, access=_R, reset=_WORDS - 2, meaning="words of interrupts less one"),
        Register("ACTLR", 0x008),
        Register(
            "SYST_CSR",
            0x010,
            fields=(Field("ENABLE", 0), Field("TICKINT", 1), Field("CLKSOURCE", 2), Field("COUNTFLAG", 16)),
        ),
        Register("SYST_RVR", 0x014, fields=(Field("RELOAD", 0, width=24),)),
        Register("SYST_CVR", 0x018, meaning="current value; any write clears it"),
        Register(
            "SYST_CALIB", 0x01C, access=_R, reset=0xC0000000, meaning="no reference clock, no calibration"
        ),
        Register("NVIC_ISER", 0x100, count=_WORDS, meaning="a one enables an interrupt"),
        Register("NVIC_ICER", 0x180, count=_WORDS, meaning="a one disables it"),
        Register("NVIC_ISPR", 0x200, count=_WORDS, meaning="a one pends it"),
        Register("NVIC_ICPR", 0x280, count=_WORDS, meaning="a one takes the pending state back"),
        Register("NVIC_IABR", 0x300, count=_WORDS, access=_R, meaning="active interrupts"),
        Register("NVIC_ITNS", 0x380, count=_WORDS, meaning="target security state; stored only"),
        Register("NVIC_IPR", 0x400, count=8 * _WORDS, meaning="priorities, one byte each"),
        Register("CPUID", 0xD00, access=_R, meaning="which Cortex-M this is"),
        Register(
            "ICSR",
            0xD04,
            fields=(
                Field("VECTACTIVE", 0, width=9),
                Field("RETTOBASE", 11),
                Field("VECTPENDING", 12, width=9),
                Field("ISRPENDING", 22),
                Field("PENDSTCLR", 25),
                Field("PENDSTSET", 26),
                Field("PENDSVCLR", 27),
                Field("PENDSVSET", 28),
                Field("PENDNMISET", 31),
            ),
        ),
        Register("VTOR", 0xD08, meaning="address of the vector table"),
        Register(
            "AIRCR",
            0xD0C,
            reset=0xFA050000,
            fields=(Field("SYSRESETREQ", 2), Field("PRIGROUP", 8, width=3), Field("VECTKEY", 16, width=16)),
        ),
        Register(
            "SCR", 0xD10, fields=(Field("SLEEPONEXIT", 1), Field("SLEEPDEEP", 2), Field("SEVONPEND", 4))
        ),
        Register("CCR", 0xD14),
        Register("SHPR", 0xD18, count=3, meaning="priorities of exceptions 4 to 15, one byte each"),
        Register(
            "SHCSR",
            0xD24,
            fields=(
                Field("MEMFAULTACT", 0),
                Field("BUSFAULTACT", 1),
                Field("USGFAULTACT", 3),
                Field("SVCALLACT", 7),
                Field("PENDSVACT", 10),
                Field("SYSTICKACT", 11),
                Field("MEMFAULTENA", 16),
                Field("BUSFAULTENA", 17),
                Field("USGFAULTENA", 18),
                Field("SECUREFAULTENA", 19),
            ),
        ),
        Register("CFSR", 0xD28, clears="CFSR", meaning="why a fault was taken; a one clears"),
        Register("HFSR", 0xD2C, clears="HFSR", fields=(Field("VECTTBL", 1), Field("FORCED", 30))),
        Register("DFSR", 0xD30, clears="DFSR"),
        Register("MMFAR", 0xD34),
        Register("BFAR", 0xD38),
        Register("AFSR", 0xD3C),
        Register("ID", 0xD40, count=16, access=_R, meaning="ID_PFR0 to CTR"),
        Register("CCSIDR", 0xD80, access=_R, meaning="size of a cache; there is none"),
        Register("CSSELR", 0xD84),
        Register("CPACR", 0xD88),
        Register("NSACR", 0xD8C),
        Register("MPU_TYPE", 0xD90, access=_R, meaning="how many regions"),
        Register("MPU_CTRL", 0xD94),
        Register("MPU_RNR", 0xD98),
        Register("MPU_RBAR", 0xD9C),
        Register("MPU_RLAR", 0xDA0),
        Register("MPU_RBAR_A", 0xDA4, count=3, stride=8),
        Register("MPU_RLAR_A", 0xDA8, count=3, stride=8),
        Register("MPU_MAIR", 0xDC0, count=2),
        Register("SAU", 0xDD0, count=7, meaning="security attribution; stored only"),
        Register("DHCSR", 0xDF0, access=_R),
        Register("DEMCR", 0xDFC),
        Register("STIR", 0xF00, access=_W, meaning="pends the interrupt whose number is written"),
        Register("FPCCR", 0xF34, reset=0xC0000000),
        Register("FPCAR", 0xF38),
        Register("FPDSCR", 0xF3C),
        Register("MVFR", 0xF40, count=3, access=_R, reset=0),
        Register("ICIALLU", 0xF50, count=12, access=_W, meaning="cache maintenance; there is no cache"),
        Register("ITCMCR", 0xF90, count=5, meaning="TCMs, AHBP and cache of a Cortex-M7; stored only"),
    ),
    source="Armv8-M Architecture Reference Manual, D1",
)
"""Registers that firmware may touch there; the MPU and SAU are stored, not enforced."""
