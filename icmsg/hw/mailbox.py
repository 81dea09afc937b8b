"""Mailbox, as ICMsg needs it: ring a channel, and learn which channels were rung; and two ends joined directly.

A signal carries no data (protocol §4.2): it may be merged with another one or come without cause.

Two mailbox ends joined directly, for tests and examples that need no SoC.

What it guarantees, and what not:

* A ring on one end latches the event of that channel at the other; rings while it is latched merge into one.
* ``on_signal(channel)`` runs once each time a channel becomes latched and enabled; the callee acknowledges.
* Everything runs in the caller of :meth:`MemoryMailbox.ring`, with no thread and no clock. A ring made inside
  an ``on_signal`` is delivered after that ``on_signal`` has returned, in the order of the rings, so two ends
  that answer each other do not recurse; the outermost ring returns when nothing is left to deliver.
* With ``latch=True`` an event that arrives while its channel is disabled waits, and signals on enable (nRF
  IPC, MHU). With ``latch=False`` it is lost, and enable forgets what was latched before (STM32 HSEM).
* An end does not hear its own rings; on the nRF IPC it does, if both directions use one channel.
* If an ``on_signal`` raises, the error reaches the caller of the outermost ring; what was still to be
  delivered is delivered with the next signal.
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from icmsg.errors import ConfigurationError, MailboxError

if TYPE_CHECKING:
    from collections.abc import Callable


@runtime_checkable
class Mailbox(Protocol):
    """One core's end of a mailbox.

    Every method that takes a channel raises :class:`icmsg.errors.MailboxError` with ``EINVAL`` for one that
    the mailbox does not have in that direction, as Zephyr's mbox drivers do.
    """

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""

    def ring(self, channel: int) -> None:
        """Signal the other side on ``channel``."""

    def pending(self) -> int:
        """Return the channels whose event is latched and enabled, one bit each (bit 0 = channel 0)."""

    def acknowledge(self, channel: int) -> None:
        """Clear the latched event of ``channel``, before looking for data, or a ring in between is lost."""

    def enable(self, channel: int) -> None:
        """Let ``channel`` interrupt; MailboxError with ``EALREADY`` if it does already."""

    def disable(self, channel: int) -> None:
        """Stop ``channel`` from interrupting; MailboxError with ``EALREADY`` if it does not."""

    def is_enabled(self, channel: int) -> bool:
        """Tell whether ``channel`` may interrupt."""


@runtime_checkable
class EdgeMailbox(Mailbox, Protocol):
    """A mailbox whose interrupt does not say which channel was rung, where its event is cleared by who rang."""

    def interrupted(self) -> int:
        """Return the channels to serve in an interrupt, one bit each."""


class ChannelStates:
    """Channels that a driver may send on, receive on, and has enabled; masks with one bit per channel.

    Raises:
        ConfigurationError: a mask with a channel that the mailbox does not have.
    """

    __slots__ = ("channels", "enabled", "rx", "tx")

    def __init__(self, channels: int, *, tx: int, rx: int) -> None:
        for name, mask in (("tx", tx), ("rx", rx)):
            if not 0 <= mask < 1 << channels:
                raise ConfigurationError(f"{name}-mask {mask:#x}: there are only channels 0…{channels - 1}")
        self.channels = channels
        self.tx = tx
        self.rx = rx
        self.enabled = 0

    def check_rx(self, channel: int) -> int:
        """Return the bit of a channel that can receive; MailboxError with ``EINVAL`` for any other."""
        if channel < 0 or not self.rx >> channel & 1:
            raise self._invalid(channel, "receive", self.rx)
        return 1 << channel

    def check_tx(self, channel: int) -> int:
        """Return the bit of a channel that can send; MailboxError with ``EINVAL`` for any other."""
        if channel < 0 or not self.tx >> channel & 1:
            raise self._invalid(channel, "send", self.tx)
        return 1 << channel

    def enable(self, channel: int) -> int:
        """Note ``channel`` as enabled and return its bit; MailboxError as :meth:`Mailbox.enable`."""
        bit = self.check_rx(channel)
        if self.enabled & bit:
            raise MailboxError(f"mbox channel {channel} is enabled already; disable it first", errno.EALREADY)
        self.enabled |= bit
        return bit

    def disable(self, channel: int) -> int:
        """Note ``channel`` as disabled and return its bit; MailboxError as :meth:`Mailbox.disable`."""
        bit = self.check_rx(channel)
        if not self.enabled & bit:
            raise MailboxError(f"mbox channel {channel} is disabled already; enable it first", errno.EALREADY)
        self.enabled &= ~bit
        return bit

    def is_enabled(self, channel: int) -> bool:
        """Tell whether ``channel`` is enabled."""
        return bool(self.enabled & self.check_rx(channel))

    def _invalid(self, channel: int, use: str, mask: int) -> MailboxError:
        usable = ", ".join(map(str, channels_in(mask))) or "none"
        return MailboxError(f"mbox channel {channel} cannot {use}; channels that can: {usable}", errno.EINVAL)


def channels_in(mask: int) -> list[int]:
    """Return the channels whose bit is set in ``mask``, which is not negative, in ascending order."""
    channels = []
    while mask > 0:
        lowest = mask & -mask
        channels.append(lowest.bit_length() - 1)
        mask ^= lowest
    return channels


@dataclass(frozen=True, slots=True)
class MailboxWords:
    """Names of the registers of one kind of mailbox; ``{}`` stands for a mbox channel."""

    sends: str
    """The signals that a ring of the channel sends."""
    hears: str
    """The signals that latch the channel's event."""
    enables: str
    """The channels that interrupt."""
    event: str
    """The event that the channel was rung."""
    status: str
    """All of it in one line; ``{enabled}`` and ``{latched}`` stand for the masks."""


