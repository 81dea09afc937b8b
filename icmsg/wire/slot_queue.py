"""Queues of the rework: one byte for each message, a running count of them, and no doorbell of their own.

A region has two of them. The sender writes the *producer* queue: which block each message begins at, bit 7 set for high
priority. The receiver writes the *consumer* queue: which of them it has done with, in that order (ICBMsg protocol §5).

>>> from icmsg.hw.bus import MemoryBus
>>> bus = MemoryBus(bytearray(24))
>>> queue, view = SlotQueue(bus, 0, 16), SlotQueueView(bus, 0, 16)
>>> queue.reset()
>>> queue.put(3), queue.put(1, high=True)
(None, None)
>>> view.new(0), view.entries(0, 2)
(2, [3, 129])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.bus import window_of

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus

HIGH: Final = 0x80
"""The bit of an entry that has high priority."""
HEADER: Final = 8
MASK: Final = 0xFFFF_FFFF


class SlotQueue:
    """The writer's end of the queue at ``address``; its counts are private and only ever published."""

    __slots__ = ("_bus", "_high", "_slots", "_window", "address", "count")

    def __init__(self, bus: Bus, address: int, slots: int) -> None:
        self.address = address
        self.count = 0
        """Number of entries ever written, modulo 2³²."""
        self._high = 0
        self._slots = slots
        self._bus = bus
        self._window = window_of(bus, address, HEADER + slots + 3 & ~3)

    def reset(self) -> None:
        """Write both counts as 0; the slots stay as they are."""
        self.count = self._high = 0
        self._bus.write32(self.address, 0)
        self._bus.write32(self.address + 4, 0)

    def put(self, entry: int, *, high: bool = False) -> None:
        """Write one entry, and publish it last."""
        slot = HEADER + self.count % self._slots
        self.count = count = self.count + 1 & MASK
        words, data = self._window.words, self._window.data
        if words is None or data is None:
            self._bus.write8(self.address + slot, entry | HIGH if high else entry)
            if high:
                self._high = self._high + 1 & MASK
                self._bus.write32(self.address + 4, self._high)
            self._bus.write32(self.address, count)
            return
        data[slot] = entry | HIGH if high else entry
        if high:
            self._high = words[1] = self._high + 1 & MASK
        words[0] = count


class SlotQueueView:
    """The reader's end of the queue at ``address``."""

    __slots__ = ("_bus", "_slots", "_window", "address")

    def __init__(self, bus: Bus, address: int, slots: int) -> None:
        self.address = address
        self._slots = slots
        self._bus = bus
        self._window = window_of(bus, address, HEADER + slots + 3 & ~3)

    def new(self, taken: int) -> int:
        """Return how many entries there are behind the ``taken`` ones; more than slots: the count went back."""
        words = self._window.words
        return (self._bus.read32(self.address) if words is None else words[0]) - taken & MASK

    def take(self, taken: int, most: int) -> tuple[int, list[int]]:
        """Return :meth:`new`, and :meth:`entries` unless there are none, or more than ``most``."""
        words, data = self._window.words, self._window.data
        if words is not None and data is not None:
            new = words[0] - taken & MASK
            if new == 1 and most:
                return 1, [data[HEADER + taken % self._slots]]
        else:
            new = self.new(taken)
        return new, self.entries(taken, new) if 0 < new <= most else []

    def entries(self, taken: int, new: int) -> list[int]:
        """Return the ``new`` entries behind the ``taken`` ones, at most as many as there are slots."""
        data, slots = self._window.data, self._slots
        if new == 1:
            at = HEADER + taken % slots
            return [self._bus.read8(self.address + at) if data is None else data[at]]
        if data is None:
            ring = self._bus.read_block(self.address + HEADER, slots)
            return [ring[(taken + number) % slots] for number in range(new)]
        return [data[HEADER + (taken + number) % slots] for number in range(new)]
