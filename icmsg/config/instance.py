"""ICMsg instance: two regions, two mailbox channels and how to bond.

>>> from icmsg.config import InstanceConfig, Region
>>> app = InstanceConfig(Region(0x2007_0000, 0x800), Region(0x2007_8000, 0x800))
>>> net = app.mirrored()
>>> hex(net.tx_region.address), net.tx_channel
('0x20078000', 1)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

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
    """Offsets and lengths of one region, in bytes from its address: the wire layout, written down once.

    Built with :meth:`pbuf` or :meth:`spsc_pbuf`, which only compute; :meth:`check` tells whether it can work.

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


Unbound = Literal["disable", "enable", "detect"]
"""Devicetree ``unbound`` (Zephyr ≥ 4.1): magic bonding, sessions, or sessions unless the peer is older."""

Signalling = Literal["repeat", "ring-back"]
"""Rings while bonding: until bound (Zephyr ≤ 4.0), or once, and back on the magic (≥ 4.1)."""

MAGIC_LENGTH = 13
"""Bytes of the packet with which magic bonding starts (protocol §2)."""

ZEPHYR_RX_READ_BUF_SIZE = 128
"""Default of CONFIG_PBUF_RX_READ_BUF_SIZE since Zephyr 4.0: a longer packet blocks that receiver for good."""

_LONGEST = 0xFFFF
_MAGIC_DATA = 24  # header, magic, the spare word, rounded up


