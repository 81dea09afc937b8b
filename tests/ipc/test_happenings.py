"""What an instance does is told as typed events, and to an observer in the words of release 0.1."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import TYPE_CHECKING, get_args

import pytest

from icmsg.config import InstanceConfig, Region
from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.hw.memory_bus import MemoryBus
from icmsg.hw.memory_mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, State, VirtualClock
from icmsg.ipc.happenings import (
    Bound,
    Dropped,
    Failed,
    Happening,
    Rang,
    Received,
    Sent,
    StateChanged,
    Unbound,
    in_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = 0x2007_0000
SESSIONS = InstanceConfig(
    Region(BASE, 0x100), Region(BASE + 0x100, 0x100), unbound="enable", dcache_alignment=8
)
RING_BACK = replace(SESSIONS, unbound="disable")


class Pair:
    """Two instances that Python runs over one buffer; ``first`` and ``second`` are what each has told."""

    def __init__(self, config: InstanceConfig) -> None:
        self.bus = MemoryBus(bytearray(0x200), base=BASE)
        self.clock = VirtualClock()
        self.first: list[Happening] = []
        self.second: list[Happening] = []
        ends = mailbox_pair()
        told: tuple[Callable[[Happening], None], ...] = (self.first.append, self.second.append)
        self.instances = []
        for end, own, listener in zip(ends, (config, config.mirrored()), told, strict=True):
            instance = IcmsgInstance(self.bus, end, self.clock, own, listener=listener)
            end.on_signal = InterruptHandler(end, instance).handle
            instance.register_endpoint(EndpointConfig())
            self.instances.append(instance)
        self.clock.settle()

    def take(self) -> tuple[list[Happening], list[Happening]]:
        self.clock.settle()
        told = [*self.first], [*self.second]
        self.first.clear()
        self.second.clear()
        return told


def test_bonding_and_a_message_are_told_in_order_with_their_type() -> None:
    pair = Pair(RING_BACK)
    first, second = pair.take()
    assert first == [
        StateChanged(State.INITIALIZING_SID_DISABLED),
        Rang(0),
        Bound(),
        StateChanged(State.CONNECTED_SID_DISABLED),
        Rang(0),
    ]
    assert Bound() in second
    pair.instances[0].send(b"hello")
    assert pair.take() == ([Sent(b"hello"), Rang(0)], [Received(b"hello")])


def test_a_peer_that_leaves_and_what_is_sent_to_it_are_told() -> None:
    pair = Pair(SESSIONS)
    pair.take()
    pair.instances[1].deregister_endpoint()
    first, _ = pair.take()
    assert first == [StateChanged(State.DISCONNECTED), Unbound()]
    pair.instances[0].send(b"lost")
    assert pair.take()[0] == [Dropped(b"lost")]


def test_what_the_peer_does_wrong_is_told_with_the_error() -> None:
    pair = Pair(RING_BACK)
    pair.take()
    pair.bus.write32(BASE + 0x100 + RING_BACK.rx_layout.wr_idx_offset, 2)
    pair.instances[0].mailbox_rang()
    (failed,) = pair.take()[0]
    assert isinstance(failed, Failed)
    assert "wr_idx is not a multiple of 4" in str(failed.error)


def test_an_observer_hears_the_same_in_the_words_of_release_0_1() -> None:
    pair = Pair(RING_BACK)
    pair.take()
    heard: list[tuple[str, object]] = []
    pair.instances[1].observer = lambda kind, detail: heard.append((kind, detail))
    pair.instances[0].send(b"hello")
    pair.instances[1].send(b"back")
    pair.clock.settle()
    assert heard == [("sent", b"back"), ("ring", 1), ("received", b"hello")]
    assert pair.second == [], "an observer replaces the listener"
    pair.instances[1].listener = pair.second.append
    assert pair.instances[1].observer is None
    pair.instances[1].send(b"again")
    assert pair.take()[1] == [Sent(b"again"), Rang(1)]
    assert len(heard) == 3


def test_every_happening_has_words_and_cannot_be_changed() -> None:
    error = IcmsgError("wrong")
    words = {
        StateChanged(State.OFF): ("state", State.OFF),
        Sent(b"x"): ("sent", b"x"),
        Received(b"x"): ("received", b"x"),
        Dropped(b"x"): ("dropped", b"x"),
        Rang(3): ("ring", 3),
        Bound(): ("bound", None),
        Unbound(): ("unbound", None),
        Failed(error): ("error", error),
    }
    assert {type(happening) for happening in words} == set(get_args(Happening))
    assert {happening: in_words(happening) for happening in words} == words
    with pytest.raises(FrozenInstanceError):
        Sent(b"x").payload = b"y"  # type: ignore[misc]
    assert Sent(b"x") != Received(b"x")


def test_one_instance_tells_one_of_the_two() -> None:
    with pytest.raises(ConfigurationError, match="give one of them"):
        IcmsgInstance(
            MemoryBus(bytearray(0x200), base=BASE),
            mailbox_pair()[0],
            VirtualClock(),
            RING_BACK,
            listener=lambda _happening: None,
            observer=lambda _kind, _detail: None,
        )
