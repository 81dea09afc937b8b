"""Values that a devicetree gives for ICMsg."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.findings import SourceLocation
    from icmsg.config.instance import Region

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
