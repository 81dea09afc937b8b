"""Records that the C# side writes while the emulation runs: doorbells, interrupt lines, held cores, bytes of a UART.

A record has 16 bytes (u64 time in nanoseconds, u16 kind, u16 place of the source among those given, u32 value), all
little-endian: ``renode/RecordBlock.cs``.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TASK: Final = 1
LINE_ROSE: Final = 2
LINE_FELL: Final = 3
BYTE_SENT: Final = 4
CORE_HELD: Final = 5
CORE_RELEASED: Final = 6
CORE_RESTARTED: Final = 7
RESET_REQUESTED: Final = 8
FAULT_TAKEN: Final = 9
LOCKED_UP: Final = 10
STORM: Final = 11
INTERRUPT_TAKEN: Final = 12
INTERRUPT_ENDED: Final = 13
FELL_ASLEEP: Final = 14
WOKE: Final = 15
REACHED: Final = 16
STORED: Final = 17
LOADED: Final = 18
ACCESS_VALUE: Final = 19
ACCESS_PLACE: Final = 20

_RECORD: Final = Struct("<QHHI")
RECORD_BYTES: Final = _RECORD.size


class Record(NamedTuple):
    """Record; ``source`` is the place among the mailboxes, UARTs, cores or blocks of resets."""

    time_ns: int
    kind: int
    source: int
    value: int


def decode(data: bytes | memoryview) -> Iterator[Record]:
    """Yield the records in whole records of bytes."""
    return map(Record._make, _RECORD.iter_unpack(data))


TIMELINE: Final = frozenset((INTERRUPT_TAKEN, INTERRUPT_ENDED, FELL_ASLEEP, WOKE))
"""The kinds that are written down only while somebody wants to know what cores spend their time with."""


def among(timeline: Iterable[Record], others: Iterable[Record]) -> Iterator[Record]:
    """Yield all by time, and ``others`` in their order, which must not depend on who looks."""
    waiting = deque(sorted(timeline, key=_time))
    for record in others:
        while waiting and waiting[0].time_ns <= record.time_ns:
            yield waiting.popleft()
        yield record
    yield from waiting


def _time(record: Record) -> int:
    return record.time_ns


def encode(records: Iterable[Record]) -> bytes:
    """Return records as bytes."""
    return b"".join(_RECORD.pack(*record) for record in records)