_ADDRESS_SPACE: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Region:
    """``size`` bytes from ``address`` on, as seen by the core that uses it."""

    address: int
    size: int

    def __post_init__(self) -> None:
        if type(self.address) is not int or type(self.size) is not int:
            raise ConfigurationError(
                f"region at {self.address!r} of {self.size!r} bytes: use whole numbers for address and size"
            )
        if self.end > _ADDRESS_SPACE:
            raise ConfigurationError(
                f"region at {self.address:#x} of {self.size} bytes: it must end within the 4 GiB that a core has"
            )
        if self.address < 0 or self.size <= 0:
            raise ConfigurationError(
                f"region at {self.address:#x} of {self.size} bytes: use an address >= 0 and a size > 0"
            )

    @classmethod
    def parse(cls, text: str) -> Region:
        """Return the region of ``ADDR:SIZE``; ConfigurationError otherwise."""
        try:
            address, size = (int(part, 0) for part in text.split(":"))
        except ValueError:
            raise ConfigurationError(
                f"{text}: use ADDR:SIZE in bytes, for example 0x20070000:0x800"
            ) from None
        return cls(address, size)

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.address + self.size

    def overlaps(self, other: Region) -> bool:
        """Tell whether at least one byte belongs to both."""
        return self.address < other.end and other.address < self.end

    def __str__(self) -> str:
        return f"0x{self.address:08X}…0x{self.end - 1:08X}"


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """Configuration of one side of one instance, from both the devicetree node and Kconfig.

    Raises :class:`ConfigurationError` for what can never bond; the text names the fix.
    """

    tx_region: Region
    rx_region: Region
    tx_channel: int = 0
    """Mailbox channel that this side rings."""
    rx_channel: int = 1
    """Mailbox channel that the peer rings."""
    dcache_alignment: int = 0
    """Bytes; the same on both sides, it moves wr_idx. For spsc_pbuf the cache line, 0 = no cache layout."""
    unbound: Unbound = "disable"
    wire: Wire = "pbuf"
    signalling: Signalling = "ring-back"
    bond_notify_repeat_to_ms: int = 1
    """CONFIG_IPC_SERVICE_ICMSG_BOND_NOTIFY_REPEAT_TO_MS, 1…100; only with ``signalling="repeat"``."""
    rx_limit: int | None = None
    """Longest payload that this side takes (CONFIG_PBUF_RX_READ_BUF_SIZE); None = all that the region has."""
    peer_rx_limit: int | None = None
    """Longest payload that the peer takes; a longer one is refused before it is sent. None = unknown."""
    trust_known_space: bool = False
    """Read the peer's rd_idx only when the space known so far does not suffice, instead of at every write."""
    name: str = "icmsg"
    """The instance's name in messages."""

    def __post_init__(self) -> None:
        one_of("unbound", self.unbound, get_args(Unbound))
        one_of("wire", self.wire, get_args(Wire))
        one_of("signalling", self.signalling, get_args(Signalling))
        in_range("tx_channel", self.tx_channel, 0, 0xFFFF)
        in_range("rx_channel", self.rx_channel, 0, 0xFFFF)
        in_range("dcache_alignment", self.dcache_alignment, 0, 0x10000)
        in_range("bond_notify_repeat_to_ms", self.bond_notify_repeat_to_ms, 1, 100)
        for field in ("rx_limit", "peer_rx_limit"):
            if (limit := getattr(self, field)) is not None:
                in_range(field, limit, 1 if self.unbound == "enable" else MAGIC_LENGTH, _LONGEST)
        self._check_release()
        self._check_regions()

    def _check_release(self) -> None:
        if self.unbound != "disable" and self.signalling != "ring-back":
            raise ConfigurationError(
                f'unbound = "{self.unbound}" exists since Zephyr 4.1, which no longer repeats its signal: '
                f'set signalling="ring-back", or unbound="disable"'
            )
        if self.wire == "spsc_pbuf" and (self.unbound != "disable" or self.signalling != "repeat"):
            raise ConfigurationError(
                'wire="spsc_pbuf" exists up to Zephyr 3.5, which has no sessions and repeats its signal: '
                'set unbound="disable" and signalling="repeat"'
            )

    def _check_regions(self) -> None:
        if self.tx_region.overlaps(self.rx_region):
            raise ConfigurationError(
                f"tx-region {self.tx_region} and rx-region {self.rx_region} overlap: give each its own memory"
            )
        for name, region, layout in (
            ("tx-region", self.tx_region, self.tx_layout),
            ("rx-region", self.rx_region, self.rx_layout),
        ):
            layout.check(region.address, name=name)
            if self.unbound != "enable" and layout.capacity < MAGIC_LENGTH:
                raise ConfigurationError(
                    f"{name} of {region.size} bytes cannot hold the {MAGIC_LENGTH} bytes of the magic: "
                    f"the minimum is {layout.data_offset + _MAGIC_DATA} bytes"
                )

    @property
    def tx_layout(self) -> RegionLayout:
        """Layout of the region that this side writes."""
        return self._layout(self.tx_region.size)

    @property
    def rx_layout(self) -> RegionLayout:
        """Layout of the region that this side reads."""
        return self._layout(self.rx_region.size)

    def _layout(self, size: int) -> RegionLayout:
        if self.wire == "spsc_pbuf":
            return RegionLayout.spsc_pbuf(size, self.dcache_alignment)
        return RegionLayout.pbuf(size, self.dcache_alignment, handshake=self.unbound != "disable")

    def mirrored(self) -> InstanceConfig:
        """Return the configuration of the other side: regions, channels and limits swapped."""
        return replace(
            self,
            tx_region=self.rx_region,
            rx_region=self.tx_region,
            tx_channel=self.rx_channel,
            rx_channel=self.tx_channel,
            rx_limit=self.peer_rx_limit,
            peer_rx_limit=self.rx_limit,
        )


def one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ConfigurationError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        choices = ", ".join(f'"{choice}"' for choice in allowed)
        raise ConfigurationError(f'{field} = "{value}" does not exist: use one of {choices}')


def in_range(field: str, value: int, low: int, high: int) -> None:
    """Raise ConfigurationError unless ``value`` is from ``low`` to ``high``."""
    if not low <= value <= high:
        raise ConfigurationError(f"{field} = {value} is out of range: use {low}…{high}")
