"""Direction of a backend with several endpoints, decoded from memory alone, in words.

A direction is called by its ``writer``, for which the region is ``tx-region``, and its ``reader``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import BusError, CorruptRegionError
from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import ControlType
from icmsg.link.diagnosis.findings import count_of, region_words
from icmsg.wire.announcements import HIGH, SlotQueueView
from icmsg.wire.block_area import BlockArea
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.instance import Region
    from icmsg.hw.bus import Bus
    from icmsg.link.endpoints import SeveralConfig

_LENGTH: Final = 3
_BYTES: Final = 16
_MOST: Final = 8
"""Messages that are shown, of those that wait."""
RELEASES: Final = {"3.6": "Zephyr 3.6 to 4.0", "4.1": "Zephyr 4.1 to 4.4", "rework": "after Zephyr 4.4"}


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queues of one direction of the rework: messages that were sent, and of these the ones given back."""

    sent: int
    returned: int
    slots: int
    blocks: tuple[int, ...]
    """Blocks of the messages that were not given back; empty where memory does not tell."""
    peer_counts: tuple[int, int] | None
    """Numbers of tx and rx blocks that the writer says it has."""

    @property
    def open(self) -> int:
        """Number of messages that were not given back."""
        return self.sent - self.returned & 0xFFFF_FFFF

    @property
    def makes_sense(self) -> bool:
        """True where as many messages are under way as the queue has slots."""
        return self.open <= self.slots


@dataclass(frozen=True, slots=True)
class DirectionView:
    """Contents of the region that ``config`` calls tx-region; ``problem`` says why it cannot be read."""

    config: SeveralConfig
    region: Region
    control: RegionView | None
    """The ICMsg region inside, of all but the rework."""
    back: RegionView | None
    queue: QueueView | None
    messages: tuple[str, ...]
    """The control messages that wait for the reader, in words."""
    problem: str | None = None

    def words(self, writer: str, reader: str) -> list[str]:
        """Return what there is to say, one sentence an entry."""
        if self.problem is not None:
            return [self.problem]
        found = []
        if self.control is not None:
            found = [f"control {self.control}", *region_words(self.control, self.back, writer, reader)]
        elif self.queue is not None:
            found = list(_queue_words(self.queue, writer))
        found += [f"waiting: {', '.join(self.messages)}"] if self.messages else []
        return [*found, layout_words(self.config)] if isinstance(self.config, IcbmsgConfig) else found


def layout_words(config: IcbmsgConfig) -> str:
    """Return how the blocks of the tx-region lie."""
    layout = config.tx_layout
    begin = layout.address + layout.begin + layout.blocks_offset
    release = RELEASES[config.generation]
    return f"{layout.block_count} blocks of {layout.block_size} bytes from 0x{begin:08X} ({release})"


def view_direction(bus: Bus, config: SeveralConfig) -> DirectionView:
    """Decode the tx-region of ``config``; nothing is raised and nothing is written."""
    try:
        if isinstance(config, IcbmsgConfig) and config.generation == "rework":
            return DirectionView(config, config.tx_region, None, None, _queue(bus, config), ())
        control = config.control
        view = inspect_region(bus, control.tx_region.address, control.tx_layout)
        back = inspect_region(bus, control.rx_region.address, control.rx_layout)
        messages = [payload for payload in view.pending if payload != MAGIC]
        words = [message_words(bus, config, message) for message in messages[:_MOST]]
        if len(messages) > _MOST:
            words.append(f"and {len(messages) - _MOST} more")
        return DirectionView(config, config.tx_region, view, back, None, tuple(words))
    except BusError as error:
        return DirectionView(config, config.tx_region, None, None, None, (), f"cannot be read: {error}")


def message_words(bus: Bus, config: SeveralConfig, message: bytes) -> str:
    """Return one message of the control channel in words, with what lies in the block that it names."""
    if not isinstance(config, IcbmsgConfig):
        return _packet_of_me(message)
    if len(message) < _LENGTH:
        return f"{message.hex(' ')}, which is no control message"
    kind, number, block = message[:_LENGTH]
    return _control(BlockArea(bus, config.tx_layout), kind, number, block)


def _control(area: BlockArea, kind: int, number: int, block: int) -> str:
    if kind == ControlType.RELEASE_DATA:
        return f"RELEASE_DATA of block {block}"
    if kind == ControlType.RELEASE_BOUND:
        return f"RELEASE_BOUND of endpoint {number}, block {block}"
    if kind not in (ControlType.DATA, ControlType.BOUND):
        return f"type {kind}, endpoint {number}, block {block}"
    name = ControlType(kind).name
    try:
        data = area.read(block)
    except CorruptRegionError as error:
        return f"{name} for endpoint {number} at block {block}, which is broken: {error}"
    what = (
        f'"{data.split(bytes(1))[0].decode("utf-8", "replace")}"'
        if kind == ControlType.BOUND
        else shown(data)
    )
    return f"{name} for endpoint {number} at block {block}: {what}"


