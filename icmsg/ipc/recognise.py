"""Backend of a configuration, and the one that wrote a region, as far as its bytes tell.

Nothing is written and nothing is consumed, so a live region may be asked at any moment. A region by itself tells its
alignment by where the magic lies, the rework of ICBMsg by a magic of its own, and the other backends by what follows.
With the numbers of blocks, the classic generations of ICBMsg can be told apart::

    >>> from icmsg.config import Region
    >>> from icmsg.hw.bus import MemoryBus
    >>> memory = bytearray(256)
    >>> memory[:36] = bytes.fromhex("00000000 1c000000 000d0000 456d316c314b30726e336c6934000000 00030000 02000000")
    >>> memory[96:104] = bytes.fromhex("04000000 65703000")
    >>> found = recognise(MemoryBus(memory), Region(0, 256))
    >>> found.backend, found.generations, found.is_certain
    ('icbmsg', ('3.6', '4.1'), True)
    >>> found.verdict
    'ICBMsg of Zephyr 3.6 to 4.0 or 4.1 to 4.4'

What nobody cleared may be from an earlier run, and a long run writes over its own beginnings.

Choice of a backend by the type of its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, overload

from icmsg.config.icbmsg import HEADER, BlockLayout, Generation, IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.ipc.bonding import MAGIC, MAGIC_END
from icmsg.ipc.icbmsg.classic import IcbmsgInstance
from icmsg.ipc.icbmsg.packets import CONTROL, block_counts
from icmsg.ipc.icbmsg.packets import MAGIC as REWORK_MAGIC
from icmsg.ipc.icbmsg.rework import IcbmsgReworkInstance
from icmsg.ipc.icmsg_me import IcmsgMeInstance
from icmsg.ipc.instance import IcmsgInstance
from icmsg.wire.announcements import HEADER as QUEUE_HEADER
from icmsg.wire.announcements import HIGH, LENGTH
from icmsg.wire.inspect import packets_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Backend, Observer, SeveralEndpoints
    from icmsg.ipc.clock import Clock


@overload
def backend_for(
    bus: Bus, mailbox: Mailbox, clock: Clock, config: InstanceConfig, *, observer: Observer | None = None
) -> Backend: ...
@overload
def backend_for(
    bus: Bus,
    mailbox: Mailbox,
    clock: Clock,
    config: IcbmsgConfig | IcmsgMeConfig,
    *,
    observer: Observer | None = None,
) -> SeveralEndpoints: ...
def backend_for(
    bus: Bus,
    mailbox: Mailbox,
    clock: Clock,
    config: InstanceConfig | IcbmsgConfig | IcmsgMeConfig,
    *,
    observer: Observer | None = None,
) -> Backend:
    """Return the backend of one side, off; ConfigurationError for a region that ``bus`` does not reach."""
    if isinstance(config, IcbmsgConfig):
        if config.generation == "rework":
            return IcbmsgReworkInstance(bus, mailbox, clock, config, observer=observer)
        return IcbmsgInstance(bus, mailbox, clock, config, observer=observer)
    if isinstance(config, IcmsgMeConfig):
        return IcmsgMeInstance(bus, mailbox, clock, config, observer=observer)
    return IcmsgInstance(bus, mailbox, clock, config, observer=observer)


BackendName = Literal["icmsg", "icbmsg", "icmsg_me"]

_ALIGNMENTS: Final = (4, 8, 16, 32, 64, 128)
_CLASSIC: Final[tuple[Generation, ...]] = ("3.6", "4.1")
_RELEASES: Final = {"3.6": "3.6 to 4.0", "4.1": "4.1 to 4.4"}
_MOST_BLOCKS: Final = 32
_DATA, _BOUND, _RELEASE_BOUND = 0, 2, 3
_LONGEST_NAME: Final = 64
_PACKET: Final = 8
_LAST: Final = 3
"""Control messages that have to be there where the magic is not."""


@dataclass(frozen=True, slots=True)
class RegionWriter:
    """Knowledge of who wrote a region."""

    backend: BackendName | None
    """None where nothing tells it yet."""
    generations: tuple[Generation, ...]
    """Generations of ICBMsg that it may be; empty for the other backends."""
    dcache_alignment: int | None
    """Bytes, 4 stands for 0 too; None where it does not show."""
    is_certain: bool
    """False where an application of another backend might have sent the same bytes."""
    verdict: str
    """The same in words."""


class _Bonded(NamedTuple):
    """A packet buffer that begins with the magic, and the payloads of everything that was sent since."""

    alignment: int
    begin: int
    packets: tuple[bytes, ...]
    end: int
    """Offset behind the last packet, from the region's address."""


