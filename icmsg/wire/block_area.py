"""Blocks of one region: headers and payloads, read and written through a bus.

>>> from icmsg.config import BlockLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray(256)
>>> layout = BlockLayout.of("4.1", 0, 256, local=4, remote=4)
>>> area = BlockArea(MemoryBus(memory), layout)
>>> area.write(1, 5, b"hello")
>>> memory[136:145].hex(" ", -4)
'05000000 68656c6c 6f'
>>> area.read(1)
b'hello'
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from icmsg.config.icbmsg_layout import HEADER
from icmsg.errors import CorruptRegionError
from icmsg.hw.memory_bus import views_of, window_of

if TYPE_CHECKING:
    from icmsg.config.icbmsg_layout import BlockLayout
    from icmsg.hw.bus import Bus
    from icmsg.wire.packet_buffer import Payload

_word = struct.Struct("<I").pack
_SHORT = 64


class BlockArea:
    """Blocks of the region with ``layout`` on ``bus``.

    A header is a 32-bit word as it lies in memory. In the classic generations it is the size of the payload in bytes;
    in the rework its low half is, and the reader checks what is in the other one.
    """

    __slots__ = (
        "_end",
        "_fetch",
        "_mask",
        "_plain",
        "_read_block",
        "_step",
        "_view",
        "_words",
        "_write_block",
        "address",
        "count",
        "layout",
    )

    def __init__(self, bus: Bus, layout: BlockLayout) -> None:
        self.layout = layout
        self.address = layout.address + layout.begin + layout.blocks_offset
        self.count = layout.block_count
        self._step = layout.block_size
        self._end = layout.block_size * layout.block_count
        self._mask = 0xFFFF if layout.generation == "rework" else 0xFFFF_FFFF
        area = window_of(bus, self.address, self._end)
        self._words, self._view = views_of(area, area)
        self._plain = self.count if self._view else 0
        """Number of blocks that are plain memory: all or none."""
        self._fetch = min(_SHORT, layout.block_size)
        self._read_block = bus.read_block
        self._write_block = bus.write_block

    def payload_address(self, block: int) -> int:
        """Return the address of the payload of a message that begins at ``block``."""
        return self.address + block * self._step + HEADER

    def write(self, block: int, header: int, payload: bytes) -> None:
        """Write header and payload in one transaction; the caller has the blocks for it."""
        start = block * self._step
        if self._plain:
            try:
                self._words[start >> 2] = header
                self._view[start + HEADER : start + HEADER + len(payload)] = payload
            except ValueError:  # the bus was closed
                self._plain = 0
            else:
                return
        self._write_block(self.address + start, _word(header) + payload)

    def write_header(self, block: int, header: int) -> None:
        """Write the header alone."""
        self._write_block(self.address + block * self._step, _word(header))

    def write_payload(self, block: int, data: Payload, offset: int = 0) -> None:
        """Write bytes of the payload, from its byte ``offset`` on."""
        self._write_block(self.payload_address(block) + offset, data)

    def read(self, block: int) -> bytes:
        """Return the payload of the message at ``block``; the size is looked at once.

        Raises :class:`CorruptRegionError` (EINVAL) for a block that does not exist, and for a size that runs past the
        blocks; nothing behind them is read.
        """
        if block < self._plain:
            start = block * self._step
            try:
                end = start + HEADER + (self._words[start >> 2] & self._mask)
                if end <= self._end:
                    return self._view[start + HEADER : end].tobytes()
            except ValueError:  # the bus was closed
                self._plain = 0
        return self.read_message(block)[1]

    def read_message(self, block: int) -> tuple[int, bytes]:
        """Return header and payload of the message at ``block``; errors as :meth:`read`."""
        start = block * self._step
        if block < self._plain:
            try:
                header = self._words[start >> 2]
                end = start + HEADER + (header & self._mask)
                if end <= self._end:
                    return header, self._view[start + HEADER : end].tobytes()
            except ValueError:  # the bus was closed
                self._plain = 0
        if block >= self.count:
            raise CorruptRegionError(
                f"the message is said to begin at block {block}, but there are only blocks 0…{self.count - 1}: "
                f"the peer is broken, or has another number of blocks",
                address=self.address,
                value=block,
            )
        data = self._read_block(self.address + start, self._fetch)
        header = int.from_bytes(data[:HEADER], "little")
        size = header & self._mask
        end = HEADER + size
        if start + end > self._end:
            room = self._end - start - HEADER
            raise CorruptRegionError(
                f"block {block} announces {size} bytes where {room} fit: the peer is broken, or has another layout "
                f"(generation, dcache-alignment, number of blocks)",
                address=self.address + start,
                value=size,
            )
        if end > self._fetch:
            data += self._read_block(self.address + start + self._fetch, end - self._fetch)
        return header, data[HEADER:end]

    def read_payload(self, block: int, size: int) -> bytes:
        """Return ``size`` bytes of the payload at ``block``, whatever the header says."""
        return self._read_block(self.payload_address(block), size)

    def damage(self, block: int) -> CorruptRegionError | None:
        """Return what is wrong with the message at ``block``, or None."""
        try:
            self.read(block)
        except CorruptRegionError as error:
            return error
        return None
