"""Reports of Renode with each step: the time, and what was written down meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.records import BYTE_SENT, RECORD_BYTES, decode
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.lockstep.records import Record


_ANY: Final[dict[int, int]] = {}
_REPORT: Final = re.compile(
    r"\s*(?P<time>[0-9]{1,18}) +(?P<lost>[0-9]{1,10}) +(?:-|(?P<digits>[0-9A-Fa-f]+))\s*"
)


@dataclass(frozen=True, slots=True)
class StepReport:
    """Virtual time, and the records since the last report in the order of their source."""

    time_ns: int
    doorbells: Sequence[Record]
    console: Sequence[Record]


def read_report(text: str, *, since_ns: int = 0, sources: Mapping[int, int] = _ANY) -> StepReport:
    """Read ``TIME LOST RECORDS``: nanoseconds, a number of records, and hexadecimal digits or ``-``.

    ``renode/RemoteExtensions.cs`` prints it. All times of the report count from ``since_ns`` of Renode's virtual time.
    ``sources`` says by kind of record how many mailboxes, UARTs or cores it may name.

    Raises:
        EngineError: it is something else, or records were lost.
    """
    found = _REPORT.fullmatch(text)
    digits = (found["digits"] or "") if found is not None else ""
    if found is None or len(digits) % (2 * RECORD_BYTES):
        raise EngineError(f"Renode printed {text[:80]!r} where a time and records were expected")
    data, time_ns, missing = bytes.fromhex(digits), int(found["time"]), int(found["lost"])
    if missing:
        raise EngineError(
            f"{missing} records were lost: more happened in one step than there is room for; take shorter steps"
        )
    records = [record._replace(time_ns=record.time_ns - since_ns) for record in decode(data)]
    for record in records:
        if not 0 <= record.time_ns < 1 << 62 or record.source >= sources.get(record.kind, 1 << 16):
            raise EngineError(
                f"Renode printed a record that cannot be ({record}), at {time_ns} ns of its time"
            )
    return StepReport(
        time_ns - since_ns,
        [record for record in records if record.kind != BYTE_SENT],
        [record for record in records if record.kind == BYTE_SENT],
    )
