"""One core's address space, by commands of a Monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.bus import PlacedBus
from icmsg.engines.remote.transport import words
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.remote.batched_monitor import BatchedMonitor
    from icmsg.engines.remote.irq_lines import IrqLines
    from icmsg.engines.remote.memory import RemoteMemory
    from icmsg.soc.soc import MappedRange, SocCore

_NAMES: Final = {8: "Byte", 16: "Word", 32: "DoubleWord"}


class RemoteBus(PlacedBus):
    """The :class:`icmsg.hw.bus.Bus` of one core; accesses take no virtual time.

    Memory that all cores share goes through ``memory``, registers of the mailbox by their offset, all else through
    the sysbus in the context of the core. ``rings`` is called with the channel of each task that is written.
    """

    __slots__ = ("_irq_lines", "_kind", "_memory", "_monitor", "_pending", "_rings", "_shared", "_tx_base")

    def __init__(
        self,
        monitor: BatchedMonitor,
        core: SocCore,
        memory: RemoteMemory,
        irq_lines: IrqLines,
        *,
        shared: frozenset[MappedRange],
        rings: Callable[[int], None],
    ) -> None:
        super().__init__(core, MonitorError)
        self._monitor = monitor
        self._memory = memory
        self._irq_lines = irq_lines
        self._shared = shared
        self._rings = rings
        port = core.port
        self._kind = port.kind if port is not None else None
        self._tx_base = port.tx_base if port is not None else 0
        has_one_line = port is not None and len(port.interrupts) == 1
        self._pending = (
            port.kind.registers.offset(port.kind.pending) if port is not None and has_one_line else -1
        )

    def _get(self, width: int, address: int) -> int:
        place = self._places.at(address)
        if place in self._shared:
            return int.from_bytes(self._get_block(address, width // 8), "little")
        return self._monitor.number(f"sysbus Read{_NAMES[width]} 0x{address:08X} {self._cpu}")

    def _set(self, width: int, address: int, value: int) -> None:
        if self._places.at(address) in self._shared:
            self._memory.write(address, value.to_bytes(width // 8, "little"))
        else:
            self._monitor.do(f"sysbus Write{_NAMES[width]} 0x{address:08X} 0x{value:X} {self._cpu}")
            self._memory.on_resume()  # a peripheral may write memory by itself
            if width == 32 and address >= self._tx_base:  # in the peer's mailbox
                self._ring(address - self._tx_base, value)

    def _get_block(self, address: int, size: int) -> bytes:
        parts = []
        for place, at, count in self._parts(address, size):
            if place in self._shared:
                parts.append(self._memory.read(at, count, place.start, place.end))
            else:
                parts.append(self._memory.in_words(at, count, self._cpu))
        return b"".join(parts)

    def _set_block(self, address: int, data: bytes) -> None:
        for place, at, count in self._parts(address, len(data)):
            content = data[at - address : at - address + count]
            if place in self._shared:
                self._memory.write(at, content)
            else:
                self._memory.write_in_words(at, content, self._cpu)
                self._memory.on_resume()

    def _parts(self, address: int, size: int) -> list[tuple[MappedRange, int, int]]:
        """Return (memory, address, bytes) for each memory that a block, checked before, lies in."""
        parts, at = [], address
        while at < address + size:
            place = self._places.at(at)
            assert place is not None
            count = min(place.end, address + size) - at
            parts.append((place, at, count))
            at += count
        return parts

    def _get_register(self, offset: int) -> int:
        assert self._mailbox is not None
        if offset == self._pending:
            known = self._irq_lines.pending(self._mailbox)
            if known is not None:
                return known
        return self._monitor.number(f"{self._mailbox} ReadDoubleWord 0x{offset:X}")

    def _set_register(self, offset: int, value: int) -> None:
        self._monitor.do(f"{self._mailbox} WriteDoubleWord 0x{offset:X} 0x{value:X}")
        self._ring(offset, value)

    def _ring(self, offset: int, value: int) -> None:
        for channel in self._kind.rung(offset, value) if self._kind is not None else ():
            self._rings(channel)

    def _rang(self) -> None:
        self._irq_lines.forget()

    def _words(self, failure: Exception) -> str:
        return words(failure)
