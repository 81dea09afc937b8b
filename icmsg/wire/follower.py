"""Watches one region without taking part: sees every packet that its writer puts there, writes nothing.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> follower = PbufFollower(MemoryBus(memory), 0, RegionLayout.pbuf(24))
>>> follower.poll(), follower.poll()
([b'hello'], [])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.wire.pbuf_reader import PbufReader

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus


class _SilentBus:
    """Lets everything be read and swallows what is written."""

    def __init__(self, bus: Bus) -> None:
        self.core = bus.core
        self.read8, self.read16, self.read32, self.read_block = (
            bus.read8,
            bus.read16,
            bus.read32,
            bus.read_block,
        )

    def write8(self, address: int, value: int) -> None:
        """Write nothing."""

    def write16(self, address: int, value: int) -> None:
        """Write nothing."""

    def write32(self, address: int, value: int) -> None:
        """Write nothing."""

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write nothing."""


class PbufFollower:
    """A reader of the region at ``address`` that its writer and its reader cannot notice.

    Poll it whenever the writer rings: what the reader has freed may have been overwritten later.
    """

    __slots__ = ("_layout", "_rd_address", "_read32", "_reader")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        self._reader = PbufReader(_SilentBus(bus), address, layout)
        self._reader.rx_init()
        self._read32 = bus.read32
        self._rd_address = address + layout.rd_idx_offset

    def restart(self) -> None:
        """The writer has initialised the region again: look at it from the start."""
        self._reader.rx_init()

    def poll(self) -> list[bytes]:
        """Return the packets since the last call; raises WireError for what a reader would refuse.

        Packets in front of what is wrong are returned first; the next call raises.
        """
        return self._reader.read_available()

    @property
    def consumed(self) -> bool:
        """Whether the region's reader has taken anything yet, by its published rd_idx."""
        return self._read32(self._rd_address) != 0
