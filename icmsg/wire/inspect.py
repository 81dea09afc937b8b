"""What lies in a region right now, for a person: indices, fill level, packets, and what is wrong with them.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> print(inspect_region(MemoryBus(memory), 0, RegionLayout.pbuf(24)))
rd_idx=0 wr_idx=12 used=12 of 16, 1 packet pending
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus

_HEADER = 4


@dataclass(frozen=True, slots=True)
class RegionView:
    """A pbuf region; ``used`` of ``data_length`` bytes lie between the indices; ``problem`` in words, or None."""

    rd_idx: int
    wr_idx: int
    data_length: int
    used: int
    pending: tuple[bytes, ...]
    first: bytes
    """The packet at the start of the data, taken or not: the magic after magic bonding."""
    problem: str | None

    def __str__(self) -> str:
        text = f"rd_idx={self.rd_idx} wr_idx={self.wr_idx} used={self.used} of {self.data_length}"
        if self.problem is not None:
            return f"{text}: {self.problem}"
        count = len(self.pending)
        return f"{text}, {count} packet{'s' if count != 1 else ''} pending" if count else f"{text}, empty"


def inspect_region(bus: Bus, address: int, layout: RegionLayout) -> RegionView:
    """Decode the region at ``address``; whatever lies there, it raises nothing but BusError and writes nothing."""
    rd, wr = bus.read32(address + layout.rd_idx_offset), bus.read32(address + layout.wr_idx_offset)
    length = layout.data_length
    data = bus.read_block(address + layout.data_offset, length)
    first = data[_HEADER : _HEADER + int.from_bytes(data[:2], "big")]
    for name, index in (("rd_idx", rd), ("wr_idx", wr)):
        if index % 4 or index >= length:
            wrong = "not a multiple of 4" if index % 4 else f"beyond the {length} data bytes"
            return RegionView(rd, wr, length, 0, (), first, f"{name} 0x{index:08X} is {wrong}")
    used = (wr - rd) % length
    pending, problem = _packets(data, rd, used)
    return RegionView(rd, wr, length, used, pending, first, problem)


def _packets(data: bytes, start: int, used: int) -> tuple[tuple[bytes, ...], str | None]:
    ring = data[start:] + data[:start]
    packets: list[bytes] = []
    position = 0
    while position < used:
        size = int.from_bytes(ring[position : position + 2], "big")
        end = position + _HEADER + size
        if size == 0 or end > used:
            index = (start + position) % len(data)
            return tuple(packets), f"the packet at index {index} announces {size} bytes"
        packets.append(ring[position + _HEADER : end])
        position = (end + 3) & ~3
    return tuple(packets), None
