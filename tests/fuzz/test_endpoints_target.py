"""The fuzz targets of several endpoints: nothing is found in the package, and what is broken on purpose is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import random_driver
from several import SeveralGame

from icmsg.ipc.icbmsg.blocks import BlockBackend
from icmsg.ipc.icbmsg.classic import IcbmsgInstance
from icmsg.ipc.icbmsg.control import ControlChannel
from icmsg.ipc.icbmsg.rework import IcbmsgReworkInstance
from icmsg.ipc.icbmsg.rework_receiver import ReworkReceiver
from icmsg.ipc.icmsg_me import IcmsgMeInstance
from icmsg.wire.announcements import Queues
from icmsg.wire.block_area import BlockArea, BlockPool

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_inputs_find_nothing(seed: int) -> None:
    random_driver.run("endpoints", 100, seed)


@pytest.mark.slow
def test_the_seeds_bind_both_endpoints_and_messages_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[int] = []
    arrived: list[int] = []
    recover = SeveralGame.recover

    def look_and_recover(game: SeveralGame) -> None:
        bound.append(len(game.bound))
        arrived.append(len(game.arrived))
        recover(game)

    monkeypatch.setattr(SeveralGame, "recover", look_and_recover)
    corpus = attack_with_the_corpus()
    assert len(bound) == len(corpus)
    assert bound.count(2) > 10
    assert sum(arrived) > 4 * len(corpus)


def attack_with_the_corpus() -> list[bytes]:
    corpus = random_driver.corpus("endpoints")
    for data in corpus:
        random_driver.attack_and_tell("endpoints", data)
    return corpus


def replace(owner: object, name: str, make: Callable[[Any], Any]) -> Break:
    """Return what replaces ``owner.name`` by what ``make`` makes of it."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, make(getattr(owner, name)))


def does_nothing(_original: Any) -> Any:
    return lambda *arguments, **named: None


def raises(_original: Any) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        raise ValueError("as a test")

    return call


def reads_on(original: Any) -> Any:
    """A reader that reads a word behind the blocks, too."""

    def call(self: Any, block: int) -> Any:
        self._read_block(self.address + self._end, 4)
        return original(self, block)

    return call


def one_more(original: Any) -> Any:
    """A pool that frees a block less."""
    return lambda self, start, count: original(self, start, max(count - 1, 0))


def rings_first(original: Any) -> Any:
    """A send that rings, whatever comes of it."""

    def send(self: Any, endpoint: Any, data: Any) -> Any:
        self._ring_mailbox(self._config.tx_channel)
        return original(self, endpoint, data)

    return send


def unbound_alone(_original: Any) -> Any:
    """The peer takes away what was never told to be bound."""

    def unbind(self: Any, slot: int) -> None:
        endpoint = self._by_slot.get(slot)
        if endpoint is not None and endpoint.state.name == "READY" and self._config.deinit:
            self._remove(endpoint)
            self.tell_unbound(endpoint)

    return unbind


def delivers_to_anybody(original: Any) -> Any:
    """A message for nobody reaches the first endpoint there is."""

    def refuse(self: Any, error: Any, block: Any, endpoint: Any = None) -> None:
        if endpoint is None and self.endpoints and self.endpoints[0].is_bound:
            self._deliver(self.endpoints[0], 0, b"")
        else:
            original(self, error, block, endpoint)

    return refuse


BROKEN: dict[str, Break] = {
    "a release is not sent": replace(ControlChannel, "give_back", does_nothing),
    "blocks are lost": replace(BlockPool, "give", one_more),
    "a read behind the region": replace(BlockArea, "read_message", reads_on),
    "an error while receiving": replace(Queues, "take", raises),
    "an error in the work queue": replace(IcbmsgInstance, "_seldom", raises),
    "a refused message rings": replace(IcbmsgInstance, "send", rings_first),
    "a refused message of the rework rings": replace(IcbmsgReworkInstance, "send", rings_first),
    "unbound without bound": replace(ReworkReceiver, "_unbind", unbound_alone),
    "nothing is delivered": replace(BlockBackend, "_deliver", does_nothing),
    "data for nobody arrives": replace(BlockBackend, "refuse", delivers_to_anybody),
    "bound is told by nobody": replace(BlockBackend, "tell_bound", does_nothing),
    "icmsg_me delivers nothing": replace(IcmsgMeInstance, "_deliver", does_nothing),
    "icmsg_me binds nothing": replace(IcmsgMeInstance, "_tell_bound", does_nothing),
}


@pytest.mark.parametrize("breakage", BROKEN)
def test_what_is_broken_on_purpose_is_found(breakage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[breakage](monkeypatch)
    with pytest.raises(AssertionError, match="fuzz input of endpoints"):
        attack_with_the_corpus()
