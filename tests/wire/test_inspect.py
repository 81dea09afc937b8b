"""What is said about a region: indices, fill level, packets, and what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.config import RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter, SpscReader, SpscWriter
from icmsg.wire.inspect import Packet, RegionView, inspect_region

BASE = 0x2007_0000
LAYOUT = RegionLayout.pbuf(48, 8)  # 36 data bytes


def written(*payloads: bytes, read: int = 0) -> MemoryBus:
    """Return a region in which ``payloads`` were written and ``read`` of them were taken."""
    bus = MemoryBus(bytearray(48), base=BASE)
    writer, reader = PbufWriter(bus, BASE, LAYOUT), PbufReader(bus, BASE, LAYOUT)
    writer.tx_init()
    for number, payload in enumerate(payloads):
        writer.write(payload)
        if number < read:
            reader.read()
    return bus


def inspected(bus: MemoryBus) -> RegionView:
    return inspect_region(bus, BASE, LAYOUT)


def test_an_empty_region() -> None:
    view = inspected(written())
    assert view == RegionView(0, 0, 36, 0, (), b"", None)
    assert str(view) == "rd_idx=0 wr_idx=0 used=0 of 36, empty"


def test_one_packet_and_two() -> None:
    view = inspected(written(b"hello"))
    assert view == RegionView(0, 12, 36, 12, (Packet(0, b"hello"),), b"hello", None)
    assert str(view) == "rd_idx=0 wr_idx=12 used=12 of 36, 1 packet pending"
    view = inspected(written(b"hello", b"wor"))
    assert view.packets == (Packet(0, b"hello"), Packet(12, b"wor"))
    assert view.pending == (b"hello", b"wor")
    assert str(view) == "rd_idx=0 wr_idx=20 used=20 of 36, 2 packets pending"


def test_what_was_taken_is_not_pending_but_the_first_packet_is_still_shown() -> None:
    view = inspected(written(b"first", b"2nd", read=1))
    assert (view.rd_idx, view.used, view.pending, view.first) == (12, 8, (b"2nd",), b"first")


def test_packets_that_wrap_are_put_together() -> None:
    view = inspected(written(bytes(12), b"abcdefgh", b"ABCDEFGHIJKL", read=2))
    assert (view.rd_idx, view.wr_idx, view.used) == (28, 8, 16)
    assert view.pending == (b"ABCDEFGHIJKL",)
    assert view.problem is None


@pytest.mark.parametrize(
    ("offset", "value", "problem"),
    [
        (0, 2, "rd_idx 0x00000002 is not a multiple of 4"),
        (0, 36, "rd_idx 0x00000024 is beyond the 36 data bytes"),
        (8, 35, "wr_idx 0x00000023 is not a multiple of 4"),
        (8, 0xFFFFFFFC, "wr_idx 0xFFFFFFFC is beyond the 36 data bytes"),
        (8, 0xFFFFFFFF, "wr_idx 0xFFFFFFFF is not a multiple of 4"),
    ],
)
def test_a_broken_index_is_named(offset: int, value: int, problem: str) -> None:
    bus = written(b"hello")
    bus.write32(BASE + offset, value)
    view = inspected(bus)
    rd, wr = (value, 12) if offset == 0 else (0, value)
    assert view == RegionView(rd, wr, 36, 0, (), b"hello", problem)
    assert str(view).endswith(f"of 36: {problem}")


def test_the_largest_index_is_no_problem() -> None:
    bus = written()
    for offset in (0, 8):
        bus.write32(BASE + offset, 32)
    assert inspected(bus).problem is None


@pytest.mark.parametrize("announced", [0, 5, 0xFFFF])
def test_a_packet_that_the_indices_do_not_cover_is_named_and_those_before_it_are_shown(
    announced: int,
) -> None:
    bus = written(b"hello", b"four")
    bus.write_block(BASE + LAYOUT.data_offset + 12, announced.to_bytes(2, "big"))
    view = inspected(bus)
    assert view.pending == (b"hello",)
    assert view.problem == f"the packet at index 12 announces {announced} bytes"


def test_the_index_of_a_broken_packet_behind_the_wrap() -> None:
    bus = written(bytes(12), bytes(8), b"ABCDEFGHIJKL", b"2nd", read=2)
    bus.write_block(BASE + LAYOUT.data_offset + 8, b"\0\x05")
    view = inspected(bus)
    assert view.pending == (b"ABCDEFGHIJKL",)
    assert view.problem == "the packet at index 8 announces 5 bytes"


@settings(max_examples=examples(500), deadline=None)
@given(st.binary(min_size=48, max_size=48), st.integers(0, 40), st.integers(0, 40))
def test_whatever_lies_there_nothing_is_raised_or_written_and_readers_agree(
    content: bytes, rd: int, wr: int
) -> None:
    memory = bytearray(content)
    bus = MemoryBus(memory, base=BASE)
    bus.write32(BASE, rd)
    bus.write32(BASE + 8, wr)
    before = bytes(memory)
    view = inspected(bus)
    assert memory == before
    assert str(view)
    if view.problem is None and view.rd_idx == 0:
        reader = PbufReader(bus, BASE, LAYOUT)
        for packet in view.pending:
            assert reader.read() == packet
        assert reader.read() == b""


SPSC = RegionLayout.spsc_pbuf(64)  # 48 data bytes


def spsc_region() -> tuple[MemoryBus, SpscWriter, SpscReader]:
    bus = MemoryBus(bytearray(64), base=BASE)
    return bus, SpscWriter(bus, BASE, SPSC), SpscReader(bus, BASE, SPSC)


def test_an_spsc_region_that_nobody_opened_is_empty_and_one_of_another_length_is_a_problem() -> None:
    bus, writer, _ = spsc_region()
    assert inspect_region(bus, BASE, SPSC).problem is None
    writer.tx_init()
    assert inspect_region(bus, BASE, SPSC).problem is None
    bus.write32(BASE, 44)
    assert inspect_region(bus, BASE, SPSC).problem == "the writer's data length is 44 and not 48"
    bus.write32(BASE, 0)
    bus.write32(BASE + SPSC.wr_idx_offset, 4)
    assert inspect_region(bus, BASE, SPSC).problem == "the writer's data length is 0 and not 48"


def test_packets_behind_the_marker_of_an_spsc_region_are_shown_where_they_lie() -> None:
    bus, writer, reader = spsc_region()
    writer.tx_init()
    writer.write(bytes(20))
    writer.write(b"waits here")
    reader.read()
    writer.write(b"starts over")
    view = inspect_region(bus, BASE, SPSC)
    assert view.packets == (Packet(24, b"waits here"), Packet(0, b"starts over"))
    assert view.problem is None
    bus.write32(BASE + SPSC.wr_idx_offset, 44)
    assert inspect_region(bus, BASE, SPSC).problem == "the marker at index 40 leads past wr_idx"


def test_the_handshake_word_is_shown_where_there_is_one() -> None:
    layout = RegionLayout.pbuf(48, 8, handshake=True)
    bus = MemoryBus(bytearray(48), base=BASE)
    bus.write32(BASE + 4, 0x0007_0003)
    assert inspect_region(bus, BASE, layout).handshake == (3, 7)
    assert inspected(bus).handshake is None
