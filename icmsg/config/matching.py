"""Matching of the instances of one side to those of the other.

Endpoint names are not transmitted and node names may differ, so memory decides: an instance belongs to the one that
has its regions, swapped or (the mistake) not swapped, and only then to the one with its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.config.devicetree import IcmsgNode

_SWAPPED: Final = 8
_NOT_SWAPPED: Final = 4
_CHANNELS: Final = 2
_NAME: Final = 1


class Matching(NamedTuple):
    """Pairs (ours, theirs), and what has no counterpart."""

    pairs: list[tuple[IcmsgNode, IcmsgNode]]
    ours_alone: list[IcmsgNode]
    theirs_alone: list[IcmsgNode]


def match(ours: Sequence[IcmsgNode], theirs: Sequence[IcmsgNode]) -> Matching:
    """Pair the instances of two sides, best matches first; one left on each side belong together."""
    free_ours, free_theirs = list(ours), list(theirs)
    found: list[tuple[IcmsgNode, IcmsgNode]] = []
    scored = [(_likeness(our, their), our, their) for our in ours for their in theirs]
    for likeness, our, their in sorted(scored, key=lambda entry: -entry[0]):
        if likeness and _has(free_ours, our) and _has(free_theirs, their):
            found.append((our, their))
            free_ours = [node for node in free_ours if node is not our]
            free_theirs = [node for node in free_theirs if node is not their]
    if len(free_ours) == len(free_theirs) == 1:
        found.append((free_ours.pop(), free_theirs.pop()))
    order = {id(node): number for number, node in enumerate(ours)}
    found.sort(key=lambda pair: order[id(pair[0])])
    return Matching(found, free_ours, free_theirs)


def _has(nodes: list[IcmsgNode], wanted: IcmsgNode) -> bool:
    return any(node is wanted for node in nodes)


def _likeness(our: IcmsgNode, their: IcmsgNode) -> int:
    our_tx, our_rx = our.tx_region.region.address, our.rx_region.region.address
    their_tx, their_rx = their.tx_region.region.address, their.rx_region.region.address
    channels = (our.tx_channel.number, our.rx_channel.number)
    return (
        _SWAPPED * ((our_tx == their_rx) + (our_rx == their_tx))
        + _NOT_SWAPPED * ((our_tx == their_tx) + (our_rx == their_rx))
        + _CHANNELS * (channels == (their.rx_channel.number, their.tx_channel.number))
        + _NAME * (our.name == their.name)
    )
