"""A peer that writes anything anywhere: nothing raises, every block of ours stays accounted for."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icbmsg_pair import Pair
from looped import examples

from icmsg.config import Region
from icmsg.errors import IcmsgError, IpcError
from icmsg.ipc.icbmsg import packets

SIZE = 256
BYTE = st.integers(0, 255)
SMALL = st.integers(0, 5)

POKE = st.tuples(
    st.just("poke"), st.integers(0, SIZE - 4), st.sampled_from([0, 1, 4, 16, 100, 0x8000_0000]) | BYTE
)
SEND = st.tuples(st.just("send"), st.integers(0, 1), st.integers(0, 170))
HOLD = st.tuples(st.just("hold"), st.just(0), st.just(0))
RAW = st.tuples(
    st.just("raw"), st.lists(SMALL, min_size=1, max_size=4) | st.binary(min_size=1, max_size=20), SMALL
)
PACKET = st.tuples(st.just("packet"), st.integers(0, 0xFF) | SMALL, st.binary(max_size=20))
GIVEN = st.tuples(st.just("given"), BYTE | SMALL, SMALL)


def accounted(pair: Pair) -> None:
    instance = pair.b.instance
    assert instance.blocks_in_use == sum(instance._in_flight.values())
    owned: set[int] = set()
    for start, count in instance._in_flight.items():
        blocks = set(range(start, start + count))
        assert not blocks & owned
        owned |= blocks
    assert owned == {block for block in range(instance._pool.count) if instance._pool.in_use >> block & 1}


def start(**options: Any) -> Pair:
    pair = Pair(a_tx=Region(0x2007_8000, SIZE), b_tx=Region(0x2007_0000, SIZE), **options)
    pair.bind("ep0", "ep1")
    return pair


def act(pair: Pair, what: str, first: Any, second: Any) -> None:
    side = pair.b
    if what == "poke":
        address = 0x2007_8000 + first
        pair.bus.write_block(address, second.to_bytes(4, "little"))
    elif what == "send":
        with contextlib.suppress(IpcError):
            side.by_index[first].send(bytes(second))
    elif what == "hold":
        side.holds = not side.holds
        if not side.holds:
            for held in side.held:
                held.release()
            side.held.clear()
    elif what == "raw":
        with contextlib.suppress(IcmsgError):
            pair.a.instance._channel.context.writer.write(bytes(first))
    elif what == "packet":
        pair.bus.write_block(0x2007_8000 + 48, (len(second) | first << 24).to_bytes(4, "little") + second)
        pair.a.instance.queues.produce(0, high=bool(first & 1))
    elif what == "given":
        pair.a.instance.queues.consume(first)
    side.instance.mailbox_rang()
    side.run()
    accounted(pair)


SETTINGS = settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@SETTINGS
@given(
    steps=st.lists(POKE | SEND | HOLD | RAW, max_size=30),
    generation=st.sampled_from(["3.6", "4.1"]),
    refused=st.sampled_from(["release", "leak"]),
)
def test_a_hostile_peer_of_the_classic_generations(
    steps: list[tuple[str, Any, Any]], generation: str, refused: str
) -> None:
    pair = start(generation=generation, refused=refused, signalling="ring-back")
    for step in steps:
        act(pair, *step)
    pair.b.instance.reset()
    accounted(pair)
    assert pair.b.instance.blocks_in_use == 0


@pytest.mark.slow
@SETTINGS
@given(
    steps=st.lists(POKE | SEND | HOLD | PACKET | GIVEN, max_size=30),
    refused=st.sampled_from(["release", "leak"]),
    slots=st.sampled_from([4, 16]),
)
def test_a_hostile_peer_of_the_rework(steps: list[tuple[str, Any, Any]], refused: str, slots: int) -> None:
    pair = start(generation="rework", refused=refused, slots=slots)
    for step in steps:
        act(pair, *step)
        pair.b.instance.symptoms()
    pair.b.instance.reset()
    accounted(pair)


@pytest.mark.slow
@SETTINGS
@given(memory=st.binary(min_size=SIZE, max_size=SIZE), looks=st.booleans())
def test_memory_of_any_kind_before_the_rework_opens(memory: bytes, looks: bool) -> None:
    pair = Pair(a_tx=Region(0x2007_8000, SIZE), b_tx=Region(0x2007_0000, SIZE), generation="rework")
    if looks:
        memory = b"\1\0\0\0\1\0\0\0\x80" + memory[9:48] + b"\x10\0\0\xff" + packets.MAGIC + memory[60:]
    pair.bus.write_block(0x2007_8000, memory)
    pair.b.instance.open()
    pair.b.instance.mailbox_rang()
    pair.b.run()
    pair.b.instance.symptoms()
    accounted(pair)
