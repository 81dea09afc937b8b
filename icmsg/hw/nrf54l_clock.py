"""The registers of the nRF54L15's CLOCK, POWER and RESET, which share one page."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

_R = Access.R
_TASKS = {
    "XOSTART": 0x000,
    "XOSTOP": 0x004,
    "PLLSTART": 0x008,
    "PLLSTOP": 0x00C,
    "LFCLKSTART": 0x010,
    "LFCLKSTOP": 0x014,
    "CAL": 0x018,
    "CONSTLAT": 0x030,
    "LOWPWR": 0x034,
}
_TUNING = {"XOTUNE": 0x01C, "XOTUNEABORT": 0x020}
_EVENTS = {
    "XOSTARTED": 0x100,
    "PLLSTARTED": 0x104,
    "LFCLKSTARTED": 0x108,
    "DONE": 0x10C,
    "XOTUNED": 0x110,
    "XOTUNEERROR": 0x114,
    "XOTUNEFAILED": 0x118,
    "POFWARN": 0x130,
}
_PUBLISHED = {"SLEEPENTER": 0x134, "SLEEPEXIT": 0x138}
_ALL = _EVENTS | _PUBLISHED
_RUN = (Field("STATUS", 0, meaning="1 = started"),)
_STATE = Field("STATE", 16, meaning="1 = running")
_SOURCE = Field("SRC", 0, width=2, meaning="0 = RC, 1 = crystal, 2 = synthesized")
_REASONS = (
    *("RESETPIN", "DOG0", "DOG1", "CTRLAPSOFT", "CTRLAPHARD", "CTRLAPPIN", "SREQ", "LOCKUP", "OFF", "LPCOMP"),
    *("DIF", "GRTC", "NFC", "SECTAMPER"),
)

CLOCK54L: Final = RegisterBlock(
    "CLOCK",
    (
        *tasks(_TASKS),
        *tasks(_TUNING, dppi=False),
        *events(_EVENTS, dppi=False),
        *events(_PUBLISHED),
        *interrupts(_ALL),
        Register("INTPEND", INTEN + 12, access=_R, fields=interrupt_fields(_ALL)),
        Register("XO_RUN", 0x408, access=_R, fields=_RUN),
        Register("XO_STAT", 0x40C, access=_R, fields=(_STATE,)),
        Register("PLL_RUN", 0x428, access=_R, fields=_RUN),
        Register("PLL_STAT", 0x42C, access=_R, fields=(_STATE,)),
        Register("LFCLK_SRC", 0x440, fields=(_SOURCE,)),
        Register("LFCLK_RUN", 0x448, access=_R, fields=_RUN),
        Register("LFCLK_STAT", 0x44C, access=_R, fields=(_SOURCE, Field("ALWAYSRUNNING", 4), _STATE)),
        Register("LFCLK_SRCCOPY", 0x450, fields=(_SOURCE,)),
        Register("GPREGRET", 0x500, width=8, count=2, meaning="kept over a reset"),
        Register("CONSTLATSTAT", 0x520, access=_R, fields=(Field("STATUS", 0, meaning="1 = CONSTLAT"),)),
        Register(
            "RESETREAS",
            0x600,
            clears="RESETREAS",
            fields=tuple(Field(name, bit) for bit, name in enumerate(_REASONS)),
            meaning="why it was reset, which is never said here; a one clears",
        ),
    ),
    source="nRF54L15 Datasheet, CLOCK, POWER and RESET",
)
