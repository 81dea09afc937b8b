"""The applications of an exchange: what they do with full buffers, wrong echoes and peers that leave."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import IpcError
from icmsg.ipc import Endpoint, EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.players import Initiator, Responder
from icmsg.link.workload import Workload
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.ipc.clock import Clock, Timer

TINY = replace(APP, tx_region=Region(0x2007_0000, 48), rx_region=Region(0x2007_0040, 48))
SESSIONS = replace(APP, unbound="enable", dcache_alignment=8)


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


class CountingClock:
    """The machine's clock; counts the timers that are pending."""

    def __init__(self, clock: Clock) -> None:
        self.pending = 0
        self.most = 0
        self.now_ns = clock.now_ns
        self.call_soon = clock.call_soon
        self._call_later = clock.call_later

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        self.pending += 1
        self.most = max(self.most, self.pending)

        def called() -> None:
            self.pending -= 1
            callback()

        return self._call_later(delay_ns, called)


class Peer:
    """What a test does on the network core by itself."""

    def __init__(self, machine: EmbeddedMachine, config: InstanceConfig) -> None:
        self.received: list[bytes] = []
        played = PlayedInstance(machine, machine.core("net"), config.mirrored())
        self.mailbox = played.mailbox
        self.endpoint: Endpoint = played.instance.register_endpoint(
            EndpointConfig(name="ep0", received=self.received.append)
        )


def start(
    machine: EmbeddedMachine, config: InstanceConfig, work: Workload, clock: Clock | None = None
) -> tuple[Initiator, Peer]:
    played = PlayedInstance(machine, machine.core("app"), config)
    initiator, peer = Initiator(played, clock or machine.clock, work), Peer(machine, config)
    machine.run_until(
        lambda: initiator.endpoint.is_bound and peer.endpoint.is_bound, timeout_ns=10 * MS, what="bonding"
    )
    return initiator, peer


def test_the_window_is_never_exceeded_and_filled_at_once(machine: EmbeddedMachine) -> None:
    work = Workload(messages=9, size_min=4, size_max=4, window=3)
    initiator, peer = start(machine, APP, work)
    assert initiator.bound_ns is not None
    initiator.begin()
    machine.run_for(MS)
    assert peer.received == list(work.payloads())[:3]
    peer.endpoint.send(peer.received[0])
    machine.run_for(MS)
    assert (initiator.sent, initiator.got, len(peer.received)) == (4, 1, 4)
    for message in peer.received[1:]:
        peer.endpoint.send(message)
    machine.run_for(MS)
    assert (initiator.sent, initiator.got, initiator.mismatches) == (7, 4, 0)
    assert initiator.bytes_received == 16


def test_a_sender_waits_for_room_with_one_timer(machine: EmbeddedMachine) -> None:
    """However many echoes come while there is no room, nothing piles up."""
    work = Workload(messages=50, size_min=12, size_max=12, window=50)
    clock = CountingClock(machine.clock)
    initiator, peer = start(machine, TINY, work, clock)
    peer.mailbox.disable(0)
    initiator.begin()
    held = initiator.sent
    assert 0 < held < 4, "the buffer is full"
    for message in work.payloads():
        if initiator.got == held:
            break
        peer.endpoint.send(message)
        machine.run_for(3 * US)
    assert (initiator.got, initiator.sent, clock.most) == (held, held, 1)
    peer.mailbox.enable(0)
    peer.endpoint.instance.mailbox_rang()
    machine.run_for(MS)
    assert initiator.sent > held, "it went on when there was room"
    assert clock.most == 1
    assert initiator.problems == []


def test_a_responder_keeps_the_order_while_it_has_no_room(machine: EmbeddedMachine) -> None:
    played = PlayedInstance(machine, machine.core("app"), TINY)
    responder = Responder(played, machine.clock)
    peer = Peer(machine, TINY)
    machine.run_until(lambda: peer.endpoint.is_bound and responder.endpoint.is_bound, timeout_ns=MS)
    # A short message must not overtake a long one that does not fit.
    sent = [bytes([number]) * (2 if number % 3 == 2 else 20) for number in range(8)]
    # The peer does not read: its interrupt is switched off for a while.
    peer.mailbox.disable(0)
    for message in sent:
        while True:
            try:
                peer.endpoint.send(message)
                break
            except IpcError:
                machine.run_for(20 * US)
    machine.run_for(100 * US)
    assert 0 < responder.echoed < len(sent)
    peer.mailbox.enable(0)
    peer.endpoint.instance.mailbox_rang()
    machine.run_for(MS)
    assert peer.received == sent
    assert responder.echoed == len(sent)


