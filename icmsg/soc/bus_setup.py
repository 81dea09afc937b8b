"""Bus commands of a platform file beside its peripherals: names for ranges, and which cores reach what.

``Tag <0x50021000, 0x50021FFF> "PWM0"`` in the ``init`` section of ``sysbus``, a command of Renode's, says that
something is there which nothing models: accesses are logged, a read gives the tag's value. Every other command is
Renode's alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from icmsg.soc.platform import Peripheral, PlatformDescription, Registration

_BUS: Final = "sysbus"
_TAG: Final = re.compile(
    r'Tag\s+<\s*(?P<start>\w+)(?P<comma>\s*,\s*|\s+)(?P<end>\w+)\s*>\s+"(?P<name>[^"]*)"(?:\s+(?P<value>\w+))?.*'
)


class Tag(NamedTuple):
    """Addresses ``start`` up to, but not including, ``end`` that are called ``name`` and read as ``value``.

    Of those that are ``silent`` nobody is warned. One that ``overrides`` answers instead of the peripheral that is
    there, not instead of memory.
    """

    start: int
    end: int
    name: str
    value: int
    silent: bool = False
    overrides: bool = False

    def has(self, address: int) -> bool:
        """Tell whether an address is one of these."""
        return self.start <= address < self.end


def tags(description: PlatformDescription) -> list[Tag]:
    """Return the ranges that are named, in the order of the file."""
    found: list[Tag] = []
    for item in description.updates:
        for command in item.init if item.name == _BUS else ():
            tag = _tag(command)
            if tag is not None:
                found.append(tag)
    return found


@lru_cache(maxsize=1024)  # every machine reads those of its platform, several times
def _tag(command: str) -> Tag | None:
    hit = _TAG.fullmatch(command.strip())
    if hit is None or not _is_number(hit["start"], hit["end"]):
        return None
    start, second = int(hit["start"], 0), int(hit["end"], 0)
    # behind a comma stands the last address, without one the size
    end = second + 1 if "," in hit["comma"] else start + second
    return Tag(start, end, hit["name"], int(hit["value"], 0) if _is_number(hit["value"]) else 0)


def on_bus(item: Peripheral) -> list[Registration]:
    """Return where cores see something on the bus; it may have places in other peripherals, too."""
    return [
        place
        for place in item.registrations
        if place.parent == _BUS and place.address is not None and place.cluster is None
    ]


def reaches(item: Peripheral, place: Registration, cpu: str) -> bool:
    """Return whether the core ``cpu`` reaches a peripheral by one of its registrations.

    One without ``cpu:`` is for all cores, unless another one at the same address says for which cores it is: then it
    is there for those who read the bus for no core, as Renode's models of DMA do.
    """
    if place.cpu is not None:
        return place.cpu == cpu
    return not any(other.cpu is not None and other.address == place.address for other in item.registrations)


def _is_number(*texts: str | None) -> bool:
    try:
        return all(text is not None and int(text, 0) >= 0 for text in texts)
    except ValueError:
        return False
