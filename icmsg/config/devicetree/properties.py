"""Values that a devicetree gives for ICMsg, and the readers of single properties: cells, texts, ``reg``."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from icmsg.config.instance import Region
from icmsg.errors import ConfigurationError, DevicetreeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.devicetree.tree import Node, Property, Tree
    from icmsg.config.findings import SourceLocation

ICMSG: Final = "zephyr,ipc-icmsg"
ICBMSG: Final = "zephyr,ipc-icbmsg"
ME_INITIATOR: Final = "zephyr,ipc-icmsg-me-initiator"
ME_FOLLOWER: Final = "zephyr,ipc-icmsg-me-follower"

BackendName = Literal["icmsg", "icbmsg", "icmsg_me"]
BACKENDS: Final[Mapping[str, BackendName]] = MappingProxyType(
    {ICMSG: "icmsg", ICBMSG: "icbmsg", ME_INITIATOR: "icmsg_me", ME_FOLLOWER: "icmsg_me"}
)
"""Backends whose nodes are instances, by ``compatible``."""
NAMES: Final = {
    ICMSG: "ICMsg",
    ICBMSG: "ICBMsg",
    ME_INITIATOR: "icmsg_me",
    ME_FOLLOWER: "icmsg_me",
    "zephyr,ipc-openamp-static-vrings": "RPMsg over OpenAMP",
}
"""Backends of Zephyr in words, by ``compatible``."""


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """A node with ``reg``. ``entries`` counts the ranges in it, of which ``region`` is the first."""

    path: str
    region: Region
    place: SourceLocation
    entries: int = 1
    chosen: tuple[str, ...] = ()
    """Properties of ``/chosen`` that name the node."""
    assumed_cells: bool = False
    """The tree has no ``#address-cells`` for it, and a build would refuse that."""

    def __str__(self) -> str:
        return f"{self.path} {self.region}"


@dataclass(frozen=True, slots=True)
class MailboxNode:
    """A mailbox controller. The masks are those of ``nordic,mbox-nrf-ipc``; None where the node has none.

    ``labels`` are what ``mboxes`` may call it, ``stand_in`` tells that its node is in files that an overlay does not
    name. ``address`` is that of its registers, of the VPR's for a mailbox in a VPR; None if that is not told.
    """

    path: str
    compatible: tuple[str, ...]
    enabled: bool
    place: SourceLocation
    tx_mask: int | None = None
    rx_mask: int | None = None
    labels: tuple[str, ...] = ()
    stand_in: bool = False
    address: int | None = None
    holder: str = ""
    """The label of the VPR that it belongs to; empty where it belongs to none."""
    wired: int | None = None
    """The mask of the tasks or events that the hardware has (``nordic,tasks-mask``, ``nordic,events-mask``)."""
    mapped: int | None = None
    """The mask of the events that raise an interrupt (``nordic,interrupt-mapping``)."""

    @property
    def label(self) -> str:
        """The first label; empty without one."""
        return self.labels[0] if self.labels else ""


@dataclass(frozen=True, slots=True)
class Channel:
    """Entry of ``mboxes``."""

    mailbox: MailboxNode
    number: int
    place: SourceLocation
    has_cell: bool = True
    """False for a mailbox with one channel only, which has no number."""

    def __str__(self) -> str:
        """Return the entry as its author writes it: ``<&mbox 1>``."""
        name = f"&{self.mailbox.label}" if self.mailbox.label else self.mailbox.path
        return f"<{name} {self.number}>" if self.has_cell else f"<{name}>"


@dataclass(frozen=True, slots=True)
class IcmsgNode:
    """Enabled node of ICMsg, ICBMsg or icmsg_me (protocol §5)."""

    name: str
    """Its first label, else its name, else (if another node has the same) its path."""
    path: str
    place: SourceLocation
    tx_region: MemoryNode
    rx_region: MemoryNode
    tx_channel: Channel
    rx_channel: Channel
    dcache_alignment: int | None
    """Bytes; None without the property."""
    unbound: str | None
    """The property as written; None without it."""
    places: Mapping[str, SourceLocation]
    """The place of each property."""
    labels: tuple[str, ...] = ()
    compatible: str = ICMSG
    """The one of :data:`BACKENDS`."""
    tx_blocks: int | None = None
    """Blocks of ICBMsg; None for the others."""
    rx_blocks: int | None = None

    @property
    def backend(self) -> BackendName:
        """The backend; both roles of icmsg_me are one."""
        return BACKENDS[self.compatible]

    def is_called(self, name: str) -> bool:
        """Tell whether ``name`` is the name, a label or the path of the node."""
        return name in (self.name, self.path, *self.labels)

    def place_of(self, name: str) -> SourceLocation:
        """Return the place of property ``name``, of the node where it does not have it."""
        return self.places.get(name, self.place)


@dataclass(frozen=True, slots=True)
class OtherBackend:
    """An enabled node of another IPC backend, with the memory that it uses as far as the file tells."""

    path: str
    compatible: str
    place: SourceLocation
    regions: tuple[MemoryNode, ...]
    labels: tuple[str, ...] = ()
    tx_mailbox: MailboxNode | None = None
    """The mailbox that it rings; None if that is not told."""


@dataclass(frozen=True, slots=True)
class Devicetree:
    """One side's devicetree. ``reserved`` are the regions of ``reserved-memory``, ``sram`` is chosen
    ``zephyr,sram``, ``compatible`` belongs to the root and to ``/soc``.
    """

    file: str
    complete: bool
    """False for an overlay, where the board's part is missing."""
    compatible: tuple[str, ...]
    instances: tuple[IcmsgNode, ...]
    others: tuple[OtherBackend, ...]
    reserved: tuple[MemoryNode, ...]
    sram: MemoryNode | None


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
    """Return what ``reg`` of ``node`` covers, as the root sees it: translated by the ``ranges`` of the nodes above.

    The rules are those of Zephyr's build (edtlib): the first entry of ``reg`` counts, missing ``#address-cells`` and
    ``#size-cells`` are 2 and 1, and an address that no ``ranges`` covers stays as it is. In an overlay, for which
    ``complete`` is False, the cells that are not there are in the board's files; on the SoCs with ICMsg both are 1. A
    hand-written tree that leaves them out although its ``reg`` has two cells is read in the same way, and
    :func:`assumes_cells` tells so.

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
            _joined(words[start : start + address_cells]),
            _joined(words[start + address_cells : start + entry]),
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
        low = _joined(words[start : start + child_cells])
        base = _joined(words[start + child_cells : start + child_cells + parent_cells])
        size = _joined(words[start + child_cells + parent_cells : start + entry])
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


def _joined(words: list[int]) -> int:
    number = 0
    for word in words:
        number = number << 32 | word
    return number


def number_of(node: Node, name: str, unit: str = "bytes", example: str = "32") -> int | None:
    """Return the one number of property ``name``; None without it."""
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


def text_of(node: Node, name: str) -> str | None:
    """Return the one text of property ``name``; None without it."""
    found = node.properties.get(name)
    if found is None:
        return None
    texts = found.strings() or []
    if len(texts) != 1:
        raise found.place.error(
            DevicetreeError, f'{name} of {node.path} has to be one text, for example {name} = "detect"'
        )
    return texts[0]


def target_of(found: Property, node: Node, tree: Tree) -> Node | None:
    """Return the node that ``found`` refers to; None where it is not one reference, or leads nowhere."""
    words = readable_words(found, node)
    return tree.by_phandle.get(words[0]) if len(words) == 1 else None
