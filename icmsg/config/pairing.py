"""Instances that two sides have in common, and those that lead to a third core.

An instance leads to the core whose mailbox it rings:

1. A bellboard belongs to the core that hears on the bellboard of the same address, where the other file shows it.
2. A mailbox in a VPR belongs to that VPR, and any other one to the core that its label names (``cpurad_bellboard``,
   ``cpusys_vevif``), where that is not the core that rings: ``cpuapp_vevif_tx`` of an nRF54L15 only tells whose driver
   it is.
3. Else the label of the instance tells it, where that names two cores (``cpuapp_cpuppr_ipc``).

An instance that leads to a third core is left aside. Not so where the other side has its two regions, swapped: then the
two belong together, and the mailbox is a mistake. What is left is matched by memory and name. Endpoint names are not
transmitted and node names may differ, so memory decides: an instance belongs to the one that has its regions, swapped
or (the mistake) not swapped, and only then to the one with its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.boards import BOARDS
from icmsg.config.built_for import core_in, core_of, cores_in
from icmsg.config.devicetree import NAMES, OtherBackend
from icmsg.config.mailboxes import is_same_device
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.config.devicetree import BackendName, IcmsgNode, MailboxNode
    from icmsg.config.load import Side

    Node = IcmsgNode | OtherBackend


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


_BELLBOARD_RX: Final = "nordic,nrf-bellboard-rx"
_BELLBOARD_TX: Final = "nordic,nrf-bellboard-tx"


class Aside(NamedTuple):
    """``node`` of side ``core`` leads to the core ``leads_to``, because it rings ``mailbox``; empty where not known."""

    core: str
    node: IcmsgNode
    leads_to: str
    reason: str

    def __str__(self) -> str:
        return f"{self.node.name} of {self.core} ({self.reason})"


class Pairing(NamedTuple):
    """Pairs (first, second), what has no counterpart on the other side, and what leads to a third core."""

    pairs: list[tuple[IcmsgNode, IcmsgNode]]
    first_alone: list[IcmsgNode]
    second_alone: list[IcmsgNode]
    aside: list[Aside]

    @property
    def of_first(self) -> list[IcmsgNode]:
        """The instances of the first side that are judged."""
        return [*(ours for ours, _ in self.pairs), *self.first_alone]

    @property
    def of_second(self) -> list[IcmsgNode]:
        """The instances of the second side that are judged."""
        return [*(theirs for _, theirs in self.pairs), *self.second_alone]


def choose(
    candidates: Sequence[tuple[IcmsgNode, ...]],
    instance: str | None,
    side: Side,
    aside: Sequence[Aside] = (),
    backend: BackendName | None = None,
) -> tuple[IcmsgNode, ...]:
    """Return the one of ``candidates`` that has a node called ``instance``; None will do where there is only one.

    Where there are several, one of ``backend`` comes before those of others.

    Raises:
        ConfigurationError: there is none, or several; the text names them, with the file of ``side``.
    """
    found = [
        nodes for nodes in candidates if instance is None or any(node.is_called(instance) for node in nodes)
    ]
    if len(found) > 1:
        found = [nodes for nodes in found if nodes[0].backend == backend] or found
    if len(found) == 1:
        return found[0]
    differ = len({nodes[0].backend for nodes in candidates}) > 1
    names = [
        f"{nodes[0].name} ({NAMES[nodes[0].compatible]})" if differ else nodes[0].name for nodes in candidates
    ]
    left = next((each for each in aside if instance is not None and each.node.is_called(instance)), None)
    reason = "which instance?" if instance is None else f"there is no instance {instance}"
    if left is not None:
        reason += f" between the two sides: {left}"
    listed = ", ".join(names) or "none on both sides"
    raise ConfigurationError(f"{side.devicetree.file}: {reason}; use one of: {listed}")


def pair_up(first: Side, second: Side) -> Pairing:
    """Return which instances of two sides belong together."""
    aside = [*_aside(first, second), *_aside(second, first)]
    left = {id(each.node) for each in aside}
    matching = match(
        [node for node in first.devicetree.instances if id(node) not in left],
        [node for node in second.devicetree.instances if id(node) not in left],
    )
    return Pairing(*matching, aside)


def leads_to(side: Side, node: Node) -> str | None:
    """Return the core that an instance of ``side`` leads to, by rules 2 and 3; None if nothing tells."""
    own = own_core(side)
    mailbox = _rung(node)
    for text in () if mailbox is None else (mailbox.holder, mailbox.label):
        if (core := core_in(text)) is not None and core != own:
            return core
    for label in node.labels:
        cores = cores_in(label)
        if len(cores) == 2 and own in cores:
            return next(core for core in cores if core != own)
    return None


def own_core(side: Side) -> str:
    """Return the core of ``side`` as Zephyr calls it, which its options may call otherwise."""
    return core_of(side.devicetree, BOARDS.get(side.soc or "")) or side.core


def other_backends_between(first: Side, second: Side) -> tuple[OtherBackend, OtherBackend] | None:
    """Return a node of another backend and its counterpart: both use the same memory, or lead to each other."""
    for ours in first.devicetree.others:
        for theirs in second.devicetree.others:
            leads = leads_to(first, ours), leads_to(second, theirs)
            if _addresses(ours) & _addresses(theirs) or leads == (own_core(second), own_core(first)):
                return ours, theirs
    return None


def counterpart_of_another_kind(node: IcmsgNode, other: Side) -> OtherBackend | None:
    """Return the node of another backend on the ``other`` side that uses the regions of ``node``; None without one."""
    regions = {node.tx_region.region.address, node.rx_region.region.address}
    return next((each for each in other.devicetree.others if _addresses(each) & regions), None)


def _addresses(node: OtherBackend) -> set[int]:
    return {memory.region.address for memory in node.regions}


def _rung(node: Node) -> MailboxNode | None:
    return node.tx_mailbox if isinstance(node, OtherBackend) else node.tx_channel.mailbox


def _aside(side: Side, other: Side) -> Iterator[Aside]:
    their_core = core_of(other.devicetree, BOARDS.get(other.soc or ""))
    bells = [
        mailbox
        for node in other.devicetree.instances
        if _BELLBOARD_RX in (mailbox := node.rx_channel.mailbox).compatible and mailbox.address is not None
    ]
    for node in side.devicetree.instances:
        if any(_are_swapped(node, their) for their in other.devicetree.instances):
            continue
        mailbox, core = node.tx_channel.mailbox, leads_to(side, node)
        if bells and _BELLBOARD_TX in mailbox.compatible and mailbox.address is not None:
            elsewhere = not any(is_same_device(mailbox, bell) for bell in bells)
        else:
            elsewhere = None not in (their_core, core) and core != their_core
        if elsewhere:
            whose = f"core {core}" if core is not None and core != their_core else "a third core"
            yield Aside(side.core, node, core or "", f"it rings {node.tx_channel}, of {whose}")


def _are_swapped(ours: IcmsgNode, theirs: IcmsgNode) -> bool:
    return (ours.tx_region.region.address, ours.rx_region.region.address) == (
        theirs.rx_region.region.address,
        theirs.tx_region.region.address,
    )
