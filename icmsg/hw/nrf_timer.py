"""The registers of the nRF5340's TIMER, a 16 MHz timer with a prescaler, and a counter of tasks."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupts, tasks
from icmsg.hw.registers import Field, Register, RegisterBlock

COMPARATORS: Final = 8
"""Compare registers of one TIMER of the network core; those of the application core have six."""
TIMER_HZ: Final = 16_000_000
"""The rate that the prescaler divides by 2 ** PRESCALER."""
WIDTHS: Final = (16, 8, 24, 32)
"""The counter's bits, by BITMODE."""

_TASKS = {"START": 0x000, "STOP": 0x004, "COUNT": 0x008, "CLEAR": 0x00C, "SHUTDOWN": 0x010}
_CAPTURE = {"CAPTURE": 0x040}
_COMPARE = {"COMPARE": 0x140}

TIMER: Final = RegisterBlock(
    "TIMER",
    (
        *tasks(_TASKS),
        *tasks(_CAPTURE, count=COMPARATORS),
        *events(_COMPARE, count=COMPARATORS),
        Register(
            "SHORTS",
            0x200,
            fields=(
                *(Field(f"COMPARE{index}_CLEAR", index) for index in range(COMPARATORS)),
                *(Field(f"COMPARE{index}_STOP", 8 + index) for index in range(COMPARATORS)),
            ),
            meaning="tasks that an event starts",
        ),
        *interrupts(_COMPARE, count=COMPARATORS),
        Register("MODE", 0x504, fields=(Field("MODE", 0, width=2, meaning="0 timer, 1 and 2 counter"),)),
        Register(
            "BITMODE",
            0x508,
            fields=(Field("BITMODE", 0, width=2, meaning="16, 8, 24 or 32 bits of the counter"),),
        ),
        Register("PRESCALER", 0x510, reset=4, fields=(Field("PRESCALER", 0, width=4),)),
        Register("CC", 0x540, count=COMPARATORS, meaning="EVENTS_COMPARE[n] when the counter comes to it"),
        Register(
            "ONESHOTEN",
            0x580,
            count=COMPARATORS,
            fields=(Field("ONESHOTEN", 0),),
            meaning="1 lets COMPARE[n] happen once after CC[n] was written",
        ),
    ),
    source="nRF5340 PS, TIMER",
)
