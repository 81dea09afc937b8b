"""Tasks, events and interrupts as every nRF53 and nRF54 peripheral has them.

Source of the rules: nRF5340 PS, "Peripheral interface": tasks from 0x000, events from 0x100; the SUBSCRIBE
register of a task and the PUBLISH register of an event lie 0x80 above it; an event's interrupt is bit
``(offset - 0x100) / 4`` of INTEN, INTENSET and INTENCLR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.registers import WORD, Access, Field, Register

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS_BASE: Final = 0x100
DPPI_DISTANCE: Final = 0x80
INTEN: Final = 0x300

_TRIGGER = (Field("TRIGGER", 0, meaning="1 starts the task"),)
_GENERATED = (Field("GENERATED", 0, meaning="1 while the event is latched; write 0 to acknowledge"),)
_DPPI = (
    Field("CHIDX", 0, width=8, meaning="DPPI channel"),
    Field("EN", 31, meaning="1 connects to the DPPI channel"),
)


def tasks(offsets: Mapping[str, int], *, count: int = 1, dppi: bool = True) -> tuple[Register, ...]:
    """Return TASKS_x (write-only), and with ``dppi`` SUBSCRIBE_x, for every task in ``offsets``."""
    triggers = [
        Register(f"TASKS_{name}", offset, access=Access.W, count=count, fields=_TRIGGER)
        for name, offset in offsets.items()
    ]
    subscriptions = [
        Register(f"SUBSCRIBE_{name}", offset + DPPI_DISTANCE, count=count, fields=_DPPI)
        for name, offset in offsets.items()
    ]
    return *triggers, *(subscriptions if dppi else ())


def events(offsets: Mapping[str, int], *, count: int = 1, dppi: bool = True) -> tuple[Register, ...]:
    """Return EVENTS_x, and with ``dppi`` PUBLISH_x, for every event in ``offsets``."""
    latches = [
        Register(f"EVENTS_{name}", offset, count=count, fields=_GENERATED) for name, offset in offsets.items()
    ]
    publications = [
        Register(f"PUBLISH_{name}", offset + DPPI_DISTANCE, count=count, fields=_DPPI)
        for name, offset in offsets.items()
    ]
    return *latches, *(publications if dppi else ())


def interrupts(offsets: Mapping[str, int], *, count: int = 1) -> tuple[Register, ...]:
    """Return INTEN, INTENSET and INTENCLR with one bit per event in ``offsets`` (per element if an array)."""
    bits = interrupt_fields(offsets, count=count)
    return (
        Register("INTEN", INTEN, fields=bits, meaning="interrupts that are enabled"),
        Register("INTENSET", INTEN + 4, fields=bits, sets="INTEN", meaning="a one enables"),
        Register("INTENCLR", INTEN + 8, fields=bits, clears="INTEN", meaning="a one disables"),
    )


def interrupt_fields(offsets: Mapping[str, int], *, count: int = 1) -> tuple[Field, ...]:
    """Return the interrupt bit of every event in ``offsets``: ``x``, or ``x0``, ``x1``, … in an array."""
    return tuple(
        Field(name if count == 1 else f"{name}{index}", (offset - EVENTS_BASE) // WORD + index)
        for name, offset in offsets.items()
        for index in range(count)
    )
