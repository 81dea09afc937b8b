"""Looking at regions without taking part: decoding for a person, following a writer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.config.instance import RegionLayout
from icmsg.errors import BufferFullError, CorruptRegionError, IncompletePacketError, WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire.inspect import PbufFollower, inspect_region
from icmsg.wire.pbuf import PbufReader, PbufWriter

pure = settings(deadline=None)
SIZE = 64
LAYOUT = RegionLayout.pbuf(SIZE)


@pure
@given(
    steps=st.lists(st.one_of(st.binary(min_size=1, max_size=30), st.just(b"")), max_size=40),
    alignment=st.sampled_from([0, 8, 32]),
)
def test_a_follower_sees_every_packet_once_and_a_view_shows_what_is_pending(
    steps: list[bytes], alignment: int
) -> None:
    """An empty step is a read; the follower looks after each step."""
    memory = bytearray(96)
    bus, layout = MemoryBus(memory), RegionLayout.pbuf(96, alignment)
    writer, reader = PbufWriter(bus, 0, layout), PbufReader(bus, 0, layout)
    writer.tx_init()
    reader.rx_init()
    follower = PbufFollower(bus, 0, layout)
    written: list[bytes] = []
    seen: list[bytes] = []
    taken = 0
    for step in steps:
        if step:
            try:
                writer.write(step)
                written.append(step)
            except BufferFullError:
                pass
        elif reader.read():
            taken += 1
        before = bytes(memory)
        seen += follower.poll()
        view = inspect_region(bus, 0, layout)
        assert bytes(memory) == before
        assert seen == written
        assert view.pending == tuple(written[taken:])
        assert view.problem is None
        assert (view.used == 0) == (taken == len(written))
        assert str(view).endswith(
            "empty"
            if taken == len(written)
            else f"{len(view.pending)} packet{'s'[: len(view.pending) != 1]} pending"
        )


@pure
@given(
    memory=st.binary(min_size=SIZE, max_size=SIZE),
    small=st.booleans(),
    rd=st.integers(0, 60),
    wr=st.integers(0, 60),
)
def test_whatever_lies_in_memory_is_decoded_and_left_alone(
    memory: bytes, small: bool, rd: int, wr: int
) -> None:
    region = bytearray(memory)
    if small:  # indices that are nearly right, or garbage
        region[:8] = rd.to_bytes(4, "little") + wr.to_bytes(4, "little")
    bus = MemoryBus(region)
    before = bytes(region)
    view = inspect_region(bus, 0, LAYOUT)
    assert bytes(region) == before
    assert str(view).startswith(f"rd_idx={view.rd_idx} wr_idx={view.wr_idx} used={view.used} of 56")
    reader = PbufReader(bus, 0, LAYOUT)
    if view.rd_idx == 0:
        problem = None
        packets = []
        try:
            while packet := reader.read():
                packets.append(packet)
        except WireError as error:
            problem = error
        assert (problem is None) == (view.problem is None), (
            "it calls wrong what a reader refuses, and only that"
        )
        assert tuple(packets) == view.pending
    assert PbufFollower(MemoryBus(bytearray(before)), 0, LAYOUT).consumed == (before[:4] != bytes(4))


@pytest.mark.parametrize(
    ("memory", "said", "error"),
    [
        ("03000000 00000000", "rd_idx 0x00000003 is not a multiple of 4", None),
        ("00000000 3a000000", "wr_idx 0x0000003A is not a multiple of 4", CorruptRegionError),
        ("38000000 00000000", "rd_idx 0x00000038 is beyond the 56 data bytes", None),
        ("00000000 fcffffff", "wr_idx 0xFFFFFFFC is beyond the 56 data bytes", CorruptRegionError),
        ("00000000 08000000 00000000", "the packet at index 0 announces 0 bytes", CorruptRegionError),
        ("00000000 08000000 00060000", "the packet at index 0 announces 6 bytes", IncompletePacketError),
    ],
)
def test_what_is_wrong_is_said_with_its_value(memory: str, said: str, error: type[Exception] | None) -> None:
    region = bytearray(SIZE)
    region[: len(bytes.fromhex(memory))] = bytes.fromhex(memory)
    view = inspect_region(MemoryBus(region), 0, LAYOUT)
    assert view.problem == said
    assert str(view).endswith(f": {said}")
    follower = PbufFollower(MemoryBus(region), 0, LAYOUT)
    if error is not None:
        with pytest.raises(error):
            follower.poll()


def test_a_follower_that_restarts_sees_the_region_from_its_start() -> None:
    bus = MemoryBus(bytearray(SIZE))
    writer = PbufWriter(bus, 0, LAYOUT)
    follower = PbufFollower(bus, 0, LAYOUT)
    for payload in (b"before", b"after"):
        writer.tx_init()
        writer.write(payload)
        assert follower.poll() == [payload]
        follower.restart()
