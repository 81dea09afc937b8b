"""Signals of Nordic's mailboxes of tasks and events (IPC, VEVIF, BELLBOARD): what is alike in their drivers and models.

That is the driver's common part, channels of which an SoC has wired some, and faults: what the Monitor members of the
IPC peripheral ask for, on every engine the same. Their names, meaning and refusals are those of the C# models.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import UINT32, UINT64, VOID, exposed
from icmsg.hw.mailbox import ChannelStates, channels_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.bus import Bus
    from icmsg.hw.mailboxes.kind import MailboxSite
    from icmsg.hw.registers import BlockView


class EventDriver:
    """A mailbox that rings with tasks of ``other`` and hears events of ``own``, two register blocks on ``bus``.

    ``task`` and ``event`` name their registers, one for each channel; ``group`` is the index of INTENSET, INTENCLR and
    INTPEND. Nothing is accessed before it is used.

    Raises:
        ConfigurationError: a mask with a channel that ``channels``, their number, leaves out.
    """

    __slots__ = (
        "_channels", "_events", "_intenclr", "_intenset", "_intpend", "_read32", "_send", "_states", "_write32",
    )  # fmt: skip

    def __init__(
        self,
        bus: Bus,
        own: BlockView,
        other: BlockView,
        *,
        task: str,
        event: str,
        channels: int,
        tx_channels: int,
        rx_channels: int,
        group: int = 0,
    ) -> None:
        self._channels = channels
        self._states = ChannelStates(channels, tx=tx_channels, rx=rx_channels)
        self._read32 = bus.read32
        self._write32 = bus.write32
        self._intenset = own.address("INTENSET", group)
        self._intenclr = own.address("INTENCLR", group)
        self._intpend = own.address("INTPEND", group)
        self._send = {channel: other.address(task, channel) for channel in channels_in(tx_channels)}
        self._events = {channel: own.address(event, channel) for channel in channels_in(rx_channels)}

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""
        return self._channels

    def ring(self, channel: int) -> None:
        """Trigger the task of ``channel``; BusError where it has no wire."""
        address = self._send.get(channel)
        if address is None:
            self._states.check_tx(channel)
        else:
            self._write32(address, 1)

    def pending(self) -> int:
        """Return the enabled channels with a latched event, read from INTPEND."""
        return self._read32(self._intpend) & self._states.enabled

    def acknowledge(self, channel: int) -> None:
        """Clear the event of ``channel``."""
        address = self._events.get(channel)
        if address is None:
            self._states.check_rx(channel)
        else:
            self._write32(address, 0)

    def enable(self, channel: int) -> None:
        """Set the interrupt of ``channel``; an event that is latched already interrupts at once."""
        self._write32(self._intenset, self._states.enable(channel))

    def disable(self, channel: int) -> None:
        """Clear the interrupt of ``channel``; its event goes on being latched."""
        self._write32(self._intenclr, self._states.disable(channel))

    def is_enabled(self, channel: int) -> bool:
        """Tell whether this driver has enabled the interrupt of ``channel``; no bus access."""
        return self._states.is_enabled(channel)


_ALL_CHANNELS = (1 << 32) - 1


def wired_channels(name: str, channels: int, wired: int) -> int:
    """Return those of a mask of channels that have a wire; ``name`` is whose they are, "tx" or "rx".

    Raises:
        ConfigurationError: none has.
    """
    if not 0 <= channels <= _ALL_CHANNELS:
        return channels  # ChannelStates refuses it
    if channels and not channels & wired:
        can = ", ".join(map(str, channels_in(wired))) or "none"
        raise ConfigurationError(
            f"{name}-channel {', '.join(map(str, channels_in(channels)))} has no wire in this VPR; channels that have "
            f"one: {can}"
        )
    return channels & wired


_DUPLICATE_DELAY_US: Final = 100
_LONGEST_DELAY_US: Final = 3_600_000_000


class Delivery(NamedTuple):
    """Channels that are signalled so many microseconds from now."""

    channels: int
    delay_us: int


class SignalFaults:
    """Faults of the signals that one instance sends, and its counters; they are no hardware and survive a reset."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._drop_next = 0
        self._drop_mask = 0
        self._duplicate_next = 0
        self._duplicate_delay_us = _DUPLICATE_DELAY_US
        self._signal_delay_us = 0
        self.faulty = False
        """True if any fault is set: what the hot path looks at."""
        self.sent = self.received = self.dropped = self.duplicated = 0

    @property
    @exposed(UINT32)
    def drop_next(self) -> int:
        """The number of signals from now on that are lost."""
        return self._drop_next

    @drop_next.setter
    def drop_next(self, count: int) -> None:
        self._drop_next = count
        self._look()

    @property
    @exposed(UINT32)
    def drop_mask(self) -> int:
        """Signals on these channels are lost, one bit for each channel."""
        return self._drop_mask

    @drop_mask.setter
    def drop_mask(self, channels: int) -> None:
        self.check_channels(channels)
        self._drop_mask = channels
        self._look()

    @property
    @exposed(UINT32)
    def duplicate_next(self) -> int:
        """The number of signals from now on that arrive twice."""
        return self._duplicate_next

    @duplicate_next.setter
    def duplicate_next(self, count: int) -> None:
        self._duplicate_next = count
        self._look()

    @property
    @exposed(UINT64)
    def duplicate_delay_microseconds(self) -> int:
        """The time from the first one to the second one."""
        return self._duplicate_delay_us

    @duplicate_delay_microseconds.setter
    def duplicate_delay_microseconds(self, delay: int) -> None:
        if delay == 0:
            raise ConfigurationError(
                "A duplicate at the same time is the same event: the delay must be at least 1"
            )
        _check_delay(delay)
        self._duplicate_delay_us = delay

    @property
    @exposed(UINT64)
    def signal_delay_microseconds(self) -> int:
        """The time from the task to the events; 0, as on the hardware nearly, is at once."""
        return self._signal_delay_us

    @signal_delay_microseconds.setter
    def signal_delay_microseconds(self, delay: int) -> None:
        _check_delay(delay)
        self._signal_delay_us = delay
        self._look()

    @exposed(VOID)
    def clear_faults(self) -> None:
        """Let every signal arrive, at once and once."""
        self._drop_next = self._drop_mask = self._duplicate_next = self._signal_delay_us = 0
        self._duplicate_delay_us = _DUPLICATE_DELAY_US
        self._look()

    @exposed(VOID)
    def clear_counters(self) -> None:
        """Count from 0 again."""
        self.sent = self.received = self.dropped = self.duplicated = 0

    @property
    @exposed(UINT64)
    def sent_signals(self) -> int:
        """Tasks triggered in this instance."""
        return self.sent

    @property
    @exposed(UINT64)
    def received_signals(self) -> int:
        """Signals, of any instance, that latched an event in this one."""
        return self.received

    @property
    @exposed(UINT64)
    def dropped_signals(self) -> int:
        """Tasks of which a channel was lost to a fault."""
        return self.dropped

    @property
    @exposed(UINT64)
    def duplicated_signals(self) -> int:
        """Tasks whose signal came twice."""
        return self.duplicated

    def send_with_faults(
        self,
        site: MailboxSite,
        task: int,
        configured: int,
        send: Callable[[int], None],
        send_late: Callable[[int], None] | None = None,
    ) -> None:
        """Send what the faults leave of a task of the core at ``site``; a signal that is delayed by ``send_late``."""
        deliveries = self._deliveries(configured)
        passed = deliveries[0].channels if deliveries else 0
        if passed != configured:
            site.lost(task, configured & ~passed)
        for channels, delay_us in deliveries:
            if delay_us:
                site.after_us(delay_us, partial(send_late or send, channels))
            else:
                send(channels)

    def _deliveries(self, configured: int) -> list[Delivery]:
        """Return what becomes of a task that signals the channels ``configured``, and count it."""
        channels = self._pass(configured)
        if channels != configured:
            self.dropped += 1
        if not channels:
            return []
        found = [Delivery(channels, self._signal_delay_us)]
        if self._duplicate_next:
            self._duplicate_next -= 1
            self.duplicated += 1
            found.append(Delivery(channels, self._signal_delay_us + self._duplicate_delay_us))
        self._look()
        return found

    def describe_signals(self) -> str:
        """Return the counters, and `` faults: …`` where there are any."""
        parts = (
            (self._drop_next, f"drop the next {self._drop_next}"),
            (self._drop_mask, f"drop channels 0x{self._drop_mask:X}"),
            (self._signal_delay_us, f"delay by {self._signal_delay_us} us"),
            (
                self._duplicate_next,
                f"duplicate the next {self._duplicate_next} after {self._duplicate_delay_us} us",
            ),
        )
        faults = [text for is_set, text in parts if is_set]
        counters = (
            f"sent={self.sent} received={self.received} dropped={self.dropped} duplicated={self.duplicated}"
        )
        return f"{counters} faults: {', '.join(faults)}" if faults else counters

    def check_channels(self, channels: int) -> None:
        """Refuse a mask with a channel that there is not.

        Raises:
            ConfigurationError: the text says which mask is possible.
        """
        most = (1 << self._channels) - 1
        if not 0 <= channels <= most:
            raise ConfigurationError(
                f"There are {self._channels} channels, so the mask 0x{channels:X} must not exceed 0x{most:X}"
            )

    def _pass(self, channels: int) -> int:
        if self._drop_next and channels:
            self._drop_next -= 1
            self._look()
            return 0
        return channels & ~self._drop_mask

    def _look(self) -> None:
        self.faulty = bool(
            self._drop_next or self._drop_mask or self._duplicate_next or self._signal_delay_us
        )


def _check_delay(microseconds: int) -> None:
    if microseconds > _LONGEST_DELAY_US:
        raise ConfigurationError(
            f"A delay of {microseconds} microseconds is too long; {_LONGEST_DELAY_US} is the maximum"
        )
