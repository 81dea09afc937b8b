"""The registers of one port of the nRF5340's GPIO."""

from __future__ import annotations

from typing import Final

from icmsg.hw.registers import Access, Field, Register, RegisterBlock

PINS: Final = 32
"""Pins of one port."""

GPIO: Final = RegisterBlock(
    "GPIO",
    (
        Register("OUT", 0x004, meaning="levels of the outputs, one bit per pin"),
        Register("OUTSET", 0x008, sets="OUT", meaning="a one sets the pin high"),
        Register("OUTCLR", 0x00C, clears="OUT", meaning="a one sets the pin low"),
        Register("IN", 0x010, access=Access.R, meaning="levels of the pins"),
        Register("DIR", 0x014, meaning="1 = output"),
        Register("DIRSET", 0x018, sets="DIR", meaning="a one makes the pin an output"),
        Register("DIRCLR", 0x01C, clears="DIR", meaning="a one makes the pin an input"),
        Register("LATCH", 0x020, clears="LATCH", meaning="pins that have met their SENSE; a one clears"),
        Register("DETECTMODE", 0x024),
        Register("DETECTMODE_SEC", 0x028),
        Register(
            "PIN_CNF",
            0x200,
            count=PINS,
            reset=2,
            fields=(
                Field("DIR", 0, meaning="1 = output"),
                Field("INPUT", 1, meaning="1 = input buffer disconnected"),
                Field("PULL", 2, width=2, meaning="1 = down, 3 = up"),
                Field("DRIVE", 8, width=4),
                Field("SENSE", 16, width=2, meaning="2 = high, 3 = low"),
                Field("MCUSEL", 28, width=3, meaning="0 = application core, 1 = network core"),
            ),
        ),
    ),
    size=0x300,
    source="nRF5340 PS, GPIO",
)
