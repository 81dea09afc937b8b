"""Blocks of one region: headers and payloads, read and written through a bus, and allocated.

>>> from icmsg.config import BlockLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray(256)
>>> layout = BlockLayout.of("4.1", 0, 256, local=4, remote=4)
>>> area = BlockArea(MemoryBus(memory), layout)
>>> area.write(1, 5, b"hello")
>>> memory[136:145].hex(" ", -4)
'05000000 68656c6c 6f'
>>> area.read(1)
b'hello'

Allocation of blocks: which of this side's blocks are in use, and which run of free ones a message gets.

Only the sender allocates; the receiver tells which messages it has done with. The classic generations take the first
run that fits, the rework the smallest one, from the top (ICBMsg protocol §3, §5).

>>> pool = BlockPool(4)
>>> pool.take(2), pool.take(1), pool.take(2)
(0, 2, None)
>>> pool.give(0, 2)
>>> pool.take(1), pool.free
(0, 2)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from icmsg.config.icbmsg import HEADER
from icmsg.errors import CorruptRegionError
from icmsg.hw.bus import views_of, window_of

if TYPE_CHECKING:
    from icmsg.config.icbmsg import BlockLayout
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


class BlockPool:
    """``count`` blocks, all of them free; ``best_fit`` chooses as the rework does."""

    __slots__ = ("_best_fit", "count", "free_blocks")

    def __init__(self, count: int, *, best_fit: bool = False) -> None:
        self.count = count
        self._best_fit = best_fit
        self.free_blocks = (1 << count) - 1
        """The free blocks, one bit each: who takes the lowest one, or gives one back, saves a call."""

    @property
    def free(self) -> int:
        """Number of free blocks."""
        return self.free_blocks.bit_count()

    @property
    def in_use(self) -> int:
        """The blocks in use, one bit each."""
        return self.free_blocks ^ (1 << self.count) - 1

    def take(self, count: int) -> int | None:
        """Take a run of ``count`` blocks and return its first one, None when there is no such run."""
        free = self.free_blocks
        start: int | None
        if self._best_fit:
            start = best_fit(free, count)
        elif count == 1:
            if not free:
                return None
            self.free_blocks = free & free - 1
            return (free & -free).bit_length() - 1
        else:
            start = first_fit(free, count)
        if start is not None:
            self.free_blocks = free & ~((1 << count) - 1 << start)
        return start

    def take_most(self) -> tuple[int, int] | None:
        """Take what length 0 asks for and return the first block and how many; None when none is free.

        Classic: the first free block with all free ones behind it. Rework: the longest run.
        """
        free = self.free_blocks
        if not free:
            return None
        if self._best_fit:
            count = next(n for n in range(self.count, 0, -1) if first_fit(free, n) is not None)
        else:
            start = (free & -free).bit_length() - 1
            run = ~(free >> start)
            count = (run & -run).bit_length() - 1
        found = self.take(count)
        assert found is not None
        return found, count

    def give(self, start: int, count: int) -> None:
        """Give back ``count`` blocks from ``start`` on, which the caller knows to be in use."""
        self.free_blocks |= (1 << count) - 1 << start

    def clear(self) -> None:
        """Free every block."""
        self.free_blocks = (1 << self.count) - 1


def first_fit(free: int, count: int) -> int | None:
    """Return the lowest run of ``count`` set bits in ``free``, or None."""
    runs = free
    done = 1
    while done < count:
        step = min(done, count - done)
        runs &= runs >> step
        done += step
    return (runs & -runs).bit_length() - 1 if runs else None


def best_fit(free: int, count: int) -> int | None:
    """Return the start of the shortest run of at least ``count`` set bits; of equal ones the highest."""
    if count == 1:
        if alone := free & ~(free << 1 | free >> 1):
            return alone.bit_length() - 1
        if not free & free + (lowest := free & -free):  # a single run
            return lowest.bit_length() - 1 if free else None
    best: int | None = None
    shortest = 0
    while free:
        end = free.bit_length()
        start = (~free & (1 << end) - 1).bit_length()
        length = end - start
        if length == count:
            return start
        if length > count and (best is None or length < shortest):
            best, shortest = start, length
        free &= (1 << start) - 1
    return best
