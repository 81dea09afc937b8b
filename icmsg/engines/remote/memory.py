"""Memory behind a Monitor, read in lines of which each is fetched once while the cores are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.remote.batched_monitor import number
from icmsg.engines.remote.transport import cut
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.engines.remote.batched_monitor import BatchedMonitor

LINE: Final = 64
"""Bytes of a line; its address is a multiple of that."""
_AHEAD: Final = 6
"""Lines that are fetched with a step because the last one needed them."""
_WORDS: Final = 32
_BLOCK: Final = 1024


class RemoteMemory:
    """Memory that all cores see at the same place.

    With the Monitor commands ``icmsg_read`` and ``icmsg_write`` (``blocks``) a block is one command, without them it
    is one for each word or byte. Between :meth:`on_pause` and :meth:`on_resume` the cores are held, and while
    ``monitor`` joins commands nobody else writes, so what was read stays true.
    """

    def __init__(self, monitor: BatchedMonitor, *, blocks: bool) -> None:
        self._monitor = monitor
        self._blocks = blocks
        self._lines: dict[int, bytearray] = {}
        self._used: set[int] = set()

    # What the cores do in between

    def on_pause(self) -> None:
        """The emulation stands still."""

    def on_resume(self) -> None:
        """The emulation is about to advance."""
        self._lines.clear()

    @property
    def ahead(self) -> list[str]:
        """Commands that print what the next step will need, if it is like the last one; answers go to :meth:`learn`."""
        if not self._blocks or len(self._used) > _AHEAD:
            self._used.clear()
        self._asked = sorted(self._used)
        self._used.clear()
        return [f"icmsg_read 0x{address:08X} {LINE}" for address in self._asked]

    def learn(self, answers: Sequence[str]) -> None:
        """Take what was read ahead."""
        for address, text in zip(self._asked, answers, strict=True):
            self._lines[address] = bytearray(_bytes(text, LINE))

    # Reading

    def read(self, address: int, size: int, start: int, end: int) -> bytes:
        """Read ``size`` bytes of the memory that lies from ``start`` up to ``end``."""
        first, last = address & -LINE, (address + size - 1) & -LINE
        if not self._monitor.joins or first < start or last + LINE > end or last - first > _BLOCK:
            return self._fetch(address, size)
        wanted = range(first, last + LINE, LINE)
        missing = [line for line in wanted if line not in self._lines]
        if missing:
            self._used.update(missing)
            data = self._fetch(missing[0], missing[-1] + LINE - missing[0])
            for line in missing:
                self._lines[line] = bytearray(data[line - missing[0] :][:LINE])
        self._used.update(wanted)
        found = b"".join(self._lines[line] for line in wanted)
        return found[address - first : address - first + size]

    def _fetch(self, address: int, size: int) -> bytes:
        if self._blocks:
            return _bytes(self._monitor.ask(f"icmsg_read 0x{address:08X} {size}")[0], size)
        return self.in_words(address, size)

    def in_words(self, address: int, size: int, cpu: str = "") -> bytes:
        """Read bytes of a memory word by word, as core ``cpu`` sees it; so many words are one line."""
        first = address & -4
        words = [f"sysbus ReadDoubleWord 0x{at:08X} {cpu}".rstrip() for at in range(first, address + size, 4)]
        data = b"".join(self._words(words[at : at + _WORDS]) for at in range(0, len(words), _WORDS))
        return data[address - first : address - first + size]

    def _words(self, commands: list[str]) -> bytes:
        words = [number(text) for text in self._monitor.ask(*commands)]
        if any(word >> 32 for word in words):
            raise EngineError(f"ReadDoubleWord printed 0x{max(words):X}, which has more than 32 bits")
        return b"".join(word.to_bytes(4, "little") for word in words)

    # Writing

    def write(self, address: int, data: bytes) -> None:
        """Write bytes."""
        for command in self._writes(address, data):
            self._monitor.do(command)
        for line in range(address & -LINE, address + len(data), LINE):
            known = self._lines.get(line)
            if known is not None:
                at, skip = max(address - line, 0), max(line - address, 0)
                part = data[skip : skip + LINE - at]
                known[at : at + len(part)] = part

    def _writes(self, address: int, data: bytes) -> Iterator[str]:
        if self._blocks and len(data) not in (1, 2, 4):
            for at in range(0, len(data), _BLOCK):
                yield f'icmsg_write 0x{address + at:08X} "{data[at : at + _BLOCK].hex()}"'
            return
        yield from _writes_in_words(address, data)

    def write_in_words(self, address: int, data: bytes, cpu: str) -> None:
        """Write bytes of a memory word by word, as core ``cpu`` sees it; so many words are one line."""
        commands = [f"{command} {cpu}" for command in _writes_in_words(address, data)]
        for at in range(0, len(commands), _WORDS):
            self._monitor.do("; ".join(commands[at : at + _WORDS]))


def _writes_in_words(address: int, data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        size = 4 if (address + at) % 4 == 0 and len(data) - at >= 4 else 1
        name = "WriteDoubleWord" if size == 4 else "WriteByte"
        value = int.from_bytes(data[at : at + size], "little")
        yield f"sysbus {name} 0x{address + at:08X} 0x{value:X}"
        at += size


def _bytes(text: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size:
        raise EngineError(f"icmsg_read printed {cut(text)!r} where {size} bytes in hexadecimal were expected")
    return data
