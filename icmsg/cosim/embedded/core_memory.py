"""How the loads and stores of a core reach memories and models; what nothing models is told, not refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.cosim.embedded.memory import PAGE, AddressSpace, IoRange, MemoryRange
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.embedded.native import NativeCore

    Warn = Callable[[str, int], None]
    """(what, address)"""
    RaiseLater = Callable[[BaseException], None]
    """Keep an exception until the emulator is off the stack, which no exception may pass through."""


def map_space(
    native: NativeCore, space: AddressSpace, own: int, *, warn: Warn, raise_later: RaiseLater
) -> None:
    """Give the native core everything in ``space``; addresses with nothing read as 0 and ignore writes.

    ``own`` is a page with nothing that the engine uses itself and that is mapped already.
    """
    for item in space.ranges:
        if isinstance(item, MemoryRange):
            native.map_memory(item.start, item.end - item.start, item.memory.pointer)
        else:
            _map_io(native, item, warn, raise_later)
    for start, end in space.gaps():
        for first, last in ((start, own), (own + PAGE, end)) if start <= own < end else ((start, end),):
            if first < last:
                _map_gap(native, first, last, warn, raise_later)


def _map_io(native: NativeCore, item: IoRange, warn: Warn, raise_later: RaiseLater) -> None:
    model, start = item.model, item.start
    read32, write32 = model.read32, model.write32
    narrow_reads = {1: model.read8, 2: model.read16}
    narrow_writes = {1: model.write8, 2: model.write16}

    def read(offset: int, size: int) -> int:
        try:
            try:
                return read32(offset) if size == 4 else narrow_reads[size](offset)
            except BusError as error:
                warn(f"refused read ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)
        return 0

    def write(offset: int, size: int, value: int) -> None:
        try:
            try:
                if size == 4:
                    write32(offset, value)
                else:
                    narrow_writes[size](offset, value)
            except BusError as error:
                warn(f"refused write ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)

    native.map_io(start, item.end - start, read, write)


def _map_gap(native: NativeCore, start: int, end: int, warn: Warn, raise_later: RaiseLater) -> None:
    def read(offset: int, _size: int) -> int:
        try:
            warn("read where nothing is", start + offset)
        except BaseException as error:
            raise_later(error)
        return 0

    def write(offset: int, _size: int, _value: int) -> None:
        try:
            warn("write where nothing is", start + offset)
        except BaseException as error:
            raise_later(error)

    native.map_io(start, end - start, read, write)
