"""The VPR side of VEVIF, the event interface of Nordic's RISC-V cores: its CSRs, the mailbox driver, and the model.

A task that another core triggers sets a bit of TASKS and, while that is set, the interrupt of the same number in the
core's CLIC; the core clears it (``drivers/mbox/mbox_nrf_vevif_task_rx.c`` of Zephyr). The core rings with a bit of
EVENTS, which the other side sees as EVENTS_TRIGGERED (:mod:`icmsg.hw.mailboxes.nrf_vevif`) and either side clears.
An SoC wires some of the 32 bits of each; the others read 0.

Python and engines reach the CSRs through a window of the core's bus, which is no hardware: CSR number c lies at
0x10·c. A write there is csrrw; 4 bytes further it sets bits, 8 bytes further it clears bits (csrrs, csrrc); and
12 bytes further one reads which bits there are.

Not modelled: DPPI (SUBSCRIBE and PUBLISH are stored without effect) and EVENTSB, which needs the timer of the VPR.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import STRING, UINT32, VOID, exposed
from icmsg.hw.line import Line
from icmsg.hw.mailbox import ChannelStates, MailboxState, MailboxWords, channels_in
from icmsg.hw.mailboxes.kind import MailboxKind
from icmsg.hw.mailboxes.signals import SignalFaults, wired_channels
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, BlockView, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.hw.bus import Bus
    from icmsg.hw.mailboxes.kind import MailboxSite
    from icmsg.hw.mailboxes.nrf_vevif import NrfVevifModel

CHANNELS: Final = 32
"""Tasks, and events, of one VPR."""
ALL_CHANNELS: Final = (1 << CHANNELS) - 1
WINDOW: Final = 0x1_0000
"""Bytes of the window."""
CLICINT: Final = 0xF000_1000
"""Byte address of CLICINT[0] on the bus of a VPR; the one of interrupt n lies 4·n behind."""
_IE: Final = 1 << 8


def _csr(name: str, number: int, *, meaning: str, wired: bool = False) -> tuple[Register, ...]:
    at = number << 4
    window = (
        Register(name, at, meaning=meaning),
        Register(f"{name}SET", at + 4, sets=name, meaning=f"csrrs of {name}: a one sets"),
        Register(f"{name}CLR", at + 8, clears=name, meaning=f"csrrc of {name}: a one clears"),
    )
    if not wired:
        return window
    return *window, Register(f"{name}WIRED", at + 12, access=Access.R, meaning=f"bits that {name} has")


VEVIF_CSR: Final = RegisterBlock(
    "VPRCSR",
    (
        *_csr("TASKS", 0x7E0, meaning="tasks that were triggered and not cleared", wired=True),
        *_csr("SUBSCRIBE", 0x7E1, meaning="tasks that DPPI triggers"),
        *_csr("EVENTS", 0x7E2, meaning="events that were triggered and not cleared", wired=True),
        *_csr("PUBLISH", 0x7E3, meaning="events that go to DPPI"),
        *_csr("INTEN", 0x7E4, meaning="INTEN of the peripheral: events that interrupt the other core"),
    ),
    size=WINDOW,
    source="VPRCSR_NORDIC_… of Nordic's MDK (numbers); nrf_vpr_csr_vevif.h of nrfx (use)",
)

WORDS: Final = MailboxWords(
    sends="the wire of EVENTS[{}]",
    hears="the wire of TASKS[{}]",
    enables="the mask of CLICINT[n].IE",
    event="bit {} of TASKS",
    status="IE=0x{enabled:08X} TASKS=0x{latched:08X}",
)


def read_state(bus: Bus, base: int) -> MailboxState:
    """Return what CSRs and CLIC say; BusError where there is no window at ``base``, or no CLIC."""
    view = BlockView(bus, base, VEVIF_CSR)
    tasks, events = view.read("TASKSWIRED"), view.read("EVENTSWIRED")
    return MailboxState(
        sends=tuple(events & 1 << channel for channel in range(CHANNELS)),
        hears=tuple(tasks & 1 << channel for channel in range(CHANNELS)),
        latched=view.read("TASKS"),
        enabled=sum(1 << channel for channel in channels_in(tasks) if bus.read32(_clicint(channel)) & _IE),
        words=WORDS,
        wired=True,
        edge=True,
    )


def force_ring(bus: Bus, base: int, channel: int) -> None:
    """Ring ``channel`` as :meth:`NrfVevifCsr.ring` does, wired or not."""
    view = BlockView(bus, base, VEVIF_CSR)
    view.write("EVENTSCLR", 1 << channel)
    view.write("EVENTSSET", 1 << channel)


def output(_bus: Bus, _base: int, channel: int) -> int:
    """Return ``channel``: the number of a task is that of its output, and of its interrupt."""
    return channel


class NrfVevifCsr:
    """The mailbox of a VPR whose CSR window is at address ``base`` of ``bus``.

    Receives as Zephyr's ``nordic,nrf-vevif-task-rx`` does: TASKS is cleared at first, an interrupt clears its bit, and
    a channel is enabled in the CLIC. Rings with csrrs of EVENTS as ``nordic,nrf-vevif-event-tx`` does, after a csrrc.
    So the line rises although the other side's driver, built with the work-around for errata 16 of the nRF54L, never
    clears an event, and one without it finds the event set. (Zephyr's own sender clears the event again instead
    where it is built with the work-around, and then only a receiver that is, too, takes notice.)

    Raises:
        ConfigurationError: a mask of channels of which none is wired, or a base that is not a multiple of 4.
        BusError: no CSR window at ``base``.
    """

    __slots__ = ("_bus", "_clear_events", "_clear_tasks", "_set_events", "_states", "_tasks")

    def __init__(self, bus: Bus, base: int, *, tx_channels: int, rx_channels: int) -> None:
        view = BlockView(bus, base, VEVIF_CSR)
        self._bus = bus
        self._tasks = view.address("TASKS")
        self._clear_tasks = view.address("TASKSCLR")
        self._set_events = view.address("EVENTSSET")
        self._clear_events = view.address("EVENTSCLR")
        self._states = ChannelStates(
            CHANNELS,
            tx=wired_channels("tx", tx_channels, view.read("EVENTSWIRED")),
            rx=wired_channels("rx", rx_channels, view.read("TASKSWIRED")),
        )
        bus.write32(self._clear_tasks, ALL_CHANNELS)

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""
        return CHANNELS

    def ring(self, channel: int) -> None:
        """Set the bit of ``channel`` in EVENTS anew."""
        bit = self._states.check_tx(channel)
        self._bus.write32(self._clear_events, bit)
        self._bus.write32(self._set_events, bit)

    def pending(self) -> int:
        """Return the enabled channels with a triggered task."""
        return self._bus.read32(self._tasks) & self._states.enabled

    def acknowledge(self, channel: int) -> None:
        """Clear the task of ``channel``."""
        self._bus.write32(self._clear_tasks, self._states.check_rx(channel))

    def enable(self, channel: int) -> None:
        """Enable the interrupt of ``channel`` in the CLIC; a task that is triggered already interrupts at once."""
        self._states.enable(channel)
        address = _clicint(channel)
        self._bus.write32(address, self._bus.read32(address) | _IE)

    def disable(self, channel: int) -> None:
        """Disable the interrupt of ``channel``; its task stays triggered."""
        self._states.disable(channel)
        address = _clicint(channel)
        self._bus.write32(address, self._bus.read32(address) & ~_IE)

    def is_enabled(self, channel: int) -> bool:
        """Tell whether this driver has enabled the interrupt of ``channel``; no bus access."""
        return self._states.is_enabled(channel)


def _clicint(interrupt: int) -> int:
    return CLICINT + 4 * interrupt


class NrfVevifCsrModel(RegisterModel, SignalFaults):
    """VEVIF of the VPR at ``site``; ``tasks`` and ``events`` are the masks of wired ones.

    ``outputs`` has a line for each wired task: the level of its bit. What the other side (``arm``) knows of EVENTS
    comes to it when its core has come to the time of the change, so each side has its own copy. The other side clears
    this one at once, but for an event that was triggered after the time of the clear: that is a new one.

    A reset of the VPR, as its stop by CPURUN is one here, resets its CSRs: TASKS, SUBSCRIBE, EVENTS and PUBLISH, and
    with EVENTS the other side's view of it. INTEN, which is a register of the peripheral as well, is reset with the
    other core. (No public document says what becomes of them; a driver of either side works with both.)
    """

    def __init__(
        self, site: MailboxSite, *, base: int, tasks: int = ALL_CHANNELS, events: int = ALL_CHANNELS
    ) -> None:
        RegisterModel.__init__(self, VEVIF_CSR, base=base, core=site.name)
        SignalFaults.__init__(self, CHANNELS)
        self.site: Final[MailboxSite] = site
        self.tasks: Final = tasks
        self.events: Final = events
        self.arm: NrfVevifModel | None = None
        self.outputs: Final = {channel: Line() for channel in channels_in(tasks)}
        self._driven = 0
        self._events = 0
        self._rung_at = [0] * CHANNELS
        self._seen_until = [
            0
        ] * CHANNELS  # the tick at which the other side, running ahead, has cleared an event
        self._withdrawn = 0  # events that this side has cleared itself since it rang them
        self._tasks_slot = self.slot("TASKS")
        self._events_slot = self.slot("EVENTS")
        self._inten_slot = self.slot("INTEN")

    def reset(self) -> None:
        """Reset the CSRs but INTEN; the lines fall."""
        inten = self.words[self._inten_slot]
        super().reset()
        self.words[self._inten_slot] = inten
        self._events = self._withdrawn = 0
        self._drive()
        self._tell_cleared(self.events)

    # What the other side does

    def take_tasks(self, tasks: int) -> None:
        """Trigger these wired tasks; where one is triggered already they merge."""
        self.received += 1
        self.words[self._tasks_slot] |= tasks
        self._drive()

    def cleared_by_other(self, events: int, time: int) -> None:
        """Clear the events that the other side has cleared at tick ``time``, unless they were rung since."""
        for channel in channels_in(events & self._events):
            if self._rung_at[channel] <= time:
                self._hold(self._events & ~(1 << channel))
                self._seen_until[channel] = time

    def enabled_by_other(self, inten: int) -> None:
        """Note the peripheral's INTEN."""
        self.words[self._inten_slot] = inten

    # What this side does

    @on_write("TASKS")
    def _write_tasks(self, _index: int, value: int) -> None:
        self.words[self._tasks_slot] = value & self.tasks
        self._drive()

    def _drive(self) -> None:
        tasks = self.words[self._tasks_slot]
        changed, self._driven = tasks ^ self._driven, tasks
        for channel in channels_in(changed):
            self.outputs[channel].set(bool(tasks >> channel & 1))

    @on_write("EVENTS")
    def _write_events(self, _index: int, value: int) -> None:
        self._clear(0, ~value)
        self._ring(0, value & ~self._events)

    @on_write("EVENTSSET")
    def _ring(self, _index: int, value: int) -> None:
        wired = self._set(value)
        for channel in channels_in(value):
            self.site.rang(channel)
            self.sent += 1
            event = wired & 1 << channel
            if self.faulty:
                self.send_with_faults(self.site, channel, event, self._send, self._send_late)
            elif event:
                self._send(event)

    def _set(self, events: int) -> int:
        """Set events, and return those of them that are wired."""
        wired = events & self.events
        self._withdrawn &= ~wired
        for channel in channels_in(wired):
            self._rung_at[channel] = self.site.now()
        self._hold(self._events | wired)
        return wired

    def _hold(self, events: int) -> None:
        self._events = self.words[self._events_slot] = events

    def _send(self, events: int) -> None:
        arm = self.arm
        if arm is not None:
            arm.site.deliver(self.site.now(), partial(arm.take_events, events))

    def _send_late(self, events: int) -> None:
        """Send what a fault has delayed; what the sender has cleared meanwhile ends as soon as it comes."""
        self._send(events)
        if gone := events & self._withdrawn:
            self._tell_cleared(gone)

    @on_write("EVENTSCLR")
    def _clear(self, _index: int, value: int) -> None:
        for channel in channels_in(value & self.events):
            self._seen_until[channel] = 0
        if gone := value & self._events:
            self._hold(self._events & ~gone)
            self._withdrawn |= gone
            self._tell_cleared(gone)

    def _tell_cleared(self, events: int) -> None:
        arm = self.arm
        if arm is not None:
            arm.site.deliver(self.site.now(), partial(arm.drop_events, events))

    @on_write("INTEN")
    def _enable(self, _index: int, value: int) -> None:
        self.words[self._inten_slot] = value & self.events if self.arm is not None else 0
        if self.arm is not None:
            self.arm.site.deliver(self.site.now(), partial(self.arm.enable_events, value & self.events))

    @on_read("EVENTS")
    def _read_events(self, _index: int) -> int:
        """Return the events at this core's time, of which the other side may be ahead: a ringer waits for its own."""
        now = self.site.now()
        return self._events | sum(
            1 << channel for channel in channels_in(self.events) if self._seen_until[channel] > now
        )

    @on_read("TASKSWIRED")
    def _wired_tasks(self, _index: int) -> int:
        return self.tasks

    @on_read("EVENTSWIRED")
    def _wired_events(self, _index: int) -> int:
        return self.events

    # What the Monitor knows beside the registers

    @exposed(VOID, channels=UINT32)
    def signal(self, channels: int) -> None:
        """Trigger these events although the core did not: a spurious doorbell, which no fault touches."""
        self.check_channels(channels)
        if wired := self._set(channels):
            self._send(wired)

    @exposed(STRING)
    def get_status(self) -> str:
        """Return registers, counters and faults in one line."""
        return (
            f"TASKS=0x{self.latched_events:08X} EVENTS=0x{self._events:08X} "
            f"IRQ={int(bool(self.latched_events))} {self.describe_signals()}"
        )

    @property
    @exposed(UINT32)
    def latched_events(self) -> int:
        """The tasks that are triggered, one bit for each channel."""
        return self.words[self._tasks_slot]


