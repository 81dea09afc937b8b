"""Session bonding of Zephyr ≥ 4.1: ids, unbound, restarts, fall-back to magic, and the whole matrix of modes."""

from __future__ import annotations

import errno
import itertools
from typing import Any

import pytest
from looped import Cases, for_each
from two_instances import Pair

from icmsg.errors import IpcError
from icmsg.ipc import EndpointConfig, State
from icmsg.ipc.clock import MS

LEGACY = {"unbound": "disable", "signalling": "repeat"}
MODES: dict[str, dict[str, Any]] = {
    "4.0": LEGACY,
    "disable": {"unbound": "disable"},
    "enable": {"unbound": "enable"},
    "detect": {"unbound": "detect"},
}


def session_pair(**options: Any) -> Pair:
    return Pair(**({"unbound": "enable", "dcache_alignment": 8} | options))


def words(pair: Pair) -> tuple[bytes, bytes]:
    """The handshake words: what B wrote into A→B, and what A wrote into B→A."""
    return bytes(pair.a_to_b[4:8]), bytes(pair.b_to_a[4:8])


def word(session_id: int, acknowledged: int) -> bytes:
    return (acknowledged << 16 | session_id).to_bytes(4, "little")


def exchange(pair: Pair) -> None:
    """Prove that messages flow both ways."""
    for one, other in ((pair.a, pair.b), (pair.b, pair.a)):
        one.instance.send(b"ping")
        pair.clock.settle()
        assert other.details("received") == [b"ping"]
        one.events.clear()
        other.events.clear()


@for_each(("a", "b"), list(itertools.product(MODES, MODES)))
def test_the_matrix_of_modes(a: str, b: str) -> None:
    """Protocol §3.6: everything binds but enable with a side that knows no sessions."""
    with Cases() as cases:
        for first, latch, gap, fill in itertools.product("ab", (True, False), (0, 5 * MS), (0, 0xFF)):
            with cases.case(f"first={first} latch={latch} gap={gap} fill={fill}"):
                open_both(a, b, first, latch=latch, gap=gap, fill=fill)


def open_both(a: str, b: str, first: str, *, latch: bool, gap: int, fill: int) -> None:
    magic = {"4.0", "disable"}
    binds = not ((a == "enable" and b in magic) or (b == "enable" and a in magic))
    pair = Pair(dcache_alignment=8, latch=latch, fill=fill, a=MODES[a], b=MODES[b])
    sides = [pair.a, pair.b] if first == "a" else [pair.b, pair.a]
    sides[0].open()
    pair.clock.advance(gap)
    sides[1].open()
    pair.clock.settle(50 * MS)
    modes = (a, b) if first == "a" else (b, a)
    if modes == ("disable", "detect") and not latch:
        # The only ring of the first was lost, and it does not answer the session id of the second: Zephyr waits
        # for another signal here, too.
        assert not any(side.instance.is_bound for side in sides)
        sides[0].mailbox.ring(sides[0].config.tx_channel)
        pair.clock.settle()
    for side in sides:
        assert side.instance.is_bound is binds
        assert len(side.take("bound")) == binds
        assert not side.take("unbound", "received")
    if binds:
        kinds = {side.instance.state.name.removeprefix("CONNECTED_") for side in sides}
        expected = {"READY", "SID_DISABLED"} if a in magic or b in magic else {"SID_ENABLED"}
        assert kinds <= expected
        exchange(pair)
    pair.assert_guards()


def test_the_words_of_a_bonding_from_zeroed_memory() -> None:
    pair = session_pair()
    pair.bond()
    assert words(pair) == (word(2, 1), word(1, 2))
    assert pair.a.instance.session_ids == (1, 2)
    assert pair.b.instance.session_ids == (2, 1)


def test_a_magic_instance_has_no_session_ids() -> None:
    pair = Pair()
    pair.bond()
    assert pair.a.instance.session_ids == (0, 0)


