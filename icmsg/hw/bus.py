"""The only door to hardware: one core's address space.

Addresses are byte addresses as that core sees them, values are little-endian, a block is a run of bytes.
Every implementation passes the same contract tests (``tests/contract/test_bus.py``).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


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
