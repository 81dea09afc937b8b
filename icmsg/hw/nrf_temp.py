"""The registers of the nRF5340's TEMP, the network core's temperature sensor."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupts, tasks
from icmsg.hw.registers import Access, Register, RegisterBlock

_EVENTS = {"DATARDY": 0x100}

TEMP: Final = RegisterBlock(
    "TEMP",
    (
        *tasks({"START": 0x000, "STOP": 0x004}),
        *events(_EVENTS),
        *interrupts(_EVENTS),
        Register("TEMP", 0x508, access=Access.R, meaning="quarters of a degree Celsius, two's complement"),
        Register("A", 0x520, count=6, meaning="slopes; stored only"),
        Register("B", 0x540, count=6, meaning="offsets; stored only"),
        Register("T", 0x560, count=5, meaning="ends of the pieces; stored only"),
    ),
    source="nRF5340 PS, TEMP",
)
