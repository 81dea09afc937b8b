"""The only door to hardware: one core's address space, and the same over any writable buffer.

Addresses are byte addresses as that core sees them, values are little-endian, a block is a run of bytes.
Every implementation passes the same contract tests (``tests/contract/test_bus.py``).

Bytes behind a bus that are nothing but memory: the short way for whoever accesses them often.

A method call costs more than the access itself. Who works on the same few bytes again and again asks once for a
window (:func:`icmsg.hw.bus.window_of`), and goes through the bus where the window is empty::

    value = bus.read32(address) if window.words is None else window.words[0]

A bus over any writable buffer: memory that Python shares with an engine, a file, or nobody.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

from icmsg.errors import BusError, ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType


@runtime_checkable
class Bus(Protocol):
    """Reads and writes in one core's address space.

    Every method raises :class:`icmsg.errors.BusError` (with address, width and core) where nothing answers,
    where a 16- or 32-bit access is not aligned to its size, and where a value does not fit its width.
    A failed access changes nothing. A block needs no alignment; an empty one touches nothing and never fails.
    """

    @property
    def core(self) -> str | None:
        """The core in whose address space this is, or None for a plain buffer."""

    def read8(self, address: int) -> int:
        """Return the byte at ``address``."""

    def read16(self, address: int) -> int:
        """Return the 16-bit little-endian value at ``address``, which is a multiple of 2."""

    def read32(self, address: int) -> int:
        """Return the 32-bit little-endian value at ``address``, which is a multiple of 4."""

    def write8(self, address: int, value: int) -> None:
        """Write the byte ``value`` (0…0xFF)."""

    def write16(self, address: int, value: int) -> None:
        """Write the 16-bit ``value`` (0…0xFFFF), little-endian."""

    def write32(self, address: int, value: int) -> None:
        """Write the 32-bit ``value`` (0…0xFFFFFFFF), little-endian, in one access."""

    def read_block(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes from ``address``; one transaction on memory."""

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` from ``address`` on; one transaction on memory, all of it or nothing."""


@runtime_checkable
class BlockCheck(Protocol):
    """A bus that tells without an access whether a block is memory."""

    def check_block(self, address: int, size: int) -> None:
        """Raise BusError where :meth:`Bus.read_block` would find no memory; touch nothing."""


class Window:
    """Some bytes of a :class:`~icmsg.hw.bus.MemoryBus`, as ``data`` and as 32-bit ``words``.

    Both are None in an empty window, and become None when the bus is closed.
    """

    __slots__ = ("data", "words")

    def __init__(self, data: memoryview | None = None) -> None:
        self.data = data
        self.words: memoryview[int] | None = data.cast("I") if data is not None else None

    def close(self) -> None:
        """Let go of the memory."""
        for view in (self.words, self.data):
            if view is not None:
                view.release()
        self.data = self.words = None


ADDRESS_SPACE: Final = 1 << 32


class MemoryBus:
    """The bytes of ``buffer`` at addresses ``base`` to ``base + size - 1`` of core ``core``.

    ``buffer`` is a bytearray, mmap, memoryview, ctypes array or any other writable contiguous buffer. It is
    never copied: what either side writes, the other reads. A 16- or 32-bit access is one access of the host's
    memory; it cannot tear if ``base`` and the buffer's start in the host are both multiples of 4 (as a
    bytearray, an mmap and a ctypes array of words start; a slice of them may not).

    While the bus is open the buffer cannot be resized or closed; :meth:`close`, or the end of a ``with``
    block, lets go of it.

    Raises:
        ConfigurationError: a buffer that is read-only, empty or not contiguous, or an address range that does
            not fit a 32-bit address space.
    """

    __slots__ = (
        "_base", "_bytes", "_closed", "_core", "_first16", "_first32", "_halves", "_size", "_span16",
        "_span32", "_windows", "_words",
    )  # fmt: skip

    def __init__(self, buffer: Any, *, base: int = 0, core: str | None = None) -> None:
        if sys.byteorder != "little":
            raise ConfigurationError("MemoryBus needs a little-endian host; use an engine's bus")
        self._bytes = _as_bytes(buffer)
        self._size = len(self._bytes)
        if not 0 <= base <= ADDRESS_SPACE - self._size:
            self._bytes.release()
            raise ConfigurationError(
                f"{self._size} bytes at 0x{base:X} do not fit a 32-bit address space; choose a lower base"
            )
        self._core = core
        self._base = base
        self._closed = False
        # Aligned addresses start here; an odd base only loses the bytes before them to wide accesses.
        self._first16 = base + base % 2
        self._first32 = base + -base % 4
        self._halves = self._cast("H", self._first16 - base, 2)
        self._words = self._cast("I", self._first32 - base, 4)
        self._span16 = 2 * len(self._halves)
        self._span32 = 4 * len(self._words)
        self._windows: dict[tuple[int, int], Window] = {}

    def _cast(self, code: Literal["H", "I"], start: int, size: int) -> memoryview[int]:
        count = max(0, self._size - start) // size
        return self._bytes[start : start + count * size].cast(code)

    @property
    def core(self) -> str | None:
        """The core in whose address space this is, or None for a plain buffer."""
        return self._core

    @property
    def base(self) -> int:
        """The address of the first byte."""
        return self._base

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self._size

    def read32(self, address: int) -> int:
        """Return the 32-bit value at ``address``, in one access of the host's memory."""
        offset = address - self._first32
        if offset & 3 or not 0 <= offset < self._span32:
            raise self._refuse(address, 32)
        return self._words[offset >> 2]

    def write32(self, address: int, value: int) -> None:
        """Write the 32-bit ``value``, in one access of the host's memory."""
        offset = address - self._first32
        if offset & 3 or not 0 <= offset < self._span32:
            raise self._refuse(address, 32)
        try:
            self._words[offset >> 2] = value
        except ValueError:
            raise self._refuse(address, 32, value) from None

    def read16(self, address: int) -> int:
        """Return the 16-bit value at ``address``."""
        offset = address - self._first16
        if offset & 1 or not 0 <= offset < self._span16:
            raise self._refuse(address, 16)
        return self._halves[offset >> 1]

    def write16(self, address: int, value: int) -> None:
        """Write the 16-bit ``value``."""
        offset = address - self._first16
        if offset & 1 or not 0 <= offset < self._span16:
            raise self._refuse(address, 16)
        try:
            self._halves[offset >> 1] = value
        except ValueError:
            raise self._refuse(address, 16, value) from None

    def read8(self, address: int) -> int:
        """Return the byte at ``address``."""
        offset = address - self._base
        if not 0 <= offset < self._size:
            raise self._refuse(address, 8)
        return self._bytes[offset]

    def write8(self, address: int, value: int) -> None:
        """Write the byte ``value``."""
        offset = address - self._base
        if not 0 <= offset < self._size:
            raise self._refuse(address, 8)
        try:
            self._bytes[offset] = value
        except ValueError:
            raise self._refuse(address, 8, value) from None

    def check_block(self, address: int, size: int) -> None:
        """Raise BusError unless all of a block is here."""
        if not self._base <= address <= address + size <= self._base + self._size:
            raise self._refuse(address, 8 * size)

    def read_block(self, address: int, size: int) -> bytes:
        """Return a copy of ``size`` bytes from ``address`` on."""
        offset = address - self._base
        end = offset + size
        if not 0 <= offset <= end <= self._size:
            if size:
                raise self._refuse(address, 8 * size)
            return b""
        return self._bytes[offset:end].tobytes()

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` from ``address`` on; it may be a view of the same memory."""
        if type(data) is memoryview:
            # A view counts elements, of any format and stride; memory counts bytes.
            data = data.cast("B") if data.c_contiguous else data.tobytes()
        offset = address - self._base
        end = offset + len(data)
        if not 0 <= offset <= end <= self._size:
            if len(data):
                raise self._refuse(address, 8 * len(data))
            return
        self._bytes[offset:end] = data

    def window(self, address: int, size: int) -> Window:
        """Return a window on ``size`` bytes from ``address`` on, the same for everybody who asks.

        Empty unless all of them are memory here, and words of the host as well: as long as accesses through it
        are what :meth:`read32`, :meth:`write32` and those of blocks do.
        """
        offset = address - self._base
        words = address - self._first32
        if size <= 0 or size & 3 or words & 3 or not 0 <= words <= words + size <= self._span32:
            return Window()
        window = self._windows.get((address, size))
        if window is None:
            window = self._windows[address, size] = Window(self._bytes[offset : offset + size])
        return window

    def close(self) -> None:
        """Let go of the buffer; every later access is a BusError. Closing again does nothing."""
        self._closed = True
        self._size = self._span16 = self._span32 = 0
        for window in self._windows.values():
            window.close()
        self._windows.clear()
        for view in (self._words, self._halves, self._bytes):
            view.release()

    def __enter__(self) -> MemoryBus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<MemoryBus 0x{self._base:08X}, {self._size} bytes, core {self._core}{state}>"

    def _refuse(self, address: int, width: int, value: int | None = None) -> BusError:
        if self._closed:
            reason = "the bus was closed"
        elif value is not None:
            reason = f"value {value:#x} does not fit {width} bits"
        elif width < 0:
            reason = "a size cannot be negative"
        elif width in (16, 32) and address % (width // 8):
            reason = f"not aligned; use a multiple of {width // 8}"
        else:
            reason = f"memory is 0x{self._base:08X}…0x{self._base + self._size - 1:08X}"
        return BusError(reason, address=address, width=width, core=self._core)


def window_of(bus: Bus, address: int, size: int) -> Window:
    """Return a window on ``size`` bytes from ``address`` on, empty unless ``bus`` is plain memory there.

    Every bus but :class:`MemoryBus` itself has something to do, or to see, at each access: an engine, a wrapper
    that counts, a subclass that injects faults.
    """
    return bus.window(address, size) if type(bus) is MemoryBus else Window()


def views_of(words: Window, data: Window) -> tuple[memoryview[int], memoryview[int]]:
    """Return the words of one window and the bytes of another, both empty unless both are plain memory.

    An access to them raises ValueError when the bus was closed.
    """
    if words.words is None or data.data is None:
        return memoryview(b"").cast("I"), memoryview(b"")
    return words.words, data.data


def looking_window_of(bus: Bus, address: int, size: int) -> Window:
    """Return a window through which nothing may be written, also where the bus of an engine sees each write.

    Such a bus has a method ``looking_window``; what wraps it sees every access.
    """
    if "looking_window" in vars(type(bus)):
        window: Window = bus.looking_window(address, size)  # type: ignore[attr-defined]
        return window
    return window_of(bus, address, size)


def _as_bytes(buffer: Any) -> memoryview:
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ConfigurationError(f"{type(buffer).__name__} has no buffer; give a bytearray") from None
    if view.readonly:
        raise ConfigurationError(f"the {type(buffer).__name__} is read-only; give a bytearray")
    if not view.c_contiguous:
        raise ConfigurationError("the buffer is not contiguous; give a view without steps")
    if not view.nbytes:
        raise ConfigurationError("the buffer is empty; give at least one byte")
    return view.cast("B")
