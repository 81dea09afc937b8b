from __future__ import annotations

import pytest

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.registers import Access, BlockView, Field, Register, RegisterBlock

BLOCK = RegisterBlock(
    "TIMER",
    (
        Register("TASKS", 0x00, count=2, access=Access.W),
        Register("CC", 0x10, count=2, stride=8),
        Register("PRESCALER", 0x30, width=8, fields=(Field("LOG2", 0, width=4), Field("ON", 7))),
        Register("COUNTER", 0x34, access=Access.R),
    ),
    size=0x40,
)
BASE = 0x4000_8000


@pytest.fixture
def memory() -> bytearray:
    return bytearray(0x40)


@pytest.fixture
def view(memory: bytearray) -> BlockView:
    return BlockView(MemoryBus(memory, base=BASE, core="net"), BASE, BLOCK)


def test_registers_are_read_and_written_where_the_table_says(view: BlockView, memory: bytearray) -> None:
    view.write("CC", 0x1234_5678, 1)
    assert memory[0x18:0x1C] == bytes.fromhex("78563412")
    assert view.read("CC", 1) == 0x1234_5678
    assert view.read("CC") == 0
    assert view.address("CC", 1) == BASE + 0x18
    assert (view.block, view.base) == (BLOCK, BASE)


def test_a_register_is_read_as_its_fields(view: BlockView) -> None:
    view.write("PRESCALER", 0x83)
    assert view.read_fields("PRESCALER") == {"LOG2": 3, "ON": 1}


def test_a_read_only_register_is_not_written(view: BlockView, memory: bytearray) -> None:
    with pytest.raises(BusError, match=r"at 0x40008034 of core net: TIMER\.COUNTER is read-only"):
        view.write("COUNTER", 1)
    assert memory == bytes(0x40)


def test_a_write_only_register_is_not_read(view: BlockView) -> None:
    with pytest.raises(BusError, match=r"at 0x40008004 of core net: TIMER\.TASKS\[1\] is write-only"):
        view.read("TASKS", 1)


@pytest.mark.parametrize(("name", "value"), [("PRESCALER", 0x100), ("CC", 1 << 32), ("CC", -1)])
def test_a_value_wider_than_the_register_is_not_written(
    view: BlockView, memory: bytearray, name: str, value: int
) -> None:
    with pytest.raises(BusError, match="does not fit"):
        view.write(name, value)
    assert memory == bytes(0x40)


@pytest.mark.parametrize(("name", "index"), [("CD", 0), ("CC", 2), ("CC", -1)])
def test_a_register_or_element_that_does_not_exist_is_named(view: BlockView, name: str, index: int) -> None:
    with pytest.raises(ConfigurationError, match=name):
        view.read(name, index)
    with pytest.raises(ConfigurationError, match=name):
        view.write(name, 0, index)


def test_a_base_that_is_not_aligned_is_refused(memory: bytearray) -> None:
    with pytest.raises(ConfigurationError, match="use an address that 4 divides"):
        BlockView(MemoryBus(memory), 2, BLOCK)
