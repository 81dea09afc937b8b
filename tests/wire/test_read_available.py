"""Taking all packets at once is the same as taking them one by one, for fewer accesses."""

from __future__ import annotations

import random

import pytest

from icmsg.config import RegionLayout
from icmsg.errors import BufferTooSmallError, CorruptRegionError, IncompletePacketError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

BASE = 0x2007_0000
LAYOUT = RegionLayout.pbuf(64, 8)  # 52 data bytes
WR = BASE + LAYOUT.wr_idx_offset
DATA = BASE + LAYOUT.data_offset


class Counting(MemoryBus):
    """Notes which accesses were made."""

    def __init__(self, memory: bytearray) -> None:
        super().__init__(memory, base=BASE)
        self.log: list[str] = []

    def read32(self, address: int) -> int:
        self.log.append("read32")
        return super().read32(address)

    def write32(self, address: int, value: int) -> None:
        self.log.append("write32")
        super().write32(address, value)

    def read_block(self, address: int, size: int) -> bytes:
        self.log.append("read_block")
        return super().read_block(address, size)


def region() -> tuple[Counting, PbufWriter, PbufReader]:
    memory = bytearray(64)
    bus = Counting(memory)
    writer = PbufWriter(MemoryBus(memory, base=BASE), BASE, LAYOUT)
    writer.tx_init()
    return bus, writer, PbufReader(bus, BASE, LAYOUT)


def test_all_packets_cost_one_look_one_block_and_one_index() -> None:
    bus, writer, reader = region()
    for data in (b"one", b"two", b"three"):
        writer.write(data)
    assert reader.read_available() == [b"one", b"two", b"three"]
    assert bus.log == ["read32", "read_block", "write32"]
    assert bus.read32(BASE) == bus.read32(WR) == 28
    assert reader.more is False


def test_packets_around_the_end_cost_one_block_more_and_an_empty_buffer_only_the_look() -> None:
    bus, writer, reader = region()
    writer.write(bytes(40))
    reader.read()
    writer.write(b"abcdefgh")  # from 44 around the end of 52
    writer.write(b"xyz")
    bus.log.clear()
    assert reader.read_available() == [b"abcdefgh", b"xyz"]
    assert bus.log == ["read32", "read_block", "read_block", "write32"]
    bus.log.clear()
    assert reader.read_available() == []
    assert bus.log == ["read32"]


def test_it_is_what_reading_one_by_one_gives_from_any_index_and_mixed_with_it() -> None:
    rng = random.Random(5)
    bus, writer, reader = region()
    sent: list[bytes] = []
    for _ in range(2000):
        while (size := rng.randrange(1, 20)) <= writer.free_space():
            sent.append(rng.randbytes(size))
            writer.write(sent[-1])
        if rng.random() < 0.3:
            assert reader.read() == sent.pop(0)
            assert reader.more is bool(sent)
        if sent:
            assert reader.read_available() == sent
            sent.clear()
        assert bus.read32(BASE) == bus.read32(WR)


@pytest.mark.parametrize("wr", [2, 52, 0xFFFF_FFFC])
def test_a_broken_index_is_refused_and_nothing_is_taken(wr: int) -> None:
    bus, writer, reader = region()
    writer.write(b"one")
    bus.write32(WR, wr)
    with pytest.raises(CorruptRegionError) as caught:
        reader.read_available()
    assert (caught.value.address, caught.value.value) == (WR, wr)
    assert bus.read32(BASE) == 0
    bus.write32(WR, 8)
    assert reader.read_available() == [b"one"]


def test_what_cannot_be_taken_ends_the_list_and_is_raised_when_it_comes_first() -> None:
    for header, error in ((b"\0\0", CorruptRegionError), (b"\0\x05", IncompletePacketError)):
        bus, writer, reader = region()
        for data in (b"one", b"two", b"bad!"):
            writer.write(data)
        bus.write_block(DATA + 16, header)
        assert reader.read_available() == [b"one", b"two"]
        assert bus.read32(BASE) == 16
        assert reader.more is True
        for _ in range(2):
            with pytest.raises(error) as caught:
                reader.read_available()
            assert caught.value.address == DATA + 16
        assert bus.read32(BASE) == 16


def test_a_packet_above_the_capacity_stays_with_what_is_behind_it() -> None:
    _, writer, reader = region()
    for data in (b"four", b"12345", b"x"):
        writer.write(data)
    assert reader.read_available(4) == [b"four"]
    with pytest.raises(BufferTooSmallError) as caught:
        reader.read_available(4)
    assert (caught.value.length, caught.value.capacity) == (5, 4)
    assert reader.read_available(5) == [b"12345", b"x"]


def test_packets_of_more_than_a_byte_of_length_are_taken_too() -> None:
    layout = RegionLayout.pbuf(2048)
    bus = MemoryBus(bytearray(2048), base=BASE)
    writer, reader = PbufWriter(bus, BASE, layout), PbufReader(bus, BASE, layout)
    writer.tx_init()
    sent = [bytes([size & 0xFF]) * size for size in (255, 256, 300, 515)]
    for data in sent:
        writer.write(data)
    assert reader.read_available() == sent


def test_a_buffer_that_was_emptied_meanwhile_has_no_more() -> None:
    bus, writer, reader = region()
    writer.write(b"one")
    writer.write(b"two")
    reader.read()
    assert reader.more is True
    bus.write32(WR, bus.read32(BASE))
    assert reader.read_available() == []
    assert reader.more is False
