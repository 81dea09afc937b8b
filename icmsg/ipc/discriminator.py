"""Tells from the bytes in memory what the peer speaks, and in words why the two sides can never bond.

Nothing is written and nothing is consumed, so it may be asked at any moment, also before the instance is
opened::

    >>> from icmsg.config import InstanceConfig, Region
    >>> from icmsg.hw.bus import MemoryBus
    >>> bus = MemoryBus(bytearray(0x1000))
    >>> config = InstanceConfig(Region(0, 0x800), Region(0x800, 0x800), dcache_alignment=8)
    >>> bus.write_block(0x800 + 32, bytes.fromhex("14000000 000d0000") + b"Em1l1K0rn3li4")
    >>> identify(bus, config).verdict
    'peer uses dcache-alignment 32, you use 8: set dcache-alignment = <32>, or <8> at the peer'

What a peer leaves in memory (protocol §1.1, §1.7, §2, §3.1): as writer of the RX region the magic at the
start of the data, waiting packets, or the header of an spsc_pbuf; as reader of the TX region the session id
in the handshake word. Memory that nobody cleared may hold the same from an earlier run. An spsc_pbuf with a
cache line of 16 or more bytes has its index and data where a pbuf of that dcache-alignment has them: ask
before the instance is opened, because its first read overwrites what tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from icmsg.config.instance import RegionLayout, Wire
from icmsg.ipc.bonding import MAGIC

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.hw.bus import Bus

_ALIGNMENTS = (4, 8, 16, 32, 64, 128)  # of dcache-alignment; 0 lays out as 4
_CACHE_LINES = (0, 16, 32, 64, 128)  # of the cache layout of spsc_pbuf
_SMALLEST_DATA = 12  # what a region must have for one byte, in both generations


@dataclass(frozen=True, slots=True)
class PeerTraces:
    """Features that the peer is known to use; None where memory does not tell."""

    wire: Wire | None
    dcache_alignment: int | None
    """Bytes; for pbuf 4 stands for 0 and 4, for spsc_pbuf 0 for no cache layout."""
    bonding: Literal["magic", "session"] | None
    """The peer's bonding; a peer in mode detect starts with a session id."""
    can_bond: bool | None
    """False when the two sides can never bond, None while there are no traces of a peer. A peer in mode
    detect that was not signalled yet looks like one in mode enable."""
    verdict: str
    """The same in words, with what to change."""


def identify(bus: Bus, config: InstanceConfig) -> PeerTraces:
    """Look for traces of the peer of an instance with ``config`` on ``bus``; raises only BusError."""
    region = bus.read_block(config.rx_region.address, config.rx_region.size)
    found = _spsc_header(region) or _magic(region) or _chain(region, config.rx_layout)
    wire, alignment = found or (None, None)
    bonding = _bonding(bus, config, found, has_magic=wire == "spsc_pbuf" or _magic(region) is not None)
    can_bond, verdict = _judge(config, wire, alignment, bonding)
    return PeerTraces(wire, alignment, bonding, can_bond, verdict)


def _word(region: bytes, offset: int) -> int:
    return int.from_bytes(region[offset : offset + 4], "little")


def _is_index(value: int, length: int) -> bool:
    return value < length and not value & 3


def _spsc_header(region: bytes) -> tuple[Wire, int] | None:
    """Find data length and flags where ``spsc_pbuf_init`` writes them, with indices that fit."""
    if region[4] != 1:
        return None
    for line in _CACHE_LINES:
        layout = RegionLayout.spsc_pbuf(len(region), line)
        length = layout.data_length
        if length < _SMALLEST_DATA or _word(region, 0) != length:
            continue
        rd, wr = _word(region, layout.rd_idx_offset), _word(region, layout.wr_idx_offset)
        if _is_index(rd, length) and _is_index(wr, length):
            return "spsc_pbuf", line
    return None


