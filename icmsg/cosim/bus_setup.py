"""What the ``init`` section of ``sysbus`` says in a platform file: ranges that are named, and ranges that are locked.

Both are Renode's commands. ``Tag <0x50021000, 0x50021FFF> "PWM0"`` says that something is there which nothing models:
accesses are logged, a read gives the tag's value. ``SetAddressRangeLocked <0x21000000, 0x2100FFFF> true sysbus.cpuapp``
keeps a range from one core, or from all. Every other command is Renode's alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.platform import PlatformDescription

_BUS: Final = "sysbus"
_RANGE: Final = r"<\s*(?P<start>\w+)(?P<comma>\s*,\s*|\s+)(?P<end>\w+)\s*>"
_TAG: Final = re.compile(rf'Tag\s+{_RANGE}\s+"(?P<name>[^"]*)"(?:\s+(?P<value>\w+))?.*')
_LOCK: Final = re.compile(rf"SetAddressRangeLocked\s+{_RANGE}\s+[Tt]rue(?:\s+(?:{_BUS}\.)?(?P<cpu>\w+))?\s*")


class Tag(NamedTuple):
    """Addresses ``start`` up to, but not including, ``end`` that are called ``name`` and read as ``value``."""

    start: int
    end: int
    name: str
    value: int


class Lock(NamedTuple):
    """Addresses ``start`` up to, but not including, ``end`` that ``cpu`` (None = nobody) does not reach."""

    start: int
    end: int
    cpu: str | None


def tags(description: PlatformDescription) -> list[Tag]:
    """Return the ranges that are named."""
    return [
        Tag(*_range(hit), hit["name"], int(hit["value"], 0) if _is_number(hit["value"]) else 0)
        for hit in _commands(description, _TAG)
    ]


def locks(description: PlatformDescription) -> list[Lock]:
    """Return the ranges that are locked."""
    return [Lock(*_range(hit), hit["cpu"]) for hit in _commands(description, _LOCK)]


def is_locked(found: list[Lock], cpu: str, address: int) -> bool:
    """Return whether ``cpu`` does not reach a byte address."""
    return any(lock.cpu in (None, cpu) and lock.start <= address < lock.end for lock in found)


def _commands(description: PlatformDescription, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    for item in description.updates:
        if item.name == _BUS:
            for command in item.init:
                if (hit := pattern.fullmatch(command.strip())) and _is_number(hit["start"], hit["end"]):
                    yield hit


def _range(hit: re.Match[str]) -> tuple[int, int]:
    """Return start and end: behind a comma stands the last address, without one the size."""
    start, second = int(hit["start"], 0), int(hit["end"], 0)
    return start, (second + 1 if "," in hit["comma"] else start + second)


def _is_number(*texts: str | None) -> bool:
    try:
        return all(text is not None and int(text, 0) >= 0 for text in texts)
    except ValueError:
        return False
