from __future__ import annotations

import pytest

from icmsg.errors import BusError
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.model_bus import ModelBus
from icmsg.hw.registers import Access, Register, RegisterBlock

BLOCK = RegisterBlock(
    "FIFO",
    (
        Register("PUSH", 0x00, access=Access.W),
        Register("LEVEL", 0x04, access=Access.R),
        Register("A", 0x08),
        Register("B", 0x0C),
    ),
    size=0x20,
)
BASE = 0x4000_0000


class Fifo(RegisterModel):
    def __init__(self) -> None:
        super().__init__(BLOCK, base=BASE, core="app")
        self.pushed: list[int] = []
        self.level_reads = 0

    @on_write("PUSH", "A")
    def _push(self, index: int, value: int) -> None:
        self.pushed.append(value)

    @on_read("LEVEL")
    def _level(self, index: int) -> int:
        self.level_reads += 1
        return len(self.pushed)


@pytest.fixture
def fifo() -> Fifo:
    return Fifo()


def test_accesses_reach_the_behaviours_of_the_model(fifo: Fifo) -> None:
    bus = ModelBus(fifo)
    bus.write32(BASE, 11)
    bus.write32(BASE, 12)
    assert (bus.read32(BASE + 4), fifo.pushed) == (2, [11, 12])


def test_a_block_reads_each_register_once(fifo: Fifo) -> None:
    assert ModelBus(fifo).read_block(BASE + 3, 6) == bytes(6)
    assert fifo.level_reads == 1


def test_a_block_writes_whole_registers_in_one_access(fifo: Fifo) -> None:
    ModelBus(fifo).write_block(BASE + 8, b"\x01\0\0\0\x02\0")
    assert fifo.pushed == [1]
    assert fifo.peek("B") == 2


def test_a_block_that_meets_a_register_it_cannot_write_changes_nothing(fifo: Fifo) -> None:
    bus = ModelBus(fifo)
    with pytest.raises(BusError, match=r"64-bit access at 0x40000000 of core app: FIFO\.LEVEL is read-only"):
        bus.write_block(BASE, bytes(8))
    with pytest.raises(BusError, match="FIFO has no register at offset 0x010"):
        bus.write_block(BASE + 8, b"\xff" * 12)
    with pytest.raises(BusError, match="FIFO has no register at offset 0x010"):
        bus.read_block(BASE + 4, 13)
    assert (fifo.pushed, fifo.level_reads) == ([], 0)


def test_an_address_outside_the_block_names_the_peripheral_and_its_range(fifo: Fifo) -> None:
    with pytest.raises(BusError, match="FIFO is 0x40000000…0x4000001F"):
        ModelBus(fifo).read32(BASE + 0x20)
