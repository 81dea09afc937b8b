"""The nRF5340's IPC peripheral: its registers, the mailbox driver on them, and its model.

One instance for each core, joined by a backbone of 16 channels. A task signals every channel in its SEND_CNF on the
backbone; every instance, the sender's own included, latches EVENTS_RECEIVE[n] when RECEIVE_CNF[n] names a signalled
channel. The interrupt line is the level of "a latched event is enabled" (nRF5340 PS, IPC).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import STRING, UINT32, VOID, exposed
from icmsg.hw.line import Line
from icmsg.hw.mailbox import MailboxState, MailboxWords
from icmsg.hw.mailboxes.kind import MailboxKind
from icmsg.hw.mailboxes.signals import EventDriver, SignalFaults
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf_peripherals import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, BlockView, Field, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.hw.bus import Bus
    from icmsg.hw.mailboxes.kind import MailboxSite

CHANNELS: Final = 16
"""Channels of one IPC peripheral."""
ALL_CHANNELS: Final = (1 << CHANNELS) - 1
"""The mask of all of them, the default of Zephyr's devicetree for the nRF5340."""

_TASKS = {"SEND": 0x000}
_EVENTS = {"RECEIVE": 0x100}
_CHANNEL_BITS = tuple(Field(f"CHEN{channel}", channel) for channel in range(CHANNELS))

IPC: Final = RegisterBlock(
    "IPC",
    (
        *tasks(_TASKS, count=CHANNELS),
        *events(_EVENTS, count=CHANNELS),
        *interrupts(_EVENTS, count=CHANNELS),
        Register(
            "INTPEND",
            INTEN + 12,
            access=Access.R,
            fields=interrupt_fields(_EVENTS, count=CHANNELS),
            meaning="channels whose event is latched and enabled",
        ),
        Register(
            "SEND_CNF",
            0x510,
            count=CHANNELS,
            fields=_CHANNEL_BITS,
            meaning="channels on which TASKS_SEND[n] signals",
        ),
        Register(
            "RECEIVE_CNF",
            0x590,
            count=CHANNELS,
            fields=_CHANNEL_BITS,
            meaning="channels that latch EVENTS_RECEIVE[n]",
        ),
        Register("GPMEM", 0x610, count=2, meaning="general purpose memory"),
    ),
    source="nRF5340 PS, IPC",
)


WORDS: Final = MailboxWords(
    sends="SEND_CNF[{}]",
    hears="RECEIVE_CNF[{}]",
    enables="INTEN",
    event="EVENTS_RECEIVE[{}]",
    status="INTEN=0x{enabled:04X} EVENTS=0x{latched:04X}",
)


def read_state(bus: Bus, base: int) -> MailboxState:
    """Return what the registers at ``base`` say; BusError where there is no IPC."""
    view = BlockView(bus, base, IPC)
    channels = range(CHANNELS)
    return MailboxState(
        sends=tuple(view.read("SEND_CNF", channel) for channel in channels),
        hears=tuple(view.read("RECEIVE_CNF", channel) for channel in channels),
        latched=sum((view.read("EVENTS_RECEIVE", channel) & 1) << channel for channel in channels),
        enabled=view.read("INTEN"),
        words=WORDS,
    )


def force_ring(bus: Bus, base: int, channel: int) -> None:
    """Trigger TASKS_SEND of ``channel`` with the channel connected, and leave SEND_CNF as it was."""
    view = BlockView(bus, base, IPC)
    connected = view.read("SEND_CNF", channel)
    if not connected >> channel & 1:
        view.write("SEND_CNF", 1 << channel, channel)
    view.write("TASKS_SEND", 1, channel)
    if not connected >> channel & 1:
        view.write("SEND_CNF", connected, channel)


class NrfIpc(EventDriver):
    """The mailbox of one core: its IPC peripheral at address ``base`` of ``bus``.

    Programs the registers as Zephyr's ``mbox_nrfx_ipc`` does: TASKS_SEND[c] signals IPC channel c if c is in
    ``tx_channels``, EVENTS_RECEIVE[c] latches it if c is in ``rx_channels`` (the devicetree's ``tx-mask`` and
    ``rx-mask``, one bit per channel); all others are disconnected. An IPC hears its own signals, so do not
    enable a channel that this side rings.

    Raises:
        ConfigurationError: a mask with a channel above 15, or a base that is not a multiple of 4.
        BusError: no IPC at ``base``.
    """

    __slots__ = ("_view",)

    def __init__(
        self, bus: Bus, base: int, *, tx_channels: int = ALL_CHANNELS, rx_channels: int = ALL_CHANNELS
    ) -> None:
        view = BlockView(bus, base, IPC)
        super().__init__(
            bus,
            view,
            view,
            task="TASKS_SEND",
            event="EVENTS_RECEIVE",
            channels=CHANNELS,
            tx_channels=tx_channels,
            rx_channels=rx_channels,
        )
        self._view = view
        self._connect(tx_channels, rx_channels)

    def read_gpmem(self, index: int) -> int:
        """Return general purpose register ``index`` (0 or 1)."""
        return self._view.read("GPMEM", index)

    def write_gpmem(self, index: int, value: int) -> None:
        """Write general purpose register ``index`` (0 or 1)."""
        self._view.write("GPMEM", value, index)

    def close(self) -> None:
        """Give the peripheral back: interrupts off, channels disconnected (``nrfx_ipc_uninit``)."""
        self._connect(0, 0)
        self._write32(self._intenclr, 0xFFFF_FFFF)
        self._states.enabled = 0

    def _connect(self, tx: int, rx: int) -> None:
        write = self._view.write
        for channel in range(CHANNELS):
            write("SEND_CNF", tx & 1 << channel, channel)
        for channel in range(CHANNELS):
            write("RECEIVE_CNF", rx & 1 << channel, channel)


