"""Memories that Renode's cores and Python share without copies, and that refuse use when that is not safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError
from icmsg.hw.memory_bus import MemoryBus

if TYPE_CHECKING:
    from collections.abc import Collection

    from icmsg.engines.renode.api import MachineApi
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
