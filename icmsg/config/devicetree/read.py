"""Reader of a parsed tree: returns what it says about ICMsg."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree.properties import (
    BACKENDS,
    ICBMSG,
    ICMSG,
    NAMES,
    WHOLE_TREE,
    Channel,
    Devicetree,
    IcmsgNode,
    MailboxNode,
    MemoryNode,
    OtherBackend,
    assumes_cells,
    boards_own,
    entries,
    number_of,
    readable_words,
    target_of,
    text_of,
)
from icmsg.errors import DevicetreeError
from icmsg.files import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree.tree import Node, Property, Tree

_OTHER_BACKENDS: Final = "zephyr,ipc-"
_MOST_NAMES: Final = 20
_TRUSTZONE: Final = ("zephyr,sram-secure-partition", "zephyr,sram-non-secure-partition")
_THEIR_REGIONS: Final = ("tx-region", "rx-region", "memory-region")
MAPPING: Final = "nordic,interrupt-mapping"
_VPRS: Final = ("nordic,nrf-vpr-coprocessor", "nordic,vpr")
_EXAMPLE: Final = 'mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx";'


def read_devicetree(tree: Tree) -> Devicetree:
    """Return what ``tree`` says about ICMsg.

    Raises:
        DevicetreeError: no node of a known backend is enabled, or one cannot be understood.
    """
    nodes = list(tree.root.walk())
    tree.chosen.update(_chosen_names(tree))
    enabled = [node for node in nodes if _compatible(node) is not None and node.enabled]
    if not enabled:
        raise _nothing(tree, nodes)
    if len(enabled) > INSTANCES:
        raise enabled[INSTANCES].place.error(
            DevicetreeError, f"more than {INSTANCES} enabled ICMsg nodes; take some away"
        )
    instances = [_instance(node, tree) for node in enabled]
    called = Counter(instance.name for instance in instances)
    return Devicetree(
        file=tree.file,
        complete=tree.complete,
        compatible=tuple(_soc(tree)),
        instances=tuple(
            instance if called[instance.name] == 1 else replace(instance, name=instance.path)
            for instance in instances
        ),
        others=tuple(_others(nodes, tree)),
        reserved=tuple(_reserved(nodes, tree)),
        sram=_sram(tree),
    )


def _compatible(node: Node) -> str | None:
    """Return the ``compatible`` of a backend that is known here; None for any other node."""
    return next((text for text in node.strings("compatible") if text in BACKENDS), None)


def _nothing(tree: Tree, nodes: list[Node]) -> DevicetreeError:
    for node in nodes:
        if _compatible(node) is not None:
            place = node.properties["status"].place
            return place.error(DevicetreeError, f'{node.path} is disabled; set status = "okay"')
    for node in nodes:
        backends = [text for text in node.strings("compatible") if text.startswith(_OTHER_BACKENDS)]
        if backends and node.enabled:
            name = NAMES.get(backends[0], "another IPC backend")
            return node.properties["compatible"].place.error(
                DevicetreeError,
                f"{node.path} is {name} ({backends[0]}), not supported yet, and no ICMsg or ICBMsg: "
                f'both sides have to be compatible = "{ICMSG}" or "{ICBMSG}"',
            )
    edited = [node for node in nodes if node.stand_in and node.name.startswith("ipc")]
    if edited:
        return edited[0].place.error(
            DevicetreeError,
            f'{boards_own(edited[0], "compatible")}; there is no node with compatible = "{ICMSG}" or "{ICBMSG}" here',
        )
    return DevicetreeError(
        f'no enabled node with compatible = "{ICMSG}" or "{ICBMSG}"; add one, or {WHOLE_TREE}',
        file=tree.file,
        line=1,
    )


def _instance(node: Node, tree: Tree) -> IcmsgNode:
    tx_channel, rx_channel = channels(node, tree)
    compatible = _compatible(node) or ICMSG
    has_blocks = compatible == ICBMSG
    return IcmsgNode(
        name=node.labels[0] if node.labels else node.name,
        path=node.path,
        place=node.place,
        tx_region=_region(node, "tx-region", tree),
        rx_region=_region(node, "rx-region", tree),
        tx_channel=tx_channel,
        rx_channel=rx_channel,
        dcache_alignment=number_of(node, "dcache-alignment"),
        unbound=text_of(node, "unbound"),
        places={name: found.place for name, found in node.properties.items()},
        labels=node.labels,
        compatible=compatible,
        tx_blocks=_blocks(node, "tx-blocks", tree) if has_blocks else None,
        rx_blocks=_blocks(node, "rx-blocks", tree) if has_blocks else None,
    )


def _blocks(node: Node, name: str, tree: Tree) -> int:
    found = number_of(node, name, "blocks", "16")
    if found is not None:
        return found
    if node.stand_in:
        raise node.place.error(DevicetreeError, boards_own(node, name))
    other = "rx-blocks" if name == "tx-blocks" else "tx-blocks"
    raise node.place.error(
        DevicetreeError,
        f"{node.path} has no {name}; add one, for example {name} = <16>, with the same number in {other} of the other "
        "side" + ("" if tree.complete else f". If it is in the board's files, {WHOLE_TREE}"),
    )


def _region(node: Node, name: str, tree: Tree) -> MemoryNode:
    found = node.properties.get(name)
    if found is None:
        if node.stand_in:
            raise node.place.error(DevicetreeError, boards_own(node, name))
        raise node.place.error(
            DevicetreeError,
            f"{node.path} has no {name}; add one, for example {name} = <&sram_{name[:2]}>"
            + ("" if tree.complete else f". If it is in the board's files, {WHOLE_TREE}"),
        )
    target = target_of(found, node, tree)
    if target is None:
        raise found.place.error(
            DevicetreeError,
            f"{name} of {node.path} has to be one reference, for example {name} = <&sram_{name[:2]}>",
        )
    return _memory(target, tree)


def _memory(node: Node, tree: Tree) -> MemoryNode:
    parts = entries(node, complete=tree.complete)
    reg = node.properties["reg"]
    return MemoryNode(
        path=node.path,
        region=parts[0],
        place=reg.place,
        entries=len(parts),
        chosen=tree.chosen.get(node.path, ()),
        assumed_cells=tree.complete and assumes_cells(node),
    )


def _chosen(tree: Tree) -> Iterator[tuple[str, Node]]:
    chosen = tree.by_path.get("/chosen")
    for name in chosen.properties if chosen else ():
        for path in chosen.strings(name)[:1] if chosen else ():
            if node := tree.by_path.get(path):
                yield name, node


def _chosen_names(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return what nodes are chosen as, by path; the board's halves for TrustZone, which no image uses, are not."""
    names: dict[str, tuple[str, ...]] = {}
    for name, node in _chosen(tree):
        if name not in _TRUSTZONE:
            names[node.path] = (*names.get(node.path, ())[:_MOST_NAMES], name)
    return names


