"""Bytes of a region, one by one, at the limits of what tells who wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from icmsg.config import Region
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import MAGIC
from icmsg.ipc.recognise import RegionWriter, recognise

BOTH = ("3.6", "4.1")
ANY = "ICBMsg of Zephyr 3.6 to 4.0 or 4.1 to 4.4"
DOUBT = ", or ICMsg whose messages look like its control messages"
ICMSG = ("icmsg", (), True, "ICMsg, which bonded by the magic")
ICMSG_ME = ("icmsg_me", (), False, "icmsg_me, or ICMsg whose messages begin as its do")
CERTAIN = ("icbmsg", BOTH, True, ANY)
PERHAPS = ("icbmsg", BOTH, False, ANY + DOUBT)
NEW = ("icbmsg", ("4.1",), True, "ICBMsg of Zephyr 4.1 to 4.4")
NOBODY = (None, (), False, "no traces: nobody has opened it yet, or it has sessions, or a long history")


def packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + b"\0\0" + payload + bytes(-len(payload) % 4)


def bonded(*packets: bytes, alignment: int = 4, begin: int = 0, size: int = 256) -> bytearray:
    """Return a region whose packet buffer holds the magic and ``packets``."""
    memory = bytearray(size)
    data = packet(MAGIC) + b"".join(map(packet, packets))
    memory[begin + alignment : begin + alignment + 4] = len(data).to_bytes(4, "little")
    memory[begin + alignment + 4 : begin + alignment + 4 + len(data)] = data
    return memory


def told(memory: bytearray, blocks: Any = None, address: int = 0) -> tuple[Any, ...]:
    found = recognise(MemoryBus(memory, base=address), Region(address, len(memory)), blocks)
    return found.backend, found.generations, found.is_certain, found.verdict


def with_block(memory: bytearray, offset: int, payload: bytes, size: int | None = None) -> bytearray:
    header = (len(payload) if size is None else size).to_bytes(4, "little")
    memory[offset : offset + 4 + len(payload)] = header + payload
    return memory


def test_what_bonded_is_told_by_its_packets() -> None:
    nothing = "the magic of ICMsg and nothing behind it: ICMsg, icmsg_me, or ICBMsg of Zephyr 3.6 to 4.4"
    for packets, expected in (
        ([], (None, (), False, nothing)),
        ([b"hello"], ICMSG),
        ([b"\0"], ICMSG),
        ([b"\0\1ep"], ICMSG_ME),
        ([b"\0\1"], ICMSG_ME),
        ([b"\0\xfeep"], ICMSG_ME),
        ([b"\0\xffep"], ICMSG),
        ([b"\0\0ep"], ICMSG),
        ([b"\0\1\0p"], ICMSG),
        ([b"\1\1ep"], ICMSG),
        ([b"\3\0\0"], PERHAPS),
        ([b"\4\0\0"], ICMSG),
        ([b"\3\0\0", b"\0\0\0\0"], ICMSG),
        ([b"\0\3\0"], ICMSG),
        ([b"\0\3\0", b"\1\3\0"], ICMSG),
        ([b"\0\2\0", b"\3\0\0"], PERHAPS),
        ([b"\1\0\0", b"\3\0\0"], ICMSG),
        ([b"\1\0\0", b"\0\0\0", b"\3\0\0"], ICMSG),
        ([b"\2\0\0"], PERHAPS),
    ):
        assert told(bonded(*packets)) == expected, packets


def test_the_writer_knows_the_alignment_wherever_the_region_begins() -> None:
    for alignment in (4, 8, 16, 32, 64, 128):
        for address in (0, 4, 20):
            begin = -address % alignment
            for packets in ([], [b"hello"], [b"\0\1ep"], [b"\2\0\0"]):
                memory = bonded(*packets, alignment=alignment, begin=begin, size=512)
                found = recognise(MemoryBus(memory, base=address), Region(address, 512))
                assert isinstance(found, RegionWriter)
                assert found.dcache_alignment == alignment


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (b"\0", False),
        (b"e\0", True),
        (b"\x20~\0", True),
        (b"e\x1f\0", False),
        (b"\x7fe\0", False),
        (b"e\x7f\0", False),
        (b"e\0e\0", False),
        (b"ep0", False),
        (b"n" * 63 + b"\0", True),
        (b"n" * 64 + b"\0", False),
    ],
)
def test_a_name_is_printable_and_ends_with_the_only_nul(name: bytes, is_one: bool) -> None:
    for blocks, offset in ((None, 160), ((4, 4), 96)):
        memory = with_block(bonded(b"\2\0\0"), offset, name)
        assert told(memory, blocks) == (CERTAIN if is_one else PERHAPS), blocks


def test_a_first_name_counts_from_the_last_packet_to_the_end_of_the_region() -> None:
    end = 8 + 20 + 8
    for offset, expected in ((end, CERTAIN), (end + 2, PERHAPS), (248, CERTAIN)):
        assert told(with_block(bonded(b"\2\0\0"), offset, b"ep0\0")) == expected, offset
    into_it = bonded(b"\2\0\0")
    into_it[end : end + 2] = b"e\0"  # with the packet's payload it would be a name of two bytes
    assert told(into_it) == PERHAPS
    assert told(with_block(bonded(b"\2\0\0"), 252, b"", 2)) == PERHAPS
    for size, expected in ((8, CERTAIN), (9, PERHAPS)):
        assert told(with_block(bonded(b"\2\0\0"), 244, b"endpoin\0", size)) == expected, size


def test_where_the_first_name_lies_tells_the_generation() -> None:
    for begin, address, alignment in ((0, 0, 8), (4, 12, 8), (4, 12, 16)):
        for offset, block, expected in ((96, 0, CERTAIN), (100, 0, NEW), (100, 1, CERTAIN)):
            memory = bonded(bytes((2, 0, block)), alignment=alignment, begin=begin)
            assert told(with_block(memory, begin + offset, b"ep0\0"), None, address) == expected


def test_a_message_lies_in_the_blocks_that_it_was_announced_in() -> None:
    for message, offset, size, expected in (
        (b"\0\2\0", 96, 156, CERTAIN),
        (b"\0\2\0", 96, 157, PERHAPS),
        (b"\0\2\3", 216, 36, CERTAIN),
        (b"\0\2\3", 216, 37, PERHAPS),
        (b"\0\2\4", 216, 4, PERHAPS),
        (b"\0\2\1", 136, 117, PERHAPS),
    ):
        memory = with_block(bonded(b"\3\0\0", message), offset, b"", size)
        assert told(memory, (4, 4)) == expected, (message, size)
    memory = with_block(bonded(b"\2\0\1", b"\0\2\0"), 136, b"", 4)
    assert told(memory, (4, 4)) == CERTAIN, "the last message counts"
    assert told(with_block(bonded(b"\2\0\1"), 136, b"ep0\0"), (4, 4)) == CERTAIN
    assert told(bonded(b"\3\0\0"), (4, 4)) == PERHAPS
    full = bonded(b"\2\0\3", *[b"\1\0\0"] * 7)
    assert told(with_block(full, 216, b"ep0\0"), (4, 4)) == CERTAIN
    to_the_blocks = bonded(b"\2\0\3", *[b"\1\0\0"] * 7, alignment=8)
    assert told(with_block(to_the_blocks, 216, b"ep0\0"), (4, 4)) == CERTAIN
    beyond = bonded(b"\2\0\3", *[b"\1\0\0"] * 8)
    assert told(with_block(beyond, 216, b"ep0\0"), (4, 4)) == PERHAPS


def ring(*last: bytes, rd: int = 0, wr: int = 0) -> bytearray:
    """Return a region of 4 blocks each way whose ring of 88 bytes has come around; ``last`` end before ``wr``."""
    memory = bytearray(256)
    data = bytearray(packet(b"\1\0\0") * 11)
    for number, message in enumerate(reversed(last)):
        at = (wr - 8 * (number + 1)) % 88
        data[at : at + 8] = packet(message)
    memory[:8] = rd.to_bytes(4, "little") + wr.to_bytes(4, "little")
    memory[8:96] = data
    return memory


def test_a_ring_that_has_come_around_is_told_by_its_last_three_messages() -> None:
    for last, expected in (
        ([b"\1\0\0", b"\1\0\0", b"\1\0\0"], PERHAPS),
        ([b"\0\0\0", b"\3\0\0", b"\1\0\0"], PERHAPS),
        ([b"\4\0\0", b"\1\0\0", b"\1\0\0"], NOBODY),
        ([b"\1\0\0", b"\4\0\0", b"\1\0\0"], NOBODY),
        ([b"\1\0\0", b"\1\0\0", b"\4\0\0"], NOBODY),
        ([b"\1\0\0", b"\1\0\0", b"\0\0\4"], NOBODY),
        ([b"\0\0\4", b"\1\0\0", b"\0\0\3"], PERHAPS),
        ([b"\0\0\3", b"\1\0\0", b"\0\0\4"], NOBODY),
        ([b"\1\0\0", b"\1\0\0", b"\2\0\0"], NOBODY),
    ):
        for wr in (0, 8, 40, 80):
            assert told(ring(*last, wr=wr), (4, 4)) == expected, (last, wr)
    other = ring()
    other[8 + 80] = 1
    assert told(other, (4, 4)) == NOBODY


def test_a_ring_whose_indices_are_none_is_not_one() -> None:
    for rd, wr, expected in (
        (84, 0, PERHAPS),
        (88, 0, NOBODY),
        (2, 0, NOBODY),
        (8, 88, NOBODY),
        (88, 88, NOBODY),
    ):
        assert told(ring(rd=rd, wr=wr), (4, 4)) == expected, (rd, wr)
    shifted = ring(rd=0, wr=2)
    assert told(shifted, (4, 4)) == NOBODY


def queue(
    count: int,
    high: int = 0,
    consumed: int = 0,
    entries: bytes = b"\2",
    header: str = "05000200",
    zero: int = 0,
) -> bytearray:
    """Return a region of the rework with 4 blocks each way and 16 slots."""
    memory = bytearray(256)
    memory[0:8] = count.to_bytes(4, "little") + high.to_bytes(4, "little")
    memory[8 : 8 + len(entries)] = entries
    memory[24:32] = consumed.to_bytes(4, "little") + zero.to_bytes(4, "little")
    at = 48 + 52 * (entries[(count - 1) % 16] & 0x7F)
    memory[at : at + 4] = bytes.fromhex(header)
    return memory


def test_a_queue_of_the_rework_is_told_by_counts_entries_and_the_block_of_the_last_one() -> None:
    by_queue = "ICBMsg of Zephyr after 4.4, by its queue"
    once, often = ("icbmsg", ("rework",), False, by_queue), ("icbmsg", ("rework",), True, by_queue)
    sixteen = bytes([0, 1, 2, 3] * 4)
    for memory, expected in (
        (queue(1), once),
        (queue(1, high=1), once),
        (queue(1, high=2), NOBODY),
        (queue(1, consumed=1), once),
        (queue(1, consumed=2), NOBODY),
        (queue(1, zero=1), NOBODY),
        (queue(1, entries=b"\x82"), once),
        (queue(1, entries=b"\3", header="05000300"), once),
        (queue(2, entries=b"\1\2"), often),
        (queue(2, entries=b"\4\2"), NOBODY),
        (queue(1, header="00000200"), NOBODY),
        (queue(1, header="01000200"), once),
        (queue(1, header="64000200"), once),
        (queue(1, header="65000200"), NOBODY),
        (queue(1, header="05000100"), NOBODY),
        (queue(16, entries=sixteen, header="05000300"), often),
        (queue(17, entries=sixteen, consumed=1, header="05000000"), often),
        (queue(17, entries=sixteen, consumed=0, header="05000000"), NOBODY),
        (queue(20, entries=sixteen, consumed=4, header="05000300"), often),
    ):
        assert told(memory, (4, 4)) == expected, memory.hex()
    assert told(queue(1), None) == NOBODY


def test_the_bound_packet_of_the_rework_counts_with_numbers_that_can_be() -> None:
    for header, counts, known in (
        ("100000ff", "0400000004000000", "4 tx and 4 rx"),
        ("100003ff", "0400000004000000", "4 tx and 4 rx"),
        ("100000ff", "2000000020000000", "32 tx and 32 rx"),
        ("100000ff", "0100000001000000", "1 tx and 1 rx"),
        ("100000ff", "2100000004000000", None),
        ("100000ff", "0400000021000000", None),
        ("100000ff", "0400000000000000", None),
        ("100004ff", "0400000004000000", None),
    ):
        for before in (0, 64, 256 - 20):
            memory = bytearray(256)
            memory[before : before + 20] = bytes.fromhex(header + "ab896745456789ab" + counts)
            verdict = f"ICBMsg of Zephyr after 4.4, with {known} blocks"
            expected = NOBODY if known is None else ("icbmsg", ("rework",), True, verdict)
            assert told(memory) == expected, (header, counts, before)
    twice = bytearray(256)
    twice[60:68] = bytes.fromhex("ab896745456789ab")
    twice[100:120] = bytes.fromhex("100000ffab896745456789ab0400000004000000")
    assert told(twice)[0] == "icbmsg"
