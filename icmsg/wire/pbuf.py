"""Writer and reader of a pbuf, the packet buffer of Zephyr ≥ 3.6 (protocol §1.1 to 1.5).

Reading:

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray.fromhex("00000000 0c000000 00050000 68656c6c 6f000000 00000000")
>>> reader = PbufReader(MemoryBus(memory), 0, RegionLayout.pbuf(24))
>>> reader.rx_init()
>>> reader.peek(), reader.read(), reader.read()
(5, b'hello', b'')

One read is one read of ``wr_idx``, one block read of header and payload, one write of ``rd_idx``. The block
read fetches as many bytes as the longest packet so far had: a second one follows only for a longer packet or
where the packet wraps. Nothing is kept from one call to the next, so that what a debugger, a fault injector
or a hostile peer changes between two calls is seen.

The reader fails closed where Zephyr does not check (protocol §1.5): an index beyond the data and a length of
zero are errors too, nothing is consumed.

Writing:

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
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

from icmsg.errors import (
    CorruptRegionError,
    IncompletePacketError,
    WireError,
)
from icmsg.hw.bus import window_of
from icmsg.wire.packet_buffer import LONGEST, empty_packet, no_room, too_long, zero_length

if TYPE_CHECKING:
    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus
    from icmsg.wire.packet_buffer import Payload


_FIRST_FETCH = 64


class PbufReader:
    """Reads packets from the region at ``address``; a :class:`~icmsg.wire.packet_buffer.PacketReader`.

    The index that this side owns is private and only ever published, never read back (protocol §1.4).
    Raises :class:`~icmsg.errors.ConfigurationError` for a layout that cannot work at ``address``.
    """

    __slots__ = (
        "_data_address",
        "_fetch",
        "_fields",
        "_length",
        "_rd",
        "_rd_address",
        "_read32",
        "_read_block",
        "_ring",
        "_wr_address",
        "_wr_word",
        "_write32",
        "address",
        "more",
    )

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        layout.check(address)
        self.address = address
        self.more = False
        self._length = layout.data_length
        self._rd_address = address + layout.rd_idx_offset
        self._wr_address = address + layout.wr_idx_offset
        self._data_address = address + layout.data_offset
        self._fields = window_of(bus, address, layout.data_offset)
        self._wr_word = layout.wr_idx_offset >> 2
        self._ring = window_of(bus, self._data_address, layout.data_length)
        self._rd = 0
        self._fetch = _FIRST_FETCH
        self._read32 = bus.read32
        self._read_block = bus.read_block
        self._write32 = bus.write32

    def rx_init(self, index: int = 0) -> None:
        """Start at the beginning of the buffer, or at the packet at ``index``; writes nothing (protocol §1.6)."""
        self._rd = index
        self.more = False

    def peek(self) -> int:
        """Return the announced length of the next packet, 0 when empty; see ``PacketReader.peek``."""
        wr = self._read32(self._wr_address)
        rd = self._rd
        if wr == rd:
            return 0
        if wr & 3 or wr >= self._length:
            raise self._corrupt_index(wr)
        header = self._read_block(self._data_address + rd, 4)
        size = header[0] << 8 | header[1]
        if not size:
            raise zero_length(self._data_address + rd)
        return size

    def read(self, capacity: int | None = None) -> bytes:
        """Take the next packet, ``b""`` when empty; errors as in ``PacketReader.read``."""
        words = self._fields.words
        wr = self._read32(self._wr_address) if words is None else words[self._wr_word]
        rd = self._rd
        if wr == rd:
            self.more = False
            return b""
        length = self._length
        if wr & 3 or wr >= length:
            raise self._corrupt_index(wr)
        to_end = length - rd
        occupied = wr - rd if wr > rd else to_end + wr
        fetch = self._fetch
        if fetch > occupied:
            fetch = occupied
        if fetch > to_end:
            fetch = to_end
        ring = self._ring.data
        address = self._data_address + rd
        block = self._read_block(address, fetch) if ring is None else ring[rd : rd + fetch].tobytes()
        size = block[0] << 8 | block[1]
        end = size + 4
        if not size or end > occupied or (capacity is not None and size > capacity):
            raise self._refusal(address, size, occupied, capacity)
        if end <= fetch:
            data = block[4:end]
        else:
            self._fetch = max(self._fetch, end)
            data = block[4:] + self._rest(rd + fetch, end - fetch)
        rd += end + 3 & ~3
        if rd >= length:
            rd -= length
        if words is None:
            self._write32(self._rd_address, rd)
        else:
            words[0] = rd
        self._rd = rd
        self.more = rd != wr
        return data

    def read_available(self, capacity: int | None = None, *, wr_idx: int | None = None) -> list[bytes]:
        """Take every packet that lies there now; ``[]`` when empty.

        The same as :meth:`read` until it is empty, for one look at ``wr_idx``, one block read (two where the
        packets wrap) and one write of ``rd_idx``. What :meth:`read` would refuse ends the list, and is raised
        when it comes first. ``wr_idx`` is what the caller has read there just now.
        """
        words = self._fields.words
        wr = wr_idx
        if wr is None:
            wr = self._read32(self._wr_address) if words is None else words[self._wr_word]
        rd = self._rd
        length = self._length
        self.more = False
        if wr == rd:
            return []
        if wr & 3 or wr >= length:
            raise self._corrupt_index(wr)
        occupied = (wr - rd) % length
        ring = self._ring.data
        block = self._rest(rd, occupied) if ring is None or wr < rd else ring[rd:wr].tobytes()
        longest = LONGEST if capacity is None else capacity
        packets: list[bytes] = []
        at = 0
        while at < occupied:
            size = block[at] << 8 | block[at + 1]
            end = at + 4 + size
            if not size or size > longest or end > occupied:
                break
            packets.append(block[at + 4 : end])
            at = end + 3 & ~3
        if not packets:
            raise self._refusal(self._data_address + rd, size, occupied, capacity)
        rd = (rd + at) % length
        if words is None:
            self._write32(self._rd_address, rd)
        else:
            words[0] = rd
        self._rd = rd
        self.more = rd != wr
        return packets

    def _rest(self, index: int, size: int) -> bytes:
        """Read ``size`` bytes from ``index`` on, around the end, at most the whole ring."""
        to_end = self._length - index
        if size <= to_end:
            return self._read_block(self._data_address + index, size)
        tail = self._read_block(self._data_address + index, to_end) if to_end else b""
        return tail + self._read_block(self._data_address, size - to_end)

    def _refusal(self, address: int, size: int, occupied: int, capacity: int | None) -> WireError:
        """Return why a packet of ``size`` bytes is not taken, in the order in which Zephyr checks."""
        if not size:
            return zero_length(address)
        if capacity is not None and size > capacity:
            return too_long(address, size, capacity)
        return IncompletePacketError(
            f"the header at 0x{address:08X} announces {size} bytes, "
            f"but wr_idx covers {occupied - 4}: the writer is broken or restarted",
            address=address,
            length=size,
        )

    def _corrupt_index(self, wr: int) -> CorruptRegionError:
        wrong = "is not a multiple of 4" if wr & 3 else f"is beyond the {self._length} data bytes"
        return CorruptRegionError(
            f"wr_idx {wrong}: the peer that writes this region is broken, not initialised, "
            f"or uses another region size or dcache-alignment",
            address=self._wr_address,
            value=wr,
        )


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
            raise empty_packet()
        if size > LONGEST:
            raise WireError(
                f"{size} bytes exceed the 16-bit length of a packet: split the message at {LONGEST} bytes",
                errno.EBADMSG if size & LONGEST else errno.EINVAL,  # what Zephyr's truncated length leads to
            )
        space = self._occupiable()
        if size + 8 > space:
            raise no_room(size, self.capacity, max(0, space - 8))

    def _corrupt_index(self, rd: int) -> CorruptRegionError:
        if rd & 3:
            wrong = "is not a multiple of 4: the peer that reads this region is broken or not initialised"
        else:
            wrong = (
                f"is beyond the {self._length} data bytes: the peer that reads this region is broken, "
                f"or uses another region size or dcache-alignment"
            )
        return CorruptRegionError(f"rd_idx {wrong}", address=self._rd_address, value=rd)
