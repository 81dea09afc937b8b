"""The registers of the nRF5340's WDT, the watchdog of one core."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

REQUESTS: Final = 8
"""Reload request registers of one watchdog."""
RELOAD: Final = 0x6E524635
"""Value that has to be written into every enabled RR, and into TSEN to allow TASKS_STOP."""
SHORTEST: Final = 15
"""The least counter reload value."""

_TASKS = {"START": 0x000, "STOP": 0x004}
_EVENTS = {"TIMEOUT": 0x100, "STOPPED": 0x104}
_REQUESTS = tuple(Field(f"RR{number}", number) for number in range(REQUESTS))

WDT: Final = RegisterBlock(
    "WDT",
    (
        *tasks(_TASKS),
        *events(_EVENTS),
        *interrupts(_EVENTS),
        Register("RUNSTATUS", 0x400, access=Access.R, fields=(Field("RUNSTATUSWDT", 0),), meaning="1 = runs"),
        Register(
            "REQSTATUS",
            0x404,
            access=Access.R,
            reset=1,
            fields=_REQUESTS,
            meaning="enabled reload registers that have not been written since the last reload",
        ),
        Register("CRV", 0x504, reset=0xFFFFFFFF, meaning="bites CRV + 1 cycles of 32.768 kHz after a reload"),
        Register("RREN", 0x508, reset=1, fields=_REQUESTS, meaning="reload registers that are enabled"),
        Register(
            "CONFIG",
            0x50C,
            reset=1,
            fields=(
                Field("SLEEP", 0, meaning="1 = counts while the core sleeps"),
                Field("HALT", 3, meaning="1 = counts while a debugger halts the core"),
                Field("STOPEN", 6, meaning="1 = TASKS_STOP is allowed"),
            ),
        ),
        Register("TSEN", 0x520, access=Access.W, meaning="0x6E524635 allows TASKS_STOP"),
        Register("RR", 0x600, access=Access.W, count=REQUESTS, meaning="0x6E524635 requests a reload"),
    ),
    source="nRF5340 PS, WDT",
)
