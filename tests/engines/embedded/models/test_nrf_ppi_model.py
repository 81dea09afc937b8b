"""The nRF52's PPI and EGU: an event of one peripheral starts a task of another, and a UARTE stops itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.bus import CoreBus

US: Final = 1_000
UARTE, TIMER0, TIMER1, RTC0, EGU, PPI = (
    0x4000_2000, 0x4000_8000, 0x4000_9000, 0x4000_B000, 0x4001_4000, 0x4001_F000,
)  # fmt: skip
CHEN, CHENSET, CHENCLR, EEP, TEP, CHG, FORK = 0x500, 0x504, 0x508, 0x510, 0x514, 0x800, 0x910
COMPARE, CAPTURE, CC = 0x140, 0x040, 0x540
TRIGGERED: Final = 0x100
CHIP: Final = """
cpu: CPU.CortexM @ sysbus
    cpuType: "cortex-m4"
    nvic: nvic

nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    -> cpu@0

ram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x2000

serial: UART.NRF52840_UART @ sysbus 0x40002000
    easyDMA: true
    -> nvic@2

clock: Miscellaneous.NRF_CLOCK @ sysbus 0x40000000
    -> nvic@0

timer0: Timers.NRF52840_Timer @ sysbus 0x40008000
    numberOfEvents: 4
    -> nvic@8

timer1: Timers.NRF52840_Timer @ sysbus 0x40009000
    numberOfEvents: 4
    -> nvic@9

rtc0: Timers.NRF52840_RTC @ sysbus 0x4000B000
    numberOfEvents: 3
    -> nvic@11

egu0: Miscellaneous.NRF52840_EGU @ sysbus 0x40014000
    -> nvic@20

ppi: Miscellaneous.NRF52840_PPI @ sysbus 0x4001F000
"""


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine(parse_platform(CHIP, "chip.repl")) as found:
        assert not found.announcement
        yield found


@pytest.fixture
def bus(machine: EmbeddedMachine) -> CoreBus:
    return machine.core("cpu").bus


def connect(bus: CoreBus, channel: int, event: int, task: int, *, fork: int = 0) -> None:
    bus.write32(PPI + EEP + 8 * channel, event)
    bus.write32(PPI + TEP + 8 * channel, task)
    bus.write32(PPI + FORK + 4 * channel, fork)
    bus.write32(PPI + CHENSET, 1 << channel)


def test_a_uarte_whose_end_stops_it_by_a_channel_says_that_it_has_stopped(
    machine: EmbeddedMachine, bus: CoreBus
) -> None:
    bus.write_block(0x2000_0000, b"hi\n")
    for offset, value in ((0x500, 8), (0x544, 0x2000_0000), (0x548, 3), (0x008, 1)):
        bus.write32(UARTE + offset, value)
    assert (bus.read32(UARTE + 0x120), bus.read32(UARTE + 0x158)) == (1, 0)
    bus.write32(UARTE + 0x120, 0)
    connect(bus, 3, UARTE + 0x120, UARTE + 0x00C)
    bus.write32(UARTE + 0x008, 1)
    assert (bus.read32(UARTE + 0x120), bus.read32(UARTE + 0x158)) == (1, 1)
    assert machine.core("cpu").console.text == "hi\nhi\n"


def test_an_event_starts_a_task_and_a_forked_one_while_its_channel_is_enabled(bus: CoreBus) -> None:
    connect(bus, 0, EGU + TRIGGERED, EGU + 4, fork=EGU + 8)
    bus.write32(EGU, 1)
    assert [bus.read32(EGU + TRIGGERED + 4 * index) for index in range(4)] == [1, 1, 1, 0]
    for index in range(3):
        bus.write32(EGU + TRIGGERED + 4 * index, 0)
    bus.write32(PPI + CHENCLR, 1)
    bus.write32(EGU, 1)
    assert [bus.read32(EGU + TRIGGERED + 4 * index) for index in range(4)] == [1, 0, 0, 0]
    assert bus.read32(PPI + CHENSET) == 0


def test_a_group_enables_and_disables_its_channels_also_by_a_channel(bus: CoreBus) -> None:
    bus.write32(PPI + CHG + 4 * 5, 0b110)
    bus.write32(PPI + 8 * 5, 1)
    assert bus.read32(PPI + CHEN) == 0b110
    bus.write32(PPI + 8 * 5 + 4, 1)
    assert bus.read32(PPI + CHEN) == 0
    connect(bus, 0, EGU + TRIGGERED, PPI + 8 * 5)
    bus.write32(EGU, 1)
    assert bus.read32(PPI + CHEN) == 0b111


def test_a_timer_reaches_its_compare_again_and_again_though_nobody_clears_the_event(
    machine: EmbeddedMachine, bus: CoreBus
) -> None:
    connect(bus, 7, TIMER0 + COMPARE, TIMER1 + 0x008)
    bus.write32(TIMER1 + 0x504, 1)
    bus.write32(TIMER1, 1)
    bus.write32(TIMER0 + CC, 100)
    bus.write32(TIMER0 + 0x200, 1)
    bus.write32(TIMER0, 1)
    machine.run_for(1_050 * US)
    bus.write32(TIMER1 + CAPTURE, 1)
    assert bus.read32(TIMER1 + CC) == 10


def test_channels_from_20_on_have_their_end_points_from_the_factory(
    machine: EmbeddedMachine, bus: CoreBus
) -> None:
    bus.write32(PPI + CHENSET, 1 << 31)
    bus.write32(0x4000_0008, 1)
    bus.write32(RTC0 + CC, 10)
    bus.write32(RTC0 + 0x344, 1 << 16)
    bus.write32(RTC0, 1)
    machine.run_for(1_000 * US)
    bus.write32(TIMER0 + CAPTURE, 1)
    assert 600 < bus.read32(TIMER0 + CC) < 700


def test_a_circle_of_events_and_tasks_lets_time_pass(machine: EmbeddedMachine, bus: CoreBus) -> None:
    connect(bus, 1, EGU + TRIGGERED, EGU)
    connect(bus, 2, EGU + TRIGGERED, TIMER1 + 0x008)
    bus.write32(TIMER1 + 0x504, 1)
    bus.write32(TIMER1, 1)
    bus.write32(EGU, 1)
    machine.run_for(100 * US)
    bus.write32(TIMER1 + CAPTURE, 1)
    assert 700 <= bus.read32(TIMER1 + CC) <= 1000


def test_a_task_where_nothing_is_does_nothing_and_a_reset_disconnects(
    machine: EmbeddedMachine, bus: CoreBus
) -> None:
    connect(bus, 1, EGU + TRIGGERED, 0x4007_0000)
    bus.write32(EGU, 1)
    connect(bus, 1, EGU + TRIGGERED, EGU + 4)
    machine.reset()
    bus.write32(PPI + CHENSET, 2)
    bus.write32(EGU, 1)
    assert bus.read32(EGU + TRIGGERED + 4) == 0
    assert bus.read32(PPI + EEP + 8) == 0