def test_opening_initialises_no_buffer_until_the_peer_answers() -> None:
    pair = session_pair(fill=0xFF)
    pair.a.open()
    assert pair.a_to_b[:4] == pair.a_to_b[8:][:4] == b"\xff" * 4
    assert pair.b_to_a[4:8] == word(1, 0), "0xFFFF is the peer's id and its acknowledgement: 0 is skipped"


@for_each(
    ("peer", "acknowledged", "expected"),
    [
        (0, 0, 1),
        (1, 0, 2),
        (1, 2, 3),
        (0xFFFF, 0, 1),
        (0xFFFE, 0xFFFF, 1),
        (0xFFFF, 1, 2),
        (0xFFFF, 0xFFFF, 1),
    ],
)
def test_a_new_session_id_is_neither_zero_nor_acknowledged(
    peer: int, acknowledged: int, expected: int
) -> None:
    pair = session_pair()
    pair.a_to_b[4:8] = word(peer, acknowledged)
    pair.a.open()
    assert pair.a.instance.session_ids[0] == expected
    assert pair.b_to_a[4:8] == word(expected, 0)


def test_a_close_of_the_peer_is_unbound_and_sending_drops_silently_but_visibly() -> None:
    pair = session_pair()
    pair.bond()
    pair.b.endpoint.deregister()
    assert pair.b.instance.state is State.OFF
    assert pair.b.instance.session_ids == (0, 0)
    assert pair.a_to_b[4:8] == word(0, 0)
    assert pair.a.instance.is_bound, "noticed only with the signal"
    pair.clock.settle()
    assert pair.a.instance.state is State.DISCONNECTED
    assert len(pair.a.take("unbound")) == 1
    before = bytes(pair.memory)
    assert pair.a.endpoint.send(b"nobody hears it") == 15
    assert pair.memory == before
    assert pair.a.details("dropped") == [b"nobody hears it"]
    assert not pair.a.take("ring", "sent")


def test_nobody_needs_to_watch_and_reopen_keeps_the_callbacks() -> None:
    pair = session_pair()
    pair.bond()
    pair.a.instance.observer = None
    pair.b.endpoint.deregister()
    pair.clock.settle()
    assert pair.a.endpoint.send(b"dropped") == 7
    called: list[str] = []
    pair.a.on["bound"] = lambda: called.append("bound")
    pair.a.instance.reopen()
    pair.b.open()
    pair.clock.settle()
    assert called == ["bound"]


def test_disconnected_is_left_only_by_opening_or_closing() -> None:
    pair = session_pair()
    pair.bond()
    pair.b.endpoint.deregister()
    pair.clock.settle()
    pair.b.open()
    pair.clock.settle()
    pair.a.mailbox.spurious(pair.a.config.rx_channel)
    pair.clock.settle()
    assert pair.a.instance.state is State.DISCONNECTED
    pair.a.endpoint.deregister()
    assert pair.a.instance.state is State.OFF
    pair.a.open()
    pair.clock.settle()
    exchange(pair)


def test_a_crashed_peer_is_unbound_and_both_bind_again() -> None:
    """Vector I07: memory survives, the new session id differs."""
    pair = session_pair()
    pair.bond()
    pair.a.instance.send(b"never read")
    pair.b.restart()
    pair.b.open()
    assert pair.b.instance.session_ids[0] == 3, "1 is the peer, 2 was acknowledged"
    pair.clock.settle()
    assert len(pair.a.take("unbound")) == 1
    assert pair.b.instance.state is State.INITIALIZING_SID_ENABLED
    pair.a.endpoint.reopen()
    pair.clock.settle()
    assert len(pair.a.take("bound")) == len(pair.b.take("bound")) == 1
    assert not pair.b.received
    exchange(pair)


