"""Packet buffer as the ICMsg backend needs it, whatever its generation.

A buffer lives in one region: the writer owns ``wr_idx``, the reader ``rd_idx``; one packet is one message of
1 to 65535 bytes. Neither side ever waits: a full or empty buffer is told, not waited for.
"""

from __future__ import annotations

from typing import Final, Protocol

Payload = bytes | bytearray | memoryview
"""Message that can be sent; it is copied before the call returns."""
LONGEST: Final = 0xFFFF
"""The longest payload in bytes that the 16-bit length of a packet can tell."""


class PacketWriter(Protocol):
    """The side for which the region is ``tx-region``."""

    @property
    def capacity(self) -> int:
        """The longest payload in bytes that an empty buffer accepts."""

    def tx_init(self) -> None:
        """Empty the buffer: both indices become 0, data and handshake word stay (protocol §1.6)."""

    def write(self, data: Payload) -> int:
        """Write one packet, publish it last, and return its payload length in bytes.

        Raises (nothing is written then): :class:`~icmsg.errors.BufferFullError` (ENOMEM),
        :class:`~icmsg.errors.CorruptRegionError` when the peer's index is broken,
        :class:`~icmsg.errors.WireError` for an empty payload (EINVAL) and an impossible length, with the
        errno that Zephyr's truncation leads to (pbuf: EINVAL or EBADMSG; spsc_pbuf: EMSGSIZE).
        """

    def free_space(self) -> int:
        """Return the longest payload in bytes that :meth:`write` accepts now, 0 when full.

        Raises :class:`~icmsg.errors.CorruptRegionError` when the peer's index is broken.
        """


class PacketReader(Protocol):
    """The side for which the region is ``rx-region``."""

    @property
    def more(self) -> bool:
        """True if packets are known to lie behind the last one that was read; costs no bus access."""

    def rx_init(self) -> None:
        """Start at the beginning of the buffer; writes nothing to memory (protocol §1.6)."""

    def peek(self) -> int:
        """Return the announced payload length in bytes of the next packet, 0 when the buffer is empty.

        Raises :class:`~icmsg.errors.CorruptRegionError`.
        """

    def read(self, capacity: int | None = None) -> bytes:
        """Take the next packet and return its payload, ``b""`` when the buffer is empty.

        Raises (nothing is consumed then): :class:`~icmsg.errors.CorruptRegionError` (EINVAL),
        :class:`~icmsg.errors.BufferTooSmallError` (ENOMEM) above ``capacity`` bytes,
        :class:`~icmsg.errors.IncompletePacketError` (EAGAIN) when the index does not cover the packet.
        """
