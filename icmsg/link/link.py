"""A link: two named cores, one instance as each of them has it, and who stores and rings while it bonds.

Observer of a link while it bonds: which core stores into whose region, and who sends before bonding is over.

It watches a link until both sides are bound, and costs nothing afterwards. There is one for each link of a machine,
whoever asks first; who asks late has seen less, and so less is said.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.config.boards import DEFAULT, board_of
from icmsg.errors import BusError, ConfigurationError
from icmsg.ipc.bonding import MAGIC_END
from icmsg.machine.events import Event, EventKind
from icmsg.wire.packet_buffer import HandshakeWord, are_acknowledged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.machine.machine import Core, Machine
    from icmsg.soc.soc import Soc


@dataclass(frozen=True, slots=True)
class Link:
    """Two cores by name, and the instance as each has it."""

    first: str
    second: str
    configs: Mapping[str, InstanceConfig]

    @classmethod
    def of(cls, first: str, second: str, config: InstanceConfig, peer: InstanceConfig | None = None) -> Link:
        """Return the link of ``first``, which has ``config``, and ``second`` (``peer``; None: its mirror)."""
        return cls(first, second, {first: config, second: peer or config.mirrored()})

    @property
    def cores(self) -> tuple[str, str]:
        """Both names, the first one first."""
        return self.first, self.second

    def other(self, core: str) -> str:
        """Return the core at the other end; ConfigurationError if ``core`` is not on this link."""
        if core not in self.configs:
            raise ConfigurationError(
                f"no core {core!r} on this link; it joins {self.first} and {self.second}"
            )
        return self.second if core == self.first else self.first

    def with_first(self, config: InstanceConfig) -> Link:
        """Return the link with ``config`` for the first core, and its mirror for the second."""
        return Link.of(self.first, self.second, config)

    def named(self, instance: str) -> Link:
        """Return the link with its instance called otherwise."""
        configs = {core: replace(config, name=instance) for core, config in self.configs.items()}
        return replace(self, configs=configs)


def default_link(soc: Soc, wanted: Iterable[str] = ()) -> Link:
    """Return the link of an SoC: the ``wanted`` cores, else its board's roles, else the first two with a mailbox.

    The instance is that of the board; of an SoC that is no board it is that of the default one, which fits where there
    is RAM at its addresses.

    Raises:
        ConfigurationError: as :meth:`icmsg.soc.soc.Soc.link`.
    """
    names = [soc.core(name).name for name in wanted]
    board = board_of({core.name: core for core in soc.mailboxes()})
    if board is not None and set(names) <= set(board.roles):
        return Link.of(*board.roles, board.instance)
    return Link.of(*soc.link(names), (board or DEFAULT).instance)


_KEPT: Final = 16


@runtime_checkable
class WatchesStores(Protocol):
    """A core that can tell of its firmware's stores; not every engine has them."""

    def watch_stores(
        self, begin: int, end: int, told: Callable[[int, int, Callable[[], int]], None]
    ) -> Callable[[], None]:
        """Call ``told(address, value, pc)`` at each store, ``pc`` a function; the result ends that."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store of firmware into the region that the other core writes."""

    address: int
    value: int
    pc: int


class LinkObserver:
    """Observes the link of ``first`` (``config`` as this core has it) and ``second`` until it is bound."""

    def __init__(self, machine: Machine, first: Core, second: Core, config: InstanceConfig) -> None:
        self.stores: Final[dict[str, deque[Store]]] = {first.name: deque(), second.name: deque()}
        """Stores by core into the data of the region that the other one writes; the first of them."""
        self.early: Final[dict[str, int]] = {}
        """Nanosecond by core at which it had sent more than the magic, and not taken the other's."""
        self.stale: Final[list[str]] = []
        """The cores whose region held a packet of an earlier run when this began."""
        self.heard_first: Final[set[str]] = set()
        """The cores played by Python that had a message before they sent one."""
        self._machine = machine
        self._sides: Final = ((first, config), (second, config.mirrored()))
        self._bus = first.bus
        self._stops: list[Callable[[], None]] = []
        self._clean = machine.now_ns == 0
        for (core, own), (other, _) in zip(self._sides, reversed(self._sides), strict=True):
            try:
                if self._clean and core.bus.read32(own.tx_region.address + own.tx_layout.wr_idx_offset):
                    self.stale.append(core.name)
            except BusError:
                continue
            if isinstance(other, WatchesStores):
                self._stops.append(self._watch(other, other.name, own))
        self._stops.append(machine.events.add_sink(self._on_doorbell, (EventKind.DOORBELL,)))
        packets = (EventKind.PACKET_SENT, EventKind.PACKET_RECEIVED)
        self._stop_packets = machine.events.add_sink(self._on_first_packet, packets)

    @property
    def regions(self) -> tuple[Region, Region]:
        """Both regions."""
        config = self._sides[0][1]
        return config.tx_region, config.rx_region

    def _watch(self, core: WatchesStores, name: str, owner: InstanceConfig) -> Callable[[], None]:
        begin = owner.tx_region.address + owner.tx_layout.data_offset
        kept = self.stores[name]

        def told(address: int, value: int, pc: Callable[[], int]) -> None:
            if value and len(kept) < _KEPT:
                kept.append(Store(address, value, pc()))

        return core.watch_stores(begin, owner.tx_region.end, told)

    def _on_first_packet(self, event: Event) -> None:
        self._stop_packets()
        if event.kind is EventKind.PACKET_RECEIVED:
            self.heard_first.update(core.name for core, _ in self._sides if core.index == event.core)

    def _on_doorbell(self, event: Event) -> None:
        try:
            self._look(event)
        except BusError:
            self.stop()

    def _look(self, event: Event) -> None:
        if self._is_bound():
            self.stop()
            return
        for core, own in self._sides:
            if core.index == event.core and own.unbound == "disable" and not self.stale:
                wr = self._bus.read32(own.tx_region.address + own.tx_layout.wr_idx_offset)
                rd = self._bus.read32(own.rx_region.address + own.rx_layout.rd_idx_offset)
                if not rd and wr > MAGIC_END:
                    self.early.setdefault(core.name, event.time_ns)

    def _is_bound(self) -> bool:
        read = self._bus.read32
        own = self._sides[0][1]
        if own.unbound == "disable":
            return bool(
                read(own.tx_region.address + own.tx_layout.rd_idx_offset)
                and read(own.rx_region.address + own.rx_layout.rd_idx_offset)
            )
        there = HandshakeWord(self._bus, own.tx_region.address, own.tx_layout).read()
        back = HandshakeWord(self._bus, own.rx_region.address, own.rx_layout).read()
        return are_acknowledged(there, back)

    def stop(self) -> None:
        """Observe no longer; what was seen stays."""
        stops, self._stops = self._stops, []
        for stop in stops:
            stop()


def observe_link(machine: Machine, first: Core, second: Core, config: InstanceConfig) -> LinkObserver:
    """Return the observer of a link, which begins now if nobody observes the link yet."""
    if first.index > second.index:
        first, second, config = second, first, config.mirrored()
    key = LinkObserver, first.index, second.index, replace(config, name="", rx_limit=None, peer_rx_limit=None)
    found = machine.events.kept.get(key)
    if not isinstance(found, LinkObserver):
        found = machine.events.kept[key] = LinkObserver(machine, first, second, config)
    return found


def observed_regions(machine: Machine) -> list[Region]:
    """Return the regions of all links of a machine that are observed."""
    links = [kept for kept in machine.events.kept.values() if isinstance(kept, LinkObserver)]
    return [region for link in links for region in link.regions]
