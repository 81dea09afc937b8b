"""The nRF5340's IPC peripheral: its registers and the mailbox driver on them."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

CHANNELS: Final = 16
"""Channels of one IPC peripheral."""

_TASKS = {"SEND": 0x000}
_EVENTS = {"RECEIVE": 0x100}
_CHANNEL_BITS = tuple(Field(f"CHEN{channel}", channel) for channel in range(CHANNELS))

IPC: Final = RegisterBlock(
    "IPC",
    (
        *tasks(_TASKS, count=CHANNELS),
        *events(_EVENTS, count=CHANNELS),
        *interrupts(_EVENTS, count=CHANNELS),
        Register(
            "INTPEND",
            INTEN + 12,
            access=Access.R,
            fields=interrupt_fields(_EVENTS, count=CHANNELS),
            meaning="channels whose event is latched and enabled",
        ),
        Register(
            "SEND_CNF",
            0x510,
            count=CHANNELS,
            fields=_CHANNEL_BITS,
            meaning="channels on which TASKS_SEND[n] signals",
        ),
        Register(
            "RECEIVE_CNF",
            0x590,
            count=CHANNELS,
            fields=_CHANNEL_BITS,
            meaning="channels that latch EVENTS_RECEIVE[n]",
        ),
        Register("GPMEM", 0x610, count=2, meaning="general purpose memory"),
    ),
    source="nRF5340 PS, IPC",
)