def recognise(
    bus: Bus, region: Region, blocks: tuple[int, int] | None = None, *, slots: int = 16
) -> RegionWriter:
    """Tell who wrote ``region``; raises nothing but BusError.

    ``blocks`` are the numbers of blocks of this direction and of the other one, ``slots`` is the depth of the rework's
    queues.
    """
    memory = bus.read_block(region.address, region.size)
    found = _rework(memory)
    if found is None and (bonded := _magic(memory, region)) is not None:
        found = _bonded(memory, region, bonded, blocks)
    if found is None and blocks:
        found = _rework_queue(memory, region, blocks, slots) or _control_ring(memory, region, blocks)
    return found or RegionWriter(
        None, (), None, False, "no traces: nobody has opened it yet, or it has sessions, or a long history"
    )


def _word(memory: bytes, offset: int) -> int:
    return int.from_bytes(memory[offset : offset + 4], "little")


def _rework(memory: bytes) -> RegionWriter | None:
    """Find the bound packet of the rework with its block header."""
    at = memory.find(REWORK_MAGIC)
    while at >= 0:
        header = memory[max(at - HEADER, 0) : at]
        counts = block_counts(memory[at : at + 16])
        if (
            counts is not None
            and len(header) == HEADER
            and header[:2] == b"\x10\0"
            and header[2] < counts[0] <= _MOST_BLOCKS
            and header[3] == CONTROL
            and 1 <= counts[1] <= _MOST_BLOCKS
        ):
            return RegionWriter(
                "icbmsg",
                ("rework",),
                None,
                True,
                f"ICBMsg of Zephyr after 4.4, with {counts[0]} tx and {counts[1]} rx blocks",
            )
        at = memory.find(REWORK_MAGIC, at + 1)
    return None


def _rework_queue(memory: bytes, region: Region, blocks: tuple[int, int], slots: int) -> RegionWriter | None:
    """Find a producer queue whose last entry leads to a block with that number in its header."""
    for layout in _layouts("rework", region, blocks, slots):
        count, high = (_word(memory, layout.begin + offset) for offset in (0, 4))
        consumed, always_0 = (_word(memory, layout.begin + layout.queue_size + offset) for offset in (0, 4))
        if not 1 <= count < 1 << 31 or high > count or always_0 or not count - slots <= consumed <= count:
            continue
        ring = memory[layout.begin + QUEUE_HEADER :][:slots]
        entries = [ring[number % slots] & ~HIGH for number in range(max(count - slots, 0), count)]
        if any(entry >= layout.block_count for entry in entries):
            continue
        header = memory[layout.begin + layout.blocks_offset + entries[-1] * layout.block_size :][:HEADER]
        size = int.from_bytes(header[:2], "little")
        if header[2] == entries[-1] and HEADER < size + HEADER <= layout.block_size * (
            layout.block_count - header[2]
        ):
            return RegionWriter(
                "icbmsg",
                ("rework",),
                layout.dcache_alignment,
                count > 1,
                "ICBMsg of Zephyr after 4.4, by its queue",
            )
    return None


def _layouts(
    generation: Generation, region: Region, blocks: tuple[int, int], slots: int = 16
) -> Iterator[BlockLayout]:
    """Yield the layouts with every alignment that leaves room for blocks."""
    for alignment in _ALIGNMENTS:
        layout = BlockLayout.of(
            generation,
            region.address,
            region.size,
            local=blocks[0],
            remote=blocks[1],
            dcache_alignment=alignment,
            slots=slots,
        )
        if layout.block_size >= HEADER:
            yield layout


def _magic(memory: bytes, region: Region) -> _Bonded | None:
    """Find the magic as the first packet of a pbuf; as long as it is there, the ring has not come around."""
    for alignment in _ALIGNMENTS:
        begin = -region.address % alignment
        data = memory[begin + alignment + 4 :]
        wr = _word(memory, begin + alignment)
        if (
            data[:2] != len(MAGIC).to_bytes(2, "big")
            or data[4 : 4 + len(MAGIC)] != MAGIC
            or wr % 4
            or wr >= len(data)
        ):
            continue
        packets, _problem = packets_between(data, MAGIC_END, wr) if wr > MAGIC_END else ((), None)
        end = begin + alignment + 4 + wr
        return _Bonded(alignment, begin, tuple(packet.payload for packet in packets), end)
    return None


def _bonded(memory: bytes, region: Region, bonded: _Bonded, blocks: tuple[int, int] | None) -> RegionWriter:
    packets = bonded.packets
    if not packets:
        return RegionWriter(
            None,
            (),
            bonded.alignment,
            False,
            "the magic of ICMsg and nothing behind it: ICMsg, icmsg_me, or ICBMsg of Zephyr 3.6 to 4.4",
        )
    if _are_control(packets):
        known = _by_name(memory, bonded) if blocks is None else _by_blocks(memory, region, bonded, blocks)
        return _classic(known or _CLASSIC, bonded.alignment, is_certain=bool(known))
    if _is_discovery(packets[0]):
        return RegionWriter(
            "icmsg_me", (), bonded.alignment, False, "icmsg_me, or ICMsg whose messages begin as its do"
        )
    return RegionWriter("icmsg", (), bonded.alignment, True, "ICMsg, which bonded by the magic")


