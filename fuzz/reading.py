"""Fuzz targets: who reads a region that the fuzzer writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expected import Packet, next_pbuf_packet, next_spsc_packet, pbuf_packets
from guarded_memory import BASE, GAP, GuardedMemory, Violation

from icmsg.config import RegionLayout
from icmsg.errors import BufferTooSmallError, CorruptRegionError, IncompletePacketError, WireError
from icmsg.wire import PbufReader, SpscReader, first_packet_is
from icmsg.wire.inspect import PbufFollower, inspect_region

if TYPE_CHECKING:
    from script import Script

ADDRESS = BASE + 2 * GAP
ALIGNMENTS = (0, 4, 8, 16, 32, 64, 128)
CACHE_LINES = (0, 16, 32, 64, 128)

_REFUSALS = (CorruptRegionError, BufferTooSmallError, IncompletePacketError)
_CAPACITIES = (None, 1, 13, 16, 128)


def guarded_region(layout: RegionLayout) -> GuardedMemory:
    """Return memory with one readable region at ``ADDRESS``."""
    memory = GuardedMemory(2 * GAP + layout.size + GAP)
    memory.allow(read=[(ADDRESS, layout.size)])
    return memory


def chosen_size(script: Script, minimum: int) -> int:
    """Let the script choose how many bytes a region has."""
    return minimum + 4 * script.byte()


def peer_writes(script: Script, memory: GuardedMemory, layout: RegionLayout) -> None:
    """The peer overwrites something in the region: a field, or up to 15 bytes anywhere; now or within a call."""
    choice = script.byte()
    fields = (layout.wr_idx_offset, layout.rd_idx_offset, layout.data_offset, 0, 4)
    if choice & 1:
        offset, data = fields[(choice >> 4) % len(fields)], script.block(4)
    else:
        data = script.block(choice >> 4)
        offset = script.word() % (layout.size - len(data) + 1)
    if choice & 2:
        memory.poke_before(script.byte() % 16, ADDRESS + offset, data)
    else:
        memory.poke(ADDRESS + offset, data)


def read_pbuf(script: Script) -> None:
    """Reader, follower, inspector and magic detector of one pbuf."""
    alignment = script.choose(ALIGNMENTS)
    layout = RegionLayout.pbuf(chosen_size(script, RegionLayout.pbuf(0, alignment).minimum_size), alignment)
    memory = guarded_region(layout)
    memory.allow(write=[(ADDRESS + layout.rd_idx_offset, 4)])
    memory.poke(ADDRESS, script.block(layout.size))
    watcher = guarded_region(layout)
    watcher.raw = memory.raw  # the same bytes, nothing writable
    reader, follower = PbufReader(memory, ADDRESS, layout), PbufFollower(watcher, ADDRESS, layout)
    reader.rx_init()
    rd = followed = 0
    while script:
        choice = script.byte() % 8
        if choice < 3:
            rd = _read_next_pbuf(script, memory, reader, layout, rd)
        elif choice == 3:
            _peek(reader)
        elif choice == 4:
            _inspect(watcher, layout)
        elif choice == 5:
            followed = _follow(watcher, follower, layout, followed)
        elif choice == 6:
            _look_for_first_packet(script, watcher, layout)
        else:
            peer_writes(script, memory, layout)
            continue  # what the peer wants to write within a call stays for the next
        memory.begin()
        watcher.begin()
    if bytes(memory.memory[: 2 * GAP]) != bytes(2 * GAP):
        raise Violation("memory before the region was written")


def read_spsc(script: Script) -> None:
    """Reader of one spsc_pbuf."""
    line = script.choose(CACHE_LINES)
    layout = RegionLayout.spsc_pbuf(chosen_size(script, RegionLayout.spsc_pbuf(0, line).minimum_size), line)
    memory = guarded_region(layout)
    memory.allow(write=[(ADDRESS + layout.rd_idx_offset, 4)])
    memory.poke(ADDRESS, script.block(layout.size))
    reader = SpscReader(memory, ADDRESS, layout)
    while script:
        choice = script.byte() % 4
        if choice < 2:
            data, wr = _data_and_wr(memory, layout)
            word = memory.raw.read32
            expected = next_spsc_packet(data, word(ADDRESS), word(ADDRESS + layout.rd_idx_offset), wr)
            _read_as_expected(script, memory, reader, layout, expected)
        elif choice == 2:
            _peek(reader)
        else:
            peer_writes(script, memory, layout)
            continue
        memory.begin()


def _data_and_wr(memory: GuardedMemory, layout: RegionLayout) -> tuple[bytes, int]:
    data = memory.raw.read_block(ADDRESS + layout.data_offset, layout.data_length)
    return data, memory.raw.read32(ADDRESS + layout.wr_idx_offset)


def _read_next_pbuf(
    script: Script, memory: GuardedMemory, reader: PbufReader, layout: RegionLayout, rd: int
) -> int:
    """Read once; return the index that the reader, which keeps it to itself, must have now."""
    data, wr = _data_and_wr(memory, layout)
    expected = next_pbuf_packet(data, rd, wr)
    taken = _read_as_expected(script, memory, reader, layout, expected)
    return memory.raw.read32(ADDRESS + layout.rd_idx_offset) if taken else rd


def _read_as_expected(
    script: Script,
    memory: GuardedMemory,
    reader: PbufReader | SpscReader,
    layout: RegionLayout,
    expected: Packet,
) -> bool:
    """Read once and return whether a packet was taken; it is the expected one unless the peer interfered."""
    capacity = script.choose(_CAPACITIES)
    before = memory.raw.read32(ADDRESS + layout.rd_idx_offset)
    try:
        payload = reader.read(capacity)
    except _REFUSALS as error:
        too_long = expected.payload and capacity is not None and len(expected.payload) > capacity
        if not memory.disturbed and expected.payload is not None and not too_long:
            raise Violation(f"{expected.payload.hex()} was refused: {error}") from error
        _check_text(error)
        if isinstance(reader, PbufReader) and not memory.disturbed:
            _check_equal("rd_idx after a refusal", memory.raw.read32(ADDRESS), before)
        return False
    if capacity is not None and len(payload) > capacity:
        raise Violation(f"{len(payload)} bytes for a capacity of {capacity}")
    if not memory.disturbed:
        _check_equal("payload", payload, expected.payload)
        if payload:
            _check_equal("rd_idx", memory.raw.read32(ADDRESS + layout.rd_idx_offset), expected.rd)
    return bool(payload)


def _peek(reader: PbufReader | SpscReader) -> None:
    try:
        if reader.peek() < 0:
            raise Violation("a negative length")
    except CorruptRegionError as error:
        _check_text(error)


def _inspect(memory: GuardedMemory, layout: RegionLayout) -> None:
    view = inspect_region(memory, ADDRESS, layout)
    data, wr = _data_and_wr(memory, layout)
    rd = memory.raw.read32(ADDRESS)
    valid = not any(index % 4 or index >= len(data) for index in (rd, wr))
    packets, complete = pbuf_packets(data, rd, wr) if valid else ([], False)
    _check_equal("pending packets", list(view.pending), packets)
    _check_equal("soundness", view.problem is None, valid and complete)
    str(view)


def _follow(memory: GuardedMemory, follower: PbufFollower, layout: RegionLayout, rd: int) -> int:
    """Poll once; return where the follower, which was at ``rd``, must be now."""
    data, wr = _data_and_wr(memory, layout)
    expected, complete = pbuf_packets(data, rd, wr)
    try:
        _check_equal("followed packets", follower.poll(), expected)
    except _REFUSALS as error:
        if complete or expected:
            raise Violation(f"{len(expected)} packets were not followed: {error}") from error
        _check_text(error)
        follower.restart()
        return 0
    _check_equal("consumed", follower.consumed, memory.raw.read32(ADDRESS) != 0)
    for packet in expected:
        rd = (rd + 4 + -(-len(packet) // 4) * 4) % len(data)
    return rd


def _look_for_first_packet(script: Script, memory: GuardedMemory, layout: RegionLayout) -> None:
    wanted = script.block(1 + script.byte() % 16)
    data, wr = _data_and_wr(memory, layout)
    found = first_packet_is(memory, ADDRESS, layout, wanted)
    there = data[:2] == len(wanted).to_bytes(2, "big") and data[4 : 4 + len(wanted)] == wanted
    if found and not (there and 4 + len(wanted) <= wr < layout.data_length):
        raise Violation(f"{wanted.hex()} was found where it is not")


def _check_text(error: WireError) -> None:
    if not str(error) or error.errno <= 0:
        raise Violation(f"an error without words or errno: {error!r}")


def _check_equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Violation(f"{what}: {found!r}, expected {expected!r}")
