"""Buses of the remote engine over bytes, for the contract of every bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.engines.remote.bus import IrqLines, RemoteBus, RemoteMemory
from icmsg.engines.remote.transport import BatchedMonitor
from icmsg.soc.soc import MappedRange, SocCore

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus

_BYTES = {"Byte": 1, "Word": 2, "DoubleWord": 4}


class _Memory:
    """A Monitor with ``size`` bytes at ``base``; it checks nothing, as Renode's does not."""

    def __init__(self, base: int, size: int) -> None:
        self.memory, self.base = bytearray(size), base

    def execute(self, line: str) -> str:
        return "".join(self._run(*command.split()) for command in line.split(";"))

    def _run(self, name: str, *words: str) -> str:
        if name == "sysbus":
            kind, address, *rest = words
            size = _BYTES[kind.removeprefix("Read").removeprefix("Write")]
            if kind.startswith("Read"):
                return f"0x{int.from_bytes(self._at(address, size), 'little'):0{2 * size}X}\r\r\n"
            self._put(address, int(rest[0], 16).to_bytes(size, "little"))
            return ""
        if name == "icmsg_read":
            return f"{self._at(words[0], int(words[1])).hex()}\r\n"
        assert name == "icmsg_write"
        self._put(words[0], bytes.fromhex(words[1].strip('"')))
        return ""

    def _at(self, address: str, size: int) -> bytes:
        start = int(address, 16) - self.base
        assert 0 <= start <= len(self.memory) - size
        return bytes(self.memory[start : start + size])

    def _put(self, address: str, data: bytes) -> None:
        start = int(address, 16) - self.base
        assert 0 <= start <= len(self.memory) - len(data)
        self.memory[start : start + len(data)] = data


def remote_bus(base: int, size: int, *, blocks: bool = True, shared: bool = True, joins: bool = False) -> Bus:
    """Return the bus of core "app" with one memory, which only this core sees unless it is ``shared``.

    With ``joins`` it is as during a run: writes wait, and what was read is remembered.
    """
    monitor = BatchedMonitor(_Memory(base, size))
    monitor.joins = joins
    place = MappedRange(base, base + size, "ram", 0, is_memory=True)
    core = SocCore("app", "cpuapp", 0, None, None, address_map=[place])
    return RemoteBus(
        monitor,
        core,
        RemoteMemory(monitor, blocks=blocks),
        IrqLines(monitor, ()),
        shared=frozenset([place] if shared else []),
        rings=lambda _channel: None,
    )