def _soc(tree: Tree) -> Iterator[str]:
    yield from tree.root.strings("compatible")
    if soc := tree.by_path.get("/soc"):
        yield from soc.strings("compatible")


def _others(nodes: list[Node], tree: Tree) -> Iterator[OtherBackend]:
    for node in nodes:
        backends = [text for text in node.strings("compatible") if text.startswith(_OTHER_BACKENDS)]
        if backends and _compatible(node) is None and node.enabled:
            regions = tuple(_their_regions(node, tree))
            yield OtherBackend(
                node.path, backends[0], node.place, regions, node.labels, tx_mailbox(node, tree)
            )


def _their_regions(node: Node, tree: Tree) -> Iterator[MemoryNode]:
    for name in _THEIR_REGIONS:
        if found := node.properties.get(name):
            for word in found.words() or ():
                yield from _if_known(tree.by_phandle.get(word), tree)


def _reserved(nodes: list[Node], tree: Tree) -> Iterator[MemoryNode]:
    for node in nodes:
        if node.parent is not None and node.parent.name == "reserved-memory":
            yield from _if_known(node, tree)


def _sram(tree: Tree) -> MemoryNode | None:
    target = next((node for name, node in _chosen(tree) if name == "zephyr,sram"), None)
    return next(_if_known(target, tree), None)


def _if_known(node: Node | None, tree: Tree) -> Iterator[MemoryNode]:
    """Yield where ``node`` is; nothing if that cannot be read, since no instance uses it."""
    if node is not None:
        try:
            yield _memory(node, tree)
        except DevicetreeError:
            return


