"""What counts as a trace of a peer and what only looks like one, and every verdict in full."""

from __future__ import annotations

from typing import Any

import pytest
from two_instances import BASE

from icmsg.config import InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import MAGIC, PeerTraces, identify

SIZE = 64
SPSC: dict[str, Any] = {"wire": "spsc_pbuf", "signalling": "repeat"}
SESSIONS: dict[str, Any] = {"unbound": "enable", "dcache_alignment": 8}
HELLO = b"\0\x05\0\0hello"  # takes 12 bytes


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def look(rx: bytes, *, tx: bytes = b"", size: int = SIZE, **options: Any) -> PeerTraces:
    """Identify the peer that left ``rx`` and ``tx``, each followed by zeros up to ``size`` bytes."""
    memory = bytearray(tx.ljust(SIZE, b"\0") + rx.ljust(size, b"\0"))
    config = InstanceConfig(Region(BASE, size), Region(BASE + SIZE, size), **options)
    return identify(MemoryBus(memory, base=BASE), config)


def ring(rd: int, wr: int, *packets: tuple[int, bytes]) -> bytes:
    """Return a pbuf region without alignment: 56 data bytes from offset 8, with bytes at these indices."""
    region = bytearray(words(rd, wr).ljust(SIZE, b"\0"))
    for index, data in packets:
        region[8 + index : 8 + index + len(data)] = data
    return bytes(region)


@pytest.mark.parametrize(
    "region",
    [
        ring(0, 12, (0, HELLO)),
        ring(0, 24, (0, HELLO), (12, HELLO)),
        ring(44, 0, (44, HELLO)),
        ring(52, 8, (52, HELLO[:4]), (0, HELLO[4:])),
        ring(0, 52, (0, b"\0\x30")),
        ring(0, 8, (0, b"\0\x01")),
    ],
    ids=["one", "two", "up to the end", "around the end", "the longest", "the shortest"],
)
def test_waiting_packets_that_lead_exactly_to_wr_idx_are_a_trace(region: bytes) -> None:
    traces = look(region)
    assert traces == PeerTraces(
        "pbuf", 4, None, can_bond=True, verdict="peer uses pbuf with unknown bonding: it fits"
    )


@pytest.mark.parametrize(
    "region",
    [
        ring(0, 8, (0, HELLO)),
        ring(0, 16, (0, HELLO)),
        ring(0, 10, (0, HELLO)),
        ring(2, 14, (2, HELLO)),
        ring(44, 56, (44, HELLO)),
        ring(0, 68, (0, HELLO)),
        ring(56, 12, (0, HELLO)),
        ring(0, 8),
        ring(0, 12, (0, b"\0\x05\0\1")),
        ring(0, 12, (0, b"\0\x05\1\0")),
        ring(0, 24, (0, HELLO), (12, b"\0\x05\0\2")),
    ],
    ids=[
        "too long", "something behind", "odd wr", "odd indices", "wr at the end", "wr beyond", "rd beyond",
        "length 0", "reserved bits", "other reserved bits", "reserved bits in the second",
    ],
)  # fmt: skip
def test_what_does_not_lead_to_wr_idx_is_no_trace(region: bytes) -> None:
    traces = look(region)
    assert (traces.wire, traces.dcache_alignment, traces.can_bond) == (None, None, None)


def test_the_smallest_regions_have_traces_too() -> None:
    pbuf = look(words(0, 0, 8) + b"\0\x01\0\0x", size=24, **SESSIONS)
    assert (pbuf.wire, pbuf.dcache_alignment) == ("pbuf", 8)
    spsc = look(words(12, 1, 0, 0), size=28, **SESSIONS)
    assert (spsc.wire, spsc.dcache_alignment) == ("spsc_pbuf", 0)


def test_a_cache_line_that_leaves_too_little_data_is_not_found() -> None:
    assert look(words(8, 1, 0, 0), size=28, **SESSIONS).wire is None
    assert look(words(8, 1, 0, 0, 0, 0, 0), size=28, **SESSIONS).wire is None


@pytest.mark.parametrize("indices", [(48, 0), (0, 48), (2, 0), (0, 2), (49, 0), (0, 0xFFFFFFFC)])
def test_an_spsc_header_needs_two_indices_that_fit(indices: tuple[int, int]) -> None:
    assert look(words(48, 1, 44, 44)).wire == "spsc_pbuf"
    assert look(words(48, 1, *indices)).wire is None


@pytest.mark.parametrize("header", [(48, 0), (48, 2), (40, 1), (52, 1)])
def test_an_spsc_header_needs_its_flag_and_the_data_length_of_the_region(header: tuple[int, int]) -> None:
    assert look(words(*header, 0, 0)).wire is None


@pytest.mark.parametrize(("wr", "found"), [(20, True), (0, True), (52, True), (56, False), (22, False)])
def test_the_magic_counts_while_wr_idx_fits(wr: int, found: bool) -> None:
    traces = look(ring(20, wr, (0, b"\0\x0d\0\0" + MAGIC)))
    assert traces.bonding == ("magic" if found else None)


