"""``mboxes`` and ``mbox-names`` of an ICMsg node: which channel of which mailbox it rings and hears.

A binding of a mailbox has one cell, the channel, or none where the mailbox has only one channel.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree.nodes import Channel, MailboxNode
from icmsg.config.devicetree.reg import WHOLE_TREE, boards_own, entries, readable_words
from icmsg.errors import DevicetreeError

if TYPE_CHECKING:
    from icmsg.config.devicetree.tree import Node, Property, Tree

MAPPING: Final = "nordic,interrupt-mapping"
_VPRS: Final = ("nordic,nrf-vpr-coprocessor", "nordic,vpr")
_EXAMPLE: Final = 'mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx";'


def channels(node: Node, tree: Tree) -> tuple[Channel, Channel]:
    """Return the channels (tx, rx) of ``node``.

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
    found = _entries(mboxes, node, tree)
    if len(found) != len(called):
        raise mboxes.place.error(
            DevicetreeError,
            f"mboxes of {node.path} has {len(found)} entries for the {len(called)} names in mbox-names; "
            f"for example {_EXAMPLE}",
        )
    by_name = dict(zip(called, found, strict=True))
    return by_name["tx"], by_name["rx"]


def _entries(mboxes: Property, node: Node, tree: Tree) -> list[Channel]:
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
