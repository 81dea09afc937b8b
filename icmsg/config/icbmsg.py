"""ICBMsg instance: two regions with blocks, two mailbox channels, and which of the three generations.

>>> from icmsg.config import IcbmsgConfig, Region
>>> app = IcbmsgConfig(Region(0x2007_8000, 0x800), Region(0x2007_0000, 0x800), tx_blocks=16, rx_blocks=18)
>>> app.is_initiator, app.tx_layout.block_size, app.mirrored().rx_layout == app.tx_layout
(True, 108, True)

Offsets of one ICBMsg region in its three generations: the wire layout, written down once.

A region holds, for one direction, what announces messages, and behind it *blocks* with the messages. Everything is
counted from the region's *begin*, its address rounded up to A = max(4, ``dcache-alignment``); n are the bytes up to its
end rounded down to A (ICBMsg protocol §2, §5).

Classic, ``"3.6"`` (Zephyr 3.6 to 4.0) and ``"4.1"`` (4.1 to 4.4)::

    0                the region of an ICMsg instance, without handshake word: 3-byte control messages
    n - count·size   blocks: u32 size, payload

``"rework"`` (Zephyr after 4.4)::

    0                producer queue  written by the sender: u32 count, u32 of high priority, a byte for each slot
    Q                consumer queue  written by the receiver, of the same form
    n - count·size   blocks: u16 size, u8 index of the block, u8 endpoint; payload

>>> layout = BlockLayout.of("4.1", 0x2007_8000, 0x800, local=16, remote=32, dcache_alignment=32)
>>> layout.blocks_offset, layout.block_size, layout.longest
(448, 100, 1596)
>>> BlockLayout.of("3.6", 0x2007_8000, 0x800, local=16, remote=32, dcache_alignment=32).blocks_offset
512
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, get_args

from icmsg.config.instance import InstanceConfig, Region, Signalling, in_range, one_of
from icmsg.errors import ConfigurationError

Generation = Literal["3.6", "4.1", "rework"]
"""Zephyr 3.6 to 4.0, 4.1 to 4.4, and after 4.4: three wire protocols that do not mix."""

WORD = 4
HEADER = 4
"""Bytes before the payload in the first block of a message (a 32-bit build)."""

_CONTROL = 8  # of a control message: header of the packet, three bytes, padding
_QUEUE_HEADER = 8
_BOUND_PACKET = 16
_MOST_BLOCKS = {"3.6": 256, "4.1": 256, "rework": 32}
_MOST_ALIGNED = 0x10000


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Offsets and lengths of one region, in bytes; built with :meth:`of`, which only computes."""

    generation: Generation
    address: int
    region_size: int
    dcache_alignment: int
    """A: 4, or the larger ``dcache-alignment``."""
    begin: int
    """Offset of the begin, from the region's address."""
    size: int
    """n: the bytes from there that are used."""
    queue_size: int
    """Bytes of one queue of the rework; the consumer queue begins there. 0 in the classic generations."""
    blocks_offset: int
    """Offset of the blocks: in the classic generations the size of the ICMsg region."""
    block_size: int
    """Bytes of a block; 0 or less where the region is too small."""
    block_count: int
    least: int
    """Bytes that must lie before the blocks."""

    @classmethod
    @lru_cache(maxsize=64)
    def of(
        cls,
        generation: Generation,
        address: int,
        size: int,
        *,
        local: int,
        remote: int,
        dcache_alignment: int = 0,
        slots: int = 16,
    ) -> BlockLayout:
        """Layout of ``size`` bytes at ``address`` with ``local`` blocks, where the other direction has ``remote``.

        ``slots`` is the depth of the rework's queues, CONFIG_IPC_SERVICE_BACKEND_ICBMSG_MAX_ACTIVE_COUNT.
        """
        a = max(WORD, dcache_alignment)
        begin = -address % a
        n = (address + size) // a * a - address - begin
        queue = 0
        if generation == "rework":
            queue = _up(_QUEUE_HEADER + slots, a)
            least, unit = 2 * queue, a
        else:
            # pbuf's indices, two messages that keep it from being full, one for each block of either side.
            least, unit = a + WORD + 2 * _CONTROL + _CONTROL * (local + remote), a
            if generation == "4.1":
                least, unit = _up(least, a), WORD
        block = (n - least) // max(local, 1) // unit * unit
        return cls(
            generation=generation,
            address=address,
            region_size=size,
            dcache_alignment=a,
            begin=begin,
            size=n,
            queue_size=queue,
            blocks_offset=n - block * local,
            block_size=block,
            block_count=local,
            least=least,
        )

    @property
    def longest(self) -> int:
        """The longest message in bytes: all blocks, less the header."""
        return self.block_size * self.block_count - HEADER

    def blocks_of(self, size: int) -> int:
        """Return how many blocks a message of ``size`` bytes takes."""
        return (size + HEADER + self.block_size - 1) // self.block_size

    def check(self, *, name: str = "region") -> None:
        """Raise :class:`ConfigurationError`, naming the fix, where Zephyr's build fails; ``name`` calls the region."""
        a = self.dcache_alignment
        if a & a - 1 or a > _MOST_ALIGNED:
            raise ConfigurationError(
                f"dcache-alignment {a} is no power of two up to {_MOST_ALIGNED}: ICBMsg builds with no other one"
            )
        self.check_count(name=name)
        smallest = self._smallest_block()
        if self.block_size < smallest:
            needed = self.least + smallest * self.block_count
            raise ConfigurationError(
                f"{name} of {self.region_size} bytes at 0x{self.address:08X} is too small for {self.block_count} "
                f"blocks: {self.size} of them are usable, {self.least} must lie before the blocks, and a block has "
                f"at least {smallest}; use {needed} aligned bytes, or fewer blocks"
            )

    def check_count(self, *, name: str = "region") -> None:
        """Raise :class:`ConfigurationError` for a number of blocks that the generation does not have."""
        most = _MOST_BLOCKS[self.generation]
        if not 1 <= self.block_count <= most:
            older = ", or an older generation" if self.generation == "rework" else ""
            raise ConfigurationError(
                f"{name} has {self.block_count} blocks: ICBMsg of generation {self.generation} has 1 to {most} "
                f"for each direction; set tx-blocks and rx-blocks to that{older}"
            )

    def _smallest_block(self) -> int:
        a = self.dcache_alignment
        if self.generation == "4.1":
            return WORD
        if self.generation == "3.6":
            return 2 * a  # it must be more than A, and is a multiple of it
        # The bound packet must fit into all of them, or the instance never opens.
        return _up(-(-(_BOUND_PACKET + HEADER) // self.block_count), a)


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


Refused = Literal["release", "leak"]
"""Blocks of a message that is not taken: given back, or lost to the sender for good as Zephyr does."""

Defect = Literal[
    "silent-loss",
    "deaf-start",
    "pending-overwritten",
    "slot-reused",
    "blocked-binding",
    "held-overwritten",
]
"""Known defects. Of Zephyr's rework (ICBMsg protocol §7):

``"silent-loss"``: with all slots in use `send` drops the message and returns its length. ``"deaf-start"``: `open` rings
before it listens and never looks at the queue, so that an edge doorbell is lost. ``"pending-overwritten"``: with
deregistration built in, an endpoint may take the slot in which a request of the peer waits. ``"slot-reused"``: it may
also take the slot of one that has just gone, for which messages are still under way, and gets those.

Of the classic generations (§8): ``"blocked-binding"``: who registers an endpoint waits for it in the work queue that
has to bind it, until the wait fails with -11 (EAGAIN) after a second; Zephyr before 4.0, and bt_enable.

Of any: ``"held-overwritten"``: a message that is held does not keep its place, and the next one lies there; as with
the one receive buffer of icmsg_me in 3.3 to 3.7.
"""

ZEPHYR_DEFECTS: Final = frozenset[Defect](("silent-loss", "deaf-start", "pending-overwritten", "slot-reused"))
"""Defects of the rework that an instance of Zephyr has."""

_MOST_ENDPOINTS = 254
_MOST_SLOTS = 255


@dataclass(frozen=True, slots=True)
class IcbmsgConfig:
    """Configuration of one side of one instance, from both the devicetree node ``zephyr,ipc-icbmsg`` and Kconfig.

    Devicetree's ``unbound`` is not here: the binding offers it, Zephyr's code ignores it.
    Raises :class:`ConfigurationError` for what can never bind; the text names the fix.
    """

    tx_region: Region
    rx_region: Region
    tx_blocks: int
    rx_blocks: int
    tx_channel: int = 0
    """Mailbox channel that this side rings."""
    rx_channel: int = 1
    """Mailbox channel that the peer rings."""
    dcache_alignment: int = 0
    """Bytes, a power of two; the same on both sides."""
    generation: Generation = "4.1"
    num_ep: int = 4
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP."""
    slots: int = 16
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_MAX_ACTIVE_COUNT, rework only; the same on both sides, it is not negotiated."""
    deinit: bool = True
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_DEINIT, rework only: endpoints can be deregistered, the instance closed."""
    signalling: Signalling | None = None
    """Rings while the control channel bonds, classic only; None = as in the releases of the generation."""
    bond_notify_repeat_to_ms: int = 1
    """Milliseconds between two rings with ``signalling="repeat"``, 1…100."""
    refused: Refused = "release"
    defects: frozenset[Defect] = frozenset()
    """Defects that this side has; those of the rework do nothing elsewhere."""
    rings_back: bool = True
    """Ring once more when the peer's bound packet arrives and it has not read ours, rework only; Zephyr does not."""
    name: str = "icbmsg"
    """The instance's name in messages."""

    def __post_init__(self) -> None:
        one_of("generation", self.generation, get_args(Generation))
        one_of("refused", self.refused, get_args(Refused))
        if self.signalling is not None:
            one_of("signalling", self.signalling, get_args(Signalling))
        for defect in self.defects:
            one_of("defects", defect, get_args(Defect))
        if "blocked-binding" in self.defects and self.generation == "rework":
            raise ConfigurationError(
                "defects = blocked-binding: the rework binds in its interrupt and has no work queue; take generation "
                '"3.6" or "4.1"'
            )
        for field, low, high in (
            ("tx_channel", 0, 0xFFFF),
            ("rx_channel", 0, 0xFFFF),
            ("dcache_alignment", 0, 0x10000),
            ("num_ep", 1, _MOST_ENDPOINTS),
            ("slots", 1, _MOST_SLOTS),
            ("bond_notify_repeat_to_ms", 1, 100),
        ):
            in_range(field, getattr(self, field), low, high)
        if self.tx_region.overlaps(self.rx_region):
            raise ConfigurationError(
                f"tx-region {self.tx_region} and rx-region {self.rx_region} overlap: give each its own memory"
            )
        self.tx_layout.check_count(name="tx-region")
        self.rx_layout.check_count(name="rx-region")
        self.tx_layout.check(name="tx-region")
        self.rx_layout.check(name="rx-region")

    @property
    def tx_layout(self) -> BlockLayout:
        """Layout of the region that this side writes."""
        return self._layout(self.tx_region, self.tx_blocks, self.rx_blocks)

    @property
    def rx_layout(self) -> BlockLayout:
        """Layout of the region that this side reads."""
        return self._layout(self.rx_region, self.rx_blocks, self.tx_blocks)

    @property
    def is_initiator(self) -> bool:
        """True where this side numbers the endpoints: its rx blocks lie lower (classic; the rework has no roles)."""
        return _blocks_address(self.rx_layout) < _blocks_address(self.tx_layout)

    @property
    def control(self) -> InstanceConfig:
        """The ICMsg instance of the classic generations that carries the control messages."""
        signalling: Signalling = "repeat" if self.generation == "3.6" else "ring-back"
        return InstanceConfig(
            tx_region=_control_region(self.tx_layout),
            rx_region=_control_region(self.rx_layout),
            tx_channel=self.tx_channel,
            rx_channel=self.rx_channel,
            dcache_alignment=self.tx_layout.dcache_alignment,
            signalling=self.signalling or signalling,
            bond_notify_repeat_to_ms=self.bond_notify_repeat_to_ms,
            name=self.name,
        )

    def mirrored(self) -> IcbmsgConfig:
        """Return the configuration of the other side: regions, blocks and channels swapped."""
        return replace(
            self,
            tx_region=self.rx_region,
            rx_region=self.tx_region,
            tx_blocks=self.rx_blocks,
            rx_blocks=self.tx_blocks,
            tx_channel=self.rx_channel,
            rx_channel=self.tx_channel,
        )

    def _layout(self, region: Region, local: int, remote: int) -> BlockLayout:
        return BlockLayout.of(
            self.generation,
            region.address,
            region.size,
            local=local,
            remote=remote,
            dcache_alignment=self.dcache_alignment,
            slots=self.slots,
        )


def _blocks_address(layout: BlockLayout) -> int:
    return layout.address + layout.begin + layout.blocks_offset


def _control_region(layout: BlockLayout) -> Region:
    return Region(layout.address + layout.begin, layout.blocks_offset)
