"""Cores as emulated mailboxes see them, without an engine: their events are lists, their times are set by the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.bus import Bus
    from icmsg.hw.line import Line
    from icmsg.hw.model import IoModel


class Site:
    """A core called ``name`` at tick ``time``; with ``runs`` what is delivered waits for :meth:`advance`."""

    def __init__(self, name: str, *, runs: bool = False) -> None:
        self.name = name
        self.time = 0
        self.runs = runs
        self.rings: list[int] = []
        self.losses: list[tuple[int, int]] = []
        self.waiting: list[tuple[int, Callable[[], None]]] = []
        self.later: list[tuple[int, Callable[[], None]]] = []

    def now(self) -> int:
        return self.time

    def rang(self, channel: int) -> None:
        self.rings.append(channel)

    def lost(self, channel: int, signals: int) -> None:
        self.losses.append((channel, signals))

    def deliver(self, time: int, action: Callable[[], None]) -> None:
        if self.runs:
            self.waiting.append((time, action))
        else:
            action()

    def after_us(self, microseconds: int, action: Callable[[], None]) -> None:
        self.later.append((microseconds, action))

    def advance(self, time: int) -> None:
        """Let the core come to ``time``: what was delivered up to then happens, in order."""
        due = sorted((each for each in self.waiting if each[0] <= time), key=lambda each: each[0])
        self.waiting = [each for each in self.waiting if each[0] > time]
        for at, action in due:
            self.time = max(self.time, at)
            action()
        self.time = max(self.time, time)

    def pass_time(self) -> None:
        """Run what was to happen later, in order."""
        due, self.later = sorted(self.later, key=lambda each: each[0]), []
        for _, action in due:
            action()


class Rises:
    """Counts how often lines rise, by interrupt number."""

    def __init__(self, *lines: tuple[int, Line]) -> None:
        self.counts: dict[int, int] = {}
        for number, line in lines:
            line.connect(self._take, number)

    def _take(self, number: int, level: bool) -> None:
        if level:
            self.counts[number] = self.counts.get(number, 0) + 1

    def __getitem__(self, number: int) -> int:
        return self.counts.get(number, 0)


class PartsBus:
    """One core's bus, of parts that each lie at ``(start, end)``; 32-bit accesses are in ``log``."""

    def __init__(self, parts: dict[tuple[int, int], Bus]) -> None:
        self._parts = parts
        self.log: list[tuple[str, int, int]] = []

    @property
    def core(self) -> str | None:
        return None

    def read8(self, address: int) -> int:
        return self._of(address).read8(address)

    def read16(self, address: int) -> int:
        return self._of(address).read16(address)

    def read32(self, address: int) -> int:
        value = self._of(address).read32(address)
        self.log.append(("read", address, value))
        return value

    def write8(self, address: int, value: int) -> None:
        self._of(address).write8(address, value)

    def write16(self, address: int, value: int) -> None:
        self._of(address).write16(address, value)

    def write32(self, address: int, value: int) -> None:
        self.log.append(("write", address, value))
        self._of(address).write32(address, value)

    def read_block(self, address: int, size: int) -> bytes:
        return self._of(address).read_block(address, size)

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        self._of(address).write_block(address, data)

    def _of(self, address: int) -> Bus:
        for (start, end), part in self._parts.items():
            if start <= address < end:
                return part
        raise BusError("nothing is there", address=address, width=32, core=None)


class DoorBus:
    """What one core sees of a peripheral at ``base``, as an engine's bus has it."""

    core = None

    def __init__(self, door: IoModel, base: int) -> None:
        self._door = door
        self._base = base

    def read8(self, address: int) -> int:
        return self._door.read8(address - self._base)

    def read16(self, address: int) -> int:
        return self._door.read16(address - self._base)

    def read32(self, address: int) -> int:
        return self._door.read32(address - self._base)

    def write8(self, address: int, value: int) -> None:
        self._door.write8(address - self._base, value)

    def write16(self, address: int, value: int) -> None:
        self._door.write16(address - self._base, value)

    def write32(self, address: int, value: int) -> None:
        self._door.write32(address - self._base, value)

    def read_block(self, address: int, size: int) -> bytes:
        return b"".join(self.read8(at).to_bytes(1, "little") for at in range(address, address + size))

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        for at, value in enumerate(bytes(data)):
            self.write8(address + at, value)
