"""What every bus must do. A new bus joins by adding itself to BUSES; nothing else changes here."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from looped import Cases, examples
from remote_buses import remote_bus
from renode_buses import renode_bus

from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.memory import PAGE, AddressSpace, MappedMemory, Memory
from icmsg.errors import BusError
from icmsg.hw.bus import Bus, MemoryBus
from icmsg.hw.model import RegisterModel
from icmsg.hw.model_bus import ModelBus
from icmsg.hw.registers import Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = 0x2007_0000
SIZE = 64


@dataclass(frozen=True)
class BusUnderTest:
    """``make`` gives a bus of core "app" with ``size`` bytes of memory at ``base``, and nothing beside it."""

    name: str
    make: Callable[[], Bus]
    base: int = BASE
    size: int = SIZE


def over(buffer: Callable[[], Any]) -> Callable[[], Bus]:
    return lambda: MemoryBus(buffer(), base=BASE, core="app")


def register_file() -> Bus:
    block = RegisterBlock("RAM", (Register("WORD", 0, count=SIZE // 4),), size=SIZE)
    return ModelBus(RegisterModel(block, base=BASE, core="app"))


def core_of_the_embedded_engine() -> Bus:
    space = AddressSpace("app")
    space.add(MappedMemory(BASE, BASE + PAGE, Memory("ram", PAGE)))
    return CoreBus(space)


def core_with_two_memories() -> Bus:
    space = AddressSpace("app")
    space.add(MappedMemory(BASE, BASE + PAGE, Memory("low", PAGE)))
    space.add(MappedMemory(BASE + PAGE, BASE + 2 * PAGE, Memory("high", PAGE)))
    return CoreBus(space)


BUSES = [
    BusUnderTest("bytearray", over(lambda: bytearray(SIZE))),
    BusUnderTest("mmap", over(lambda: mmap.mmap(-1, SIZE))),
    BusUnderTest("memoryview", over(lambda: memoryview(bytearray(SIZE + 9))[4 : 4 + SIZE])),
    BusUnderTest("misaligned memoryview", over(lambda: memoryview(bytearray(SIZE + 9))[3 : 3 + SIZE])),
    BusUnderTest("ctypes array of words", over(ctypes.c_uint32 * (SIZE // 4))),
    BusUnderTest("ctypes array of bytes", over(ctypes.c_ubyte * SIZE)),
    BusUnderTest("register file", register_file),
    BusUnderTest("embedded engine", core_of_the_embedded_engine, size=PAGE),
    BusUnderTest("embedded engine, two memories that touch", core_with_two_memories, size=2 * PAGE),
    BusUnderTest("renode engine, memory shared with Python", lambda: renode_bus(BASE, SIZE, shared=True)),
    BusUnderTest("renode engine, memory behind the sysbus", lambda: renode_bus(BASE, SIZE, shared=False)),
    BusUnderTest("remote engine", lambda: remote_bus(BASE, 256), size=256),
    BusUnderTest("remote engine while it runs", lambda: remote_bus(BASE, 256, joins=True), size=256),
    BusUnderTest("remote engine, word by word", lambda: remote_bus(BASE, SIZE, blocks=False)),
    BusUnderTest(
        "remote engine, word by word while it runs",
        lambda: remote_bus(BASE, 256, blocks=False, joins=True),
        size=256,
    ),
    BusUnderTest("remote engine, memory of one core", lambda: remote_bus(BASE, SIZE, shared=False)),
]

READS = {8: "read8", 16: "read16", 32: "read32"}
WRITES = {8: "write8", 16: "write16", 32: "write32"}
WIDTHS = sorted(READS)


def write(bus: Bus, width: int, address: int, value: int) -> None:
    getattr(bus, WRITES[width])(address, value)


def read(bus: Bus, width: int, address: int) -> int:
    value: int = getattr(bus, READS[width])(address)
    return value


@pytest.fixture(params=BUSES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> BusUnderTest:
    value: BusUnderTest = request.param
    return value


@pytest.fixture
def bus(case: BusUnderTest) -> Bus:
    return case.make()


def content(bus: Bus, case: BusUnderTest) -> bytes:
    return bus.read_block(case.base, case.size)


class TestBus:
    def test_it_is_a_bus_and_names_its_core(self, bus: Bus) -> None:
        assert isinstance(bus, Bus)
        assert bus.core == "app"

    def test_values_are_little_endian_at_every_width(self, bus: Bus, case: BusUnderTest) -> None:
        bus.write32(case.base, 0x4433_2211)
        bus.write16(case.base + 4, 0x6655)
        bus.write8(case.base + 6, 0x77)
        assert bus.read_block(case.base, 7) == bytes.fromhex("11223344556677")
        assert [bus.read8(case.base + at) for at in range(3)] == [0x11, 0x22, 0x33]
        assert [bus.read16(case.base), bus.read16(case.base + 2)] == [0x2211, 0x4433]
        bus.write_block(case.base + 8, bytes.fromhex("88776655"))
        assert bus.read32(case.base + 8) == 0x5566_7788

    @pytest.mark.parametrize("width", WIDTHS)
    def test_the_first_and_the_last_place_hold_every_bit(
        self, bus: Bus, case: BusUnderTest, width: int
    ) -> None:
        for address in (case.base, case.base + case.size - width // 8):
            for value in ((1 << width) - 1, 0, 1 << (width - 1), 1):
                write(bus, width, address, value)
                assert read(bus, width, address) == value

    def test_a_block_needs_no_alignment_and_touches_nothing_else(self, bus: Bus, case: BusUnderTest) -> None:
        with Cases() as cases:
            for start, size in product(range(5), (1, 2, 3, 4, 5, 7, 8, 11)):
                with cases.case(f"{size} bytes at {start}"):
                    bus.write_block(case.base, b"\xee" * case.size)
                    data = bytes(range(1, size + 1))
                    bus.write_block(case.base + start, data)
                    assert bus.read_block(case.base + start, size) == data
                    around = b"\xee" * start + data + b"\xee" * (case.size - start - size)
                    assert content(bus, case) == around

    def test_all_of_the_memory_is_one_block(self, bus: Bus, case: BusUnderTest) -> None:
        data = bytes(at & 0xFF for at in range(case.size))
        bus.write_block(case.base, data)
        assert content(bus, case) == data

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(data).cast("I")])
    def test_a_block_is_written_from_any_kind_of_bytes(
        self, bus: Bus, case: BusUnderTest, kind: Callable[[bytes], Any]
    ) -> None:
        bus.write_block(case.base + 3, kind(b"ABCDEFGH"))
        assert bus.read_block(case.base + 2, 10) == b"\0ABCDEFGH\0"

    def test_a_block_is_written_from_a_view_with_steps(self, bus: Bus, case: BusUnderTest) -> None:
        bus.write_block(case.base, memoryview(b"A-B-C-")[::2])
        assert bus.read_block(case.base, 4) == b"ABC\0"

    def test_what_was_read_does_not_change_later(self, bus: Bus, case: BusUnderTest) -> None:
        before = content(bus, case)
        bus.write32(case.base, 0xFFFF_FFFF)
        assert before == bytes(case.size)

    def test_an_empty_block_touches_nothing_anywhere(self, bus: Bus, case: BusUnderTest) -> None:
        for address in (case.base, case.base + case.size, case.base - 100, case.base + 1):
            assert bus.read_block(address, 0) == b""
            bus.write_block(address, b"")

    @pytest.mark.parametrize("width", WIDTHS)
    def test_nothing_answers_before_the_first_and_after_the_last_byte(
        self, bus: Bus, case: BusUnderTest, width: int
    ) -> None:
        for address in (case.base - width // 8, case.base + case.size):
            with pytest.raises(BusError) as caught:
                read(bus, width, address)
            assert (caught.value.address, caught.value.width, caught.value.core) == (address, width, "app")
            with pytest.raises(BusError) as caught:
                write(bus, width, address, 0)
            assert (caught.value.address, caught.value.width, caught.value.core) == (address, width, "app")

    def test_a_block_that_is_partly_outside_is_refused_as_a_whole(self, bus: Bus, case: BusUnderTest) -> None:
        for address in (case.base - 1, case.base + case.size - 7, case.base + case.size):
            with pytest.raises(BusError) as caught:
                bus.write_block(address, b"\xff" * 8)
            assert (caught.value.address, caught.value.width, caught.value.core) == (address, 64, "app")
            with pytest.raises(BusError) as caught:
                bus.read_block(address, 8)
            assert (caught.value.address, caught.value.width, caught.value.core) == (address, 64, "app")
        assert content(bus, case) == bytes(case.size)

    @pytest.mark.parametrize("size", [-1, -SIZE])
    def test_a_negative_size_is_refused(self, bus: Bus, case: BusUnderTest, size: int) -> None:
        with pytest.raises(BusError, match="negative"):
            bus.read_block(case.base + case.size, size)

    @pytest.mark.parametrize(("width", "offset"), [(16, 1), (16, 3), (32, 1), (32, 2), (32, 3)])
    def test_an_access_that_is_not_aligned_is_refused(
        self, bus: Bus, case: BusUnderTest, width: int, offset: int
    ) -> None:
        with pytest.raises(BusError, match=f"use a multiple of {width // 8}") as caught:
            read(bus, width, case.base + offset)
        assert (caught.value.address, caught.value.width) == (case.base + offset, width)
        with pytest.raises(BusError, match=f"use a multiple of {width // 8}"):
            write(bus, width, case.base + offset, 0xFF)
        assert content(bus, case) == bytes(case.size)

    @pytest.mark.parametrize("width", WIDTHS)
    def test_a_value_that_does_not_fit_is_refused(self, bus: Bus, case: BusUnderTest, width: int) -> None:
        for value in (-1, 1 << width, 1 << 64):
            with pytest.raises(BusError, match=f"does not fit {width} bits") as caught:
                write(bus, width, case.base, value)
            assert (caught.value.address, caught.value.width) == (case.base, width)
        assert content(bus, case) == bytes(case.size)

    def test_it_behaves_like_memory_in_any_order_of_accesses(self, case: BusUnderTest) -> None:
        class Machine(LikeMemory):
            under_test = case

        run_state_machine_as_test(
            Machine,
            settings=settings(deadline=None, max_examples=examples(25), stateful_step_count=25),
        )


class LikeMemory(RuleBasedStateMachine):
    """Any accesses, possible or not: the bus holds what a bytearray with the same rules holds."""

    under_test: BusUnderTest

    def __init__(self) -> None:
        super().__init__()
        self.bus = self.under_test.make()
        self.expected = bytearray(self.under_test.size)

    def possible(self, offset: int, size: int, *, aligned: bool) -> bool:
        inside = offset >= 0 and offset + size <= len(self.expected)
        return inside and not (aligned and offset % size)

    @rule(width=st.sampled_from(WIDTHS), offset=st.integers(-4, SIZE + 4), value=st.integers(-1, 1 << 32))
    def writes(self, width: int, offset: int, value: int) -> None:
        size, address = width // 8, self.under_test.base + offset
        if self.possible(offset, size, aligned=True) and 0 <= value < 1 << width:
            write(self.bus, width, address, value)
            self.expected[offset : offset + size] = value.to_bytes(size, "little")
        else:
            with pytest.raises(BusError):
                write(self.bus, width, address, value)

    @rule(width=st.sampled_from(WIDTHS), offset=st.integers(-4, SIZE + 4))
    def reads(self, width: int, offset: int) -> None:
        size, address = width // 8, self.under_test.base + offset
        if self.possible(offset, size, aligned=True):
            expected = int.from_bytes(self.expected[offset : offset + size], "little")
            assert read(self.bus, width, address) == expected
        else:
            with pytest.raises(BusError):
                read(self.bus, width, address)

    @rule(offset=st.integers(-4, SIZE + 4), data=st.binary(min_size=1, max_size=SIZE))
    def writes_a_block(self, offset: int, data: bytes) -> None:
        if self.possible(offset, len(data), aligned=False):
            self.bus.write_block(self.under_test.base + offset, data)
            self.expected[offset : offset + len(data)] = data
        else:
            with pytest.raises(BusError):
                self.bus.write_block(self.under_test.base + offset, data)

    @rule(offset=st.integers(-4, SIZE + 4), size=st.integers(1, SIZE))
    def reads_a_block(self, offset: int, size: int) -> None:
        if self.possible(offset, size, aligned=False):
            got = self.bus.read_block(self.under_test.base + offset, size)
            assert got == self.expected[offset : offset + size]
        else:
            with pytest.raises(BusError):
                self.bus.read_block(self.under_test.base + offset, size)

    @invariant()
    def holds_what_was_written(self) -> None:
        assert self.bus.read_block(self.under_test.base, self.under_test.size) == self.expected
