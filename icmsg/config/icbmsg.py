"""ICBMsg instance: two regions with blocks, two mailbox channels, and which of the three generations.

>>> from icmsg.config import IcbmsgConfig, Region
>>> app = IcbmsgConfig(Region(0x2007_8000, 0x800), Region(0x2007_0000, 0x800), tx_blocks=16, rx_blocks=18)
>>> app.is_initiator, app.tx_layout.block_size, app.mirrored().rx_layout == app.tx_layout
(True, 108, True)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from icmsg.config.icbmsg_layout import BlockLayout, Generation
from icmsg.config.instance import InstanceConfig, Region, Signalling, in_range, one_of
from icmsg.errors import ConfigurationError

Refused = Literal["release", "leak"]
"""Blocks of a message that is not taken: given back, or lost to the sender for good as Zephyr does."""

Defect = Literal[
    "silent-loss",
    "deaf-start",
    "pending-overwritten",
    "slot-reused",
    "blocked-binding",
    "held-overwritten",
]
"""Known defects. Of Zephyr's rework (ICBMsg protocol §7):

``"silent-loss"``: with all slots in use `send` drops the message and returns its length. ``"deaf-start"``: `open` rings
before it listens and never looks at the queue, so that an edge doorbell is lost. ``"pending-overwritten"``: with
deregistration built in, an endpoint may take the slot in which a request of the peer waits. ``"slot-reused"``: it may
also take the slot of one that has just gone, for which messages are still under way, and gets those.

Of the classic generations (§8): ``"blocked-binding"``: who registers an endpoint waits for it in the work queue that
has to bind it, until the wait fails with -11 (EAGAIN) after a second; Zephyr before 4.0, and bt_enable.

Of any: ``"held-overwritten"``: a message that is held does not keep its place, and the next one lies there; as with
the one receive buffer of icmsg_me in 3.3 to 3.7.
"""

ZEPHYR_DEFECTS: Final = frozenset[Defect](("silent-loss", "deaf-start", "pending-overwritten", "slot-reused"))
"""Defects of the rework that an instance of Zephyr has."""

_MOST_ENDPOINTS = 254
_MOST_SLOTS = 255


@dataclass(frozen=True, slots=True)
class IcbmsgConfig:
    """Configuration of one side of one instance, from both the devicetree node ``zephyr,ipc-icbmsg`` and Kconfig.

    Devicetree's ``unbound`` is not here: the binding offers it, Zephyr's code ignores it.
    Raises :class:`ConfigurationError` for what can never bind; the text names the fix.
    """

    tx_region: Region
    rx_region: Region
    tx_blocks: int
    rx_blocks: int
    tx_channel: int = 0
    """Mailbox channel that this side rings."""
    rx_channel: int = 1
    """Mailbox channel that the peer rings."""
    dcache_alignment: int = 0
    """Bytes, a power of two; the same on both sides."""
    generation: Generation = "4.1"
    num_ep: int = 4
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP."""
    slots: int = 16
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_MAX_ACTIVE_COUNT, rework only; the same on both sides, it is not negotiated."""
    deinit: bool = True
    """CONFIG_IPC_SERVICE_BACKEND_ICBMSG_DEINIT, rework only: endpoints can be deregistered, the instance closed."""
    signalling: Signalling | None = None
    """Rings while the control channel bonds, classic only; None = as in the releases of the generation."""
    bond_notify_repeat_to_ms: int = 1
    """Milliseconds between two rings with ``signalling="repeat"``, 1…100."""
    refused: Refused = "release"
    defects: frozenset[Defect] = frozenset()
    """Defects that this side has; those of the rework do nothing elsewhere."""
    rings_back: bool = True
    """Ring once more when the peer's bound packet arrives and it has not read ours, rework only; Zephyr does not."""
    name: str = "icbmsg"
    """The instance's name in messages."""

    def __post_init__(self) -> None:
        one_of("generation", self.generation, get_args(Generation))
        one_of("refused", self.refused, get_args(Refused))
        if self.signalling is not None:
            one_of("signalling", self.signalling, get_args(Signalling))
        for defect in self.defects:
            one_of("defects", defect, get_args(Defect))
        if "blocked-binding" in self.defects and self.generation == "rework":
            raise ConfigurationError(
                "defects = blocked-binding: the rework binds in its interrupt and has no work queue; take generation "
                '"3.6" or "4.1"'
            )
        for field, low, high in (
            ("tx_channel", 0, 0xFFFF),
            ("rx_channel", 0, 0xFFFF),
            ("dcache_alignment", 0, 0x10000),
            ("num_ep", 1, _MOST_ENDPOINTS),
            ("slots", 1, _MOST_SLOTS),
            ("bond_notify_repeat_to_ms", 1, 100),
        ):
            in_range(field, getattr(self, field), low, high)
        if self.tx_region.overlaps(self.rx_region):
            raise ConfigurationError(
                f"tx-region {self.tx_region} and rx-region {self.rx_region} overlap: give each its own memory"
            )
        self.tx_layout.check_count(name="tx-region")
        self.rx_layout.check_count(name="rx-region")
        self.tx_layout.check(name="tx-region")
        self.rx_layout.check(name="rx-region")

    @property
    def tx_layout(self) -> BlockLayout:
        """Layout of the region that this side writes."""
        return self._layout(self.tx_region, self.tx_blocks, self.rx_blocks)

    @property
    def rx_layout(self) -> BlockLayout:
        """Layout of the region that this side reads."""
        return self._layout(self.rx_region, self.rx_blocks, self.tx_blocks)

    @property
    def is_initiator(self) -> bool:
        """True where this side numbers the endpoints: its rx blocks lie lower (classic; the rework has no roles)."""
        return _blocks_address(self.rx_layout) < _blocks_address(self.tx_layout)

    @property
    def control(self) -> InstanceConfig:
        """The ICMsg instance of the classic generations that carries the control messages."""
        signalling: Signalling = "repeat" if self.generation == "3.6" else "ring-back"
        return InstanceConfig(
            tx_region=_control_region(self.tx_layout),
            rx_region=_control_region(self.rx_layout),
            tx_channel=self.tx_channel,
            rx_channel=self.rx_channel,
            dcache_alignment=self.tx_layout.dcache_alignment,
            signalling=self.signalling or signalling,
            bond_notify_repeat_to_ms=self.bond_notify_repeat_to_ms,
            name=self.name,
        )

    def mirrored(self) -> IcbmsgConfig:
        """Return the configuration of the other side: regions, blocks and channels swapped."""
        return replace(
            self,
            tx_region=self.rx_region,
            rx_region=self.tx_region,
            tx_blocks=self.rx_blocks,
            rx_blocks=self.tx_blocks,
            tx_channel=self.rx_channel,
            rx_channel=self.tx_channel,
        )

    def _layout(self, region: Region, local: int, remote: int) -> BlockLayout:
        return BlockLayout.of(
            self.generation,
            region.address,
            region.size,
            local=local,
            remote=remote,
            dcache_alignment=self.dcache_alignment,
            slots=self.slots,
        )


def _blocks_address(layout: BlockLayout) -> int:
    return layout.address + layout.begin + layout.blocks_offset


def _control_region(layout: BlockLayout) -> Region:
    return Region(layout.address + layout.begin, layout.blocks_offset)
