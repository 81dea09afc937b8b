"""Registers of peripherals that the nRF52 has and its successors have not, or have in another form."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_peripherals import events, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

PPI_CHANNELS: Final = 20
"""Channels of the PPI with end points that firmware chooses."""
PPI_ALL_CHANNELS: Final = 32
PPI_GROUPS: Final = 6
PPI_FIXED: Final = (
    (0x4000_8140, 0x4000_1000),
    (0x4000_8140, 0x4000_1004),
    (0x4000_8144, 0x4000_1010),
    (0x4000_1128, 0x4000_F000),
    (0x4000_1100, 0x4000_F000),
    (0x4000_1104, 0x4000_F004),
    (0x4000_1104, 0x4000_8044),
    (0x4000_110C, 0x4000_8048),
    (0x4000_B140, 0x4000_1000),
    (0x4000_B140, 0x4000_1004),
    (0x4000_B140, 0x4000_800C),
    (0x4000_B140, 0x4000_8000),
)
"""(event, task) of channels 20 to 31: TIMER0, RTC0, RADIO, AAR and CCM (nRF52840 PS, "Pre-programmed channels")."""

_CHANNELS = tuple(Field(f"CH{number}", number) for number in range(PPI_ALL_CHANNELS))

PPI: Final = RegisterBlock(
    "PPI",
    (
        Register(
            "TASKS_CHG_EN", 0x000, access=Access.W, count=PPI_GROUPS, stride=8, meaning="1 enables a group"
        ),
        Register(
            "TASKS_CHG_DIS", 0x004, access=Access.W, count=PPI_GROUPS, stride=8, meaning="1 disables it"
        ),
        Register("CHEN", 0x500, fields=_CHANNELS, meaning="channels that are enabled"),
        Register("CHENSET", 0x504, fields=_CHANNELS, sets="CHEN", meaning="a one enables"),
        Register("CHENCLR", 0x508, fields=_CHANNELS, clears="CHEN", meaning="a one disables"),
        Register("CH_EEP", 0x510, count=PPI_CHANNELS, stride=8, meaning="address of an event"),
        Register("CH_TEP", 0x514, count=PPI_CHANNELS, stride=8, meaning="address of the task that it starts"),
        Register("CHG", 0x800, count=PPI_GROUPS, fields=_CHANNELS, meaning="channels of a group"),
        Register("FORK_TEP", 0x910, count=PPI_ALL_CHANNELS, meaning="address of a second task"),
    ),
    source="nRF52840 PS, PPI",
)
"""Channels that let an event of one peripheral start a task of another, without the core."""


EGU_CHANNELS: Final = 16
_EGU_EVENTS: Final = {"TRIGGERED": 0x100}

EGU: Final = RegisterBlock(
    "EGU",
    (
        *tasks({"TRIGGER": 0x000}, count=EGU_CHANNELS),
        *events(_EGU_EVENTS, count=EGU_CHANNELS),
        *interrupts(_EGU_EVENTS, count=EGU_CHANNELS),
    ),
    source="nRF52840 PS, EGU",
)
"""Events that a task makes: interrupts for software."""
