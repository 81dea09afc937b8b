"""Blocks and queues of ICBMsg in memory: what lies where, in which order it is written, and what is never touched."""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.config import BlockLayout
from icmsg.errors import BusError, CorruptRegionError
from icmsg.hw.bus import MemoryBus
from icmsg.wire.announcements import SlotQueue, SlotQueueView
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = 0x2000_0100
SIZE = 0x200
BEGIN = BASE + 16
"""Guards of 16 bytes lie around the region."""


class SeenBus(MemoryBus):
    """Memory that is not plain: each access is noted, as address, bytes and whether it writes."""

    def __init__(self, memory: bytearray) -> None:
        super().__init__(memory, base=BASE)
        self.seen: list[tuple[int, int, bool]] = []

    def read8(self, address: int) -> int:
        self.seen.append((address, 1, False))
        return super().read8(address)

    def read32(self, address: int) -> int:
        self.seen.append((address, 4, False))
        return super().read32(address)

    def read_block(self, address: int, size: int) -> bytes:
        self.seen.append((address, size, False))
        return super().read_block(address, size)

    def write8(self, address: int, value: int) -> None:
        self.seen.append((address, 1, True))
        super().write8(address, value)

    def write32(self, address: int, value: int) -> None:
        self.seen.append((address, 4, True))
        super().write32(address, value)

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        self.seen.append((address, memoryview(data).nbytes, True))
        super().write_block(address, data)


def layout_of(generation: str, count: int, alignment: int = 4) -> BlockLayout:
    """Layout of the region, which is not aligned to 32 bytes."""
    kind: Any = generation
    layout = BlockLayout.of(kind, BEGIN, SIZE, local=count, remote=4, dcache_alignment=alignment)
    assert layout.block_size > 4
    assert layout.begin == -BEGIN % alignment
    return layout


LAYOUTS = st.builds(
    layout_of, st.sampled_from(["3.6", "4.1", "rework"]), st.integers(1, 5), st.sampled_from([4, 32])
)
MEMORY = st.binary(min_size=SIZE + 32, max_size=SIZE + 32)


def blocks_at(layout: BlockLayout) -> int:
    return BEGIN + layout.begin + layout.blocks_offset


def expected(memory: bytes, layout: BlockLayout, block: int) -> tuple[int, bytes] | str:
    """Header and payload as the rule says, or what is wrong."""
    if block >= layout.block_count:
        return f"is said to begin at block {block}, but there are only blocks 0…{layout.block_count - 1}:"
    start = blocks_at(layout) - BASE + block * layout.block_size
    header = int.from_bytes(memory[start : start + 4], "little")
    size = header % 0x1_0000 if layout.generation == "rework" else header
    room = (layout.block_count - block) * layout.block_size - 4
    if size > room:
        return f"block {block} announces {size} bytes where {room} fit:"
    return header, memory[start + 4 : start + 4 + size]


@given(MEMORY, LAYOUTS, st.integers(0, 6), st.integers(0, 0x2FF), st.integers(0, 0xFFFF), st.booleans())
def test_a_message_is_read_where_it_lies_or_refused_over_any_bus(
    memory: bytes, layout: BlockLayout, block: int, size: int, high: int, plain: bool
) -> None:
    lying = bytearray(memory)
    start = blocks_at(layout) - BASE + block * layout.block_size
    if block < layout.block_count:
        lying[start : start + 4] = (size | high % 2 * high << 16).to_bytes(4, "little")
    memory = bytes(lying)
    bus = MemoryBus(lying, base=BASE) if plain else SeenBus(lying)
    area = BlockArea(bus, layout)
    want = expected(memory, layout, block)
    if isinstance(want, str):
        for read in (area.read, area.read_message):
            with pytest.raises(CorruptRegionError) as caught:
                read(block)
            error = caught.value
            assert want in str(error)
            assert error.errno == errno.EINVAL
            if block >= layout.block_count:
                assert (error.address, error.value) == (area.address, block)
            else:
                assert error.address == area.address + block * layout.block_size
        assert str(area.damage(block)) == str(error)
    else:
        assert area.read_message(block) == want
        assert area.read(block) == want[1]
        assert area.damage(block) is None
        assert area.read_payload(block, len(want[1])) == want[1]
    assert lying == memory
    if isinstance(bus, SeenBus):
        end = area.address + layout.block_count * layout.block_size
        for address, length, writes in bus.seen:
            assert not writes
            assert area.address <= address <= address + length <= end, "read outside of the blocks"


