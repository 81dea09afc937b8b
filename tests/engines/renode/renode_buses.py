"""Buses of the Renode engine over bytes, for the contract of every bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icmsg.engines.renode.bus import RenodeBus, SharedMemories
from icmsg.soc.soc import MappedRange, SocCore

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.bus import Bus


class _Api:
    """A sysbus with ``size`` bytes at ``base``; it checks nothing, as Renode's does not."""

    def __init__(self, base: int, size: int) -> None:
        self.memory, self.base = bytearray(size), base

    def reader(self, width: int, _core: str) -> Callable[[int], int]:
        return lambda address: int.from_bytes(self.read_block("", address, width // 8), "little")

    def writer(self, width: int, _core: str) -> Callable[[int, int], None]:
        return lambda address, value: self.write_block("", address, value.to_bytes(width // 8, "little"))

    def read_block(self, _core: str, address: int, size: int) -> bytes:
        return bytes(self.memory[address - self.base : address - self.base + size])

    def write_block(self, _core: str, address: int, data: bytes) -> None:
        self.memory[address - self.base : address - self.base + len(data)] = data

    def segment_bytes(self, _name: str) -> int:
        return len(self.memory)

    def segment(self, _name: str, _index: int) -> memoryview:
        return memoryview(self.memory)


def renode_bus(base: int, size: int, *, shared: bool) -> Bus:
    """Return the bus of core "app" with one memory, mapped into Python or behind the sysbus."""
    api: Any = _Api(base, size)
    core = SocCore(
        "app", "cpuapp", 0, None, None, address_map=[MappedRange(base, base + size, "ram", 0, True)]
    )
    mapped = SharedMemories(api, ["ram"] if shared else [])
    return RenodeBus(api, core, mapped, rang=lambda: None, failure=RuntimeError)
