"""One core's address space on Renode for Python.

RAM that several cores reach is used without copies, the mailbox through its object and an offset, everything else
through the sysbus in the context of the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.bus import PlacedBus
from icmsg.engines.renode.shared import CODE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.renode.api import MachineApi
    from icmsg.engines.renode.shared import SharedMemories, SharedMemory
    from icmsg.soc.soc import SocCore

_WORD_MASK: Final = 0xFFFF_FFFF


class RenodeBus(PlacedBus):
    """The :class:`icmsg.hw.bus.Bus` of one core.

    Accesses take no virtual time. ``rang`` is called after each write of a register, because it may have rung.
    """

    __slots__ = (
        "_after_write", "_machine", "_mailbox_end", "_mailbox_read", "_mailbox_start", "_mailbox_write", "_near",
        "_near_end", "_near_start", "_readers", "_shared", "_writers",
    )  # fmt: skip

    def __init__(
        self,
        machine: MachineApi,
        core: SocCore,
        shared: SharedMemories,
        *,
        rang: Callable[[], None],
        failure: type[Exception],
    ) -> None:
        super().__init__(core, failure)
        self._machine = machine
        self._after_write = rang
        self._shared = shared
        self._near: SharedMemory | None = None  # the one that was used last
        self._near_start = self._near_end = 0
        self._readers = {width: machine.reader(width, core.cpu) for width in (8, 16, 32)}
        self._writers = {width: machine.writer(width, core.cpu) for width in (8, 16, 32)}
        place = core.at(core.port.base) if core.port is not None else None
        self._mailbox_start = place.start if place is not None else 0
        self._mailbox_end = place.end if place is not None else 0
        if place is not None:
            registers = machine.registers(place.name)
            self._mailbox_read = registers.read32
            self._mailbox_write = registers.write32

    def read32(self, address: int) -> int:
        """Read 32 bits."""
        if not address & 3:
            near = self._near
            if near is not None and self._near_start <= address < self._near_end:
                return (near.active or near.bus).read32(address)
            if self._mailbox_start <= address < self._mailbox_end:
                return self._read_mailbox(address, address - self._mailbox_start)
            if (near := self._approach(address, 4)) is not None:
                return near.bus.read32(address)
        return self._read(address, 32)

    def write32(self, address: int, value: int) -> None:
        """Write 32 bits."""
        if address & 3 or not 0 <= value <= _WORD_MASK:
            self._write(address, value, 32)  # which says what is wrong
            return
        near = self._near
        if near is None or not self._near_start <= address < self._near_end:
            if self._mailbox_start <= address < self._mailbox_end:
                self._write_mailbox(address, address - self._mailbox_start, value)
                return
            near = self._approach(address, 4)
        if near is None or (near.code and address >> CODE_SHIFT in near.code):
            self._write(address, value, 32)
        else:
            (near.active or near.bus).write32(address, value)
            if self._watches:
                self._wrote(address, 4)

    def read_block(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of memory; a block may span memories that touch, but no peripheral."""
        near = self._approach(address, size)
        if near is not None:
            return (near.active or near.bus).read_block(address, size)
        return super().read_block(address, size)

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        content = bytes(data)
        near = self._approach(address, len(content))
        if near is None or (near.code and near.executes(address, len(content))):
            super().write_block(address, content)
        else:
            (near.active or near.bus).write_block(address, content)
            if self._watches:
                self._wrote(address, len(content))

    def close(self) -> None:
        """Refuse everything from now on: the machine is gone."""
        super().close()
        self._near = None
        self._mailbox_start = self._mailbox_end = 0

    def _approach(self, address: int, size: int) -> SharedMemory | None:
        """Return the shared memory that has all of these bytes, if one has, and begin there the next time."""
        near = self._near
        if near is not None and self._near_start <= address and address + size <= self._near_end and size > 0:
            return near
        place = self._places.at(address) if size > 0 and not self._closed else None
        near = self._shared.near(place, address) if place is not None and place.is_memory else None
        if near is None or address + size > near.end:
            return None
        self._near, self._near_start, self._near_end = near, near.base, near.end
        return near

    def _get(self, width: int, address: int) -> int:
        return int(self._readers[width](address))

    def _set(self, width: int, address: int, value: int) -> None:
        self._writers[width](address, value)

    def _get_block(self, address: int, size: int) -> bytes:
        return self._machine.read_block(self._cpu, address, size)

    def _set_block(self, address: int, data: bytes) -> None:
        self._machine.write_block(self._cpu, address, data)

    def _get_register(self, offset: int) -> int:
        return self._mailbox_read(offset)

    def _set_register(self, offset: int, value: int) -> None:
        self._mailbox_write(offset, value)

    def _rang(self) -> None:
        self._after_write()
