"""Reader of a pbuf, the packet buffer of Zephyr ≥ 3.6 (protocol §1.1 to 1.5).

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
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
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BufferTooSmallError, CorruptRegionError, IncompletePacketError, WireError
from icmsg.hw.memory_bus import window_of
from icmsg.wire.packet_buffer import LONGEST

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus

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
            raise self._corrupt_length(self._data_address + rd)
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
            return self._corrupt_length(address)
        if capacity is not None and size > capacity:
            return BufferTooSmallError(
                f"the next packet has {size} bytes, more than the {capacity} of this receiver: "
                f"it stays at 0x{address:08X} and blocks what is behind it",
                length=size,
                capacity=capacity,
            )
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

    def _corrupt_length(self, address: int) -> CorruptRegionError:
        return CorruptRegionError(
            "the next packet has length 0, which must never be sent: the region is blocked until reopened",
            address=address,
            value=0,
        )
