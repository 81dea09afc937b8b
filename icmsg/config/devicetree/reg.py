"""Address of a node: ``reg``, translated by the ``ranges`` of the nodes above it.

The rules are those of Zephyr's build (edtlib): the first entry of ``reg`` counts, missing ``#address-cells`` and
``#size-cells`` are 2 and 1, and an address that no ``ranges`` covers stays as it is. In an overlay the cells that
are not there are in the board's files; on the SoCs with ICMsg both are 1. A hand-written tree that leaves them out
although its ``reg`` has two cells is read in the same way, and :func:`assumes_cells` tells so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.instance import Region
from icmsg.errors import ConfigurationError, DevicetreeError

if TYPE_CHECKING:
    from icmsg.config.devicetree.tree import Node, Property

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
    address_cells, size_cells = _cells(node.parent, complete=complete and not assumes_cells(node))
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
    child_cells, size_cells = _cells(bus, complete=complete)
    parent_cells = _cells(bus.parent, complete=complete)[0] if bus.parent else child_cells
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


def _cells(node: Node, *, complete: bool) -> tuple[int, int]:
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