class Backbone:
    """The channels between the instances; ``latency`` in ticks from task to event (0 here: within one cycle)."""

    def __init__(self, latency: int = 0) -> None:
        self.instances: Final[list[NrfIpcModel]] = []
        self.latency: Final = latency


class NrfIpcModel(RegisterModel, SignalFaults):
    """IPC instance, owned by the core at ``site``; it hears those that ``peer`` hears."""

    def __init__(self, site: MailboxSite, *, base: int, peer: NrfIpcModel | None = None) -> None:
        RegisterModel.__init__(self, IPC, base=base, core=site.name)
        SignalFaults.__init__(self, CHANNELS)
        self.irq: Final = Line()
        self._site = site
        self._backbone: Backbone = peer._backbone if peer is not None else Backbone()
        self._backbone.instances.append(self)
        self._latched = 0
        self._enabled_slot = self.slot("INTEN")
        self._receive_cnf = slice(self.slot("RECEIVE_CNF"), self.slot("RECEIVE_CNF") + CHANNELS)
        self._send_cnf = self.slot("SEND_CNF")
        self._events = self.slot("EVENTS_RECEIVE")
        self._latches: dict[int, list[int]] = {}  # signalled channels -> events, as RECEIVE_CNF says

    def reset(self) -> None:
        """Reset the registers; the line falls."""
        super().reset()
        self._latched = 0
        self._latches.clear()
        self._update()

    @on_write("TASKS_SEND")
    def _send(self, index: int, value: int) -> None:
        if not value & 1:
            return
        self._site.rang(index)
        self.sent += 1
        signalled = self.words[self._send_cnf + index]
        if self.faulty:
            self.send_with_faults(self._site, index, signalled, self._broadcast)
        else:
            self._broadcast(signalled)

    def _broadcast(self, signalled: int) -> None:
        site = self._site
        for instance in self._backbone.instances:
            if instance is self:
                instance._receive(signalled)
            else:
                instance._site.deliver(
                    site.now() + self._backbone.latency, partial(instance._receive, signalled)
                )

    def _receive(self, signalled: int) -> None:
        events = self._latches.get(signalled)
        if events is None:
            configured = self.words[self._receive_cnf]
            events = [index for index, channels in enumerate(configured) if channels & signalled]
            self._latches[signalled] = events
        if events:
            self.received += 1
            for index in events:
                self.words[self._events + index] = 1
                self._latched |= 1 << index
            self._update()

    @on_write("RECEIVE_CNF")
    def _configure(self, _index: int, _value: int) -> None:
        self._latches.clear()

    @on_write("EVENTS_RECEIVE")
    def _event(self, index: int, value: int) -> None:
        if value & 1:
            self._latched |= 1 << index
        else:
            self._latched &= ~(1 << index)
        self._update()

    @on_write("INTEN")
    def _enable(self, _index: int, _value: int) -> None:
        self._update()

    @on_read("INTPEND")
    def _pending(self, _index: int) -> int:
        return self._latched & self.words[self._enabled_slot]

    def _update(self) -> None:
        self.irq.set(bool(self._latched & self.words[self._enabled_slot]))

    # What the Monitor knows beside the registers, as renode/NRF_IPC.cs has it

    @exposed(VOID, channels=UINT32)
    def signal(self, channels: int) -> None:
        """Signal these channels although no task was triggered: a spurious doorbell, which no fault touches."""
        self.check_channels(channels)
        self._broadcast(channels)

    @exposed(STRING)
    def get_status(self) -> str:
        """Return registers, counters and faults in one line."""
        return (
            f"{WORDS.status.format(enabled=self.enabled_interrupts, latched=self._latched)} IRQ={int(self.irq.level)} "
            f"{self.describe_signals()}"
        )

    @property
    @exposed(UINT32)
    def latched_events(self) -> int:
        """The latched events, one bit for each channel."""
        return self._latched

    @property
    @exposed(UINT32)
    def enabled_interrupts(self) -> int:
        """INTEN."""
        return self.words[self._enabled_slot]


def make_driver(bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> NrfIpc:
    """Return the driver of the peripheral at ``base``."""
    del tx_base
    return NrfIpc(bus, base, tx_channels=tx_channels, rx_channels=rx_channels)


def make_model(site: MailboxSite, base: int, attributes: Mapping[str, object]) -> NrfIpcModel:
    """Return the model of the peripheral at ``base``; ``peer`` is the one that it hears."""
    peer = attributes.get("peer")
    if peer is not None and not isinstance(peer, NrfIpcModel):
        raise ConfigurationError("peer must be another NRF_IPC")
    return NrfIpcModel(site, base=base, peer=peer)


KIND: Final = MailboxKind(
    type="Miscellaneous.NRF_IPC",
    compatible=("nordic,mbox-nrf-ipc",),
    channels=CHANNELS,
    registers=IPC,
    task="TASKS_SEND",
    pending="INTPEND",
    event="EVENTS_RECEIVE",
    enable="INTEN",
    driver=make_driver,
    read_state=read_state,
    force_ring=force_ring,
    model=make_model,
    peers=("peer",),
)
