"""The handshake word of session bonding (Zephyr ≥ 4.1, protocol §3.1).

It lies at offset 4 of a region and is written by that region's *reader*: the low half is the reader's own
session id, the high half acknowledges the session id of the region's writer. 0 means disconnected or not
acknowledged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from icmsg.config.layout import RegionLayout
    from icmsg.hw.bus import Bus


class HandshakeWord:
    """The handshake word of the region at ``address``.

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
