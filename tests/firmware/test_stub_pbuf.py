"""The stubs' packet buffer, run on this machine: Zephyr's vectors, a model, and hostile peers."""

from __future__ import annotations

import ctypes
import errno
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples, for_each
from native_stub import Region, Side, errno_of, vectors

PBUF = [v for v in vectors("pbuf") if v["generation"] in ("v1", "v2")]


@pytest.mark.skipif(not PBUF, reason="tests/vectors/icmsg-vectors.json is not there")
def test_vectors_are_present_and_cover_both_sides() -> None:
    operations = {step["op"] for vector in PBUF for step in vector["steps"]}
    assert {"writer.write", "reader.read", "reader.read(NULL)", "poke"} <= operations


@for_each("vector", PBUF, ids=lambda v: v["id"])
def test_every_step_of_zephyrs_vectors_gives_the_same_result_and_the_same_bytes(
    stub: ctypes.CDLL, vector: dict[str, Any]
) -> None:
    region = Region(vector["region_size"], int(vector["initial_fill"], 16))
    writer = Side(stub, region, vector["dcache_alignment"], vector["handshake_word"])
    reader = Side(stub, region, vector["dcache_alignment"], vector["handshake_word"])
    assert (writer.result, reader.result) == (0, 0)
    project_behaviour = "project_behaviour" in vector

    for step in vector["steps"]:
        before = region.hex
        result, data = perform(step, region, writer, reader)
        expected = step["expect_return"]
        expected = errno_of(expected) if isinstance(expected, str) else expected
        if project_behaviour and result == -errno.EINVAL:
            # Zephyr goes on with a corrupt index or length; this project refuses it and touches nothing.
            assert region.hex == before
            return
        assert result == expected, step
        assert region.hex == step["memory_after_hex"], step
        if "expect_data_hex" in step:
            assert data.hex() == step["expect_data_hex"], step
    assert not project_behaviour, "nothing was refused"


def perform(step: dict[str, Any], region: Region, writer: Side, reader: Side) -> tuple[int, bytes]:
    match step["op"]:
        case "writer.tx_init":
            writer.tx_init()
        case "reader.rx_init":
            reader.rx_init()
        case "writer.write":
            return writer.write(bytes.fromhex(step["data_hex"])), b""
        case "reader.read(NULL)":
            return reader.peek(), b""
        case "reader.read":
            return reader.read(step["capacity"])
        case "poke":
            region.poke(step["offset"], bytes.fromhex(step["data_hex"]))
        case operation:
            raise AssertionError(operation)
    return 0, b""


@for_each(
    ("size", "alignment", "sessions", "capacity"),
    [
        (20, 0, False, 4),
        (20, 4, False, 4),
        (24, 8, False, 4),
        (48, 32, False, 4),
        (64, 0, False, 48),
        (0x800, 0, False, 2032),
        (0x800, 32, False, 2004),
        (0x800, 8, True, 2028),
        (0x20000, 0, False, 65535),
    ],
)
def test_the_smallest_region_and_the_largest_packet_are_those_of_zephyr(
    stub: ctypes.CDLL, size: int, alignment: int, sessions: bool, capacity: int
) -> None:
    side = Side(stub, Region(size), alignment, sessions)
    assert side.result == 0
    side.tx_init()
    assert side.capacity == capacity
    assert side.write(bytes(capacity)) == capacity


@for_each(
    ("size", "alignment", "sessions"),
    [
        (0, 0, False),
        (16, 0, False),
        (22, 0, False),
        (20, 8, False),
        (44, 32, False),
        (64, 12, False),
        (64, 0x80000000, False),
        (64, 0, True),
        (64, 4, True),
    ],
)
def test_a_layout_that_zephyr_refuses_is_refused(
    stub: ctypes.CDLL, size: int, alignment: int, sessions: bool
) -> None:
    assert Side(stub, Region(size), alignment, sessions).result == -errno.EINVAL


def test_a_misaligned_region_is_refused(stub: ctypes.CDLL) -> None:
    region = Region(128)
    region.address += 8
    assert Side(stub, region, 8).result == 0
    assert Side(stub, region, 16).result == -errno.EINVAL


@pytest.mark.parametrize("length", [0, 65536, 0xFFFFFFFF])
def test_a_length_that_the_header_cannot_hold_is_refused(stub: ctypes.CDLL, length: int) -> None:
    region = Region(0x20000)
    writer = Side(stub, region)
    writer.tx_init()
    before = region.hex
    assert stub.pbuf_write(ctypes.byref(writer.pbuf), bytes(65536), length) == -errno.EINVAL
    assert region.hex == before