def _magic(region: bytes) -> tuple[Wire, int] | None:
    """Find the magic as first packet of a pbuf."""
    for alignment in _ALIGNMENTS:
        layout = RegionLayout.pbuf(len(region), alignment)
        wr = _word(region, layout.wr_idx_offset)
        first = region[layout.data_offset : layout.data_offset + 4 + len(MAGIC)]
        if first[4:] == MAGIC and first[:2] == b"\0\x0d" and _is_index(wr, layout.data_length):
            return "pbuf", alignment
    return None


def _chain(region: bytes, own: RegionLayout) -> tuple[Wire, int] | None:
    """Find an alignment with which the headers of waiting packets lead from rd_idx exactly to wr_idx."""
    counts = {alignment: _chain_length(region, alignment) for alignment in _ALIGNMENTS}
    if counts.get(own.alignment):
        return "pbuf", own.alignment
    alignment = max(_ALIGNMENTS, key=counts.__getitem__)
    return ("pbuf", alignment) if counts[alignment] else None


def _chain_length(region: bytes, alignment: int) -> int:
    """Count the packets from rd_idx to wr_idx; 0 unless they end exactly there."""
    layout = RegionLayout.pbuf(len(region), alignment)
    length = layout.data_length
    index, wr = _word(region, layout.rd_idx_offset), _word(region, layout.wr_idx_offset)
    if not _is_index(index, length) or not _is_index(wr, length):
        return 0
    data = region[layout.data_offset :]
    count, left = 0, (wr - index) % length
    while left > 0:
        size = int.from_bytes(data[index : index + 2], "big")
        if not size or data[index + 2 : index + 4] != b"\0\0":
            return 0
        step = 4 + size + 3 & ~3
        index, left, count = (index + step) % length, left - step, count + 1
    return count if not left else 0


def _bonding(
    bus: Bus, config: InstanceConfig, found: tuple[Wire, int] | None, *, has_magic: bool
) -> Literal["magic", "session"] | None:
    if has_magic:
        return "magic"
    if config.wire == "spsc_pbuf":
        return None
    word = bus.read32(config.tx_region.address + 4)
    if config.dcache_alignment < 8:
        # The handshake word of a session peer lies where this side has its wr_idx: it cannot be an index
        # then.
        return "session" if word & 3 else None
    # A peer in mode detect that fell back to magic leaves its session id there, without an acknowledgement.
    return "session" if word & 0xFFFF and (word >> 16 or found is None) else None


def _judge(
    config: InstanceConfig,
    wire: Wire | None,
    alignment: int | None,
    bonding: Literal["magic", "session"] | None,
) -> tuple[bool | None, str]:
    own = config.dcache_alignment
    if wire is None and bonding is None:
        return (
            None,
            "no traces of a peer: it has not opened its side, or uses other regions (swap tx and rx?)",
        )
    if wire == "spsc_pbuf" and config.wire == "pbuf":
        return False, (
            "peer writes spsc_pbuf of Zephyr ≤ 3.5, you use pbuf of Zephyr ≥ 3.6: "
            'set wire="spsc_pbuf" and signalling="repeat", or update the peer'
        )
    if wire == "pbuf" and config.wire == "spsc_pbuf":
        return False, (
            "peer writes pbuf of Zephyr ≥ 3.6, you use spsc_pbuf of Zephyr ≤ 3.5: "
            'set wire="pbuf", or use an older peer'
        )
    if alignment is not None and alignment != (max(own, 4) if config.wire == "pbuf" else own):
        what = "dcache-alignment" if config.wire == "pbuf" else "cache line"
        return (
            False,
            f"peer uses {what} {alignment}, you use {own}: set {what} = <{alignment}>, or <{own}> at the peer",
        )
    if bonding == "session" and config.unbound == "disable":
        return False, (
            "peer is enable, you are disable: set unbound to the same on both sides "
            "(a peer in mode detect binds as soon as it is signalled: open it first, or repeat the signal)"
        )
    if bonding == "magic" and config.unbound == "enable":
        return False, (
            "peer is disable, you are enable: set unbound to the same on both sides, or use detect on one of them"
        )
    generation = f"{config.wire} with " if wire else ""
    how = {"magic": "the magic", "session": "session ids", None: "unknown bonding"}[bonding]
    return True, f"peer uses {generation}{how}: it fits"
