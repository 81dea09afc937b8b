"""RAM and flash by offset: ``shared ReadDoubleWord 0``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError
from icmsg.hw.exposed import BYTES, INT32, INT64, UINT32, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.memory import Memory
    from icmsg.engines.embedded.memory_groups import MemoryPart


class MemoryBlock:
    """The peripheral that :class:`RegisterAccess` reads, over a memory; ``changed`` is told what was written."""

    def __init__(self, memory: Memory | MemoryPart, changed: Callable[[int, int], None]) -> None:
        self._memory: Final = memory
        self._changed = changed

    @exposed(BYTES, offset=INT64, count=INT32)
    def read_bytes(self, offset: int, count: int) -> bytes:
        """Read a block."""
        return self._part(offset, count).tobytes()

    @exposed(VOID, offset=INT64, value=BYTES)
    def write_bytes(self, offset: int, value: bytes) -> None:
        """Write a block."""
        self._part(offset, len(value))[:] = value
        self._changed(offset, len(value))

    @exposed(VOID)
    def zero_all(self) -> None:
        """Write zeros everywhere."""
        self.write_bytes(0, bytes(self._memory.size))

    @property
    @exposed(INT64)
    def size(self) -> int:
        """The size in bytes."""
        return self._memory.size

    @property
    @exposed(INT32)
    def segment_count(self) -> int:
        """The number of blocks of host memory."""
        return 1

    @property
    @exposed(UINT32)
    def segment_size(self) -> int:
        """The size of one of them in bytes."""
        return self._memory.size

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._number(offset, 1)

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return self._number(offset, 2)

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return self._number(offset, 4)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        self.write_bytes(offset, value.to_bytes(1, "little"))

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self.write_bytes(offset, value.to_bytes(2, "little"))

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self.write_bytes(offset, value.to_bytes(4, "little"))

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return self._number(offset, 8)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        self.write_bytes(offset, value.to_bytes(8, "little"))

    def reset(self) -> None:
        """Keep the contents."""

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self._part(offset, size), "little")

    def _part(self, offset: int, size: int) -> memoryview:
        if offset < 0 or size < 0 or offset + size > self._memory.size:
            raise BusError(f"{self._memory.name} ends before", address=max(offset, 0), width=8 * size)
        return self._memory.bytes[offset : offset + size]
