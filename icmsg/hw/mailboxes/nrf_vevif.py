"""The other side of VEVIF, as a core that is no VPR sees it: part of the VPR peripheral, its driver, and its model.

TASKS_TRIGGER[n] interrupts the VPR; what that rings latches EVENTS_TRIGGERED[n] until either side clears it. See
:mod:`icmsg.hw.mailboxes.nrf_vevif_csr` for the VPR's side. The interrupt is an edge: an event that becomes latched and
enabled raises it. So it comes once for each ring, whether the driver clears the event or, as Zephyr's does where it
is built with the work-around for errata 16 of the nRF54L, neither reads nor clears it and the VPR clears it again
itself (``mbox_nrf_vevif_event_rx.c``, ``mbox_nrf_vevif_event_tx.c``; pull requests 83057, 86249, 105726).

Not modelled: DPPI (SUBSCRIBE_TRIGGER and PUBLISH_TRIGGERED are stored without effect).
"""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, ConfigurationError, MailboxError
from icmsg.hw.exposed import STRING, UINT32, VOID, exposed
from icmsg.hw.line import Line
from icmsg.hw.mailbox import MailboxState, MailboxWords, channels_in
from icmsg.hw.mailboxes.kind import MailboxKind
from icmsg.hw.mailboxes.nrf_vevif_csr import ALL_CHANNELS, CHANNELS, NrfVevifCsrModel
from icmsg.hw.mailboxes.signals import EventDriver, SignalFaults
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf_peripherals import INTEN, events, interrupt_fields, interrupts, tasks
from icmsg.hw.registers import Access, BlockView, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.hw.bus import Bus
    from icmsg.hw.mailboxes.kind import MailboxSite

_TASKS = {"TRIGGER": 0x000}
_EVENTS = {"TRIGGERED": 0x100}

VEVIF: Final = RegisterBlock(
    "VPR",
    (
        *tasks(_TASKS, count=CHANNELS),
        *events(_EVENTS, count=CHANNELS),
        *interrupts(_EVENTS, count=CHANNELS),
        Register(
            "INTPEND",
            INTEN + 12,
            access=Access.R,
            fields=interrupt_fields(_EVENTS, count=CHANNELS),
            meaning="events that are latched and enabled",
        ),
    ),
    size=0x800,
    source="nRF54L15 PS, VPR; nrf54l15_application.svd of Nordic's MDK",
)

WORDS: Final = MailboxWords(
    sends="the wire of TASKS_TRIGGER[{}]",
    hears="the wire of EVENTS_TRIGGERED[{}]",
    enables="INTEN",
    event="EVENTS_TRIGGERED[{}]",
    status="INTEN=0x{enabled:08X} EVENTS=0x{latched:08X}",
)


def read_state(bus: Bus, base: int) -> MailboxState:
    """Return what the registers at ``base`` say; BusError where there is no VPR peripheral.

    They do not say what is wired: that is known at the VPR's side.
    """
    view = BlockView(bus, base, VEVIF)
    every = tuple(1 << channel for channel in range(CHANNELS))
    return MailboxState(
        sends=every,
        hears=every,
        latched=sum((view.read("EVENTS_TRIGGERED", channel) & 1) << channel for channel in range(CHANNELS)),
        enabled=view.read("INTEN"),
        words=WORDS,
        wired=True,
        edge=True,
    )


def force_ring(bus: Bus, base: int, channel: int) -> None:
    """Trigger the task of ``channel``."""
    BlockView(bus, base, VEVIF).write("TASKS_TRIGGER", 1, channel)


class NrfVevif(EventDriver):
    """The mailbox of a core that shares the VPR peripheral at address ``base`` of ``bus``.

    Programs it as Zephyr's ``nordic,nrf-vevif-task-tx`` and ``nordic,nrf-vevif-event-rx`` do, without the work-around
    for errata 16: nothing at first, TASKS_TRIGGER[n] for a ring, INTENSET and INTENCLR for each channel. A VPR that is
    built with the work-around has cleared its event when the interrupt is handled, so then every enabled channel
    counts as rung (:meth:`interrupted`).

    Raises:
        ConfigurationError: a mask with a channel above 31, or a base that is not a multiple of 4.
        BusError: no VPR peripheral at ``base``.
    """

    __slots__ = ("_inten",)

    def __init__(self, bus: Bus, base: int, *, tx_channels: int, rx_channels: int) -> None:
        view = BlockView(bus, base, VEVIF)
        super().__init__(
            bus,
            view,
            view,
            task="TASKS_TRIGGER",
            event="EVENTS_TRIGGERED",
            channels=CHANNELS,
            tx_channels=tx_channels,
            rx_channels=rx_channels,
        )
        self._inten = view.address("INTEN")
        self._read32(self._inten)  # is it there?

    def interrupted(self) -> int:
        """Return the channels to serve in an interrupt: the pending ones, or where there are none, all enabled ones."""
        return self.pending() or self._states.enabled

    def enable(self, channel: int) -> None:
        """Set the interrupt of ``channel``; an event that is latched already interrupts at once.

        MailboxError with ``EINVAL`` where the VPR's event is not wired to this core.
        """
        super().enable(channel)
        if not self._read32(self._inten) & 1 << channel:
            self._states.disable(channel)
            raise MailboxError(
                f"mbox channel {channel} cannot receive: that event of the VPR has no wire to this core",
                errno.EINVAL,
            )