def test_opening_while_connected_is_a_restart_for_the_peer() -> None:
    """Vector I08."""
    pair = session_pair()
    pair.bond()
    pair.b.open()
    pair.clock.settle()
    assert len(pair.a.take("unbound")) == 1
    pair.a.open()
    pair.clock.settle()
    assert len(pair.a.take("bound")) == len(pair.b.take("bound")) == 1
    exchange(pair)


def test_another_endpoint_is_refused_also_where_reopening_is_not() -> None:
    pair = session_pair()
    pair.bond()
    with pytest.raises(IpcError, match="exactly one") as caught:
        pair.a.instance.register_endpoint(EndpointConfig(name="second"))
    assert caught.value.errno == errno.EALREADY
    exchange(pair)


def test_reopening_from_inside_unbound_reconnects_unattended() -> None:
    pair = session_pair()
    pair.bond()
    pair.a.on["unbound"] = pair.a.endpoint.reopen
    for _ in range(3):
        pair.b.restart()
        pair.b.open()
        pair.clock.settle()
        assert [kind for kind, _ in pair.a.take("bound", "unbound", "received")] == ["unbound", "bound"]
        exchange(pair)


def test_an_error_in_unbound_is_not_lost_and_the_instance_is_disconnected() -> None:
    pair = session_pair()
    pair.bond()

    def fail() -> None:
        raise RuntimeError("in unbound")

    pair.a.on["unbound"] = fail
    pair.b.endpoint.deregister()
    with pytest.raises(RuntimeError, match="in unbound"):
        pair.clock.settle()
    assert pair.a.instance.state is State.DISCONNECTED
    del pair.a.on["unbound"]
    pair.a.endpoint.reopen()
    pair.b.open()
    pair.clock.settle()
    exchange(pair)


def test_an_error_in_bound_is_not_lost_and_the_peer_binds() -> None:
    pair = session_pair()

    def fail() -> None:
        raise RuntimeError("in bound")

    pair.a.on["bound"] = fail
    pair.a.open()
    pair.b.open()
    with pytest.raises(RuntimeError, match="in bound"):
        pair.clock.settle()
    pair.clock.settle()
    exchange(pair)


def test_with_sessions_bound_may_send() -> None:
    pair = session_pair()
    pair.a.on["bound"] = lambda: pair.a.endpoint.send(b"first")
    pair.a.open()
    pair.b.open()
    pair.clock.settle()
    assert [event for event in pair.b.events if event[0] in ("bound", "received")] == [
        ("bound", None),
        ("received", b"first"),
    ]


def test_a_message_before_a_close_is_lost_unless_the_worker_ran_in_between() -> None:
    """Protocol §3.5b: the session is checked after the packet was read."""
    for worker_ran in (False, True):
        pair = session_pair()
        pair.bond()
        pair.b.instance.send(b"last words")
        if worker_ran:
            pair.clock.run_one()
        pair.b.endpoint.deregister()
        pair.clock.settle()
        assert pair.a.received == ([b"last words"] if worker_ran else [])
        assert len(pair.a.take("unbound")) == 1
        assert pair.b_to_a[:4] == pair.b_to_a[8:12], "consumed in both cases"


def test_garbage_of_a_restarted_peer_is_unbound_and_no_error() -> None:
    pair = session_pair()
    pair.bond()
    pair.b_to_a[8:12] = b"\xff" * 4
    pair.b.restart()
    pair.b.open()
    pair.clock.settle()
    assert len(pair.a.take("unbound")) == 1
    assert not pair.a.errors()


def test_corrupt_input_in_a_session_is_reported_and_the_session_goes_on() -> None:
    pair = session_pair()
    pair.bond()
    good = bytes(pair.b_to_a[8:12])
    pair.b_to_a[8:12] = b"\x03\0\0\0"
    pair.a.mailbox.spurious(pair.a.config.rx_channel)
    pair.clock.settle()
    (error,) = pair.a.errors()
    assert "not a multiple of 4" in str(error)
    assert pair.a.instance.state is State.CONNECTED_SID_ENABLED
    pair.b_to_a[8:12] = good
    exchange(pair)


