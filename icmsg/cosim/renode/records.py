"""What the C# side wrote down while the emulation ran: doorbells, interrupt lines, bytes of a UART.

``renode/DoorbellJournal.cs`` and ``renode/ConsoleCapture.cs`` write the same block: a header of 16 bytes (u32 number
of records, u32 records lost, 8 bytes unused), then records of 16 bytes (u64 time in nanoseconds, u16 kind, u16 place
of the source among those given, u32 value), all little-endian. The reader sets the number to 0.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.renode.api import Records

TASK: Final = 1
LINE_ROSE: Final = 2
LINE_FELL: Final = 3
BYTE_SENT: Final = 4

_HEADER: Final = 16
_RECORD: Final = Struct("<QHHI")


class Record(NamedTuple):
    """One record; ``source`` is the place among the mailboxes or UARTs that are followed."""

    time_ns: int
    kind: int
    source: int
    value: int


class RecordReader:
    """Takes records out of a block; ``what`` is what they are, for an error's text.

    ``counters`` holds (number, lost), so whether there is something costs one look.
    """

    def __init__(self, records: Records, what: str) -> None:
        self._records = records
        self._what = what
        self._bytes = records.memory[_HEADER:]
        self.counters: Final = records.memory[:8].cast("I")

    def take(self) -> list[Record]:
        """Return what was written since the last time, oldest first.

        Raises:
            EngineError: there was more than room for it.
        """
        number, lost = self.counters
        if not number:
            return []
        found = list(self._decode(number))
        self.counters[0] = 0
        if lost:
            self.counters[1] = 0
            raise EngineError(
                f"{lost} {self._what} were lost: more happened in one step than there is room for; take shorter steps"
            )
        return found

    def _decode(self, number: int) -> Iterator[Record]:
        return map(Record._make, _RECORD.iter_unpack(self._bytes[: number * _RECORD.size]))

    def close(self) -> None:
        """Let go of the block and free it."""
        self.counters.release()
        self._bytes.release()
        self._records.dispose()