@pytest.mark.parametrize(
    ("first", "found"),
    [(b"\0\x0d\0\0" + MAGIC, True), (b"\0\x0e\0\0" + MAGIC, False), (b"\1\x0d\0\0" + MAGIC, False),
     (b"\0\x0d\0\0" + MAGIC[:-1], False)],
)  # fmt: skip
def test_the_magic_needs_its_header(first: bytes, found: bool) -> None:
    assert (look(ring(0, 4, (0, first))).bonding == "magic") is found


def test_the_own_alignment_wins_over_another_that_would_fit_as_well() -> None:
    # At alignment 4 wr_idx is the word at 4, at 8 the one at 8, where the first packet of the other lies.
    region = bytearray(SIZE)
    region[4:8] = words(8)
    region[8:12] = b"\x08\0\0\0"
    region[12:16] = b"\0\1\0\0"
    assert look(bytes(region), **SESSIONS).dcache_alignment == 8


@pytest.mark.parametrize(
    ("word", "packet", "bonding"),
    [
        (0, b"", None),
        (1, b"", "session"),
        (0x10000, b"", None),
        (0x10001, b"", "session"),
        (1, b"\0\x01\0\0x", None),
        (0x10001, b"\0\x01\0\0x", "session"),
        (0x10000, b"\0\x01\0\0x", None),
    ],
)
def test_a_session_id_counts_when_it_is_acknowledged_or_alone(
    word: int, packet: bytes, bonding: str | None
) -> None:
    rx = words(0, 0, 8 if packet else 0) + packet
    assert look(rx, tx=words(0, word), **SESSIONS).bonding == bonding


@pytest.mark.parametrize(("word", "bonding"), [(4, None), (5, "session"), (6, "session"), (0x10004, None)])
def test_without_a_handshake_word_of_its_own_an_odd_value_there_is_a_session(
    word: int, bonding: str | None
) -> None:
    assert look(b"", tx=words(0, word)).bonding == bonding


MAGIC_AT_4 = ring(20, 20, (0, b"\0\x0d\0\0" + MAGIC))
MAGIC_AT_8 = words(20, 0, 20) + b"\0\x0d\0\0" + MAGIC
SPSC_HEADER = words(48, 1, 0, 0)


@pytest.mark.parametrize(
    ("rx", "options", "expected"),
    [
        (
            b"",
            {},
            PeerTraces(
                None,
                None,
                None,
                can_bond=None,
                verdict="no traces of a peer: it has not opened its side, or uses other regions (swap tx and rx?)",
            ),
        ),
        (
            SPSC_HEADER,
            {},
            PeerTraces(
                "spsc_pbuf",
                0,
                "magic",
                can_bond=False,
                verdict="peer writes spsc_pbuf of Zephyr ≤ 3.5, you use pbuf of Zephyr ≥ 3.6: "
                'set wire="spsc_pbuf" and signalling="repeat", or update the peer',
            ),
        ),
        (
            SPSC_HEADER,
            SPSC,
            PeerTraces("spsc_pbuf", 0, "magic", can_bond=True, verdict="peer uses spsc_pbuf with the magic: it fits"),
        ),
        (
            MAGIC_AT_4,
            SPSC,
            PeerTraces(
                "pbuf",
                4,
                "magic",
                can_bond=False,
                verdict="peer writes pbuf of Zephyr ≥ 3.6, you use spsc_pbuf of Zephyr ≤ 3.5: "
                'set wire="pbuf", or use an older peer',
            ),
        ),
        (
            SPSC_HEADER,
            {**SPSC, "dcache_alignment": 16},
            PeerTraces(
                "spsc_pbuf",
                0,
                "magic",
                can_bond=False,
                verdict="peer uses cache line 0, you use 16: set cache line = <0>, or <16> at the peer",
            ),
        ),
        (
            MAGIC_AT_8,
            SESSIONS,
            PeerTraces(
                "pbuf",
                8,
                "magic",
                can_bond=False,
                verdict="peer is disable, you are enable: set unbound to the same on both sides, "
                "or use detect on one of them",
            ),
        ),
    ],
)  # fmt: skip
def test_verdicts_in_full(rx: bytes, options: dict[str, Any], expected: PeerTraces) -> None:
    assert look(rx, **options) == expected


def test_the_verdict_about_a_session_peer_in_full() -> None:
    assert look(b"", tx=words(0, 0x10001), dcache_alignment=8) == PeerTraces(
        None,
        None,
        "session",
        can_bond=False,
        verdict="peer is enable, you are disable: set unbound to the same on both sides "
        "(a peer in mode detect binds as soon as it is signalled: open it first, or repeat the signal)",
    )
    assert look(b"", tx=words(0, 0x10001), **SESSIONS).verdict == "peer uses session ids: it fits"
