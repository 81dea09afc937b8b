"""The BELLBOARD of Nordic's nRF54H and nRF92: its registers, the mailbox driver on two of them, and its model.

Each core has a bellboard of its own and rings in that of the other: TASKS_TRIGGER[n] there latches EVENTS_TRIGGERED[n]
there. Four groups of interrupts, each with its line, take what they want of the 32 events: line k has the level of
"an event of INTEN[k] is latched" (INTPEND[k] is not 0). An event stays latched while no group has it enabled.

Register names and their order are those of ``nrf_bellboard.h`` of nrfx, offsets those of Renode's model.
Not modelled: DPPI (SUBSCRIBE_TRIGGER and PUBLISH_TRIGGERED are stored without effect).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Final, TypedDict

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import STRING, UINT32, VOID, exposed
from icmsg.hw.line import Line
from icmsg.hw.mailbox import MailboxState, MailboxWords, channels_in
from icmsg.hw.mailboxes.kind import MailboxKind
from icmsg.hw.mailboxes.signals import EventDriver, SignalFaults
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf_peripherals import INTEN, events, interrupt_fields, tasks
from icmsg.hw.registers import Access, BlockView, Field, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.hw.bus import Bus
    from icmsg.hw.mailboxes.kind import MailboxSite
    from icmsg.hw.model import IoModel

CHANNELS: Final = 32
"""Tasks, and events, of one bellboard."""
ALL_CHANNELS: Final = (1 << CHANNELS) - 1
GROUPS: Final = 4
"""Groups of interrupts, and lines."""
GROUP: Final = 0
"""The group that Python's driver takes, as Zephyr's devicetrees of the nRF54H20 do (``nordic,interrupt-mapping``)."""

_TASKS = {"TRIGGER": 0x000}
_EVENTS = {"TRIGGERED": 0x100}


class _Grouped(TypedDict):
    count: int
    stride: int
    fields: tuple[Field, ...]


_GROUPED: Final[_Grouped] = {
    "count": GROUPS,
    "stride": 0x10,
    "fields": interrupt_fields(_EVENTS, count=CHANNELS),
}


BELLBOARD: Final = RegisterBlock(
    "BELLBOARD",
    (
        *tasks(_TASKS, count=CHANNELS),
        *events(_EVENTS, count=CHANNELS),
        Register("INTEN", INTEN, **_GROUPED, meaning="events that raise line k"),
        Register("INTENSET", INTEN + 4, **_GROUPED, sets="INTEN", meaning="a one enables"),
        Register("INTENCLR", INTEN + 8, **_GROUPED, clears="INTEN", meaning="a one disables"),
        Register(
            "INTPEND",
            INTEN + 12,
            **_GROUPED,
            access=Access.R,
            meaning="events that are latched and enabled in INTEN[k]",
        ),
    ),
    source="nrf_bellboard.h of nrfx; NRF_Bellboard.cs of Renode",
)

WORDS: Final = MailboxWords(
    sends="the wire of TASKS_TRIGGER[{}]",
    hears="the wire of EVENTS_TRIGGERED[{}]",
    enables="INTEN",
    event="EVENTS_TRIGGERED[{}]",
    status="INTEN=0x{enabled:08X} EVENTS=0x{latched:08X}",
)


def read_state(bus: Bus, base: int) -> MailboxState:
    """Return what the registers at ``base``, a core's own bellboard, say; BusError where there is none."""
    view = BlockView(bus, base, BELLBOARD)
    every = tuple(1 << channel for channel in range(CHANNELS))
    return MailboxState(
        sends=every,
        hears=every,
        latched=sum((view.read("EVENTS_TRIGGERED", channel) & 1) << channel for channel in range(CHANNELS)),
        enabled=reduce(or_, (view.read("INTEN", group) for group in range(GROUPS))),
        words=WORDS,
        wired=True,
    )


