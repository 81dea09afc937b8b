"""Fuzz target: who writes into a region in which the fuzzer plays the reader."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from guarded_memory import GuardedMemory, Violation
from reading import ADDRESS, ALIGNMENTS, CACHE_LINES, chosen_size, guarded_region, peer_writes

from icmsg.config import RegionLayout
from icmsg.errors import BufferFullError, CorruptRegionError, WireError
from icmsg.wire import PacketReader, PacketWriter, PbufReader, PbufWriter, SpscReader, SpscWriter

if TYPE_CHECKING:
    from script import Script

_SIZES = (0, 1, 2, 3, 4, 5, 12, 13, 16, 17, 64, 100, 0xFEFF, 0xFF00, 0xFFFF, 0x10000, 0x10001)


def write_region(script: Script) -> None:
    """Writer of a pbuf, with and without trust in the space it knows, or of an spsc_pbuf.

    As long as the peer keeps to the protocol, its reader gets every packet, in order.
    """
    kind = script.byte()
    spsc = kind % 3 == 2
    layout = _chosen_layout(script, spsc=spsc)
    memory = guarded_region(layout)
    first = layout.wr_idx_offset
    memory.allow(write=[(ADDRESS + first, layout.size - first), (ADDRESS, 12 if spsc else 4)])
    memory.poke(ADDRESS, script.block(script.byte() % layout.size))
    writer: PacketWriter
    reader: PacketReader
    if spsc:
        writer, reader = SpscWriter(memory, ADDRESS, layout), SpscReader(memory.raw, ADDRESS, layout)
    else:
        writer = PbufWriter(memory, ADDRESS, layout, trust_known_space=kind % 3 == 1)
        reader = PbufReader(memory.raw, ADDRESS, layout)
    writer.tx_init()
    reader.rx_init()
    memory.forbid_everything()
    memory.allow(read=[(ADDRESS + layout.rd_idx_offset, 4)], write=[(ADDRESS + first, layout.size - first)])
    _go_on(script, memory, layout, writer, reader)


def _chosen_layout(script: Script, *, spsc: bool) -> RegionLayout:
    if spsc:
        line = script.choose(CACHE_LINES)
        return RegionLayout.spsc_pbuf(chosen_size(script, RegionLayout.spsc_pbuf(0, line).minimum_size), line)
    alignment = script.choose(ALIGNMENTS)
    return RegionLayout.pbuf(chosen_size(script, RegionLayout.pbuf(0, alignment).minimum_size), alignment)


def _go_on(
    script: Script, memory: GuardedMemory, layout: RegionLayout, writer: PacketWriter, reader: PacketReader
) -> None:
    sent: list[bytes] = []
    honest = True
    while script:
        choice = script.byte() % 8
        if choice < 4:
            data = script.block(1) * script.choose(_SIZES)
            if _write(memory, layout, writer, data, honest=honest):
                sent.append(data)
        elif choice < 6 and honest:
            data = reader.read()
            if data != (sent.pop(0) if sent else b""):
                raise Violation(f"{data.hex()} was read, which was not sent next")
        elif choice == 6:
            _free_space(writer)
        else:
            peer_writes(script, memory, layout)
            honest = False
            continue
        memory.begin()


def _write(
    memory: GuardedMemory, layout: RegionLayout, writer: PacketWriter, data: bytes, *, honest: bool
) -> bool:
    before = bytes(memory.memory)
    free = writer.free_space() if honest else -1
    try:
        size = writer.write(data)
    except BufferFullError as error:
        if error.errno != errno.ENOMEM or len(data) <= free:
            raise Violation(f"{len(data)} bytes were refused, {free} are free: {error}") from error
    except CorruptRegionError as error:
        if honest:
            raise Violation(f"the peer was accused: {error}") from error
    except WireError as error:
        if 0 < len(data) <= (0xFEFF if layout.wire == "spsc_pbuf" else 0xFFFF):
            raise Violation(f"{len(data)} bytes were refused: {error}") from error
    else:
        if size != len(data) or not 0 < size <= layout.capacity or (honest and size > free):
            raise Violation(f"{size} bytes of {len(data)} were written, {free} were free")
        return True
    # spsc_pbuf sets its padding marker before it knows, as Zephyr does.
    if layout.wire == "pbuf" and not memory.disturbed and bytes(memory.memory) != before:
        raise Violation("a refused packet left something in memory")
    return False


def _free_space(writer: PacketWriter) -> None:
    try:
        free = writer.free_space()
    except CorruptRegionError:
        return
    if not 0 <= free <= writer.capacity:
        raise Violation(f"{free} bytes are free of {writer.capacity}")
