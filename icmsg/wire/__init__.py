"""Packet buffers in shared memory: no mailbox, no clock, no bonding.

Everything works through a :class:`~icmsg.hw.bus.Bus`, so one buffer can be driven without any engine::

    >>> from icmsg.hw.bus import MemoryBus
    >>> from icmsg.wire import PbufReader, PbufWriter, RegionLayout
    >>> bus = MemoryBus(bytearray(0x800), base=0x2007_0000)
    >>> layout = RegionLayout.pbuf(0x800, dcache_alignment=32)
    >>> writer = PbufWriter(bus, 0x2007_0000, layout)
    >>> reader = PbufReader(bus, 0x2007_0000, layout)
    >>> writer.tx_init(); reader.rx_init()
    >>> writer.write(b"ping")
    4
    >>> reader.read()
    b'ping'
"""

from __future__ import annotations

from icmsg.config.instance import RegionLayout
from icmsg.wire.packet_buffer import HandshakeWord, PacketReader, PacketWriter, Payload, first_packet_is
from icmsg.wire.pbuf import PbufReader, PbufWriter
from icmsg.wire.spsc import SpscReader, SpscWriter

__all__ = [
    "HandshakeWord",
    "PacketReader",
    "PacketWriter",
    "Payload",
    "PbufReader",
    "PbufWriter",
    "RegionLayout",
    "SpscReader",
    "SpscWriter",
    "first_packet_is",
]
