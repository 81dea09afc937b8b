"""A peer with several endpoints, and what the diagnosis says when they do not come together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.config import IcmsgMeConfig
from icmsg.config.boards import NRF5340
from icmsg.errors import IpcError, VirtualTimeoutError
from icmsg.ipc import IcbmsgEndpoint
from icmsg.machine.events import ENDPOINT_SHIFT, LENGTH_MASK, REWORK_STATES, Event, EventKind
from icmsg.timers import MS

if TYPE_CHECKING:
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.peer import EndpointsPeer
    from icmsg.machine.machine import Machine
    from icmsg.pytest_plugin.fixtures import OpenPeer

CLASSIC = NRF5340.icbmsg
REWORK = replace(CLASSIC, generation="rework")
ALL: list[SeveralConfig] = [
    replace(CLASSIC, generation="3.6"),
    CLASSIC,
    REWORK,
    IcmsgMeConfig(NRF5340.instance, role="initiator"),
]
NAMES = ("3.6", "4.1", "rework", "me")


def pair(
    icmsg_peer: OpenPeer, config: SeveralConfig, app: list[str], net: list[str], **other: Any
) -> tuple[EndpointsPeer, EndpointsPeer]:
    mirror = replace(config, **other).mirrored()
    return icmsg_peer("app", config, app), icmsg_peer("net", mirror, net)


def told(peer: EndpointsPeer) -> str:
    """Return what a wait for bound says when it ends."""
    with pytest.raises(VirtualTimeoutError) as caught:
        peer.wait_for_bound(5 * MS)
    return str(caught.value)


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_messages_reach_the_endpoint_of_their_name(icmsg_peer: OpenPeer, config: SeveralConfig) -> None:
    app, net = pair(icmsg_peer, config, ["ep0", "ep1"], ["ep1", "ep0"])
    app.wait_for_bound()
    net.wait_for_bound()
    for name in ("ep0", "ep1"):
        app.endpoint(name).send(b"to " + name.encode())
        net.endpoint(name).send(b"from " + name.encode())
    for name in ("ep1", "ep0"):
        assert net.endpoint(name).receive() == b"to " + name.encode()
        assert app.endpoint(name).receive() == b"from " + name.encode()
    assert (app.errors, net.errors) == ([], [])
    assert app.endpoint("ep0").bound_count == 1


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_a_name_is_registered_when_it_is_asked_for_first(icmsg_peer: OpenPeer, config: SeveralConfig) -> None:
    app, net = pair(icmsg_peer, config, [], [])
    late = app.endpoint("late")
    assert app.endpoint("late") is late
    net.endpoint("late").wait_for_bound()
    late.wait_for_bound()


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_packets_enter_the_event_stream_with_their_endpoint(
    icmsg_machine: Machine, icmsg_peer: OpenPeer, config: SeveralConfig
) -> None:
    seen: list[Event] = []
    icmsg_machine.events.add_sink(seen.append, (EventKind.PACKET_SENT, EventKind.PACKET_RECEIVED))
    app, net = pair(icmsg_peer, config, ["ep0", "ep1"], ["ep0", "ep1"])
    app.wait_for_bound()
    app.endpoint("ep1").send(b"12345")
    net.endpoint("ep1").receive()
    app.endpoint("ep0").send(b"12")
    net.endpoint("ep0").receive()
    told = [(event.kind, event.a >> ENDPOINT_SHIFT, event.a & LENGTH_MASK) for event in seen]
    sent, received = EventKind.PACKET_SENT, EventKind.PACKET_RECEIVED
    assert told == [(sent, 1, 5), (received, 1, 5), (sent, 2, 2), (received, 2, 2)]


def test_states_of_the_rework_are_told_apart(icmsg_machine: Machine, icmsg_peer: OpenPeer) -> None:
    seen: list[int] = []
    icmsg_machine.events.add_sink(lambda event: seen.append(event.a), (EventKind.STATE,))
    app, _ = pair(icmsg_peer, REWORK, ["ep0"], ["ep0"])
    app.wait_for_bound()
    assert set(seen) == {REWORK_STATES + 1, REWORK_STATES + 2}


def test_a_message_can_be_held_through_the_backend(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, CLASSIC, ["ep0"], ["ep0"])
    app.wait_for_bound()
    endpoint = net.endpoint("ep0").endpoint
    assert isinstance(endpoint, IcbmsgEndpoint)
    assert app.instance.is_bound
    app.endpoint("ep0").send(b"kept")
    assert net.endpoint("ep0").receive() == b"kept"


def test_only_the_rework_tells_that_an_endpoint_is_gone(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, REWORK, ["ep0", "ep1"], ["ep0", "ep1"])
    app.wait_for_bound()
    net.wait_for_bound()
    app.endpoint("ep1").close()
    net.endpoint("ep1").wait_for_unbound()
    assert net.endpoint("ep0").is_bound


def test_icmsg_me_cannot_start_over(icmsg_peer: OpenPeer) -> None:
    app, _ = pair(icmsg_peer, ALL[-1], ["ep0"], ["ep0"])
    with pytest.raises(IpcError, match="icmsg_me cannot start over: reset both cores"):
        app.reopen()


@pytest.mark.parametrize("config", ALL[:3], ids=NAMES[:3])
def test_both_sides_can_start_over(icmsg_peer: OpenPeer, config: SeveralConfig) -> None:
    app, net = pair(icmsg_peer, config, ["ep0"], ["ep0"])
    app.wait_for_bound()
    for peer in (app, net):
        peer.instance.reset()
    app, net = pair(icmsg_peer, config, ["ep0"], ["ep0"])
    app.wait_for_bound()


# The diagnosis


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_names_that_do_not_match_are_both_said(icmsg_peer: OpenPeer, config: SeveralConfig) -> None:
    app, _ = pair(icmsg_peer, config, ["ep0"], ["ep1"])
    text = told(app)
    assert "ep0 bound on app did not happen" in text
    assert 'has named endpoint "ep' in text
    assert "or give both sides the same names" in text
    assert 'endpoint "ep' in text
    assert "was never bound" in text


def test_a_name_that_nobody_would_give_is_explained(icmsg_peer: OpenPeer) -> None:
    app, _ = pair(icmsg_peer, CLASSIC, ["ep0"], ["H)"])
    assert "without .name in its ipc_ept_cfg, Zephyr takes what lies at address 0" in told(app)


def test_an_endpoint_that_the_peer_has_not_is_named(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, CLASSIC, ["ep0"], ["ep0", "ep1"])
    text = told(net)
    assert 'endpoint "ep1" of net was never bound: app has read its name, and did not answer' in text
    assert app.endpoint("ep0").is_bound


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"generation": "4.1"}, "it does with the layout of Zephyr 4.1 to 4.4"),
        ({"rx_blocks": 24}, ", 24 tx-blocks there"),
        ({"tx_blocks": 12}, ", 12, 13, 14, 15 rx-blocks there"),
    ],
)
def test_a_layout_that_differs_is_found_by_where_the_name_lies(
    icmsg_peer: OpenPeer, changes: dict[str, Any], words: str
) -> None:
    old = replace(CLASSIC, generation="3.6", dcache_alignment=32)
    app, _ = pair(icmsg_peer, old, ["ep0"], ["ep0"], **changes)
    text = told(app)
    assert 'the name "ep0" of net lies at 0x2007' in text
    assert words in text


def test_an_alignment_that_differs_is_told_by_the_magic(icmsg_peer: OpenPeer) -> None:
    old = replace(CLASSIC, dcache_alignment=32)
    app, _ = pair(icmsg_peer, old, ["ep0"], ["ep0"], dcache_alignment=0)
    assert "set dcache-alignment = <4>, or <32> at the peer" in told(app)


def test_another_protocol_is_named(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, CLASSIC, ["ep0"], ["ep0"], generation="rework")
    text = told(app)
    assert "net wrote the bound packet of the rework (after Zephyr 4.4), which is another protocol" in text
    assert "set unbound to the same" not in text
    assert net.instance.state.name == "CONNECTING"


def test_block_counts_that_differ_are_said_of_the_rework(icmsg_peer: OpenPeer) -> None:
    app, _ = pair(icmsg_peer, REWORK, ["ep0"], ["ep0"], tx_blocks=8)
    text = told(app)
    assert "the two can never bind; set tx-blocks of each side to rx-blocks of the other" in text
    assert "net says it has 18 tx and 8 rx blocks" in text


def test_blocks_that_the_peer_leaks_are_counted(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, replace(CLASSIC, refused="leak"), ["ep0"], ["ep0"])
    app.wait_for_bound()
    net.wait_for_bound()
    net.endpoint("ep0").close()
    for _ in range(3):
        app.endpoint("ep0").send(b"lost")
    with pytest.raises(VirtualTimeoutError) as caught:
        app.endpoint("ep0").receive(1 * MS)
    text = str(caught.value)
    assert (
        "net has read 3 messages of app and not given back the blocks (beginning at 0, 1, 2, of 16)" in text
    )
    assert "app has 3 of 16 blocks in use" in text


def test_nothing_is_found_where_nothing_is_wrong(icmsg_peer: OpenPeer) -> None:
    for config in ALL:
        app, net = pair(icmsg_peer, config, ["ep0"], ["ep0"])
        app.wait_for_bound()
        net.wait_for_bound()
        app.endpoint("ep0").send(b"x")
        net.endpoint("ep0").receive()
        app.machine.run_for(1 * MS)
        assert app.examine().findings == ()
        for peer in (app, net):
            peer.instance.reset()
            peer.core.bus.write_block(config.tx_region.address, bytes(config.tx_region.size))
            peer.core.bus.write_block(config.rx_region.address, bytes(config.rx_region.size))


def test_a_core_without_firmware_is_not_taken_for_one_that_answers(icmsg_peer: OpenPeer) -> None:
    app = icmsg_peer("app", CLASSIC, ["ep0"])
    text = told(app)
    assert "net has written nothing" in text
    assert "ep0 CONFIGURED" in text


def test_a_peer_that_has_not_started_over_yet_is_named(icmsg_peer: OpenPeer) -> None:
    app, net = pair(icmsg_peer, REWORK, ["ep0"], ["ep0"])
    app.wait_for_bound()
    app.endpoint("ep0").send(b"once")
    assert net.endpoint("ep0").receive() == b"once"
    net.instance.reset()
    app.reopen()
    app.instance.mailbox_rang()
    assert "what lies in its queues is of an earlier run" in told(app)
    net.endpoint("ep0").reopen()
    app.wait_for_bound()
    net.wait_for_bound()
    assert (app.errors, net.errors) == ([], [])
