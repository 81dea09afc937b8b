"""Registers of peripherals that came with the nRF54: clocks, the newer UARTE, GRTC, and the control of a VPR core."""

from __future__ import annotations

from functools import cache
from typing import Final

from icmsg.hw.nrf_peripherals import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock
from icmsg.hw.uart_layout import DISCONNECTED, ERRORS

_R = Access.R
_CLOCK_TASKS = {
    "XOSTART": 0x000,
    "XOSTOP": 0x004,
    "PLLSTART": 0x008,
    "PLLSTOP": 0x00C,
    "LFCLKSTART": 0x010,
    "LFCLKSTOP": 0x014,
    "CAL": 0x018,
    "CONSTLAT": 0x030,
    "LOWPWR": 0x034,
}
_TUNING = {"XOTUNE": 0x01C, "XOTUNEABORT": 0x020}
_CLOCK_EVENTS = {
    "XOSTARTED": 0x100,
    "PLLSTARTED": 0x104,
    "LFCLKSTARTED": 0x108,
    "DONE": 0x10C,
    "XOTUNED": 0x110,
    "XOTUNEERROR": 0x114,
    "XOTUNEFAILED": 0x118,
    "POFWARN": 0x130,
}
_CLOCK_PUBLISHED = {"SLEEPENTER": 0x134, "SLEEPEXIT": 0x138}
_ALL = _CLOCK_EVENTS | _CLOCK_PUBLISHED
_RUN = (Field("STATUS", 0, meaning="1 = started"),)
_STATE = Field("STATE", 16, meaning="1 = running")
_SOURCE = Field("SRC", 0, width=2, meaning="0 = RC, 1 = crystal, 2 = synthesized")
_REASONS = (
    *("RESETPIN", "DOG0", "DOG1", "CTRLAPSOFT", "CTRLAPHARD", "CTRLAPPIN", "SREQ", "LOCKUP", "OFF", "LPCOMP"),
    *("DIF", "GRTC", "NFC", "SECTAMPER"),
)

CLOCK54L: Final = RegisterBlock(
    "CLOCK",
    (
        *tasks(_CLOCK_TASKS),
        *tasks(_TUNING, dppi=False),
        *events(_CLOCK_EVENTS, dppi=False),
        *events(_CLOCK_PUBLISHED),
        *interrupts(_ALL),
        Register("INTPEND", INTEN + 12, access=_R, fields=interrupt_fields(_ALL)),
        Register("XO_RUN", 0x408, access=_R, fields=_RUN),
        Register("XO_STAT", 0x40C, access=_R, fields=(_STATE,)),
        Register("PLL_RUN", 0x428, access=_R, fields=_RUN),
        Register("PLL_STAT", 0x42C, access=_R, fields=(_STATE,)),
        Register("LFCLK_SRC", 0x440, fields=(_SOURCE,)),
        Register("LFCLK_RUN", 0x448, access=_R, fields=_RUN),
        Register("LFCLK_STAT", 0x44C, access=_R, fields=(_SOURCE, Field("ALWAYSRUNNING", 4), _STATE)),
        Register("LFCLK_SRCCOPY", 0x450, fields=(_SOURCE,)),
        Register("GPREGRET", 0x500, width=8, count=2, meaning="kept over a reset"),
        Register("CONSTLATSTAT", 0x520, access=_R, fields=(Field("STATUS", 0, meaning="1 = CONSTLAT"),)),
        Register(
            "RESETREAS",
            0x600,
            clears="RESETREAS",
            fields=tuple(Field(name, bit) for bit, name in enumerate(_REASONS)),
            meaning="why it was reset, which is never said here; a one clears",
        ),
    ),
    source="nRF54L15 Datasheet, CLOCK, POWER and RESET",
)


