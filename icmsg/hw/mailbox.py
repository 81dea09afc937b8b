"""Mailbox, as ICMsg needs it: ring a channel, and learn which channels were rung.

A signal carries no data (protocol §4.2): it may be merged with another one or come without cause.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from icmsg.errors import ConfigurationError, MailboxError


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