@given(LAYOUTS, st.integers(0, 4), st.binary(max_size=120), st.integers(0, 0xFFFF_FFFF), st.booleans())
def test_a_message_is_written_with_its_header_and_nothing_else_changes(
    layout: BlockLayout, block: int, payload: bytes, header: int, plain: bool
) -> None:
    block %= layout.block_count
    payload = payload[: (layout.block_count - block) * layout.block_size - 4]
    memory = bytearray(b"\xa5" * (SIZE + 32))
    wanted = bytearray(memory)
    start = blocks_at(layout) - BASE + block * layout.block_size
    wanted[start : start + 4 + len(payload)] = header.to_bytes(4, "little") + payload
    bus = MemoryBus(memory, base=BASE) if plain else SeenBus(memory)
    area = BlockArea(bus, layout)
    assert area.payload_address(block) == BASE + start + 4
    area.write(block, header, payload)
    assert memory == wanted
    if isinstance(bus, SeenBus):
        assert bus.seen == [(BASE + start, 4 + len(payload), True)]
    memory[:] = b"\xa5" * len(memory)
    area.write_payload(block, payload[:1])
    area.write_payload(block, payload[1:], 1)
    area.write_header(block, header)
    assert memory == wanted


@pytest.mark.parametrize(("size", "reads"), [(0, 1), (36, 1), (60, 1), (61, 2), (200, 2)])
def test_a_short_message_is_one_read_and_a_long_one_two(size: int, reads: int) -> None:
    bus = SeenBus(bytearray(SIZE + 32))
    area = BlockArea(bus, layout_of("4.1", 2))
    area.write(0, size, bytes(size))
    bus.seen.clear()
    assert area.read(0) == bytes(size)
    assert len(bus.seen) == reads
    assert sum(length for _, length, _ in bus.seen) == max(64, 4 + size)


def test_blocks_of_a_closed_bus_say_that_it_was_closed() -> None:
    layout = layout_of("4.1", 4)
    for last in range(5):
        bus = MemoryBus(bytearray(SIZE + 32), base=BASE)
        area = BlockArea(bus, layout)
        bus.close()
        accesses: list[Callable[[], object]] = [
            partial(area.read, 1),
            partial(area.read_message, 1),
            partial(area.write, 1, 3, b"abc"),
            partial(area.write_header, 1, 3),
            partial(area.read_payload, 1, 3),
        ]
        for access in (*accesses[last:], *accesses):
            with pytest.raises(BusError, match="the bus was closed"):
                access()


