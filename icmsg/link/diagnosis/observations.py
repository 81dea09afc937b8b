"""Facts about a link, read without side effects: what is seen while it bonds, and what is so when somebody asks.

A fact that an engine cannot tell is None, and nothing is said about it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from icmsg.errors import BusError, EngineError, IcmsgError
from icmsg.hw.line import InterruptState, enabled_in_clic, enabled_in_nvic, read_clic, read_nvic
from icmsg.ipc import MAGIC, identify
from icmsg.ipc.bonding import MAGIC_END
from icmsg.machine.events import Event, EventKind
from icmsg.machine.machine import WatchesStores
from icmsg.soc.soc import VPR
from icmsg.wire.inspect import RegionView, inspect_region
from icmsg.wire.packet_buffer import HandshakeWord, are_acknowledged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.config.instance import InstanceConfig, Region, RegionLayout
    from icmsg.hw.mailbox import MailboxState
    from icmsg.ipc import Backend
    from icmsg.ipc.discriminator import PeerTraces
    from icmsg.machine.machine import AccessWarning, Core, Machine

AnswerT = TypeVar("AnswerT")
_AROUND: Final = 0x8000
"""Distance on both sides of a region in which a magic is looked for that lies elsewhere."""
_PAGE: Final = 0x1000
_PUBLISHED: Final = b"\x00\x0d\x00\x00" + MAGIC


_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class Store:
    """A store of firmware into the region that the other core writes."""

    address: int
    value: int
    pc: int


class LinkObserver:
    """Observes the link of ``first`` (``config`` as this core has it) and ``second`` while it bonds.

    It sees which core stores into whose region, and who sends before bonding is over: until both sides are bound, and
    costs nothing afterwards. There is one for each link of a machine, whoever asks first; who asks late has seen less,
    and so less is said.
    """

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


@dataclass(frozen=True, slots=True)
class CoreFacts:
    """Core, its mailbox and the interrupt of that mailbox."""

    core: Core
    config: InstanceConfig
    """The instance as this core has it."""
    instance: Backend | None
    """The backend, where Python plays the core."""
    runs_firmware: bool
    registers: Mapping[str, int]
    asleep: bool | None
    mailbox: MailboxState | None
    interrupt: InterruptState | None
    enabled_interrupts: tuple[int, ...]
    rings: Mapping[int, int]
    """Doorbells by mbox channel."""
    sent: Mapping[int, int]
    """Messages that Python sent, by length in bytes."""
    received: Mapping[int, int]
    """Messages that Python received, by length."""
    heard_first: bool
    """Python had a message before it sent one."""
    interrupts: int
    """Rises of the line of its mailbox, as far as the engine tells."""
    resets: int
    traces: PeerTraces | None
    """The facts that the other side's bytes tell this one."""
    stores: tuple[Store, ...]
    """Stores into the other's region while it was not bound."""
    early_ns: int | None
    """The time at which it had sent more than the magic before it took the other's."""

    @property
    def name(self) -> str:
        """The core's name."""
        return self.core.name

    @property
    def exception(self) -> int | None:
        """The number of the exception in which firmware is, 0 for none; None where it is not known."""
        xpsr = self.registers.get("XPSR")
        return None if xpsr is None else xpsr & 0x1FF

    @property
    def place(self) -> str:
        """The place of firmware, in words; "" where that is not known."""
        pc = self.registers.get("PC")
        return "" if pc is None else f"PC 0x{pc:08X} ({self.core.locate(pc)})"


@dataclass(frozen=True, slots=True)
class DirectionFacts:
    """Region: what its writer put there, and what its reader did with it."""

    writer: CoreFacts
    reader: CoreFacts
    region: Region
    layout: RegionLayout
    channel: int
    """The mbox channel that the writer rings."""
    view: RegionView | None
    error: BusError | None
    """The error that reading the region ended with."""
    content: bytes
    back: RegionView | None
    """The region of the other direction."""
    magic_elsewhere: int | None
    """The address of a region that begins with the magic and is none of the two."""
    lost: int
    """Signals that were lost because somebody asked for it."""

    @property
    def data(self) -> bytes:
        """The data of the region."""
        return self.content[self.layout.data_offset :]

    @property
    def waiting(self) -> int:
        """The number of packets that wait for the reader."""
        return len(self.view.packets) if self.view is not None else 0

    @property
    def rings(self) -> int:
        """The number of times the writer rang the channel of this direction."""
        return self.writer.rings.get(self.channel, 0)

    @property
    def heard_on(self) -> int | None:
        """The reader's channels that a ring of this direction latches, as a mask; None where that is not known."""
        if self.reader.mailbox is None or self.writer.mailbox is None:
            return None
        return self.reader.mailbox.hears_from(self.writer.mailbox, self.channel)


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """Both cores, both directions, and what the machine said."""

    cores: tuple[CoreFacts, CoreFacts]
    directions: tuple[DirectionFacts, DirectionFacts]
    warnings: tuple[AccessWarning, ...]
    faults: Mapping[str, int]
    """Fault exceptions that each core took."""
    stale: tuple[str, ...]
    bound: bool
    """Bonding is over, so that the start of a region can hold anything by now."""


