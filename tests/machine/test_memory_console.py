"""Consoles that lie in memory: what firmware puts there is read once, in order, and damage is no text."""

from __future__ import annotations

from struct import pack, pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.hw.bus import MemoryBus
from icmsg.machine.memory_console import MemoryConsoles, RamConsole, RttConsole

pure = settings(deadline=None)
PRINTED = st.lists(st.binary(min_size=0, max_size=15), max_size=20)
RING, SIZE = 0x100, 16


class RttFirmware:
    """Firmware with a control block at 0 and a ring of 16 bytes at 0x100."""

    def __init__(self) -> None:
        self.memory = bytearray(0x200)
        self.memory[:16] = b"SEGGER RTT".ljust(16, b"\0")
        pack_into("<8I", self.memory, 16, 1, 0, 0, RING, SIZE, 0, 0, 0)
        self.console = RttConsole(MemoryBus(self.memory), 0)

    def put(self, offset: int, value: int) -> None:
        pack_into("<I", self.memory, offset, value)

    def print(self, data: bytes) -> None:
        at = int.from_bytes(self.memory[36:40], "little")
        for byte in data:
            self.memory[RING + at] = byte
            at = (at + 1) % SIZE
        self.put(36, at)


@pure
@given(PRINTED)
def test_what_is_printed_over_rtt_is_read_once_and_in_order(texts: list[bytes]) -> None:
    firmware = RttFirmware()
    for text in texts:
        firmware.print(text)
        assert firmware.console.poll() == text
        assert firmware.memory[36:40] == firmware.memory[40:44]  # RdOff has caught up: there is room again
    assert firmware.console.poll() == b""


@pytest.mark.parametrize(
    ("offset", "value"), [(0, 0), (16, 0), (32, 0), (32, 1 << 20), (36, 16), (40, 99), (28, 0xFFFF_0000)]
)
def test_a_control_block_that_is_not_set_up_or_damaged_prints_nothing(offset: int, value: int) -> None:
    firmware = RttFirmware()
    firmware.print(b"text")
    firmware.put(offset, value)
    before = bytes(firmware.memory)
    assert firmware.console.poll() == b""
    assert firmware.memory == before


@pure
@given(st.lists(st.text("abc\n", min_size=0, max_size=6), max_size=5), st.integers(31, 40))
def test_the_first_round_of_a_ram_console_is_read_exactly(texts: list[str], size: int) -> None:
    memory, at = bytearray(size), 0
    console = RamConsole(MemoryBus(memory), 0, size)
    for text in map(str.encode, texts):
        memory[at : at + len(text)] = text
        at += len(text)
        assert console.poll() == text


def test_a_ram_console_that_goes_round_shows_what_has_changed() -> None:
    memory = bytearray(b"0123456789\0")
    console = RamConsole(MemoryBus(memory), 0, len(memory))
    assert console.poll() == b"0123456789"
    memory[:3] = b"abc"
    assert console.poll() == b"abc"
    memory[3:10], memory[0:1] = b"defghij", b"k"
    assert console.poll() == b"defghijk"


def test_an_image_tells_by_its_symbols_where_its_consoles_are() -> None:
    bus = MemoryBus(bytearray(64))
    symbols = {"_SEGGER_RTT": 0, "ram_console_buf": 32, "pos": 48}
    consoles = MemoryConsoles(bus, symbols)
    rtt, ram = consoles.each
    assert rtt is consoles.rtt
    assert isinstance(rtt, RttConsole)
    assert isinstance(ram, RamConsole)
    bus.write_block(32, b"booted\n")
    assert (rtt.poll(), ram.poll()) == (b"", b"booted\n")
    assert MemoryConsoles(bus, {"main": 0}).each == []


def test_a_region_outside_memory_prints_nothing() -> None:
    bus = MemoryBus(bytearray(pack("<4I", 1, 2, 3, 4)))
    assert RttConsole(bus, 0x1000).poll() == b""
    assert RamConsole(bus, 0x1000, 16).poll() == b""
