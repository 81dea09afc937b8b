"""Offsets of the fields of one region: the wire layout, written down once.

A region is one shared-memory area for one direction. Its *writer* is the side for which it is ``tx-region``,
its *reader* the other side. Two generations exist:

``pbuf`` (Zephyr ≥ 3.6, protocol §1.1)::

    0                rd_idx          written by the reader
    4                handshake word  written by the reader, only with unbound = enable or detect
    max(A, 4 or 8)   wr_idx          written by the writer; A is dcache-alignment
    wr_idx + 4       data            multiple of 4 bytes

``spsc_pbuf`` (Zephyr 3.2 to 3.5, protocol §1.7)::

    0                data length     written by the writer
    4                flags           written by the writer
    8                rd_idx          written by the reader
    max(12, line)    wr_idx          written by the writer; line is the cache line of the cache layout
    wr_idx + 4       data            multiple of 4 bytes

>>> layout = RegionLayout.pbuf(0x800)
>>> layout.wr_idx_offset, layout.data_offset, layout.data_length, layout.capacity
(4, 8, 2040, 2032)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from icmsg.errors import ConfigurationError

Wire = Literal["pbuf", "spsc_pbuf"]
"""The packet buffer of a region: ``"pbuf"`` (Zephyr ≥ 3.6) or ``"spsc_pbuf"`` (3.2 to 3.5)."""

WORD = 4
HEADER = 4
"""Bytes of a packet's header; the payload follows."""

_SMALLEST_DATA = 12  # header, one payload byte, the spare word, rounded up
_PBUF_LONGEST = 0xFFFF  # a 16-bit length
_SPSC_LONGEST = 0xFEFF  # above it, the first length byte is the padding marker 0xFF
_SPSC_LARGEST_DATA = 0x10000  # Zephyr's reader steps its index in 16 bits


@dataclass(frozen=True, slots=True)
class RegionLayout:
    """Offsets and lengths of one region, in bytes from its address.

    Built with :meth:`pbuf` or :meth:`spsc_pbuf`, which only compute; :meth:`check` tells whether it can work.
    """

    wire: Wire
    size: int
    alignment: int
    """The alignment of the region's address in bytes."""
    rd_idx_offset: int
    handshake_offset: int | None
    wr_idx_offset: int
    data_offset: int
    data_length: int
    capacity: int
    """The longest payload that an empty buffer accepts (at most 0 when the region is too small)."""

    @classmethod
    def pbuf(cls, size: int, dcache_alignment: int = 0, *, handshake: bool = False) -> RegionLayout:
        """Layout of a region of ``size`` bytes, Zephyr ≥ 3.6 (protocol §1.1)."""
        wr_idx = max(dcache_alignment, 2 * WORD if handshake else WORD)
        data = wr_idx + WORD
        return cls(
            wire="pbuf",
            size=size,
            alignment=max(dcache_alignment, WORD),
            rd_idx_offset=0,
            handshake_offset=WORD if handshake else None,
            wr_idx_offset=wr_idx,
            data_offset=data,
            data_length=size - data,
            capacity=min(_PBUF_LONGEST, size - data - HEADER - WORD),
        )

    @classmethod
    def spsc_pbuf(cls, size: int, cache_line: int = 0) -> RegionLayout:
        """Layout of a region of ``size`` bytes, Zephyr 3.2 to 3.5 (protocol §1.7); 0 = no cache layout."""
        wr_idx = max(cache_line, 3 * WORD)
        data = wr_idx + WORD
        return cls(
            wire="spsc_pbuf",
            size=size,
            alignment=max(cache_line, WORD),
            rd_idx_offset=2 * WORD,
            handshake_offset=None,
            wr_idx_offset=wr_idx,
            data_offset=data,
            data_length=size - data,
            capacity=min(_SPSC_LONGEST, size - data - HEADER - WORD),
        )

    @property
    def minimum_size(self) -> int:
        """The smallest region in bytes in which a packet of one byte fits."""
        return self.data_offset + _SMALLEST_DATA

    def check(self, address: int, *, name: str = "region") -> None:
        """Raise :class:`ConfigurationError`, naming the fix, where Zephyr's init returns -EINVAL (§1.1).

        ``address`` is the region's first byte, ``name`` how the message calls the region.
        """
        if self.data_offset % WORD:
            raise ConfigurationError(
                f"dcache-alignment {self.alignment} puts the data of {name} at offset {self.data_offset}, "
                f"which is not a multiple of {WORD}: use 0 or a multiple of {WORD}"
            )
        if self.handshake_offset is not None and self.alignment < self.wr_idx_offset:
            raise ConfigurationError(
                f'{name}: unbound = "enable" and "detect" need dcache-alignment >= 8, because the handshake '
                f"word lies between rd_idx and wr_idx: set dcache-alignment = <8> on both sides"
            )
        if address % self.alignment:
            raise ConfigurationError(
                f"{name} at 0x{address:08X} is not aligned to {self.alignment} bytes: "
                f"move it to 0x{address - address % self.alignment:08X}"
            )
        if self.size < self.minimum_size:
            raise ConfigurationError(
                f"{name} of {self.size} bytes is too small: the minimum is {self.minimum_size} bytes "
                f"({self.data_offset} of them before the data)"
            )
        if self.data_length % WORD:
            raise ConfigurationError(
                f"{name} of {self.size} bytes leaves {self.data_length} data bytes, not a multiple of "
                f"{WORD}: use {self.size - self.data_length % WORD} bytes"
            )
        if self.wire == "spsc_pbuf" and self.data_length > _SPSC_LARGEST_DATA:
            raise ConfigurationError(
                f"{name} has {self.data_length} data bytes, but spsc_pbuf steps its read index in 16 bits: "
                f"use at most {self.data_offset + _SPSC_LARGEST_DATA} bytes"
            )
