"""Packet buffer as the ICMsg backend needs it, whatever its generation, and the handshake word beside it.

A buffer lives in one region: the writer owns ``wr_idx``, the reader ``rd_idx``; one packet is one message of
1 to 65535 bytes. Neither side ever waits: a full or empty buffer is told, not waited for.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import (
    BufferFullError,
    BufferTooSmallError,
    ConfigurationError,
    CorruptRegionError,
    WireError,
)

if TYPE_CHECKING:
    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus


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


def empty_packet() -> WireError:
    """Return why a message without a byte is not written."""
    return WireError("an empty packet would block the reader: send at least one byte", errno.EINVAL)


def no_room(size: int, capacity: int, fitting: int | None) -> BufferFullError:
    """Return that ``size`` bytes do not fit now, and whether they ever will.

    ``fitting`` bytes would, or None where that depends on where the free ones lie.
    """
    fix = (
        f"the region never takes more than {capacity} bytes: split the message or enlarge the region"
        if size > capacity
        else "send again when the reader has made room (it does not signal that)"
    )
    text = (
        f"no room for {size} bytes without a gap: {fix}"
        if fitting is None
        else f"no room for {size} bytes, {fitting} fit now: {fix}"
    )
    return BufferFullError(text, largest=capacity)


def zero_length(address: int) -> CorruptRegionError:
    """Return why the packet at ``address`` stays there."""
    return CorruptRegionError(
        "the next packet has length 0, which must never be sent: the region is blocked until reopened",
        address=address,
        value=0,
    )


def too_long(address: int, size: int, capacity: int) -> BufferTooSmallError:
    """Return why a receiver of ``capacity`` bytes does not get the packet at ``address``."""
    return BufferTooSmallError(
        f"the next packet has {size} bytes, more than the {capacity} of this receiver: "
        f"it stays at 0x{address:08X} and blocks what is behind it",
        length=size,
        capacity=capacity,
    )


def first_packet_is(bus: Bus, address: int, layout: RegionLayout, payload: bytes) -> bool:
    """Tell whether the packet at the start of a pbuf's data is exactly ``payload`` (protocol §3.6).

    So a side without sessions is recognised, in a region that nobody has read from yet. Only memory decides, nothing is
    consumed. What is no valid index or no such packet is simply False: before
    the peer has initialised the region it may hold anything.
    """
    end = 4 + len(payload)
    wr = bus.read32(address + layout.wr_idx_offset)
    if not end <= wr <= min(layout.data_length - 1, LONGEST):
        return False
    packet = bus.read_block(address + layout.data_offset, end)
    return packet[:2] == len(payload).to_bytes(2, "big") and packet[4:] == payload


class HandshakeWord:
    """The handshake word of the region at ``address``, for bonding by sessions (Zephyr ≥ 4.1, protocol §3.1).

    It lies at offset 4 of a region and is written by that region's *reader*: the low half is the reader's own session
    id, the high half acknowledges the session id of the region's writer. 0 means disconnected or not acknowledged.

    Raises :class:`~icmsg.errors.ConfigurationError` for a layout without one.
    """

    __slots__ = ("_read32", "_write32", "address")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        if layout.handshake_offset is None:
            raise ConfigurationError(
                'no handshake word here: use unbound = "enable" or "detect" with dcache-alignment >= 8'
            )
        self.address = address + layout.handshake_offset
        self._read32 = bus.read32
        self._write32 = bus.write32

    def read(self) -> tuple[int, int]:
        """Return (session id of the region's reader, session id of its writer that is acknowledged)."""
        word = self._read32(self.address)
        return word & 0xFFFF, word >> 16

    def write(self, session_id: int, acknowledged: int) -> None:
        """Publish this reader's ``session_id`` and what it acknowledges, both 16 bits."""
        self._write32(self.address, acknowledged << 16 | session_id)


def are_acknowledged(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether each side acknowledges the session that the other has, by the handshake words of both regions."""
    (own, acknowledged), (peer, acknowledged_by_peer) = one, other
    return own == acknowledged_by_peer != 0 and peer == acknowledged != 0
