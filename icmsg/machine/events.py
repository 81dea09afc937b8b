"""The one stream of what happens on a machine, with the details of what happens in a region that somebody follows.

Every view of a run is a sink of it.

An event is five integers: virtual time, kind, core, and two values whose meaning depends on the kind. That keeps
an event below a microsecond and gives the same bytes, and so the same hash, in every process.

Some kinds are not what happened but what somebody who looked has seen (:data:`SEEN`). They are told to sinks and are
never part of the hash, which must be the same whether anybody looks or not.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.errors import IcmsgError


_RECORD: Final = Struct("<QBBII")
_COUNTED: Final = Struct("<8xBBI4x")
"""Layout of a record's kind, core and a."""
_FLUSH_BYTES: Final = 1 << 16

ENDPOINT_SHIFT: Final = 24
"""Bit of ``a`` of a packet event below which the length of the payload is. Above it is the endpoint, where a backend
has several: 1 for the first one that sent or received, and so on. ICMsg, which has one, has 0 there."""
LENGTH_MASK: Final = (1 << ENDPOINT_SHIFT) - 1
REWORK_STATES: Final = 16
"""Number of the first state of ICBMsg's rework; what is below are states of ICMsg."""

TRACE_VERSION: Final = 1
"""Version of the hash: which kinds it covers (all but :data:`SEEN`) and how an event becomes bytes."""


class EventKind(enum.IntEnum):
    """Kind of an event; the comment gives the meaning of ``a`` and ``b``."""

    DOORBELL = 1  # a core triggered a mbox channel: a = channel
    INTERRUPT = 2  # an interrupt line of a core rose: a = interrupt number
    PACKET_SENT = 3  # by a Python-played core: a = length in bytes and endpoint, b = CRC-32 of the payload
    PACKET_RECEIVED = (
        4  # by a Python-played core: a = length in bytes and endpoint, b = CRC-32 of the payload
    )
    STATE = 5  # an instance played by Python changed its state: a = new state number
    CORE_STARTED = 6
    CORE_HALTED = 7
    CORE_RESET = 8
    CONSOLE = 9  # a core printed: a = length in bytes, b = CRC-32 of the bytes
    FAULT = 10  # a core took a fault exception: a = exception number, b = PC
    WARNING = 11  # an access that nothing models: a = address, b = PC
    SIGNAL_LOST = (
        12  # channels of a task were lost, as somebody asked for: a = task, b = the channels, one bit each
    )
    PACKETS = (
        13  # a core has put packets into a region that is followed: a = how many, b = index of the first
    )
    REGION = 14  # a followed region began anew or is broken: a = the RegionChange
    SESSION = 15  # a core on a followed link has published: a = its session id, b = the one it acknowledges
    INTERRUPT_END = 16  # a core returned from the handler of an external interrupt: a = interrupt number
    INTERRUPT_TAKEN = 17  # a core entered the handler of an external interrupt: a = interrupt number
    SLEEP = 18  # firmware of a core sleeps (a = 1) or was woken (a = 0)

    ENDPOINT_MESSAGE = (
        19  # a core has sent at an endpoint of a link that is followed: a = length in bytes, b = block
    )


TIMELINE: Final = frozenset({EventKind.INTERRUPT_END, EventKind.INTERRUPT_TAKEN, EventKind.SLEEP})
"""The kinds that say what a core spends its time with."""
SEEN: Final = TIMELINE | {
    EventKind.PACKETS,
    EventKind.REGION,
    EventKind.SESSION,
    EventKind.ENDPOINT_MESSAGE,
}
"""The kinds that exist only where somebody looks; they are not hashed."""
HAPPENED: Final = tuple(kind for kind in EventKind if kind not in SEEN)
"""All other kinds: what the hash is made of."""


class Event(NamedTuple):
    """Event; ``time_ns`` is virtual, ``core`` the index of the core in the platform file.

    ``news`` is what was seen in a followed region, and None for every other kind.
    """

    time_ns: int
    kind: EventKind
    core: int
    a: int
    b: int
    news: RegionNews | None = None


_new: Final = tuple.__new__
"""Constructor of an event without the call that gives its values names."""
Sink = Callable[[Event], None]
Switch = Callable[[bool], None]