def force_ring(bus: Bus, base: int, channel: int) -> None:
    """Trigger the task of ``channel`` in the bellboard at ``base``, which is the other core's."""
    BlockView(bus, base, BELLBOARD).write("TASKS_TRIGGER", 1, channel)


def output(bus: Bus, base: int, channel: int) -> int:
    """Return the first group of the bellboard at ``base`` that has ``channel`` enabled, else :data:`GROUP`."""
    view = BlockView(bus, base, BELLBOARD)
    enabled = (group for group in range(GROUPS) if view.read("INTEN", group) >> channel & 1)
    return next(enabled, GROUP)


class NrfBellboard(EventDriver):
    """The mailbox of a core whose own bellboard is at address ``base`` of ``bus``, the other core's at ``tx_base``.

    Programs them as Zephyr's ``nordic,nrf-bellboard-rx`` and ``nordic,nrf-bellboard-tx`` do, all channels in one group:
    at first their interrupts are disabled and their events cleared, so that what was rung before is forgotten.

    Raises:
        ConfigurationError: a mask with a channel above 31, or a base that is not a multiple of 4.
        BusError: no bellboard at ``base``.
    """

    __slots__ = ()

    def __init__(self, bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> None:
        own, other = BlockView(bus, base, BELLBOARD), BlockView(bus, tx_base, BELLBOARD)
        super().__init__(
            bus,
            own,
            other,
            task="TASKS_TRIGGER",
            event="EVENTS_TRIGGERED",
            channels=CHANNELS,
            tx_channels=tx_channels,
            rx_channels=rx_channels,
            group=GROUP,
        )
        self._write32(self._intenclr, rx_channels)
        for event in self._events.values():
            self._write32(event, 0)


class NrfBellboardModel(RegisterModel, SignalFaults):
    """The bellboard of the core at ``site``, to which its lines go; ``peer`` is another core's.

    Whoever writes a task has rung: another core reaches it through :meth:`seen_from`. Faults and counters of sent
    signals are those of the bellboard of the core that rings, whichever it rings in.
    """

    def __init__(self, site: MailboxSite, *, base: int, peer: NrfBellboardModel | None = None) -> None:
        RegisterModel.__init__(self, BELLBOARD, base=base, core=site.name)
        SignalFaults.__init__(self, CHANNELS)
        self.outputs: Final = {group: Line() for group in range(GROUPS)}
        self.site: Final[MailboxSite] = site
        self._ringer = site  # the core that writes now
        self._joined: dict[str, NrfBellboardModel] = peer._joined if peer is not None else {}
        if site.name in self._joined:
            raise ConfigurationError(
                f"core {site.name} has a bellboard already: wire this one to another core"
            )
        self._joined[site.name] = self
        self._latched = 0
        self._events = self.slot("EVENTS_TRIGGERED")
        self._groups = tuple((self.slot("INTEN", group), line) for group, line in self.outputs.items())

    def seen_from(self, site: MailboxSite) -> IoModel:
        """Return this bellboard as another core sees it: the same registers, rung by that core."""
        return self if site is self.site else _Seen(self, site)

    @contextmanager
    def written_by(self, site: MailboxSite) -> Iterator[None]:
        """Take writes in between for those of the core at ``site``."""
        self._ringer = site
        try:
            yield
        finally:
            self._ringer = self.site

    def reset(self) -> None:
        """Reset the registers; the lines fall."""
        super().reset()
        self._latched = 0
        self._update()

    @on_write("TASKS_TRIGGER")
    def _trigger(self, index: int, value: int) -> None:
        if not value & 1:
            return
        ringer, event = self._ringer, 1 << index
        ringer.rang(index)
        sender = self._joined.get(ringer.name)
        if sender is None:
            self._send(ringer, event)
            return
        sender.sent += 1
        if sender.faulty:
            sender.send_with_faults(ringer, index, event, partial(self._send, ringer))
        else:
            self._send(ringer, event)

    def _send(self, ringer: MailboxSite, signalled: int) -> None:
        if ringer is self.site:
            self._latch(signalled)
        else:
            self.site.deliver(ringer.now(), partial(self._latch, signalled))

    def _latch(self, signalled: int) -> None:
        self.received += 1
        self._latched |= signalled
        for channel in channels_in(signalled):
            self.words[self._events + channel] = 1
        self._update()

    @on_write("EVENTS_TRIGGERED")
    def _event(self, index: int, value: int) -> None:
        if value & 1:
            self._latched |= 1 << index
        else:
            self._latched &= ~(1 << index)
        self._update()

    @on_write("INTEN")
    def _enable(self, _index: int, _value: int) -> None:
        self._update()

    def _update(self) -> None:
        for enabled, line in self._groups:
            line.set(bool(self._latched & self.words[enabled]))

    @on_read("INTPEND")
    def _pending(self, group: int) -> int:
        return self._latched & self.peek("INTEN", group)

    # What the Monitor knows beside the registers

    @exposed(VOID, channels=UINT32)
    def signal(self, channels: int) -> None:
        """Latch these events in all other bellboards although no task was triggered: a spurious doorbell.

        No fault touches it.
        """
        self.check_channels(channels)
        if channels:
            for other in self._joined.values():
                if other is not self:
                    other._send(self.site, channels)

    @exposed(STRING)
    def get_status(self) -> str:
        """Return registers, counters and faults in one line."""
        enabled = self.enabled_interrupts
        return (
            f"{WORDS.status.format(enabled=enabled, latched=self._latched)} IRQ={int(bool(self._latched & enabled))} "
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
        """The events that a group has enabled."""
        return reduce(or_, (self.words[enabled] for enabled, _ in self._groups))


class _Seen:
    """Another's bellboard, as core ``site``, which is not its owner, sees it."""

    def __init__(self, model: NrfBellboardModel, site: MailboxSite) -> None:
        self._model: Final = model
        self._site: Final = site

    def reset(self) -> None:
        """Change nothing: a bellboard is reset with its owner."""

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._model.read8(offset)

    def read16(self, offset: int) -> int:
        """Read half of a register."""
        return self._model.read16(offset)

    def read32(self, offset: int) -> int:
        """Read a register."""
        return self._model.read32(offset)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        with self._model.written_by(self._site):
            self._model.write8(offset, value)

    def write16(self, offset: int, value: int) -> None:
        """Write half of a register."""
        with self._model.written_by(self._site):
            self._model.write16(offset, value)

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""
        with self._model.written_by(self._site):
            self._model.write32(offset, value)


def make_driver(bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> NrfBellboard:
    """Return the driver of the bellboards at ``base``, the core's own, and ``tx_base``, the other core's."""
    return NrfBellboard(bus, base, tx_base=tx_base, tx_channels=tx_channels, rx_channels=rx_channels)


def make_model(site: MailboxSite, base: int, attributes: Mapping[str, object]) -> NrfBellboardModel:
    """Return the model of the bellboard at ``base``; ``peer`` is another core's."""
    peer = attributes.get("peer")
    if peer is not None and not isinstance(peer, NrfBellboardModel):
        raise ConfigurationError("peer must be another NRF_BELLBOARD")
    return NrfBellboardModel(site, base=base, peer=peer)


KIND: Final = MailboxKind(
    type="Miscellaneous.NRF_BELLBOARD",
    compatible=("nordic,nrf-bellboard-rx", "nordic,nrf-bellboard-tx"),
    channels=CHANNELS,
    registers=BELLBOARD,
    task="TASKS_TRIGGER",
    pending="INTPEND",
    enable="INTEN",
    driver=make_driver,
    read_state=read_state,
    force_ring=force_ring,
    model=make_model,
    peers=("peer",),
    rings_peer=True,
    output=output,
)
