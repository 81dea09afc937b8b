"""Writer of a pbuf, the packet buffer of Zephyr ≥ 3.6 (protocol §1.1 to 1.4).

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray(64)
>>> writer = PbufWriter(MemoryBus(memory), 0, RegionLayout.pbuf(64))
>>> writer.tx_init()
>>> writer.write(b"hello")
5
>>> memory[:20].hex(" ", 4)
'00000000 0c000000 00050000 68656c6c 6f000000'

One write is one block write of header and payload (two when the packet wraps) and one write of ``wr_idx``,
last. Before that the peer's ``rd_idx`` is read, as Zephyr does at every write; with ``trust_known_space``
only when the space known so far does not suffice, which saves a bus access where one is expensive. That is
safe towards a reader that keeps to the protocol, which only ever frees space, but a broken index is then
noticed later, and a peer that restarts alone in magic mode (its index jumps back) is treated otherwise than
Zephyr treats it.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from icmsg.errors import BufferFullError, CorruptRegionError, WireError
from icmsg.hw.memory_bus import window_of
from icmsg.wire.packet_buffer import LONGEST

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus
    from icmsg.wire.packet_buffer import Payload

_header = struct.Struct(">Hxx").pack
_SHORT = 0x100
_HEADERS = tuple(_header(size) for size in range(_SHORT))  # most packets are short


class PbufWriter:
    """Writes packets into the region at ``address``; a :class:`~icmsg.wire.packet_buffer.PacketWriter`.

    The index that this side owns is private and only ever published, never read back (protocol §1.4).
    Call :meth:`tx_init` once before the first write. Raises :class:`~icmsg.errors.ConfigurationError` for a
    layout that cannot work at ``address``.
    """

    __slots__ = (
        "_data_address",
        "_fields",
        "_length",
        "_rd",
        "_rd_address",
        "_read32",
        "_ring",
        "_verify",
        "_wr",
        "_wr_address",
        "_wr_word",
        "_write32",
        "_write_block",
        "address",
        "capacity",
    )

    def __init__(
        self, bus: Bus, address: int, layout: RegionLayout, *, trust_known_space: bool = False
    ) -> None:
        layout.check(address)
        self.address = address
        self.capacity = layout.capacity
        self._length = layout.data_length
        self._rd_address = address + layout.rd_idx_offset
        self._wr_address = address + layout.wr_idx_offset
        self._data_address = address + layout.data_offset
        self._fields = window_of(bus, address, layout.data_offset)
        self._wr_word = layout.wr_idx_offset >> 2
        self._ring = window_of(bus, self._data_address, layout.data_length)
        self._verify = not trust_known_space
        self._read32 = bus.read32
        self._write32 = bus.write32
        self._write_block = bus.write_block
        self._forget()

    def _forget(self) -> None:
        """Set the private indices so that no space is known: the next write looks at rd_idx."""
        self._wr = 0
        self._rd = 4

    def tx_init(self) -> None:
        """Empty the buffer: wr_idx, then rd_idx become 0; nothing else is touched (protocol §1.6)."""
        self._write32(self._wr_address, 0)
        self._write32(self._rd_address, 0)
        self._forget()

    def write(self, data: Payload) -> int:
        """Write one packet and return its payload length; errors as in ``PacketWriter.write``."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        size = len(data)
        wr = self._wr
        length = self._length
        words = self._fields.words
        if self._verify:
            rd = self._read32(self._rd_address) if words is None else words[0]
            if rd & 3 or rd >= length:
                raise self._corrupt_index(rd)
        else:
            rd = self._rd
        # Of the bytes up to the reader one word stays free and one holds the header. The size is not rounded
        # up: indices are multiples of 4, so the padding always fits (protocol §1.3).
        if size + 8 > (rd - wr if rd > wr else length + rd - wr) or not size or size > LONGEST:
            self._look_again(size)
        packet = (_HEADERS[size] if size < _SHORT else _header(size)) + data
        end = wr + 4 + size
        if end <= length:
            ring = self._ring.data
            if ring is None:
                self._write_block(self._data_address + wr, packet)
            else:
                ring[wr:end] = packet
            wr = end + 3 & ~3
            if wr == length:
                wr = 0
        else:
            tail = length - wr
            self._write_block(self._data_address + wr, packet[:tail])
            self._write_block(self._data_address, packet[tail:])
            wr = end - length + 3 & ~3
        if words is None:
            self._write32(self._wr_address, wr)
        else:
            words[self._wr_word] = wr
        self._wr = wr
        return size

    def free_space(self) -> int:
        """Return the longest payload in bytes that fits now; reads rd_idx."""
        return min(LONGEST, max(0, self._occupiable() - 8))

    def _occupiable(self) -> int:
        """Read the peer's rd_idx and return the bytes from wr_idx up to it, the spare word included."""
        rd = self._read32(self._rd_address)
        if rd & 3 or rd >= self._length:
            raise self._corrupt_index(rd)
        self._rd = rd
        wr = self._wr
        return rd - wr if rd > wr else self._length + rd - wr

    def _look_again(self, size: int) -> None:
        """Raise unless a payload of ``size`` bytes fits behind a new look at the peer's index."""
        if not size:
            raise WireError("an empty packet would block the reader: send at least one byte", errno.EINVAL)
        if size > LONGEST:
            raise WireError(
                f"{size} bytes exceed the 16-bit length of a packet: split the message at {LONGEST} bytes",
                errno.EBADMSG if size & LONGEST else errno.EINVAL,  # what Zephyr's truncated length leads to
            )
        space = self._occupiable()
        if size + 8 > space:
            largest = self.capacity
            fix = (
                f"the region never takes more than {largest} bytes: split the message or enlarge the region"
                if size > largest
                else "send again when the reader has made room (it does not signal that)"
            )
            raise BufferFullError(
                f"no room for {size} bytes, {max(0, space - 8)} fit now: {fix}", largest=largest
            )

    def _corrupt_index(self, rd: int) -> CorruptRegionError:
        if rd & 3:
            wrong = "is not a multiple of 4: the peer that reads this region is broken or not initialised"
        else:
            wrong = (
                f"is beyond the {self._length} data bytes: the peer that reads this region is broken, "
                f"or uses another region size or dcache-alignment"
            )
        return CorruptRegionError(f"rd_idx {wrong}", address=self._rd_address, value=rd)
