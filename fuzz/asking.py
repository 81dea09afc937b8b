"""Fuzz target: the discriminator, asked about whatever lies in both regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bonding import chosen_config, guarded_regions, peer_writes_to_either
from guarded_memory import Violation

from icmsg.ipc import PeerTraces, identify

if TYPE_CHECKING:
    from script import Script

_ALIGNMENTS = (4, 8, 16, 32, 64, 128)
_CACHE_LINES = (0, 16, 32, 64, 128)


def identify_peer(script: Script) -> None:
    """Any bytes in both regions give a verdict, and the same one again."""
    config = chosen_config(script)
    memory = guarded_regions(config)
    rx = config.rx_region
    memory.allow(read=[(rx.address, rx.size), (config.tx_region.address + 4, 4)])
    memory.poke(rx.address, script.block(rx.size))
    memory.poke(config.tx_region.address, script.block(12))
    while True:
        memory.begin()
        traces = identify(memory, config)
        _check(traces)
        if identify(memory, config) != traces:
            raise Violation("asked again, the answer was another one")
        if not script:
            return
        peer_writes_to_either(script, memory, config)


def _check(traces: PeerTraces) -> None:
    if not traces.verdict:
        raise Violation("a verdict without words")
    if (traces.can_bond is None) != (traces.wire is None and traces.bonding is None):
        raise Violation(f"traces and verdict do not agree: {traces}")
    if (traces.wire is None) != (traces.dcache_alignment is None):
        raise Violation(f"a packet buffer without alignment, or the other way round: {traces}")
    known = _CACHE_LINES if traces.wire == "spsc_pbuf" else _ALIGNMENTS
    if traces.wire is not None and traces.dcache_alignment not in known:
        raise Violation(f"an alignment that nobody looks for: {traces}")
