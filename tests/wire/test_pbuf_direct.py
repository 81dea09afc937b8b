"""On plain memory a packet goes to the bytes themselves: no method of the bus is called on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config import RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

if TYPE_CHECKING:
    import pytest


def test_a_packet_that_does_not_wrap_is_written_and_read_without_the_methods_of_the_bus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def called(*_arguments: object) -> None:
        raise AssertionError("the bus was asked")

    memory = bytearray(64)
    layout = RegionLayout.pbuf(64, 8)
    bus = MemoryBus(memory, base=0x1000)
    for method in ("read32", "write32", "read_block", "write_block"):
        monkeypatch.setattr(MemoryBus, method, called)
    writer, reader = PbufWriter(bus, 0x1000, layout), PbufReader(bus, 0x1000, layout)
    for number in range(1, 4):
        assert writer.write(bytes([number]) * 5) == 5
        assert memory[8] == 12 * number
        assert reader.read() == bytes([number]) * 5
        assert memory[0] == 12 * number
    assert reader.read() == b""
