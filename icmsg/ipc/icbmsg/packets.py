"""Control packets of the rework: what connects the two sides, and what binds endpoints (ICBMsg protocol §6).

Known defects of the rework, recognised by what the other side shows, in words (ICBMsg protocol §7).

Both directions of the rework's queues: what is sent, received, given back, and comes back.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final

from icmsg.errors import CorruptRegionError, IpcError
from icmsg.wire.slot_queue import HIGH, SlotQueue, SlotQueueView

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.icbmsg import BlockLayout, IcbmsgConfig
    from icmsg.hw.bus import Bus
    from icmsg.ipc.icbmsg.rework_receiver import ReworkReceiver


CONTROL: Final = 0xFF
"""The endpoint's number in the header of a control packet."""
MAGIC: Final = bytes.fromhex("ab896745456789ab")
"""Beginning of the bound packet."""

ENDPOINT_BOUND: Final = 0
ENDPOINT_UNBOUND: Final = 1

_counts = struct.Struct("<II")
_endpoint = struct.Struct("<BBI")


def name_hash(name: str) -> int:
    """Return the 32 bits that stand for a name: djb2 in its xor variant, over the name without NUL.

    >>> hex(name_hash("ep0"))
    '0xb872380'
    """
    value = 5381
    for byte in name.encode("utf-8", "surrogateescape"):
        value = value * 33 & 0xFFFF_FFFF ^ byte
    return value


def bound_packet(config: IcbmsgConfig) -> bytes:
    """Return the packet with which a side says that it is there, and how many blocks it has."""
    return MAGIC + _counts.pack(config.tx_blocks, config.rx_blocks)


def block_counts(packet: bytes) -> tuple[int, int] | None:
    """Return the sender's numbers of tx and rx blocks, None unless it is a bound packet."""
    if len(packet) < len(MAGIC) + _counts.size or not packet.startswith(MAGIC):
        return None
    tx, rx = _counts.unpack_from(packet, len(MAGIC))
    return tx, rx


def endpoint_bound(slot: int, hashed: int) -> bytes:
    """Return the packet that tells the sender's slot for a name."""
    return _endpoint.pack(ENDPOINT_BOUND, slot, hashed)


def endpoint_unbound(address: int) -> bytes:
    """Return the packet that takes an endpoint away; ``address`` is the receiver's slot."""
    return _endpoint.pack(ENDPOINT_UNBOUND, address, 0)


def endpoint_packet(packet: bytes) -> tuple[int, int, int] | None:
    """Return kind, slot and hash of a packet that binds or unbinds, None for any other one."""
    if packet[:1] == bytes((ENDPOINT_UNBOUND,)) and len(packet) >= 2:
        return ENDPOINT_UNBOUND, packet[1], 0
    if packet[:1] == bytes((ENDPOINT_BOUND,)) and len(packet) >= _endpoint.size:
        kind, slot, hashed = _endpoint.unpack_from(packet)
        return kind, slot, hashed
    return None


def symptoms(instance: ReworkReceiver) -> list[str]:
    """Return what is to be seen right now; nothing is changed."""
    config, queues = instance.config, instance.queues
    if not instance.state.value:
        return []
    found = []
    waiting = queues.waiting
    if instance.is_connected:
        if queues.sent.count and queues.unread == queues.sent.count:
            found.append(
                f"the peer has opened, but taken none of the {queues.sent.count} messages that wait for it: if that "
                f"lasts, the ring was lost (Zephyr's rework rings before it listens, and does not look when it opens); "
                f"ring again"
            )
        if waiting > config.slots:
            found.append(
                "the peer's count of messages went back: it has restarted alone, which this protocol does not survive; "
                "start both over"
            )
        elif waiting and not instance.is_about_to_look:
            found.append(
                f"messages of the peer wait, {waiting} of them, and no ring for them has arrived: if that lasts, it "
                f"was lost"
            )
        if queues.peer_was_full:
            found.append(
                f"the peer had all its {config.slots} slots in use: Zephyr's rework drops what it sends then, returns "
                f"its length and does not ring; release sooner, or set MAX_ACTIVE_COUNT higher on both sides"
            )
    elif queues.is_of_earlier_run:
        found.append(
            "the peer has not opened since this side did: what lies in its queues is of an earlier run (unless they "
            "lie elsewhere: MAX_ACTIVE_COUNT, dcache-alignment); start it over, too"
        )
    elif (counts := peer_counts(instance)) is not None and counts != (config.rx_blocks, config.tx_blocks):
        found.append(_counts_do_not_fit(instance, counts))
    return found


def peer_counts(instance: ReworkReceiver) -> tuple[int, int] | None:
    """Look for the peer's bound packet anywhere in the rx-region and return its (tx, rx) blocks.

    None where there is none, or where this side has written over it because the layouts differ.
    """
    region = instance.config.rx_region
    memory = instance.bus.read_block(region.address, region.size)
    at = memory.find(MAGIC)
    counts = None if at < 0 else block_counts(memory[at : at + 16])
    return counts if counts is not None and all(0 < count <= 32 for count in counts) else None


def unlike(instance: ReworkReceiver, error: CorruptRegionError | None) -> IpcError:
    """Return why the first packet of the peer is not where it should be, or says what does not fit."""
    config = instance.config
    counts = peer_counts(instance)
    if counts is not None and counts != (config.rx_blocks, config.tx_blocks):
        return IpcError(f"{config.name}: {_counts_do_not_fit(instance, counts)}", errno.EINVAL)
    why = f": {error}" if error is not None else ""
    return IpcError(
        f"{config.name}: the peer's first packet is not where it should be: it has another dcache-alignment, depth of "
        f"its queues (MAX_ACTIVE_COUNT), region or generation{why}",
        errno.EINVAL,
    )


def _counts_do_not_fit(instance: ReworkReceiver, counts: tuple[int, int]) -> str:
    config = instance.config
    return (
        f"the peer has {counts[0]} tx and {counts[1]} rx blocks, this side {config.tx_blocks} tx and "
        f"{config.rx_blocks} rx: the two can never bind; set tx-blocks of each side to rx-blocks of the other"
    )


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
