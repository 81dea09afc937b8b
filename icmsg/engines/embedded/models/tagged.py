"""Tags of Renode's ``sysbus``: ranges that the platform file names and nothing models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BusError

if TYPE_CHECKING:
    from icmsg.soc.bus_setup import Tag


class TaggedPage:
    """The page of core ``core`` at byte address ``base``; reads give the tag's value, writes go nowhere.

    Firmware is warned at its first access of an address (:meth:`at`).
    """

    def __init__(self, base: int, core: str) -> None:
        self._base = base
        self._core = core
        self._tags: list[Tag] = []

    def add(self, tag: Tag) -> None:
        """Let ``tag`` answer in this page, too; where several do, the last and narrower one counts."""
        self._tags.insert(0, tag)

    def at(self, offset: int) -> Tag:
        """Return the tag of a byte of the page.

        Raises:
            BusError: no tag is there.
        """
        return self._tag(offset, 8)

    def reset(self) -> None:
        """Do nothing: there is nothing to reset."""

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._tag(offset, 8).value & 0xFF

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return self._tag(offset, 16).value & 0xFFFF

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return self._tag(offset, 32).value & 0xFFFFFFFF

    def write8(self, offset: int, _value: int) -> None:
        """Write a byte."""
        self._tag(offset, 8)

    def write16(self, offset: int, _value: int) -> None:
        """Write 16 bits."""
        self._tag(offset, 16)

    def write32(self, offset: int, _value: int) -> None:
        """Write 32 bits."""
        self._tag(offset, 32)

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
