"""Registers of peripherals beside mailboxes and consoles, as the nRF5340 has them, and the scheme of all.

Tasks, events and interrupts are alike in every nRF53 and nRF54 peripheral. Source of the rules: nRF5340 PS, "Peripheral
interface": tasks from 0x000, events from 0x100; the SUBSCRIBE register of a task and the PUBLISH register of an event
lie 0x80 above it; an event's interrupt is bit ``(offset - 0x100) / 4`` of INTEN, INTENSET and INTENCLR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.registers import WORD, Access, Field, Register, RegisterBlock

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
    return _enables("INTEN", INTEN, interrupt_fields(offsets, count=count), "interrupts")


def _enables(name: str, offset: int, bits: tuple[Field, ...], what: str) -> tuple[Register, ...]:
    return (
        Register(name, offset, fields=bits, meaning=f"{what} that are enabled"),
        Register(f"{name}SET", offset + 4, fields=bits, sets=name, meaning="a one enables"),
        Register(f"{name}CLR", offset + 8, fields=bits, clears=name, meaning="a one disables"),
    )


def interrupt_fields(offsets: Mapping[str, int], *, count: int = 1) -> tuple[Field, ...]:
    """Return the interrupt bit of every event in ``offsets``: ``x``, or ``x0``, ``x1``, … in an array."""
    return tuple(
        Field(name if count == 1 else f"{name}{index}", (offset - EVENTS_BASE) // WORD + index)
        for name, offset in offsets.items()
        for index in range(count)
    )


_CLOCK_TASKS = {
    "HFCLKSTART": 0x000,
    "HFCLKSTOP": 0x004,
    "LFCLKSTART": 0x008,
    "LFCLKSTOP": 0x00C,
    "CAL": 0x010,
    "HFCLKAUDIOSTART": 0x018,
    "HFCLKAUDIOSTOP": 0x01C,
    "HFCLK192MSTART": 0x020,
    "HFCLK192MSTOP": 0x024,
    "CONSTLAT": 0x078,
    "LOWPWR": 0x07C,
}
_CLOCK_EVENTS = {
    "HFCLKSTARTED": 0x100,
    "LFCLKSTARTED": 0x104,
    "POFWARN": 0x108,
    "SLEEPENTER": 0x114,
    "SLEEPEXIT": 0x118,
    "DONE": 0x11C,
    "HFCLKAUDIOSTARTED": 0x120,
    "HFCLK192MSTARTED": 0x124,
}
_RUN = (Field("STATUS", 0, meaning="1 = the start task has been triggered"),)
_HF_STAT = (
    Field("SRC", 0, meaning="1 = crystal"),
    Field("ALWAYSRUNNING", 4),
    Field("STATE", 16, meaning="1 = running"),
)
_LF_STAT = (
    Field("SRC", 0, width=2, meaning="as LFCLKSRC"),
    Field("ALWAYSRUNNING", 4),
    Field("STATE", 16, meaning="1 = running"),
)
_LF_SOURCE = (Field("SRC", 0, width=2, meaning="1 = LFRC, 2 = LFXO, 3 = LFSYNT"),)
_HF_SOURCE = (Field("SRC", 0, meaning="1 = crystal"),)
_ALWAYS = (Field("ALWAYSRUN", 0),)

CLOCK: Final = RegisterBlock(
    "CLOCK",
    (
        *tasks(_CLOCK_TASKS),
        *events(_CLOCK_EVENTS),
        *interrupts(_CLOCK_EVENTS),
        Register(
            "INTPEND",
            INTEN + 12,
            access=Access.R,
            fields=interrupt_fields(_CLOCK_EVENTS),
            meaning="events that are latched and enabled",
        ),
        Register("HFCLKRUN", 0x408, access=Access.R, fields=_RUN),
        Register("HFCLKSTAT", 0x40C, access=Access.R, fields=_HF_STAT),
        Register("LFCLKRUN", 0x414, access=Access.R, fields=_RUN),
        Register("LFCLKSTAT", 0x418, access=Access.R, fields=_LF_STAT),
        Register(
            "LFCLKSRCCOPY",
            0x41C,
            access=Access.R,
            reset=1,
            fields=_LF_SOURCE,
            meaning="LFCLKSRC at the start",
        ),
        Register("HFCLKAUDIORUN", 0x450, access=Access.R, fields=_RUN),
        Register("HFCLKAUDIOSTAT", 0x454, access=Access.R, fields=_HF_STAT[1:]),
        Register("HFCLK192MRUN", 0x458, access=Access.R, fields=_RUN),
        Register("HFCLK192MSTAT", 0x45C, access=Access.R, fields=_HF_STAT),
        Register("HFCLKSRC", 0x514, reset=1, fields=_HF_SOURCE),
        Register("LFCLKSRC", 0x518, reset=1, fields=_LF_SOURCE),
        Register("GPREGRET", 0x51C, width=8, count=2, meaning="keeps its value over a reset"),
        Register("HFCLKCTRL", 0x558, reset=1, meaning="0 = 128 MHz, 1 = 64 MHz; no influence on speed here"),
        Register("HFCLKAUDIO_FREQUENCY", 0x55C, width=16, reset=0x9BAE),
        Register("HFCLKALWAYSRUN", 0x570, fields=_ALWAYS),
        Register("LFCLKALWAYSRUN", 0x574, fields=_ALWAYS),
        Register("HFCLKAUDIOALWAYSRUN", 0x57C, fields=_ALWAYS),
        Register("HFCLK192MSRC", 0x580, reset=1, fields=_HF_SOURCE),
        Register("HFCLK192MALWAYSRUN", 0x584, fields=_ALWAYS),
        Register("HFCLK192MCTRL", 0x5B8, reset=2),
    ),
    size=0x600,
    source="nRF5340 PS, CLOCK and POWER",
)
"""CLOCK and POWER, which share one base address and one interrupt; :data:`RESET` has the same base as well. The network
core has no HFCLKAUDIO and no HFCLK192M; their registers do nothing there that the others would notice.
"""


RESET: Final = RegisterBlock(
    "RESET",
    (
        Register(
            "NETWORK_FORCEOFF",
            0x614,
            reset=1,
            fields=(Field("FORCEOFF", 0, meaning="1 holds the network core in reset, 0 releases it"),),
        ),
        Register("NETWORK_UNLOCK", 0x618, meaning="written by the workaround for erratum 161; no function"),
    ),
    source="nRF5340 PS, RESET",
)
"""Registers by which the application core stops and starts the network core; below 0x600 lie CLOCK and POWER."""


_TEMP_EVENTS = {"DATARDY": 0x100}

TEMP: Final = RegisterBlock(
    "TEMP",
    (
        *tasks({"START": 0x000, "STOP": 0x004}),
        *events(_TEMP_EVENTS),
        *interrupts(_TEMP_EVENTS),
        Register("TEMP", 0x508, access=Access.R, meaning="quarters of a degree Celsius, two's complement"),
        Register("A", 0x520, count=6, meaning="slopes; stored only"),
        Register("B", 0x540, count=6, meaning="offsets; stored only"),
        Register("T", 0x560, count=5, meaning="ends of the pieces; stored only"),
    ),
    source="nRF5340 PS, TEMP",
)
"""The network core's temperature sensor."""