def shown(data: bytes) -> str:
    """Return the length of a payload, and how it begins."""
    more = " …" if len(data) > _BYTES else ""
    return f"{count_of(len(data), 'byte')} {data[:_BYTES].hex(' ')}{more}" if data else "0 bytes"


def block_lines(area: BlockArea, most: int) -> Iterator[str]:
    """Yield a line for each block that a message could begin at; memory does not say which blocks are in use."""
    block = 0
    while block < area.count and most:
        try:
            header, data = area.read_message(block)
        except CorruptRegionError:
            block += 1
            continue
        if header:
            most -= 1
            endpoint = ""
            if area.layout.generation == "rework":
                number = header >> 24
                endpoint = ", a control packet" if number == 0xFF else f", endpoint {number}"
            yield f"  block {block:3}: {shown(data)}{endpoint}"
        block += area.layout.blocks_of(len(data)) if header else 1


def _packet_of_me(packet: bytes) -> str:
    if not packet or packet[0]:
        return f"data for endpoint {packet[:1].hex()}: {shown(packet[1:])}"
    name = f' "{packet[2:].decode("utf-8", "replace")}"' if len(packet) > 2 else ""
    return f"discovery of endpoint {packet[1:2].hex() or '?'}{name}"


def _queue(bus: Bus, config: IcbmsgConfig) -> QueueView:
    tx, slots = config.tx_layout, config.slots
    producer = SlotQueueView(bus, tx.address + tx.begin, slots)
    consumer = SlotQueueView(bus, tx.address + tx.begin + tx.queue_size, slots)
    sent, returned = producer.new(0), consumer.new(0)
    count = sent - returned & 0xFFFF_FFFF
    blocks: tuple[int, ...] = ()
    if 0 < count <= slots:
        last = [entry & ~HIGH for entry in producer.entries(max(0, sent - slots), min(sent, slots))]
        done = consumer.entries(max(0, returned - slots), min(returned, slots)) if returned else []
        blocks = _not_returned(last, done, sent, returned)
    return QueueView(sent, returned, slots, blocks, _counts(bus, config))


def queued_words(bus: Bus, config: IcbmsgConfig, seen: int) -> tuple[int, list[str]]:
    """Return how many messages were ever sent in the rework's tx-region, and those since ``seen``, in words."""
    queue, area = _queue(bus, config), BlockArea(bus, config.tx_layout)
    new = queue.sent - seen & 0xFFFF_FFFF
    words = []
    if not queue.makes_sense or new > queue.slots:
        new = min(new, queue.slots)
        words = ["the counts went back, or more was sent than the queue has slots"] if queue.sent else []
    producer = SlotQueueView(bus, config.tx_layout.address + config.tx_layout.begin, config.slots)
    for entry in producer.entries(queue.sent - new, new) if new else []:
        block = entry & ~HIGH
        try:
            header, data = area.read_message(block)
        except CorruptRegionError as error:
            words.append(f"block {block}, which is broken: {error}")
            continue
        number = header >> 24
        what = (
            control_packet_words(data)
            if number == packets.CONTROL
            else f"for endpoint {number}: {shown(data)}"
        )
        words.append(f"block {block} {what}")
    return queue.sent, words


def control_packet_words(data: bytes) -> str:
    """Return a control packet of the rework in words."""
    counts, found = packets.block_counts(data), packets.endpoint_packet(data)
    if counts is not None:
        return f"opens: {counts[0]} tx and {counts[1]} rx blocks"
    if found is None:
        return f"control packet of no known form: {shown(data)}"
    kind, slot, hashed = found
    if kind == packets.ENDPOINT_BOUND:
        return f"names endpoint {slot}, hash 0x{hashed:08x}"
    return f"unbinds endpoint {slot}"


def _not_returned(
    sent: list[int], returned: list[int], sent_count: int, returned_count: int
) -> tuple[int, ...]:
    """Return the blocks that were sent and not given back, in any order; none where entries are overwritten."""
    if sent_count > len(sent) or returned_count > len(returned):
        return ()
    left = list(sent)
    for block in returned:
        if block in left:
            left.remove(block)
    return tuple(left)


def _counts(bus: Bus, config: IcbmsgConfig) -> tuple[int, int] | None:
    """Look for the writer's bound packet anywhere in its region."""
    memory = bus.read_block(config.tx_region.address, config.tx_region.size)
    at = memory.find(packets.MAGIC)
    return None if at < 0 else packets.block_counts(memory[at : at + 16])


def _queue_words(queue: QueueView, writer: str) -> Iterator[str]:
    if not queue.sent and not queue.returned:
        yield f"{writer} has sent nothing"
    elif not queue.makes_sense:
        yield f"sent {queue.sent}, given back {queue.returned}: these counts make no sense"
    else:
        at = f", {queue.open} not" if queue.open else ""
        at = f", not given back: block {', '.join(map(str, queue.blocks))}" if queue.blocks else at
        yield f"{count_of(queue.sent, 'message')} sent, {queue.returned} given back{at}"
    if queue.peer_counts is not None:
        yield f"{writer} says it has {queue.peer_counts[0]} tx and {queue.peer_counts[1]} rx blocks"
