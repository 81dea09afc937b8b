"""The other side of a link, as tests use it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icmsg.config.nrf5340 import APP
from icmsg.errors import EngineError, VirtualTimeoutError
from icmsg.timers import MS

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine
    from icmsg.pytest_plugin.fixtures import LoadFirmware, OpenPeer

SESSIONS = replace(APP, dcache_alignment=8, unbound="enable")


def test_messages_come_back_in_order(icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer) -> None:
    icmsg_firmware("net", "echo")
    peer = icmsg_peer()
    assert not peer.is_bound
    peer.wait_for_bound()
    peer.send(b"one")
    peer.send(b"two")
    assert [peer.receive(), peer.receive()] == [b"one", b"two"]
    assert (peer.bound_count, peer.unbound_count, peer.errors) == (1, 0, [])


def test_a_peer_that_never_answers_is_explained(icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer) -> None:
    icmsg_firmware("net", "spin")
    peer = icmsg_peer()
    with pytest.raises(VirtualTimeoutError) as caught:
        peer.wait_for_bound(5 * MS)
    text = str(caught.value)
    assert text.startswith("bound on app did not happen within 5.000 ms of virtual time\n")
    assert "app (Python) is INITIALIZING_SID_DISABLED" in text
    assert "app wrote the magic, net has not taken it" in text
    assert "net has written nothing" in text
    assert "console of net: spin: up" in text


def test_a_message_that_does_not_come_is_said_with_the_state_of_the_link(
    icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer
) -> None:
    icmsg_firmware("net", "echo")
    peer = icmsg_peer()
    peer.wait_for_bound()
    with pytest.raises(VirtualTimeoutError, match=r"a message for app did not happen within 2\.000 ms"):
        peer.receive(2 * MS)


def test_an_error_of_the_backend_is_in_the_description(
    icmsg_machine: Machine, icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer
) -> None:
    icmsg_firmware("net", "echo")
    peer = icmsg_peer()
    peer.wait_for_bound()
    icmsg_machine.core("net").halt()
    wr_idx = APP.rx_region.address + APP.rx_layout.wr_idx_offset
    peer.core.bus.write32(wr_idx, 0x1003)
    peer.instance.mailbox_rang()
    with pytest.raises(VirtualTimeoutError) as caught:
        peer.receive(2 * MS)
    assert "error on app: " in str(caught.value)
    assert "wr_idx 0x00001003 is not a multiple of 4" in str(caught.value)


def test_a_restart_of_either_side_is_unbound_and_bound_again_with_sessions(icmsg_peer: OpenPeer) -> None:
    app = icmsg_peer("app", SESSIONS)
    net = icmsg_peer("net", SESSIONS.mirrored())
    app.wait_for_bound()
    net.wait_for_bound()
    net.reopen()
    app.wait_for_unbound()
    app.reopen()
    app.wait_for_bound()
    net.wait_for_bound()
    assert "session" in app.describe()[0]
    app.send(b"again")
    assert net.receive() == b"again"
    net.close()
    app.wait_for_unbound()
    assert (app.bound_count, app.unbound_count) == (2, 2)


def test_a_core_with_firmware_cannot_be_a_peer(icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer) -> None:
    icmsg_firmware("net", "echo")
    with pytest.raises(EngineError, match="runs firmware"):
        icmsg_peer("net")