class EventStream:
    """Hashes every event and hands it to the sinks that were added.

    ``hexdigest`` is the SHA-256 over all events so far, so two runs with the same digest did the same things at the
    same virtual times in the same order. ``ticks_per_second`` is the unit in which the engine gives times.
    """

    __slots__ = (
        "_buffer",
        "_counts",
        "_flushed",
        "_hash",
        "_pack",
        "_sinks",
        "_switches",
        "_ticks_per_second",
        "kept",
    )

    def __init__(self, ticks_per_second: int) -> None:
        self._ticks_per_second = ticks_per_second
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._pack = _RECORD.pack
        self._sinks: list[tuple[Sink, ...]] = [()] * (max(EventKind) + 1)  # by the kind that they want
        self._switches: dict[EventKind, tuple[Switch, ...]] = {}
        self._counts: Counter[tuple[int, int, int]] = Counter()
        self.kept: Final[dict[Hashable, object]] = {}
        """Objects that somebody wants to find again for as long as the machine lives."""
        self._flushed = 0

    @property
    def count(self) -> int:
        """The number of events so far."""
        return self._flushed + len(self._buffer) // _RECORD.size

    def emit(self, ticks: int, kind: EventKind, core: int, a: int = 0, b: int = 0) -> None:
        """Add one event; ``a`` and ``b`` are 0…0xFFFFFFFF."""
        buffer = self._buffer
        buffer += self._pack(ticks, kind, core, a, b)
        if len(buffer) >= _FLUSH_BYTES:
            self._flush()
        sinks = self._sinks[kind]
        if sinks:
            event = _new(Event, (ticks * 1_000_000_000 // self._ticks_per_second, kind, core, a, b, None))
            for sink in sinks:
                sink(event)

    def tell_at(self, ticks: int, kind: EventKind, core: int, a: int) -> None:
        """Hand one of the :data:`TIMELINE` to its sinks."""
        event = _new(Event, (ticks * 1_000_000_000 // self._ticks_per_second, kind, core, a, 0, None))
        for sink in self._sinks[kind]:
            sink(event)

    def tell(self, event: Event) -> None:
        """Hand one of the :data:`SEEN` events to its sinks; it is neither hashed nor counted."""
        for sink in self._sinks[event.kind]:
            sink(event)

    def wants(self, kind: EventKind) -> bool:
        """Tell whether anybody listens to this kind."""
        return bool(self._sinks[kind])

    def when_wanted(self, kind: EventKind, switch: Switch) -> None:
        """Call ``switch`` with whether anybody listens to this kind, now and whenever that changes."""
        self._switches[kind] = (*self._switches.get(kind, ()), switch)
        switch(self.wants(kind))

    def restart(self) -> None:
        """Forget every event so far, as if the machine began now; sinks stay."""
        self._buffer.clear()
        self._hash = hashlib.sha256()
        self._counts.clear()
        self._flushed = 0

    def add_sink(
        self, sink: Sink, kinds: Iterable[EventKind] = HAPPENED, *, ahead: bool = False
    ) -> Callable[[], None]:
        """Call ``sink`` for every event of these kinds from now on; the function returned removes it again.

        By default that is what happens, without what only who looks has seen (:data:`SEEN`).
        One that is ``ahead`` comes before all others: what it tells of an event comes before that event to everybody.
        """
        for kind in kinds:
            before = self._sinks[kind]
            self._sinks[kind] = (sink, *before) if ahead else (*before, sink)
            if not before:
                self._switch(kind)

        def remove() -> None:
            for kind in EventKind:
                before = self._sinks[kind]
                self._sinks[kind] = tuple(other for other in before if other is not sink)
                if before and not self._sinks[kind]:
                    self._switch(kind)

        return remove

    def _switch(self, kind: EventKind) -> None:
        for switch in self._switches.get(kind, ()):
            switch(self.wants(kind))

    def counts(self, kind: EventKind, core: int) -> dict[int, int]:
        """Return how often each value of ``a`` came so far with this kind and core."""
        self._flush()
        return {a: count for (of, by, a), count in self._counts.items() if of == kind and by == core}

    def hexdigest(self) -> str:
        """Return the SHA-256 of all events so far."""
        self._flush()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        self._hash.update(self._buffer)
        self._flushed += len(self._buffer) // _RECORD.size
        self._counts.update(_COUNTED.iter_unpack(self._buffer))  # much cheaper than one by one
        self._buffer.clear()


@dataclass(frozen=True, slots=True)
class TxRegion:
    """The region at ``address`` that ``writer`` writes and ``reader`` reads, for one instance; cores by name."""

    instance: str
    writer: str
    reader: str
    address: int


@dataclass(slots=True)  # not frozen: that would take twice the time, for every doorbell
class Packets:
    """Packets that its writer has put into a region since the last look, from one index of the ring to another.

    Where the ring was followed without a gap, ``start`` is wr_idx as it was before, and ``end`` as it is now.
    """

    region: TxRegion
    start: int
    end: int
    payloads: Sequence[bytes]
    opens: bool = False
    """True if the first of them is the magic that opens the region."""


_BEGUN: Final = "initialised again"
_OVERWRITTEN: Final = "packets were overwritten unseen"


class RegionChange(enum.IntEnum):
    """Change of a region, beside packets."""

    BEGUN_ANEW = 1  # its writer has initialised it again
    BEGUN_OR_UNSEEN = 2  # the same, or more was written than could be followed
    UNSEEN = 3  # more was written than could be followed: packets were overwritten
    BAD_INDEX = 4  # its wr_idx cannot be one
    BROKEN = 5  # what lies before wr_idx is no packet
    UNREADABLE = 6  # the core that writes it does not reach it


@dataclass(frozen=True, slots=True)
class RegionChanged:
    """A region became something else; ``problem`` is what is wrong in words, ``error`` as a reader would say it."""

    region: TxRegion
    change: RegionChange
    problem: str = ""
    error: IcmsgError | None = None

    def __str__(self) -> str:
        if self.change is RegionChange.BEGUN_ANEW:
            return _BEGUN
        if self.change is RegionChange.BEGUN_OR_UNSEEN:
            return f"{_BEGUN}, or {_OVERWRITTEN}"
        return _OVERWRITTEN if self.change is RegionChange.UNSEEN else self.problem


@dataclass(frozen=True, slots=True)
class SessionPublished:
    """The reader of ``region`` has published a session id in its handshake word, or acknowledged one there."""

    region: TxRegion


@dataclass(frozen=True, slots=True)
class EndpointMessage:
    """A message for one of several endpoints that its writer has put into ``region``.

    ``block`` is where it begins, None for a backend without blocks.
    """

    region: TxRegion
    endpoint: str
    payload: bytes
    block: int | None = None


RegionNews = Packets | RegionChanged | SessionPublished | EndpointMessage
