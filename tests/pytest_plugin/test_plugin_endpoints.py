"""The fixture for a peer with several endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.config import IcmsgMeConfig
from icmsg.config.boards import NRF5340
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from icmsg.pytest_plugin.fixtures import OpenPeer


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
