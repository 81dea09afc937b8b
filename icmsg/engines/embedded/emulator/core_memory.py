"""Loads and stores of a core, to memories and models; what nothing models is told, a hole refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.engines.embedded.memory import PAGE, AddressSpace, IoRange, MappedMemory
from icmsg.engines.embedded.models.tagged import OverriddenRange, TaggedPages
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import Range

    Warn = Callable[[str, int], None]
    """(what, address)"""
    RaiseLater = Callable[[BaseException], None]
    """Keep an exception until the emulator is off the stack, which no exception may pass through."""
    Lost = Callable[[int], None]
    """(address) of a store that nothing takes"""
    Load = Callable[[int], bool]
    """(address) of a load that nothing answers -> whether it reads 0; else the run ends before it"""


def map_space(
    native: NativeCore,
    space: AddressSpace,
    own: int | None,
    *,
    warn: Warn,
    lost: Lost,
    load: Load,
    raise_later: RaiseLater,
    hidden: Collection[Range] = (),
) -> None:
    """Give the native core everything in ``space``; where nothing is, ``load`` and ``lost`` are asked.

    ``own`` is a page with nothing that the engine uses itself and that is mapped already. What is ``hidden`` from loads
    and stores counts as nothing.
    """
    for item in space.ranges:
        if item in hidden:
            continue
        if isinstance(item, MappedMemory):
            native.map_memory(item.start, item.end - item.start, item.memory.pointer)
        else:
            _map_io(native, item, warn, raise_later)
    holes = [(item.start, item.end) for item in hidden]
    for start, end in space.gaps():
        parts = (
            ((start, own), (own + PAGE, end)) if own is not None and start <= own < end else ((start, end),)
        )
        holes += [(first, last) for first, last in parts if first < last]

    def store(address: int) -> None:
        try:
            lost(address)
        except BaseException as error:
            raise_later(error)

    native.map_holes(holes, store, load)


def _map_io(native: NativeCore, item: IoRange, warn: Warn, raise_later: RaiseLater) -> None:
    model, start = item.model, item.start
    read32, write32 = model.read32, model.write32
    narrow_reads = {1: model.read8, 2: model.read16}
    narrow_writes = {1: model.write8, 2: model.write16}

    tagged = model if isinstance(model, TaggedPages | OverriddenRange) else None

    def read(offset: int, size: int) -> int:
        try:
            try:
                named = None if tagged is None else tagged.at(offset)
                if named is not None and not named.silent:
                    warn(f"read of {named.name}, which nothing models", start + offset)
                return read32(offset) if size == 4 else narrow_reads[size](offset)
            except BusError as error:
                warn(f"refused read ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)
        return 0

    def write(offset: int, size: int, value: int) -> None:
        try:
            try:
                named = None if tagged is None else tagged.at(offset)
                if named is not None and not named.silent:
                    warn(f"write of {named.name}, which nothing models", start + offset)
                if size == 4:
                    write32(offset, value)
                else:
                    narrow_writes[size](offset, value)
            except BusError as error:
                warn(f"refused write ({error.reason})", start + offset)
        except BaseException as error:
            raise_later(error)

    native.map_io(start, item.end - start, read, write)
