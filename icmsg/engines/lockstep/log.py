"""Warnings about what firmware did that nothing models, read from Renode's log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCESS: Final = re.compile(
    r"\[WARNING\] \S+: \[(?P<cpu>\w+): 0x(?P<pc>[0-9A-F]+)\] (?:\(tag: '[^']*'\) )?"
    r"(?P<what>(?:Read|Write)\w+ (?:from|to) non existing peripheral) at 0x(?P<address>[0-9A-F]+)",
    re.IGNORECASE,
)
_ABORT: Final = re.compile(
    r"\[ERROR\] (?:\S+/)?(?P<cpu>\w+): (?P<what>CPU abort) \[PC=0x(?P<pc>[0-9A-F]+)\]", re.IGNORECASE
)


class Complaint(NamedTuple):
    """Line of the log: ``cpu`` is the core's name in the platform file."""

    cpu: str
    what: str
    address: int
    pc: int


def complaints(text: str) -> Iterator[Complaint]:
    """Yield each different complaint about firmware once, in the order of the log."""
    seen: set[tuple[str, str, int]] = set()
    for line in text.splitlines():
        found = _ACCESS.search(line) or _ABORT.search(line)
        if found is None:
            continue
        pc = int(found["pc"], 16)
        address = int(found.groupdict().get("address") or found["pc"], 16)
        key = found["cpu"], found["what"], address
        if key not in seen:
            seen.add(key)
            yield Complaint(*key, pc)
