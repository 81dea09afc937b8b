"""What Renode says with each step: the time, and what was written down meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.cosim.stepped.records import BYTE_SENT, RECORD_BYTES, decode
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.cosim.stepped.records import Record


@dataclass(frozen=True, slots=True)
class Report:
    """Virtual time, and the records since the last report in the order of their source."""

    time_ns: int
    doorbells: Sequence[Record]
    console: Sequence[Record]


def read_report(text: str, *, since_ns: int = 0) -> Report:
    """Read ``TIME LOST RECORDS``: nanoseconds, a number of records, and hexadecimal digits or ``-``.

    ``renode/RemoteExtensions.cs`` prints it. All times of the report count from ``since_ns`` of Renode's virtual time.

    Raises:
        EngineError: it is something else, or records were lost.
    """
    try:
        time, lost, digits = text.split()
        data = bytes.fromhex("" if digits == "-" else digits)
        time_ns, missing = int(time), int(lost)
    except ValueError:
        data, time_ns, missing = b"?", 0, 0
    if len(data) % RECORD_BYTES:
        raise EngineError(f"Renode printed {text[:80]!r} where a time and records were expected")
    if missing:
        raise EngineError(
            f"{missing} records were lost: more happened in one step than there is room for; take shorter steps"
        )
    records = [record._replace(time_ns=record.time_ns - since_ns) for record in decode(data)]
    return Report(
        time_ns - since_ns,
        [record for record in records if record.kind != BYTE_SENT],
        [record for record in records if record.kind == BYTE_SENT],
    )
