"""The registers of the nRF54's GRTC, a 1 MHz counter of 52 bits that all cores share: Zephyr's system clock there.

SoCs differ in how many compare channels and interrupt groups they have, and in nothing else that is here.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupt_fields, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

GRTC_HZ: Final = 1_000_000
"""The rate of SYSCOUNTER."""
COUNTER_MASK: Final = (1 << 52) - 1
"""The counter's 52 bits."""
MOST: Final = 16
"""Compare channels, and interrupt groups, that the register map has room for."""
CHANNELS: Final = 12
"""Compare channels of the nRF54L15."""
GROUPS: Final = 4
"""Interrupt groups of the nRF54L15: 0 for the FLPR, 1 and 2 for the non-secure and the secure application core."""
BUSY: Final = 1 << 30
OVERFLOW: Final = 1 << 31
REFERENCE_CC: Final = 1 << 31
"""The bit of CCADD that adds to CC; without it the counter's value is added to."""

_GROUP = 0x10
_CAPTURE = {"CAPTURE": 0x000}
_TASKS = {"START": 0x060, "STOP": 0x064, "CLEAR": 0x068, "PWMSTART": 0x06C, "PWMSTOP": 0x070}
_COMPARE = {"COMPARE": 0x100}
_EVENTS = {"RTCOMPARESYNC": 0x164, "PWMPERIODEND": 0x16C}
_PUBLISHED = {"PWMREADY": 0x174, "CLKOUTREADY": 0x178}
_READY = (Field("READY", 0),)


@cache
def grtc(channels: int = CHANNELS, groups: int = GROUPS) -> RegisterBlock:
    """Return the registers of a GRTC; ``channels`` and ``groups`` are at most :data:`MOST`."""
    bits = (*interrupt_fields(_COMPARE, count=channels), *interrupt_fields(_EVENTS | _PUBLISHED))
    return RegisterBlock(
        "GRTC",
        (
            *tasks(_CAPTURE, count=channels),
            *tasks(_TASKS, dppi=False),
            *events(_COMPARE, count=channels),
            *events(_EVENTS, dppi=False),
            *events(_PUBLISHED),
            Register("SHORTS", 0x200),
            Register("INTEN", 0x300, count=groups, stride=_GROUP, fields=bits, meaning="enabled in group n"),
            Register("INTENSET", 0x304, count=groups, stride=_GROUP, fields=bits, sets="INTEN"),
            Register("INTENCLR", 0x308, count=groups, stride=_GROUP, fields=bits, clears="INTEN"),
            Register(
                "INTPEND",
                0x30C,
                count=groups,
                stride=_GROUP,
                access=Access.R,
                fields=bits,
                meaning="latched and enabled in group n",
            ),
            Register("EVTEN", 0x400),
            Register("EVTENSET", 0x404, sets="EVTEN"),
            Register("EVTENCLR", 0x408, clears="EVTEN"),
            Register(
                "MODE",
                0x510,
                fields=(Field("AUTOEN", 0), Field("SYSCOUNTEREN", 1)),
                meaning="AUTOEN: a core that is awake keeps the counter awake; SYSCOUNTEREN: on",
            ),
            Register("CCL", 0x520, count=channels, stride=_GROUP, meaning="CC[n], low; a write disables it"),
            Register(
                "CCH",
                0x524,
                count=channels,
                stride=_GROUP,
                fields=(Field("CCH", 0, width=20),),
                meaning="CC[n], high; a write enables it",
            ),
            Register(
                "CCADD",
                0x528,
                access=Access.W,
                count=channels,
                stride=_GROUP,
                fields=(
                    Field("VALUE", 0, width=31),
                    Field("REFERENCE", 31, meaning="0 = counter, 1 = CC[n]"),
                ),
                meaning="CC[n] becomes the reference and this, and is enabled",
            ),
            Register("CCEN", 0x52C, count=channels, stride=_GROUP, fields=(Field("ACTIVE", 0),)),
            Register(
                "TIMEOUT", 0x6A4, fields=(Field("VALUE", 0, width=16),), meaning="cycles until it sleeps"
            ),
            Register(
                "INTERVAL",
                0x6A8,
                fields=(Field("VALUE", 0, width=16),),
                meaning="added to CC[0] at its event, which stays enabled then; 0 = not",
            ),
            Register(
                "WAKETIME",
                0x6AC,
                reset=1,
                fields=(Field("VALUE", 0, width=8),),
                meaning="cycles before an event at which it wakes",
            ),
            Register("STATUS_LFTIMER", 0x6B0, reset=1, fields=_READY),
            Register("STATUS_PWM", 0x6B4, reset=1, fields=_READY),
            Register("STATUS_CLKOUT", 0x6B8, reset=1, fields=_READY),
            Register("PWMCONFIG", 0x710),
            Register("CLKOUT", 0x714),
            Register(
                "CLKCFG",
                0x718,
                reset=0x10001,
                fields=(Field("CLKFASTDIV", 0, width=8), Field("CLKSEL", 16, width=2)),
            ),
            Register(
                "SYSCOUNTERL", 0x720, access=Access.R, count=groups, stride=_GROUP, meaning="low 32 bits"
            ),
            Register(
                "SYSCOUNTERH",
                0x724,
                access=Access.R,
                count=groups,
                stride=_GROUP,
                reset=BUSY,
                fields=(
                    Field("VALUE", 0, width=20),
                    Field("BUSY", 30, meaning="1 = read again"),
                    Field("OVERFLOW", 31, meaning="1 = the low word has overflown since it was read"),
                ),
                meaning="high 20 bits, read behind the low ones",
            ),
            Register(
                "ACTIVE",
                0x728,
                count=groups,
                stride=_GROUP,
                fields=(Field("ACTIVE", 0, meaning="1 = it must not sleep"),),
            ),
        ),
        source="nRF54L15 Datasheet, GRTC",
    )


GRTC: Final = grtc()
