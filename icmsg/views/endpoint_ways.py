"""Ways of links with several endpoints: icmsg_me and classic ICBMsg over a ring, the rework of ICBMsg over queues.

In the rework to take a message and to give it back is the same; Python tells the former itself.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import BusError, CorruptRegionError
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND, RELEASE_DATA
from icmsg.link.endpoints.region_view import control_packet_words, message_words
from icmsg.views.ways import Way
from icmsg.views.writer import Control, Message
from icmsg.wire.block_area import BlockArea
from icmsg.wire.slot_queue import HIGH, MASK, SlotQueueView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.machine.events import EndpointMessage
    from icmsg.machine.machine import Core
    from icmsg.views.subject import TracedDirection
    from icmsg.views.ways import Numbers
    from icmsg.views.writer import TraceWriter

_HEADER: Final = 4
_CONTROL: Final = 3
_NO_MESSAGE: Final = -1
"""The number of a control message, which is in the ring beside the messages, and nobody hears of."""


class EndpointWay(Way):
    """One direction of icmsg_me, or of a classic generation of ICBMsg: control messages in a ring.

    What a message at an endpoint is comes with an event of its own, before the packet that announced it.
    """

    def __init__(
        self,
        direction: TracedDirection,
        reader: Core,
        writer: TraceWriter,
        numbers: Numbers,
        config: IcbmsgConfig | IcmsgMeConfig,
    ) -> None:
        super().__init__(direction, reader, writer, numbers, address=config.control.tx_region.address)
        self.back: EndpointWay | None = None
        """The other direction, whose control messages release the blocks of this one."""
        self._config = config
        self._bus = reader.bus
        self._blocks = config.tx_layout if isinstance(config, IcbmsgConfig) else None
        self._in_flight: dict[int, int] = {}
        """Numbers of blocks by the first one, of what was announced and not released."""
        self._announced: deque[EndpointMessage] = deque()

    waits = False

    def message(self, time_ns: int, news: EndpointMessage) -> None:  # noqa: ARG002 - the packet has its time
        """Take a message that one of the next packets announces."""
        self._announced.append(news)

    def _packet(self, time_ns: int, payload: bytes, index: int, *, magic: bool) -> None:
        if magic:
            super()._packet(time_ns, payload, index, magic=True)
        elif self._is_message(payload):
            self._announce(time_ns, payload, index)
        else:
            self._control(time_ns, payload)
            self.waiting.append(Message(_NO_MESSAGE, self.direction, payload, index, time_ns, ""))

    def _is_message(self, payload: bytes) -> bool:
        """Tell whether a packet announces a message that could be read."""
        if not self._announced:
            return False
        if self._blocks is None:
            return payload[:1] != b"\0"
        block = self._announced[0].block
        return len(payload) >= _CONTROL and payload[0] == DATA and payload[2] == block

    def _announce(self, time_ns: int, payload: bytes, index: int) -> None:
        news = self._announced.popleft()
        count = 0 if self._blocks is None else self._blocks.blocks_of(len(news.payload))
        if news.block is not None:
            self._in_flight[news.block] = count
        number, own_number, title = self._numbers.next_at(self.direction.instance, news.endpoint)
        message = Message(
            number,
            self.direction,
            bytes(news.payload),
            index,
            time_ns,
            title,
            endpoint=news.endpoint,
            own_number=own_number,
            address=payload[0] if self._blocks is None else payload[1],
            block=news.block,
            block_count=count,
        )
        self._add(time_ns, message)

    def _control(self, time_ns: int, payload: bytes) -> None:
        words, release = message_words(self._bus, self._config, payload), False
        if self._blocks is not None and len(payload) >= _CONTROL:
            kind, block = payload[0], payload[2]
            release = kind == RELEASE_DATA
            if kind == BOUND:
                self._in_flight[block] = self._blocks_at(block)
            elif kind in (RELEASE_DATA, RELEASE_BOUND) and self.back is not None:
                self.back.released(time_ns, block)
        self._writer.controlled(time_ns, self.direction, Control(words, payload, release))

    def _blocks_at(self, block: int) -> int:
        assert self._blocks is not None
        try:
            return self._blocks.blocks_of(len(BlockArea(self._bus, self._blocks).read(block)))
        except CorruptRegionError:
            return 0

    def released(self, time_ns: int, block: int) -> None:
        """Take that the reader has given back what begins at ``block``."""
        if self._in_flight.pop(block, 0):
            self._filled(time_ns)

    def _received(self, time_ns: int, message: Message) -> None:
        if message.number != _NO_MESSAGE:
            super()._received(time_ns, message)

    def _filled(self, time_ns: int) -> None:
        level = (
            sum(self._in_flight.values()) if self._blocks is not None else (self.wr - self.rd) % self.length
        )
        self._writer.filled(time_ns, self.direction, self.rd, self.wr, level)
        if self.direction.blocks is not None:
            self._look_if_full(time_ns, level)

    def drop(self, time_ns: int, why: str) -> None:
        """Forget control messages and blocks, too."""
        messages = [message for message in self.waiting if message.number != _NO_MESSAGE]
        self.waiting.clear()
        self.waiting.extend(messages)
        super().drop(time_ns, why)
        self._in_flight.clear()
        self._announced.clear()


class QueueWay(Way):
    """One direction of the rework of ICBMsg; ``rd`` and ``wr`` are the counts of messages given back and sent."""

    def __init__(
        self,
        direction: TracedDirection,
        reader: Core,
        writer: TraceWriter,
        numbers: Numbers,
        config: IcbmsgConfig,
    ) -> None:
        layout = config.tx_layout
        consumer = layout.address + layout.begin + layout.queue_size
        super().__init__(direction, reader, writer, numbers, rd_address=consumer)
        self._layout = layout
        self._slots = config.slots
        self._area = BlockArea(reader.bus, layout)
        self._sent = SlotQueueView(reader.bus, layout.address + layout.begin, config.slots)
        self._returned = SlotQueueView(reader.bus, consumer, config.slots)
        self._in_flight: dict[int, int] = {}

    waits = False
    takes_receipts = True

    def peek(self) -> int | None:
        """Return the count of messages given back, if anything in either queue has changed."""
        try:
            sent, returned = self._sent.new(0), self._returned.new(0)
        except BusError:
            return None
        return None if (sent, returned) == (self.wr, self.rd) else returned

    def message(self, time_ns: int, news: EndpointMessage) -> None:
        """Take a message that its writer has queued."""
        if news.block is None:
            return
        count = self._layout.blocks_of(len(news.payload))
        header = self._read(news.block)[0]
        self._in_flight[news.block] = count
        number, own_number, title = self._numbers.next_at(self.direction.instance, news.endpoint)
        message = Message(
            number,
            self.direction,
            bytes(news.payload),
            self._sent.new(0) & MASK,
            time_ns,
            title,
            endpoint=news.endpoint,
            own_number=own_number,
            address=header >> 24,
            block=news.block,
            block_count=count,
        )
        self._add(time_ns, message)

    def announced(self, time_ns: int) -> None:
        """Look what else lies in the queue."""
        self.look(time_ns)

    def _read(self, block: int) -> tuple[int, bytes]:
        try:
            return self._area.read_message(block)
        except CorruptRegionError:
            return 0, b""

    def look(self, time_ns: int) -> None:
        """Look at both queues."""
        try:
            sent, returned = self._sent.new(0), self._returned.new(0)
        except BusError:
            return
        if (sent, returned) == (self.wr, self.rd):
            return
        new, back = sent - self.wr & MASK, returned - self.rd & MASK
        if new > self._slots or back > self._slots:
            self.drop(time_ns, "its queues were initialised again")
            new, back = min(sent, self._slots), min(returned, self._slots)
        for entry in self._sent.entries(sent - new, new) if new else []:
            self._queued(time_ns, entry & ~HIGH)
        for block in self._returned.entries(returned - back, back) if back else []:
            self._given_back(time_ns, block)
        self.rd, self.wr = returned, sent
        self._filled(time_ns)

    def _queued(self, time_ns: int, block: int) -> None:
        """Show a control packet; messages come with an event of their own."""
        header, data = self._read(block)
        if header >> 24 == packets.CONTROL:
            self._in_flight[block] = self._layout.blocks_of(len(data))
            raw = header.to_bytes(4, "little") + data
            self._writer.controlled(time_ns, self.direction, Control(control_packet_words(data), raw))

    def _given_back(self, time_ns: int, block: int) -> None:
        self._in_flight.pop(block, None)
        for message in self.waiting:
            if message.block == block:
                self.waiting.remove(message)
                self._received(time_ns, message)
                return

    def moved(self, time_ns: int, rd: int) -> None:  # noqa: ARG002 - the count alone tells no blocks
        """Take that the reader has given something back."""
        self.look(time_ns)

    def read_by_python(self, time_ns: int, length: int, crc: int) -> None:
        """Take the receipt by Python, which gives back later."""
        for message in self.waiting:
            if len(message.payload) == length and crc32(message.payload) == crc:
                self.waiting.remove(message)
                self._received(time_ns, message)
                break
        self.look(time_ns)

    def _filled(self, time_ns: int) -> None:
        level = sum(self._in_flight.values())
        self._writer.filled(time_ns, self.direction, self.rd, self.wr, level)
        if self.direction.blocks is not None:
            self._look_if_full(time_ns, level)

    def drop(self, time_ns: int, why: str) -> None:
        """Forget the blocks, too."""
        super().drop(time_ns, why)
        self._in_flight.clear()


def ways_of(
    directions: Sequence[TracedDirection], readers: Sequence[Core], writer: TraceWriter, numbers: Numbers
) -> list[Way]:
    """Return the way of each direction; two that follow each other are those of one link."""
    ways: list[Way] = []
    for direction, reader in zip(directions, readers, strict=True):
        config = direction.config
        if isinstance(config, IcbmsgConfig) and config.generation == "rework":
            ways.append(QueueWay(direction, reader, writer, numbers, config))
        elif isinstance(config, IcbmsgConfig | IcmsgMeConfig):
            ways.append(EndpointWay(direction, reader, writer, numbers, config))
        else:
            ways.append(Way(direction, reader, writer, numbers))
    for one, other in zip(ways[::2], ways[1::2], strict=True):
        if isinstance(one, EndpointWay) and isinstance(other, EndpointWay):
            one.back, other.back = other, one
    return ways
