"""Address of a node: ``reg``, translated by the ``ranges`` of the nodes above it.

The rules are those of Zephyr's build (edtlib): the first entry of ``reg`` counts, missing ``#address-cells`` and
``#size-cells`` are 2 and 1, and an address that no ``ranges`` covers stays as it is. In an overlay the cells that
are not there are in the board's files; on the SoCs with ICMsg both are 1. A hand-written tree that leaves them out
although its ``reg`` has two cells is read in the same way, and :func:`assumes_cells` tells so.

``mboxes`` and ``mbox-names`` of an ICMsg node: which channel of which mailbox it rings and hears.

A binding of a mailbox has one cell, the channel, or none where the mailbox has only one channel.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree.nodes import Channel, MailboxNode
from icmsg.config.instance import Region
from icmsg.errors import ConfigurationError, DevicetreeError

if TYPE_CHECKING:
    from icmsg.config.devicetree.tree import Node, Property, Tree


WHOLE_TREE: Final = "give the build's zephyr/zephyr.dts"
WHERE: Final = "BUILD/zephyr/zephyr.dts, with sysbuild BUILD/IMAGE/zephyr/zephyr.dts"
_MOST_CELLS: Final = 4
_SMALLEST_REG: Final = 8


def boards_own(node: Node, missing: str) -> str:
    """Return why an overlay alone does not tell ``missing`` of a node that it only edits, and what does."""
    return (
        f"{node.path} is a node of the board, whose files have its {missing}, and an overlay alone does not show "
        f"them: {WHOLE_TREE} ({WHERE}), or the folder of the build"
    )


def entries(node: Node, *, complete: bool) -> tuple[Region, ...]:
    """Return what ``reg`` of ``node`` covers, as the root sees it; ``complete`` is False for an overlay.

    Raises:
        DevicetreeError: no usable ``reg``, or an overlay does not tell the address.
    """
    reg = node.properties.get("reg")
    if reg is None or node.parent is None:
        if node.stand_in:
            raise node.place.error(DevicetreeError, f"{node.path} is in the board's files; {WHOLE_TREE}")
        raise node.place.error(
            DevicetreeError, f"{node.path} has no reg; add one, for example reg = <0x20070000 0x800>"
        )
    words = readable_words(reg, node)
    address_cells, size_cells = _reg_cells(node.parent, complete=complete and not assumes_cells(node))
    entry = address_cells + size_cells
    if not words or not size_cells or len(words) % entry:
        raise reg.place.error(
            DevicetreeError,
            f"reg of {node.path} has {len(words)} cells, but an address takes {address_cells} "
            f"(#address-cells of {node.parent.path}) and a size {size_cells} (#size-cells); correct reg or the cells",
        )
    if not complete and len(words) != entry and "#address-cells" not in node.parent.properties:
        raise reg.place.error(
            DevicetreeError,
            f"reg of {node.path} has {len(words)} cells, and the overlay does not say how many an address takes; "
            f"set #address-cells and #size-cells in {node.parent.path}, or {WHOLE_TREE}",
        )
    starts = range(0, len(words), entry)
    return tuple(
        _region(
            node,
            reg,
            _number(words[start : start + address_cells]),
            _number(words[start + address_cells : start + entry]),
            complete=complete,
        )
        for start in starts
    )


def assumes_cells(node: Node) -> bool:
    """Tell whether ``reg`` makes sense only with cells of 1 and 1, and the parent has none."""
    reg, parent = node.properties.get("reg"), node.parent
    return (
        reg is not None
        and parent is not None
        and len(reg.value) == _SMALLEST_REG
        and not parent.properties.keys() & {"#address-cells", "#size-cells"}
    )


def readable_words(found: Property, node: Node) -> list[int]:
    """Return the cells of ``found``; raises :class:`DevicetreeError` for a macro or what are no cells."""
    if found.macro is not None:
        raise found.place.error(
            DevicetreeError,
            f"{found.name} of {node.path} uses the macro {found.macro}, which only a build expands; {WHOLE_TREE}",
        )
    words = found.words()
    if words is None:
        raise found.place.error(
            DevicetreeError, f"{found.name} of {node.path} has to be numbers, for example <0x20070000 0x800>"
        )
    return words


def _region(node: Node, reg: Property, address: int, size: int, *, complete: bool) -> Region:
    if size == 0:
        raise reg.place.error(DevicetreeError, f"reg of {node.path} has size 0; give the size in bytes")
    try:
        return Region(_translated(address, node, complete=complete), size)
    except ConfigurationError as error:
        raise reg.place.error(DevicetreeError, f"reg of {node.path}: {error}") from None


def _translated(address: int, node: Node, *, complete: bool) -> int:
    while (parent := node.parent) is not None:
        ranges = parent.properties.get("ranges")
        if ranges is None:
            if parent.stand_in and not complete:
                raise node.place.error(
                    DevicetreeError,
                    f"{node.path} lies in {parent.path}, whose ranges are in the board's files; {WHOLE_TREE}",
                )
            return address
        if ranges.value:
            moved = _through(address, parent, ranges, complete=complete)
            if moved is None:
                return address
            address = moved
        node = parent
    return address


def _through(address: int, bus: Node, ranges: Property, *, complete: bool) -> int | None:
    """Return ``address`` in the address space above ``bus``; None if its ranges do not cover it."""
    words = readable_words(ranges, bus)
    child_cells, size_cells = _reg_cells(bus, complete=complete)
    parent_cells = _reg_cells(bus.parent, complete=complete)[0] if bus.parent else child_cells
    entry = child_cells + parent_cells + size_cells
    if not entry or len(words) % entry:
        raise ranges.place.error(
            DevicetreeError,
            f"ranges of {bus.path} has {len(words)} cells, which is no multiple of {entry} "
            f"({child_cells} for the address, {parent_cells} for the parent's, {size_cells} for the size); correct it",
        )
    for start in range(0, len(words), entry):
        low = _number(words[start : start + child_cells])
        base = _number(words[start + child_cells : start + child_cells + parent_cells])
        size = _number(words[start + child_cells + parent_cells : start + entry])
        if low <= address < low + size:
            return base + address - low
    return None


def _reg_cells(node: Node, *, complete: bool) -> tuple[int, int]:
    defaults = (2, 1) if complete else (1, 1)
    return (
        _cell_count(node, "#address-cells", defaults[0]),
        _cell_count(node, "#size-cells", defaults[1]),
    )


def _cell_count(node: Node, name: str, default: int) -> int:
    found = node.properties.get(name)
    if found is None:
        return default
    words = readable_words(found, node)
    if len(words) != 1 or words[0] > _MOST_CELLS:
        raise found.place.error(
            DevicetreeError, f"{name} of {node.path} has to be one number from 0 to {_MOST_CELLS}"
        )
    return words[0]


def _number(words: list[int]) -> int:
    number = 0
    for word in words:
        number = number << 32 | word
    return number


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
