"""Reader of a parsed tree: returns what it says about ICMsg."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree.nodes import (
    BACKENDS,
    ICBMSG,
    ICMSG,
    NAMES,
    Devicetree,
    IcmsgNode,
    MemoryNode,
    OtherBackend,
)
from icmsg.config.devicetree.properties import (
    WHOLE_TREE,
    assumes_cells,
    boards_own,
    channels,
    entries,
    readable_words,
    tx_mailbox,
)
from icmsg.errors import DevicetreeError
from icmsg.limits import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree.tree import Node, Property, Tree

_OTHER_BACKENDS: Final = "zephyr,ipc-"
_MOST_NAMES: Final = 20
_TRUSTZONE: Final = ("zephyr,sram-secure-partition", "zephyr,sram-non-secure-partition")
_THEIR_REGIONS: Final = ("tx-region", "rx-region", "memory-region")


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
        dcache_alignment=_number(node, "dcache-alignment"),
        unbound=_text(node, "unbound"),
        places={name: found.place for name, found in node.properties.items()},
        labels=node.labels,
        compatible=compatible,
        tx_blocks=_blocks(node, "tx-blocks", tree) if has_blocks else None,
        rx_blocks=_blocks(node, "rx-blocks", tree) if has_blocks else None,
    )


def _blocks(node: Node, name: str, tree: Tree) -> int:
    found = _number(node, name, "blocks", "16")
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
    target = _target(found, node, tree)
    if target is None:
        raise found.place.error(
            DevicetreeError,
            f"{name} of {node.path} has to be one reference, for example {name} = <&sram_{name[:2]}>",
        )
    return _memory(target, tree)


def _target(found: Property, node: Node, tree: Tree) -> Node | None:
    words = readable_words(found, node)
    return tree.by_phandle.get(words[0]) if len(words) == 1 else None


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


def _number(node: Node, name: str, unit: str = "bytes", example: str = "32") -> int | None:
    found = node.properties.get(name)
    if found is None:
        return None
    words = readable_words(found, node)
    if len(words) != 1:
        raise found.place.error(
            DevicetreeError,
            f"{name} of {node.path} has to be one number of {unit}, for example {name} = <{example}>",
        )
    return words[0]


def _text(node: Node, name: str) -> str | None:
    found = node.properties.get(name)
    if found is None:
        return None
    texts = found.strings() or []
    if len(texts) != 1:
        raise found.place.error(
            DevicetreeError, f'{name} of {node.path} has to be one text, for example {name} = "detect"'
        )
    return texts[0]


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
