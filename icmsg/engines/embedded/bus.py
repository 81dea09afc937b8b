"""One core's address space for Python: memory without copies, peripherals through their models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import AddressSpace, IoRange, MappedMemory
from icmsg.errors import BusError
from icmsg.hw.bus import Window

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.byteorder != "little":  # pragma: no cover - no such machine runs unicorn
    raise ImportError(
        "the embedded engine shares memory with the emulated cores and needs a little-endian host"
    )


class CoreBus:
    """The :class:`icmsg.hw.bus.Bus` of one core of the embedded engine.

    Accesses take no virtual time. Reading a peripheral has the side effects it has for firmware.
    """

    __slots__ = ("_core", "_pages", "_space")

    def __init__(self, space: AddressSpace) -> None:
        self._space: Final = space
        self._pages = space.pages
        self._core = space.core

    @property
    def core(self) -> str | None:
        """The core's name."""
        return self._core

    def read8(self, address: int) -> int:
        """Read a byte."""
        found = self._pages.get(address >> 12)
        if isinstance(found, MappedMemory):
            return found.memory.bytes[address - found.start]
        if found is None:
            raise self._nothing(address, 8)
        return self._io(found.model.read8, address, found, 8)

    def read16(self, address: int) -> int:
        """Read 16 bits."""
        if address & 1:
            raise self._misaligned(address, 16)
        found = self._pages.get(address >> 12)
        if isinstance(found, MappedMemory):
            offset = address - found.start
            return int.from_bytes(found.memory.bytes[offset : offset + 2], "little")
        if found is None:
            raise self._nothing(address, 16)
        return self._io(found.model.read16, address, found, 16)

    def read32(self, address: int) -> int:
        """Read 32 bits."""
        if address & 3:
            raise self._misaligned(address, 32)
        found = self._pages.get(address >> 12)
        if type(found) is MappedMemory:
            return found.memory.words[(address - found.start) >> 2]
        if type(found) is IoRange:
            return self._io(found.model.read32, address, found, 32)
        raise self._nothing(address, 32)

    def write8(self, address: int, value: int) -> None:
        """Write a byte."""
        self._check_value(address, value, 8)
        found = self._pages.get(address >> 12)
        if isinstance(found, MappedMemory):
            found.memory.bytes[address - found.start] = value
            self._wrote(found, address, 1)
        elif found is None:
            raise self._nothing(address, 8)
        else:
            self._io_write(found.model.write8, address, found, value, 8)

    def write16(self, address: int, value: int) -> None:
        """Write 16 bits."""
        if address & 1:
            raise self._misaligned(address, 16)
        self._check_value(address, value, 16)
        found = self._pages.get(address >> 12)
        if isinstance(found, MappedMemory):
            offset = address - found.start
            found.memory.bytes[offset : offset + 2] = value.to_bytes(2, "little")
            self._wrote(found, address, 2)
        elif found is None:
            raise self._nothing(address, 16)
        else:
            self._io_write(found.model.write16, address, found, value, 16)

    def write32(self, address: int, value: int) -> None:
        """Write 32 bits."""
        if address & 3:
            raise self._misaligned(address, 32)
        if not 0 <= value <= 0xFFFFFFFF:
            raise self._too_wide(address, value, 32)
        found = self._pages.get(address >> 12)
        if type(found) is MappedMemory:
            found.memory.words[(address - found.start) >> 2] = value
            if found.memory.code or found.memory.reserved:
                found.memory.changed(address - found.start, 4, self._core)
        elif type(found) is IoRange:
            self._io_write(found.model.write32, address, found, value, 32)
        else:
            raise self._nothing(address, 32)

    def check_block(self, address: int, size: int) -> None:
        """Raise BusError unless all of a block is memory."""
        self._span(address, size)

    def read_block(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of memory; a block may span memories that touch, but no peripheral."""
        found = self._pages.get(address >> 12)
        if type(found) is MappedMemory and size >= 0 and address + size <= found.end:
            offset = address - found.start
            return found.memory.bytes[offset : offset + size].tobytes()
        return b"".join(
            part.memory.bytes[start - part.start : end - part.start].tobytes()
            for part, start, end in self._span(address, size)
        )

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        if type(data) is memoryview and data.format != "B":
            data = data.tobytes()
        size = len(data)
        found = self._pages.get(address >> 12)
        if type(found) is MappedMemory and address + size <= found.end:
            offset = address - found.start
            found.memory.bytes[offset : offset + size] = data
            if size and (found.memory.code or found.memory.reserved):
                found.memory.changed(offset, size, self._core)
            return
        done = 0
        for part, start, end in self._span(address, size):
            part.memory.bytes[start - part.start : end - part.start] = data[done : done + end - start]
            self._wrote(part, start, end - start)
            done += end - start

    def looking_window(self, address: int, size: int) -> Window:
        """Return a window on memory that may be read through it, and not be written; empty where there is none."""
        found = self._pages.get(address >> 12)
        if not isinstance(found, MappedMemory) or size <= 0 or address + size > found.end:
            return Window()
        return found.memory.window(address - found.start, size)

    def watch_writes(self, begin: int, end: int, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Call ``told(address, size)`` behind each write through this bus to ``begin``…``end`` - 1, all of one memory.

        ``size`` is what of the write lies in there. BusError if no memory is there. The function returned ends that.
        """
        found = self._pages.get(begin >> 12)
        if not isinstance(found, MappedMemory):
            raise self._nothing(begin, 8 * (end - begin))
        start = found.start

        def written(offset: int, size: int, core: str | None) -> None:
            first, last = max(start + offset, begin), min(start + offset + size, end)
            if core == self._core and first < last:
                told(first, last - first)

        return found.memory.watch(written)

    def _span(self, address: int, size: int) -> list[tuple[MappedMemory, int, int]]:
        if size < 0:
            raise BusError("a size cannot be negative", address=address, width=8 * size, core=self._core)
        parts: list[tuple[MappedMemory, int, int]] = []
        position = address
        while position < address + size:
            found = self._pages.get(position >> 12)
            if found is None:
                raise self._nothing(address, 8 * size)
            if isinstance(found, IoRange):
                raise BusError(
                    f"a block cannot reach into the registers of {found.name}; access them one by one",
                    address=address,
                    width=8 * size,
                    core=self._core,
                )
            end = min(found.end, address + size)
            parts.append((found, position, end))
            position = end
        return parts

    def _wrote(self, found: MappedMemory, address: int, size: int) -> None:
        if found.memory.code or found.memory.reserved:
            found.memory.changed(address - found.start, size, self._core)

    def _io(self, read: Callable[[int], int], address: int, found: IoRange, width: int) -> int:
        try:
            return read(address - found.start)
        except BusError as error:
            raise BusError(error.reason, address=address, width=width, core=self._core) from None

    def _io_write(
        self, write: Callable[[int, int], None], address: int, found: IoRange, value: int, width: int
    ) -> None:
        try:
            write(address - found.start, value)
        except BusError as error:
            raise BusError(error.reason, address=address, width=width, core=self._core) from None

    def _check_value(self, address: int, value: int, width: int) -> None:
        if not 0 <= value < 1 << width:
            raise self._too_wide(address, value, width)

    def _too_wide(self, address: int, value: int, width: int) -> BusError:
        return BusError(
            f"value {value:#x} does not fit {width} bits", address=address, width=width, core=self._core
        )

    def _misaligned(self, address: int, width: int) -> BusError:
        reason = f"not aligned; use a multiple of {width // 8}"
        return BusError(reason, address=address, width=width, core=self._core)

    def _nothing(self, address: int, width: int) -> BusError:
        reason = "the machine is closed" if self._space.closed else "no memory or peripheral is there"
        return BusError(reason, address=address, width=width, core=self._core)
