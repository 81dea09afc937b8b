"""The registers of the nRF5340's CLOCK and of POWER, which share one base address and one interrupt.

RESET has the same base as well; its registers behind 0x600 are in :mod:`icmsg.hw.nrf_reset`. The network core has
no HFCLKAUDIO and no HFCLK192M; their registers do nothing there that the others would notice.
"""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

_TASKS = {
    "HFCLKSTART": 0x000,
    "HFCLKSTOP": 0x004,
    "LFCLKSTART": 0x008,
    "LFCLKSTOP": 0x00C,
    "CAL": 0x010,
    "HFCLKAUDIOSTART": 0x018,
    "HFCLKAUDIOSTOP": 0x01C,
    "HFCLK192MSTART": 0x020,
    "HFCLK192MSTOP": 0x024,
    "CONSTLAT": 0x078,
    "LOWPWR": 0x07C,
}
_EVENTS = {
    "HFCLKSTARTED": 0x100,
    "LFCLKSTARTED": 0x104,
    "POFWARN": 0x108,
    "SLEEPENTER": 0x114,
    "SLEEPEXIT": 0x118,
    "DONE": 0x11C,
    "HFCLKAUDIOSTARTED": 0x120,
    "HFCLK192MSTARTED": 0x124,
}
_RUN = (Field("STATUS", 0, meaning="1 = the start task has been triggered"),)
_HF_STAT = (
    Field("SRC", 0, meaning="1 = crystal"),
    Field("ALWAYSRUNNING", 4),
    Field("STATE", 16, meaning="1 = running"),
)
_LF_STAT = (
    Field("SRC", 0, width=2, meaning="as LFCLKSRC"),
    Field("ALWAYSRUNNING", 4),
    Field("STATE", 16, meaning="1 = running"),
)
_LF_SOURCE = (Field("SRC", 0, width=2, meaning="1 = LFRC, 2 = LFXO, 3 = LFSYNT"),)
_HF_SOURCE = (Field("SRC", 0, meaning="1 = crystal"),)
_ALWAYS = (Field("ALWAYSRUN", 0),)

CLOCK: Final = RegisterBlock(
    "CLOCK",
    (
        *tasks(_TASKS),
        *events(_EVENTS),
        *interrupts(_EVENTS),
        Register(
            "INTPEND",
            INTEN + 12,
            access=Access.R,
            fields=interrupt_fields(_EVENTS),
            meaning="events that are latched and enabled",
        ),
        Register("HFCLKRUN", 0x408, access=Access.R, fields=_RUN),
        Register("HFCLKSTAT", 0x40C, access=Access.R, fields=_HF_STAT),
        Register("LFCLKRUN", 0x414, access=Access.R, fields=_RUN),
        Register("LFCLKSTAT", 0x418, access=Access.R, fields=_LF_STAT),
        Register(
            "LFCLKSRCCOPY",
            0x41C,
            access=Access.R,
            reset=1,
            fields=_LF_SOURCE,
            meaning="LFCLKSRC at the start",
        ),
        Register("HFCLKAUDIORUN", 0x450, access=Access.R, fields=_RUN),
        Register("HFCLKAUDIOSTAT", 0x454, access=Access.R, fields=_HF_STAT[1:]),
        Register("HFCLK192MRUN", 0x458, access=Access.R, fields=_RUN),
        Register("HFCLK192MSTAT", 0x45C, access=Access.R, fields=_HF_STAT),
        Register("HFCLKSRC", 0x514, reset=1, fields=_HF_SOURCE),
        Register("LFCLKSRC", 0x518, reset=1, fields=_LF_SOURCE),
        Register("GPREGRET", 0x51C, width=8, count=2, meaning="keeps its value over a reset"),
        Register("HFCLKCTRL", 0x558, reset=1, meaning="0 = 128 MHz, 1 = 64 MHz; no influence on speed here"),
        Register("HFCLKAUDIO_FREQUENCY", 0x55C, width=16, reset=0x9BAE),
        Register("HFCLKALWAYSRUN", 0x570, fields=_ALWAYS),
        Register("LFCLKALWAYSRUN", 0x574, fields=_ALWAYS),
        Register("HFCLKAUDIOALWAYSRUN", 0x57C, fields=_ALWAYS),
        Register("HFCLK192MSRC", 0x580, reset=1, fields=_HF_SOURCE),
        Register("HFCLK192MALWAYSRUN", 0x584, fields=_ALWAYS),
        Register("HFCLK192MCTRL", 0x5B8, reset=2),
    ),
    size=0x600,
    source="nRF5340 PS, CLOCK and POWER",
)
