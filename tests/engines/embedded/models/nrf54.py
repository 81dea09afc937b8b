"""Peripherals of the nRF54L15 on two Cortex-M33, ``app`` and ``net``: what is tested here needs no VPR core."""

from __future__ import annotations

from functools import cache
from typing import Final

from rig import Rig
from soc import Instance

from icmsg.soc.platform import PlatformDescription, parse_platform

GRTC: Final = 0x500E_2000
CLOCK: Final = Instance("app", 0x5010_E000, 261)
UARTES: Final = {"app": Instance("app", 0x500C_6000, 198), "net": Instance("net", 0x5010_4000, 260)}
VPR: Final = 0x5004_C000
TICKS_PER_US: Final = 128

_PLATFORM: Final = """
cpuapp: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicapp
    PerformanceInMips: 128

cpunet: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicnet
    PerformanceInMips: 64

nvicapp: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpuapp }
    priorityMask: 0xE0
    systickFrequency: 128000000
    -> cpuapp@0

nvicnet: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpunet }
    priorityMask: 0xE0
    systickFrequency: 64000000
    -> cpunet@0

flashapp: Memory.MappedMemory @ sysbus 0x00000000
    size: 0x100000

flashnet: Memory.MappedMemory @ sysbus 0x01000000
    size: 0x40000

ramapp: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x40000

ramnet: Memory.MappedMemory @ sysbus 0x21000000
    size: 0x10000

grtc: Timers.NRF_GRTC @ { sysbus 0x500E2000; sysbus 0x400E2000 }
    0 -> nvicnet@226
    1 -> nvicapp@227
    2 -> nvicapp@228

uart20: UART.NRF54L_UARTE @ { sysbus 0x500C6000; sysbus 0x400C6000 }
    IRQ -> nvicapp@198

uart30: UART.NRF54L_UARTE @ { sysbus 0x50104000; sysbus 0x40104000 }
    IRQ -> nvicnet@260

clockapp: Miscellaneous.NRF54L_CLOCK @ {
        sysbus new Bus.BusPointRegistration { address: 0x5010E000; cpu: cpuapp };
        sysbus new Bus.BusPointRegistration { address: 0x4010E000; cpu: cpuapp }
    }
    IRQ -> nvicapp@261

vprapp: Miscellaneous.NRF_VPR @ {
        sysbus new Bus.BusRangeRegistration { address: 0x5004C800; size: 0x800; offset: 0x800; cpu: cpuapp };
        sysbus new Bus.BusRangeRegistration { address: 0x4004C800; size: 0x800; offset: 0x800; cpu: cpuapp }
    }
    vpr: cpunet
"""


@cache
def platform() -> PlatformDescription:
    return parse_platform(_PLATFORM, "nrf54-parts.repl")


def nrf54_rig() -> Rig:
    return Rig(platform=platform())
