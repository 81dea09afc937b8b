"""The bytes of one fuzz input, read as numbers and blocks; behind its end everything is 0."""

from __future__ import annotations

from typing import TypeVar

Choice = TypeVar("Choice")


class Script:
    """Hands out ``data`` from front to back; true while something is left."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """Return the next byte."""
        at = self._at
        self._at = at + 1
        return self._data[at] if at < len(self._data) else 0

    def word(self) -> int:
        """Return the next 32-bit little-endian value."""
        return int.from_bytes(self.block(4), "little")

    def block(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        at = self._at
        self._at = at + size
        return self._data[at : at + size].ljust(size, b"\0")

    def choose(self, choices: tuple[Choice, ...]) -> Choice:
        """Let the next byte choose one of ``choices``."""
        return choices[self.byte() % len(choices)]