def test_an_initiator_answers_what_came_only_when_it_is_not_the_one_that_begins(
    machine: EmbeddedMachine,
) -> None:
    initiator, peer = start(machine, APP, Workload(messages=5))
    for message in (b"early", b"first"):
        peer.endpoint.send(message)
        machine.run_for(MS)
    assert (peer.received, initiator.sent, initiator.got) == ([], 0, 0)
    initiator.answer(early=1)
    peer.endpoint.send(b"second")
    machine.run_for(MS)
    assert peer.received == [b"first", b"second"]
    assert (initiator.unanswered, initiator.got) == (1, 0)


def test_what_came_before_an_initiator_began_is_never_played_back(machine: EmbeddedMachine) -> None:
    initiator, peer = start(machine, APP, Workload(messages=1, size_min=3, size_max=3))
    peer.endpoint.send(b"hello")
    machine.run_for(MS)
    initiator.begin()
    machine.run_for(MS)
    assert (len(peer.received), initiator.unanswered, initiator.mismatches) == (1, 1, 0)


def test_messages_under_way_when_the_peer_restarts_are_sent_once_more(machine: EmbeddedMachine) -> None:
    work = Workload(messages=3, window=2)
    initiator, peer = start(machine, SESSIONS, work)
    initiator.begin()
    machine.run_for(MS)
    resets = 1
    initiator.peer_resets = lambda: resets
    peer.endpoint.reopen()
    peer.received.clear()
    machine.run_until(lambda: len(peer.received) == 2, timeout_ns=10 * MS)
    assert peer.received == list(work.payloads())[:2]
    assert (initiator.lost, initiator.sent, initiator.problems) == (2, 2, [])


def test_what_nobody_sent_and_what_is_wrong_are_counted_and_said_once(machine: EmbeddedMachine) -> None:
    initiator, peer = start(machine, APP, Workload(messages=4, size_min=3, size_max=3))
    initiator.begin()
    machine.run_for(MS)
    for _ in range(4):
        peer.endpoint.send(b"xyz")
        machine.run_for(MS)
    assert (initiator.got, initiator.mismatches) == (4, 4)
    assert [text.split(" differs")[0] for text in initiator.troubles()] == ["echo 1"]
    peer.endpoint.send(b"more")
    machine.run_for(MS)
    assert initiator.mismatches == 5
    assert initiator.troubles()[1] == "4 bytes came that nobody had sent: 6d 6f 72 65"


def test_errors_without_end_are_counted_and_not_kept(machine: EmbeddedMachine) -> None:
    initiator, peer = start(machine, APP, Workload(messages=4))
    machine.core("net").bus.write32(0x2007_8004, 0x7FFF_FFFF)
    for _ in range(25):
        peer.mailbox.ring(1)
        machine.run_for(MS)
    assert initiator.problem_count == 25
    assert len(initiator.problems) == 10
    assert initiator.troubles()[-1] == "… and 15 more errors"


def test_a_peer_that_closes_its_session_is_a_problem(machine: EmbeddedMachine) -> None:
    initiator, peer = start(machine, SESSIONS, Workload(messages=4))
    peer.endpoint.deregister()
    machine.run_for(MS)
    assert [str(problem) for problem in initiator.problems] == [
        "the peer closed or restarted during the exchange"
    ]
    assert isinstance(initiator.problems[0], IpcError)
    assert initiator.problems[0].errno == errno.ECONNRESET


def test_a_broken_index_is_no_back_pressure(machine: EmbeddedMachine) -> None:
    """It would otherwise be tried again for ever."""
    initiator, _ = start(machine, APP, Workload(messages=4))
    machine.core("app").bus.write32(0x2007_0000, 3)
    with pytest.raises(IpcError, match="rd_idx is not a multiple of 4"):
        initiator.begin()
