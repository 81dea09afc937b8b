"""The fuzz target: the first byte of an input chooses what is attacked, the rest is the attack."""

from __future__ import annotations

from asking import identify_peer
from bonding import play_against_instance
from both_ways import pbuf_both_ways
from reading import read_pbuf, read_spsc
from script import Script
from writing import write_region

TARGETS = (read_pbuf, read_spsc, write_region, identify_peer, play_against_instance, pbuf_both_ways)


def attack(data: bytes) -> None:
    """Run one input; any exception is a finding."""
    script = Script(data)
    script.choose(TARGETS)(script)
