"""Control packets are what the packet buffer makes of them, in every position and against every neighbour."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from looped import for_each

from icmsg.config import RegionLayout
from icmsg.errors import BufferFullError, BusError, CorruptRegionError, IncompletePacketError, WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter
from icmsg.wire.announcements import ControlReader, ControlWriter, packet_of

if TYPE_CHECKING:
    from icmsg.wire.packet_buffer import Payload

SIZE = 64
LAYOUT = RegionLayout.pbuf(SIZE)


class OtherBus(MemoryBus):
    """Memory that is not plain: no short ways."""


def ends(memory: bytearray, kind: type[MemoryBus] = MemoryBus) -> tuple[ControlWriter, ControlReader]:
    bus = kind(memory)
    return ControlWriter(bus, 0, LAYOUT), ControlReader(bus, 0, LAYOUT)


@given(
    st.lists(
        st.tuples(st.just("packet"), st.binary(min_size=3, max_size=3))
        | st.tuples(st.just("other"), st.binary(min_size=1, max_size=20))
        | st.tuples(st.just("take"), st.just(b""))
    ),
    st.booleans(),
)
def test_both_ends_do_what_those_of_the_packet_buffer_do(steps: list[tuple[str, bytes]], plain: bool) -> None:
    memory, expected_memory = bytearray(SIZE), bytearray(SIZE)
    writer, reader = ends(memory, MemoryBus if plain else OtherBus)
    bus = MemoryBus(expected_memory)
    expected_writer, expected_reader = PbufWriter(bus, 0, LAYOUT), PbufReader(bus, 0, LAYOUT)
    for end in (writer, expected_writer):
        end.tx_init()
    for each in (reader, expected_reader):
        each.rx_init()
    waiting = []
    for what, data in steps:
        if what == "take":
            got: list[int | bytes] = []
            while part := reader.take():
                got += part
            assert got == [int.from_bytes(each, "little") if len(each) == 3 else each for each in waiting]
            waiting = []
            expected_reader.read_available()
        else:
            try:
                expected_writer.write(data)
            except BufferFullError:
                with pytest.raises(BufferFullError):
                    writer.write_packet(packet_of(*data)) if what == "packet" else writer.write(data)
            else:
                writer.write_packet(packet_of(*data)) if what == "packet" else writer.write(data)
                waiting.append(data)
        assert memory == expected_memory


@for_each("kind", [MemoryBus, OtherBus])
@for_each("wr", [3, 56, 0x8000_0000])
def test_a_broken_index_of_the_writer_is_refused(kind: type[MemoryBus], wr: int) -> None:
    memory = bytearray(SIZE)
    _, reader = ends(memory, kind)
    memory[4:8] = wr.to_bytes(4, "little")
    with pytest.raises(CorruptRegionError):
        reader.take()


@pytest.mark.parametrize("kind", [MemoryBus, OtherBus])
def test_a_packet_that_the_index_does_not_cover_is_refused_behind_those_it_covers(
    kind: type[MemoryBus],
) -> None:
    memory = bytearray(SIZE)
    writer, reader = ends(memory, kind)
    writer.tx_init()
    for number in range(2):
        writer.write_packet(packet_of(0, 0, number))
    memory[4:8] = (12).to_bytes(4, "little")
    assert reader.take() == [0]
    with pytest.raises(IncompletePacketError):
        reader.take()


@for_each("kind", [MemoryBus, OtherBus])
@for_each("rd", [1, 56, 0xFFFF_FFFC])
def test_a_broken_index_of_the_reader_is_refused(kind: type[MemoryBus], rd: int) -> None:
    memory = bytearray(SIZE)
    writer, _ = ends(memory, kind)
    writer.tx_init()
    memory[0:4] = rd.to_bytes(4, "little")
    before = bytes(memory)
    with pytest.raises(CorruptRegionError):
        writer.write_packet(packet_of(1, 2, 3))
    assert memory == before


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_whatever_lies_in_memory_is_taken_or_refused(memory: bytes) -> None:
    _, reader = ends(bytearray(memory))
    with contextlib.suppress(WireError):
        for _ in range(SIZE):
            for message in reader.take():
                assert isinstance(message, bytes) or 0 <= message < 1 << 24


def filled(kind: type[MemoryBus], memory: bytearray) -> tuple[MemoryBus, ControlWriter, ControlReader]:
    """Return both ends with two packets between them."""
    bus = kind(memory)
    writer, reader = ControlWriter(bus, 0, LAYOUT), ControlReader(bus, 0, LAYOUT)
    writer.tx_init()
    for number in range(2):
        writer.write_packet(packet_of(3, 2, number))
    return bus, writer, reader


@pytest.mark.parametrize("kind", [MemoryBus, OtherBus])
def test_ends_on_a_closed_bus_say_that_it_was_closed(kind: type[MemoryBus]) -> None:
    bus, writer, reader = filled(kind, bytearray(SIZE))
    bus.close()
    for _ in range(2):
        for access in (lambda: writer.write_packet(packet_of(1, 2, 3)), reader.take):
            with pytest.raises(BusError, match="the bus was closed"):
                access()


@given(
    st.lists(st.binary(min_size=3, max_size=3) | st.binary(min_size=1, max_size=9), max_size=5),
    st.integers(0, 5),
    st.booleans(),
)
def test_who_takes_in_parts_knows_whether_there_is_more_and_says_how_far_it_has_read(
    packets: list[bytes], turns: int, plain: bool
) -> None:
    memory = bytearray(SIZE)
    writer, reader = ends(memory, MemoryBus if plain else OtherBus)
    writer.tx_init()
    reader.rx_init()
    for turn in range(turns):  # so that it wraps anywhere
        writer.write_packet(packet_of(0, 0, turn))
        writer.write(b"12345678")
        while reader.take():
            pass
    sent = []
    for packet in packets:
        with contextlib.suppress(BufferFullError):
            writer.write(packet)
            sent.append(packet)
    wr = int.from_bytes(memory[4:8], "little")
    got: list[int | bytes] = []
    while part := reader.take():
        got += part
        rd = int.from_bytes(memory[0:4], "little")
        assert reader.more == (rd != wr) == (len(got) < len(sent))
    assert got == [int.from_bytes(each, "little") if len(each) == 3 else each for each in sent]
    assert memory[0:4] == memory[4:8]


class CountedWriter(ControlWriter):
    """A writer that counts what goes the long way."""

    long = 0

    def write(self, data: Payload) -> int:
        self.long += 1
        return super().write(data)


class CountedReader(ControlReader):
    """A reader that counts what goes the long way."""

    long = 0

    def read_available(self, *, wr_idx: int | None = None) -> list[bytes]:
        self.long += 1
        return super().read_available(wr_idx=wr_idx)


@pytest.mark.parametrize("kind", [MemoryBus, OtherBus])
@pytest.mark.parametrize("waiting", [1, 2, 3])
def test_only_a_packet_at_the_end_of_the_ring_goes_the_long_way(kind: type[MemoryBus], waiting: int) -> None:
    bus = kind(bytearray(SIZE))
    writer, reader = CountedWriter(bus, 0, LAYOUT), CountedReader(bus, 0, LAYOUT)
    writer.tx_init()
    reader.rx_init()
    length = reader._length
    for turn in range(40):
        rd = wr = bus.read32(4)
        long = 0
        for number in range(waiting):
            end = wr + 8
            long += end >= length
            writer.write_packet(packet_of(turn, 1, number))
            wr = bus.read32(4)
            assert wr == end % length
        assert writer.long == long
        writer.long = reader.long = 0
        got: list[int | bytes] = []
        while part := reader.take():
            got += part
            if rd < wr:
                assert (got, reader.more) == ([turn + 256 + (each << 16) for each in range(waiting)], False)
        assert got == [turn + 256 + (each << 16) for each in range(waiting)]
        assert reader.long == 1 if rd < wr else reader.long > 0  # the last look finds nothing
        reader.long = 0


def test_plain_memory_is_reached_without_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    for name in ("read32", "write32", "read_block", "write_block"):
        monkeypatch.setattr(MemoryBus, name, refuse)
    memory = bytearray(SIZE)
    writer, reader = ends(memory)
    for number in range(4):
        writer.write_packet(packet_of(3, number, 1))
    assert reader.take() == [0x010003 + (number << 8) for number in range(4)]
    assert memory[0:4] == memory[4:8] == bytes([32, 0, 0, 0])
