"""The registers of the nRF5340's RTC, a 24-bit counter of the 32.768 kHz clock: Zephyr's system clock."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import INTEN, events, interrupt_fields, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

COMPARATORS: Final = 4
"""Compare registers of one RTC."""
COUNTER_MASK: Final = 0xFFFFFF
"""The counter's 24 bits."""
OVERFLOW_START: Final = 0xFFFFF0
"""Value that TASKS_TRIGOVRFLW sets the counter to."""
LFCLK_HZ: Final = 32768
"""The rate of the clock that the RTC and the watchdog count."""
EVTEN: Final = 0x340

_TASKS = {"START": 0x000, "STOP": 0x004, "CLEAR": 0x008, "TRIGOVRFLW": 0x00C}
_CAPTURE = {"CAPTURE": 0x040}
_EVENTS = {"TICK": 0x100, "OVRFLW": 0x104}
_COMPARE = {"COMPARE": 0x140}
_BITS = (*interrupt_fields(_EVENTS), *interrupt_fields(_COMPARE, count=COMPARATORS))


def _enables(name: str, offset: int, what: str) -> tuple[Register, ...]:
    return (
        Register(name, offset, fields=_BITS, meaning=f"{what} that are enabled"),
        Register(f"{name}SET", offset + 4, fields=_BITS, sets=name, meaning="a one enables"),
        Register(f"{name}CLR", offset + 8, fields=_BITS, clears=name, meaning="a one disables"),
    )


RTC: Final = RegisterBlock(
    "RTC",
    (
        *tasks(_TASKS),
        *tasks(_CAPTURE, count=COMPARATORS),
        *events(_EVENTS),
        *events(_COMPARE, count=COMPARATORS),
        *_enables("INTEN", INTEN, "interrupts"),
        *_enables("EVTEN", EVTEN, "events for the DPPI"),
        Register(
            "COUNTER", 0x504, access=Access.R, fields=(Field("COUNTER", 0, width=24),), meaning="now, 24 bits"
        ),
        Register(
            "PRESCALER",
            0x508,
            fields=(Field("PRESCALER", 0, width=12),),
            meaning="the counter counts every PRESCALER + 1 cycles; taken over by START, CLEAR and TRIGOVRFLW",
        ),
        Register(
            "CC",
            0x540,
            count=COMPARATORS,
            fields=(Field("COMPARE", 0, width=24),),
            meaning="EVENTS_COMPARE[n] when the counter comes to this value",
        ),
    ),
    source="nRF5340 PS, RTC",
)
