"""What Zephyr's own icmsg.c does, step by step: states, events, and both regions byte by byte."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from looped import for_each
from two_instances import Pair, Side

from icmsg.config import RegionLayout
from icmsg.errors import BufferTooSmallError, CorruptRegionError, IcmsgError, IpcError
from icmsg.ipc import MAGIC
from icmsg.ipc.clock import MS
from icmsg.wire import PbufWriter

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "icmsg-vectors.json").read_text())["vectors"]
BY_ID = {vector["id"]: vector for vector in VECTORS if vector["kind"] == "icmsg"}

Action = Callable[[Pair], object]

SETTLE_NS = 2 * MS  # "settle" of the vectors: everything that happens within two periods of the repeat timer

KINDS = {"ring": "signal", "bound": "bound", "unbound": "unbound", "received": "received"}


def send(side: str, data: bytes, *, ignore_peer_limit: bool = False) -> Action:
    return lambda pair: getattr(pair, side).instance.send(data, ignore_peer_limit=ignore_peer_limit)


def nothing(_pair: Pair) -> None:
    pass


def settle(pair: Pair) -> None:
    pair.clock.advance(SETTLE_NS)


def run_work_items(count: int) -> Action:
    def run(pair: Pair) -> None:
        for _ in range(count):
            pair.clock.run_one()

    return run


def restart_a(pair: Pair) -> None:
    pair.a.restart()
    pair.a.open()


def wrong_magic_to_a(pair: Pair) -> None:
    """B is played by hand: its first packet is not the magic."""
    pair.a.open()
    pair.clock.run_one()
    pair.hand = PbufWriter(pair.a.bus, pair.b.config.tx_region.address, RegionLayout.pbuf(pair.size))
    pair.hand.tx_init()
    pair.hand.write(b"X" * 13)
    pair.b.mailbox.ring(pair.b.config.tx_channel)
    pair.clock.run_one()


def correct_magic_to_a(pair: Pair) -> None:
    pair.hand.write(MAGIC)
    pair.b.mailbox.ring(pair.b.config.tx_channel)
    settle(pair)


def zero_length_packet_to_b(pair: Pair) -> None:
    """A is played by hand: wr_idx covers one header word that stayed zero."""
    pair.a_to_b[4:8] = (24).to_bytes(4, "little")
    pair.a.mailbox.ring(pair.a.config.tx_channel)
    settle(pair)


def bonded_with_one_message(pair: Pair) -> None:
    pair.bond()
    pair.a.instance.send(b"12345678")
    settle(pair)
    pair.a.events.clear()
    pair.b.events.clear()


def open_a_and_b(pair: Pair) -> None:
    """Vector I15 opens B without a step of its own."""
    pair.b.open()
    settle(pair)


SPECIAL: dict[str, dict[str, Action]] = {
    "I02": {"3 ms alone: A repeats its signal every 1 ms, all lost": lambda pair: pair.clock.advance(3 * MS)},
    "I05": {"a.send": send("a", bytes([1, 2, 3]))},
    "I06": {
        "A sees remote sid 0 -> unbound": settle,
        "a.send while DISCONNECTED: pretends success, no data written": send("a", b"lost"),
        "B waits, A still DISCONNECTED": settle,
    },
    "I13": {
        "wrong magic delivered to A in BUSY: packet consumed, assert, stays BUSY": wrong_magic_to_a,
        "correct magic as next packet: A binds": correct_magic_to_a,
    },
    "I15": {
        "a.send empty": send("a", b""),
        "a.send 112 (max for 128-byte region, data_len 120)": send("a", bytes(112)),
        "a.send 113": send("a", bytes(113)),
    },
    "I16": {
        "a.send 129 bytes (peer CONFIG_PBUF_RX_READ_BUF_SIZE=128)": send(
            "a", bytes(129), ignore_peer_limit=True
        ),
        "B asserts/stalls: packet never consumed": settle,
        "a.send 1 byte": send("a", b"q"),
        "everything behind is blocked": settle,
    },
    "I17": {
        "hand-written zero-length packet at wr_idx: B treats the buffer as empty": zero_length_packet_to_b
    },
    "I19": {
        "connected, one message A->B exchanged": bonded_with_one_message,
        "a.open after reset": restart_a,
        "B's private rd_idx is 32 while A restarted at wr_idx 20: B now sees the region as wrapped data": (
            lambda pair: pair.clock.advance(3 * MS)
        ),
        "b.send": send("b", b"hi"),
        "a.send": send("a", b"new"),
    },
}

BONDED_FIRST = {"I16", "I17", "I20"}

# What this project reports where Zephyr asserts or is silent; nothing else may be reported.
ERRORS: dict[str, tuple[type[IcmsgError], ...]] = {
    "I13": (IpcError,),
    "I16": (BufferTooSmallError, BufferTooSmallError),
    "I17": (CorruptRegionError,),
    # B parses stale memory: a header of length 0, once for each of the four rings of the restarted A.
    "I19": (CorruptRegionError,) * 6,
}

# The steps of I15 in which Zephyr truncates a length of 17 bits; see the last test of this file.
TRUNCATED = 9


def actions(vector: dict[str, Any], pair: Pair, op: str) -> Action:
    if op in SPECIAL.get(vector["id"], {}):
        return SPECIAL[vector["id"]][op]
    if op == "initial":
        return nothing
    if op.startswith("settle"):
        return open_a_and_b if vector["id"] == "I15" and not pair.b.instance.state else settle
    if match := re.fullmatch(r"run (\d+) work item\(s\)", op):
        return run_work_items(int(match[1]))
    if match := re.match(r"([ab])\.(open|close|send)\b", op):
        side: Side = getattr(pair, match[1])
        if match[2] == "open":
            return lambda _pair: side.open()
        if match[2] == "close":
            return lambda _pair: side.instance.deregister_endpoint()
        data = re.search(r"\(([0-9a-f ]+)\)", op)
        return send(match[1], bytes.fromhex(data[1]) if data else b"?")
    raise AssertionError(f"{vector['id']}: unknown step {op}")


def build(vector: dict[str, Any]) -> Pair:
    def side(name: str) -> dict[str, Any]:
        legacy = f"{name}=v1" in vector["generation"]
        return {
            "signalling": "repeat" if legacy else "ring-back",
            "unbound": vector[f"unbound_{name}"],
            "rx_limit": 128 if vector["id"] == "I16" else None,
            "peer_rx_limit": 128 if vector["id"] == "I16" else None,
        }

    pair = Pair(
        vector["region_size"],
        dcache_alignment=vector["dcache_alignment"],
        latch="drops signals" not in vector["title"],
        fill=int(vector["initial_fill"], 16),
        a=side("a"),
        b=side("b"),
    )
    if vector["id"] == "I06":
        replay(BY_ID["I05"], pair, BY_ID["I05"]["steps"])
    if vector["id"] in BONDED_FIRST:
        pair.bond()
    return pair


def replay(vector: dict[str, Any], pair: Pair, steps: list[dict[str, Any]]) -> None:
    for number, step in enumerate(steps):
        where = f"{vector['id']} step {number}: {step['op']}"
        action = actions(vector, pair, step["op"])
        expected = step.get("expect_return")
        if isinstance(expected, str):
            with pytest.raises(IpcError) as caught:
                action(pair)
            assert caught.value.errno_name == expected.removeprefix("-"), where
        else:
            result = action(pair)
            if ".send" in step["op"]:
                assert result == expected, where
        for name, side in (("a", pair.a), ("b", pair.b)):
            assert side.instance.state.name == step[f"{name}_state"], where
            happened = [
                [KINDS[kind], detail.hex()] if kind == "received" else [KINDS[kind]]
                for kind, detail in side.take(*KINDS)
            ]
            assert happened == step[f"{name}_events"], f"{where}, side {name}"
        assert bytes(pair.a_to_b).hex() == step["region_a_to_b_hex"], where
        assert bytes(pair.b_to_a).hex() == step["region_b_to_a_hex"], where
        pair.assert_guards()


@for_each("vector", BY_ID.values(), ids=BY_ID)
def test_every_step_has_zephyrs_state_events_and_bytes(vector: dict[str, Any]) -> None:
    pair = build(vector)
    replay(vector, pair, vector["steps"][: TRUNCATED if vector["id"] == "I15" else None])
    reported = (*pair.a.errors(), *pair.b.errors())
    assert tuple(type(error) for error in reported) == ERRORS.get(vector["id"], ())


def test_every_icmsg_vector_is_replayed() -> None:
    assert set(BY_ID) >= {"I01", "I02", "I03", "I05", "I06", "I09", "I11", "I12", "I13", "I15", "I20"}
    assert {name for name, vector in BY_ID.items() if "project_behaviour" in vector} <= set(ERRORS)


@pytest.mark.parametrize(("size", "number"), [(65536, errno.EINVAL), (65537, errno.EBADMSG)])
def test_i15_a_length_that_zephyr_truncates_is_refused_and_nothing_is_queued(size: int, number: int) -> None:
    vector = BY_ID["I15"]
    pair = build(vector)
    replay(vector, pair, vector["steps"][:TRUNCATED])
    pair.a.events.clear()
    pair.b.events.clear()
    before = bytes(pair.memory)
    with pytest.raises(IpcError) as caught:
        pair.a.instance.send(bytes(size))
    assert caught.value.errno == number
    settle(pair)
    assert pair.memory == before
    assert not pair.a.take("ring", "sent")
    assert not pair.b.received


def test_i16_the_sender_that_knows_the_limit_of_the_peer_refuses() -> None:
    pair = build(BY_ID["I16"])
    before = bytes(pair.memory)
    with pytest.raises(IpcError, match="CONFIG_PBUF_RX_READ_BUF_SIZE") as caught:
        pair.a.instance.send(bytes(129))
    assert caught.value.errno == errno.EMSGSIZE
    assert pair.memory == before
    assert pair.a.instance.send(bytes(128)) == 128
    settle(pair)
    assert pair.b.received == [bytes(128)]
