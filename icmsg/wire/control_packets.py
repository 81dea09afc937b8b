"""Packets of three bytes in a pbuf: the control messages of ICBMsg, of which every message needs two.

The same on the wire as what :class:`PbufWriter` and :class:`PbufReader` do, which also do it wherever it is not the
simple case of plain memory and a packet that does not wrap; this way takes half the time.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.bus import MemoryBus
>>> bus = MemoryBus(bytearray(64))
>>> writer, reader = ControlWriter(bus, 0, RegionLayout.pbuf(64)), ControlReader(bus, 0, RegionLayout.pbuf(64))
>>> writer.tx_init(); reader.rx_init()
>>> writer.write_packet(packet_of(1, 2, 3))
>>> [hex(message) for message in reader.take()]
['0x30201']
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from icmsg.hw.bus import views_of
from icmsg.wire.pbuf import PbufReader, PbufWriter

if TYPE_CHECKING:
    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus

LENGTH = 3
"""Bytes of a control message."""

_HEADER = b"\0\3\0\0"
_HEADER_WORD = int.from_bytes(_HEADER, "little")
_PACKET = 8
_packets = struct.Struct("<II").iter_unpack


def packet_of(kind: int, number: int, block: int) -> bytes:
    """Return header and payload of a control message; the padding byte is not written."""
    return _HEADER + bytes((kind, number, block))


class ControlWriter(PbufWriter):
    """A writer that takes packets of :func:`packet_of`."""

    __slots__ = ("_plain", "_view", "_words")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        super().__init__(bus, address, layout)
        self._words, self._view = views_of(self._fields, self._ring)
        self._plain = self._length if self._view else 0
        """End of the data, if it is plain memory: else 0."""

    def write_packet(self, packet: bytes) -> None:
        """Write one packet; errors as in ``PacketWriter.write``."""
        wr = self._wr
        end = wr + _PACKET
        try:
            # Behind the packet a word must stay free; and the peer's index must be one.
            if end < self._plain:
                rd = self._words[0]
                if (rd <= wr or rd > end) and not rd & 3 and rd < self._plain:
                    self._view[wr : wr + 7] = packet
                    self._wr = self._words[self._wr_word] = end
                    return
            elif not self._plain and end < self._length:
                rd = self._read32(self._rd_address)
                if (rd <= wr or rd > end) and not rd & 3 and rd < self._length:
                    self._write_block(self._data_address + wr, packet)
                    self._write32(self._wr_address, end)
                    self._wr = end
                    return
        except ValueError:  # the bus was closed
            self._plain = 0
        self.write(packet[4:])


class ControlReader(PbufReader):
    """A reader that takes control messages by the dozen."""

    __slots__ = ("_plain", "_view", "_words")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        super().__init__(bus, address, layout)
        self._words, ring = views_of(self._fields, self._ring)
        self._view = ring.cast("I")
        self._plain = bool(ring)

    def take(self) -> list[int | bytes]:
        """Take every packet that lies there now: of three bytes as a number (little-endian), of others as bytes.

        What ``PacketReader.read`` would refuse ends the list, and is raised when it comes first.
        """
        taken: list[int | bytes] = []
        rd = self._rd
        wr = None
        if self._plain:
            try:
                wr = self._words[self._wr_word]
                if not wr & 3 and wr < self._length:
                    view = self._view
                    # A packet that ends where the ring does is not the simple case, either.
                    last = (wr if rd <= wr else self._length - 4) - _PACKET
                    while rd <= last and view[rd >> 2] == _HEADER_WORD:
                        taken.append(view[(rd >> 2) + 1] & 0xFF_FFFF)
                        rd += _PACKET
                    if taken:
                        self._rd = self._words[0] = rd
                        self.more = rd != wr
                        return taken
            except ValueError:  # the bus was closed
                self._plain = False
                wr = None
        else:
            wr = self._read32(self._wr_address)
            if rd < wr < self._length and not (wr - rd) % _PACKET:
                block = self._read_block(self._data_address + rd, wr - rd)
                for header, message in _packets(block):
                    if header != _HEADER_WORD:
                        break
                    taken.append(message & 0xFF_FFFF)
                if len(taken) * _PACKET == wr - rd:
                    self._rd = wr
                    self._write32(self._rd_address, wr)
                    self.more = False
                    return taken
        return [
            int.from_bytes(message, "little") if len(message) == LENGTH else message
            for message in self.read_available(wr_idx=wr)
        ]
