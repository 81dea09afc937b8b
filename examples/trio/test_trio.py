"""Tests of firmware on an SoC of one's own; put your platform file, devicetree and ELF where those of trio are.

python -m pytest -q examples/trio/test_trio.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from icmsg.config.load import load_instances

FOLDER = Path(__file__).parent
(IPC0,) = load_instances(FOLDER / "cpu0.dts", core="0")

pytestmark = pytest.mark.icmsg(platform=FOLDER / "trio.repl")


def test_the_firmware_of_core_1_sends_everything_back(icmsg_firmware, icmsg_peer):
    icmsg_firmware("1", FOLDER / "prebuilt" / "echo-cpu1.elf")
    peer = icmsg_peer("0", IPC0.config)
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"


def test_the_third_core_has_no_mailbox(icmsg_machine):
    assert [core.name for core in icmsg_machine.soc.mailboxes()] == ["0", "1"]
