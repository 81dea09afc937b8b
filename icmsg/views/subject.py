"""Subject of a trace: the cores of a machine, and the directions of its links, as they are when it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig
from icmsg.link.endpoints.region_view import RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.config.icbmsg import BlockLayout
    from icmsg.config.instance import Region, RegionLayout
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Core, Machine


@dataclass(frozen=True, slots=True)
class TracedCore:
    """Core; ``player`` is who had it when the trace began: ``firmware``, ``Python``, or empty for nobody."""

    index: int
    name: str
    player: str = ""


@dataclass(frozen=True, slots=True)
class TracedDirection:
    """Way of a link: ``writer`` puts packets into ``region``, rings ``channel``, and ``reader`` takes them.

    ``number`` counts the directions of a trace from 0. ``rd_idx`` and ``wr_idx`` are those when the trace began.
    ``config`` is that of ``writer``; where it has several endpoints, ``layout`` is that of the ICMsg region inside, and
    None for the rework of ICBMsg, whose counts of messages stand for the indices.
    """

    number: int
    instance: str
    writer: TracedCore
    reader: TracedCore
    region: Region
    layout: RegionLayout | None
    channel: int
    rd_idx: int = 0
    wr_idx: int = 0
    config: InstanceConfig | SeveralConfig | None = None

    @property
    def title(self) -> str:
        """The name of the direction in every format, such as ``app->net``."""
        return f"{self.writer.name}->{self.reader.name}"

    @property
    def blocks(self) -> BlockLayout | None:
        """The blocks of the region, of ICBMsg."""
        return self.config.tx_layout if isinstance(self.config, IcbmsgConfig) else None

    @property
    def wire(self) -> str:
        """The protocol in words."""
        if isinstance(self.config, IcbmsgConfig):
            return f"ICBMsg, {RELEASES[self.config.generation]}"
        if isinstance(self.config, IcmsgMeConfig):
            return f"icmsg_me, {self.config.role}"
        return self.layout.wire if self.layout is not None else ""

    @property
    def room(self) -> tuple[int, str]:
        """The number of which a fill level says how many are taken, and their unit."""
        if (blocks := self.blocks) is not None:
            return blocks.block_count, "blocks"
        return (self.layout.data_length if self.layout is not None else 0), "bytes"

    @property
    def capacity(self) -> int:
        """Blocks, or bytes that fit into the ring: indices that are equal mean empty."""
        room, _ = self.room
        return room if self.blocks is not None else max(0, room - 4)

    @property
    def almost_full(self) -> int:
        """The level from which on the next packet may not fit: nine tenths; of blocks, of which one is enough, all."""
        return self.capacity if self.blocks is not None else self.capacity * 9 // 10

    def level(self, rd_idx: int, wr_idx: int) -> int:
        """Return the bytes in the ring; 0 where the unit is blocks."""
        if self.blocks is not None or self.layout is None:
            return 0
        return (wr_idx - rd_idx) % self.layout.data_length


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """All that is known about a machine when its trace begins."""

    machine: Machine
    platform: str
    links: Sequence[AnyLink]
    cores: Sequence[TracedCore]
    """Cores by their index in events."""
    directions: Sequence[TracedDirection]
    """The two directions of each link, one link after the other."""
    start_ns: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    """Further facts by name that a reader of the file may want, such as the versions that matter."""
    title: str = ""
    """The name of what is traced, such as a test's."""

    @property
    def names(self) -> list[str]:
        """The names of the cores by index."""
        return [core.name for core in self.cores]


def subject_of(
    machine: Machine,
    links: Sequence[AnyLink],
    about: Mapping[str, str],
    players: Mapping[str, str],
) -> TraceSubject:
    """Return all that is known about a machine now; ``players`` says who will play a core, where that is known."""
    ordered = sorted(machine.cores.values(), key=lambda core: core.index)
    cores = [TracedCore(core.index, core.name, players.get(core.name) or player_of(core)) for core in ordered]
    directions: list[TracedDirection] = []
    for link in links:
        directions += directions_of(machine, link, cores, len(directions))
    platform = machine.description.file.replace("\\", "/").rsplit("/", 1)[-1]
    if platform.startswith("<"):
        platform = "the platform of a script"
    return TraceSubject(machine, platform, tuple(links), cores, directions, machine.now_ns, about)


def directions_of(
    machine: Machine, link: AnyLink, cores: Sequence[TracedCore], first: int
) -> list[TracedDirection]:
    """Return the two directions of a link, numbered from ``first`` on."""
    by_name = {core.name: core for core in cores}
    directions: list[TracedDirection] = []
    for name, config in link.configs.items():
        layout, indices = _indices(machine.core(name), config)
        directions.append(
            TracedDirection(
                first + len(directions),
                config.name,
                by_name[name],
                by_name[link.other(name)],
                config.tx_region,
                layout,
                config.tx_channel,
                *indices,
                config,
            )
        )
    return directions


def _indices(
    core: Core, config: InstanceConfig | SeveralConfig
) -> tuple[RegionLayout | None, tuple[int, int]]:
    """Return the ring of a direction, and rd_idx and wr_idx as they are; of the rework none, and its counts."""
    read32 = core.bus.read32
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        at = config.tx_layout.address + config.tx_layout.begin
        return None, (read32(at + config.tx_layout.queue_size), read32(at))
    ring = config if isinstance(config, InstanceConfig) else config.control
    layout, address = ring.tx_layout, ring.tx_region.address
    return layout, (read32(address + layout.rd_idx_offset), read32(address + layout.wr_idx_offset))


def player_of(core: Core) -> str:
    """Return who plays a core now: ``Python``, the name of its image's file, or an empty text for nobody."""
    if core.is_played:
        return "Python"
    return core.image.path.name if core.image is not None else ""
