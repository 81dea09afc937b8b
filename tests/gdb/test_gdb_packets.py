"""Packets out of a stream: escapes, checksums, garbage, and what never ends."""

from __future__ import annotations

import random

from icmsg.gdb.session import INTERRUPT, LARGEST, Corrupt, GdbPacketReader, frame


def read(*parts: bytes) -> list[bytes]:
    reader = GdbPacketReader()
    found: list[bytes] = []
    for part in parts:
        reader.feed(part)
        found += reader.packets()
    return found


def test_what_is_framed_is_read_whatever_is_in_it() -> None:
    source = random.Random(1)
    for _ in range(200):
        data = source.randbytes(source.randrange(100))
        assert read(frame(data)) == [data]
        assert read(*(bytes((byte,)) for byte in frame(data))) == [data]


def test_acknowledgements_and_garbage_are_skipped_and_interrupts_are_not() -> None:
    assert read(b"+-+\xff" + frame(b"g") + b"zz\x03+" + frame(b"?")) == [b"g", INTERRUPT, b"?"]


def test_a_wrong_checksum_is_a_corrupt_packet() -> None:
    assert [type(packet) for packet in read(b"$g#00", b"$g#zz", b"$g#67")] == [Corrupt, Corrupt, bytes]


def test_a_packet_that_never_ends_is_kept_within_bounds() -> None:
    reader = GdbPacketReader()
    for _ in range(100):
        reader.feed(b"$" + b"x" * 5000)
        assert list(reader.packets()) == []
        assert reader.kept <= LARGEST + 1
    reader.feed(b"#" + frame(b"g"))
    assert list(reader.packets())[-1] == b"g"
