"""The registers of the nRF5340's RNG, the network core's source of random bytes."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

_EVENTS = {"VALRDY": 0x100}

RNG: Final = RegisterBlock(
    "RNG",
    (
        *tasks({"START": 0x000, "STOP": 0x004}),
        *events(_EVENTS),
        Register("SHORTS", 0x200, fields=(Field("VALRDY_STOP", 0, meaning="1 stops after one byte"),)),
        *interrupts(_EVENTS),
        Register(
            "CONFIG", 0x504, fields=(Field("DERCEN", 0, meaning="1 corrects the bias, and takes longer"),)
        ),
        Register("VALUE", 0x508, access=Access.R, fields=(Field("VALUE", 0, width=8),), meaning="the byte"),
    ),
    source="nRF5340 PS, RNG",
)
