"""Memories and peripherals in the address space of one core.

A page of addresses in which several peripherals have their registers, or one that does not fill it.

The emulator maps whole pages, so the parts are told apart here.
"""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.model import IoModel


PAGE: Final = 0x1000
"""Granularity of memories and peripherals, as the emulator maps them."""


_PRIVATE: Final[dict[str, int]] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)
DEVICES: Final = range(0x4000_0000, 0x6000_0000), range(0xE000_0000, 1 << 32)
"""Addresses of peripherals (Armv8-M ARM, B8.1)."""
CODE_PAGE: Final = 1024
"""Bytes of the pages that are told apart where code is concerned: those that the emulator translates."""


_NO_PAGE: Final = -1
"""Key by which :attr:`Memory.reserved` is not empty while somebody watches."""


class CodeUser(Protocol):
    """A core that keeps translations of code, and wants to know where it changes."""

    def written(self, memory: Memory, offset: int, *, by: CodeUser) -> None:
        """Core ``by`` is about to write into a page of ``memory`` from which this one has executed."""

    def changed(self, memory: Memory, offset: int, size: int) -> None:
        """Python has changed a range of ``memory``."""

    def forget_pages(self) -> None:
        """Ask again before the next write into any page."""

    def lose_reservation(self) -> None:
        """Somebody else writes into the page for which this core is in :attr:`Memory.reserved`."""


class Memory:
    """RAM or flash: ``size`` bytes that all cores and Python share without copies.

    Flash is writable by everybody, as Renode's ``Memory.MappedMemory`` is. Contents survive every reset.
    """

    def __init__(self, name: str, size: int) -> None:
        if size <= 0 or size % PAGE:
            raise ConfigurationError(f"memory {name}: size 0x{size:X} must be a multiple of 0x{PAGE:X}")
        self.name: Final = name
        self.size: Final = size
        # Private: the child of a fork gets its own memory, as it gets its own emulator.
        self._map = mmap.mmap(-1, size, **_PRIVATE)
        self._anchor = (ctypes.c_char * size).from_buffer(self._map)
        self.pointer: Final = ctypes.addressof(self._anchor)
        self.bytes: Final = memoryview(self._map)
        self.words: Final = self.bytes.cast("I")
        self.code: Final[dict[int, list[CodeUser]]] = {}
        """Users that have executed from a page (of ``CODE_PAGE`` bytes); writes there have to be told."""
        self.writers: Final[dict[int, list[CodeUser]]] = {}
        """Users that may write into a page without being asked again."""
        self.reserved: Final[dict[int, list[CodeUser]]] = {}
        """Users whose exclusive monitor is set for an address in a page; writes there have to be told."""
        self._watchers: Final[list[Callable[[int, int, str | None], None]]] = []
        self._windows: Final[list[Window]] = []

    def watch(self, told: Callable[[int, int, str | None], None]) -> Callable[[], None]:
        """Call ``told(offset, size, core)`` behind each write of Python's, through the bus of ``core`` or of nobody.

        The function returned ends that.
        """
        self._watchers.append(told)
        self.reserved.setdefault(_NO_PAGE, [])

        def stop() -> None:
            if told in self._watchers:
                self._watchers.remove(told)
                if not self._watchers:
                    del self.reserved[_NO_PAGE]

        return stop

    def changed(self, offset: int, size: int, core: str | None = None) -> None:
        """Tell every core that has executed from a range, or reserved an address in it, that Python has changed it.

        It wrote through the bus of ``core``.
        """
        for watcher in tuple(self._watchers):
            watcher(offset, size, core)
        first, last = offset // CODE_PAGE, (offset + size - 1) // CODE_PAGE
        for page in [page for page in self.reserved if first <= page <= last]:
            self.end_reservations(page)
        told: list[CodeUser] = []
        for page in range(first, last + 1) if last - first < len(self.code) else sorted(self.code):
            if first <= page <= last:
                for user in self.code.get(page, ()):
                    if user not in told:
                        told.append(user)
        for user in told:
            user.changed(self, offset, size)

    def reserve(self, page: int, user: CodeUser) -> None:
        """Note a core's exclusive reservation in ``page``, so that all others ask before they write there."""
        self.reserved.setdefault(page, []).append(user)
        writers = self.writers.get(page, [])
        others = [writer for writer in writers if writer is not user]
        for writer in others:
            writers.remove(writer)
            writer.forget_pages()

    def end_reservations(self, page: int, by: CodeUser | None = None) -> None:
        """Let every core but ``by`` lose its exclusive reservation in ``page``."""
        users = self.reserved.pop(page)
        if by in users:
            self.reserved[page] = [by]
        for user in users:
            if user is not by:
                user.lose_reservation()

    def window(self, offset: int, size: int) -> Window:
        """Return a window on some bytes for who only looks; empty unless they are whole words."""
        if offset & 3 or size & 3:
            return Window()
        self._windows.append(Window(self.bytes[offset : offset + size]))
        return self._windows[-1]

    def halfword(self, offset: int) -> int:
        """Return the 16 bits at byte ``offset``."""
        return int.from_bytes(self.bytes[offset : offset + 2], "little")

    def close(self) -> None:
        """Give the memory back; no core may have it mapped any more, and every view becomes unusable."""
        for window in self._windows:
            window.close()
        self.words.release()
        self.bytes.release()
        del self._anchor
        self._map.close()


@dataclass(frozen=True, slots=True)
class MappedMemory:
    """A memory at byte address ``start`` up to, but not including, ``end``."""

    start: int
    end: int
    memory: Memory

    @property
    def name(self) -> str:
        """The memory's name in the platform file."""
        return self.memory.name


