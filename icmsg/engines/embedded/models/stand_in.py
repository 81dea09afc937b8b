"""Models that stand for peripherals that nothing models.

Tags of Renode's ``sysbus``: ranges that the platform file names and nothing models.

Registers that only keep what is written: Renode's ``Memory.ArrayMemory``, which stands in for a peripheral.
"""

from __future__ import annotations

import re
from itertools import groupby
from struct import Struct, error
from typing import TYPE_CHECKING, Any, Final

from icmsg.engines.embedded.memory import PAGE, IoRange
from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.exposed import INT64, exposed
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.hw.line import Line
    from icmsg.hw.model import IoModel
    from icmsg.soc.wiring import Tag


class StandInModel(SizedModel):
    """Registers of a type that is not modelled: they read as they were written, at first zero.

    ``first_access(what, offset)`` is told once, at the first read or write of firmware or anybody.
    """

    irq: Line | None = None

    def __init__(self, first_access: Callable[[str, int], None]) -> None:
        self._first_access: Final = first_access
        self._touched = False
        self._words: Final[dict[int, int]] = {}

    def reset(self) -> None:
        """Forget what was written."""
        self._words.clear()

    def _read(self, offset: int, _size: int) -> int:
        """Read what was written last, from the byte ``offset`` on."""
        self._tell("read", offset)
        return self._words.get(offset & -WORD, 0) >> 8 * (offset % WORD)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Keep what is written."""
        self._tell("write", offset)
        word, shift, mask = offset & -WORD, 8 * (offset % WORD), (1 << 8 * size) - 1
        self._words[word] = self._words.get(word, 0) & ~(mask << shift) | value << shift

    def _tell(self, what: str, offset: int) -> None:
        if not self._touched:
            self._touched = True
            self._first_access(what, offset)


def announced(stand_ins: Mapping[str, str], left_out: Sequence[str] = ()) -> str:
    """Return one line that names what nothing models, by type, and the commands that nobody runs; empty for nothing.

    ``stand_ins`` are types by name.
    """
    names: dict[str, list[str]] = {}
    for name, kind in stand_ins.items():
        names.setdefault(kind, []).append(name)
    listed = ", ".join(f"{kind} ({', '.join(names[kind])})" for kind in sorted(names))
    words = (
        f"the embedded engine has no models of {listed}: they keep what is written, and nothing else happens; the "
        "renode engine has them"
        if listed
        else ""
    )
    python = f"commands left out, since they need Python: {', '.join(left_out)}"
    return "; ".join(part for part in (words, python if left_out else "") if part)


def name_range(space: AddressSpace, tag: Tag, *, own: int) -> None:
    """Let ``tag`` answer where ``space`` has nothing, in whole pages; page ``own`` is left free."""
    pages = range(tag.start // PAGE, -(-tag.end // PAGE))
    for page in pages if tag.overrides else ():
        _override(space, page, tag)
    named: dict[int, TaggedPages] = {}
    free: list[int] = []
    for page in pages:
        found = space.pages.get(page)
        if found is None:
            if page != own:
                free.append(page)
        elif isinstance(found, IoRange) and isinstance(found.model, TaggedPages):
            named[id(found.model)] = found.model
    for model in named.values():
        model.add(tag)
    for _, run in groupby(enumerate(free), key=lambda entry: entry[1] - entry[0]):
        run_pages = [page for _, page in run]
        start, end = run_pages[0] * PAGE, (run_pages[-1] + 1) * PAGE
        model = TaggedPages(start, space.core)
        model.add(tag)
        space.add(IoRange(start, end, model, tag.name))


def forget(space: AddressSpace, address: int) -> None:
    """Let no tag answer in ``space`` any more that has an address."""
    for found in space.ranges:
        if isinstance(found, IoRange) and isinstance(found.model, TaggedPages | OverriddenRange):
            found.model.forget(address)


def _override(space: AddressSpace, page: int, tag: Tag) -> None:
    """Let ``tag`` answer instead of the peripherals of a page."""
    found = space.pages.get(page)
    if not isinstance(found, IoRange) or isinstance(found.model, TaggedPages):
        return
    if not isinstance(found.model, OverriddenRange):
        covered = IoRange(found.start, found.end, OverriddenRange(found.start, found.model), found.name)
        space.replace(found, covered)
        found = covered
    model = found.model
    assert isinstance(model, OverriddenRange)
    if tag not in model.tags:
        model.tags.insert(0, tag)


class OverriddenRange(SizedModel):
    """Registers of ``model`` from byte address ``base`` on, instead of which tags answer."""

    def __init__(self, base: int, model: IoModel) -> None:
        self._base: Final = base
        self._model: Final = model
        self.tags: Final[list[Tag]] = []
        """The tags that answer, the last one first."""

    def forget(self, address: int) -> None:
        """Let those tags answer no more that have an address."""
        self.tags[:] = [tag for tag in self.tags if not tag.has(address)]

    def reset(self) -> None:
        """Do nothing: what is below is reset with its core."""

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return self._read(offset, 8)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        self._write(offset, 8, value)

    def _read(self, offset: int, size: int) -> int:
        """Read the tag's value, or the register."""
        tag = self.at(offset)
        return tag.value if tag is not None else int(self._below("read", offset, size)(offset))

    def _write(self, offset: int, size: int, value: int) -> None:
        """Write to the register where no tag is."""
        if self.at(offset) is None:
            self._below("write", offset, size)(offset, value)

    def at(self, offset: int) -> Tag | None:
        """Return the tag of a byte, or None."""
        address = self._base + offset
        return next((tag for tag in self.tags if tag.has(address)), None)

    def _below(self, kind: str, offset: int, size: int) -> Callable[..., Any]:
        function: Callable[..., Any] | None = getattr(self._model, f"{kind}{8 * size}", None)
        if function is None:
            raise BusError(f"nothing there takes a {kind} of 64 bits", address=self._base + offset, width=64)
        return function


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

    def forget(self, address: int) -> None:
        """Let those tags answer no more that have an address."""
        self._tags = [tag for tag in self._tags if not tag.has(address)]

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
            if tag.has(address):
                return tag
        names = ", ".join(tag.name for tag in reversed(self._tags))
        raise BusError(
            f"no peripheral is there, only {names} in the same page"
            if names
            else "no memory or peripheral is there",
            address=address,
            width=width,
            core=self._core,
        )


