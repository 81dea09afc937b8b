"""Accesses to a peripheral by offset, as every one has them in the Monitor: ``ipcapp ReadDoubleWord 0x510``.

RAM and flash by offset: ``shared ReadDoubleWord 0``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError
from icmsg.hw.exposed import BYTES, INT32, INT64, UINT8, UINT16, UINT32, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.memory import Memory
    from icmsg.engines.embedded.memory_groups import MemoryPart
    from icmsg.hw.model import IoModel


_NOTHING_THERE: Final = (BusError, IndexError, struct.error)
"""Errors that the models raise where they have no register or byte."""


class RegisterAccess:
    """A peripheral's registers; what nothing answers is 0 and a line in the log, as in Renode."""

    def __init__(self, model: IoModel, warn: Callable[[str], None]) -> None:
        self._model: Final = model
        self._warn = warn

    @exposed(UINT8, offset=INT64)
    def read_byte(self, offset: int) -> int:
        """Read 8 bits."""
        return self._read(self._model.read8, offset)

    @exposed(UINT16, offset=INT64)
    def read_word(self, offset: int) -> int:
        """Read 16 bits."""
        return self._read(self._model.read16, offset)

    @exposed(UINT32, offset=INT64)
    def read_double_word(self, offset: int) -> int:
        """Read 32 bits."""
        return self._read(self._model.read32, offset)

    @exposed(VOID, offset=INT64, value=UINT8)
    def write_byte(self, offset: int, value: int) -> None:
        """Write 8 bits."""
        self._write(self._model.write8, offset, value)

    @exposed(VOID, offset=INT64, value=UINT16)
    def write_word(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self._write(self._model.write16, offset, value)

    @exposed(VOID, offset=INT64, value=UINT32)
    def write_double_word(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self._write(self._model.write32, offset, value)

    @exposed(VOID)
    def reset(self) -> None:
        """Put every register into its reset state."""
        self._model.reset()

    def _read(self, read: Callable[[int], int], offset: int) -> int:
        try:
            return read(_checked(offset))
        except _NOTHING_THERE:
            self._warn(f"Unhandled read from offset 0x{offset & 0xFFFFFFFF:X}.")
            return 0

    def _write(self, write: Callable[[int, int], None], offset: int, value: int) -> None:
        try:
            write(_checked(offset), value)
        except _NOTHING_THERE:
            self._warn(f"Unhandled write to offset 0x{offset & 0xFFFFFFFF:X}, value 0x{value:X}.")


def _checked(offset: int) -> int:
    if offset < 0:
        raise IndexError(offset)
    return offset


class NvicRegisters(RegisterAccess):
    """The NVIC of a core."""

    def __init__(self, core: MachineCore, warn: Callable[[str], None]) -> None:
        super().__init__(core.system_control, warn)
        self._core: Final = core

    @exposed(VOID)
    def reset(self) -> None:
        """Disable and forget all interrupts; where a line is high, its interrupt pends again."""
        self._core.reset_interrupts()


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

    def reset(self) -> None:
        """Keep the contents."""

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self._part(offset, size), "little")

    def _part(self, offset: int, size: int) -> memoryview:
        if offset < 0 or size < 0 or offset + size > self._memory.size:
            raise BusError(f"{self._memory.name} ends before", address=max(offset, 0), width=8 * size)
        return self._memory.bytes[offset : offset + size]
