"""Control packets of the rework: what connects the two sides, and what binds endpoints (ICBMsg protocol §6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig

CONTROL: Final = 0xFF
"""The endpoint's number in the header of a control packet."""
MAGIC: Final = bytes.fromhex("ab896745456789ab")
"""Beginning of the bound packet."""

ENDPOINT_BOUND: Final = 0
ENDPOINT_UNBOUND: Final = 1

_counts = struct.Struct("<II")
_endpoint = struct.Struct("<BBI")


def name_hash(name: str) -> int:
    """Return the 32 bits that stand for a name: djb2 in its xor variant, over the name without NUL.

    >>> hex(name_hash("ep0"))
    '0xb872380'
    """
    value = 5381
    for byte in name.encode("utf-8", "surrogateescape"):
        value = value * 33 & 0xFFFF_FFFF ^ byte
    return value


def bound_packet(config: IcbmsgConfig) -> bytes:
    """Return the packet with which a side says that it is there, and how many blocks it has."""
    return MAGIC + _counts.pack(config.tx_blocks, config.rx_blocks)


def block_counts(packet: bytes) -> tuple[int, int] | None:
    """Return the sender's numbers of tx and rx blocks, None unless it is a bound packet."""
    if len(packet) < len(MAGIC) + _counts.size or not packet.startswith(MAGIC):
        return None
    tx, rx = _counts.unpack_from(packet, len(MAGIC))
    return tx, rx


def endpoint_bound(slot: int, hashed: int) -> bytes:
    """Return the packet that tells the sender's slot for a name."""
    return _endpoint.pack(ENDPOINT_BOUND, slot, hashed)


def endpoint_unbound(address: int) -> bytes:
    """Return the packet that takes an endpoint away; ``address`` is the receiver's slot."""
    return _endpoint.pack(ENDPOINT_UNBOUND, address, 0)


def endpoint_packet(packet: bytes) -> tuple[int, int, int] | None:
    """Return kind, slot and hash of a packet that binds or unbinds, None for any other one."""
    if packet[:1] == bytes((ENDPOINT_UNBOUND,)) and len(packet) >= 2:
        return ENDPOINT_UNBOUND, packet[1], 0
    if packet[:1] == bytes((ENDPOINT_BOUND,)) and len(packet) >= _endpoint.size:
        kind, slot, hashed = _endpoint.unpack_from(packet)
        return kind, slot, hashed
    return None