def make_driver(bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> NrfVevifCsr:
    """Return the driver of the CSR window at ``base``."""
    del tx_base
    return NrfVevifCsr(bus, base, tx_channels=tx_channels, rx_channels=rx_channels)


def make_model(site: MailboxSite, base: int, attributes: Mapping[str, object]) -> NrfVevifCsrModel:
    """Return the model of the CSR window at ``base``, with the masks ``tasks`` and ``events`` of what is wired."""
    masks = {}
    for name in ("tasks", "events"):
        mask = attributes.get(name, ALL_CHANNELS)
        if not isinstance(mask, int) or not 0 <= mask <= ALL_CHANNELS:
            raise ConfigurationError(
                f"{name} must be a mask with one bit for each of {CHANNELS} channels, as 0x007F0000"
            )
        masks[name] = mask
    return NrfVevifCsrModel(site, base=base, **masks)


KIND: Final = MailboxKind(
    type="Miscellaneous.NRF_VEVIF_CSR",
    compatible=("nordic,nrf-vevif-task-rx", "nordic,nrf-vevif-event-tx"),
    channels=CHANNELS,
    registers=VEVIF_CSR,
    task="EVENTSSET",
    pending="TASKS",
    enable="INTEN",
    driver=make_driver,
    read_state=read_state,
    force_ring=force_ring,
    model=make_model,
    numbers=("tasks", "events"),
    output=output,
    size=WINDOW,
)
