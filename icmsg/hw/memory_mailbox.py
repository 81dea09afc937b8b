"""Two mailbox ends joined directly, for tests and examples that need no SoC.

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

from collections import deque
from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError
from icmsg.hw.mailbox import ChannelStates

if TYPE_CHECKING:
    from collections.abc import Callable

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

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""
        return self._states.channels

    def ring(self, channel: int) -> None:
        """Signal the other end on ``channel``, and run what that causes."""
        self._states.check_tx(channel)
        self.rings += 1
        self._line.other(self)._arrive(channel)

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

    def _arrive(self, channel: int) -> None:
        if self._to_drop:
            self._to_drop -= 1
            return
        self._latch_event(1 << channel, channel)

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
        self._due: deque[tuple[MemoryMailbox, int]] = deque()
        self._delivering = False

    def other(self, end: MemoryMailbox) -> MemoryMailbox:
        first, second = self.ends
        return second if end is first else first

    def deliver(self, end: MemoryMailbox, channel: int) -> None:
        self._due.append((end, channel))
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._due:
                end, channel = self._due.popleft()
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
