"""A peer that writes any bytes anywhere at any moment: only documented errors, no hang, and a way out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from two_instances import GUARD, Pair

from icmsg.errors import IcmsgError, IpcError, WireError
from icmsg.ipc import EndpointConfig

MODES: list[dict[str, Any]] = [
    {"signalling": "repeat"},
    {},
    {"dcache_alignment": 32, "trust_known_space": True},
    {"unbound": "enable", "dcache_alignment": 8},
    {"unbound": "detect", "dcache_alignment": 8},
    {"wire": "spsc_pbuf", "signalling": "repeat"},
    {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32},
]


def attack(pair: Pair, rng: random.Random) -> None:
    """Overwrite something in one of the regions, mostly where it hurts."""
    region = rng.choice((pair.a_to_b, pair.b_to_a))
    if rng.random() < 0.7:
        offset = rng.choice((0, 4, 8, 12, 16, 32, 36))
        value = rng.choice((0, 1, 2, 4, 12, 20, 60, 119, 120, 124, 0xFF00, 0x10000, 0x7FFFFFFC, 0xFFFFFFFF))
        region[offset : offset + 4] = value.to_bytes(4, "little")
    elif rng.random() < 0.8:
        offset = rng.randrange(len(region) - 8)
        region[offset : offset + 8] = rng.randbytes(8)
    else:
        region[:] = rng.choice((bytes(len(region)), b"\xff" * len(region), rng.randbytes(len(region))))


def send_something(pair: Pair, rng: random.Random, mode: dict[str, Any]) -> int:
    """Send from both sides; return how many were refused, with nothing written."""
    refused = 0
    for side in (pair.a, pair.b):
        side.instance.mailbox_rang()
        before = bytes(pair.memory)
        try:
            side.instance.send(rng.randbytes(rng.randrange(1, 130)))
        except IpcError:
            refused += 1
            # spsc_pbuf sets its padding marker before it knows (as Zephyr does).
            assert pair.memory == before or mode.get("wire") == "spsc_pbuf"
    return refused


def assert_documented(errors: list[IcmsgError]) -> None:
    for error in errors:
        assert isinstance(error, WireError | IpcError)
        assert "0x" in str(error), "says where"


def reopen_both(pair: Pair, mode: dict[str, Any]) -> None:
    """Both sides start over; without sessions after a reset of the SoC, because old bytes would be believed."""
    if mode.get("unbound", "disable") == "disable":
        for region in (pair.a_to_b, pair.b_to_a):
            region[:] = bytes(len(region))
    for side in (pair.a, pair.b):
        side.instance.reopen(EndpointConfig())
    for _ in range(3):
        for side in (pair.a, pair.b):
            side.instance.mailbox_rang()
        pair.clock.advance(2_000_000)
    for side in (pair.a, pair.b):
        assert side.instance.is_bound
        side.events.clear()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())) or "defaults")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_peer_writes_only_documented_errors_occur_and_reopen_recovers(
    mode: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    pair = Pair(128, **mode)
    refused = 0
    for _ in range(40):
        for _ in range(30):
            if rng.random() < 0.4:
                attack(pair, rng)
            refused += send_something(pair, rng, mode)
            pair.clock.advance(rng.randrange(1_000_000))
            pair.assert_guards()
        assert_documented(pair.a.errors() + pair.b.errors())
        reopen_both(pair, mode)
        pair.a.instance.send(b"recovered")
        pair.clock.advance(1_000_000)
        assert pair.b.received == [b"recovered"]
    assert refused > 100
    assert len(pair.memory) == 2 * GUARD + 2 * 128


def test_a_session_id_that_flickers_is_a_restart_and_no_more() -> None:
    pair = Pair(unbound="enable", dcache_alignment=8)
    pair.bond()
    word = bytes(pair.a_to_b[4:8])
    unbound = 0
    for value in range(0, 0x10000, 251):
        pair.a_to_b[4:8] = value.to_bytes(2, "little") + word[2:]
        pair.a.instance.mailbox_rang()
        pair.clock.settle()
        unbound += len(pair.a.take("unbound"))
        if not pair.a.instance.is_bound:
            pair.a.endpoint.reopen()
            pair.clock.settle()
    assert unbound == 1, "never bound again: nobody acknowledges the new session id"
    pair.a_to_b[4:8] = word
    for side in (pair.a, pair.b):
        side.endpoint.reopen()
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
