"""Offsets of one ICBMsg region in its three generations: the wire layout, written down once.

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

from dataclasses import dataclass
from typing import Literal

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