_WORD: Final = Struct("<I")
_LONG: Final = Struct("<Q")
_HALFWORD: Final = Struct("<H")
_COMMAND: Final = re.compile(r"WriteDoubleWord\s+(\w+)\s+(\w+)")


class ArrayMemoryModel:
    """``size`` bytes, at first ``initial_value`` each; ``line`` is a line that never rises, if there is one.

    Unlike the engine's memories it may be smaller than a page, no code runs from it, no DMA reaches it, and what
    is in it is no part of a run's hash. A reset leaves it as it is, as in Renode.

    Raises:
        ConfigurationError: a size that is not positive, or a value that is no byte.
    """

    def __init__(self, size: int, initial_value: int = 0, line: Line | None = None) -> None:
        if size <= 0 or not 0 <= initial_value <= 0xFF:
            raise ConfigurationError(
                f"size must be > 0 and initialValue 0…0xFF, not {size} and {initial_value}"
            )
        self._bytes: Final = bytearray([initial_value]) * size
        self.irq: Final = line

    def command(self, text: str) -> None:
        """Run a command of an ``init`` section: ``WriteDoubleWord OFFSET VALUE``.

        Raises:
            ConfigurationError: any other command, or an offset outside.
        """
        found = _COMMAND.fullmatch(text.strip())
        if found is None:
            raise ConfigurationError(f"only WriteDoubleWord OFFSET VALUE is known here, not {text!r}")
        try:
            self.write32(*(int(number, 0) for number in found.groups()))
        except (ValueError, error) as problem:
            raise ConfigurationError(f"{text!r}: {problem}") from None

    def reset(self) -> None:
        """Keep everything."""

    def take_over(self, other: ArrayMemoryModel) -> None:
        """Have the bytes of another one, which is no more."""
        size = min(len(self._bytes), len(other._bytes))
        self._bytes[:size] = other._bytes[:size]

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._bytes[offset]

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return int(_HALFWORD.unpack_from(self._bytes, offset)[0])

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return int(_WORD.unpack_from(self._bytes, offset)[0])

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        self._bytes[offset] = value

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        _HALFWORD.pack_into(self._bytes, offset, value)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        _WORD.pack_into(self._bytes, offset, value)

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return int(_LONG.unpack_from(self._bytes, offset)[0])

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        _LONG.pack_into(self._bytes, offset, value)

    @property
    @exposed(INT64)
    def size(self) -> int:
        """The size in bytes."""
        return len(self._bytes)
