"""The tables of clocks, timers and pins against numbers taken from the nRF5340's device description."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.hw.nrf_peripherals import CLOCK, GPIO, RESET, RTC, WDT
from icmsg.hw.registers import Access, RegisterBlock

R, W, RW = Access.R, Access.W, Access.RW
# name: offset, elements, access, value after a reset
CLOCK_FACTS = {
    "TASKS_HFCLKSTART": (0x000, 1, W, 0),
    "TASKS_HFCLKSTOP": (0x004, 1, W, 0),
    "TASKS_LFCLKSTART": (0x008, 1, W, 0),
    "TASKS_LFCLKSTOP": (0x00C, 1, W, 0),
    "TASKS_CAL": (0x010, 1, W, 0),
    "TASKS_HFCLKAUDIOSTART": (0x018, 1, W, 0),
    "TASKS_HFCLKAUDIOSTOP": (0x01C, 1, W, 0),
    "TASKS_HFCLK192MSTART": (0x020, 1, W, 0),
    "TASKS_HFCLK192MSTOP": (0x024, 1, W, 0),
    "TASKS_CONSTLAT": (0x078, 1, W, 0),
    "TASKS_LOWPWR": (0x07C, 1, W, 0),
    "SUBSCRIBE_HFCLKSTART": (0x080, 1, RW, 0),
    "SUBSCRIBE_HFCLKSTOP": (0x084, 1, RW, 0),
    "SUBSCRIBE_LFCLKSTART": (0x088, 1, RW, 0),
    "SUBSCRIBE_LFCLKSTOP": (0x08C, 1, RW, 0),
    "SUBSCRIBE_CAL": (0x090, 1, RW, 0),
    "SUBSCRIBE_HFCLKAUDIOSTART": (0x098, 1, RW, 0),
    "SUBSCRIBE_HFCLKAUDIOSTOP": (0x09C, 1, RW, 0),
    "SUBSCRIBE_HFCLK192MSTART": (0x0A0, 1, RW, 0),
    "SUBSCRIBE_HFCLK192MSTOP": (0x0A4, 1, RW, 0),
    "SUBSCRIBE_CONSTLAT": (0x0F8, 1, RW, 0),
    "SUBSCRIBE_LOWPWR": (0x0FC, 1, RW, 0),
    "EVENTS_HFCLKSTARTED": (0x100, 1, RW, 0),
    "EVENTS_LFCLKSTARTED": (0x104, 1, RW, 0),
    "EVENTS_POFWARN": (0x108, 1, RW, 0),
    "EVENTS_SLEEPENTER": (0x114, 1, RW, 0),
    "EVENTS_SLEEPEXIT": (0x118, 1, RW, 0),
    "EVENTS_DONE": (0x11C, 1, RW, 0),
    "EVENTS_HFCLKAUDIOSTARTED": (0x120, 1, RW, 0),
    "EVENTS_HFCLK192MSTARTED": (0x124, 1, RW, 0),
    "PUBLISH_HFCLKSTARTED": (0x180, 1, RW, 0),
    "PUBLISH_LFCLKSTARTED": (0x184, 1, RW, 0),
    "PUBLISH_POFWARN": (0x188, 1, RW, 0),
    "PUBLISH_SLEEPENTER": (0x194, 1, RW, 0),
    "PUBLISH_SLEEPEXIT": (0x198, 1, RW, 0),
    "PUBLISH_DONE": (0x19C, 1, RW, 0),
    "PUBLISH_HFCLKAUDIOSTARTED": (0x1A0, 1, RW, 0),
    "PUBLISH_HFCLK192MSTARTED": (0x1A4, 1, RW, 0),
    "INTEN": (0x300, 1, RW, 0),
    "INTENSET": (0x304, 1, RW, 0),
    "INTENCLR": (0x308, 1, RW, 0),
    "INTPEND": (0x30C, 1, R, 0),
    "HFCLKRUN": (0x408, 1, R, 0),
    "HFCLKSTAT": (0x40C, 1, R, 0),
    "LFCLKRUN": (0x414, 1, R, 0),
    "LFCLKSTAT": (0x418, 1, R, 0),
    "LFCLKSRCCOPY": (0x41C, 1, R, 1),
    "HFCLKAUDIORUN": (0x450, 1, R, 0),
    "HFCLKAUDIOSTAT": (0x454, 1, R, 0),
    "HFCLK192MRUN": (0x458, 1, R, 0),
    "HFCLK192MSTAT": (0x45C, 1, R, 0),
    "HFCLKSRC": (0x514, 1, RW, 1),
    "LFCLKSRC": (0x518, 1, RW, 1),
    "GPREGRET": (0x51C, 2, RW, 0),
    "HFCLKCTRL": (0x558, 1, RW, 1),
    "HFCLKAUDIO_FREQUENCY": (0x55C, 1, RW, 0x9BAE),
    "HFCLKALWAYSRUN": (0x570, 1, RW, 0),
    "LFCLKALWAYSRUN": (0x574, 1, RW, 0),
    "HFCLKAUDIOALWAYSRUN": (0x57C, 1, RW, 0),
    "HFCLK192MSRC": (0x580, 1, RW, 1),
    "HFCLK192MALWAYSRUN": (0x584, 1, RW, 0),
    "HFCLK192MCTRL": (0x5B8, 1, RW, 2),
}
RESET_FACTS = {"NETWORK_FORCEOFF": (0x614, 1, RW, 1), "NETWORK_UNLOCK": (0x618, 1, RW, 0)}
RTC_FACTS = {
    "TASKS_START": (0x000, 1, W, 0),
    "TASKS_STOP": (0x004, 1, W, 0),
    "TASKS_CLEAR": (0x008, 1, W, 0),
    "TASKS_TRIGOVRFLW": (0x00C, 1, W, 0),
    "TASKS_CAPTURE": (0x040, 4, W, 0),
    "SUBSCRIBE_START": (0x080, 1, RW, 0),
    "SUBSCRIBE_STOP": (0x084, 1, RW, 0),
    "SUBSCRIBE_CLEAR": (0x088, 1, RW, 0),
    "SUBSCRIBE_TRIGOVRFLW": (0x08C, 1, RW, 0),
    "SUBSCRIBE_CAPTURE": (0x0C0, 4, RW, 0),
    "EVENTS_TICK": (0x100, 1, RW, 0),
    "EVENTS_OVRFLW": (0x104, 1, RW, 0),
    "EVENTS_COMPARE": (0x140, 4, RW, 0),
    "PUBLISH_TICK": (0x180, 1, RW, 0),
    "PUBLISH_OVRFLW": (0x184, 1, RW, 0),
    "PUBLISH_COMPARE": (0x1C0, 4, RW, 0),
    "INTEN": (
        0x300,
        1,
        RW,
        0,
    ),  # where INTENSET's bits are kept; the device description has only the other two
    "INTENSET": (0x304, 1, RW, 0),
    "INTENCLR": (0x308, 1, RW, 0),
    "EVTEN": (0x340, 1, RW, 0),
    "EVTENSET": (0x344, 1, RW, 0),
    "EVTENCLR": (0x348, 1, RW, 0),
    "COUNTER": (0x504, 1, R, 0),
    "PRESCALER": (0x508, 1, RW, 0),
    "CC": (0x540, 4, RW, 0),
}
WDT_FACTS = {
    "TASKS_START": (0x000, 1, W, 0),
    "TASKS_STOP": (0x004, 1, W, 0),
    "SUBSCRIBE_START": (0x080, 1, RW, 0),
    "SUBSCRIBE_STOP": (0x084, 1, RW, 0),
    "EVENTS_TIMEOUT": (0x100, 1, RW, 0),
    "EVENTS_STOPPED": (0x104, 1, RW, 0),
    "PUBLISH_TIMEOUT": (0x180, 1, RW, 0),
    "PUBLISH_STOPPED": (0x184, 1, RW, 0),
    "INTEN": (0x300, 1, RW, 0),  # as for RTC
    "INTENSET": (0x304, 1, RW, 0),
    "INTENCLR": (0x308, 1, RW, 0),
    "RUNSTATUS": (0x400, 1, R, 0),
    "REQSTATUS": (0x404, 1, R, 1),
    "CRV": (0x504, 1, RW, 0xFFFFFFFF),
    "RREN": (0x508, 1, RW, 1),
    "CONFIG": (0x50C, 1, RW, 1),
    "TSEN": (0x520, 1, W, 0),
    "RR": (0x600, 8, W, 0),
}
GPIO_FACTS = {
    "OUT": (0x004, 1, RW, 0),
    "OUTSET": (0x008, 1, RW, 0),
    "OUTCLR": (0x00C, 1, RW, 0),
    "IN": (0x010, 1, R, 0),
    "DIR": (0x014, 1, RW, 0),
    "DIRSET": (0x018, 1, RW, 0),
    "DIRCLR": (0x01C, 1, RW, 0),
    "LATCH": (0x020, 1, RW, 0),
    "DETECTMODE": (0x024, 1, RW, 0),
    "DETECTMODE_SEC": (0x028, 1, RW, 0),
    "PIN_CNF": (0x200, 32, RW, 2),
}
BITS = {
    ("CLOCK", "INTENSET"): {
        "HFCLKSTARTED": 0,
        "LFCLKSTARTED": 1,
        "POFWARN": 2,
        "SLEEPENTER": 5,
        "SLEEPEXIT": 6,
        "DONE": 7,
        "HFCLKAUDIOSTARTED": 8,
        "HFCLK192MSTARTED": 9,
    },
    ("RTC", "INTENSET"): {
        "TICK": 0,
        "OVRFLW": 1,
        "COMPARE0": 16,
        "COMPARE1": 17,
        "COMPARE2": 18,
        "COMPARE3": 19,
    },
    ("RTC", "EVTENCLR"): {
        "TICK": 0,
        "OVRFLW": 1,
        "COMPARE0": 16,
        "COMPARE1": 17,
        "COMPARE2": 18,
        "COMPARE3": 19,
    },
    ("WDT", "INTENCLR"): {"TIMEOUT": 0, "STOPPED": 1},
    ("WDT", "CONFIG"): {"SLEEP": 0, "HALT": 3, "STOPEN": 6},
    ("CLOCK", "LFCLKSTAT"): {"SRC": 0, "ALWAYSRUNNING": 4, "STATE": 16},
    ("GPIO", "PIN_CNF"): {"DIR": 0, "INPUT": 1, "PULL": 2, "DRIVE": 8, "SENSE": 16, "MCUSEL": 28},
}
TABLES = {"CLOCK": CLOCK, "RESET": RESET, "RTC": RTC, "WDT": WDT, "GPIO": GPIO}
FACTS = {"CLOCK": CLOCK_FACTS, "RESET": RESET_FACTS, "RTC": RTC_FACTS, "WDT": WDT_FACTS, "GPIO": GPIO_FACTS}


@pytest.mark.parametrize("name", TABLES)
def test_every_register_is_where_the_device_description_says(name: str) -> None:
    table: RegisterBlock = TABLES[name]
    assert {
        register.name: (register.offset, register.count, register.access, register.reset_value)
        for register in table.registers
    } == FACTS[name]


@for_each(("table", "register"), BITS)
def test_every_bit_is_where_the_device_description_says(table: str, register: str) -> None:
    fields = TABLES[table].register(register).fields
    assert {field.name: field.lsb for field in fields} == BITS[table, register]
