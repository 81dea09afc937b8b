"""Shared memory of a backend with several endpoints as it may be when cores start."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.ipc.icbmsg.packets import CONTROL, bound_packet
from icmsg.link.stale_memory import fill_regions
from icmsg.wire.block_area import BlockArea
from icmsg.wire.slot_queue import SlotQueue

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.stale_memory import StaleMemory

_MESSAGES: Final = 3
_TAKEN: Final = 2


def fill_endpoint_regions(bus: Bus, config: SeveralConfig, kind: StaleMemory, seed: int = 1) -> None:
    """Fill both regions before the cores start; as :func:`icmsg.link.stale_memory.fill_regions`."""
    if kind == "random":
        random = Random(seed)
        for region in (config.tx_region, config.rx_region):
            bus.write_block(region.address, random.randbytes(region.size))
    elif isinstance(config, IcbmsgConfig) and config.generation == "rework":
        for side in (config, config.mirrored()):
            _old_queues(bus, side)
    else:
        fill_regions(bus, config.control, kind, seed)


def _old_queues(bus: Bus, config: IcbmsgConfig) -> None:
    """Write what a session leaves in the tx-region that ended while a message waited."""
    layout = config.tx_layout
    begin = layout.address + layout.begin
    sent = SlotQueue(bus, begin, config.slots)
    taken = SlotQueue(bus, begin + layout.queue_size, config.slots)
    area, packet = BlockArea(bus, layout), bound_packet(config)
    area.write(0, len(packet) | CONTROL << 24, packet)
    for number in range(_MESSAGES):
        sent.put(0, high=number == 0)
    for _ in range(_TAKEN):
        taken.put(0)
