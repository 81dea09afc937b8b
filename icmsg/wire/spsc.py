"""Writer and reader of an spsc_pbuf, the packet buffer of Zephyr 3.2 to 3.5 (protocol §1.7).

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray(b"\\xaa" * 36)
>>> writer = SpscWriter(MemoryBus(memory), 0, RegionLayout.spsc_pbuf(36))
>>> writer.tx_init()
>>> writer.write(b"hello")
5
>>> memory.hex(" ", 4)
'14000000 01000000 00000000 0c000000 0005aaaa 68656c6c 6faaaaaa aaaaaaaa aaaaaaaa'

A packet is never split: one that does not fit at the end goes to the start, and a marker tells the reader so.

Reading:

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> memory = bytearray.fromhex("14000000 01000000 00000000 0c000000 00050000 68656c6c 6f000000") + bytes(8)
>>> reader = SpscReader(MemoryBus(memory), 0, RegionLayout.spsc_pbuf(36))
>>> reader.peek(), reader.read(), reader.read()
(5, b'hello', b'')

Unlike Zephyr, which trusts everything in the region, this reader fails closed: it checks the data length that
the writer published, both indices and the length of each packet.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from icmsg.errors import CorruptRegionError, IncompletePacketError, WireError
from icmsg.wire.packet_buffer import empty_packet, no_room, too_long, zero_length

if TYPE_CHECKING:
    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus
    from icmsg.wire.packet_buffer import Payload


PADDING = 0xFF
"""First byte of what lies between the last packet and the end of the data."""

CACHE_FLAG = 1
"""``SPSC_PBUF_CACHE``: what ICMsg passes as flags, whether or not the cache layout is in use."""

_LONGEST = 0xFEFF
_HEADER = struct.Struct("<III")


class SpscWriter:
    """Writes packets into the region at ``address``; a :class:`~icmsg.wire.packet_buffer.PacketWriter`.

    Call :meth:`tx_init` once before the first write. Raises :class:`~icmsg.errors.ConfigurationError` for a
    layout that cannot work at ``address``.
    """

    __slots__ = (
        "_bus",
        "_data_address",
        "_length",
        "_rd_address",
        "_wr",
        "_wr_address",
        "address",
        "capacity",
    )

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        layout.check(address)
        self.address = address
        self.capacity = layout.capacity
        self._bus = bus
        self._length = layout.data_length
        self._rd_address = address + layout.rd_idx_offset
        self._wr_address = address + layout.wr_idx_offset
        self._data_address = address + layout.data_offset
        self._wr = 0

    def tx_init(self) -> None:
        """Write data length, flags and both indices (``spsc_pbuf_init``)."""
        self._bus.write_block(self.address, _HEADER.pack(self._length, CACHE_FLAG, 0))
        self._publish(0)

    def write(self, data: Payload) -> int:
        """Write one packet and return its payload length; errors as in ``PacketWriter.write``.

        As in Zephyr, the marker may have been set when :class:`BufferFullError` is raised for a packet that
        does not fit at the start either; the reader skips it.
        """
        payload = memoryview(data).tobytes()
        size = len(payload)
        if not size:
            raise empty_packet()
        if size > _LONGEST:
            raise WireError(
                f"{size} bytes exceed the longest packet of spsc_pbuf: split the message at {_LONGEST} bytes",
                errno.EMSGSIZE,
            )
        rd = self._rd_idx()
        space = size + 4
        remaining = self._length - self._wr
        if self._wr >= rd and remaining < space < rd:
            self._bus.write8(self._data_address + self._wr, PADDING)
            self._publish(0)
        if size > self._free_at_write_index(rd):
            raise no_room(size, self.capacity, None)
        packet = self._data_address + self._wr
        self._bus.write_block(packet + 4, payload)
        # The other two header bytes keep what was there (protocol §1.7).
        self._bus.write_block(packet, size.to_bytes(2, "big"))
        end = self._wr + space + 3 & ~3
        self._publish(0 if end == self._length else end)
        return size

    def free_space(self) -> int:
        """Return the longest payload that fits now, at the end or at the start; reads rd_idx."""
        rd = self._rd_idx()
        here = self._free_at_write_index(rd)
        at_start = rd - 8 if self._wr >= rd else 0
        return min(_LONGEST, max(here, at_start, 0))

    def _free_at_write_index(self, rd: int) -> int:
        """Return the payload bytes that fit without a gap; one word stays free so that full is not empty."""
        wr = self._wr
        if wr < rd:
            return rd - wr - 8
        return self._length - wr - (4 if rd else 8)

    def _publish(self, wr: int) -> None:
        self._bus.write32(self._wr_address, wr)
        self._wr = wr

    def _rd_idx(self) -> int:
        rd = self._bus.read32(self._rd_address)
        if rd & 3 or rd >= self._length:
            raise CorruptRegionError(
                f"rd_idx is no multiple of 4 below the {self._length} data bytes: the peer that reads this region "
                f"is broken, not initialised, or uses another region size or cache line",
                address=self._rd_address,
                value=rd,
            )
        return rd


class SpscReader:
    """Reads packets from the region at ``address``; a :class:`~icmsg.wire.packet_buffer.PacketReader`.

    Both indices are taken from memory at every look: the writer's init resets the reader, too. Raises
    :class:`~icmsg.errors.ConfigurationError` for a layout that cannot work at ``address``.
    """

    __slots__ = (
        "_bus",
        "_data_address",
        "_header_size",
        "_layout",
        "_length",
        "_rd_address",
        "address",
        "more",
    )

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        layout.check(address)
        self.address = address
        self.more = False
        self._bus = bus
        self._layout = layout
        self._length = layout.data_length
        self._rd_address = address + layout.rd_idx_offset
        self._data_address = address + layout.data_offset
        self._header_size = layout.data_offset

    def rx_init(self) -> None:
        """Forget what was seen; the writer's init has set the indices."""
        self.more = False

    def peek(self) -> int:
        """Return the length of the next packet, 0 when empty; see ``PacketReader.peek``. May skip the padding."""
        rd, wr = self._indices()
        return self._size(rd) if rd != wr else 0

    def read(self, capacity: int | None = None) -> bytes:
        """Take the next packet, ``b""`` when empty; errors as in ``PacketReader.read``."""
        rd, wr = self._indices()
        if rd == wr:
            self.more = False
            return b""
        size = self._size(rd)
        if capacity is not None and size > capacity:
            raise too_long(self._data_address + rd, size, capacity)
        covered = (wr if wr > rd else self._length) - rd - 4
        if size > covered:
            raise IncompletePacketError(
                f"the header at 0x{self._data_address + rd:08X} announces {size} bytes, "
                f"but only {covered} follow: the writer is broken or restarted",
                address=self._data_address + rd,
                length=size,
            )
        data = self._bus.read_block(self._data_address + rd + 4, size)
        rd = rd + 4 + size + 3 & ~3
        if rd == self._length or (rd > wr and self._is_padding(rd)):
            rd = 0
        self._bus.write32(self._rd_address, rd)
        self.more = rd != wr
        return data

    def _indices(self) -> tuple[int, int]:
        """Return rd_idx and wr_idx, with a padding at rd_idx skipped."""
        header = self._bus.read_block(self.address, self._header_size)
        rd = int.from_bytes(header[8:12], "little")
        wr = int.from_bytes(header[-4:], "little")
        if rd == wr:
            return rd, wr
        length = int.from_bytes(header[:4], "little")
        if length != self._length:
            raise self._corrupt(
                f"the writer's data length is not {self._length}: it uses another region size or cache line, "
                f"or not spsc_pbuf",
                0,
                length,
            )
        for name, offset, value in (
            ("rd_idx", self._layout.rd_idx_offset, rd),
            ("wr_idx", self._layout.wr_idx_offset, wr),
        ):
            if value & 3 or value >= length:
                raise self._corrupt(
                    f"{name} is no multiple of 4 below the {length} data bytes: the peer is broken",
                    offset,
                    value,
                )
        if self._is_padding(rd):
            if rd < wr:
                # Going back to the start would read the same packets for ever.
                raise self._corrupt(
                    "the marker at rd_idx leads past wr_idx: the peer that writes this region is broken",
                    self._layout.data_offset + rd,
                    PADDING,
                )
            rd = 0
            self._bus.write32(self._rd_address, rd)
        return rd, wr

    def _is_padding(self, index: int) -> bool:
        return self._bus.read8(self._data_address + index) == PADDING

    def _size(self, rd: int) -> int:
        size = int.from_bytes(self._bus.read_block(self._data_address + rd, 2), "big")
        if not size:
            raise zero_length(self._data_address + rd)
        return size

    def _corrupt(self, message: str, offset: int, value: int) -> CorruptRegionError:
        return CorruptRegionError(message, address=self.address + offset, value=value)
