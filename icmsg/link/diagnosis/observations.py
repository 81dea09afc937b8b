"""Facts about a link when somebody asks: about each core and each direction, read without side effects.

A fact that an engine cannot tell is None, and nothing is said about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, EngineError, IcmsgError
from icmsg.hw.line import InterruptState, enabled_in_clic, enabled_in_nvic, read_clic, read_nvic
from icmsg.ipc import MAGIC, identify
from icmsg.link.link import LinkObserver, Store, observe_link, observed_regions
from icmsg.machine.events import EventKind
from icmsg.soc.soc import VPR
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.instance import InstanceConfig, Region, RegionLayout
    from icmsg.hw.mailbox import MailboxState
    from icmsg.ipc import Backend
    from icmsg.ipc.discriminator import PeerTraces
    from icmsg.machine.machine import AccessWarning, Core, Machine

_AROUND: Final = 0x8000
"""Distance on both sides of a region in which a magic is looked for that lies elsewhere."""
_PAGE: Final = 0x1000
_PUBLISHED: Final = b"\x00\x0d\x00\x00" + MAGIC


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
    views = [
        _view(first, config.tx_region, config.tx_layout),
        _view(first, config.rx_region, config.rx_layout),
    ]
    regions = [(config.tx_region, config.tx_layout), (config.rx_region, config.rx_layout)]
    directions = tuple(
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
            back=back if isinstance(back, RegionView) else None,
            magic_elsewhere=_magic_elsewhere(first, observed_regions(machine), region)
            if isinstance(view, RegionView) and not view.wr_idx
            else None,
            lost=sum(machine.events.counts(EventKind.SIGNAL_LOST, writer.core.index).values()),
        )
        for (region, layout), view, back, writer, reader in zip(
            regions, views, reversed(views), (own, other), (other, own), strict=True
        )
    )
    assert len(directions) == 2
    return LinkFacts(
        cores=(own, other),
        directions=(directions[0], directions[1]),
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
    runs = bool(registers) and not core.is_halted
    return CoreFacts(
        core=core,
        config=config,
        instance=instance,
        runs_firmware=runs,
        registers=registers,
        asleep=getattr(core, "is_asleep", None) if runs else None,
        mailbox=_mailbox(core),
        interrupt=_interrupt(core, number, is_vpr=is_vpr) if runs else None,
        enabled_interrupts=_enabled(core, is_vpr=is_vpr) if runs else (),
        rings=counts(EventKind.DOORBELL, core.index),
        sent=counts(EventKind.PACKET_SENT, core.index),
        received=counts(EventKind.PACKET_RECEIVED, core.index),
        heard_first=core.name in observer.heard_first,
        interrupts=counts(EventKind.INTERRUPT, core.index).get(number, 0),
        resets=sum(counts(EventKind.CORE_RESET, core.index).values()),
        traces=_traces(core, config),
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


def _mailbox(core: Core) -> MailboxState | None:
    try:
        port = core.mailbox_port
        return port.kind.read_state(core.bus, port.base)
    except IcmsgError:
        return None


def _interrupt(core: Core, number: int, *, is_vpr: bool) -> InterruptState | None:
    try:
        return (read_clic if is_vpr else read_nvic)(core.bus, number)
    except IcmsgError:
        return None


def _enabled(core: Core, *, is_vpr: bool) -> tuple[int, ...]:
    try:
        return tuple((enabled_in_clic if is_vpr else enabled_in_nvic)(core.bus))
    except (BusError, EngineError):
        return ()


def _traces(core: Core, config: InstanceConfig) -> PeerTraces | None:
    try:
        return identify(core.bus, config)
    except BusError:
        return None