def _classic(generations: tuple[Generation, ...], alignment: int, *, is_certain: bool) -> RegionWriter:
    releases = " or ".join(_RELEASES[generation] for generation in generations)
    doubt = "" if is_certain else ", or ICMsg whose messages look like its control messages"
    return RegionWriter("icbmsg", generations, alignment, is_certain, f"ICBMsg of Zephyr {releases}{doubt}")


def _are_control(packets: tuple[bytes, ...]) -> bool:
    """Tell whether all are control messages of ICBMsg; the first binds an endpoint, or is data sent while that."""
    if any(len(packet) != LENGTH or packet[0] > _RELEASE_BOUND for packet in packets):
        return False
    kinds = [packet[0] for packet in packets]
    return kinds[0] in (_BOUND, _RELEASE_BOUND) or (kinds[0] == _DATA and _RELEASE_BOUND in kinds)


def _is_discovery(packet: bytes) -> bool:
    """Tell whether it is the first packet of icmsg_me: 0, a number from 1 on, and (of the initiator) a name."""
    return len(packet) >= 2 and packet[0] == 0 and 0 < packet[1] < 0xFF and all(packet[2:])


def _by_name(memory: bytes, bonded: _Bonded) -> tuple[Generation, ...]:
    """Return the generations that can have put the first name where it lies; none where it is not there any more."""
    first = bonded.packets[0]
    if first[0] != _BOUND:
        return ()
    for offset in range(bonded.end + 3 & ~3, len(memory) - HEADER, 4):
        if _is_name(memory, offset, len(memory)):
            is_aligned = (offset - bonded.begin) % bonded.alignment == 0
            return _CLASSIC if is_aligned or first[2] else ("4.1",)
    return ()


def _by_blocks(
    memory: bytes, region: Region, bonded: _Bonded, blocks: tuple[int, int]
) -> tuple[Generation, ...]:
    """Return the generations with whose layout the last message or name lies where it is said to."""
    said = [packet for packet in bonded.packets if packet[0] in (_DATA, _BOUND)]
    return tuple(
        generation
        for generation in _CLASSIC
        for layout in _layouts(generation, region, blocks)
        if layout.dcache_alignment == bonded.alignment
        and bonded.end <= layout.begin + layout.blocks_offset
        and said
        and _has_message(memory, layout, said[-1])
    )


def _has_message(memory: bytes, layout: BlockLayout, said: bytes) -> bool:
    """Tell whether there can be the message, or is the name, that the control message ``said`` is of."""
    area = layout.begin + layout.blocks_offset
    offset = area + said[2] * layout.block_size
    end = area + layout.block_size * layout.block_count
    if said[0] == _BOUND:
        return _is_name(memory, offset, end)
    return offset + HEADER + _word(memory, offset) <= end


def _is_name(memory: bytes, offset: int, end: int) -> bool:
    size = _word(memory, offset)
    if not 2 <= size <= _LONGEST_NAME or offset + HEADER + size > end:
        return False
    name = memory[offset + HEADER : offset + HEADER + size]
    return name[-1] == 0 and all(0x20 <= byte < 0x7F for byte in name[:-1])


def _control_ring(memory: bytes, region: Region, blocks: tuple[int, int]) -> RegionWriter | None:
    """Find an ICMsg region of ICBMsg whose ring has come around, by its last control messages.

    Old ones lie everywhere in it: of several alignments, that is taken with which the fewest wait to be read.
    """
    found = [
        (waiting, layout.dcache_alignment, generation)
        for generation in _CLASSIC
        for layout in _layouts(generation, region, blocks)
        if (waiting := _waiting(memory, layout)) is not None
    ]
    if not found:
        return None
    fewest, alignment, _ = min(found)
    generations = tuple(each for waiting, a, each in found if (waiting, a) == (fewest, alignment))
    return _classic(generations, alignment, is_certain=False)


def _waiting(memory: bytes, layout: BlockLayout) -> int | None:
    """Return the bytes that wait in a ring whose last packets are control messages; None where it is none."""
    data = layout.begin + layout.dcache_alignment + 4
    ring = memory[data : layout.begin + layout.blocks_offset]
    rd, wr = _word(memory, layout.begin), _word(memory, data - 4)
    if rd % 4 or wr % 4 or rd >= len(ring) or wr >= len(ring):
        return None
    turned = ring[wr:] + ring[:wr]
    last = [turned[len(turned) - _PACKET * number :][:_PACKET] for number in range(_LAST, 0, -1)]
    if any(packet[:HEADER] != b"\0\3\0\0" or packet[HEADER] > _RELEASE_BOUND for packet in last):
        return None
    said = [packet[HEADER:7] for packet in last if packet[HEADER] in (_DATA, _BOUND)]
    return (wr - rd) % len(ring) if not said or _has_message(memory, layout, said[-1]) else None
