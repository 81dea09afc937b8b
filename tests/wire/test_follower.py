"""A follower sees what the writer puts into a region, and neither side can notice it."""

from __future__ import annotations

import random

import pytest

from icmsg.config import RegionLayout
from icmsg.errors import BufferFullError, ConfigurationError, CorruptRegionError, IncompletePacketError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter, SpscReader, SpscWriter
from icmsg.wire.inspect import PbufFollower, follow

pytestmark = pytest.mark.usefixtures("both_ways")

BASE = 0x2007_0000
LAYOUT = RegionLayout.pbuf(64, 8)


class Region:
    """A region with its writer, its reader and a follower."""

    def __init__(self) -> None:
        self.memory = bytearray(64)
        self.bus = MemoryBus(self.memory, base=BASE, core="app")
        self.writer = PbufWriter(self.bus, BASE, LAYOUT)
        self.reader = PbufReader(self.bus, BASE, LAYOUT)
        self.follower = PbufFollower(self.bus, BASE, LAYOUT)
        self.writer.tx_init()
        self.reader.rx_init()

    def set_wr(self, value: int) -> None:
        self.bus.write32(BASE + LAYOUT.wr_idx_offset, value)


def test_every_packet_is_seen_once_around_the_ring_and_nothing_is_written() -> None:
    region = Region()
    rng = random.Random(1)
    for _ in range(300):
        sent = []
        for _ in range(rng.randrange(3)):
            data = rng.randbytes(rng.randrange(1, 16))
            region.writer.write(data)
            sent.append(data)
        before = bytes(region.memory)
        assert region.follower.poll() == sent
        assert region.follower.poll() == []
        assert region.memory == before
        for data in sent:
            assert region.reader.read() == data


def test_consumed_tells_whether_the_reader_has_taken_anything() -> None:
    region = Region()
    region.writer.write(b"x")
    region.follower.poll()
    assert region.follower.consumed is False, "what the follower takes does not count"
    region.reader.read()
    assert region.follower.consumed is True


def test_after_a_restart_of_the_writer_it_looks_from_the_start() -> None:
    region = Region()
    region.writer.write(b"before")
    assert region.follower.poll() == [b"before"]
    region.writer.tx_init()
    region.writer.write(b"after!")
    assert region.follower.poll() == [], "the index is where it was: a restart has to be told"
    region.follower.restart()
    assert region.follower.poll() == [b"after!"]


def test_packets_in_front_of_a_broken_one_are_returned_before_the_error_is_raised() -> None:
    region = Region()
    region.writer.write(b"one")
    region.writer.write(b"two")
    region.set_wr(20)
    assert region.follower.poll() == [b"one", b"two"]
    for _ in range(2):
        with pytest.raises(CorruptRegionError, match="length 0"):
            region.follower.poll()
    region.set_wr(16)
    region.writer.write(b"three")
    assert region.follower.poll() == [b"three"]


def test_what_a_reader_refuses_is_refused() -> None:
    region = Region()
    region.set_wr(2)
    with pytest.raises(CorruptRegionError, match="not a multiple of 4"):
        region.follower.poll()
    region.bus.write_block(BASE + LAYOUT.data_offset, b"\0\x20")
    region.set_wr(8)
    with pytest.raises(IncompletePacketError, match="announces 32 bytes"):
        region.follower.poll()


def test_a_layout_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="aligned to 8"):
        PbufFollower(MemoryBus(bytearray(128), base=BASE), BASE + 4, LAYOUT)


@pytest.mark.parametrize("line", [0, 32])
def test_an_spsc_pbuf_is_followed_around_the_ring_whatever_its_reader_has_taken(line: int) -> None:
    layout = RegionLayout.spsc_pbuf(160, line)
    memory = bytearray(160)
    bus = MemoryBus(memory, base=BASE, core="app")
    writer, reader = SpscWriter(bus, BASE, layout), SpscReader(bus, BASE, layout)
    follower = follow(bus, BASE, layout)
    writer.tx_init()
    rng = random.Random(1)
    wraps = last = 0
    for _ in range(500):
        sent = []
        for _ in range(rng.randrange(4)):
            data = rng.randbytes(rng.randrange(1, 24))
            try:
                writer.write(data)
            except BufferFullError:
                break
            sent.append(data)
        wr = bus.read32(BASE + layout.wr_idx_offset)
        wraps, last = wraps + (wr < last), wr
        before = bytes(memory)
        assert follower.poll() == sent
        assert follower.poll() == []
        assert memory == before
        for data in sent:
            assert reader.read() == data
    assert wraps > 50
    assert follower.consumed


def test_a_follower_of_an_spsc_pbuf_gives_what_lies_before_a_broken_packet_and_starts_over_with_the_writer() -> (
    None
):
    layout = RegionLayout.spsc_pbuf(96)
    memory = bytearray(96)
    bus = MemoryBus(memory, base=BASE, core="app")
    writer = SpscWriter(bus, BASE, layout)
    follower = follow(bus, BASE, layout)
    writer.tx_init()
    writer.write(b"good")
    writer.write(b"bad")
    memory[layout.data_offset + 8 : layout.data_offset + 10] = b"\x00\x50"
    assert follower.poll() == [b"good"]
    with pytest.raises(IncompletePacketError):
        follower.poll()
    writer.tx_init()
    writer.write(b"again")
    follower.restart()
    assert follower.poll() == [b"again"]
