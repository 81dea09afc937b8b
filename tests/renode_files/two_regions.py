"""Both regions of a link in one memory, and a Monitor with the commands that look at them."""

from __future__ import annotations

import sys

from fake_monitor import FakeMachine, FakeMonitor

from icmsg.assets import asset
from icmsg.config import RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.wire.pbuf import PbufReader, PbufWriter

BASE = 0x20070000
NET = 0x20078000
SIZE = 0x800
LAYOUT = RegionLayout.pbuf(SIZE)


def script() -> str:
    """Return the path of the commands."""
    return str(asset("renode/icmsg_monitor.py"))


def remove_fake_modules() -> None:
    """Let no other test find the modules that the Monitor's fake brought in."""
    for name in [name for name in sys.modules if name.split(".")[0] == "Antmicro"]:
        del sys.modules[name]


class Link:
    """Both regions in one memory, and a Monitor that looks at them."""

    def __init__(self) -> None:
        self.memory = bytearray(0x10000)
        self.bus = MemoryBus(self.memory, base=BASE)
        self.monitor = FakeMonitor(FakeMachine(BASE, self.memory))
        self.monitor.include(script())

    def writer(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufWriter:
        writer = PbufWriter(self.bus, address, layout)
        writer.tx_init()
        return writer

    def reader(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufReader:
        reader = PbufReader(self.bus, address, layout)
        reader.rx_init()
        return reader

    def ring(self, core: str = "app", channel: int = 0) -> None:
        self.monitor.Machine["sysbus.ipc" + core].TaskTriggered.fire(None, channel)

    @property
    def log(self) -> list[str]:
        return [text for _, text in self.monitor.log]