def channels(node: Node, tree: Tree) -> tuple[Channel, Channel]:
    """Return the channels (tx, rx) of ``node``: which channel of which mailbox it rings and hears.

    A binding of a mailbox has one cell, the channel, or none where the mailbox has only one channel.

    Raises:
        DevicetreeError: a property is missing or malformed, or names another node than a mailbox.
    """
    mboxes, names = node.properties.get("mboxes"), node.properties.get("mbox-names")
    if mboxes is None or names is None:
        missing = "mboxes" if mboxes is None else "mbox-names"
        if node.stand_in:
            raise node.place.error(DevicetreeError, boards_own(node, missing))
        raise node.place.error(
            DevicetreeError, f"{node.path} has no {missing}; add both, for example {_EXAMPLE}"
        )
    called = names.strings() or []
    if sorted(called) != ["rx", "tx"]:
        raise names.place.error(
            DevicetreeError,
            f'mbox-names of {node.path} has to be "tx" and "rx", in the order of mboxes; for example {_EXAMPLE}',
        )
    found = _channels(mboxes, node, tree)
    if len(found) != len(called):
        raise mboxes.place.error(
            DevicetreeError,
            f"mboxes of {node.path} has {len(found)} entries for the {len(called)} names in mbox-names; "
            f"for example {_EXAMPLE}",
        )
    by_name = dict(zip(called, found, strict=True))
    return by_name["tx"], by_name["rx"]


def _channels(mboxes: Property, node: Node, tree: Tree) -> list[Channel]:
    words = readable_words(mboxes, node)
    # A stand-in has no #mbox-cells; with two entries, the length tells.
    guess = 1 if len(words) > len(("tx", "rx")) else 0
    found = []
    position = 0
    while position < len(words):
        target = tree.by_phandle.get(words[position])
        if target is None:
            raise mboxes.place.error(
                DevicetreeError,
                f"mboxes of {node.path}: {words[position]:#x} is no node; for example {_EXAMPLE}",
            )
        cells = _cells(target, mboxes, node, guess)
        arguments = words[position + 1 : position + 1 + cells]
        if len(arguments) != cells:
            raise mboxes.place.error(
                DevicetreeError,
                f"mboxes of {node.path} has no channel behind {target.path}; for example {_EXAMPLE}",
            )
        number = arguments[0] if arguments else 0
        found.append(Channel(_mailbox(target), number, mboxes.place, has_cell=bool(cells)))
        position += 1 + cells
    return found


def _cells(target: Node, mboxes: Property, node: Node, guess: int) -> int:
    count = target.properties.get("#mbox-cells")
    if count is None and target.stand_in:
        return guess
    if count is None:
        raise mboxes.place.error(
            DevicetreeError,
            f"mboxes of {node.path} names {target.path}, which is no mailbox; name one, or add "
            f"#mbox-cells = <1> to {target.path} ({target.place})",
        )
    words = readable_words(count, target)
    if words not in ([0], [1]):
        raise count.place.error(
            DevicetreeError, f"#mbox-cells of {target.path} has to be <1> (the channel), or <0>; {WHOLE_TREE}"
        )
    return words[0]


def tx_mailbox(node: Node, tree: Tree) -> MailboxNode | None:
    """Return the mailbox that a node of any backend rings; None if that cannot be read."""
    try:
        return channels(node, tree)[0].mailbox
    except DevicetreeError:
        return None


def _mailbox(node: Node) -> MailboxNode:
    parent = node.parent
    vpr = parent if parent is not None and set(parent.strings("compatible")) & set(_VPRS) else None
    return MailboxNode(
        node.path,
        tuple(node.strings("compatible")),
        node.enabled,
        node.place,
        tx_mask=_word(node, "tx-mask"),
        rx_mask=_word(node, "rx-mask"),
        labels=node.labels,
        stand_in=node.stand_in,
        address=_address(vpr or node),
        holder=vpr.labels[0] if vpr is not None and vpr.labels else "",
        wired=_word(node, "nordic,tasks-mask", "nordic,events-mask"),
        mapped=_mapped(node),
    )


def _word(node: Node, *names: str) -> int | None:
    """Return the one cell of the first of these properties that the node has; None for anything else."""
    found = next((node.properties[name] for name in names if name in node.properties), None)
    words = readable_words(found, node) if found else []
    return words[0] if len(words) == 1 else None


def _address(node: Node) -> int | None:
    """Return where the node's registers are; None where it says nothing, or a core's number."""
    if "reg" not in node.properties or node.strings("device_type") == ["cpu"]:
        return None
    try:
        return entries(node, complete=True)[0].address
    except DevicetreeError:
        return None


def _mapped(node: Node) -> int | None:
    """Return the events of all pairs (mask, interrupt) whose interrupt the node connects, as Zephyr's driver does:
    of two pairs for one interrupt, the last counts. None if nothing tells.
    """
    found = node.properties.get(MAPPING)
    words = found.words() if found is not None and found.macro is None else None
    if not words:
        return None
    names = node.strings("interrupt-names")
    masks = {interrupt: events for events, interrupt in zip(words[::2], words[1::2], strict=False)}
    return reduce(
        or_,
        (events for interrupt, events in masks.items() if not names or f"irq{interrupt}" in names),
        0,
    )
