"""A window is the memory itself, and only where nobody else has anything to do with an access."""

from __future__ import annotations

import mmap

import pytest

from icmsg.config import RegionLayout
from icmsg.errors import BusError
from icmsg.hw.bus import MemoryBus, window_of
from icmsg.wire import PbufReader, PbufWriter

BASE = 0x2007_0000


class Subclass(MemoryBus):
    """May have something to do at each access."""


class Wrapper:
    """Passes everything on, as one that counts does."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus

    def __getattr__(self, name: str) -> object:
        return getattr(self.bus, name)


def test_both_views_are_the_bytes_of_the_bus() -> None:
    memory = bytearray(range(32))
    bus = MemoryBus(memory, base=BASE)
    window = window_of(bus, BASE + 8, 16)
    assert window.data == memory[8:24]
    assert window.words is not None
    assert len(window.words) == 4
    window.words[3] = 0x44332211
    assert bus.read32(BASE + 20) == 0x44332211
    bus.write8(BASE + 8, 0xFE)
    assert window.data is not None
    assert window.data[0] == 0xFE


def test_everybody_who_asks_for_the_same_bytes_has_the_same_window() -> None:
    bus = MemoryBus(bytearray(32), base=BASE)
    assert window_of(bus, BASE, 8) is window_of(bus, BASE, 8)
    assert window_of(bus, BASE, 8) is not window_of(bus, BASE, 12)
    assert window_of(bus, BASE, 8) is not window_of(bus, BASE + 8, 8)


@pytest.mark.parametrize(
    ("address", "size"),
    [(BASE - 4, 8), (BASE + 28, 8), (BASE + 32, 4), (BASE + 2, 8), (BASE, 6), (BASE, 0), (BASE, -4), (0, 4)],
)
def test_it_is_empty_where_there_are_no_whole_words_of_memory(address: int, size: int) -> None:
    window = window_of(MemoryBus(bytearray(32), base=BASE), address, size)
    assert window.data is None
    assert window.words is None


@pytest.mark.parametrize("base", [BASE + 1, BASE + 2, BASE + 3])
def test_behind_an_odd_base_the_aligned_words_have_a_window(base: int) -> None:
    memory = bytearray(range(16))
    bus = MemoryBus(memory, base=base)
    window = window_of(bus, BASE + 4, 8)
    assert window.words is not None
    assert window.words[0] == bus.read32(BASE + 4)
    assert window_of(bus, BASE, 8).data is None
    assert window_of(bus, BASE + 12, 8).data is None


def test_it_is_empty_for_every_bus_that_may_want_to_see_an_access() -> None:
    memory = MemoryBus(bytearray(32), base=BASE)
    for bus in (Subclass(bytearray(32), base=BASE), Wrapper(memory)):
        assert window_of(bus, BASE, 8).data is None


def test_closing_the_bus_empties_it_and_lets_go_of_the_memory() -> None:
    mapping = mmap.mmap(-1, 4096)
    bus = MemoryBus(mapping, base=BASE)
    window = window_of(bus, BASE, 64)
    bus.close()
    assert window.data is None
    assert window.words is None
    mapping.close()
    assert window_of(bus, BASE, 64).data is None


def test_a_packet_buffer_on_a_closed_bus_says_that_it_was_closed() -> None:
    bus = MemoryBus(bytearray(64), base=BASE)
    layout = RegionLayout.pbuf(64)
    writer, reader = PbufWriter(bus, BASE, layout), PbufReader(bus, BASE, layout)
    trusting = PbufWriter(bus, BASE, layout, trust_known_space=True)
    trusting.tx_init()
    trusting.write(b"x")
    bus.close()
    for access in (
        lambda: writer.write(b"x"),
        lambda: trusting.write(b"x"),
        writer.tx_init,
        writer.free_space,
        reader.read,
        reader.read_available,
        reader.peek,
    ):
        with pytest.raises(BusError, match="the bus was closed"):
            access()