@pytest.mark.parametrize(("wr", "result"), [(8, -errno.EAGAIN), (12, -errno.EAGAIN), (16, 12), (20, 12)])
def test_a_packet_is_read_only_when_the_index_covers_header_and_payload(
    stub: ctypes.CDLL, wr: int, result: int
) -> None:
    region = Region(64)
    reader = Side(stub, region)
    region.poke(4, wr.to_bytes(4, "little") + bytes([0, 12, 0, 0]) + b"twelve bytes")
    assert reader.read() == (result, b"twelve bytes"[: max(result, 0)])
    assert reader.peek() == (12 if result < 0 else 0 if wr == 16 else -errno.EINVAL)


geometry = st.sampled_from([(20, 0), (24, 8), (64, 0), (64, 8), (128, 32), (256, 64)])
index = st.one_of(st.integers(0, 300), st.integers(0, 0xFFFFFFFF))


@settings(deadline=None, max_examples=examples(200))
@given(geometry=geometry, script=st.lists(st.one_of(st.binary(max_size=300), st.none()), max_size=60))
def test_writer_and_reader_are_a_queue_of_bounded_room(
    stub: ctypes.CDLL, geometry: tuple[int, int], script: list[bytes | None]
) -> None:
    region = Region(geometry[0], 0xAA)
    writer, reader = (Side(stub, region, geometry[1]) for _ in range(2))
    writer.tx_init()
    reader.rx_init()
    length = writer.pbuf.len
    queue: deque[bytes] = deque()
    occupied = 0

    for packet in script:
        if packet is None:
            announced = reader.peek()
            assert announced == (len(queue[0]) if queue else 0)
            result, data = reader.read()
            assert result == announced
            if queue:
                assert data == queue.popleft()
                occupied -= 4 + (len(data) + 3) // 4 * 4
        else:
            result = writer.write(packet)
            fits = length - occupied - 4 >= len(packet) + 4
            assert result == (-errno.EINVAL if not packet else len(packet) if fits else -errno.ENOMEM)
            if result > 0:
                queue.append(packet)
                occupied += 4 + (len(packet) + 3) // 4 * 4
        assert region.hex, "the guards are looked at after every step"
        assert (writer.pbuf.own - reader.pbuf.own) % length == occupied


@settings(deadline=None, max_examples=examples(300))
@given(geometry=geometry, rd=index, packet=st.binary(min_size=1, max_size=80))
def test_whatever_rd_idx_a_peer_writes_the_writer_stays_in_the_region_or_refuses(
    stub: ctypes.CDLL, geometry: tuple[int, int], rd: int, packet: bytes
) -> None:
    region = Region(geometry[0])
    writer = Side(stub, region, geometry[1])
    writer.tx_init()
    region.poke(0, rd.to_bytes(4, "little"))
    before = region.hex
    result = writer.write(packet)
    if rd % 4 or rd >= writer.pbuf.len:
        assert result == -errno.EINVAL
    assert result in (-errno.EINVAL, -errno.ENOMEM, len(packet))
    assert (region.hex == before) == (result < 0)


@settings(deadline=None, max_examples=examples(300))
@given(geometry=geometry, wr=index, data=st.binary(min_size=240, max_size=240), capacity=st.integers(1, 300))
def test_whatever_a_peer_writes_the_reader_refuses_or_delivers_covered_bytes(
    stub: ctypes.CDLL, geometry: tuple[int, int], wr: int, data: bytes, capacity: int
) -> None:
    size, alignment = geometry
    region = Region(size)
    reader = Side(stub, region, alignment)
    reader.rx_init()
    start = max(alignment, 4)
    region.poke(start + 4, data[: size - start - 4])
    region.poke(start, wr.to_bytes(4, "little"))
    before = region.hex
    announced = int.from_bytes(data[:2], "big")
    result, stored = reader.read(capacity)
    if wr % 4 or wr >= reader.pbuf.len or (wr and not announced):
        assert result == -errno.EINVAL
    elif not wr:
        assert result == 0
    elif announced > capacity:
        assert result == -errno.ENOMEM
    elif announced + 4 > wr:
        assert result == -errno.EAGAIN
    else:
        assert stored == data[4 : 4 + announced]
    assert result > 0 or (region.hex, reader.pbuf.own) == (before, 0), "consumed what it refused"
