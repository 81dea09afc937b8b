"""Words and errno of every refusal of ICBMsg and icmsg_me, in full: what a user reads, and where to look next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from icbmsg_pair import Pair, bound, pair_of
from looped import for_each
from test_icmsg_me import Pair as MePair

from icmsg.errors import ErrnoError
from icmsg.ipc.icbmsg import packets

if TYPE_CHECKING:
    from collections.abc import Callable

A_BLOCKS = 0x2007_8000 + 48


def classic(**options: Any) -> Pair:
    return bound("ep0", "ep1", **options)


def rework(**options: Any) -> Pair:
    return classic(generation="rework", **options)


def me(**options: Any) -> MePair:
    pair = MePair(**options)
    for side in (pair.a, pair.b):
        side.register("ep0")
    pair.run()
    return pair


def said(call: Callable[[], object]) -> tuple[str, str]:
    """Return errno and words of what ``call`` raises."""
    with pytest.raises(ErrnoError) as caught:
        call()
    return caught.value.errno_name, str(caught.value)


def told(pair: Any, act: Callable[[], object], side: str = "b", *, alone: bool = False) -> tuple[str, str]:
    """Return errno and words of the one error that ``side`` is told of what ``act`` does."""
    act()
    pair.run()
    (error,) = getattr(pair, side).errors
    if alone:
        assert not getattr(pair, "b" if side == "a" else "a").errors
    return error.errno_name, str(error)


def gone(pair: Any) -> Any:
    endpoint = pair.a.by_index[0]
    endpoint.deregister()
    pair.run()
    return endpoint


def used(buffer: Any) -> Any:
    buffer.endpoint.drop_tx_buffer(buffer)
    return buffer


def control(pair: Pair, *message: int) -> Callable[[], None]:
    """Let A send a control message of the classic generations."""

    def act() -> None:
        pair.a.instance._channel.context.writer.write(bytes(message))
        pair.a.instance._channel.ring()

    return act


def packet(pair: Pair, data: bytes) -> Callable[[], object]:
    return lambda: pair.a.instance._send_control(data)


def queued(pair: Pair, block: int, header: int) -> Callable[[], None]:
    """Let A announce a block of the rework with that header."""

    def act() -> None:
        if block < 4:
            pair.bus.write32(A_BLOCKS + 52 * block, header)
        pair.a.instance.queues.produce(block, high=False)
        pair.a.mailbox.ring(0)

    return act


def all_taken(pair: Pair) -> Any:
    """Return an endpoint of A for which no block is free."""
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    while pair.a.instance._pool.free:
        endpoint.get_tx_buffer()
    return endpoint


def restarted(pair: Pair) -> None:
    """Let A's counts go back behind B's back."""
    pair.a.instance.queues.sent.reset()
    pair.a.mailbox.ring(0)


def of_both(name: str, make: Callable[..., Pair]) -> dict[str, Callable[[], tuple[str, str]]]:
    def buffer(size: int = 4) -> Any:
        return make().a.by_index[0].get_tx_buffer(size)

    def registered_again() -> object:
        pair = make()
        return pair.a.instance.register_again(pair.a.by_index[0])

    def held_twice() -> object:
        pair = make()
        pair.b.holds = True
        pair.a.by_index[0].send(b"1")
        pair.run()
        pair.b.held[0].release()
        return pair.b.held[0].release()

    def too_many() -> object:
        pair = make(num_ep=2)
        return pair.a.register("third")

    return {
        f"{name}: gone, send": lambda: said(lambda: gone(make()).send(b"x")),
        f"{name}: gone, deregister": lambda: said(lambda: gone(make()).deregister()),
        f"{name}: open": lambda: said(make().a.instance.open),
        f"{name}: register again": lambda: said(registered_again),
        f"{name}: too many": lambda: said(too_many),
        f"{name}: longer than ever": lambda: said(lambda: make().a.by_index[0].send(bytes(5000))),
        f"{name}: no block": lambda: said(lambda: all_taken(make()).send(b"x")),
        f"{name}: no two blocks": lambda: said(lambda: all_taken(make()).send(bytes(60))),
        f"{name}: not all blocks": lambda: said(
            lambda: all_taken(pair := make()).send(bytes(pair.config.tx_layout.longest))
        ),
        f"{name}: nothing is free for much": lambda: said(lambda: all_taken(make()).get_tx_buffer()),
        f"{name}: write into a dropped buffer": lambda: said(lambda: used(buffer()).write(b"x")),
        f"{name}: write outside": lambda: said(lambda: buffer().write(b"xy", buffer().size - 1)),
        f"{name}: drop twice": lambda: said(lambda: used(used(buffer()))),
        f"{name}: send more than it has": lambda: said(
            lambda: (one := buffer()).endpoint.send_nocopy(one, one.size + 1)
        ),
        f"{name}: hold nothing": lambda: said(make().a.by_index[0].hold_rx_buffer),
        f"{name}: release twice": lambda: said(held_twice),
    }


def of_classic() -> dict[str, Callable[[], tuple[str, str]]]:  # noqa: C901 - a list
    def peer(*message: int, **options: Any) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = classic(**options)
            return told(pair, control(pair, *message))

        return run

    def name_at(block: int, name: bytes) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = classic()
            pair.a.instance._tx.write(block, len(name), name)
            return told(pair, control(pair, 2, 0 if block else 3, block))

        return run

    def to_the_initiator() -> tuple[str, str]:
        pair = classic()
        pair.b.instance._tx.write(0, 2, b"x\0")
        pair.b.instance._channel.context.writer.write(bytes((2, 3, 0)))
        return told(pair, pair.b.instance._channel.ring, "a")

    def released_bound() -> tuple[str, str]:
        pair = classic()
        pair.b.instance._channel.context.writer.write(bytes((3, 1, 2)))
        return told(pair, pair.b.instance._channel.ring, "a")

    def refused_name() -> tuple[str, str]:
        pair = classic()
        pair.a.register("late")
        pair.a.run()
        pair.b.run()
        pair.b.instance._channel.give_back(0)
        return told(pair, lambda: None, "a")

    def damaged(block: int, size: int) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = classic()
            pair.a.instance._tx.write_header(block, size)
            return told(pair, control(pair, 0, 0, block))

        return run

    def deregistered() -> tuple[str, str]:
        pair = classic()
        pair.b.by_index[1].deregister()
        return told(pair, lambda: pair.a.by_index[1].send(b"x"))

    def unbound() -> object:
        return pair_of().b.register("ep0").send(b"x")

    def unbonded() -> object:
        return pair_of().a.register("ep0").send(b"x")

    def broken() -> object:
        pair = classic()
        pair.bus.write32(0x2007_8000, 0x999)
        return pair.a.by_index[0].send(b"x")

    return {
        "classic: a name with NUL": lambda: said(lambda: classic().a.register("a\0b")),
        "classic: no number yet": lambda: said(unbound),
        "classic: not bonded": lambda: said(unbonded),
        "classic: broken index": lambda: said(broken),
        "classic: short message": peer(0, 0),
        "classic: magic": lambda: told(pair := classic(), control(pair, *b"Em1l1K0rn3li4")),
        "classic: endpoint number": peer(0, 4, 0),
        "classic: release of nothing": peer(1, 0, 3),
        "classic: release behind the end": peer(1, 0, 9),
        "classic: data for nobody": peer(0, 3, 0),
        "classic: data for a deregistered one": deregistered,
        "classic: block behind the end": lambda: told(pair := classic(), control(pair, 0, 0, 4), alone=True),
        "classic: damaged block": damaged(2, 300),
        "classic: name without NUL": name_at(0, b"abc"),
        "classic: number that is bound": name_at(1, b"abc\0"),
        "classic: name for the initiator": to_the_initiator,
        "classic: release of no name": released_bound,
        "classic: name that comes back": refused_name,
    }


def of_rework() -> dict[str, Callable[[], tuple[str, str]]]:  # noqa: C901 - a list
    def peer(data: bytes, **options: Any) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = rework(**options)
            return told(pair, packet(pair, data))

        return run

    def entry(block: int, header: int) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = rework()
            return told(pair, queued(pair, block, header))

        return run

    def given_back() -> tuple[str, str]:
        pair = rework()
        pair.b.instance.queues.consume(3)
        pair.a.instance.queues.active += 1
        return told(pair, pair.a.instance._collect, "a")

    def went_back(side: str) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = rework()
            if side == "b":
                return told(pair, lambda: restarted(pair))
            pair.a.instance._collect()
            pair.b.instance.queues._consumed.reset()
            return told(pair, pair.a.instance._collect, "a")

        return run

    def first(block: int, header: int, payload: bytes = b"") -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = pair_of(generation="rework")
            pair.a.instance.init()
            pair.b.instance.open()
            pair.bus.write_block(A_BLOCKS + 52 * block + 4, payload)
            return told(pair, queued(pair, block, header))

        return run

    def no_slot() -> object:
        pair = rework(slots=3)
        while True:
            pair.a.by_index[0].send(b"x")

    def cannot(what: str) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = rework(deinit=False)
            return said(pair.a.instance.close if what == "close" else pair.a.by_index[0].deregister)

        return run

    def same_hash() -> object:
        pair = rework()
        return pair.a.register("ep0")

    def third_name() -> tuple[str, str]:
        pair = rework(b={"num_ep": 2})
        return told(pair, packet(pair, packets.endpoint_bound(2, 0x1234)))

    fits = packets.MAGIC + bytes.fromhex("0400000004000000")
    other = packets.MAGIC + bytes.fromhex("0500000004000000")
    return {
        "rework: close": lambda: said(rework().a.instance.close),
        "rework: cannot close": cannot("close"),
        "rework: cannot deregister": cannot("deregister"),
        "rework: name twice": lambda: said(same_hash),
        "rework: all slots": lambda: said(no_slot),
        "rework: 16 bits": lambda: said(lambda: rework().a.by_index[0].send(bytes(0x1_0000))),
        "rework: unknown control packet": peer(b"\x07\x08"),
        "rework: opened again": peer(fits),
        "rework: name that is bound": peer(packets.endpoint_bound(7, packets.name_hash("ep0"))),
        "rework: name without slot": third_name,
        "rework: unbound that nobody has": peer(packets.endpoint_unbound(3)),
        "rework: unbound behind the table": peer(packets.endpoint_unbound(4)),
        "rework: unbound without deinit": peer(packets.endpoint_unbound(0), b={"deinit": False}),
        "rework: other block": entry(3, 0x0002_0001),
        "rework: data for nobody": entry(3, 0x0903_0001),
        "rework: damaged block": entry(3, 0x0003_0040),
        "rework: block behind the end": entry(9, 0),
        "rework: nothing comes back": given_back,
        "rework: sent went back": went_back("b"),
        "rework: consumed went back": went_back("a"),
        "rework: first packet for an endpoint": first(0, 0x0000_0010, fits),
        "rework: first packet damaged": first(1, 0xFF01_0400),
        "rework: first packet of another form": first(0, 0xFF00_0010, bytes(16)),
        "rework: other numbers of blocks": first(0, 0xFF00_0010, other),
        "rework: other numbers of blocks elsewhere": first(1, 0x0001_0010, other),
    }


def of_me() -> dict[str, Callable[[], tuple[str, str]]]:
    def peer(*data: int, to: str = "b", **options: Any) -> Callable[[], tuple[str, str]]:
        def run() -> tuple[str, str]:
            pair = me(**options)
            return told(pair, lambda: getattr(pair, "a" if to == "b" else "b").raw(*data), to)

        return run

    def waiting() -> Any:
        pair = MePair()
        pair.b.register("late")
        return pair.b

    def before() -> Any:
        pair = me()
        endpoint = pair.a.instance.endpoints[0]
        pair.a.instance.reset()
        return endpoint

    def taken() -> object:
        pair = me()
        pair.a.raw(0, 2, *b"new")
        pair.run()
        return pair.b.register("third")

    def no_place() -> tuple[str, str]:
        pair = me()
        pair.b.register("z")
        return told(pair, lambda: pair.a.raw(0, 2, *b"y\xff"))

    return {
        "me: deregister": lambda: said(me().a.instance.endpoints[0].deregister),
        "me: reopen": lambda: said(me().a.instance.endpoints[0].reopen),
        "me: open": lambda: said(me().a.instance.open),
        "me: before a reset": lambda: said(lambda: before().send(b"x")),
        "me: no answer": lambda: said(lambda: waiting().instance.endpoints[0].send(b"x")),
        "me: too long": lambda: said(lambda: me().a.instance.endpoints[0].send(bytes(254))),
        "me: long name": lambda: said(lambda: me().a.register("n" * 33)),
        "me: no name": lambda: said(lambda: me().a.register("")),
        "me: name bound": lambda: said(lambda: me().b.register("ep0")),
        "me: name waits": lambda: said(lambda: waiting().register("late")),
        "me: too many": lambda: said(taken),
        "me: data for nobody": peer(2, 9),
        "me: short discovery": peer(0),
        "me: answer for nobody": peer(0, 2, to="a"),
        "me: answer twice": peer(0, 1, to="a"),
        "me: number too high": peer(0, 3, *b"x\xff"),
        "me: number bound": peer(0, 1, *b"again"),
        "me: empty name": peer(0, 2),
        "me: no place for a name": lambda: told(
            pair := me(), lambda: [pair.a.raw(0, 2, *b"y\xff"), pair.b.register("z")]
        ),
    }


SCENARIOS = of_both("classic", classic) | of_both("rework", rework) | of_classic() | of_rework() | of_me()
WORDS: dict[str, list[str]] = json.loads(Path(__file__).with_name("icbmsg-words.json").read_text("utf-8"))


@for_each("scenario", SCENARIOS)
def test_a_refusal_says_what_is_wrong_and_what_to_do(scenario: str) -> None:
    assert list(SCENARIOS[scenario]()) == WORDS[scenario]


def test_every_refusal_has_its_words() -> None:
    assert SCENARIOS.keys() == WORDS.keys()
