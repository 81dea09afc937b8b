"""Ways of a trace: each direction of a link with the messages under way in it.

A way hears of packets from the event stream, and looks in memory who has taken them: at the reader's ``rd_idx``. Other
backends than ICMsg are in :mod:`icmsg.views.endpoint_ways`.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.instance import WORD
from icmsg.errors import BusError
from icmsg.hw.bus import looking_window_of
from icmsg.timers import US
from icmsg.views.writer import MAGIC_NUMBER, Message, ReaderStall
from icmsg.wire.announcements import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.machine.events import EndpointMessage
    from icmsg.machine.machine import Core
    from icmsg.views.writer import TracedDirection, TraceWriter

_HEADER: Final = 4
_CONTROL: Final = 3
_PATIENCE_NS: Final = 100 * US
"""Virtual time for which a message may wait before its reader is said to have stalled."""
_NO_MESSAGE: Final = -1
"""The number of a control message, which is in the ring beside the messages, and nobody hears of."""


class Numbers:
    """Numbers of the messages of a trace: over all directions, and of each endpoint."""

    def __init__(self) -> None:
        self.last = 0
        self._own: Counter[tuple[str, str]] = Counter()

    def next_at(self, instance: str, endpoint: str) -> tuple[int, int, str]:
        """Return the number of one more message, the one among those of its endpoint, and its name from both."""
        self.last += 1
        self._own[instance, endpoint] += 1
        own = self._own[instance, endpoint]
        return self.last, own, f"#{self.last} {endpoint}:{own}"


class Way:
    """One direction over a ring: ICMsg."""

    def __init__(
        self,
        direction: TracedDirection,
        reader: Core,
        writer: TraceWriter,
        numbers: Numbers,
        *,
        address: int | None = None,
        rd_address: int | None = None,
    ) -> None:
        layout = direction.layout
        self.direction: Final = direction
        self.reader: Final = reader
        self.address: Final = direction.region.address if address is None else address
        """The address by which the event stream calls it."""
        self.length: Final = layout.data_length if layout is not None else MASK
        offset = layout.rd_idx_offset if layout is not None else 0
        self.rd_address: Final = self.address + offset if rd_address is None else rd_address
        self.read32: Final = reader.bus.read32
        self._rd_word: Final = looking_window_of(reader.bus, self.rd_address, WORD)
        self.rd, self.wr = direction.rd_idx, direction.wr_idx
        self.is_told = False
        """True while firmware reads, and each of its stores to rd_idx is told: nobody has to look."""
        self.peeked = -1
        """rd_idx as it was when somebody looked last, -1 where that says nothing."""
        self.seen = self.rd
        """rd_idx as it was seen while nothing lay in the ring that is known here."""
        self.waiting: Final[deque[Message]] = deque()
        """Messages in the ring, the oldest first."""
        self.unrung: list[Message] = []
        self.behind_signal: list[Message] = []
        """Messages whose doorbell rang, and whose interrupt did not rise yet."""
        self.last_rung: list[Message] = []
        self._writer: Final = writer
        self._numbers: Final = numbers
        self._tells_levels: Final = writer.wants("filled")
        self._almost_full: Final = direction.almost_full or MASK
        self._is_full = False
        self._taken_ns, self._taken = 0, ""

    takes_receipts = False
    """True if who reads says itself what it has received, and rd_idx does not."""

    # Looks at memory, where things happen; the rest is done later, maybe by another process

    def peek(self) -> Any:
        """Return where the reader is, for :meth:`looked_at`; None where nothing has changed since the last time."""
        words = self._rd_word.words
        if words is not None:
            rd = words[0]
        else:
            try:
                rd = self.read32(self.rd_address)
            except BusError:
                return None
        if rd == self.peeked:
            return None
        self.peeked = rd
        return rd

    def stored(self, rd: int) -> Any:
        """Return what there is to see at a store of ``rd`` to the reader's index, as :meth:`peek`."""
        return rd

    def forget(self) -> None:
        """Take that the region has become something else."""
        self.peeked = -1

    def hear(self, news: EndpointMessage) -> tuple[int, int]:  # noqa: ARG002 - for others
        """Return where a message at one of several endpoints lies in the queue, and its address on the wire."""
        return 0, 0

    def read(self, payloads: Sequence[bytes]) -> Mapping[int, tuple[str, int]]:  # noqa: ARG002 - for others
        """Return what the packets at these places say of blocks: words, and the number of blocks."""
        return {}

    # Packets

    def message(
        self, time_ns: int, endpoint: str, payload: bytes, block: int | None, found: tuple[int, int]
    ) -> None:
        """Take a message at one of several endpoints; ``found`` is what :meth:`hear` returned."""

    def packets(
        self,
        time_ns: int,
        start: int,
        end: int,
        payloads: Sequence[bytes],
        opens: bool,
        found: Mapping[int, tuple[str, int]],
    ) -> None:
        """Take packets that its writer has put into the ring between these indices; one that ``opens`` is the magic.

        ``found`` is what :meth:`read` returned.
        """
        if opens and self.waiting and self.waiting[0].is_magic:
            return  # who sets up a run lets its regions be looked at from the start
        if self.seen != self.rd and not self.waiting and self.seen < self.length:
            self.rd = self.seen
        index, magic = start, opens
        for place, payload in enumerate(payloads):
            self._packet(time_ns, payload, index, found.get(place) if found else None, magic=magic)
            magic = False
            index = (index + _HEADER + len(payload) + 3 & ~3) % self.length
        self.wr = end
        self._filled(time_ns)
        if self.direction.blocks is None:
            self._look_if_full(time_ns, (self.wr - self.rd) % self.length)

    def _look_if_full(self, time_ns: int, level: int) -> None:
        if level >= self._almost_full:
            if not self._is_full:
                self._is_full = True
                self._writer.full(time_ns, self.direction, level)
        elif self._is_full and level < self._almost_full >> 1:
            self._is_full = False

    def _packet(
        self,
        time_ns: int,
        payload: bytes,
        index: int,
        found: tuple[str, int] | None,  # noqa: ARG002 - an ICMsg packet says nothing of blocks
        *,
        magic: bool,
    ) -> None:
        if magic:
            number, title = MAGIC_NUMBER, "magic"
        else:
            number = self._numbers.last = self._numbers.last + 1
            title = f"#{number}"
        message = Message(number, self.direction, payload, index, time_ns, title)
        self.waiting.append(message)
        self.unrung.append(message)
        self._writer.sent(time_ns, message)

    def _add(self, time_ns: int, message: Message) -> None:
        self.waiting.append(message)
        self.unrung.append(message)
        self._writer.sent(time_ns, message)

    def _filled(self, time_ns: int) -> None:
        if not self._tells_levels:
            return
        level = (self.wr - self.rd) % self.length
        self._writer.filled(time_ns, self.direction, self.rd, self.wr, level)

    # Receipts

    def moved(self, time_ns: int, rd: int) -> None:
        """Take that the reader's index is ``rd`` now: what lies before it was taken."""
        before, length, waiting = self.rd, self.length, self.waiting
        self.rd = self.seen = rd
        if rd >= length:
            return  # no index; what a reader or a writer makes of it is said elsewhere
        taken = (rd - before) % length
        while waiting and (waiting[0].index - before) % length < taken:
            self._received(time_ns, waiting.popleft())
        self._filled(time_ns)

    def looked_at(self, time_ns: int, rd: Any, is_told: int) -> None:
        """Take that the reader's index is ``rd`` now, as its store told, or as somebody saw it."""
        if rd == self.rd:
            return
        if is_told or self.waiting:
            self.moved(time_ns, rd)
        else:
            self.seen = rd

    def _received(self, time_ns: int, message: Message) -> None:
        message.received_ns = time_ns
        if message.rung_ns is None:
            self.unrung.remove(message)
        self._taken_ns, self._taken = time_ns, message.title
        self._writer.received(time_ns, message)

    def read_by_python(self, time_ns: int, length: int, crc: int) -> None:
        """Take that Python has received a message of ``length`` bytes with that CRC-32, where that is wanted."""

    def begins_anew(self, time_ns: int, why: str) -> None:
        """Take that the region was initialised again: nobody receives what was under way."""
        self.drop(time_ns, why)
        self.rd = self.wr = self.seen = 0

    def stall(self, now_ns: int) -> ReaderStall | None:
        """Return who has left messages until now, None where nothing waits, or not for long."""
        left = [message for message in self.waiting if message.number > MAGIC_NUMBER]
        if not left:
            return None
        since_ns = max(self._taken_ns, left[0].sent_ns)
        if now_ns - since_ns < _PATIENCE_NS:
            return None
        return ReaderStall(self.direction, since_ns, now_ns, len(left), left[0].title, self._taken)

    def drop(self, time_ns: int, why: str) -> None:
        """Take that nobody receives what is under way."""
        while self.waiting:
            self._writer.dropped(time_ns, self.waiting.popleft(), why)
        self.unrung, self.behind_signal, self.last_rung = [], [], []
