"""Records that the C# side wrote while the emulation ran: doorbells, interrupt lines, bytes of a UART.

``renode/DoorbellJournal.cs`` and ``renode/ConsoleCapture.cs`` write the same block: a header of 16 bytes (u32 number
of records, u32 records lost, 8 bytes unused), then the records. The reader sets the number to 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.records import RECORD_BYTES, Record, decode
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from icmsg.engines.renode.api import Records

_HEADER: Final = 16


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
        found = list(decode(self._bytes[: number * RECORD_BYTES]))
        self.counters[0] = 0
        if lost:
            self.counters[1] = 0
            raise EngineError(
                f"{lost} {self._what} were lost: more happened in one step than there is room for; take shorter steps"
            )
        return found

    def close(self) -> None:
        """Let go of the block and free it."""
        self.counters.release()
        self._bytes.release()
        self._records.dispose()
