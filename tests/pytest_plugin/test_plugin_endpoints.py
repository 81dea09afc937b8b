"""The fixture for a peer with several endpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icmsg.config import IcmsgMeConfig, Region
from icmsg.config.boards import NRF5340
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from icmsg.pytest_plugin.fixtures import OpenPeer

FIRST = replace(NRF5340.icbmsg, tx_region=Region(0x2007_0000, 0x800), rx_region=Region(0x2007_0800, 0x800))
SECOND = replace(
    FIRST,
    tx_region=Region(0x2007_1000, 0x800),
    rx_region=Region(0x2007_1800, 0x800),
    tx_channel=2,
    rx_channel=3,
    name="ipc1",
)


def test_a_peer_has_the_endpoints_that_a_test_names(icmsg_peer: OpenPeer) -> None:
    app = icmsg_peer("app", config=NRF5340.icbmsg)
    net = icmsg_peer("net", NRF5340.icbmsg.mirrored(), endpoints=["ep0", "ep1"])
    for name in ("ep0", "ep1"):
        app.endpoint(name).wait_for_bound()
    app.endpoint("ep1").send(b"hello")
    assert net.endpoint("ep1").receive() == b"hello"
    assert repr(net) == "<EndpointsPeer net: ep0 bound, ep1 bound, CONNECTED_SID_DISABLED>"
    assert repr(net.endpoint("ep1")) == "<PeerEndpoint ep1 of net: bound, 0 received>"


def test_icmsg_me_is_played_by_the_same_fixture(icmsg_peer: OpenPeer) -> None:
    config = IcmsgMeConfig(NRF5340.instance, role="initiator")
    app, net = icmsg_peer("app", config, ["ep0"]), icmsg_peer("net", config.mirrored(), ["ep0"])
    app.wait_for_bound()
    net.endpoint("ep0").send(b"up")
    assert app.endpoint("ep0").receive() == b"up"


def test_endpoints_are_refused_where_icmsg_has_one(icmsg_peer: OpenPeer) -> None:
    with pytest.raises(ConfigurationError, match="ICMsg has one"):
        icmsg_peer("app", NRF5340.instance, ["ep0"])  # type: ignore[call-overload]


def test_a_core_can_have_several_instances(icmsg_peer: OpenPeer) -> None:
    apps = [icmsg_peer("app", config, ["ep0"]) for config in (FIRST, SECOND)]
    nets = [icmsg_peer("net", config.mirrored(), ["ep0"]) for config in (FIRST, SECOND)]
    for peer in (*apps, *nets):
        peer.wait_for_bound()
    for number, (app, net) in enumerate(zip(apps, nets, strict=True)):
        app.endpoint("ep0").send(bytes((number, 1)))
        net.endpoint("ep0").send(bytes((number, 2)))
    for number, (app, net) in enumerate(zip(apps, nets, strict=True)):
        assert net.endpoint("ep0").receive() == bytes((number, 1))
        assert app.endpoint("ep0").receive() == bytes((number, 2))


def test_an_instance_that_starts_over_leaves_the_others_of_its_core_alone(icmsg_peer: OpenPeer) -> None:
    app, other_app = (icmsg_peer("app", config, ["ep0"]) for config in (FIRST, SECOND))
    net, other_net = (icmsg_peer("net", config.mirrored(), ["ep0"]) for config in (FIRST, SECOND))
    other_app.wait_for_bound()
    app.wait_for_bound()
    for peer in (app, net):
        peer.instance.reset()
    app, net = icmsg_peer("app", FIRST, ["ep0"]), icmsg_peer("net", FIRST.mirrored(), ["ep0"])
    app.wait_for_bound()
    other_net.endpoint("ep0").send(b"still")
    assert other_app.endpoint("ep0").receive() == b"still"