def test_detect_that_fell_back_to_magic_keeps_to_it() -> None:
    """Protocol §3.5b: a legacy peer that restarts alone never binds again with a connected detect side."""
    pair = Pair(dcache_alignment=8, a=LEGACY, b={"unbound": "detect"})
    pair.bond()
    assert pair.b.instance.state is State.CONNECTED_SID_DISABLED
    exchange(pair)
    pair.a.restart()
    pair.a.open()
    pair.clock.advance(5 * MS)
    assert pair.b.instance.state is State.CONNECTED_SID_DISABLED
    assert not pair.b.take("bound", "unbound")
    pair.b.endpoint.reopen()
    assert pair.b.instance.state is State.INITIALIZING_SID_DETECT


def test_both_restarted_over_stale_words_bind() -> None:
    pair = session_pair()
    pair.bond()
    pair.a.restart()
    pair.b.restart()
    pair.a.open()
    pair.b.open()
    pair.clock.settle()
    exchange(pair)


@pytest.mark.parametrize("mode", ["enable", "detect"])
def test_three_thousand_restarts_of_the_peer_across_the_wrap_of_the_session_id(mode: str) -> None:
    pair = session_pair(unbound=mode)
    for region in (pair.a_to_b, pair.b_to_a):
        region[4:8] = word(0xFFFF - 1500, 0)
    pair.bond()
    pair.a.on["unbound"] = pair.a.endpoint.reopen
    seen: set[int] = set()
    for number in range(3000):
        if number % 3:
            pair.b.restart()
        elif number % 2:
            pair.b.endpoint.deregister()
        pair.b.open()
        pair.clock.settle()
        events = [kind for kind, _ in pair.a.take("bound", "unbound", "received")]
        assert events == ["unbound", "bound"]
        assert pair.a.instance.session_ids == pair.b.instance.session_ids[::-1]
        seen.update(pair.a.instance.session_ids)
        pair.a.events.clear()
        pair.b.events.clear()
    assert 0 not in seen
    assert 0xFFFF in seen or 0xFFFE in seen
    assert min(seen) < 100, "it wrapped"
    exchange(pair)


@for_each("mode", MODES)
@for_each("at", ["off", "opened", "bound", "disconnected", "corrupt", "peer closed"])
def test_reopen_recovers_from_every_state(mode: str, at: str) -> None:
    pair = Pair(dcache_alignment=8, **MODES[mode])
    endpoint_a = EndpointConfig()
    if at == "off":
        pass
    elif at == "opened":
        pair.a.open()
        pair.clock.advance(0)
    else:
        pair.bond()
    if at in ("disconnected", "peer closed"):
        pair.b.endpoint.deregister()
    if at == "disconnected":
        pair.clock.advance(0)
        assert pair.a.instance.state is State.DISCONNECTED or mode in ("4.0", "disable")
    if at == "corrupt":
        for region in (pair.a_to_b, pair.b_to_a):
            region[:] = b"\xa5" * len(region)
        pair.a.instance.mailbox_rang()
        pair.b.instance.mailbox_rang()
        pair.clock.advance(0)
        assert pair.a.errors() or pair.a.instance.state is State.DISCONNECTED
    pair.a.instance.reopen(endpoint_a)
    pair.b.instance.reopen(endpoint_a)
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    for side in (pair.a, pair.b):
        side.events.clear()
    exchange(pair)


def test_an_acknowledgement_without_a_session_id_does_not_bind() -> None:
    pair = session_pair()
    pair.a.open()
    pair.a_to_b[4:8] = word(0, pair.a.instance.session_ids[0])
    pair.a.instance.mailbox_rang()
    pair.clock.settle()
    assert pair.a.instance.state is State.INITIALIZING_SID_ENABLED
    assert not pair.a.take("bound")
