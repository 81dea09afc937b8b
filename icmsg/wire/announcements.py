"""Announcements of messages in blocks: queues of the rework, control messages in a pbuf of the classic generations."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final

from icmsg.errors import IpcError
from icmsg.hw.bus import views_of, window_of
from icmsg.wire.pbuf import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.icbmsg import BlockLayout, IcbmsgConfig
    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus

HIGH: Final = 0x80
"""The bit of an entry that has high priority."""
HEADER: Final = 8
MASK: Final = 0xFFFF_FFFF


class SlotQueue:
    """The writer's end of the queue at ``address``; its counts are private and only ever published.

    A queue of the rework has one byte for each message, a running count of them, and no doorbell of its own. A region
    has two of them. The sender writes the *producer* queue: which block each message begins at, bit 7 set for high
    priority. The receiver writes the *consumer* queue: which of them it has done with, in that order (ICBMsg protocol
    §5).

    >>> from icmsg.hw.bus import MemoryBus
    >>> bus = MemoryBus(bytearray(24))
    >>> queue, view = SlotQueue(bus, 0, 16), SlotQueueView(bus, 0, 16)
    >>> queue.reset()
    >>> queue.put(3), queue.put(1, high=True)
    (None, None)
    >>> view.new(0), view.entries(0, 2)
    (2, [3, 129])
    """

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


class Queues:
    """The four queues of one instance of the rework: what is sent, received, given back, and comes back.

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


LENGTH: Final = 3
"""Bytes of a control message."""
_HEADER: Final = b"\0\3\0\0"
_HEADER_WORD: Final = int.from_bytes(_HEADER, "little")
_PACKET: Final = 8
_packets = struct.Struct("<II").iter_unpack


def packet_of(kind: int, number: int, block: int) -> bytes:
    """Return header and payload of a control message; the padding byte is not written."""
    return _HEADER + bytes((kind, number, block))


class ControlWriter(PbufWriter):
    """A writer that takes packets of :func:`packet_of`: control messages, of which every message in blocks needs two.

    It and :class:`ControlReader` do the same on the wire as :class:`PbufWriter` and :class:`PbufReader`, which also do
    it wherever it is not the simple case of plain memory and a packet that does not wrap; this way takes half the time.

    >>> from icmsg.config import RegionLayout
    >>> from icmsg.hw.bus import MemoryBus
    >>> bus = MemoryBus(bytearray(64))
    >>> writer, reader = ControlWriter(bus, 0, RegionLayout.pbuf(64)), ControlReader(bus, 0, RegionLayout.pbuf(64))
    >>> writer.tx_init(); reader.rx_init()
    >>> writer.write_packet(packet_of(1, 2, 3))
    >>> [hex(message) for message in reader.take()]
    ['0x30201']
    """

    __slots__ = ("_plain", "_view", "_words")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        super().__init__(bus, address, layout)
        self._words, self._view = views_of(self._fields, self._ring)
        self._plain = self._length if self._view else 0
        """End of the data, if it is plain memory: else 0."""

    def write_packet(self, packet: bytes) -> None:
        """Write one packet; errors as in ``PacketWriter.write``."""
        wr = self._wr
        end = wr + _PACKET
        try:
            # Behind the packet a word must stay free; and the peer's index must be one.
            if end < self._plain:
                rd = self._words[0]
                if (rd <= wr or rd > end) and not rd & 3 and rd < self._plain:
                    self._view[wr : wr + 7] = packet
                    self._wr = self._words[self._wr_word] = end
                    return
            elif not self._plain and end < self._length:
                rd = self._read32(self._rd_address)
                if (rd <= wr or rd > end) and not rd & 3 and rd < self._length:
                    self._write_block(self._data_address + wr, packet)
                    self._write32(self._wr_address, end)
                    self._wr = end
                    return
        except ValueError:  # the bus was closed
            self._plain = 0
        self.write(packet[4:])


class ControlReader(PbufReader):
    """A reader that takes control messages by the dozen."""

    __slots__ = ("_plain", "_view", "_words")

    def __init__(self, bus: Bus, address: int, layout: RegionLayout) -> None:
        super().__init__(bus, address, layout)
        self._words, ring = views_of(self._fields, self._ring)
        self._view = ring.cast("I")
        self._plain = bool(ring)

    def take(self) -> list[int | bytes]:
        """Take every packet that lies there now: of three bytes as a number (little-endian), of others as bytes.

        What ``PacketReader.read`` would refuse ends the list, and is raised when it comes first.
        """
        taken: list[int | bytes] = []
        rd = self._rd
        wr = None
        if self._plain:
            try:
                wr = self._words[self._wr_word]
                if not wr & 3 and wr < self._length:
                    view = self._view
                    # A packet that ends where the ring does is not the simple case, either.
                    last = (wr if rd <= wr else self._length - 4) - _PACKET
                    while rd <= last and view[rd >> 2] == _HEADER_WORD:
                        taken.append(view[(rd >> 2) + 1] & 0xFF_FFFF)
                        rd += _PACKET
                    if taken:
                        self._rd = self._words[0] = rd
                        self.more = rd != wr
                        return taken
            except ValueError:  # the bus was closed
                self._plain = False
                wr = None
        else:
            wr = self._read32(self._wr_address)
            if rd < wr < self._length and not (wr - rd) % _PACKET:
                block = self._read_block(self._data_address + rd, wr - rd)
                for header, message in _packets(block):
                    if header != _HEADER_WORD:
                        break
                    taken.append(message & 0xFF_FFFF)
                if len(taken) * _PACKET == wr - rd:
                    self._rd = wr
                    self._write32(self._rd_address, wr)
                    self.more = False
                    return taken
        return [
            int.from_bytes(message, "little") if len(message) == LENGTH else message
            for message in self.read_available(wr_idx=wr)
        ]
