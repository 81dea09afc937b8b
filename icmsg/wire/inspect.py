"""Contents of a region right now, for a person: indices, fill level, packets, and what is wrong with them.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> print(inspect_region(MemoryBus(memory), 0, RegionLayout.pbuf(24)))
rd_idx=0 wr_idx=12 used=12 of 16, 1 packet pending
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.wire.handshake import HandshakeWord
from icmsg.wire.spsc_writer import PADDING

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout, Wire
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
