"""The stubs' sessions, run on this machine: step by step what the Python backend does, in any pairing."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples, for_each
from native_link import LinkSide, Mode, NativeLink, Player
from native_side import NativeSessions
from native_stub import Region, Side, vectors

from icmsg.ipc import State
from icmsg.ipc.clock import MS

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterable

BY_ID = {v["id"]: v for v in vectors("icmsg")}
PAIRS: list[tuple[Player, Player]] = [("c", "c"), ("c", "python"), ("python", "c"), ("python", "python")]
WITH_C = PAIRS[:3]
STUB_MODES: list[Mode] = ["disable", "enable", "detect"]
ALL_MODES: list[Mode] = ["4.0", *STUB_MODES]
MAGIC_ONLY = {"4.0", "disable"}
MAGIC = b"Em1l1K0rn3li4"


def both(link: NativeLink) -> tuple[tuple[LinkSide, LinkSide], tuple[LinkSide, LinkSide]]:
    return (link.a, link.b), (link.b, link.a)


def kinds(side: LinkSide, *wanted: str) -> list[str]:
    """Return and forget the events of these kinds."""
    taken = [kind for kind, _ in side.events if kind in wanted]
    side.events = [event for event in side.events if event[0] not in wanted]
    return taken


def exchange(link: NativeLink) -> None:
    """Prove that messages flow both ways."""
    for one, other in both(link):
        one.events.clear()
        other.events.clear()
        assert one.send(b"ping") == 4
        link.settle()
        assert [data for kind, data in other.events if kind == "received"] == [b"ping"]


# Against Zephyr


def act(link: NativeLink, op: str) -> int | None:
    """Do one step of a vector; return what a send returned."""
    if op == "initial":
        return None
    if match := re.fullmatch(r"run (\d+) work item\(s\)", op):
        for _ in range(int(match[1])):
            link.clock.run_one()
    elif match := re.match(r"([ab])\.(open|close|send)\b", op):
        side: LinkSide = getattr(link, match[1])
        if match[2] == "send":
            return side.send(bytes([1, 2, 3]) if op == "a.send" else b"lost")
        (side.open if match[2] == "open" else side.close)()
    else:
        assert op.startswith(("settle", "A sees", "B waits")), op
        link.settle()
    return None


def replay(link: NativeLink, steps: Iterable[dict[str, Any]]) -> None:
    signal = {"ring": "signal"}
    for step in steps:
        result = act(link, step["op"])
        if result is not None:
            assert result == step["expect_return"], step["op"]
        for name, side in (("a", link.a), ("b", link.b)):
            named = step[f"{name}_state"]
            expected = {"BUSY": 1, "READY": 2}.get(named)
            assert side.state == (State[named].value if expected is None else expected), step["op"]
            happened = [[signal.get(k, k), d.hex()] if d else [signal.get(k, k)] for k, d in side.events]
            assert happened == step[f"{name}_events"], (step["op"], name)
            side.events.clear()
        assert link.hex == (step["region_a_to_b_hex"], step["region_b_to_a_hex"]), step["op"]


@pytest.mark.skipif("I05" not in BY_ID, reason="tests/vectors/icmsg-vectors.json is not there")
@pytest.mark.parametrize(
    ("vector", "players", "modes"),
    [
        ("I05", ("c", "c"), ("enable", "enable")),
        ("I06", ("c", "c"), ("enable", "enable")),
        ("I09", ("python", "c"), ("4.0", "detect")),
        ("I11", ("c", "c"), ("detect", "detect")),
        ("I12", ("c", "python"), ("enable", "disable")),
        ("I12", ("c", "c"), ("enable", "disable")),
    ],
)
def test_every_step_has_zephyrs_state_events_and_bytes(
    stub: ctypes.CDLL, vector: str, players: tuple[Player, Player], modes: tuple[Mode, Mode]
) -> None:
    link = NativeLink(stub, players, modes, size=BY_ID[vector]["region_size"])
    if vector == "I06":
        replay(link, BY_ID["I05"]["steps"])
    replay(link, BY_ID[vector]["steps"])


# Against the Python backend

# The last writes a handshake word that nobody would.
operations = st.sampled_from(["open", "open", "send", "send", "send", "close", "restart", "doorbell", "word"])
scripts = st.lists(st.tuples(operations, st.sampled_from("ab"), st.integers(0, 3)), max_size=80)


def do(link: NativeLink, modes: tuple[Mode, Mode], operation: str, name: str, work: int) -> int | None:
    """Do one operation of a script, then ``work`` work items; return what a send returned."""
    side: LinkSide = getattr(link, name)
    result = None
    if operation == "send":
        result = side.send(b"0123456789"[: 1 + 3 * work])
    elif operation == "doorbell":
        link.ring_without_cause(name)
    elif operation == "word":
        link.set_word(name, (0, 1, 0x0001_0000, 0x0001_0002)[work])
        link.ring_without_cause(name)
    elif operation == "open" and modes["ab".index(name)] in MAGIC_ONLY and side.state != State.OFF:
        pass  # refused: only sessions open again in any state
    else:
        getattr(side, operation)()
    for _ in range(work):
        link.clock.run_one()
    return result


@settings(deadline=None, max_examples=examples(300))
@given(
    modes=st.tuples(st.sampled_from(STUB_MODES), st.sampled_from(STUB_MODES)),
    size=st.sampled_from([48, 128]),
    fill=st.sampled_from([0, 0xA5, 0xFF]),
    reopens=st.tuples(st.booleans(), st.booleans()),
    script=scripts,
)
def test_all_four_pairs_of_c_and_python_do_the_same_at_every_step(
    stub: ctypes.CDLL,
    modes: tuple[Mode, Mode],
    size: int,
    fill: int,
    reopens: tuple[bool, bool],
    script: list[tuple[str, str, int]],
) -> None:
    links = [NativeLink(stub, players, modes, size=size, fill=fill) for players in PAIRS]
    for link in links:
        link.a.reopens, link.b.reopens = reopens
    for step in script:
        assert len({do(link, modes, *step) for link in links}) == 1, step
        seen = [
            (link.hex, [(s.state, s.session_ids, s.is_bound, s.events) for s in (link.a, link.b)])
            for link in links
        ]
        assert seen.count(seen[0]) == len(seen), step


def playable(players: tuple[Player, Player], modes: tuple[Mode, Mode]) -> bool:
    """The stub without sessions is one program: as ``link.c`` drives it, it bonds with 4.0 and with disable."""
    return ("c", "4.0") not in zip(players, modes, strict=True)


MATRIX = [
    (players, modes)
    for players in WITH_C
    for modes in itertools.product(ALL_MODES, ALL_MODES)
    if playable(players, modes)
]


@for_each(("players", "modes"), MATRIX)
def test_the_matrix_of_modes(
    stub: ctypes.CDLL, players: tuple[Player, Player], modes: tuple[Mode, Mode]
) -> None:
    """Protocol §3.6: everything binds but enable with a side that knows no sessions."""
    binds = not ("enable" in modes and MAGIC_ONLY & set(modes))
    for first, latch, gap, fill in itertools.product("ab", [True, False], [0, 5 * MS], [0, 0xFF]):
        link = NativeLink(stub, players, modes, latch=latch, fill=fill, repeats=True)
        one, other = (link.a, link.b) if first == "a" else (link.b, link.a)
        one.open()
        link.clock.advance(gap)
        other.open()
        link.clock.advance(5 * MS)
        where = first, latch, gap, fill
        opened = modes if first == "a" else modes[::-1]
        if opened == ("disable", "detect") and not latch and players["ab".index(first)] == "python":
            # The only ring of Zephyr >= 4.1 got lost, and the id of the other is no magic to it: as in Zephyr.
            assert not one.is_bound, where
            link.ring_without_cause("b" if first == "a" else "a")
            link.settle()
        for side in (one, other):
            assert side.is_bound is binds, where
            assert kinds(side, "bound", "unbound", "received", "error").count("bound") == binds, where
        if binds:
            expected = (
                State.CONNECTED_SID_DISABLED if MAGIC_ONLY & set(modes) else State.CONNECTED_SID_ENABLED
            )
            assert {s.state for s in (one, other)} <= {expected, 2}, where
            exchange(link)
        assert link.hex


@pytest.mark.parametrize("players", WITH_C)
@pytest.mark.parametrize("mode", ["enable", "detect"])
@pytest.mark.parametrize("restarts", ["a", "b", "ab"])
def test_a_thousand_restarts_across_the_wrap_of_the_session_id(
    stub: ctypes.CDLL, players: tuple[Player, Player], mode: Mode, restarts: str
) -> None:
    """Whoever survives opens again from inside unbound. Ids go up by two or so with each restart."""
    link = NativeLink(stub, players, (mode, mode))
    link.set_word("a", 0xFC00)
    link.set_word("b", 0xFC00)
    link.a.reopens = link.b.reopens = True
    link.a.open()
    link.b.open()
    link.settle()
    seen: set[int] = set()
    for number in range(1000):
        name = restarts[number % len(restarts)]
        side, survivor = (link.a, link.b) if name == "a" else (link.b, link.a)
        side.events.clear()
        survivor.events.clear()
        survivor.send(b"never read")
        side.restart()
        side.open()
        link.settle()
        assert kinds(survivor, "bound", "unbound", "received", "error") == ["unbound", "bound"]
        assert kinds(side, "bound", "unbound", "received", "error") == ["bound"]
        assert side.session_ids == survivor.session_ids[::-1]
        seen.update(side.session_ids)
    assert 0 not in seen
    assert max(seen) >= 0xFFFE
    assert min(seen) <= 2, "it wrapped"
    exchange(link)


# What only C can tell


@for_each(
    ("requested", "acknowledged", "expected"),
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
    stub: ctypes.CDLL, requested: int, acknowledged: int, expected: int
) -> None:
    link = NativeLink(stub, ("c", "c"), ("enable", "enable"), fill=0xAA)
    link.set_word("a", acknowledged << 16 | requested)
    before = link.hex
    link.a.open()
    assert link.a.session_ids == (expected, 0)
    words = before[1][:8] + expected.to_bytes(4, "little").hex() + before[1][16:]
    assert link.hex == (before[0], words), "nothing else is written before the peer answers"


def test_a_doorbell_that_brings_nothing_new_is_not_answered(stub: ctypes.CDLL) -> None:
    """Else two sides would ring each other without end."""
    link = NativeLink(stub, ("c", "c"), ("enable", "enable"))
    link.a.open()
    link.set_word("a", 7)
    for rings in (1, 0, 0):
        link.a.events.clear()
        link.ring_without_cause("a")
        link.settle()
        assert kinds(link.a, "ring", "bound") == ["ring"] * rings


def test_before_it_is_bound_nothing_is_sent_and_after_the_peer_left_it_is_dropped(stub: ctypes.CDLL) -> None:
    link = NativeLink(stub, ("c", "c"), ("enable", "enable"))
    assert link.a.send(b"off") == -16
    link.a.open()
    assert link.a.send(b"opening") == -16
    link.b.open()
    link.settle()
    link.b.close()
    link.settle()
    before = link.hex
    link.a.events.clear()
    assert link.a.send(b"dropped") == 7
    assert (link.hex, link.a.events, link.a.state) == (before, [], State.DISCONNECTED)


def test_while_it_is_not_bound_nothing_is_read(stub: ctypes.CDLL) -> None:
    link = NativeLink(stub, ("c", "c"), ("enable", "enable"))
    side = link.a
    assert isinstance(side, NativeSessions)
    packet_in_b_to_a = (8).to_bytes(4, "little") + b"\0\x04\0\0data"
    for state in ("off", "opening", "disconnected"):
        if state == "opening":
            side.open()
        elif state == "disconnected":
            link.b.open()
            link.settle()
            link.b.close()
            link.settle()
            assert side.state == State.DISCONNECTED
        link.region.poke(128 + 8, packet_in_b_to_a)
        before = link.hex
        assert side.read() == 0, state
        assert link.hex == before, state


@pytest.mark.parametrize("corrupt", [0xFFFFFFFF, 3, 116, 0x80000000])
def test_garbage_of_a_peer_that_left_is_no_error_and_of_one_that_stays_is_one(
    stub: ctypes.CDLL, corrupt: int
) -> None:
    for leaves in (False, True):
        link = NativeLink(stub, ("c", "c"), ("enable", "enable"))
        link.a.open()
        link.b.open()
        link.settle()
        link.a.events.clear()
        link.region.poke(128 + 8, corrupt.to_bytes(4, "little"))
        if leaves:
            link.b.restart()
            link.b.open()
        else:
            link.ring_without_cause("a")
        link.clock.run_one()
        assert kinds(link.a, "unbound", "error") == ["unbound" if leaves else "error"]


@for_each(
    ("wr", "packet", "found"),
    [
        (20, b"\0\x0d\0\0" + MAGIC, True),
        (64, b"\0\x0d\xff\xff" + MAGIC, True),
        (17, b"\0\x0d\0\0" + MAGIC, True),
        (16, b"\0\x0d\0\0" + MAGIC, False),
        (0, b"\0\x0d\0\0" + MAGIC, False),
        (116, b"\0\x0d\0\0" + MAGIC, False),
        (0xFFFFFFFC, b"\0\x0d\0\0" + MAGIC, False),
        (24, b"\0\x0e\0\0" + MAGIC + b"\x01", False),
        (20, b"\0\x0c\0\0" + MAGIC, False),
        (20, b"\x0d\0\0\0" + MAGIC, False),
        (20, b"\0\x0d\0\0" + MAGIC[:-1] + b"5", False),
    ],
)
def test_the_magic_is_recognised_only_where_zephyr_recognises_it(
    stub: ctypes.CDLL, wr: int, packet: bytes, found: bool
) -> None:
    """Protocol §3.6: exactly 13 bytes, covered by an index inside the region; nothing is consumed or written."""
    region = Region(128)
    side = Side(stub, region, 8, sessions=True)
    region.poke(8, wr.to_bytes(4, "little") + packet)
    before = region.hex
    assert stub.first_packet_is(side.at, MAGIC, len(MAGIC)) is found
    assert region.hex == before


@pytest.mark.parametrize(("wr", "found"), [(0xFFFC, True), (0x1_0000, False)])
def test_the_magic_is_not_looked_for_behind_an_index_of_more_than_16_bits(
    stub: ctypes.CDLL, wr: int, found: bool
) -> None:
    region = Region(0x1_0100)
    side = Side(stub, region, 8, sessions=True)
    region.poke(8, wr.to_bytes(4, "little") + b"\0\x0d\0\0" + MAGIC)
    assert stub.first_packet_is(side.at, MAGIC, len(MAGIC)) is found


@pytest.mark.parametrize("alignment", [0, 4])
def test_buffers_without_room_for_the_handshake_word_are_refused(stub: ctypes.CDLL, alignment: int) -> None:
    assert Side(stub, Region(128), alignment, sessions=True).result < 0


@pytest.mark.parametrize("alignment", [16, 32])
def test_a_larger_alignment_moves_the_indices_but_not_the_word(stub: ctypes.CDLL, alignment: int) -> None:
    for players in PAIRS[:3]:
        link = NativeLink(stub, players, ("enable", "enable"), alignment=alignment)
        link.a.open()
        link.b.open()
        link.settle()
        assert (link.hex[0][8:16], link.hex[1][8:16]) == ("02000100", "01000200")
        exchange(link)
        assert int.from_bytes(bytes.fromhex(link.hex[0])[alignment : alignment + 4], "little") == 8
