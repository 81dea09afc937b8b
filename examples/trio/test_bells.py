"""Tests over a kind of mailbox of one's own, which bell.py makes known.

python -m pytest -q examples/trio/test_bells.py
"""

from __future__ import annotations

from pathlib import Path

import bell  # noqa: F401 - whoever imports it has the kind
import pytest

from icmsg.config import InstanceConfig, Region

CONFIG = InstanceConfig(Region(0x3800_0000, 0x400), Region(0x3800_0400, 0x400), tx_channel=0, rx_channel=1)


@pytest.mark.icmsg(platform=Path(__file__).with_name("bells.repl"))
def test_two_cores_bond_over_the_bells(icmsg_peer):
    first, second = icmsg_peer("0", CONFIG), icmsg_peer("1", CONFIG.mirrored())
    first.wait_for_bound()
    second.wait_for_bound()
    first.send(b"hello")
    assert second.receive() == b"hello"