FRAME_TIMEOUT: Final = 1 << 14
"""The bit of CONFIG that makes a pause in reception an event."""
_MATCHES = 4
_UARTE_TASKS = {
    "FLUSHRX": 0x01C,
    "DMA_RX_START": 0x028,
    "DMA_RX_STOP": 0x02C,
    "DMA_TX_START": 0x050,
    "DMA_TX_STOP": 0x054,
}
_MATCH_TASKS = {"DMA_RX_ENABLEMATCH": 0x030, "DMA_RX_DISABLEMATCH": 0x040}
_UARTE_EVENTS = {
    "CTS": 0x100,
    "NCTS": 0x104,
    "TXDRDY": 0x10C,
    "RXDRDY": 0x110,
    "ERROR": 0x114,
    "RXTO": 0x124,
    "TXSTOPPED": 0x130,
    "DMA_RX_END": 0x14C,
    "DMA_RX_READY": 0x150,
    "DMA_RX_BUSERROR": 0x154,
    **{f"DMA_RX_MATCH{index}": 0x158 + 4 * index for index in range(_MATCHES)},
    "DMA_TX_END": 0x168,
    "DMA_TX_READY": 0x16C,
    "DMA_TX_BUSERROR": 0x170,
    "FRAMETIMEOUT": 0x174,
}
_UARTE_SHORTS = {
    "DMA_RX_END_DMA_RX_START": 5,
    "DMA_RX_END_DMA_RX_STOP": 6,
    "DMA_TX_END_DMA_TX_STOP": 18,
    **{f"DMA_RX_MATCH{at}_DMA_RX_ENABLEMATCH{(at + 1) % _MATCHES}": 21 + at for at in range(_MATCHES)},
    **{f"DMA_RX_MATCH{at}_DMA_RX_DISABLEMATCH{at}": 25 + at for at in range(_MATCHES)},
    "FRAMETIMEOUT_DMA_RX_STOP": 29,
}
_PIN = (Field("PIN", 0, width=5), Field("PORT", 5, width=3), Field("CONNECT", 31, meaning="1 = disconnected"))
_CONFIG = (
    Field("HWFC", 0, meaning="1 = hardware flow control"),
    Field("PARITY", 1, width=3, meaning="0 = none, 7 = even"),
    Field("STOP", 4, meaning="0 = one stop bit, 1 = two"),
    Field("PARITYTYPE", 8, meaning="0 = even, 1 = odd"),
    Field("FRAMESIZE", 9, width=4, meaning="bits of a frame"),
    Field("ENDIAN", 13),
    Field("FRAMETIMEOUT", 14, meaning="1 = a pause in reception is an event"),
)
_RAM = 0x20000000


def _dma(direction: str, offset: int, what: str) -> tuple[Register, ...]:
    return (
        Register(f"DMA_{direction}_PTR", offset + 0x04, reset=_RAM, meaning=f"address in RAM of {what}"),
        Register(f"DMA_{direction}_MAXCNT", offset + 0x08, fields=(Field("MAXCNT", 0, width=16),)),
        Register(
            f"DMA_{direction}_AMOUNT", offset + 0x0C, access=Access.R, meaning="bytes since the last start"
        ),
        Register(f"DMA_{direction}_LIST", offset + 0x14),
        Register(f"DMA_{direction}_TERMINATEONBUSERROR", offset + 0x1C),
        Register(f"DMA_{direction}_BUSERRORADDRESS", offset + 0x20, access=Access.R),
    )


UARTE54L: Final = RegisterBlock(
    "UARTE",
    (
        *tasks(_UARTE_TASKS),
        *tasks(_MATCH_TASKS, count=_MATCHES),
        *events(_UARTE_EVENTS),
        Register(
            "SHORTS",
            0x200,
            fields=tuple(Field(name, bit) for name, bit in _UARTE_SHORTS.items()),
            meaning="events that start a task by themselves",
        ),
        *interrupts(_UARTE_EVENTS),
        Register("ERRORSRC", 0x480, fields=ERRORS, clears="ERRORSRC", meaning="a one clears the error"),
        Register("ENABLE", 0x500, fields=(Field("ENABLE", 0, width=4, meaning="8 = enabled, 0 = disabled"),)),
        Register("BAUDRATE", 0x524, reset=0x04000000, meaning="0x01D60000 = 115200 Bd, 250000 Bd at reset"),
        Register("CONFIG", 0x56C, reset=0x1000, fields=_CONFIG),
        Register("ADDRESS", 0x574),
        Register("FRAMETIMEOUT", 0x578, reset=0x10, fields=(Field("COUNTERTOP", 0, width=10),)),
        *(
            Register(f"PSEL_{pin}", 0x604 + 4 * index, fields=_PIN, reset=DISCONNECTED)
            for index, pin in enumerate(("TXD", "CTS", "RXD", "RTS"))
        ),
        *_dma("RX", 0x700, "the receive buffer"),
        Register("DMA_RX_MATCH_CONFIG", 0x724),
        Register("DMA_RX_MATCH_CANDIDATE", 0x728, count=_MATCHES),
        *_dma("TX", 0x738, "the bytes to send"),
    ),
    source="nRF54L15 Datasheet, UARTE",
)


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


VPR: Final = RegisterBlock(
    "VPR",
    (
        Register(
            "CPURUN",
            0x800,
            fields=(Field("EN", 0, meaning="1 runs the core from INITPC, 0 holds it in reset"),),
        ),
        Register(
            "VPRSTATUS",
            0x804,
            access=Access.R,
            fields=(
                Field("CPUSTATUS", 0, width=4, meaning="0 = waiting, 1 = running, 2 = sleeping, 14 = error"),
            ),
            meaning="what the core does; not in the documentation of the nRF54L15",
        ),
        Register("INITPC", 0x808, meaning="address of the first instruction"),
    ),
    source="nRF54L15 Datasheet, VPR",
)
