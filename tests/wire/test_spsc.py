"""The packet buffer of Zephyr 3.2 to 3.5: Zephyr's own bytes, a deque as model, and hostile input."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from looped import examples

from icmsg.config import RegionLayout
from icmsg.errors import (
    BufferFullError,
    BufferTooSmallError,
    ConfigurationError,
    CorruptRegionError,
    IncompletePacketError,
    WireError,
)
from icmsg.hw.bus import MemoryBus
from icmsg.wire import SpscReader, SpscWriter

VECTORS = [
    vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "icmsg-vectors.json").read_text())[
        "vectors"
    ]
    if vector["id"].startswith("S")
]
BASE = 0x2007_0000
GUARD = 64


def test_there_are_spsc_vectors() -> None:
    assert {vector["id"] for vector in VECTORS} >= {"S01", "S02", "S04"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_step_leaves_zephyrs_bytes_and_result(vector: dict[str, Any]) -> None:
    size = vector["region_size"]
    layout = RegionLayout.spsc_pbuf(size, vector["dcache_alignment"])
    memory = bytearray(bytes([int(vector["initial_fill"], 16)]) * size)
    bus = MemoryBus(memory, base=BASE)
    writer, reader = SpscWriter(bus, BASE, layout), SpscReader(bus, BASE, layout)
    reader.rx_init()
    for step in vector["steps"]:
        result: int | bytes = 0
        match step["op"]:
            case "writer.init(flags=1)":
                writer.tx_init()
            case "writer.write" if isinstance(step["expect_return"], str):
                with pytest.raises(WireError) as caught:
                    writer.write(bytes.fromhex(step["data_hex"]))
                assert caught.value.errno_name == step["expect_return"].removeprefix("-")
                result = step["expect_return"]
            case "writer.write":
                result = writer.write(bytes.fromhex(step["data_hex"]))
            case "reader.read":
                data = reader.read()
                assert data.hex() == step["expect_data_hex"]
                result = len(data)
            case other:
                raise AssertionError(f"unknown step {other}")
        assert result == step["expect_return"]
        assert memory.hex() == step["memory_after_hex"], step["op"]


class SpscMachine(RuleBasedStateMachine):
    """A well-behaved pair: nothing is lost, invented or reordered, and nothing outside the region changes."""

    @initialize(
        line=st.sampled_from([0, 4, 16, 32, 64]),
        words=st.integers(3, 40),
        fill=st.sampled_from([0, 0xAA, 0xFF]),
    )
    def build(self, line: int, words: int, fill: int) -> None:
        self.layout = RegionLayout.spsc_pbuf(max(line, 12) + 4 + 4 * words, line)
        self.memory = bytearray([fill]) * (self.layout.size + 2 * GUARD)
        self.bus = MemoryBus(self.memory, base=BASE - GUARD)
        self.writer = SpscWriter(self.bus, BASE, self.layout)
        self.reader = SpscReader(self.bus, BASE, self.layout)
        self.writer.tx_init()
        self.queued: deque[bytes] = deque()
        self.untouched = self._outside()

    def _outside(self) -> bytes:
        padding = self.memory[GUARD + 12 : GUARD + self.layout.wr_idx_offset]
        return bytes(self.memory[:GUARD] + padding + self.memory[GUARD + self.layout.size :])

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, self.layout.data_length))
        # 0xFF is what the padding marker looks like: payloads full of it must not be mistaken.
        payload = bytes([data.draw(st.sampled_from([0, 0xFF, 0x55]))]) * size
        free = self.writer.free_space()
        if size <= free:
            assert self.writer.write(payload) == size
            self.queued.append(payload)
        else:
            with pytest.raises(BufferFullError) as caught:
                self.writer.write(payload)
            assert caught.value.largest == self.layout.capacity == self.layout.data_length - 8

    @rule(peek=st.booleans())
    def read(self, peek: bool) -> None:
        if peek:
            assert self.reader.peek() == (len(self.queued[0]) if self.queued else 0)
        if self.queued:
            assert self.reader.read() == self.queued.popleft()
            assert self.reader.more == bool(self.queued)
        else:
            assert self.reader.read() == b""
            assert not self.reader.more

    @precondition(lambda self: self.queued)
    @rule()
    def read_with_too_small_a_buffer(self) -> None:
        capacity = len(self.queued[0]) - 1
        with pytest.raises(BufferTooSmallError) as caught:
            self.reader.read(capacity)
        assert (caught.value.length, caught.value.capacity) == (capacity + 1, capacity)
        assert self.reader.read(capacity + 1) == self.queued.popleft()

    @rule()
    def the_writer_restarts_alone(self) -> None:
        """The reader takes rd_idx from memory, so that the writer's init resets it, too."""
        self.writer.tx_init()
        self.queued.clear()

    @rule(reader=st.booleans())
    def the_reader_restarts_alone(self, reader: bool) -> None:
        if reader:
            self.reader = SpscReader(self.bus, BASE, self.layout)
        self.reader.rx_init()

    @invariant()
    def nothing_else_is_written(self) -> None:
        assert self._outside() == self.untouched


