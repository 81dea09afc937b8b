"""Contents of a region right now, for a person: indices, fill level, packets, and what is wrong with them.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> print(inspect_region(MemoryBus(memory), 0, RegionLayout.pbuf(24)))
rd_idx=0 wr_idx=12 used=12 of 16, 1 packet pending

Watches one region without taking part: sees every packet that its writer puts there, writes nothing.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> follower = PbufFollower(MemoryBus(memory), 0, RegionLayout.pbuf(24))
>>> follower.poll(), follower.poll()
([b'hello'], [])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import WireError
from icmsg.hw.bus import looking_window_of
from icmsg.wire.packet_buffer import HandshakeWord
from icmsg.wire.pbuf import PbufReader
from icmsg.wire.spsc import PADDING, SpscReader

if TYPE_CHECKING:
    from icmsg.config.instance import RegionLayout, Wire
    from icmsg.hw.bus import Bus


_HEADER = 4


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose header lies at byte ``index`` of the data."""

    index: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region; ``used`` of ``data_length`` bytes lie between the indices; ``problem`` in words, or None."""

    rd_idx: int
    wr_idx: int
    data_length: int
    used: int
    packets: tuple[Packet, ...]
    """Packets that wait for the region's reader."""
    first: bytes
    """The packet at the start of the data, taken or not: the magic after magic bonding."""
    problem: str | None
    handshake: tuple[int, int] | None = None
    """The reader's (own session id, acknowledged one of the writer); None in a layout without sessions."""

    @property
    def pending(self) -> tuple[bytes, ...]:
        """The payloads of the packets that wait."""
        return tuple(packet.payload for packet in self.packets)

    @property
    def indices(self) -> str:
        """Both indices and the fill level."""
        return f"rd_idx={self.rd_idx} wr_idx={self.wr_idx} used={self.used} of {self.data_length}"

    def __str__(self) -> str:
        if self.problem is not None:
            return f"{self.indices}: {self.problem}"
        count = len(self.packets)
        waiting = f"{count} packet{'s' if count != 1 else ''} pending" if count else "empty"
        return f"{self.indices}, {waiting}"


def inspect_region(bus: Bus, address: int, layout: RegionLayout) -> RegionView:
    """Decode the region at ``address``; whatever lies there, it raises nothing but BusError and writes nothing."""
    rd, wr = bus.read32(address + layout.rd_idx_offset), bus.read32(address + layout.wr_idx_offset)
    length = layout.data_length
    data = bus.read_block(address + layout.data_offset, length)
    first = data[_HEADER : _HEADER + int.from_bytes(data[:2], "big")]
    shaken = HandshakeWord(bus, address, layout).read() if layout.handshake_offset is not None else None
    problem = index_problem("rd_idx", rd, length) or index_problem("wr_idx", wr, length)
    if problem is None and layout.wire == "spsc_pbuf":
        problem = _length_problem(bus.read32(address), rd, wr, length)
    if problem is not None:
        return RegionView(rd, wr, length, 0, (), first, problem, shaken)
    packets, problem = packets_between(data, rd, wr, layout.wire)
    return RegionView(rd, wr, length, (wr - rd) % length, packets, first, problem, shaken)


def index_problem(name: str, index: int, length: int) -> str | None:
    """Return what is wrong with an index into ``length`` data bytes, or None."""
    if index % 4:
        return f"{name} 0x{index:08X} is not a multiple of 4"
    return f"{name} 0x{index:08X} is beyond the {length} data bytes" if index >= length else None


def _length_problem(published: int, rd: int, wr: int, length: int) -> str | None:
    """Return what is wrong with the data length that the writer of an spsc_pbuf publishes; 0 = not opened yet."""
    if published == length or (not published and rd == wr):
        return None
    return f"the writer's data length is {published} and not {length}"


def packets_between(
    data: bytes, start: int, end: int, wire: Wire = "pbuf"
) -> tuple[tuple[Packet, ...], str | None]:
    """Return the packets in the ring ``data`` from one index to another, and what is wrong with the next one.

    Both indices are good ones. Packets of a pbuf wrap, those of an spsc_pbuf start over behind a marker.
    """
    length = len(data)
    ring = data[start:] + data[:start]
    used = (end - start) % length
    to_end = length - start
    packets: list[Packet] = []
    position = 0
    while position < used:
        index = (start + position) % length
        if wire == "spsc_pbuf" and position < to_end and ring[position] == PADDING:
            if to_end > used:
                return tuple(packets), f"the marker at index {index} leads past wr_idx"
            position = to_end
            continue
        size = int.from_bytes(ring[position : position + 2], "big")
        behind = position + _HEADER + size
        limit = to_end if wire == "spsc_pbuf" and position < to_end < used else used
        if size == 0 or behind > limit:
            return tuple(packets), f"the packet at index {index} announces {size} bytes"
        packets.append(Packet(index, ring[position + _HEADER : behind]))
        position = (behind + 3) & ~3
    return tuple(packets), None


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
