"""Tags of Renode's ``sysbus``: ranges that the platform file names and nothing models."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from icmsg.engines.embedded.memory import PAGE, IoRange
from icmsg.errors import BusError
from icmsg.hw.model import SizedModel

if TYPE_CHECKING:
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.hw.model import IoModel
    from icmsg.soc.bus_setup import Tag


def name_range(space: AddressSpace, tag: Tag, *, own: int) -> None:
    """Let ``tag`` answer where ``space`` has nothing, in whole pages; page ``own`` is left free."""
    pages = range(tag.start // PAGE, -(-tag.end // PAGE))
    there = (found.model for page in pages if isinstance(found := space.pages.get(page), IoRange))
    named = {id(model): model for model in there if isinstance(model, TaggedPages)}
    free = [page for page in pages if page not in space.pages and page != own]
    for model in named.values():
        model.add(tag)
    for _, run in groupby(enumerate(free), key=lambda entry: entry[1] - entry[0]):
        run_pages = [page for _, page in run]
        start, end = run_pages[0] * PAGE, (run_pages[-1] + 1) * PAGE
        model = TaggedPages(start, space.core)
        model.add(tag)
        space.add(IoRange(start, end, model, tag.name))


def override_range(space: AddressSpace, tag: Tag) -> None:
    """Let ``tag`` answer instead of the peripherals that ``space`` has in its range."""
    for page in range(tag.start // PAGE, -(-tag.end // PAGE)):
        found = space.pages.get(page)
        if isinstance(found, IoRange) and not isinstance(found.model, TaggedPages):
            space.replace(found, Overridden(found.start, found.model, tag))


class Overridden(SizedModel):
    """A peripheral's registers from byte address ``base`` on, of which ``tag`` answers some."""

    def __init__(self, base: int, model: IoModel, tag: Tag) -> None:
        self._model = model
        self._here = range(tag.start - base, tag.end - base)
        self._value = tag.value
        self._reads = {1: model.read8, 2: model.read16, 4: model.read32}
        self._writes = {1: model.write8, 2: model.write16, 4: model.write32}

    def reset(self) -> None:
        """Reset the peripheral."""
        self._model.reset()

    def _read(self, offset: int, size: int) -> int:
        """Read the tag's value, or the register."""
        if offset in self._here:
            return self._value
        return self._reads[size](offset)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Write nothing, or the register."""
        if offset not in self._here:
            self._writes[size](offset, value)


class TaggedPages(SizedModel):
    """Pages of core ``core`` from byte address ``base`` on; reads give the tag's value, writes go nowhere.

    Firmware is warned at its first access of an address (:meth:`at`).
    """

    def __init__(self, base: int, core: str) -> None:
        self._base = base
        self._core = core
        self._tags: list[Tag] = []

    def add(self, tag: Tag) -> None:
        """Let ``tag`` answer in these pages, too; where several do, the last and narrower one counts."""
        self._tags.insert(0, tag)

    def at(self, offset: int) -> Tag:
        """Return the tag of a byte.

        Raises:
            BusError: no tag is there.
        """
        return self._tag(offset, 8)

    def reset(self) -> None:
        """Do nothing: there is nothing to reset."""

    def _read(self, offset: int, size: int) -> int:
        """Read the tag's value."""
        return self._tag(offset, 8 * size).value

    def _write(self, offset: int, size: int, _value: int) -> None:
        """Write nothing."""
        self._tag(offset, 8 * size)

    def _tag(self, offset: int, width: int) -> Tag:
        address = self._base + offset
        for tag in self._tags:
            if tag.start <= address < tag.end:
                return tag
        names = ", ".join(tag.name for tag in reversed(self._tags))
        raise BusError(
            f"no peripheral is there, only {names} in the same page",
            address=address,
            width=width,
            core=self._core,
        )
