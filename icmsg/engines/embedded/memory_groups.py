"""Memories of a platform file, whole pages each: those that share a page become one piece.

The emulator maps pages of 4 KiB, and a platform file may end a memory at any byte. What a memory lacks up to the end of
its page is there all the same; where the next memory begins in that page, both are parts of one piece.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.memory import PAGE, MappedMemory, Memory
from icmsg.errors import ConfigurationError
from icmsg.soc.wiring import on_bus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from icmsg.soc.platform import Peripheral
    from icmsg.soc.platform.description import Registration


_WIDTHS: Final = {"WriteByte": 1, "WriteWord": 2, "WriteDoubleWord": 4, "WriteQuadWord": 8}
_NUMBER: Final = r"(0[xX][0-9A-Fa-f]+|\d+)"
_WRITE: Final = re.compile(rf"({'|'.join(_WIDTHS)})\s+{_NUMBER}\s+{_NUMBER}")


NO_MEMORIES: Final = ("Memory.GenericI2cEeprom", "Memory.MSP430F261X_DMA")
"""Types that Renode's namespace has beside memories."""


class MemoryPart:
    """Bytes ``start`` up to ``start + size`` of ``memory``, which a platform file calls ``name``."""

    def __init__(self, name: str, memory: Memory, start: int, size: int) -> None:
        self.name = name
        self.size = size
        self.bytes = memory.bytes[start : start + size]
        self._memory = memory
        self._start = start

    def changed(self, offset: int, size: int) -> None:
        """Tell every core that has executed from a range that Python has changed it."""
        self._memory.changed(self._start + offset, size)

    def close(self) -> None:
        """Give the bytes back, before the memory is closed."""
        self.bytes.release()


class Placed(NamedTuple):
    """Piece of memory, its parts with their entries, and where it is: address, entry and registration."""

    memory: Memory
    parts: tuple[Memory | MemoryPart, ...]
    items: tuple[Peripheral, ...]
    places: tuple[tuple[int, Peripheral, Registration], ...]

    def mapped(self, address: int, place: Registration) -> MappedMemory:
        """Return the piece as it is mapped at an address: as much of it as the registration of its one part says."""
        size = (
            self.memory.size
            if len(self.items) > 1
            else _whole_pages(_span(self.items[0], place)[1] - address)
        )
        return MappedMemory(address, address + size, self.memory)


def place_memories(items: Iterable[Peripheral], refuse: Callable[[Peripheral], None]) -> Iterator[Placed]:
    """Yield the memories of a platform in pieces; ``refuse`` raises for attributes that are not known.

    Raises:
        PlatformError: a memory has no size, is registered somewhere else than on the bus, or shares a page with another
            one in one place only.
    """
    groups: list[list[Peripheral]] = []
    for item in items:
        refuse(item)
        _check(item)
        if not on_bus(item):
            yield _piece([item])
            continue
        touching = [group for group in groups if any(_share_a_page(item, other) for other in group)]
        for group in touching:
            groups.remove(group)
        groups.append([*(other for group in touching for other in group), item])
    for group in groups:
        yield _piece(sorted(group, key=lambda item: on_bus(item)[0].address or 0))


def fill(item: Peripheral, memory: Memory | MemoryPart) -> list[str]:
    """Run the ``init`` section of a memory's entry; return its commands that Python would have to be executed for.

    Raises:
        PlatformError: a command other than WriteByte, WriteWord, WriteDoubleWord and WriteQuadWord.
    """
    left_out = []
    for command in item.init:
        found = _WRITE.fullmatch(command.strip())
        if "`" in command:
            left_out.append(f"{item.name} {command.strip()}")
        elif found is None:
            raise item.error(
                f"the init command {command!r} of {item.name} is not modelled by the embedded engine, which has "
                f"{', '.join(_WIDTHS)} with two numbers; the renode engine runs it",
                "init",
            )
        else:
            offset, value, width = int(found[2], 0), int(found[3], 0), _WIDTHS[found[1]]
            if offset + width > memory.size or value >> 8 * width:
                raise item.error(
                    f"{command!r}: {item.name} has {memory.size} bytes, and a value {width}", "init"
                )
            memory.bytes[offset : offset + width] = value.to_bytes(width, "little")
    return left_out


def size_of(item: Peripheral) -> int:
    """Return the size of a memory in bytes, 0 if it has none."""
    size = item.attributes.get("size")
    return size if isinstance(size, int) else 0


def _check(item: Peripheral) -> None:
    if size_of(item) <= 0:
        raise item.error(f"{item.name} needs a size in bytes", "size")
    if item.registrations and not on_bus(item):
        raise item.error(f"{item.name} needs an address on sysbus")
    for place in on_bus(item):
        if place.offset:
            raise place.place.error(
                f"{item.name} is registered with an offset, which the embedded engine has for registers only; the "
                "renode engine runs it: --engine renode"
            )


def _share_a_page(item: Peripheral, other: Peripheral) -> bool:
    """Return whether two memories that do not overlap have a page in common."""
    for place in on_bus(item):
        for beside in on_bus(other):
            if place.cpu is not None and beside.cpu is not None and place.cpu != beside.cpu:
                continue
            start, end = _span(item, place)
            first, last = _span(other, beside)
            apart = end <= first or last <= start
            if apart and start & -PAGE < -(-last // PAGE) * PAGE and first & -PAGE < -(-end // PAGE) * PAGE:
                return True
    return False


def _span(item: Peripheral, place: Registration) -> tuple[int, int]:
    start, size = place.address or 0, size_of(item)
    return start, start + (size if place.size is None else min(size, place.size))


def _whole_pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _piece(group: list[Peripheral]) -> Placed:
    first = group[0]
    bases = [((place.address or 0) & -PAGE, place.cpu) for place in on_bus(first)]
    before = [(place.address or 0) % PAGE for place in on_bus(first)]
    if len(set(before)) > 1:
        raise first.error(f"{first.name} must begin at the same place of a page at all of its addresses")
    offsets = {first.name: next(iter(before), 0)}
    for item in group[1:]:
        offset = (on_bus(item)[0].address or 0) - bases[0][0]
        where = [((place.address or 0) - offset, place.cpu) for place in on_bus(item)]
        if sorted(where, key=str) != sorted(bases, key=str):
            raise item.error(
                f"{item.name} shares a page of {PAGE} bytes with {first.name}, and not at all of its addresses: "
                "move it to another page; the renode engine runs it: --engine renode"
            )
        offsets[item.name] = offset
    end = max(offset + size_of(item) for item, offset in zip(group, offsets.values(), strict=True))
    try:
        memory = Memory("+".join(item.name for item in group), _whole_pages(end))
    except ConfigurationError as error:
        raise first.error(str(error), "size") from None
    whole = len(group) == 1 and memory.size == size_of(first)
    parts = (memory,) if whole else tuple(
        MemoryPart(item.name, memory, offsets[item.name], size_of(item)) for item in group
    )  # fmt: skip
    places = zip(bases, on_bus(first), strict=True)
    return Placed(memory, parts, tuple(group), tuple((base, first, place) for (base, _), place in places))
