"""What a reader must find in a region, written down once more in the plainest way, to compare with.

Taken from the protocol (§1.2 to 1.5 and §1.7) and from what this project adds to it: an index that is no
multiple of 4 below the data length, a length of 0, a packet that the indices do not cover and a padding that does not
lie between rd_idx and the end are refused.
"""

from __future__ import annotations

from typing import NamedTuple

PADDING = 0xFF


class Packet(NamedTuple):
    """What comes next: ``payload`` (``b""`` when empty, None when refused) and rd_idx after it was taken."""

    payload: bytes | None
    rd: int


def next_pbuf_packet(data: bytes, rd: int, wr: int) -> Packet:
    """Find the packet at ``rd`` in the ring ``data``; the reader knows that its own ``rd`` is right."""
    length = len(data)
    if wr == rd:
        return Packet(b"", rd)
    if wr % 4 or wr >= length:
        return Packet(None, rd)
    ring = data[rd:] + data[:rd]
    size = ring[0] * 256 + ring[1]
    if size == 0 or 4 + size > (wr - rd) % length:
        return Packet(None, rd)
    return Packet(ring[4 : 4 + size], (rd + 4 + -(-size // 4) * 4) % length)


def next_spsc_packet(data: bytes, announced: int, rd: int, wr: int) -> Packet:
    """Find the packet at ``rd`` in ``data``, whose length the writer ``announced``, or behind the padding."""
    length = len(data)
    if wr == rd:
        return Packet(b"", rd)
    if announced != length or any(index % 4 or index >= length for index in (rd, wr)):
        return Packet(None, rd)
    if data[rd] == PADDING:
        if rd < wr:
            return Packet(None, rd)
        rd = 0
        if wr == 0:
            return Packet(b"", 0)
    size = data[rd] * 256 + data[rd + 1]
    end = wr if wr > rd else length
    if size == 0 or rd + 4 + size > end:
        return Packet(None, rd)
    behind = rd + 4 + -(-size // 4) * 4
    if behind == length or (behind > wr and data[behind] == PADDING):
        return Packet(data[rd + 4 : rd + 4 + size], 0)
    return Packet(data[rd + 4 : rd + 4 + size], behind)


def pbuf_packets(data: bytes, rd: int, wr: int) -> tuple[list[bytes], bool]:
    """Find all packets from ``rd`` on; and whether they end exactly at ``wr``."""
    packets: list[bytes] = []
    while True:
        payload, rd = next_pbuf_packet(data, rd, wr)
        if not payload:
            return packets, payload is not None
        packets.append(payload)
