"""One core's address space on Renode for Python.

Shared memory is used without copies, the mailbox through its object and an offset, everything else through the sysbus
in the context of the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.stepped.bus import PlacedBus

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.renode.api import MachineApi
    from icmsg.cosim.renode.shared import SharedMemory
    from icmsg.cosim.soc import SocCore
    from icmsg.hw.memory_bus import MemoryBus

_WORD_MASK: Final = 0xFFFF_FFFF


class RenodeBus(PlacedBus):
    """The :class:`icmsg.hw.bus.Bus` of one core.

    Accesses take no virtual time. ``rang`` is called after each write of a register, because it may have rung.
    """

    __slots__ = (
        "_after_write", "_machine", "_mailbox_end", "_mailbox_read", "_mailbox_start", "_mailbox_write", "_readers",
        "_shared", "_shared_end", "_shared_start", "_writers",
    )  # fmt: skip

    def __init__(
        self,
        machine: MachineApi,
        core: SocCore,
        shared: SharedMemory | None,
        *,
        rang: Callable[[], None],
        failure: type[Exception],
    ) -> None:
        super().__init__(core, failure)
        self._machine = machine
        self._after_write = rang
        self._shared = shared
        self._shared_start = shared.base if shared is not None else 0
        self._shared_end = shared.base + shared.size if shared is not None else 0
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
            if self._shared_start <= address < self._shared_end:
                return self._memory().read32(address)
            if self._mailbox_start <= address < self._mailbox_end:
                return self._read_mailbox(address, address - self._mailbox_start)
        return self._read(address, 32)

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
        return super().read_block(address, size)

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        content = bytes(data)
        if self._shared_start <= address and address + len(content) <= self._shared_end and content:
            self._memory().write_block(address, content)
        else:
            super().write_block(address, content)

    def close(self) -> None:
        """Refuse everything from now on: the machine is gone."""
        super().close()
        self._shared_end = self._mailbox_end = 0
        self._shared_start = self._mailbox_start = 0

    def _memory(self) -> MemoryBus:
        shared = self._shared
        assert shared is not None
        return shared.active or shared.bus

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