@dataclass(frozen=True, slots=True)
class IoRange:
    """A peripheral at byte address ``start`` up to, but not including, ``end``."""

    start: int
    end: int
    model: IoModel
    name: str


Range = MappedMemory | IoRange


class AddressSpace:
    """Address space of one core; looked up by page, so a look-up costs one dictionary access."""

    def __init__(self, core: str) -> None:
        self.core: Final = core
        self.pages: Final[dict[int, Range]] = {}
        self.ranges: Final[list[Range]] = []
        self._first: dict[str, MappedMemory] = {}
        self.closed = False
        self.is_partial = False
        """True if the platform file does not know all peripherals: an access to nothing is no fault among them."""

    def tolerates(self, address: int) -> bool:
        """Return whether an access to ``address``, where nothing is, reads 0 or goes nowhere instead of a fault."""
        return self.is_partial and any(address in devices for devices in DEVICES)

    def add(self, new: Range) -> None:
        """Register a range.

        Raises:
            ConfigurationError: it is not made of whole pages, or something is there already.
        """
        if new.start % PAGE or new.end % PAGE:
            raise ConfigurationError(
                f"0x{new.start:08X}…0x{new.end:08X} of core {self.core} must start and end at a multiple of 0x{PAGE:X}"
            )
        for page in range(new.start // PAGE, new.end // PAGE):
            if page in self.pages:
                raise ConfigurationError(f"core {self.core} has two things at 0x{page * PAGE:08X}")
            self.pages[page] = new
        self.ranges.append(new)
        if isinstance(new, MappedMemory):
            self._first.setdefault(new.memory.name, new)

    def has_room_for_io(self, start: int, size: int) -> bool:
        """Return whether no memory lies in the pages of a range."""
        return all(self.memory_at(address) is None for address in range(start & -PAGE, start + size, PAGE))

    def close(self) -> None:
        """Let nothing be found any more, because the memories are about to go."""
        self.closed = True
        self.pages.clear()
        self.ranges.clear()

    def memory_at(self, address: int) -> MappedMemory | None:
        """Return the memory range that contains byte ``address``, or None."""
        found = self.pages.get(address >> 12)
        return found if isinstance(found, MappedMemory) else None

    def alias(self, found: MappedMemory, address: int) -> int:
        """Return the first address of the byte of ``found`` at ``address``; a memory may be registered twice."""
        return address - found.start + self._first[found.memory.name].start

    def memories(self) -> list[MappedMemory]:
        """Return all memory ranges."""
        return [item for item in self.ranges if isinstance(item, MappedMemory)]

    def gaps(self) -> list[tuple[int, int]]:
        """Return (start, end) of everything where nothing is registered, in the 4 GiB of a core."""
        found: list[tuple[int, int]] = []
        position = 0
        for item in sorted(self.ranges, key=lambda item: item.start):
            if item.start > position:
                found.append((position, item.start))
            position = item.end
        if position < 1 << 32:
            found.append((position, 1 << 32))
        return found


def place_io(
    space: AddressSpace, start: int, size: int, model: IoModel, name: str, *, offset: int = 0
) -> None:
    """Let ``model`` answer ``size`` bytes from address ``start`` on, where its offset is ``offset``.

    Raises:
        ConfigurationError: something is there already.
    """
    end = start + size
    if start % PAGE == end % PAGE == offset == 0:
        space.add(IoRange(start, end, model, name))
        return
    for base in range(start - start % PAGE, end, PAGE):
        found = space.pages.get(base // PAGE)
        if not isinstance(found, IoRange) or not isinstance(found.model, SharedPage):
            found = IoRange(base, base + PAGE, SharedPage(base, space.core), name)
            space.add(found)
        page = found.model
        assert isinstance(page, SharedPage)
        first, last = max(start, base) - base, min(end, base + PAGE) - base
        page.add(first, last, model, name, shift=base - start + offset)


class _Part(NamedTuple):
    start: int
    end: int
    model: IoModel
    name: str
    shift: int


class SharedPage:
    """The page of core ``core`` at byte address ``base``; offsets are in bytes from there."""

    def __init__(self, base: int, core: str) -> None:
        self._base: Final = base
        self._core: Final = core
        self._parts: list[_Part] = []

    def add(self, start: int, end: int, model: IoModel, name: str, *, shift: int) -> None:
        """Let ``model`` answer from offset ``start`` up to ``end``; it sees ``shift`` added to the page's offset.

        Raises:
            ConfigurationError: another part is there already.
        """
        for part in self._parts:
            if start < part.end and part.start < end:
                raise ConfigurationError(
                    f"core {self._core} has {part.name} from 0x{self._base + part.start:08X} to "
                    f"0x{self._base + part.end - 1:08X} already"
                )
        self._parts.append(_Part(start, end, model, name, shift))

    def reset(self) -> None:
        """The parts are reset one by one, with the core that they belong to."""

    def read8(self, offset: int) -> int:
        """Read a byte."""
        part = self._part(offset, 8)
        return part.model.read8(offset + part.shift)

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        part = self._part(offset, 16)
        return part.model.read16(offset + part.shift)

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        part = self._part(offset, 32)
        return part.model.read32(offset + part.shift)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        part = self._part(offset, 8)
        part.model.write8(offset + part.shift, value)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        part = self._part(offset, 16)
        part.model.write16(offset + part.shift, value)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        part = self._part(offset, 32)
        part.model.write32(offset + part.shift, value)

    def _part(self, offset: int, width: int) -> _Part:
        for part in self._parts:
            if part.start <= offset < part.end:
                return part
        names = ", ".join(part.name for part in self._parts)
        raise BusError(
            f"no peripheral is there, only {names} in the same page",
            address=self._base + offset,
            width=width,
            core=self._core,
        )
