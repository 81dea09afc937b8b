"""One core's address space on Renode for Python, and memories without copies.

RAM that several cores reach is used without copies, the mailbox through its object and an offset, everything else
through the sysbus in the context of the core.

Memories that Renode's cores and Python share without copies, and that refuse use when that is not safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.bus import PlacedBus
from icmsg.errors import EngineError
from icmsg.hw.bus import MemoryBus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.renode.adapter import MachineApi
    from icmsg.machine.image import FirmwareImage
    from icmsg.soc.soc import MappedRange, SocCore


CODE_SHIFT: Final = 12
"""Bits of an address within a page of code."""


class SharedMemory:
    """A segment of a memory of Renode's, at bus addresses ``base`` up to, but not including, ``end``.

    Its bytes are those that the cores use; there is no cache in between. Renode does not see what is written here: no
    watchpoint, no access log, and code is not translated again. So pages that an image executes, those in ``code``,
    are to be written through Renode's bus instead.

    It can be used only between the steps of the machine. While the emulation advances, and after the machine is
    cleared, every use is an EngineError and the address is forgotten, because a stale one crashes the process.
    """

    def __init__(self, name: str, base: int, view: memoryview) -> None:
        self.name: Final = name
        self.base: Final = base
        self.end: Final = base + len(view)
        self.code: Final[set[int]] = set()
        """The numbers of the pages (address >> CODE_SHIFT) that an image executes."""
        self._why = "is not mapped"
        self._mapped: MemoryBus | None = MemoryBus(view, base=base)
        self.active: MemoryBus | None = self._mapped
        """The memory while it may be used, else None; for code that cannot afford a call."""

    @property
    def bus(self) -> MemoryBus:
        """The memory as a bus; EngineError while it must not be used."""
        if self.active is None:
            raise _refusal(self.name, self._why)
        return self.active

    def executes(self, address: int, size: int) -> bool:
        """Tell whether an image executes what lies in the pages of these bytes."""
        last = (address + size - 1) >> CODE_SHIFT
        return any(page in self.code for page in range(address >> CODE_SHIFT, last + 1))

    def on_pause(self) -> None:
        """Permit its use: the emulation stands still."""
        self.active = self._mapped

    def on_resume(self) -> None:
        """The emulation is about to advance."""
        self._why = _ADVANCES
        self.active = None

    def unmap(self) -> None:
        """Forget the address; before the machine is cleared."""
        self._why = _GONE
        self.active = None
        if self._mapped is not None:
            self._mapped.close()
            self._mapped = None


_ADVANCES: Final = "is in use by the cores"
_GONE: Final = "is gone"


class SharedMemories:
    """The memories called ``names``, each segment mapped when it is used first.

    Renode keeps a memory in segments, of 64 KiB and more.
    """

    def __init__(self, machine: MachineApi, names: Collection[str]) -> None:
        self._machine = machine
        self._segment_bytes: Final = {name: machine.segment_bytes(name) for name in names}
        self._mapped: dict[tuple[MappedRange, int], SharedMemory] = {}
        self._executed: list[tuple[str, int, int]] = []
        self._why: str | None = None

    def near(self, place: MappedRange, address: int) -> SharedMemory | None:
        """Return what answers at ``address`` of ``place``, None if that is not shared.

        Raises:
            EngineError: it must not be used now.
        """
        size = self._segment_bytes.get(place.name)
        if size is None:
            return None
        index = (address - place.start + place.offset) // size
        found = self._mapped.get((place, index))
        if found is None:
            if self._why is not None:
                raise _refusal(place.name, self._why)
            found = self._mapped[place, index] = self._map(place, index, size)
        return found

    def _map(self, place: MappedRange, index: int, size: int) -> SharedMemory:
        view = self._machine.segment(place.name, index)
        first = max(index * size, place.offset)
        last = min(index * size + len(view), place.offset + place.end - place.start)
        part = view[first - index * size : last - index * size]
        found = SharedMemory(place.name, place.start + first - place.offset, part)
        for name, start, end in self._executed:
            if name == place.name:
                self._note(found, place, start, end)
        return found

    def execute(self, core: SocCore, image: FirmwareImage) -> None:
        """Note what ``image`` executes on ``core``."""
        for segment in image.segments:
            end = segment.run_address + len(segment.data)
            for place in core.memories() if segment.executable else ():
                first, last = max(segment.run_address, place.start), min(end, place.end)
                if first < last and place.name in self._segment_bytes:
                    moved = place.offset - place.start
                    self._executed.append((place.name, first + moved, last + moved))
                    for (other, _), memory in self._mapped.items():
                        if other.name == place.name:
                            self._note(memory, other, first + moved, last + moved)

    def _note(self, memory: SharedMemory, place: MappedRange, start: int, end: int) -> None:
        """Note that bytes ``start`` up to ``end`` of the memory behind ``place`` are executed."""
        moved = place.start - place.offset
        first, last = max(start + moved, memory.base), min(end + moved, memory.end)
        if first < last:
            memory.code.update(range(first >> CODE_SHIFT, (last - 1 >> CODE_SHIFT) + 1))

    def on_pause(self) -> None:
        """Permit their use: the emulation stands still."""
        self._why = None
        for memory in self._mapped.values():
            memory.on_pause()

    def on_resume(self) -> None:
        """The emulation is about to advance."""
        self._why = _ADVANCES
        for memory in self._mapped.values():
            memory.on_resume()

    def unmap(self) -> None:
        """Forget the addresses; before the machine is cleared."""
        self._why = _GONE
        for memory in self._mapped.values():
            memory.unmap()


def _refusal(name: str, why: str) -> EngineError:
    return EngineError(f"shared memory {name} {why}: use it between the steps of the machine")


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