class NrfVevifModel(RegisterModel, SignalFaults):
    """The VPR peripheral's VEVIF, as the core at ``site`` sees it; ``vpr`` is the VPR's side.

    ``irq`` has the level of "a latched event is enabled", and falls for nothing where another event joins, so that each
    one is an edge. INTEN is reset with this core; the events are the VPR's and stay.
    """

    def __init__(self, site: MailboxSite, vpr: NrfVevifCsrModel, *, base: int) -> None:
        if vpr.arm is not None:
            raise ConfigurationError(
                f"peer, the VPR {vpr.site.name}, has its peripheral at core {vpr.arm.site.name} already: register that "
                "one at every address at which it is reached"
            )
        RegisterModel.__init__(self, VEVIF, base=base, core=site.name)
        SignalFaults.__init__(self, CHANNELS)
        self.irq: Final = Line(edge=True)
        self.site: Final[MailboxSite] = site
        self._vpr: Final = vpr
        vpr.arm = self
        self._latched = 0
        self._due = 0
        self._events_slot = self.slot("EVENTS_TRIGGERED")
        self._inten_slot = self.slot("INTEN")

    def reset(self) -> None:
        """Reset the registers but the events; the line falls."""
        super().reset()
        self._vpr.enabled_by_other(0)
        events, self._latched = self._latched, 0
        self._hold(events)

    # What the VPR does

    def take_events(self, events: int) -> None:
        """Latch these wired events; where one is latched already they merge."""
        self.received += 1
        self._hold(self._latched | events)

    def drop_events(self, events: int) -> None:
        """Clear the events that the VPR has cleared."""
        self._hold(self._latched & ~events)

    def enable_events(self, inten: int) -> None:
        """Put a value that the VPR has written into INTEN."""
        self.words[self._inten_slot] = inten
        self._update()

    # What this core does

    @on_write("TASKS_TRIGGER")
    def _trigger(self, index: int, value: int) -> None:
        if not value & 1:
            return
        self.site.rang(index)
        self.sent += 1
        task = self._vpr.tasks & 1 << index
        if not task:
            wired = ", ".join(map(str, channels_in(self._vpr.tasks))) or "none"
            raise BusError(
                f"VPR.TASKS_TRIGGER[{index}] has no wire in this SoC; tasks that have one: {wired}",
                address=self.base + self.block.offset("TASKS_TRIGGER", index),
                width=32,
                core=self.core,
            )
        if self.faulty:
            self.send_with_faults(self.site, index, task, self._send)
        else:
            self._send(task)

    def _send(self, triggered: int) -> None:
        vpr = self._vpr
        vpr.site.deliver(self.site.now(), partial(vpr.take_tasks, triggered))

    @on_write("EVENTS_TRIGGERED")
    def _event(self, index: int, value: int) -> None:
        """Clear an event; a one sets none (``NHW_VPR.c`` of BabbleSim's ext_nRF_hw_models, by Nordic)."""
        event = 1 << index
        if not value & 1:
            self._vpr.cleared_by_other(event, self.site.now())
            self._latched &= ~event
        self.words[self._events_slot + index] = self._latched >> index & 1
        self._update()

    def _hold(self, latched: int) -> None:
        for channel in channels_in(latched ^ self._latched):
            self.words[self._events_slot + channel] = latched >> channel & 1
        self._latched = latched
        self._update()

    @on_write("INTEN")
    def _enable(self, _index: int, value: int) -> None:
        self.words[self._inten_slot] = value & self._vpr.events
        self._vpr.enabled_by_other(value & self._vpr.events)
        self._update()

    @on_read("INTPEND")
    def _pending(self, _index: int) -> int:
        return self._latched & self.words[self._inten_slot]

    def _update(self) -> None:
        due, before = self._latched & self.words[self._inten_slot], self._due
        self._due = due
        if due & ~before and before:
            self.irq.set(False)
        self.irq.set(bool(due))

    # What the Monitor knows beside the registers

    @exposed(VOID, channels=UINT32)
    def signal(self, channels: int) -> None:
        """Trigger these tasks although the core did not: a spurious doorbell, which no fault touches."""
        self.check_channels(channels)
        if wired := channels & self._vpr.tasks:
            self._send(wired)

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
        return self.words[self._inten_slot]


def make_driver(
    bus: Bus,
    base: int,
    *,
    tx_base: int,
    tx_channels: int = ALL_CHANNELS,
    rx_channels: int = ALL_CHANNELS,
) -> NrfVevif:
    """Return the driver of the peripheral at ``base``."""
    del tx_base
    return NrfVevif(bus, base, tx_channels=tx_channels, rx_channels=rx_channels)


def make_model(site: MailboxSite, base: int, attributes: Mapping[str, object]) -> NrfVevifModel:
    """Return the model of the peripheral at ``base``; ``peer`` is the VPR's side."""
    peer = attributes.get("peer")
    if not isinstance(peer, NrfVevifCsrModel):
        raise ConfigurationError("peer must be the NRF_VEVIF_CSR of the VPR")
    return NrfVevifModel(site, peer, base=base)


KIND: Final = MailboxKind(
    type="Miscellaneous.NRF_VEVIF",
    compatible=("nordic,nrf-vevif-task-tx", "nordic,nrf-vevif-event-rx"),
    channels=CHANNELS,
    registers=VEVIF,
    task="TASKS_TRIGGER",
    pending="INTPEND",
    enable="INTEN",
    driver=make_driver,
    read_state=read_state,
    force_ring=force_ring,
    model=make_model,
    peers=("peer",),
    edge=True,
    size=VEVIF.size,
)
