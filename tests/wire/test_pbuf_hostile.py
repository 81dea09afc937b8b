"""What a broken or hostile peer writes: a documented error, nothing written, nothing consumed."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.config import RegionLayout
from icmsg.errors import (
    BufferTooSmallError,
    BusError,
    ConfigurationError,
    CorruptRegionError,
    IncompletePacketError,
    WireError,
)
from icmsg.hw.bus import MemoryBus
from icmsg.wire import HandshakeWord, PbufReader, PbufWriter, first_packet_is

pytestmark = pytest.mark.usefixtures("both_ways")

BASE = 0x2007_0000
LAYOUT = RegionLayout.pbuf(64)


def region(content: str = "") -> tuple[bytearray, MemoryBus]:
    memory = bytearray.fromhex(content).ljust(64, b"\0")
    return memory, MemoryBus(memory, base=BASE)


@pytest.mark.parametrize(
    ("wr", "says"), [(2, "not a multiple of 4"), (56, "beyond the 56"), (0xFFFFFFFC, "beyond")]
)
def test_a_broken_wr_idx_is_named_with_its_address(wr: int, says: str) -> None:
    memory, bus = region()
    bus.write32(BASE + 4, wr)
    reader = PbufReader(bus, BASE, LAYOUT)
    before = bytes(memory)
    for operation in (reader.peek, reader.read):
        with pytest.raises(CorruptRegionError, match=says) as caught:
            operation()
        assert (caught.value.address, caught.value.value, caught.value.errno) == (BASE + 4, wr, errno.EINVAL)
        assert f"0x{BASE + 4:08X}" in str(caught.value)
    assert memory == before


@pytest.mark.parametrize(
    ("rd", "says"), [(3, "not a multiple of 4"), (56, "beyond the 56"), (0x80000000, "beyond")]
)
@pytest.mark.parametrize("trust", [False, True])
def test_a_broken_rd_idx_is_named_with_its_address(rd: int, says: str, trust: bool) -> None:
    memory, bus = region()
    writer = PbufWriter(bus, BASE, LAYOUT, trust_known_space=trust)
    writer.tx_init()
    bus.write32(BASE, rd)
    before = bytes(memory)
    for operation in (lambda: writer.write(b"x"), writer.free_space):
        with pytest.raises(CorruptRegionError, match=says) as caught:
            operation()
        assert (caught.value.address, caught.value.value, caught.value.errno) == (BASE, rd, errno.EINVAL)
    assert memory == before
    bus.write32(BASE, 0)
    assert writer.write(b"x") == 1, "usable again once the peer has repaired its index"


def test_a_verifying_writer_notices_a_broken_rd_idx_at_once_and_a_trusting_one_when_it_looks() -> None:
    for trust in (False, True):
        _, bus = region()
        writer = PbufWriter(bus, BASE, LAYOUT, trust_known_space=trust)
        writer.tx_init()
        writer.write(b"x")
        bus.write32(BASE, 1)
        if trust:
            writer.write(b"y")
        with pytest.raises(CorruptRegionError):
            writer.write(bytes(40))


@pytest.mark.parametrize("size", [1, 0xFF, 0x100, 0x1234, 0xFFFF])
def test_peek_tells_what_the_header_announces_even_in_the_last_word_of_memory(size: int) -> None:
    memory, bus = region()
    reader = PbufReader(bus, BASE, LAYOUT)
    bus.write_block(BASE + 8, b"\0\x30")
    bus.write32(BASE + 4, 52)
    reader.read()
    bus.write_block(BASE + 60, size.to_bytes(2, "big"))
    bus.write32(BASE + 4, 8)
    assert len(memory) == 64
    assert reader.peek() == size


def test_a_length_that_the_index_does_not_cover_is_not_delivered() -> None:
    memory, bus = region("00000000 08000000 00050000")
    reader = PbufReader(bus, BASE, LAYOUT)
    before = bytes(memory)
    assert reader.peek() == 5
    with pytest.raises(IncompletePacketError, match="announces 5 bytes, but wr_idx covers 4") as caught:
        reader.read()
    assert (caught.value.address, caught.value.length, caught.value.errno) == (BASE + 8, 5, errno.EAGAIN)
    assert memory == before
    bus.write32(BASE + 4, 12)
    assert reader.read() == bytes(5)


def test_the_capacity_is_checked_before_the_coverage_as_zephyr_does() -> None:
    _, bus = region("00000000 08000000 ffff0000")
    reader = PbufReader(bus, BASE, LAYOUT)
    with pytest.raises(BufferTooSmallError) as caught:
        reader.read(100)
    assert (caught.value.length, caught.value.capacity, caught.value.errno) == (0xFFFF, 100, errno.ENOMEM)
    with pytest.raises(IncompletePacketError):
        reader.read(0xFFFF)
    with pytest.raises(IncompletePacketError):
        reader.read()


def test_length_zero_is_an_error_with_the_address_of_the_header() -> None:
    _, bus = region("00000000 08000000 00000000")
    reader = PbufReader(bus, BASE, LAYOUT)
    for operation in (reader.peek, reader.read):
        with pytest.raises(CorruptRegionError, match="length 0") as caught:
            operation()
        assert caught.value.address == BASE + 8


@pytest.mark.parametrize("data", [b"hello", bytearray(b"hello"), memoryview(b"hello")])
def test_any_buffer_of_bytes_can_be_written(data: bytes | bytearray | memoryview) -> None:
    _, bus = region()
    writer, reader = PbufWriter(bus, BASE, LAYOUT), PbufReader(bus, BASE, LAYOUT)
    writer.tx_init()
    assert writer.write(data) == 5
    assert reader.read() == b"hello"


def test_a_view_of_words_counts_its_bytes() -> None:
    _, bus = region()
    writer, reader = PbufWriter(bus, BASE, LAYOUT), PbufReader(bus, BASE, LAYOUT)
    writer.tx_init()
    assert writer.write(memoryview(bytes(range(8))).cast("I")) == 8
    assert reader.read() == bytes(range(8))


def test_impossible_lengths_are_refused_before_anything_is_written() -> None:
    memory, bus = region()
    writer = PbufWriter(bus, BASE, LAYOUT)
    writer.tx_init()
    for data, number in (
        (b"", errno.EINVAL),
        (bytes(65536), errno.EINVAL),
        (bytes(65537), errno.EBADMSG),
        (bytes(49), errno.ENOMEM),
    ):
        with pytest.raises(WireError) as caught:
            writer.write(data)
        assert caught.value.errno == number
    assert memory == bytes(64)


def test_a_failed_bus_access_publishes_nothing() -> None:
    memory = bytearray(40)
    writer = PbufWriter(MemoryBus(memory, base=BASE), BASE, LAYOUT)
    writer.tx_init()
    writer.write(bytes(20))
    before = bytes(memory)
    with pytest.raises(BusError):
        writer.write(b"0123456789")  # the region promises 64 bytes, but memory ends behind 40
    assert memory == before
    assert writer.write(b"0123") == 4


@pytest.mark.parametrize("side", [PbufReader, PbufWriter])
def test_a_misaligned_address_names_the_next_lower_one(side: type[PbufReader | PbufWriter]) -> None:
    with pytest.raises(ConfigurationError, match=f"move it to 0x{BASE:08X}"):
        side(MemoryBus(bytearray(0x100), base=BASE), BASE + 4, RegionLayout.pbuf(64, 8))


def test_a_layout_without_handshake_word_has_none() -> None:
    with pytest.raises(
        ConfigurationError, match=r'^no handshake word here: use unbound = "enable" or "detect" with'
    ):
        HandshakeWord(MemoryBus(bytearray(64)), 0, LAYOUT)


@pytest.mark.parametrize(
    ("wr", "content", "expected"),
    [
        (8, "00050000 68656c6c 6f", False),  # covers less than the packet
        (12, "00050000 68656c6c 6f", True),
        (52, "00050000 68656c6c 6f", True),  # more follows
        (56, "00050000 68656c6c 6f", False),  # no valid index
        (12, "00050000 68656c6c 70", False),
        (12, "00040000 68656c6c 6f", False),
    ],
)
def test_the_first_packet_is_zephyrs_test_of_the_initial_buffer(
    wr: int, content: str, expected: bool
) -> None:
    memory, bus = region(f"00000000 {wr:02x}000000 {content}")
    before = bytes(memory)
    assert first_packet_is(bus, BASE, LAYOUT, b"hello") is expected
    assert memory == before


@settings(max_examples=examples(1000), deadline=None)
@given(
    alignment=st.sampled_from([0, 8, 32]),
    words=st.integers(3, 20),
    start=st.integers(0, 19),
    content=st.binary(min_size=120, max_size=120),
    indices=st.lists(st.one_of(st.integers(0, 100), st.integers(0, 2**32 - 1)), min_size=2, max_size=2),
)
def test_no_bytes_of_a_peer_reach_outside_the_region_or_cause_another_error(
    alignment: int, words: int, start: int, content: bytes, indices: list[int]
) -> None:
    layout = RegionLayout.pbuf(max(alignment, 4) + 4 + 4 * words, alignment)
    memory = bytearray(b"\x5c" * 64 + content[: layout.size].ljust(layout.size, b"\xff") + b"\x5c" * 64)
    bus = MemoryBus(memory, base=BASE - 64)
    writer, reader = PbufWriter(bus, BASE, layout), PbufReader(bus, BASE, layout)
    # Bring the private indices anywhere, with a peer that behaves.
    writer.tx_init()
    for _ in range(start):
        writer.write(b"1")
        reader.read()
    rd, wr = indices
    bus.write_block(BASE + layout.data_offset, content[: layout.data_length])
    bus.write32(BASE, rd)
    bus.write32(BASE + layout.wr_idx_offset, wr)
    for operation in (reader.peek, reader.read, lambda: writer.write(b"abc"), writer.free_space, reader.read):
        before = bytes(memory)
        try:
            operation()
        except WireError:
            assert memory == before
        assert memory[:64] == memory[64 + layout.size :] == b"\x5c" * 64


@pytest.mark.parametrize(("wr", "expected"), [(7, False), (8, True), (55, True), (56, False)])
def test_the_first_packet_needs_an_index_behind_it_and_within_the_data(wr: int, expected: bool) -> None:
    _, bus = region(f"00000000 {wr:02x}000000 00040000 66757266")
    assert first_packet_is(bus, BASE, LAYOUT, b"furf") is expected


def test_a_zero_length_behind_the_first_packet_is_named_with_its_address() -> None:
    _, bus = region("00000000 10000000 00010000 78000000 00000000")
    reader = PbufReader(bus, BASE, LAYOUT)
    assert reader.read() == b"x"
    for operation in (reader.peek, reader.read):
        with pytest.raises(CorruptRegionError) as caught:
            operation()
        assert str(caught.value) == (
            "the next packet has length 0, which must never be sent: the region is blocked until reopened "
            f"(0x0 at 0x{BASE + 16:08X})"
        )
        assert (caught.value.address, caught.value.value) == (BASE + 16, 0)


def test_what_is_refused_says_what_to_do() -> None:
    _, bus = region()
    writer = PbufWriter(bus, BASE, LAYOUT)
    writer.tx_init()
    with pytest.raises(WireError) as caught:
        writer.write(b"")
    assert str(caught.value) == "an empty packet would block the reader: send at least one byte"
    with pytest.raises(WireError) as caught:
        writer.write(bytes(0x10000))
    assert (
        str(caught.value)
        == "65536 bytes exceed the 16-bit length of a packet: split the message at 65535 bytes"
    )
    with pytest.raises(
        WireError, match="no room for 49 bytes, 48 fit now: the region never takes more than 48"
    ):
        writer.write(bytes(49))
    writer.write(bytes(44))
    with pytest.raises(
        WireError, match="no room for 48 bytes, 0 fit now: send again when the reader has made room"
    ):
        writer.write(bytes(48))


@pytest.mark.parametrize("trust", [False, True])
def test_a_packet_that_fills_the_buffer_exactly_is_taken_after_a_new_look(trust: bool) -> None:
    _, bus = region()
    writer = PbufWriter(bus, BASE, LAYOUT, trust_known_space=trust)
    reader = PbufReader(bus, BASE, LAYOUT)
    writer.tx_init()
    for size in (48, 48, 45, 48):
        assert writer.write(bytes(size)) == size
        assert len(reader.read()) == size


@pytest.mark.parametrize("trust", [False, True])
def test_the_longest_packet_of_all_is_taken(trust: bool) -> None:
    layout = RegionLayout.pbuf(0x10100)
    bus = MemoryBus(bytearray(layout.size), base=BASE)
    writer, reader = PbufWriter(bus, BASE, layout, trust_known_space=trust), PbufReader(bus, BASE, layout)
    writer.tx_init()
    for _ in range(3):
        assert writer.write(bytes(0xFFFF)) == 0xFFFF
        assert reader.read() == bytes(0xFFFF)


def test_a_broken_index_in_full() -> None:
    _, bus = region("00000000 02000000")
    with pytest.raises(CorruptRegionError) as caught:
        PbufReader(bus, BASE, LAYOUT).read()
    assert str(caught.value) == (
        "wr_idx is not a multiple of 4: the peer that writes this region is broken, not initialised, "
        f"or uses another region size or dcache-alignment (0x2 at 0x{BASE + 4:08X})"
    )


def test_more_is_a_plain_truth_value_from_the_start() -> None:
    _, bus = region()
    writer, reader = PbufWriter(bus, BASE, LAYOUT), PbufReader(bus, BASE, LAYOUT)
    writer.tx_init()
    assert reader.more is False
    for _ in range(2):
        writer.write(b"x")
    reader.read()
    assert reader.more is True
    reader.rx_init()
    assert reader.more is False
    for expected in (True, False, False):
        reader.read()
        assert reader.more is expected


def test_reader_and_writer_know_their_address() -> None:
    _, bus = region()
    assert PbufReader(bus, BASE, LAYOUT).address == PbufWriter(bus, BASE, LAYOUT).address == BASE


def test_an_uncovered_length_behind_the_first_packet_is_named_with_its_address() -> None:
    _, bus = region("00000000 10000000 00010000 78000000 00050000")
    reader = PbufReader(bus, BASE, LAYOUT)
    reader.read()
    with pytest.raises(
        IncompletePacketError, match=f"header at 0x{BASE + 16:08X} announces 5 bytes"
    ) as caught:
        reader.read()
    assert caught.value.address == BASE + 16


def test_what_is_refused_is_told_in_full() -> None:
    _, bus = region("00000000 0c000000 00050000")
    with pytest.raises(BufferTooSmallError) as too_small:
        PbufReader(bus, BASE, LAYOUT).read(4)
    assert str(too_small.value) == (
        "the next packet has 5 bytes, more than the 4 of this receiver: it stays at 0x20070008 and blocks what is "
        "behind it"
    )
    writer = PbufWriter(bus, BASE, LAYOUT)
    for rd, text in (
        (2, "rd_idx is not a multiple of 4: the peer that reads this region is broken or not initialised"),
        (
            56,
            "rd_idx is beyond the 56 data bytes: the peer that reads this region is broken, or uses another region "
            "size or dcache-alignment",
        ),
    ):
        bus.write32(BASE, rd)
        with pytest.raises(CorruptRegionError) as corrupt:
            writer.write(b"x")
        assert str(corrupt.value) == f"{text} (0x{rd:X} at 0x20070000)"