@dataclass(frozen=True, slots=True)
class MailboxState:
    """State of one core's mailbox by its registers; reading them changed nothing. Masks have one bit for each channel.

    A ring of channel n sends the signals ``sends[n]``; where ``hears[m]`` names one of them, the event of channel m
    is latched, at every core.
    """

    sends: tuple[int, ...]
    hears: tuple[int, ...]
    latched: int
    enabled: int
    words: MailboxWords
    wired: bool = False
    """True where no software can change what is sent and heard."""
    edge: bool = False
    """True where an event interrupts when it becomes latched, and not for as long as it is."""

    @property
    def is_set_up(self) -> bool:
        """True if software has set anything up."""
        return bool(self.enabled) or (not self.wired and any((*self.sends, *self.hears)))

    @property
    def listens(self) -> bool:
        """True if software has set up a channel on which something is heard."""
        return any(self.hears) and (bool(self.enabled) or not self.wired)

    @property
    def interrupts(self) -> bool:
        """True while the interrupt line is up."""
        return bool(self.latched & self.enabled)

    def __str__(self) -> str:
        status = self.words.status.format(enabled=self.enabled, latched=self.latched)
        return f"{status} IRQ={int(self.interrupts)}"

    def hears_from(self, sender: MailboxState, channel: int) -> int:
        """Return the channels of this mailbox that a ring of ``channel`` latches, as a mask."""
        return self.hears_signals(sender.sends[channel]) if channel < len(sender.sends) else 0

    def hears_signals(self, signals: int) -> int:
        """Return the channels of this mailbox that these signals latch, as a mask."""
        return sum(1 << own for own, heard in enumerate(self.hears) if heard & signals)


MAX_CHANNELS = 32


class MemoryMailbox:
    """End of a pair; see the module for what it guarantees. :func:`mailbox_pair` makes both.

    ``on_signal`` is called with the channel; ``rings`` counts what this end has rung.
    """

    def __init__(self, line: _MailboxPair, channels: int, *, latch: bool) -> None:
        everything = (1 << channels) - 1
        self.on_signal: Callable[[int], None] | None = None
        self.rings = 0
        self._line = line
        self._states = ChannelStates(channels, tx=everything, rx=everything)
        self._latch = latch
        self._latched = 0
        self._to_drop = 0
        self._other = self
        """The other end, once there is one."""

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""
        return self._states.channels

    def ring(self, channel: int) -> None:
        """Signal the other end on ``channel``, and run what that causes."""
        bit = self._states.check_tx(channel)
        self.rings += 1
        other = self._other
        if other._to_drop:
            other._to_drop -= 1
        else:
            other._latch_event(bit, channel)

    def pending(self) -> int:
        """Return the channels whose event is latched and enabled, one bit each."""
        return self._latched & self._states.enabled

    def acknowledge(self, channel: int) -> None:
        """Clear the latched event of ``channel``."""
        self._latched &= ~self._states.check_rx(channel)

    def enable(self, channel: int) -> None:
        """Let ``channel`` signal; at once if its event is latched (and ``latch`` is True)."""
        bit = self._states.enable(channel)
        if not self._latch:
            self._latched &= ~bit
        elif self._latched & bit:
            self._line.deliver(self, channel)

    def disable(self, channel: int) -> None:
        """Stop ``channel`` from signalling; what is latched stays latched."""
        self._states.disable(channel)

    def is_enabled(self, channel: int) -> bool:
        """Tell whether ``channel`` may signal."""
        return self._states.is_enabled(channel)

    def drop_next(self, count: int = 1) -> None:
        """Lose the next ``count`` signals on their way to this end."""
        if count < 0:
            raise ConfigurationError(f"cannot drop {count} signals; give 0 or more")
        self._to_drop += count

    def spurious(self, channel: int) -> None:
        """Let a signal arrive at this end that nobody rang; it is never dropped."""
        self._latch_event(self._states.check_rx(channel), channel)

    def _latch_event(self, bit: int, channel: int) -> None:
        enabled = self._states.enabled & bit
        if self._latched & bit or not (enabled or self._latch):
            return
        self._latched |= bit
        if enabled:
            self._line.deliver(self, channel)


class _MailboxPair:
    """Ends of a pair: each other, and the signals still to be delivered."""

    def __init__(self, channels: int, *, latch: bool) -> None:
        self.ends = MemoryMailbox(self, channels, latch=latch), MemoryMailbox(self, channels, latch=latch)
        self.ends[0]._other, self.ends[1]._other = self.ends[::-1]
        self._due: deque[tuple[MemoryMailbox, int]] = deque()
        self._delivering = False

    def deliver(self, end: MemoryMailbox, channel: int) -> None:
        due = self._due
        due.append((end, channel))
        if self._delivering:
            return
        self._delivering = True
        try:
            while due:
                end, channel = due.popleft()
                # It may have been polled, acknowledged or disabled since.
                if end.on_signal is not None and end.pending() >> channel & 1:
                    end.on_signal(channel)
        finally:
            self._delivering = False


def mailbox_pair(channels: int = 16, *, latch: bool = True) -> tuple[MemoryMailbox, MemoryMailbox]:
    """Return two joined ends with ``channels`` channels (1…32) each.

    Raises:
        ConfigurationError: an impossible number of channels.
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise ConfigurationError(f"{channels} channels are not possible; choose 1…{MAX_CHANNELS}")
    return _MailboxPair(channels, latch=latch).ends
