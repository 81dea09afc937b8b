"""The fuzz targets, in groups: the first byte of an input chooses what is attacked, the rest is the attack."""

from __future__ import annotations

from collections.abc import Callable

from asking import identify_peer
from bonding import play_against_instance
from both_ways import pbuf_both_ways
from icbmsg import play_against_classic, play_against_rework
from over_icmsg import play_against_icmsg_me
from reading import read_pbuf, read_spsc
from script import Script
from writing import write_region

Target = Callable[[Script], None]

REGION: tuple[Target, ...] = (
    read_pbuf,
    read_spsc,
    write_region,
    identify_peer,
    play_against_instance,
    pbuf_both_ways,
)
"""What one region and one endpoint need."""
ENDPOINTS: tuple[Target, ...] = (play_against_classic, play_against_rework, play_against_icmsg_me)
"""Backends with several endpoints."""
GROUPS = {"region": REGION, "endpoints": ENDPOINTS}


def attack(data: bytes, targets: tuple[Target, ...]) -> None:
    """Run one input; any exception is a finding."""
    script = Script(data)
    script.choose(targets)(script)
