"""Virtual time: integers in nanoseconds, everywhere in the interface of a machine.

>>> from icmsg.machine.simtime import MS, US, format_time
>>> format_time(3 * MS + 250 * US)
'3.250 ms'
"""

from __future__ import annotations

from typing import Final

NS: Final = 1
US: Final = 1_000
MS: Final = 1_000_000
S: Final = 1_000_000_000


def format_time(ns: int) -> str:
    """Return a time in the unit in which a person would say it."""
    for unit, name in ((S, "s"), (MS, "ms"), (US, "µs")):
        if abs(ns) >= unit:
            return f"{ns / unit:.3f} {name}"
    return f"{ns} ns"