_RNG_EVENTS = {"VALRDY": 0x100}

RNG: Final = RegisterBlock(
    "RNG",
    (
        *tasks({"START": 0x000, "STOP": 0x004}),
        *events(_RNG_EVENTS),
        Register("SHORTS", 0x200, fields=(Field("VALRDY_STOP", 0, meaning="1 stops after one byte"),)),
        *interrupts(_RNG_EVENTS),
        Register(
            "CONFIG", 0x504, fields=(Field("DERCEN", 0, meaning="1 corrects the bias, and takes longer"),)
        ),
        Register("VALUE", 0x508, access=Access.R, fields=(Field("VALUE", 0, width=8),), meaning="the byte"),
    ),
    source="nRF5340 PS, RNG",
)
"""The network core's source of random bytes."""


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
"""One port."""


REQUESTS: Final = 8
"""Reload request registers of one watchdog."""
RELOAD: Final = 0x6E524635
"""Value that has to be written into every enabled RR, and into TSEN to allow TASKS_STOP."""
SHORTEST: Final = 15
"""The least counter reload value."""

_WDT_TASKS = {"START": 0x000, "STOP": 0x004}
_WDT_EVENTS = {"TIMEOUT": 0x100, "STOPPED": 0x104}
_WDT_REQUESTS = tuple(Field(f"RR{number}", number) for number in range(REQUESTS))

WDT: Final = RegisterBlock(
    "WDT",
    (
        *tasks(_WDT_TASKS),
        *events(_WDT_EVENTS),
        *interrupts(_WDT_EVENTS),
        Register("RUNSTATUS", 0x400, access=Access.R, fields=(Field("RUNSTATUSWDT", 0),), meaning="1 = runs"),
        Register(
            "REQSTATUS",
            0x404,
            access=Access.R,
            reset=1,
            fields=_WDT_REQUESTS,
            meaning="enabled reload registers that have not been written since the last reload",
        ),
        Register("CRV", 0x504, reset=0xFFFFFFFF, meaning="bites CRV + 1 cycles of 32.768 kHz after a reload"),
        Register("RREN", 0x508, reset=1, fields=_WDT_REQUESTS, meaning="reload registers that are enabled"),
        Register(
            "CONFIG",
            0x50C,
            reset=1,
            fields=(
                Field("SLEEP", 0, meaning="1 = counts while the core sleeps"),
                Field("HALT", 3, meaning="1 = counts while a debugger halts the core"),
                Field("STOPEN", 6, meaning="1 = TASKS_STOP is allowed"),
            ),
        ),
        Register("TSEN", 0x520, access=Access.W, meaning="0x6E524635 allows TASKS_STOP"),
        Register("RR", 0x600, access=Access.W, count=REQUESTS, meaning="0x6E524635 requests a reload"),
    ),
    source="nRF5340 PS, WDT",
)
"""The watchdog of one core."""