@given(
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 127), st.booleans()), max_size=40),
    st.sampled_from([0, 1, 0xFFFF_FFF0, 0xFFFF_FFFF]),
    st.booleans(),
    st.data(),
)
def test_a_queue_hands_over_every_entry_once_in_order_across_the_wrap_of_its_count(
    slots: int, entries: list[tuple[int, bool]], first: int, plain: bool, data: st.DataObject
) -> None:
    if 0x1_0000_0000 % slots:
        first %= 2  # a ring of such a length does not go on at the wrap, in Zephyr neither
    memory = bytearray(b"\xa5" * (SIZE + 32))
    bus = MemoryBus(memory, base=BASE) if plain else SeenBus(memory)
    queue, view = SlotQueue(bus, BEGIN, slots), SlotQueueView(bus, BEGIN, slots)
    queue.reset()
    assert bytes(memory[16:24]) == bytes(8)
    queue.count = taken = first
    bus.write32(BEGIN, first)
    waiting: list[int] = []
    highs = 0
    for block, high in entries:
        if len(waiting) == slots or (waiting and data.draw(st.booleans())):
            most = data.draw(st.integers(0, slots))
            assert view.new(taken) == len(waiting)
            assert view.entries(taken, len(waiting)) == waiting
            new, got = view.take(taken, most)
            assert (new, got) == (len(waiting), waiting if len(waiting) <= most else [])
            if not got:
                assert view.take(taken, slots) == (len(waiting), waiting)
            taken = (taken + len(waiting)) % 0x1_0000_0000
            waiting = []
            assert view.new(taken) == 0
            assert view.take(taken, slots) == (0, [])
        if isinstance(bus, SeenBus):
            bus.seen.clear()
        slot = 8 + queue.count % slots
        queue.put(block, high=high)
        highs += high
        waiting.append(block + 128 * high)
        assert queue.count == (taken + len(waiting)) % 0x1_0000_0000
        assert (bus.read32(BEGIN), bus.read32(BEGIN + 4)) == (queue.count, highs)
        if isinstance(bus, SeenBus):
            counts = [(BEGIN + 4, 4, True)] * high + [(BEGIN, 4, True)]
            assert [each for each in bus.seen if each[2]] == [(BEGIN + slot, 1, True), *counts]
    used = 24 + slots
    assert memory[:16] == b"\xa5" * 16
    assert memory[used:] == b"\xa5" * (len(memory) - used)


def test_the_count_of_high_priority_starts_over_with_the_queue() -> None:
    memory = bytearray(64)
    queue = SlotQueue(MemoryBus(memory), 0, 4)
    assert queue.count == 0
    for _ in range(3):
        queue.put(1, high=True)
    queue.reset()
    assert (bytes(memory[:8]), queue.count) == (bytes(8), 0)
    queue.put(2, high=True)
    assert memory[:9].hex() == "0100000001000000" + "82"


@pytest.mark.parametrize("kind", [MemoryBus, SeenBus])
def test_a_count_that_went_back_or_has_too_many_takes_nothing(kind: type[MemoryBus]) -> None:
    bus = SeenBus(bytearray(SIZE + 32)) if kind is SeenBus else MemoryBus(bytearray(SIZE + 32), base=BASE)
    view = SlotQueueView(bus, BEGIN, 4)
    bus.write32(BEGIN, 3)
    for taken, most, new in ((5, 4, 0xFFFF_FFFE), (3, 4, 0), (2, 0, 1), (0, 2, 3)):
        assert view.take(taken, most) == (new, [])


@pytest.mark.parametrize("slots", range(1, 9))
def test_queues_and_blocks_in_plain_memory_are_reached_without_the_bus(
    slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 8 + (slots + 3) // 4 * 4
    bus, other = (
        MemoryBus(bytearray(size)),
        MemoryBus(bytearray(SIZE + 32), base=BASE),
    )  # nothing behind the queue

    def refuse(*_: object) -> None:
        raise AssertionError

    for name in ("read8", "read_block", "write8", "write_block"):
        monkeypatch.setattr(MemoryBus, name, refuse)
    queue, view = SlotQueue(bus, 0, slots), SlotQueueView(bus, 0, slots)
    queue.reset()
    layout = layout_of("4.1", 4)
    area = BlockArea(other, layout)
    for name in ("read32", "write32"):
        monkeypatch.setattr(MemoryBus, name, refuse)
    for number in range(2 * slots):
        queue.put(number, high=number % 2 == 1)
        assert view.new(number) == 1
        assert view.take(number, slots) == (1, [number + 128 * (number % 2)])
        assert view.entries(number, 1) == [number + 128 * (number % 2)]
    assert len(view.take(slots, slots)[1]) == slots
    longest = 4 * layout.block_size - 4
    for block, length in ((0, longest), (3, layout.block_size - 4), (1, 0)):
        area.write(block, length, bytes([block]) * length)
        assert area.read(block) == bytes([block]) * length
        assert area.read_message(block) == (length, bytes([block]) * length)
