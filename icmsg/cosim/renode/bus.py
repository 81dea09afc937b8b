"""One core's address space on Renode for Python.

Shared memory is used without copies, the mailbox through its object and an offset, everything else through the sysbus
in the context of the core. Renode answers 0 where nothing is, so the platform file is asked first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError
from icmsg.hw.nrf_ipc import IPC
from icmsg.hw.registers import Access

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.renode.api import MachineApi
    from icmsg.cosim.renode.places import CorePlaces, Place
    from icmsg.cosim.renode.shared import SharedMemory
    from icmsg.hw.memory_bus import MemoryBus

_WORD_MASK: Final = 0xFFFF_FFFF
# Renode's model answers 0 where the mailbox has no register.
_READABLE: Final = frozenset(offset for offset, _, _ in IPC.elements())
_WRITABLE: Final = frozenset(offset for offset, register, _ in IPC.elements() if Access.W in register.access)


class RenodeBus:
    """The :class:`icmsg.hw.bus.Bus` of one core.

    Accesses take no virtual time. ``rang`` is called after each write of a register, because it may have rung.
    """

    __slots__ = (
        "_closed", "_core", "_cpu", "_failure", "_machine", "_mailbox", "_mailbox_end", "_mailbox_read",
        "_mailbox_start", "_mailbox_write", "_places", "_rang", "_readers", "_shared", "_shared_end",
        "_shared_start", "_writers",
    )  # fmt: skip

    def __init__(
        self,
        machine: MachineApi,
        core: CorePlaces,
        shared: SharedMemory | None,
        *,
        rang: Callable[[], None],
        failure: type[Exception],
    ) -> None:
        self._machine = machine
        self._core = core.name
        self._cpu = core.cpu
        self._places = core
        self._rang = rang
        self._failure = failure
        self._closed = False
        self._shared = shared
        self._shared_start = shared.base if shared is not None else 0
        self._shared_end = shared.base + shared.size if shared is not None else 0
        self._readers = {width: machine.reader(width, core.cpu) for width in (8, 16, 32)}
        self._writers = {width: machine.writer(width, core.cpu) for width in (8, 16, 32)}
        place = core.at(core.port.base) if core.port is not None else None
        self._mailbox_start = place.start if place is not None else 0
        self._mailbox_end = place.end if place is not None else 0
        self._mailbox = place.name if place is not None else None
        if place is not None:
            registers = machine.registers(place.name)
            self._mailbox_read = registers.read32
            self._mailbox_write = registers.write32

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
        if address & 3:
            raise self._error("not aligned; use a multiple of 4", address, 32)
        if self._shared_start <= address < self._shared_end:
            return self._memory().read32(address)
        if self._mailbox_start <= address < self._mailbox_end:
            return self._read_mailbox(address, address - self._mailbox_start)
        return self._read(address, 32)

    def write8(self, address: int, value: int) -> None:
        """Write a byte."""
        self._write(address, value, 8)

    def write16(self, address: int, value: int) -> None:
        """Write 16 bits."""
        self._write(address, value, 16)

    def write32(self, address: int, value: int) -> None:
        """Write 32 bits."""
        if address & 3 or not 0 <= value <= _WORD_MASK:
            self._write(address, value, 32)  # which says what is wrong
        elif self._shared_start <= address < self._shared_end:
            self._memory().write32(address, value)
        elif self._mailbox_start <= address < self._mailbox_end:
            self._write_mailbox(address, address - self._mailbox_start, value)
        else:
            self._write(address, value, 32)

    def read_block(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of memory; a block may span memories that touch, but no peripheral."""
        if self._shared_start <= address and address + size <= self._shared_end and size > 0:
            return self._memory().read_block(address, size)
        self._check_block(address, size)
        if not size:
            return b""
        try:
            return self._machine.read_block(self._cpu, address, size)
        except self._failure as error:
            raise self._error(str(error), address, 8 * size) from error

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        content = bytes(data)
        size = len(content)
        if self._shared_start <= address and address + size <= self._shared_end and size:
            self._memory().write_block(address, content)
            return
        self._check_block(address, size)
        if not size:
            return
        try:
            self._machine.write_block(self._cpu, address, content)
        except self._failure as error:
            raise self._error(str(error), address, 8 * size) from error

    def close(self) -> None:
        """Refuse everything from now on: the machine is gone."""
        self._closed = True
        self._shared_end = self._mailbox_end = 0
        self._shared_start = self._mailbox_start = 0

    def _memory(self) -> MemoryBus:
        shared = self._shared
        assert shared is not None
        return shared.active or shared.bus

    def _read_mailbox(self, address: int, offset: int) -> int:
        if offset not in _READABLE:
            raise self._error(IPC.refusal("read", offset), address, 32)
        try:
            return self._mailbox_read(offset)
        except self._failure as error:
            raise self._error(str(error), address, 32) from error

    def _write_mailbox(self, address: int, offset: int, value: int) -> None:
        if offset not in _WRITABLE:
            raise self._error(IPC.refusal("write", offset), address, 32)
        try:
            self._mailbox_write(offset, value)
        except self._failure as error:
            raise self._error(str(error), address, 32) from error
        self._rang()

    def _read(self, address: int, width: int) -> int:
        place = self._check(address, width)
        if width == 32 and place.name == self._mailbox:  # at its other address
            return self._read_mailbox(address, address - place.start)
        try:
            return int(self._readers[width](address))
        except self._failure as error:
            raise self._error(str(error), address, width) from error

    def _write(self, address: int, value: int, width: int) -> None:
        place = self._check(address, width)
        if not 0 <= value < 1 << width:
            raise self._error(f"value {value:#x} does not fit {width} bits", address, width)
        if width == 32 and place.name == self._mailbox:
            self._write_mailbox(address, address - place.start, value)
            return
        try:
            self._writers[width](address, value)
        except self._failure as error:
            raise self._error(str(error), address, width) from error
        if not place.is_memory:
            self._rang()

    def _check(self, address: int, width: int) -> Place:
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

    def _nothing(self, address: int, width: int) -> BusError:
        reason = "the machine is closed" if self._closed else "no memory or peripheral is there"
        return self._error(reason, address, width)

    def _error(self, reason: str, address: int, width: int) -> BusError:
        return BusError(reason, address=address, width=width, core=self._core)