TIMER_COMPARATORS: Final = 8
"""Compare registers of one TIMER of the network core; those of the application core have six."""
TIMER_HZ: Final = 16_000_000
"""The rate that the prescaler divides by 2 ** PRESCALER."""
WIDTHS: Final = (16, 8, 24, 32)
"""The counter's bits, by BITMODE."""

_TIMER_TASKS = {"START": 0x000, "STOP": 0x004, "COUNT": 0x008, "CLEAR": 0x00C, "SHUTDOWN": 0x010}
_TIMER_CAPTURE = {"CAPTURE": 0x040}
_TIMER_COMPARE = {"COMPARE": 0x140}

TIMER: Final = RegisterBlock(
    "TIMER",
    (
        *tasks(_TIMER_TASKS),
        *tasks(_TIMER_CAPTURE, count=TIMER_COMPARATORS),
        *events(_TIMER_COMPARE, count=TIMER_COMPARATORS),
        Register(
            "SHORTS",
            0x200,
            fields=(
                *(Field(f"COMPARE{index}_CLEAR", index) for index in range(TIMER_COMPARATORS)),
                *(Field(f"COMPARE{index}_STOP", 8 + index) for index in range(TIMER_COMPARATORS)),
            ),
            meaning="tasks that an event starts",
        ),
        *interrupts(_TIMER_COMPARE, count=TIMER_COMPARATORS),
        Register("MODE", 0x504, fields=(Field("MODE", 0, width=2, meaning="0 timer, 1 and 2 counter"),)),
        Register(
            "BITMODE",
            0x508,
            fields=(Field("BITMODE", 0, width=2, meaning="16, 8, 24 or 32 bits of the counter"),),
        ),
        Register("PRESCALER", 0x510, reset=4, fields=(Field("PRESCALER", 0, width=4),)),
        Register(
            "CC", 0x540, count=TIMER_COMPARATORS, meaning="EVENTS_COMPARE[n] when the counter comes to it"
        ),
        Register(
            "ONESHOTEN",
            0x580,
            count=TIMER_COMPARATORS,
            fields=(Field("ONESHOTEN", 0),),
            meaning="1 lets COMPARE[n] happen once after CC[n] was written",
        ),
    ),
    source="nRF5340 PS, TIMER",
)
"""A 16 MHz timer with a prescaler, and a counter of tasks."""


RTC_COMPARATORS: Final = 4
"""Compare registers of one RTC."""
COUNTER_MASK: Final = 0xFFFFFF
"""The counter's 24 bits."""
OVERFLOW_START: Final = 0xFFFFF0
"""Value that TASKS_TRIGOVRFLW sets the counter to."""
LFCLK_HZ: Final = 32768
"""The rate of the clock that the RTC and the watchdog count."""
EVTEN: Final = 0x340

_RTC_TASKS = {"START": 0x000, "STOP": 0x004, "CLEAR": 0x008, "TRIGOVRFLW": 0x00C}
_RTC_CAPTURE = {"CAPTURE": 0x040}
_RTC_EVENTS = {"TICK": 0x100, "OVRFLW": 0x104}
_RTC_COMPARE = {"COMPARE": 0x140}
_RTC_BITS = (*interrupt_fields(_RTC_EVENTS), *interrupt_fields(_RTC_COMPARE, count=RTC_COMPARATORS))


RTC: Final = RegisterBlock(
    "RTC",
    (
        *tasks(_RTC_TASKS),
        *tasks(_RTC_CAPTURE, count=RTC_COMPARATORS),
        *events(_RTC_EVENTS),
        *events(_RTC_COMPARE, count=RTC_COMPARATORS),
        *_enables("INTEN", INTEN, _RTC_BITS, "interrupts"),
        *_enables("EVTEN", EVTEN, _RTC_BITS, "events for the DPPI"),
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
            count=RTC_COMPARATORS,
            fields=(Field("COMPARE", 0, width=24),),
            meaning="EVENTS_COMPARE[n] when the counter comes to this value",
        ),
    ),
    source="nRF5340 PS, RTC",
)
"""A 24-bit counter of the 32.768 kHz clock: Zephyr's system clock."""
