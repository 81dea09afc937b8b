"""Tags of Renode's ``sysbus``: ranges that the platform file names and nothing models."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from icmsg.engines.embedded.memory import PAGE, IoRange
from icmsg.errors import BusError
from icmsg.hw.model import SizedModel

if TYPE_CHECKING:
    from icmsg.engines.embedded.memory import AddressSpace
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
