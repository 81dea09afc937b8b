"""Packets of three bytes in a pbuf: the control messages of ICBMsg, of which every message needs two.

The same on the wire as what :class:`PbufWriter` and :class:`PbufReader` do, which also do it wherever it is not the
simple case of plain memory and a packet that does not wrap; this way takes half the time.

>>> from icmsg.config import RegionLayout
>>> from icmsg.hw.memory_bus import MemoryBus
>>> bus = MemoryBus(bytearray(64))
>>> writer, reader = ControlWriter(bus, 0, RegionLayout.pbuf(64)), ControlReader(bus, 0, RegionLayout.pbuf(64))
>>> writer.tx_init(); reader.rx_init()
>>> writer.write_packet(packet_of(1, 2, 3))
>>> [hex(message) for message in reader.take()]
['0x30201']
"""

from __future__ import annotations

from icmsg.wire.pbuf_reader import PbufReader
from icmsg.wire.pbuf_writer import PbufWriter

LENGTH = 3
"""Bytes of a control message."""

_HEADER = b"\0\3\0\0"
_HEADER_WORD = int.from_bytes(_HEADER, "little")
_PACKET = 8


def packet_of(kind: int, number: int, block: int) -> bytes:
    """Return header and payload of a control message; the padding byte is not written."""
    return _HEADER + bytes((kind, number, block))


class ControlWriter(PbufWriter):
    """A writer that takes packets of :func:`packet_of`."""

    __slots__ = ()

    def write_packet(self, packet: bytes) -> None:
        """Write one packet; errors as in ``PacketWriter.write``."""
        words, ring = self._fields.words, self._ring.data
        wr = self._wr
        if words is not None and ring is not None and wr + _PACKET < self._length:
            rd = words[0]
            # Behind the packet a word must stay free; and the peer's index must be one.
            if not (wr < rd <= wr + _PACKET or rd & 3 or rd >= self._length):
                ring[wr : wr + 7] = packet
                self._wr = words[self._wr_word] = wr + _PACKET
                return
        self.write(packet[4:])


class ControlReader(PbufReader):
    """A reader that takes control messages by the dozen."""

    __slots__ = ()

    def take(self) -> list[int | bytes]:
        """Take every packet that lies there now: of three bytes as a number (little-endian), of others as bytes.

        What ``PacketReader.read`` would refuse ends the list, and is raised when it comes first.
        """
        fields, ring = self._fields.words, self._ring.words
        if fields is not None and ring is not None:
            wr, rd, length = fields[self._wr_word], self._rd, self._length
            if not (wr & 3 or wr >= length):
                taken: list[int | bytes] = []
                # A packet that ends where the ring does is not the simple case, either.
                last = (wr if rd <= wr else length - 4) - _PACKET
                while rd <= last and ring[rd >> 2] == _HEADER_WORD:
                    taken.append(ring[(rd >> 2) + 1] & 0xFF_FFFF)
                    rd += _PACKET
                if taken:
                    self._rd = fields[0] = rd
                    self.more = rd != wr
                    return taken
        return [
            int.from_bytes(message, "little") if len(message) == LENGTH else message
            for message in self.read_available()
        ]
