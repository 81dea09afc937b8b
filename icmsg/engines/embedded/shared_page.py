"""A page of addresses in which several peripherals have their registers, or one that does not fill it.

The emulator maps whole pages, so the parts are told apart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.memory import PAGE, IoRange
from icmsg.errors import BusError, ConfigurationError

if TYPE_CHECKING:
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.hw.model import IoModel


def place_io(
    space: AddressSpace, start: int, size: int, model: IoModel, name: str, *, offset: int = 0
) -> None:
    """Let ``model`` answer ``size`` bytes from address ``start`` on, where its offset is ``offset``.

    Raises:
        ConfigurationError: something is there already.
    """
    end = start + size
    if start % PAGE == end % PAGE == offset == 0:
        space.add(IoRange(start, end, model, name))
        return
    for base in range(start - start % PAGE, end, PAGE):
        found = space.pages.get(base // PAGE)
        if not isinstance(found, IoRange) or not isinstance(found.model, SharedPage):
            found = IoRange(base, base + PAGE, SharedPage(base, space.core), name)
            space.add(found)
        page = found.model
        assert isinstance(page, SharedPage)
        first, last = max(start, base) - base, min(end, base + PAGE) - base
        page.add(first, last, model, name, shift=base - start + offset)


class _Part(NamedTuple):
    start: int
    end: int
    model: IoModel
    name: str
    shift: int


class SharedPage:
    """The page of core ``core`` at byte address ``base``; offsets are in bytes from there."""

    def __init__(self, base: int, core: str) -> None:
        self._base: Final = base
        self._core: Final = core
        self._parts: list[_Part] = []

    def add(self, start: int, end: int, model: IoModel, name: str, *, shift: int) -> None:
        """Let ``model`` answer from offset ``start`` up to ``end``; it sees ``shift`` added to the page's offset.

        Raises:
            ConfigurationError: another part is there already.
        """
        for part in self._parts:
            if start < part.end and part.start < end:
                raise ConfigurationError(
                    f"core {self._core} has {part.name} from 0x{self._base + part.start:08X} to "
                    f"0x{self._base + part.end - 1:08X} already"
                )
        self._parts.append(_Part(start, end, model, name, shift))

    def at(self, offset: int) -> tuple[IoModel, int] | None:
        """Return the part that answers there, and its offset."""
        part = next((part for part in self._parts if part.start <= offset < part.end), None)
        return None if part is None else (part.model, offset + part.shift)

    def reset(self) -> None:
        """The parts are reset one by one, with the core that they belong to."""

    def read8(self, offset: int) -> int:
        """Read a byte."""
        part = self._part(offset, 8)
        return part.model.read8(offset + part.shift)

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        part = self._part(offset, 16)
        return part.model.read16(offset + part.shift)

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        part = self._part(offset, 32)
        return part.model.read32(offset + part.shift)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        part = self._part(offset, 8)
        part.model.write8(offset + part.shift, value)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        part = self._part(offset, 16)
        part.model.write16(offset + part.shift, value)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        part = self._part(offset, 32)
        part.model.write32(offset + part.shift, value)

    def _part(self, offset: int, width: int) -> _Part:
        for part in self._parts:
            if part.start <= offset < part.end:
                return part
        names = ", ".join(part.name for part in self._parts)
        raise BusError(
            f"no peripheral is there, only {names} in the same page",
            address=self._base + offset,
            width=width,
            core=self._core,
        )
