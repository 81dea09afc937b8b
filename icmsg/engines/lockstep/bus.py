"""One core's address space as the platform file describes it, over accesses that check nothing.

Renode answers 0 where nothing is, so the platform file is asked first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.registers import AccessKind
    from icmsg.soc.soc import MappedRange, SocCore


class PlacedBus:
    """The :class:`icmsg.hw.bus.Bus` of one core; accesses take no virtual time.

    Whoever derives from it brings the accesses: ``_get`` and ``_set`` for 8, 16 and 32 bits, ``_get_block`` and
    ``_set_block`` for memory, ``_get_register`` and ``_set_register`` for an offset of the mailbox, and ``_rang``,
    which is called after each write of a register, because it may have rung. What they raise of the type ``_failure``
    becomes a BusError.
    """

    __slots__ = (
        "_closed", "_core", "_cpu", "_failure", "_mailbox", "_places", "_readable", "_watches", "_writable",
    )  # fmt: skip

    def __init__(self, core: SocCore, failure: type[Exception]) -> None:
        self._core = core.name
        self._cpu = core.cpu
        self._places = core
        self._failure = failure
        self._closed = False
        self._watches: tuple[tuple[int, int, Callable[[int, int], None]], ...] = ()
        self._mailbox = core.mailbox
        # Renode's model answers 0 where the mailbox has no register.
        kind = core.port.kind if core.port is not None else None
        self._readable = kind.readable if kind is not None else frozenset()
        self._writable = kind.writable if kind is not None else frozenset()

    @property
    def core(self) -> str | None:
        """The core's name."""
        return self._core

    def read8(self, address: int) -> int:
        """Read a byte."""
        return self._read(address, 8)

    def read16(self, address: int) -> int:
        """Read 16 bits."""
        return self._read(address, 16)

    def read32(self, address: int) -> int:
        """Read 32 bits."""
        return self._read(address, 32)

    def write8(self, address: int, value: int) -> None:
        """Write a byte."""
        self._write(address, value, 8)

    def write16(self, address: int, value: int) -> None:
        """Write 16 bits."""
        self._write(address, value, 16)

    def write32(self, address: int, value: int) -> None:
        """Write 32 bits."""
        self._write(address, value, 32)

    def read_block(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of memory; a block may span memories that touch, but no peripheral."""
        self._check_block(address, size)
        if not size:
            return b""
        try:
            return self._get_block(address, size)
        except self._failure as error:
            raise self._error(self._words(error), address, 8 * size) from error

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        content = bytes(data)
        self._check_block(address, len(content))
        if not content:
            return
        try:
            self._set_block(address, content)
        except self._failure as error:
            raise self._error(self._words(error), address, 8 * len(content)) from error
        if self._watches:
            self._wrote(address, len(content))

    def watch_writes(self, begin: int, end: int, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Call ``told(address, size)`` behind each write to ``begin``…``end`` - 1; the function returned ends that.

        ``size`` is what of the write lies in there.
        """
        watch = begin, end, told
        self._watches = *self._watches, watch

        def remove() -> None:
            self._watches = tuple(each for each in self._watches if each is not watch)

        return remove

    def _wrote(self, address: int, size: int) -> None:
        for begin, end, told in self._watches:
            first, last = max(address, begin), min(address + size, end)
            if first < last:
                told(first, last - first)

    def close(self) -> None:
        """Refuse everything from now on: the machine is gone."""
        self._closed = True

    # What a bus brings

    def _get(self, width: int, address: int) -> int:
        raise NotImplementedError

    def _set(self, width: int, address: int, value: int) -> None:
        raise NotImplementedError

    def _get_block(self, address: int, size: int) -> bytes:
        raise NotImplementedError

    def _set_block(self, address: int, data: bytes) -> None:
        raise NotImplementedError

    def _get_register(self, offset: int) -> int:
        raise NotImplementedError

    def _set_register(self, offset: int, value: int) -> None:
        raise NotImplementedError

    def _rang(self) -> None:
        raise NotImplementedError

    def _words(self, failure: Exception) -> str:
        return str(failure)

    # Checks

    def _read_mailbox(self, address: int, offset: int) -> int:
        if offset not in self._readable:
            raise self._refused("read", offset, address)
        try:
            return self._get_register(offset)
        except self._failure as error:
            raise self._error(self._words(error), address, 32) from error

    def _write_mailbox(self, address: int, offset: int, value: int) -> None:
        if offset not in self._writable:
            raise self._refused("write", offset, address)
        try:
            self._set_register(offset, value)
        except self._failure as error:
            raise self._error(self._words(error), address, 32) from error
        self._rang()

    def _read(self, address: int, width: int) -> int:
        place = self._check(address, width)
        if width == 32 and place.name == self._mailbox:
            return self._read_mailbox(address, address - place.start)
        try:
            return self._get(width, address)
        except self._failure as error:
            raise self._error(self._words(error), address, width) from error

    def _write(self, address: int, value: int, width: int) -> None:
        place = self._check(address, width)
        if not 0 <= value < 1 << width:
            raise self._error(f"value {value:#x} does not fit {width} bits", address, width)
        if width == 32 and place.name == self._mailbox:
            self._write_mailbox(address, address - place.start, value)
            return
        try:
            self._set(width, address, value)
        except self._failure as error:
            raise self._error(self._words(error), address, width) from error
        if self._watches:
            self._wrote(address, width // 8)
        if not place.is_memory:
            self._rang()

    def _check(self, address: int, width: int) -> MappedRange:
        size = width // 8
        if address % size:
            raise self._error(f"not aligned; use a multiple of {size}", address, width)
        place = None if self._closed else self._places.at(address)
        if place is None:
            raise self._nothing(address, width)
        return place

    def _check_block(self, address: int, size: int) -> None:
        if size < 0:
            raise self._error(f"a block of {size} bytes: its size is negative", address, 0)
        position = address
        while position < address + size:
            place = None if self._closed else self._places.at(position)
            if place is None:
                raise self._nothing(address, 8 * size)
            if not place.is_memory:
                raise self._error(
                    f"a block cannot reach into the registers of {place.name}; access them one by one",
                    address,
                    8 * size,
                )
            position = place.end

    def _refused(self, what: AccessKind, offset: int, address: int) -> BusError:
        assert self._places.port is not None
        return self._error(self._places.port.kind.registers.refusal(what, offset), address, 32)

    def _nothing(self, address: int, width: int) -> BusError:
        reason = "the machine is closed" if self._closed else "no memory or peripheral is there"
        return self._error(reason, address, width)

    def _error(self, reason: str, address: int, width: int) -> BusError:
        return BusError(reason, address=address, width=width, core=self._core)
