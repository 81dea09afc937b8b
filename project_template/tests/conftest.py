"""The firmware on the network core, and Python on the application core as the devicetree says."""

from pathlib import Path

import pytest

from icmsg.config.load import load_instances

PROJECT = Path(__file__).parents[1]
(IPC0,) = load_instances(PROJECT / "devicetree" / "app.dts")


@pytest.fixture
def shout(icmsg_firmware, icmsg_peer):
    """The application core's side of the link, bound with the firmware."""
    icmsg_firmware("net", PROJECT / "firmware" / "shout-net.elf")
    peer = icmsg_peer("app", IPC0.config)
    peer.wait_for_bound()
    return peer
