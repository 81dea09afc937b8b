"""What memory tells about the peer, checked against whether the two sides really bond."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from two_instances import BASE, Pair

from icmsg.config import InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import identify
from icmsg.ipc.clock import MS

SIDES: dict[str, dict[str, Any]] = {
    "spsc": {"wire": "spsc_pbuf", "signalling": "repeat"},
    "spsc32": {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32},
    "4.0": {"signalling": "repeat"},
    "4.0-a8": {"signalling": "repeat", "dcache_alignment": 8},
    "disable": {},
    "disable-a8": {"dcache_alignment": 8},
    "disable-a32": {"dcache_alignment": 32},
    "enable-a8": {"unbound": "enable", "dcache_alignment": 8},
    "detect-a8": {"unbound": "detect", "dcache_alignment": 8},
    "detect-a32": {"unbound": "detect", "dcache_alignment": 32},
}


def opened(a: str, b: str) -> Pair:
    """Both sides opened and signalled each other more than once."""
    pair = Pair(256, a=SIDES[a], b=SIDES[b])
    pair.a.open()
    pair.clock.advance(2 * MS)
    pair.b.open()
    for _ in range(3):
        pair.clock.advance(2 * MS)
        pair.a.instance.mailbox_rang()
        pair.b.instance.mailbox_rang()
    pair.clock.advance(2 * MS)
    return pair


# The handshake words of two session sides are at the same place whatever the alignment: they believe to be bound,
# and only messages show that their buffers differ.
FALSE_BONDS = {frozenset(("enable-a8", "detect-a32")), frozenset(("detect-a8", "detect-a32"))}

# Index and data lie at the same offsets: the pbuf side takes the magic and overwrites the header of the other.
SAME_OFFSETS = {frozenset(("spsc32", "disable-a32")), frozenset(("spsc32", "detect-a32"))}


@pytest.mark.parametrize(
    ("a", "b"),
    [pair for pair in itertools.product(SIDES, SIDES) if frozenset(pair) not in FALSE_BONDS | SAME_OFFSETS],
)
def test_the_verdict_agrees_with_what_happens(a: str, b: str) -> None:
    pair = opened(a, b)
    bound = pair.a.instance.is_bound and pair.b.instance.is_bound
    verdicts = [side.instance.identify_peer() for side in (pair.a, pair.b)]
    if bound:
        assert [verdict.can_bond for verdict in verdicts] == [True, True]
    else:
        assert False in [verdict.can_bond for verdict in verdicts], verdicts
        assert True not in [verdict.can_bond for verdict in verdicts], verdicts


@pytest.mark.parametrize(
    ("mine", "peer", "words"),
    [
        ("disable", "spsc", "peer writes spsc_pbuf of Zephyr ≤ 3.5, you use pbuf"),
        ("detect-a8", "spsc32", "peer writes spsc_pbuf of Zephyr ≤ 3.5"),
        ("spsc", "disable", "peer writes pbuf of Zephyr ≥ 3.6, you use spsc_pbuf"),
        ("spsc", "spsc32", "peer uses cache line 32, you use 0"),
        ("disable-a8", "disable-a32", "peer uses dcache-alignment 32, you use 8"),
        ("disable", "4.0-a8", "peer uses dcache-alignment 8, you use 0"),
        ("disable-a8", "enable-a8", "peer is enable, you are disable"),
        ("disable", "enable-a8", "peer is enable, you are disable"),
        ("4.0-a8", "enable-a8", "peer is enable, you are disable"),
        ("enable-a8", "disable-a8", "peer is disable, you are enable"),
        ("enable-a8", "4.0-a8", "peer is disable, you are enable"),
        ("detect-a8", "4.0-a8", "peer uses pbuf with the magic: it fits"),
        ("detect-a8", "enable-a8", "peer uses session ids: it fits"),
        ("spsc32", "spsc32", "peer uses spsc_pbuf with the magic: it fits"),
    ],
)
def test_the_verdict_in_words(mine: str, peer: str, words: str) -> None:
    assert words in opened(mine, peer).a.instance.identify_peer().verdict


def test_messages_show_an_alignment_that_the_handshake_hides() -> None:
    pair = opened("detect-a8", "detect-a32")
    assert pair.a.instance.is_bound, "both believe it"
    pair.b.instance.send(b"into another layout")
    pair.b.instance.send(b"and once more")
    traces = pair.a.instance.identify_peer()
    assert (traces.wire, traces.dcache_alignment, traces.can_bond) == ("pbuf", 32, False)
    assert "peer uses dcache-alignment 32, you use 8" in traces.verdict


@pytest.mark.parametrize("mine", ["disable-a32", "detect-a32"])
def test_an_spsc_peer_with_the_same_offsets_is_recognised_before_the_instance_opens(mine: str) -> None:
    pair = Pair(256, a=SIDES[mine], b=SIDES["spsc32"])
    pair.b.open()
    traces = pair.a.instance.identify_peer()
    assert (traces.wire, traces.dcache_alignment, traces.can_bond) == ("spsc_pbuf", 32, False)
    pair.a.open()
    pair.clock.advance(2 * MS)
    assert pair.b.instance.identify_peer().can_bond is False
    assert not pair.b.instance.is_bound


@pytest.mark.parametrize("alignment", [0, 8, 16, 32, 64])
def test_a_buffer_in_use_shows_its_alignment_without_the_magic(alignment: int) -> None:
    pair = Pair(512, dcache_alignment=alignment)
    pair.bond()
    for index in range(60):
        pair.b.instance.send(bytes(1 + index % 40))
        pair.b.instance.send(b"x")
        pair.clock.settle()
    pair.b.instance.send(b"one that waits")
    traces = pair.a.instance.identify_peer()
    assert (traces.wire, traces.dcache_alignment) == ("pbuf", max(alignment, 4))
    assert traces.can_bond


def test_after_a_fall_back_to_magic_the_stale_session_id_does_not_mislead() -> None:
    pair = Pair(256, dcache_alignment=8, a={"signalling": "repeat"}, b={"unbound": "detect"})
    pair.b.open()
    pair.clock.settle()
    pair.bond_a = pair.a.open()
    pair.clock.settle()
    assert pair.a_to_b[4:8] != b"\0\0\0\0"
    for _ in range(30):
        pair.b.instance.send(bytes(20))
        pair.clock.settle()
    pair.b.instance.send(b"the magic is overwritten")
    traces = pair.a.instance.identify_peer()
    assert traces.bonding is None
    assert traces.can_bond


@pytest.mark.parametrize("fill", [0, 0xFF, 0xAA])
@pytest.mark.parametrize("mode", ["spsc", "disable", "disable-a8", "detect-a32"])
def test_without_a_peer_there_are_no_traces(fill: int, mode: str) -> None:
    pair = Pair(256, fill=0, a=SIDES[mode], b=SIDES[mode])
    pair.b_to_a[:] = bytes([fill]) * 256
    pair.a.open()
    traces = pair.a.instance.identify_peer()
    assert traces.can_bond is None
    assert "no traces of a peer" in traces.verdict


@settings(max_examples=examples(600), deadline=None)
@given(
    name=st.sampled_from(sorted(SIDES)),
    tx=st.binary(min_size=256, max_size=256),
    rx=st.binary(min_size=256, max_size=256),
    head=st.one_of(st.just(b""), st.sampled_from([b"\xf0\0\0\0\1\0\0\0", b"\0\0\0\0\x14\0\0\0"])),
)
def test_any_bytes_give_a_verdict_and_change_nothing(name: str, tx: bytes, rx: bytes, head: bytes) -> None:
    memory = bytearray(tx + (head + rx)[:256])
    config = InstanceConfig(Region(BASE, 256), Region(BASE + 256, 256), **SIDES[name])
    before = bytes(memory)
    traces = identify(MemoryBus(memory, base=BASE), config)
    assert traces.verdict
    assert traces.can_bond in (True, False, None)
    assert memory == before


def test_the_smallest_regions_can_be_looked_at() -> None:
    memory = bytearray(96)
    config = InstanceConfig(Region(BASE, 24), Region(BASE + 24, 24), unbound="enable", dcache_alignment=8)
    assert identify(MemoryBus(memory, base=BASE), config).can_bond is None
