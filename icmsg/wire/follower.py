"""Watches one region without taking part: sees every packet that its writer puts there, writes nothing.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> follower = PbufFollower(MemoryBus(memory), 0, RegionLayout.pbuf(24))
>>> follower.poll(), follower.poll()
([b'hello'], [])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import WireError
from icmsg.hw.memory_bus import looking_window_of
from icmsg.wire.pbuf_reader import PbufReader
from icmsg.wire.spsc_reader import SpscReader

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus


class Follower(Protocol):
    """A reader of a region that its writer and its reader cannot notice.

    Poll it whenever the writer rings: what the reader has freed may have been overwritten later.
    """

    @property
    def position(self) -> int:
        """The index of the packet that comes next."""

    def restart(self, index: int = 0) -> None:
        """The writer has initialised the region again: look at it from the start, or from the packet at ``index``."""

    def poll(self, wr_idx: int | None = None) -> list[bytes]:
        """Return the packets since the last call; raises WireError for what a reader would refuse.

        Packets in front of what is wrong are returned first; the next call raises. ``wr_idx`` is what the caller has
        read there just now.
        """

    @property
    def consumed(self) -> bool:
        """True if the region's reader has taken anything yet, by its published rd_idx."""


def follow(bus: Bus, address: int, layout: RegionLayout) -> Follower:
    """Return a follower of the region at ``address``, whatever its packet buffer is."""
    return (SpscFollower if layout.wire == "spsc_pbuf" else PbufFollower)(bus, address, layout)


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


class _KeptIndexBus(_SilentBus):
    """Keeps what is written into the word at ``address`` to itself."""

    def __init__(self, bus: Bus, address: int) -> None:
        super().__init__(bus)
        self._address = address
        self.value = 0

    def write32(self, address: int, value: int) -> None:
        """Keep the word."""
        if address == self._address:
            self.value = value


class PbufFollower:
    """A :class:`Follower` of a pbuf."""

    __slots__ = ("_bus", "_length", "_rd_address", "_read32", "_reader", "_ring", "position")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        self._rd_address = address + layout.rd_idx_offset
        self._bus = _KeptIndexBus(bus, self._rd_address)
        self._reader = PbufReader(self._bus, address, layout)
        self._read32 = bus.read32
        self._length = layout.data_length
        self._ring = looking_window_of(bus, address + layout.data_offset, layout.data_length)
        self.position = 0
        """The index of the packet that comes next."""

    def restart(self, index: int = 0) -> None:
        """Look from the start again, or from ``index``."""
        self.position = index

    def poll(self, wr_idx: int | None = None) -> list[bytes]:
        """Return what is new."""
        rd, ring = self.position, self._ring.data
        if ring is not None and wr_idx is not None and rd < wr_idx < self._length:
            # One packet that does not wrap, as nearly all are, is read here, without a call.
            end = rd + 4 + (ring[rd] << 8 | ring[rd + 1])
            if end + 3 & ~3 == wr_idx and end != rd + 4:
                self.position = wr_idx
                return [ring[rd + 4 : end].tobytes()]
        self._bus.value = rd
        self._reader.rx_init(rd)
        try:
            return self._reader.read_available(wr_idx=wr_idx)
        finally:
            self.position = self._bus.value

    @property
    def consumed(self) -> bool:
        """True if rd_idx has moved."""
        return self._read32(self._rd_address) != 0


_SMALLEST_PACKET: Final = 8
"""Bytes that a packet of one byte takes in the region."""


class _OwnIndexBus(_KeptIndexBus):
    """Bus on which the word at ``address`` reads as it was written, and memory stays as it is."""

    def __init__(self, bus: Bus, address: int) -> None:
        super().__init__(bus, address)
        self._memory = bus
        self.read_block = self._read_block

    def _read_block(self, address: int, size: int) -> bytes:
        data = self._memory.read_block(address, size)
        at = self._address - address
        return data[:at] + self.value.to_bytes(4, "little") + data[at + 4 :] if 0 <= at < size else data


class SpscFollower:
    """A :class:`Follower` of an spsc_pbuf, whose reader has no index but the one in memory."""

    __slots__ = ("_bus", "_most", "_rd_address", "_read32", "_reader")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        self._most = layout.data_length // _SMALLEST_PACKET
        self._rd_address = address + layout.rd_idx_offset
        self._bus = _OwnIndexBus(bus, self._rd_address)
        self._reader = SpscReader(self._bus, address, layout)
        self._read32 = bus.read32

    @property
    def position(self) -> int:
        """The index of the packet that comes next."""
        return self._bus.value

    def restart(self, index: int = 0) -> None:
        """Look from the start again, or from ``index``."""
        self._bus.value = index

    def poll(self, wr_idx: int | None = None) -> list[bytes]:  # noqa: ARG002 - the reader reads all in one block
        """Return what is new, at most as many packets as the region holds; the rest at the next poll."""
        packets: list[bytes] = []
        try:
            while len(packets) < self._most and (packet := self._reader.read()):
                packets.append(packet)
        except WireError:
            if not packets:
                raise
        return packets

    @property
    def consumed(self) -> bool:
        """True if rd_idx has moved."""
        return self._read32(self._rd_address) != 0
