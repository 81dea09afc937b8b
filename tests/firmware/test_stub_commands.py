"""A host has a stub close and open again: ``icmsg_command``."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from running_stub import (
    APP_TO_NET,
    BUSY,
    CLOSE,
    CLOSE_AND_OPEN,
    MESSAGES,
    MS,
    OFF,
    PlayedPeer,
    accounted,
    command,
    finish,
    lines,
    load,
    pending_command,
    ring,
    start_pair,
    stat,
    stats,
    wait,
)

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine

COMMAND_SITE = 5


def test_a_closed_stub_is_unbound_for_its_peer_and_opens_again_when_told(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"))
    wait(machine, app, "received", 100)
    command(net, CLOSE)
    wait(machine, app, "unbound", 1)
    machine.run_for(5 * MS)
    assert pending_command(net) == 0
    assert lines(net) == ["echo: up", "echo: bound", "echo: closed"]
    assert lines(app)[2:] == ["initiator: unbound"]
    assert stats(net, "state", "unbound") == [OFF, 0]
    assert stat(app, "state") == BUSY
    assert app.bus.read32(APP_TO_NET + 4) == 0, "nobody"
    ticks = stat(net, "ticks")
    machine.run_for(5 * MS)
    assert stat(net, "ticks") == ticks + 5, "it looks at icmsg_command once per repeat period"
    command(net, CLOSE)
    machine.run_for(5 * MS)
    assert stats(net, "state", "bound") == [OFF, 1]
    command(net, CLOSE_AND_OPEN)
    finish(machine, app)
    accounted(app, MESSAGES)
    assert lines(net) == ["echo: up", "echo: bound", "echo: closed", "echo: bound"]
    assert stats(app, "bound", "unbound") == [2, 1]
    rested = stat(net, "ticks")
    machine.run_for(5 * MS)
    assert stat(net, "ticks") == rested, "the timer is off again"


@pytest.mark.parametrize("who", ["app", "net"])
def test_closing_and_opening_at_once_is_one_unbound_for_the_peer(machine: EmbeddedMachine, who: str) -> None:
    app, net = start_pair(machine, {}, ("initiator-detect", "echo-enable"), window=4)
    told, peer = (app, net) if who == "app" else (net, app)
    for times in (1, 2, 3):
        wait(machine, app, "received", MESSAGES // 5 * times)
        command(told, CLOSE_AND_OPEN)
        wait(machine, told, "bound", times + 1)
    finish(machine, app)
    accounted(app, MESSAGES)
    assert stats(told, "bound", "unbound") == [4, 0]
    assert stats(peer, "bound", "unbound") == [4, 3]
    assert lines(told).count(f"{'initiator' if who == 'app' else 'echo'}: closed") == 3


def test_a_sleeping_stub_looks_at_the_command_when_its_doorbell_rings(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), messages=10)
    finish(machine, app)
    machine.run_for(MS)
    command(net, CLOSE)
    machine.run_for(5 * MS)
    assert pending_command(net) == CLOSE, "nothing woke it"
    ring(machine, "net")
    machine.run_for(MS)
    assert [pending_command(net), stat(net, "state"), stat(app, "unbound")] == [0, OFF, 1]


def test_a_stub_that_still_bonds_can_be_closed_and_opened(machine: EmbeddedMachine) -> None:
    net = load(machine, "net", "echo-enable")
    net.start()
    machine.run_for(MS)
    command(net, CLOSE)
    ring(machine, "net")
    machine.run_for(3 * MS)
    assert stats(net, "state", "bound") == [OFF, 0]
    command(net, CLOSE_AND_OPEN)
    machine.run_for(3 * MS)
    assert stats(net, "state", "bound") == [BUSY, 0]
    peer = PlayedPeer(machine, "app", "enable")
    peer.open()
    peer.wait_bound()
    peer.round_trip(b"hello")
    assert lines(net) == ["echo: up", "echo: closed", "echo: bound"]


def test_what_rings_a_closed_stub_waits_in_the_mailbox_until_it_opens(machine: EmbeddedMachine) -> None:
    """So a peer without a repeated ring binds, whoever opens last; here one that detect recognises by its magic."""
    net = load(machine, "net", "echo-detect")
    net.start()
    machine.run_for(MS)
    command(net, CLOSE)
    ring(machine, "net")
    machine.run_for(3 * MS)
    doorbells = stat(net, "doorbells")
    peer = PlayedPeer(machine, "app", "disable")
    peer.open()
    before = net.instructions
    machine.run_for(5 * MS)
    assert (peer.is_bound, stat(net, "doorbells")) == (False, doorbells)
    assert net.instructions - before < 1000, "it sleeps"
    command(net, CLOSE_AND_OPEN)
    peer.wait_bound()
    peer.round_trip(b"hello")
    assert stat(net, "errors") == 0


def test_a_doorbell_at_any_moment_of_closing_lets_the_core_sleep(machine: EmbeddedMachine) -> None:
    net = load(machine, "net", "echo-enable")
    net.start()
    machine.run_for(MS)
    for delay_ns in range(0, 6_000, 200):
        command(net, CLOSE)
        ring(machine, "net")
        machine.clock.call_later(delay_ns, lambda: ring(machine, "net"))
        machine.run_for(MS)
        before = net.instructions
        machine.run_for(5 * MS)
        assert stat(net, "state") == OFF, delay_ns
        assert net.instructions - before < 1000, delay_ns
        command(net, CLOSE_AND_OPEN)
        machine.run_for(2 * MS)
        assert stat(net, "state") == BUSY, delay_ns


@pytest.mark.parametrize("number", [3, 0x80000001, 0xFFFFFFFF])
def test_an_unknown_command_is_counted_and_nothing_else_happens(
    machine: EmbeddedMachine, number: int
) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"))
    wait(machine, app, "received", 100)
    command(net, number)
    finish(machine, app)
    assert pending_command(net) == 0
    assert stats(net, "errors", "last_error", "last_error_site", "last_error_detail") == [
        1,
        errno.EINVAL,
        COMMAND_SITE,
        number,
    ]
    assert stats(app, "received", "unbound", "lost") == [MESSAGES, 0, 0]


def test_a_reset_forgets_the_command(machine: EmbeddedMachine) -> None:
    net = load(machine, "net", "echo-enable")
    command(net, CLOSE)
    net.start()
    machine.run_for(2 * MS)
    assert (pending_command(net), stat(net, "state")) == (0, BUSY)
