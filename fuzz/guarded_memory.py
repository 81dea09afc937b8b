"""A bus that allows exactly the accesses that one side may make, while a peer writes between any two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.hw.bus import MemoryBus

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE = 0x2007_0000
GAP = 64
"""Bytes before, between and behind regions, which nobody may touch."""

_ACCESS_LIMIT = 5_000

Span = tuple[int, int]
"""First address and number of bytes."""


class Violation(AssertionError):  # noqa: N818 - what a fuzz target reports is no error of the package
    """What must never happen, whatever the peer does."""


class GuardedMemory:
    """Memory of ``size`` bytes from ``BASE`` on, as a Bus for the side under test.

    Everything is refused with :class:`Violation` until :meth:`allow` has named it. So are more accesses than
    any single call needs (:meth:`begin` starts to count anew): that would be a hang. What no memory could do,
    such as an access that is not aligned, is a BusError of the real bus below.
    """

    def __init__(self, size: int) -> None:
        self.memory = bytearray(size)
        self.core = None
        self.raw = MemoryBus(self.memory, base=BASE)
        """The peer's way to the same bytes: unguarded."""
        self._readable = bytearray(size)
        self._writable = bytearray(size)
        self._left = _ACCESS_LIMIT
        self._pokes: list[tuple[int, int, bytes]] = []

    def allow(self, *, read: Iterable[Span] = (), write: Iterable[Span] = ()) -> None:
        """Allow these accesses, in addition to those that are."""
        for mask, spans in ((self._readable, read), (self._writable, write)):
            for address, size in spans:
                mask[address - BASE : address - BASE + size] = b"\1" * size

    def forbid_everything(self) -> None:
        """Take back what :meth:`allow` allowed."""
        for mask in (self._readable, self._writable):
            mask[:] = bytes(len(mask))

    def begin(self) -> None:
        """Count the accesses of a new call; the peer has nothing in mind yet."""
        self._left = _ACCESS_LIMIT
        self._pokes.clear()

    def poke(self, address: int, data: bytes) -> None:
        """Let the peer write ``data`` now."""
        self.memory[address - BASE : address - BASE + len(data)] = data

    def poke_before(self, access: int, address: int, data: bytes) -> None:
        """Let the peer write ``data`` right before the access with this number (from 0) of the next call."""
        self._pokes.append((_ACCESS_LIMIT - access, address, data))

    @property
    def disturbed(self) -> bool:
        """Whether the peer wrote, or may still write, within the current call."""
        return bool(self._pokes)

    def _enter(self, address: int, size: int, mask: bytearray, what: str) -> None:
        for left, at, data in self._pokes:
            if left == self._left:
                self.poke(at, data)
        self._left -= 1
        if self._left < 0:
            raise Violation(f"more than {_ACCESS_LIMIT} bus accesses in one call: a hang")
        offset = address - BASE
        if offset < 0 or offset + size > len(mask) or mask.find(0, offset, offset + size) >= 0:
            raise Violation(f"{what} {size} bytes at 0x{address:08X}, which is not this side's to {what}")

    def read8(self, address: int) -> int:
        """Return a byte."""
        self._enter(address, 1, self._readable, "read")
        return self.raw.read8(address)

    def read16(self, address: int) -> int:
        """Return a 16-bit value."""
        self._enter(address, 2, self._readable, "read")
        return self.raw.read16(address)

    def read32(self, address: int) -> int:
        """Return a 32-bit value."""
        self._enter(address, 4, self._readable, "read")
        return self.raw.read32(address)

    def read_block(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes."""
        self._enter(address, size, self._readable, "read")
        return self.raw.read_block(address, size)

    def write8(self, address: int, value: int) -> None:
        """Write a byte."""
        self._enter(address, 1, self._writable, "write")
        self.raw.write8(address, value)

    def write16(self, address: int, value: int) -> None:
        """Write a 16-bit value."""
        self._enter(address, 2, self._writable, "write")
        self.raw.write16(address, value)

    def write32(self, address: int, value: int) -> None:
        """Write a 32-bit value."""
        self._enter(address, 4, self._writable, "write")
        self.raw.write32(address, value)

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data``."""
        self._enter(address, len(data), self._writable, "write")
        self.raw.write_block(address, data)
