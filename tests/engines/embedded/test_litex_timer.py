"""LiteX's timer, by its registers in both widths and by a program on a VexRiscv."""

from __future__ import annotations

from typing import Final

import pytest
from hart_rig import LITEX, first, printed

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import BusError, PlatformError
from icmsg.soc.platform import parse_platform

TIMER: Final = 0xE000_2800
BYTES: Final = LITEX.replace("LiteX_Timer_CSR32", "LiteX_Timer")
US: Final = 1000


def test_a_program_is_interrupted_after_the_load_and_each_reload() -> None:
    # The first one 1000 cycles behind EN, 28 instructions with those of the handler; then every 500.
    assert printed(LITEX, "litextimer") == [
        "after 00000404",
        "after 000005f8",
        "after 000007ec",
        "value 00000001",
    ]


def test_csrs_of_a_byte_have_the_highest_byte_first() -> None:
    with EmbeddedMachine(parse_platform(BYTES)) as made:
        bus = first(made).bus
        for number, value in enumerate((0x00, 0x01, 0x86, 0xA0)):  # 100,000 cycles, a millisecond
            bus.write32(TIMER + 4 * number, value)
        bus.write32(TIMER + 0x40, 1)
        bus.write32(TIMER + 0x20, 1)
        made.run_for(400 * US)
        bus.write32(TIMER + 0x24, 1)
        assert [bus.read32(TIMER + 0x28 + 4 * number) for number in range(4)] == [0, 0, 0xEA, 0x60]  # 60,000
        bus.write32(TIMER + 0x44, 1)
        assert [bus.read32(TIMER + 0x48 + 4 * number) for number in range(8)] == [
            0,
            0,
            0,
            0,
            0,
            0,
            0x9C,
            0x40,
        ]
        made.run_for(599 * US)
        assert (bus.read32(TIMER + 0x3C), bus.read32(TIMER + 0x38)) == (0, 0)
        made.run_for(1 * US)
        assert (bus.read32(TIMER + 0x3C), bus.read32(TIMER + 0x38)) == (1, 1)
        assert bus.read32(TIMER + 0x20) == 0, "without a reload it stops"
        bus.write32(TIMER + 0x3C, 1)
        assert bus.read32(TIMER + 0x3C) == 0


def test_it_does_not_drift_over_a_thousand_reloads() -> None:
    text = LITEX.replace("frequency: 100000000", "frequency: 32768")
    with EmbeddedMachine(parse_platform(text)) as made:
        bus = first(made).bus
        bus.write32(TIMER + 4, 33)
        bus.write32(TIMER, 33)
        bus.write32(TIMER + 8, 1)
        made.run_for(33_000 * 1_000_000_000 // 32768 - 1 * US)
        bus.write32(TIMER + 0x18, 1)
        made.run_for(2 * US)
        assert bus.read32(TIMER + 0x18) == 1


def test_a_shadow_of_it_is_the_same_timer_and_behind_it_is_nothing() -> None:
    with EmbeddedMachine(parse_platform(LITEX)) as made:
        bus = first(made).bus
        bus.write32(0x6000_2800, 77)
        assert bus.read32(TIMER) == 77
        with pytest.raises(BusError):
            bus.read32(TIMER + 0x2C)


def test_a_timer_that_counts_nothing_is_refused() -> None:
    with pytest.raises(PlatformError, match="frequency must be 1 or more, not 0"):
        EmbeddedMachine(parse_platform(LITEX.replace("frequency: 100000000", "frequency: 0")))
