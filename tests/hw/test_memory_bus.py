from __future__ import annotations

import ctypes
import mmap
import sys
from array import array
from typing import Any

import pytest

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import MemoryBus


def test_the_buffer_is_shared_and_not_copied() -> None:
    memory = bytearray(16)
    bus = MemoryBus(memory, base=0x100)
    bus.write32(0x104, 0xAABBCCDD)
    assert memory[4:8] == bytes.fromhex("ddccbbaa")
    memory[8] = 7
    assert bus.read8(0x108) == 7


def test_two_buses_over_one_buffer_see_each_other() -> None:
    memory = bytearray(16)
    app, net = MemoryBus(memory, core="app"), MemoryBus(memoryview(memory)[4:], base=0x2000_0004, core="net")
    app.write32(4, 0x1234_5678)
    assert net.read32(0x2000_0004) == 0x1234_5678


@pytest.mark.parametrize("base", range(9))
@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 13])
def test_any_base_and_size_answer_exactly_the_aligned_accesses_inside(base: int, size: int) -> None:
    memory = bytearray(range(1, size + 1))
    bus = MemoryBus(memory, base=base)
    for width, read in ((2, bus.read16), (4, bus.read32)):
        for address in range(base - 4, base + size + 4):
            if address % width == 0 and base <= address and address + width <= base + size:
                expected = memory[address - base : address - base + width]
                assert read(address).to_bytes(width, "little") == expected
            else:
                with pytest.raises(BusError):
                    read(address)


@pytest.mark.parametrize("element", [ctypes.c_char, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64])
def test_a_ctypes_array_of_any_element_is_its_bytes(element: Any) -> None:
    memory = (element * 8)()
    bus = MemoryBus(memory)
    bus.write32(4, 0x0403_0201)
    assert bytes(memory)[4:8] == b"\x01\x02\x03\x04"
    assert bus.size == ctypes.sizeof(memory)


def test_a_view_of_more_than_one_dimension_is_its_bytes() -> None:
    memory = bytearray(16)
    MemoryBus(memoryview(memory).cast("B", (4, 4))).write8(15, 1)
    assert memory[15] == 1


def test_a_block_may_overlap_where_it_comes_from() -> None:
    memory = bytearray(b"0123456789")
    bus = MemoryBus(memory)
    bus.write_block(2, memoryview(memory)[:8])
    assert memory == b"0101234567"


@pytest.mark.parametrize(
    ("buffer", "text"),
    [
        (b"abcd", "the bytes is read-only; give a bytearray"),
        (memoryview(bytearray(4)).toreadonly(), "read-only"),
        (bytearray(), "empty"),
        (memoryview(bytearray(8))[::2], "not contiguous"),
        ([1, 2, 3], "list has no buffer"),
    ],
)
def test_a_buffer_that_cannot_be_memory_is_refused(buffer: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        MemoryBus(buffer)


@pytest.mark.parametrize("base", [-4, 0xFFFF_FFFD, 1 << 32])
def test_a_range_outside_the_address_space_is_refused_and_lets_go_of_the_buffer(base: int) -> None:
    memory = bytearray(4)
    with pytest.raises(ConfigurationError, match="choose a lower base") as caught:
        MemoryBus(memory, base=base)
    memory.extend(b"resized")
    assert caught.tb is not None, "kept until here: a traceback holds on to what its frames hold"


def test_the_last_word_of_the_address_space_can_be_used() -> None:
    bus = MemoryBus(bytearray(4), base=0xFFFF_FFFC)
    bus.write32(0xFFFF_FFFC, 5)
    assert bus.read8(0xFFFF_FFFF) == 0


def test_a_big_endian_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(ConfigurationError, match="little-endian host"):
        MemoryBus(bytearray(4))


def test_leaving_the_with_block_lets_a_mapping_be_closed() -> None:
    mapping = mmap.mmap(-1, 4096)
    with MemoryBus(mapping) as bus:
        bus.write32(0, 1)
        with pytest.raises(BufferError):
            mapping.close()
    mapping.close()
    assert mapping.closed


def test_every_access_to_a_closed_bus_says_that_it_was_closed() -> None:
    bus = MemoryBus(array("I", [1, 2]), core="app")
    bus.close()
    bus.close()
    accesses: list[Any] = [
        lambda: bus.read8(0), lambda: bus.read16(0), lambda: bus.read32(0), lambda: bus.read_block(0, 4),
        lambda: bus.write8(0, 0), lambda: bus.write16(0, 0), lambda: bus.write32(0, 0),
        lambda: bus.write_block(0, b"x"),
    ]  # fmt: skip
    for access in accesses:
        with pytest.raises(BusError, match="of core app: the bus was closed"):
            access()


def test_an_error_shows_where_the_memory_is() -> None:
    with pytest.raises(BusError, match="32-bit access at 0x20080000: memory is 0x20070000…0x2007FFFF"):
        MemoryBus(bytearray(0x10000), base=0x2007_0000).read32(0x2008_0000)
