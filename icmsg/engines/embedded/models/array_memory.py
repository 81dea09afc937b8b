"""Registers that only keep what is written: Renode's ``Memory.ArrayMemory``, which stands in for a peripheral."""

from __future__ import annotations

import re
from struct import Struct, error
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import INT64, exposed

if TYPE_CHECKING:
    from icmsg.hw.line import Line

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