def observe(
    machine: Machine,
    first: Core,
    config: InstanceConfig,
    second: Core,
    *,
    bound: bool,
    instances: Mapping[str, Backend],
    peer_config: InstanceConfig | None = None,
) -> LinkFacts:
    """Return all facts about the link of ``first`` (``config`` as this core has it) and ``second``.

    ``instances`` are the backends of the cores that Python plays, by name.
    """
    observer = observe_link(machine, first, second, config)
    own = _core(machine, first, config, instances.get(first.name), observer)
    other = _core(machine, second, peer_config or config.mirrored(), instances.get(second.name), observer)
    regions = [(config.tx_region, config.tx_layout), (config.rx_region, config.rx_layout)]
    views = [_view(first, region, layout) for region, layout in regions]
    there, back = (
        DirectionFacts(
            writer=writer,
            reader=reader,
            region=region,
            layout=layout,
            channel=config.tx_channel if writer is own else config.rx_channel,
            view=view if isinstance(view, RegionView) else None,
            error=view if isinstance(view, BusError) else None,
            content=first.bus.read_block(region.address, region.size)
            if isinstance(view, RegionView)
            else b"",
            back=other_view if isinstance(other_view, RegionView) else None,
            magic_elsewhere=_magic_elsewhere(first, observed_regions(machine), region)
            if isinstance(view, RegionView) and not view.wr_idx
            else None,
            lost=sum(machine.events.counts(EventKind.SIGNAL_LOST, writer.core.index).values()),
        )
        for (region, layout), view, other_view, writer, reader in zip(
            regions, views, reversed(views), (own, other), (other, own), strict=True
        )
    )
    return LinkFacts(
        cores=(own, other),
        directions=(there, back),
        warnings=tuple(machine.warnings),
        faults={
            core.name: sum(machine.events.counts(EventKind.FAULT, core.index).values())
            for core in machine.cores.values()
        },
        stale=tuple(observer.stale),
        bound=bound,
    )


def _view(core: Core, region: Region, layout: RegionLayout) -> RegionView | BusError:
    try:
        return inspect_region(core.bus, region.address, layout)
    except BusError as error:
        return error


def _magic_elsewhere(core: Core, known: list[Region], region: Region) -> int | None:
    """Return where the data of a region that nobody knows begins with the magic."""
    start = max(0, region.address - _AROUND)
    content = b"".join(_page(core, address) for address in range(start, region.end + _AROUND, _PAGE))
    at = content.find(_PUBLISHED)
    while at >= 0:
        address = start + at
        if not any(each.address <= address < each.end for each in known):
            return address
        at = content.find(_PUBLISHED, at + 1)
    return None


def _page(core: Core, address: int) -> bytes:
    try:
        return core.bus.read_block(address, _PAGE)
    except BusError:  # it is not memory; it counts as zeros, so that addresses stay what they are
        return bytes(_PAGE)


def _core(
    machine: Machine,
    core: Core,
    config: InstanceConfig,
    instance: Backend | None,
    observer: LinkObserver,
) -> CoreFacts:
    counts = machine.events.counts
    played = instance is not None or core.is_played
    registers = {} if played else core.registers
    number = _number(core, config.rx_channel)
    is_vpr = machine.soc.cores[core.name].kind == VPR
    enabled = enabled_in_clic if is_vpr else enabled_in_nvic
    runs = bool(registers) and not core.is_halted
    return CoreFacts(
        core=core,
        config=config,
        instance=instance,
        runs_firmware=runs,
        registers=registers,
        asleep=getattr(core, "is_asleep", None) if runs else None,
        mailbox=_answered(lambda: core.mailbox_port.kind.read_state(core.bus, core.mailbox_port.base)),
        interrupt=_answered(lambda: (read_clic if is_vpr else read_nvic)(core.bus, number)) if runs else None,
        enabled_interrupts=(_answered(lambda: tuple(enabled(core.bus))) or ()) if runs else (),
        rings=counts(EventKind.DOORBELL, core.index),
        sent=counts(EventKind.PACKET_SENT, core.index),
        received=counts(EventKind.PACKET_RECEIVED, core.index),
        heard_first=core.name in observer.heard_first,
        interrupts=counts(EventKind.INTERRUPT, core.index).get(number, 0),
        resets=sum(counts(EventKind.CORE_RESET, core.index).values()),
        traces=_answered(lambda: identify(core.bus, config)),
        stores=tuple(observer.stores[core.name]),
        early_ns=observer.early.get(core.name),
    )


def _number(core: Core, channel: int) -> int:
    """Return the external interrupt that a ring of ``channel`` raises at ``core``; -1 where it has no mailbox."""
    try:
        port = core.mailbox_port
        return port.interrupts.get(port.kind.output(core.bus, port.base, channel), port.interrupt)
    except (EngineError, BusError):
        return -1


def _answered(ask: Callable[[], AnswerT]) -> AnswerT | None:
    """Return an answer of a core; None where it has none."""
    try:
        return ask()
    except IcmsgError:
        return None
