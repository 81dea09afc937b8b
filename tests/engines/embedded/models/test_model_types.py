"""What a platform file may say about the types that the engine models, and what it is told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import PlatformError

if TYPE_CHECKING:
    from pathlib import Path

CORES = """
cpuapp: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicapp
cpunet: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicnet
nvicapp: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpuapp }
    systickFrequency: 1000000
    -> cpuapp@0
nvicnet: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpunet }
    systickFrequency: 1000000
    -> cpunet@0
"""
APP = "@ sysbus new Bus.BusPointRegistration { address: 0x50000000; cpu: cpuapp }"
CLOCK = f"y: Miscellaneous.NRF5340_CLOCK {APP}\n"
GRTC = "x: Timers.NRF_GRTC @ sysbus 0x50000000\n"
NET = "@ sysbus new Bus.BusPointRegistration { address: 0x41000000; cpu: cpunet }"


def machine(tmp_path: Path, text: str) -> EmbeddedMachine:
    file = tmp_path / "some.repl"
    file.write_text(CORES + text)
    return EmbeddedMachine(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"x: Memory.ArrayMemory {APP}\n", "x needs the attribute size"),
        (f'x: Memory.ArrayMemory {APP}\n    size: "big"\n', "size of x must be a whole number"),
        (f"x: Memory.ArrayMemory {APP}\n    size: 0\n", "size must be > 0"),
        (f"x: Memory.ArrayMemory {APP}\n    size: 4\n    initialValue: 300\n", "initialValue 0…0xFF"),
        (f"x: Memory.ArrayMemory {APP}\n    size: 4\n    init:\n        Fill 3\n", "only WriteDoubleWord"),
        (f"x: Memory.ArrayMemory {APP}\n    size: 4\n    reset:\n        Fill 3\n", "the reset section of x"),
        ("x: Timers.NRF52840_RTC @ none\n    numberOfEvents: 4\n", "x needs an address on sysbus"),
        (f"x: Timers.NRF52840_RTC {APP}\n    numberOfEvents: 5\n", "numberOfEvents must be 1…4, not 5"),
        (f"x: Timers.NRF52840_RTC {APP}\n    prescaler: 3\n", "attribute prescaler of Timers.NRF52840_RTC"),
        ("x: Miscellaneous.NRF5340_CLOCK @ sysbus 0x50000000\n", "exactly one core"),
        (
            f"x: Miscellaneous.NRF5340_CLOCK {APP}\n    startMicroseconds: 0\n",
            "startMicroseconds must be > 0",
        ),
        (f"x: Timers.NRF_WDT {NET}\n", "x needs the attribute resetController"),
        (
            f"x: Timers.NRF_WDT {NET}\n    resetController: nvicnet\n",
            "must name a peripheral that the embedded",
        ),
        (
            f"{CLOCK}x: Timers.NRF_WDT {NET}\n    resetController: y\n",
            "must be the NRF_RESET that resets the core net",
        ),
        (
            f"y: Miscellaneous.NRF_RESET {NET}\n    network: cpuapp\n"
            f"x: Timers.NRF_WDT {NET.replace('0x41000000', '0x41002000')}\n    resetController: y\n",
            "must be the NRF_RESET that resets the core net",
        ),
        (f"x: Miscellaneous.NRF_RESET {APP}\n    network: nvicnet\n", "network of x must name a core"),
        (f"x: Miscellaneous.NRF_RESET {APP}\n    network: cpuapp\n", "network must be another core"),
        (
            f"x: Miscellaneous.NRF_RESET {APP}\n    network: cpunet\n    IRQ -> nvicapp@3\n",
            "this connection of x",
        ),
        (f"x: Memory.ArrayMemory {APP}\n    size: 4\n    -> nvicapp@3\n", "this connection of x"),
        (
            f"x: Timers.NRF52840_RTC {APP}\n    numberOfEvents: 4\n    IRQ -> nvicapp@480\n",
            "x is wired to interrupt 480 of nvicapp, which has 480",
        ),
        (f"x: Miscellaneous.NRF5340_CLOCK {APP}\n    init:\n        Reset\n", "the init section of x"),
        (f"x: Miscellaneous.NRF_VPR {APP}\n", "x needs the attribute vpr"),
        (f"x: Miscellaneous.NRF_VPR {APP}\n    vpr: cpuapp\n", "vpr must be another core"),
        (f"x: Miscellaneous.NRF54L_CLOCK {APP}\n    startMicroseconds: 0\n", "startMicroseconds must be > 0"),
        ("x: Timers.NRF_GRTC @ sysbus 0x50000000\n", "x is reached by several cores and needs a connection"),
        (f"{GRTC}    channels: 17\n    0 -> nvicapp@3\n", "channels and groups must be 1…16, not 17 and 4"),
        (f"{GRTC}    4 -> nvicapp@3\n", "this connection of x"),
        (f"{GRTC}    IRQ -> nvicapp@3\n", "this connection of x"),
        (
            f"x: Memory.ArrayMemory {APP}\n    size: 4\n"
            "y: Memory.ArrayMemory @ sysbus 0x50000002\n    size: 4\n",
            "core app has x from 0x50000000 to 0x50000003 already",
        ),
        (
            f"x: Memory.ArrayMemory {APP}\n    size: 0x1000\n"
            "y: Memory.ArrayMemory @ sysbus 0x50000800\n    size: 4\n",
            "core app has two things at 0x50000000",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlatformError, match=r"some\.repl:") as refused:
        machine(tmp_path, text)
    assert message in str(refused.value)


def test_a_part_may_reach_over_the_end_of_a_page(tmp_path: Path) -> None:
    with machine(tmp_path, "x: Memory.ArrayMemory @ sysbus 0x50000800\n    size: 0x1000\n") as made:
        bus = made.core("app").bus
        bus.write32(0x5000_0FFC, 1)
        bus.write32(0x5000_1000, 2)
        bus.write32(0x5000_17FC, 3)
        assert [made.core("net").bus.read32(at) for at in (0x5000_0FFC, 0x5000_1000, 0x5000_17FC)] == [
            1,
            2,
            3,
        ]


def test_a_registration_may_show_a_part_of_a_peripheral(tmp_path: Path) -> None:
    window = "@ sysbus new Bus.BusRangeRegistration { address: 0x60000000; size: 0x100; offset: 0x500 }"
    whole = "@ { sysbus 0x50000000; " + window[2:] + " }"
    with machine(tmp_path, f"x: Memory.ArrayMemory {whole}\n    size: 0x1000\n") as made:
        bus = made.core("app").bus
        bus.write32(0x5000_0504, 9)
        assert bus.read32(0x6000_0004) == 9


def test_what_several_cores_reach_belongs_to_the_core_that_it_interrupts(tmp_path: Path) -> None:
    """It is reset with that core, and with no other one; what interrupts several belongs to none."""
    text = (
        "x: UART.NRF54L_UARTE @ sysbus 0x50000000\n    IRQ -> nvicnet@3\n"
        "y: Timers.NRF_GRTC @ sysbus 0x50001000\n    0 -> nvicapp@4\n    1 -> nvicnet@4\n"
    )
    with machine(tmp_path, text) as made:
        bus = made.core("app").bus
        for core, kept in (("app", 1), ("net", 0)):
            bus.write32(0x5000_0500, 1)
            bus.write32(0x5000_1510, 2)
            made.core(core).reset()
            assert (bus.read32(0x5000_0500), bus.read32(0x5000_1510)) == (kept, 2)
