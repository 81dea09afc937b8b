"""The first packet of a region that nobody has read from yet: how a side without sessions is recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus

_LONGEST = 0xFFFF


def first_packet_is(bus: Bus, address: int, layout: RegionLayout, payload: bytes) -> bool:
    """Tell whether the packet at the start of a pbuf's data is exactly ``payload`` (protocol §3.6).

    Only memory decides, nothing is consumed. What is no valid index or no such packet is simply False: before
    the peer has initialised the region it may hold anything.
    """
    end = 4 + len(payload)
    wr = bus.read32(address + layout.wr_idx_offset)
    if not end <= wr <= min(layout.data_length - 1, _LONGEST):
        return False
    packet = bus.read_block(address + layout.data_offset, end)
    return packet[:2] == len(payload).to_bytes(2, "big") and packet[4:] == payload
