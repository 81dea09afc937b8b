"""Tests of firmware on the network core with the pytest plugin; put the path of your ELF where ``echo`` is.

python -m pytest -q examples/test_bonding.py
"""

from __future__ import annotations

FIRMWARE = "echo"  # a firmware stub, or "build/zephyr/zephyr.elf"


def test_the_image_bonds_and_sends_everything_back(icmsg_firmware, icmsg_peer):
    icmsg_firmware("net", FIRMWARE)
    peer = icmsg_peer("app")
    peer.wait_for_bound()
    for size in (1, 16, 100):
        message = bytes(range(size))
        peer.send(message)
        assert peer.receive() == message


def test_the_image_survives_a_doorbell_without_a_message(icmsg_machine, icmsg_firmware, icmsg_peer):
    icmsg_firmware("net", FIRMWARE)
    peer = icmsg_peer("app")
    peer.wait_for_bound()
    peer.played.mailbox.ring(peer.config.tx_channel)
    icmsg_machine.run_for(1_000_000)  # virtual nanoseconds
    peer.send(b"still there")
    assert peer.receive() == b"still there"
