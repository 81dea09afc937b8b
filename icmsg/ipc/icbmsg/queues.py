"""Both directions of the rework's queues: what is sent, received, given back, and comes back."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError
from icmsg.wire.slot_queue import HIGH, SlotQueue, SlotQueueView

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.config.icbmsg_layout import BlockLayout
    from icmsg.hw.bus import Bus


class Queues:
    """The four queues of one instance.

    ``failed`` gets what only a peer does that is broken, or has restarted alone.
    """

    __slots__ = (
        "_consumed",
        "_failed",
        "_name",
        "_peer_consumed",
        "_produced",
        "_slots",
        "_told",
        "active",
        "consume",
        "peer_was_full",
        "received",
        "returned",
        "sent",
    )

    def __init__(self, bus: Bus, config: IcbmsgConfig, failed: Callable[[IpcError], None]) -> None:
        tx, rx, slots = config.tx_layout, config.rx_layout, config.slots
        self._name = config.name
        self._slots = slots
        self._failed = failed
        self.sent = SlotQueue(bus, _begin(tx), slots)
        self._consumed = SlotQueue(bus, _begin(rx) + rx.queue_size, slots)
        self.consume = self._consumed.put
        """Tell the peer that its message at a block is done with; there is no ring for that."""
        self._produced = SlotQueueView(bus, _begin(rx), slots)
        self._peer_consumed = SlotQueueView(bus, _begin(tx) + tx.queue_size, slots)
        self.active = 0
        """Slots in use: messages of ours that did not come back."""
        self.received = 0
        """Number of the peer's messages that were taken."""
        self.returned = 0
        """Number of our messages that came back."""
        self.peer_was_full = False
        """True when the peer had all its slots in use once."""
        self._told: set[str] = set()

    def reset(self) -> None:
        """Start at 0, and write so: the counts of what we send, and of what we have consumed."""
        self.active = self.received = self.returned = 0
        self.peer_was_full = False
        self._told.clear()
        self.sent.reset()
        self._consumed.reset()

    def produce(self, block: int, *, high: bool) -> bool:
        """Put a message into the queue; False when all slots are in use."""
        if self.active == self._slots:
            return False
        self.active += 1
        self.sent.put(block, high=high)
        return True

    @property
    def waiting(self) -> int:
        """Messages of the peer that were not taken; more than there are slots when its count makes no sense."""
        return self._produced.new(self.received)

    @property
    def peer_has_consumed(self) -> bool:
        """True when the peer says that it has consumed messages, in this life or an earlier one."""
        return self._peer_consumed.new(0) != 0

    @property
    def is_of_earlier_run(self) -> bool:
        """True while the peer says that it has consumed more than was sent: its counts are from before it restarts."""
        return self._peer_consumed.new(0) > self.sent.count

    @property
    def unread(self) -> int:
        """Messages of ours that the peer has not given back, by what it says."""
        return self.sent.count - self.returned - self._peer_consumed.new(self.returned) & 0xFFFF_FFFF

    def first(self) -> int:
        """Return the first message's entry, whether it was taken or not."""
        return self._produced.entries(0, 1)[0] & ~HIGH

    def take(self) -> list[int]:
        """Return the blocks of all new messages, those of high priority first."""
        known = self.received
        new, entries = self._produced.take(known, self._slots)
        if not entries:
            if new:
                self._went_back("sent", known + new & 0xFFFF_FFFF, known)
            return entries
        self.received = count = known + new & 0xFFFF_FFFF
        if count - self._consumed.count & 0xFFFF_FFFF >= self._slots:
            self.peer_was_full = True
        if new == 1:
            return [entries[0] & 0x7F]
        high = [entry & ~HIGH for entry in entries if entry & HIGH]
        return high + [entry for entry in entries if not entry & HIGH]

    def come_back(self) -> list[int]:
        """Return the blocks of our messages that the peer has done with, and free their slots."""
        known = self.returned
        new, blocks = self._peer_consumed.take(known, self.active)
        if blocks:
            self.returned = known + new & 0xFFFF_FFFF
            self.active -= new
        elif new:
            self._went_back("consumed", known + new & 0xFFFF_FFFF, known)
        return blocks

    def _went_back(self, what: str, count: int, known: int) -> None:
        """Say, once, that a count of the peer makes no sense."""
        if what not in self._told:
            self._told.add(what)
            self._failed(
                IpcError(
                    f"{self._name}: the peer says that it has {what} {count} messages, where {known} were known and "
                    f"{self._slots} fit: it has restarted alone, which this protocol does not survive (start both "
                    f"over), or has another depth of its queues (MAX_ACTIVE_COUNT)",
                    errno.EINVAL,
                )
            )


def _begin(layout: BlockLayout) -> int:
    return layout.address + layout.begin
