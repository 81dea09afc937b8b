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
from icmsg.wire.announcements import HIGH, MASK, SlotQueueView
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.machine.events import EndpointMessage
    from icmsg.machine.machine import Core
    from icmsg.views.ways import Numbers
    from icmsg.views.writer import TracedDirection, TraceWriter

_HEADER: Final = 4
_CONTROL: Final = 3
_NO_MESSAGE: Final = -1
"""The number of a control message, which is in the ring beside the messages, and nobody hears of."""


_Seen = tuple[int, int, bool, list[tuple[int, bytes]], list[int]]
"""Messages sent and given back, whether the queues are new, control packets by block, and blocks given back."""


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
        self._announced: deque[tuple[str, bytes, int | None]] = deque()
        """Messages whose packet is still to come: endpoint, payload, block."""
        self._heard: Final[set[int]] = set()
        """Blocks of messages that could be read, until their packet is there."""

    def forget(self) -> None:
        """Take that the region has become something else: no packet of a message before comes any more."""
        super().forget()
        self._heard.clear()

    def hear(self, news: EndpointMessage) -> tuple[int, int]:
        """Remember the block; neither place nor address is known yet."""
        if news.block is not None:
            self._heard.add(news.block)
        return 0, 0

    def read(self, payloads: Sequence[bytes]) -> Mapping[int, tuple[str, int]]:
        """Return what lies in the blocks that control messages name."""
        if self._blocks is None:
            return {}
        found: dict[int, tuple[str, int]] = {}
        for place, payload in enumerate(payloads):
            if len(payload) < _CONTROL or (kind := payload[0]) not in (BOUND, DATA):
                continue
            block = payload[2]
            if kind == DATA and block in self._heard:
                self._heard.discard(block)
            else:
                count = self._blocks_at(block) if kind == BOUND else 0
                found[place] = message_words(self._bus, self._config, payload), count
        return found

    def message(
        self,
        time_ns: int,  # noqa: ARG002 - the packet has it
        endpoint: str,
        payload: bytes,
        block: int | None,
        found: tuple[int, int],  # noqa: ARG002 - the packet has it
    ) -> None:
        """Take a message that one of the next packets announces."""
        self._announced.append((endpoint, payload, block))

    def _packet(
        self, time_ns: int, payload: bytes, index: int, found: tuple[str, int] | None, *, magic: bool
    ) -> None:
        if magic:
            super()._packet(time_ns, payload, index, None, magic=True)
        elif self._is_message(payload):
            self._announce(time_ns, payload, index)
        else:
            self._control(time_ns, payload, found)
            self.waiting.append(Message(_NO_MESSAGE, self.direction, payload, index, time_ns, ""))

    def _is_message(self, payload: bytes) -> bool:
        """Tell whether a packet announces a message that could be read."""
        if not self._announced:
            return False
        if self._blocks is None:
            return payload[:1] != b"\0"
        block = self._announced[0][2]
        return len(payload) >= _CONTROL and payload[0] == DATA and payload[2] == block

    def _announce(self, time_ns: int, payload: bytes, index: int) -> None:
        endpoint, data, block = self._announced.popleft()
        count = 0 if self._blocks is None else self._blocks.blocks_of(len(data))
        if block is not None:
            self._in_flight[block] = count
        number, own_number, title = self._numbers.next_at(self.direction.instance, endpoint)
        message = Message(
            number,
            self.direction,
            data,
            index,
            time_ns,
            title,
            endpoint=endpoint,
            own_number=own_number,
            address=payload[0] if self._blocks is None else payload[1],
            block=block,
            block_count=count,
        )
        self._add(time_ns, message)

    def _control(self, time_ns: int, payload: bytes, found: tuple[str, int] | None) -> None:
        words, count = found or (message_words(self._bus, self._config, payload), 0)
        release = False
        if self._blocks is not None and len(payload) >= _CONTROL:
            kind, block = payload[0], payload[2]
            release = kind == RELEASE_DATA
            if kind == BOUND:
                self._in_flight[block] = count
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
        self._counts = self.wr, self.rd
        """Messages sent and given back when somebody looked last."""
        self._in_flight: dict[int, int] = {}

    takes_receipts = True

    def peek(self) -> _Seen | None:
        """Return what is new in either queue."""
        return self._look(None)

    def stored(self, rd: int) -> _Seen | None:
        """Return what is new at a store to the count of messages given back."""
        return self._look(rd)

    def forget(self) -> None:
        """Take that the queues were initialised."""
        self._counts = 0, 0

    def _look(self, returned: int | None) -> _Seen | None:
        """Look at both queues; ``returned`` is the count that is about to be stored."""
        try:
            sent = self._sent.new(0)
            returned = self._returned.new(0) if returned is None else returned
        except BusError:
            return None
        if (sent, returned) == self._counts:
            return None
        new, back = sent - self._counts[0] & MASK, returned - self._counts[1] & MASK
        if anew := new > self._slots or back > self._slots:
            new, back = min(sent, self._slots), min(returned, self._slots)
        self._counts = sent, returned
        control: list[tuple[int, bytes]] = []
        for entry in self._sent.entries(sent - new, new) if new else []:
            header, data = self._read(entry & ~HIGH)
            if header >> 24 == packets.CONTROL:  # messages come with an event of their own
                control.append((entry & ~HIGH, header.to_bytes(4, "little") + data))
        given_back = self._returned.entries(returned - back, back) if back else []
        return sent, returned, anew, control, given_back

    def hear(self, news: EndpointMessage) -> tuple[int, int]:
        """Return the count of messages sent, and the address in the header."""
        header = 0 if news.block is None else self._read(news.block)[0]
        return self._sent.new(0) & MASK, header >> 24

    def _read(self, block: int) -> tuple[int, bytes]:
        try:
            return self._area.read_message(block)
        except CorruptRegionError:
            return 0, b""

    def message(
        self, time_ns: int, endpoint: str, payload: bytes, block: int | None, found: tuple[int, int]
    ) -> None:
        """Take a message that its writer has queued."""
        if block is None:
            return
        count = self._layout.blocks_of(len(payload))
        index, address = found
        self._in_flight[block] = count
        number, own_number, title = self._numbers.next_at(self.direction.instance, endpoint)
        message = Message(
            number,
            self.direction,
            payload,
            index,
            time_ns,
            title,
            endpoint=endpoint,
            own_number=own_number,
            address=address,
            block=block,
            block_count=count,
        )
        self._add(time_ns, message)

    def looked_at(self, time_ns: int, rd: _Seen, is_told: int) -> None:  # noqa: ARG002 - both say the same
        """Take what was new in both queues."""
        sent, returned, anew, control, given_back = rd
        if anew:
            self.drop(time_ns, "its queues were initialised again")
        for block, raw in control:
            data = raw[_HEADER:]
            self._in_flight[block] = self._layout.blocks_of(len(data))
            self._writer.controlled(time_ns, self.direction, Control(control_packet_words(data), raw))
        for block in given_back:
            self._given_back(time_ns, block)
        self.rd, self.wr = returned, sent
        self._filled(time_ns)

    def _given_back(self, time_ns: int, block: int) -> None:
        self._in_flight.pop(block, None)
        for message in self.waiting:
            if message.block == block:
                self.waiting.remove(message)
                self._received(time_ns, message)
                return

    def read_by_python(self, time_ns: int, length: int, crc: int) -> None:
        """Take the receipt by Python, which gives back later."""
        for message in self.waiting:
            if len(message.payload) == length and crc32(message.payload) == crc:
                self.waiting.remove(message)
                self._received(time_ns, message)
                return

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
