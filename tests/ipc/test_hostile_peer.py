"""A peer that writes any bytes anywhere at any moment: only documented errors, no hang, and a way out."""

from __future__ import annotations

import errno
import random
from typing import Any

import pytest
from two_instances import BASE, GUARD, Pair

from icmsg.errors import IcmsgError, IpcError, WireError
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import EndpointConfig, IcmsgInstance, State

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


class IndexBrokenAfterInit(MemoryBus):
    """A peer that overwrites ``rd_idx`` of the region at BASE as soon as this side has set it, while it wants to."""

    value: int | None = None

    def write32(self, address: int, value: int) -> None:
        super().write32(address, value)
        if address == BASE and self.value is not None:
            super().write32(address, self.value)


def instance_whose_peer_breaks_the_index(pair: Pair) -> tuple[IndexBrokenAfterInit, IcmsgInstance]:
    """Return bus and instance in place of side a."""
    bus = IndexBrokenAfterInit(pair.memory, base=BASE - GUARD)
    instance = IcmsgInstance(bus, pair.a.mailbox, pair.clock, pair.a.config)
    pair.a.interrupt.replace(instance)
    return bus, instance


@pytest.mark.parametrize("mode", [{"signalling": "repeat"}, {}], ids=["repeat", "ring-back"])
@pytest.mark.parametrize(("index", "refusal"), [(0xFFFFFFFC, errno.EINVAL), (4, errno.ENOMEM)])
def test_an_index_broken_while_the_magic_is_sent_is_an_ipc_error_and_the_instance_is_off(
    mode: dict[str, Any], index: int, refusal: int
) -> None:
    pair = Pair(128, **mode)
    bus, instance = instance_whose_peer_breaks_the_index(pair)
    for operation in (instance.register_endpoint, instance.reopen):
        bus.value = index
        with pytest.raises(IpcError, match="the magic could not be sent") as caught:
            operation(EndpointConfig())
        assert f"into the region at 0x{BASE:08X} meanwhile" in str(caught.value)
        assert caught.value.errno == refusal
        assert isinstance(caught.value.__cause__, WireError)
        assert not instance.state.value
        assert not pair.a.mailbox.is_enabled(pair.a.config.rx_channel)
    bus.value = None
    instance.reopen()
    pair.b.open()
    pair.clock.settle()
    assert instance.is_bound


@pytest.mark.parametrize("index", [3, 4, 0xFFFFFFFC])
def test_an_index_broken_while_falling_back_to_the_magic_is_reported_and_the_next_ring_tries_again(
    index: int,
) -> None:
    pair = Pair(128, a={"unbound": "detect", "dcache_alignment": 8}, b={"dcache_alignment": 8})
    bus, instance = instance_whose_peer_breaks_the_index(pair)
    errors: list[IcmsgError] = []
    instance.register_endpoint(EndpointConfig(error=errors.append))
    bus.value = index
    pair.b.open()
    pair.clock.settle()
    (error,) = errors
    assert isinstance(error, IpcError)
    assert f"0x{BASE:08X}" in str(error)
    assert instance.state is State.INITIALIZING_SID_DETECT
    bus.value = None
    instance.mailbox_rang()
    pair.clock.settle()
    assert instance.is_bound
    assert pair.b.instance.is_bound
    assert errors == [error]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())) or "defaults")
def test_a_packet_above_the_receive_limit_is_reported_with_its_address(mode: dict[str, Any]) -> None:
    pair = Pair(128, a={"rx_limit": 20}, **mode)
    pair.bond()
    pair.b.instance.send(bytes(21))
    pair.clock.settle()
    (error,) = pair.a.errors()
    assert "21 bytes, more than the 20" in str(error)
    at = pair.b_to_a.tobytes().index(b"\0\x15") + BASE + 128
    assert f"it stays at 0x{at:08X}" in str(error)


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
