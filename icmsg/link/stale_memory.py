"""Shared memory as it may be when cores start: RAM keeps its contents over a reset, and means nothing after power-up.

>>> from icmsg.config import InstanceConfig, Region
>>> from icmsg.hw.memory_bus import MemoryBus
>>> from icmsg.wire.inspect import inspect_region
>>> memory, config = MemoryBus(bytearray(0x800)), InstanceConfig(Region(0, 0x400), Region(0x400, 0x400))
>>> fill_regions(memory, config, "old")
>>> print(inspect_region(memory, 0, config.tx_layout))
rd_idx=56 wr_idx=92 used=36 of 1016, 1 packet pending
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, Literal, get_args

from icmsg.errors import ConfigurationError
from icmsg.ipc import MAGIC
from icmsg.wire.handshake import HandshakeWord
from icmsg.wire.pbuf_reader import PbufReader
from icmsg.wire.pbuf_writer import PbufWriter
from icmsg.wire.spsc_reader import SpscReader
from icmsg.wire.spsc_writer import SpscWriter

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus

StaleMemory = Literal["old", "random"]
STALE_MEMORY: Final[tuple[str, ...]] = get_args(StaleMemory)
_MESSAGES: Final = (b"an old message that was taken", b"an old message that waits yet")
_SESSION: Final = 0x1234


def fill_regions(bus: Bus, config: InstanceConfig, kind: StaleMemory, seed: int = 1) -> None:
    """Fill both regions of an instance before its cores start.

    ``old`` is what a session leaves that ended in the middle: magic taken, a message taken, a message waiting, session
    ids where there are sessions. ``random`` is what RAM holds after power-up; it follows from ``seed``.

    Raises:
        ConfigurationError: there is no such kind.
        BusError: a region is not memory of that bus.
    """
    if kind not in STALE_MEMORY:
        raise ConfigurationError(f"stale memory {kind!r}: use {' or '.join(STALE_MEMORY)}")
    random = Random(seed)
    sides = (config.tx_region, config.tx_layout), (config.rx_region, config.rx_layout)
    for region, layout in sides:
        if kind == "random":
            bus.write_block(region.address, random.randbytes(region.size))
        else:
            _old(bus, region.address, layout)


def _old(bus: Bus, address: int, layout: RegionLayout) -> None:
    spsc = layout.wire == "spsc_pbuf"
    writer = (SpscWriter if spsc else PbufWriter)(bus, address, layout)
    reader = (SpscReader if spsc else PbufReader)(bus, address, layout)
    writer.tx_init()
    reader.rx_init()
    for message in (MAGIC, *_MESSAGES):
        if writer.free_space() >= len(message):
            writer.write(message)
    if layout.handshake_offset is not None:
        HandshakeWord(bus, address, layout).write(_SESSION, _SESSION)
    for _ in range(2):
        reader.read()
