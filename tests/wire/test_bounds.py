"""Nothing that a peer leaves in memory, or goes on writing, keeps a reader busy for ever: each loop has a bound."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.config import RegionLayout
from icmsg.errors import CorruptRegionError, WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, SpscReader
from icmsg.wire.inspect import follow, inspect_region

if TYPE_CHECKING:
    from icmsg.wire.packet_buffer import PacketReader

LAYOUTS = [
    RegionLayout.spsc_pbuf(36),
    RegionLayout.spsc_pbuf(128, 16),
    RegionLayout.pbuf(64, 4),
    RegionLayout.pbuf(128, 32),
]


def region_with_a_marker_before_wr_idx() -> bytearray:
    """A packet at 0, a marker behind it, and wr_idx behind both: it leads back to the packet."""
    memory = bytearray(36)
    struct.pack_into("<4I", memory, 0, 20, 1, 0, 16)
    memory[16:24] = b"\0\4\0\0abcd"
    memory[24] = 0xFF
    return memory


def test_a_marker_that_leads_past_wr_idx_is_reported_and_not_followed() -> None:
    reader = SpscReader(MemoryBus(region_with_a_marker_before_wr_idx()), 0, RegionLayout.spsc_pbuf(36))
    assert reader.read() == b"abcd"
    for _ in range(3):
        with pytest.raises(CorruptRegionError, match="marker at rd_idx leads past wr_idx"):
            reader.read()


def test_a_follower_ends_where_the_marker_leads_past_wr_idx() -> None:
    follower = follow(MemoryBus(region_with_a_marker_before_wr_idx()), 0, RegionLayout.spsc_pbuf(36))
    assert follower.poll() == [b"abcd"]
    with pytest.raises(CorruptRegionError):
        follower.poll()


class _NeverEmpty(MemoryBus):
    """Memory of a peer that has always written one more packet."""

    __slots__ = ("_own",)

    def __init__(self, memory: bytearray) -> None:
        super().__init__(memory)
        self._own = memory

    def read_block(self, address: int, size: int) -> bytes:
        """Write one more packet behind each look at the header."""
        data = bytearray(self._own[address : address + size])
        if address == 0:
            self._own[12:16] = ((int.from_bytes(self._own[12:16], "little") + 8) % 1024).to_bytes(4, "little")
        return bytes(data)


def test_a_follower_takes_no_more_than_a_region_from_a_peer_that_never_stops() -> None:
    memory = bytearray(16 + 1024)
    struct.pack_into("<4I", memory, 0, 1024, 1, 0, 8)
    memory[16:] = b"\0\1\0\0a\0\0\0" * 128
    follower = follow(_NeverEmpty(memory), 0, RegionLayout.spsc_pbuf(len(memory)))
    for _ in range(3):
        assert len(follower.poll()) == 128


def reader_of(bus: MemoryBus, layout: RegionLayout) -> PacketReader:
    kind = SpscReader if layout.wire == "spsc_pbuf" else PbufReader
    reader = kind(bus, 0, layout)
    if isinstance(reader, PbufReader):
        reader.rx_init()
    return reader


@given(st.sampled_from(LAYOUTS), st.data())
def test_static_memory_has_no_more_packets_than_fit_into_it(
    layout: RegionLayout, data: st.DataObject
) -> None:
    size = layout.data_offset + layout.data_length
    memory = bytearray(data.draw(st.binary(min_size=size, max_size=size)))
    index = st.integers(0, layout.data_length // 4 - 1).map(lambda at: 4 * at)
    if layout.wire == "spsc_pbuf":
        struct.pack_into("<I", memory, 0, layout.data_length)
    struct.pack_into("<I", memory, layout.rd_idx_offset, data.draw(index))
    struct.pack_into("<I", memory, layout.wr_idx_offset, data.draw(index))
    for at in data.draw(st.lists(index, max_size=4)):
        memory[layout.data_offset + at : layout.data_offset + at + 4] = data.draw(
            st.sampled_from([b"\xff\0\0\0", b"\0\1\0\0", b"\0\4\0\0", b"\0\x08\0\0"])
        )
    bus = MemoryBus(memory)
    inspect_region(bus, 0, layout)
    most = layout.data_length // 8
    reader, taken = reader_of(bus, layout), 0
    try:
        while reader.read():
            taken += 1
            assert taken <= most
    except WireError:
        pass