TestSpsc = SpscMachine.TestCase
TestSpsc.settings = settings(
    max_examples=examples(80),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

LAYOUT = RegionLayout.spsc_pbuf(64)


def pair() -> tuple[bytearray, MemoryBus, SpscWriter, SpscReader]:
    memory = bytearray(64)
    bus = MemoryBus(memory, base=BASE)
    writer = SpscWriter(bus, BASE, LAYOUT)
    writer.tx_init()
    return memory, bus, writer, SpscReader(bus, BASE, LAYOUT)


def test_as_in_zephyr_the_marker_may_be_set_although_the_packet_does_not_fit() -> None:
    _, bus, writer, reader = pair()
    writer.write(bytes(8))
    writer.write(bytes(24))
    reader.read()  # rd_idx 12, wr_idx 40 of 48
    with pytest.raises(BufferFullError, match="without a gap"):
        writer.write(bytes(5))  # 9 bytes at the start would leave no spare word
    assert bus.read8(BASE + 16 + 40) == 0xFF
    assert bus.read32(BASE + 12) == 0
    assert reader.read() == bytes(24)
    assert reader.read() == b""
    assert writer.write(b"goes on") == 7
    assert reader.read() == b"goes on"


@pytest.mark.parametrize("first", range(1, 41, 3))
def test_free_space_is_exactly_the_longest_packet_that_write_takes(first: int) -> None:
    seen = set()
    for second, third, reads in itertools.product(range(0, 37, 4), range(0, 21, 4), range(4)):

        def prepared(
            sizes: tuple[int, ...] = (first, second, third), reads: int = reads
        ) -> tuple[SpscWriter, SpscReader]:
            _, _, writer, reader = pair()
            for index, size in enumerate(sizes):
                if size and size <= writer.free_space():
                    writer.write(bytes(size))
                if index < reads:
                    reader.read()
            return writer, reader

        writer, reader = prepared()
        free = writer.free_space()
        seen.add(free)
        if free:
            assert writer.write(b"x" * free) == free
            while data := reader.read():
                last = data
            assert last == b"x" * free
        with pytest.raises(BufferFullError):
            prepared()[0].write(bytes(free + 1))
    assert {0, 4} < seen


def test_rx_init_forgets_that_more_was_seen() -> None:
    _, _, writer, reader = pair()
    writer.write(b"one")
    writer.write(b"two")
    reader.read()
    assert reader.more is True
    reader.rx_init()
    assert reader.more is False


def test_a_marker_that_was_set_after_the_last_read_is_skipped_by_a_look() -> None:
    _, bus, writer, reader = pair()
    writer.write(bytes(36))
    reader.read()  # both at 40 of 48
    writer.write(bytes(8))  # marker at 40, packet at 0
    assert bus.read32(BASE + 8) == 40
    assert reader.peek() == 8
    assert bus.read32(BASE + 8) == 0, "Zephyr publishes it when it claims, not only when it reads"


def test_a_read_skips_the_marker_behind_its_packet_at_once() -> None:
    """As Zephyr frees a packet: the bytes in memory are the same after every step."""
    _, bus, writer, reader = pair()
    writer.write(bytes(12))
    writer.write(bytes(20))
    reader.read()
    writer.write(b"at start")  # marker at 40 of 48
    assert reader.read() == bytes(20)
    assert bus.read32(BASE + 8) == 0
    assert reader.more
    assert reader.read() == b"at start"


@pytest.mark.parametrize(
    ("offset", "value", "says"),
    [
        (0, 44, "data length is not 48"),
        (8, 2, "rd_idx is no multiple of 4"),
        (8, 48, "rd_idx is no multiple of 4 below the 48"),
        (12, 6, "wr_idx is no multiple of 4"),
        (12, 1 << 31, "wr_idx is no multiple of 4 below the 48"),
        (16, 0, "length 0"),
    ],
)
def test_a_broken_field_is_named_with_its_address(offset: int, value: int, says: str) -> None:
    memory, bus, writer, reader = pair()
    writer.write(b"x")
    bus.write32(BASE + offset, value)
    before = bytes(memory)
    for operation in (reader.peek, reader.read):
        with pytest.raises(CorruptRegionError, match=says) as caught:
            operation()
        assert (caught.value.address, caught.value.value, caught.value.errno) == (
            BASE + offset,
            value,
            errno.EINVAL,
        )
    assert memory == before


@pytest.mark.parametrize("rd", [3, 48, 1 << 31])
def test_a_broken_rd_idx_stops_the_writer(rd: int) -> None:
    memory, bus, writer, _ = pair()
    bus.write32(BASE + 8, rd)
    before = bytes(memory)
    for operation in (lambda: writer.write(b"x"), writer.free_space):
        with pytest.raises(CorruptRegionError, match="rd_idx") as caught:
            operation()
        assert (caught.value.address, caught.value.value) == (BASE + 8, rd)
    assert memory == before


def test_a_length_that_reaches_beyond_the_end_or_the_index_is_not_delivered() -> None:
    _, bus, writer, reader = pair()
    writer.write(bytes(20))
    reader.read()
    writer.write(b"abcd")  # at 24, wr_idx 32
    bus.write_block(BASE + 16 + 24, b"\0\x05")
    with pytest.raises(IncompletePacketError, match="only 4 follow") as caught:
        reader.read()
    assert (caught.value.address, caught.value.length, caught.value.errno) == (BASE + 40, 5, errno.EAGAIN)
    bus.write32(BASE + 12, 4)  # "wrapped": at most up to the end of the data
    bus.write_block(BASE + 16 + 24, b"\0\x15")
    with pytest.raises(IncompletePacketError, match="only 20 follow"):
        reader.read()
    bus.write32(BASE + 12, 32)
    bus.write_block(BASE + 16 + 24, b"\0\x04")
    assert bus.read32(BASE + 8) == 24, "nothing was consumed"
    assert reader.read() == b"abcd"


def test_memory_that_nobody_initialised_looks_empty_when_its_indices_agree() -> None:
    for fill in (b"\0", b"\xaa", b"\xff"):
        reader = SpscReader(MemoryBus(bytearray(fill * 64), base=BASE), BASE, LAYOUT)
        assert reader.peek() == 0
        assert reader.read() == b""


def test_impossible_lengths_are_refused() -> None:
    layout = RegionLayout.spsc_pbuf(0x10010)
    memory = bytearray(layout.size)
    writer, reader = SpscWriter(MemoryBus(memory), 0, layout), SpscReader(MemoryBus(memory), 0, layout)
    writer.tx_init()
    assert layout.capacity == 0xFEFF
    for size, number in ((0, errno.EINVAL), (0xFF00, errno.EMSGSIZE)):
        with pytest.raises(WireError) as caught:
            writer.write(bytes(size))
        assert caught.value.errno == number
    assert writer.write(bytes(0xFEFF)) == 0xFEFF
    assert reader.read() == bytes(0xFEFF)
    with pytest.raises(ConfigurationError, match="use at most 65552 bytes"):
        SpscWriter(MemoryBus(memory), 0, RegionLayout.spsc_pbuf(0x10014))


@settings(max_examples=examples(600), deadline=None)
@given(
    line=st.sampled_from([0, 32]),
    words=st.integers(3, 20),
    content=st.binary(min_size=120, max_size=120),
    length_is_right=st.booleans(),
    indices=st.lists(st.one_of(st.integers(0, 100), st.integers(0, 2**32 - 1)), min_size=2, max_size=2),
)
def test_no_bytes_of_a_peer_reach_outside_the_region_or_cause_another_error(
    line: int, words: int, content: bytes, length_is_right: bool, indices: list[int]
) -> None:
    layout = RegionLayout.spsc_pbuf(max(line, 12) + 4 + 4 * words, line)
    memory = bytearray(b"\x5c" * 64 + content[: layout.size].ljust(layout.size, b"\xff") + b"\x5c" * 64)
    bus = MemoryBus(memory, base=BASE - 64)
    if length_is_right:
        bus.write32(BASE, layout.data_length)
    bus.write32(BASE + 8, indices[0])
    bus.write32(BASE + layout.wr_idx_offset, indices[1])
    writer, reader = SpscWriter(bus, BASE, layout), SpscReader(bus, BASE, layout)
    for operation in (reader.peek, reader.read, lambda: writer.write(b"abc"), writer.free_space, reader.read):
        with contextlib.suppress(WireError):
            operation()
        assert memory[:64] == memory[64 + layout.size :] == b"\x5c" * 64


def test_a_packet_that_fits_the_end_exactly_stays_there() -> None:
    _, bus, writer, reader = pair()
    writer.write(bytes(24))
    reader.read()  # both at 28 of 48: it would fit at the start as well
    assert writer.write(b"x" * 16) == 16
    assert bus.read32(BASE + 12) == 0, "behind the last byte is the start"
    assert bus.read_block(BASE + 16 + 32, 16) == b"x" * 16
    assert reader.read() == b"x" * 16


def test_no_marker_is_set_when_the_start_is_too_small_by_the_header() -> None:
    memory, _, writer, reader = pair()
    writer.write(bytes(8))
    writer.write(bytes(24))
    reader.read()  # rd_idx 12, wr_idx 40 of 48
    before = bytes(memory)
    with pytest.raises(BufferFullError):
        writer.write(bytes(8))  # 12 bytes with its header: as many as lie before the reader
    assert memory == before


def test_what_is_refused_says_what_to_do() -> None:
    _, _, writer, _ = pair()
    with pytest.raises(WireError) as caught:
        writer.write(b"")
    assert str(caught.value) == "an empty packet would block the reader: send at least one byte"
    with pytest.raises(WireError) as caught:
        writer.write(bytes(0xFF00))
    assert (
        str(caught.value)
        == "65280 bytes exceed the longest packet of spsc_pbuf: split the message at 65279 bytes"
    )
    with pytest.raises(BufferFullError) as full:
        writer.write(bytes(41))
    assert (
        str(full.value) == "no room for 41 bytes without a gap: the region never takes more than 40 bytes: "
        "split the message or enlarge the region"
    )
    writer.write(bytes(4))
    with pytest.raises(BufferFullError) as full:
        writer.write(bytes(40))
    assert (
        str(full.value) == "no room for 40 bytes without a gap: send again when the reader has made room "
        "(it does not signal that)"
    )
    assert full.value.largest == 40


def test_a_broken_packet_behind_the_first_is_named_with_its_address() -> None:
    _, bus, writer, reader = pair()
    writer.write(b"first")
    reader.read()  # both at 12 of 48
    writer.write(b"x")
    bus.write_block(BASE + 16 + 12, b"\0\0")
    for operation in (reader.peek, reader.read):
        with pytest.raises(CorruptRegionError) as caught:
            operation()
        assert str(caught.value) == (
            "the next packet has length 0, which must never be sent: the region is blocked until reopened "
            f"(0x0 at 0x{BASE + 28:08X})"
        )
        assert (caught.value.address, caught.value.value) == (BASE + 28, 0)
    bus.write_block(BASE + 16 + 12, b"\0\x06")
    with pytest.raises(IncompletePacketError, match=f"header at 0x{BASE + 28:08X} announces 6 bytes"):
        reader.read()


def test_more_is_a_plain_truth_value_from_the_start() -> None:
    _, _, writer, reader = pair()
    assert reader.more is False
    writer.write(b"x")
    reader.read()
    assert reader.more is False
    reader.read()
    assert reader.more is False


def test_reader_and_writer_know_their_address() -> None:
    _, _, writer, reader = pair()
    assert reader.address == writer.address == BASE
