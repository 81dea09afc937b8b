"""Writer of an spsc_pbuf, the packet buffer of Zephyr 3.2 to 3.5 (protocol §1.7).

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> memory = bytearray(b"\\xaa" * 36)
>>> writer = SpscWriter(MemoryBus(memory), 0, RegionLayout.spsc_pbuf(36))
>>> writer.tx_init()
>>> writer.write(b"hello")
5
>>> memory.hex(" ", 4)
'14000000 01000000 00000000 0c000000 0005aaaa 68656c6c 6faaaaaa aaaaaaaa aaaaaaaa'

A packet is never split: one that does not fit at the end goes to the start, and a marker tells the reader so.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from icmsg.errors import BufferFullError, CorruptRegionError, WireError

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
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
            raise WireError("an empty packet would block the reader: send at least one byte", errno.EINVAL)
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
            self._refuse(size)
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

    def _refuse(self, size: int) -> None:
        fix = (
            f"the region never takes more than {self.capacity} bytes: split the message or enlarge the region"
            if size > self.capacity
            else "send again when the reader has made room (it does not signal that)"
        )
        raise BufferFullError(f"no room for {size} bytes without a gap: {fix}", largest=self.capacity)
