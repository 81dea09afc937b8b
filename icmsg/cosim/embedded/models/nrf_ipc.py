"""The nRF5340's IPC peripheral: one instance per core, joined by a backbone of 16 channels.

A task signals every channel in its SEND_CNF on the backbone; every instance, the sender's own included, latches
EVENTS_RECEIVE[n] when RECEIVE_CNF[n] names a signalled channel. The interrupt line is the level of
"a latched event is enabled" (nRF5340 PS, IPC).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.exposed import STRING, UINT32, VOID, exposed
from icmsg.cosim.embedded.line import Line
from icmsg.cosim.embedded.models.signal_faults import SignalFaults, check_channels
from icmsg.cosim.events import EventKind
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf_ipc import CHANNELS, IPC

if TYPE_CHECKING:
    from icmsg.cosim.embedded.slot import Slot


class Backbone:
    """The channels between the instances; ``latency`` in ticks from task to event (0 here: within one cycle)."""

    def __init__(self, latency: int = 0) -> None:
        self.instances: Final[list[NrfIpcModel]] = []
        self.latency: Final = latency


class NrfIpcModel(RegisterModel, SignalFaults):
    """One IPC instance, owned by the core of ``slot``."""

    def __init__(self, slot: Slot, *, base: int, peer: NrfIpcModel | None = None) -> None:
        RegisterModel.__init__(self, IPC, base=base, core=slot.name)
        SignalFaults.__init__(self)
        self.irq: Final = Line()
        self._slot = slot
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
        slot = self._slot
        slot.emit(EventKind.DOORBELL, index)
        self.sent += 1
        signalled = self.words[self._send_cnf + index]
        if self.faulty:
            self._send_with_faults(index, signalled)
        else:
            self._broadcast(signalled)

    def _send_with_faults(self, task: int, configured: int) -> None:
        deliveries = self.deliveries(configured)
        passed = deliveries[0].channels if deliveries else 0
        if passed != configured:
            self._slot.emit(EventKind.SIGNAL_LOST, task, configured & ~passed)
        for channels, delay_us in deliveries:
            if delay_us:
                self._slot.after_us(delay_us, partial(self._broadcast, channels))
            else:
                self._broadcast(channels)

    def _broadcast(self, signalled: int) -> None:
        slot = self._slot
        for instance in self._backbone.instances:
            if instance is self:
                instance._receive(signalled)
            else:
                instance._slot.deliver(
                    slot.now() + self._backbone.latency, partial(instance._receive, signalled)
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
        check_channels(channels)
        self._broadcast(channels)

    @exposed(STRING)
    def get_status(self) -> str:
        """Return registers, counters and faults in one line."""
        return (
            f"INTEN=0x{self.enabled_interrupts:04X} EVENTS=0x{self._latched:04X} IRQ={int(self.irq.level)} "
            f"sent={self.sent} received={self.received} dropped={self.dropped} duplicated={self.duplicated}"
            f"{self.describe_faults()}"
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
