"""Models that stand for peripherals that nothing models, and for those that a line of Python describes.

Tags of Renode's ``sysbus``: ranges that the platform file names and nothing models.

Registers that only keep what is written: Renode's ``Memory.ArrayMemory``, which stands in for a peripheral.
"""

from __future__ import annotations

import re
from itertools import groupby
from struct import Struct, error
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import PAGE, IoRange
from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.hw.line import Line
    from icmsg.soc.bus_setup import Tag


_MASK: Final = 0xFFFF_FFFF
_CONSTANT: Final = re.compile(r"\s*request\.[Vv]alue\s*=\s*(0[xX][0-9A-Fa-f]+|\d+)\s*")
_NEXT: Final[dict[str, Callable[[int], int]]] = {
    "counter.py": lambda last: last + 1,
    "flipflop.py": lambda last: last ^ _MASK,
    "rolling-bit.py": lambda last: last << 1 & _MASK or 1,
    "ticker.py": lambda last: last + 1,
}
"""The value that is read next, by the file of Renode's ``scripts/pydev``."""
_FIRST: Final = {"counter.py": -1}


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


class ScriptedModel(SizedModel):
    """Register whose reads give one value after the other; nothing keeps what is written.

    ``following`` makes each value from the last one, ``first`` is what it begins with.
    """

    irq: Line | None = None

    def __init__(self, following: Callable[[int], int], first: int = 0) -> None:
        self._following: Final = following
        self._first: Final = first
        self._last = first

    def reset(self) -> None:
        """Begin again."""
        self._last = self._first

    def _write(self, offset: int, size: int, value: int) -> None:
        """Lose it."""

    def _read(self, _offset: int, _size: int) -> int:
        """Read the value behind the last one."""
        self._last = self._following(self._last)
        return self._last


def scripted(script: object, file: object) -> ScriptedModel | None:
    """Return the model of a ``Python.PythonPeripheral`` by its attributes, None for what would have to be executed.

    Known are a script that is one constant, ``request.Value = 0xFF``, and files that are called as those in Renode's
    ``scripts/pydev``. No Python of a platform file is executed.
    """
    if isinstance(script, str) and (found := _CONSTANT.fullmatch(script)) is not None:
        value = int(found[1], 0)
        return ScriptedModel(lambda _last: value)
    name = file.replace("\\", "/").rpartition("/")[2] if isinstance(file, str) else ""
    following = _NEXT.get(name)
    return None if following is None else ScriptedModel(following, _FIRST.get(name, 0))


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
    python = f"commands left out, since no Python of a platform file is executed: {', '.join(left_out)}"
    return "; ".join(part for part in (words, python if left_out else "") if part)


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


_WORD: Final = Struct("<I")
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
