"""Tests of an image for the FLPR of an nRF54L15; Python plays the application core, which starts and stops the FLPR.

python -m pytest -q examples/test_flpr.py
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icmsg.config.boards import BOARDS

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine
    from icmsg.pytest_plugin.fixtures import LoadFirmware, OpenPeer

pytestmark = pytest.mark.icmsg(soc="nrf54l15")

WITH_SESSIONS = replace(BOARDS["nrf54l15"].instance, unbound="enable", dcache_alignment=8)
CPURUN = 0x5004_C800
"""VPR.CPURUN, as the application core reaches it."""


def test_the_image_sends_everything_back(icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer) -> None:
    icmsg_firmware("flpr", "echo")  # or the path of your ELF
    peer = icmsg_peer("app")
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"


def test_the_link_comes_back_when_the_flpr_is_started_again_with_another_image(
    icmsg_machine: Machine, icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer
) -> None:
    icmsg_firmware("flpr", "echo-enable")
    peer = icmsg_peer("app", WITH_SESSIONS)
    peer.wait_for_bound()
    icmsg_machine.core("app").bus.write32(CPURUN, 0)
    icmsg_firmware("flpr", "echo-detect")
    peer.wait_for_unbound()
    peer.reopen()
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"
