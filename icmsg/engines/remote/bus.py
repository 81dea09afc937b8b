"""One core's address space by commands of a Monitor, with what stays true while the emulation is held.

Memory behind a Monitor, read in lines of which each is fetched once while the cores are held.

Levels of interrupt lines, asked for as seldom as possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.bus import PlacedBus
from icmsg.engines.remote.transport import cut, number, words
from icmsg.errors import EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icmsg.engines.remote.transport import BatchedMonitor
    from icmsg.soc.soc import MappedRange, SocCore, Wire


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


_NAMES: Final = {8: "Byte", 16: "Word", 32: "DoubleWord"}


class RemoteBus(PlacedBus):
    """The :class:`icmsg.hw.bus.Bus` of one core; accesses take no virtual time.

    Memory that all cores share goes through ``memory``, registers of the mailbox by their offset, all else through
    the sysbus in the context of the core. ``rings`` is called with the channel of each task that is written.
    """

    __slots__ = ("_irq_lines", "_kind", "_memory", "_monitor", "_pending", "_rings", "_shared", "_tx_base")

    def __init__(
        self,
        monitor: BatchedMonitor,
        core: SocCore,
        memory: RemoteMemory,
        irq_lines: IrqLines,
        *,
        shared: frozenset[MappedRange],
        rings: Callable[[int], None],
    ) -> None:
        super().__init__(core, MonitorError)
        self._monitor = monitor
        self._memory = memory
        self._irq_lines = irq_lines
        self._shared = shared
        self._rings = rings
        port = core.port
        self._kind = port.kind if port is not None else None
        self._tx_base = port.tx_base if port is not None else 0
        has_one_line = port is not None and len(port.interrupts) == 1
        self._pending = (
            port.kind.registers.offset(port.kind.pending) if port is not None and has_one_line else -1
        )

    def _get(self, width: int, address: int) -> int:
        place = self._places.at(address)
        if place in self._shared:
            return int.from_bytes(self._get_block(address, width // 8), "little")
        return self._monitor.number(f"sysbus Read{_NAMES[width]} 0x{address:08X} {self._cpu}")

    def _set(self, width: int, address: int, value: int) -> None:
        place = self._places.at(address)
        if place in self._shared:
            self._memory.write(address, value.to_bytes(width // 8, "little"))
        else:
            self._monitor.do(f"sysbus Write{_NAMES[width]} 0x{address:08X} 0x{value:X} {self._cpu}")
            self._memory.on_resume()  # a peripheral may write memory by itself
            if place is not None and not place.is_memory:
                self._irq_lines.forget()
            if width == 32 and address >= self._tx_base:  # in the peer's mailbox
                self._ring(address - self._tx_base, value)

    def _get_block(self, address: int, size: int) -> bytes:
        parts = []
        for place, at, count in self._parts(address, size):
            if place in self._shared:
                parts.append(self._memory.read(at, count, place.start, place.end))
            else:
                parts.append(self._memory.in_words(at, count, self._cpu))
        return b"".join(parts)

    def _set_block(self, address: int, data: bytes) -> None:
        for place, at, count in self._parts(address, len(data)):
            content = data[at - address : at - address + count]
            if place in self._shared:
                self._memory.write(at, content)
            else:
                self._memory.write_in_words(at, content, self._cpu)
                self._memory.on_resume()

    def _parts(self, address: int, size: int) -> list[tuple[MappedRange, int, int]]:
        """Return (memory, address, bytes) for each memory that a block, checked before, lies in."""
        parts, at = [], address
        while at < address + size:
            place = self._places.at(at)
            assert place is not None
            count = min(place.end, address + size) - at
            parts.append((place, at, count))
            at += count
        return parts

    def _get_register(self, offset: int) -> int:
        assert self._mailbox is not None
        if offset == self._pending:
            known = self._irq_lines.pending(self._mailbox)
            if known is not None:
                return known
        return self._monitor.number(f"{self._mailbox} ReadDoubleWord 0x{offset:X}")

    def _set_register(self, offset: int, value: int) -> None:
        assert self._mailbox is not None
        self._monitor.do(f"{self._mailbox} WriteDoubleWord 0x{offset:X} 0x{value:X}")
        if self._kind is not None and (bits := self._kind.cleared(offset, value)):
            self._irq_lines.clear(self._mailbox, bits)
        else:
            self._irq_lines.forget()
        self._ring(offset, value)

    def _ring(self, offset: int, value: int) -> None:
        for channel in self._kind.rung(offset, value) if self._kind is not None else ():
            self._rings(channel)

    def _rang(self) -> None:
        """Do nothing: each write has said what it leaves of the levels."""

    def _words(self, failure: Exception) -> str:
        return words(failure)


class IrqLines:
    """Known levels of the lines of played cores; for a mailbox that is its register of what is pending.

    What is known stays true while the emulation is held and no register is written, so it is kept only while
    ``monitor`` joins commands. ``mailboxes`` gives the byte offset of that register by the mailbox's name.
    """

    def __init__(self, monitor: BatchedMonitor, mailboxes: Mapping[str, int]) -> None:
        self._monitor = monitor
        self._pending: Final = mailboxes
        self._lines: list[Wire] = []
        self._known: dict[Wire, int] = {}

    def add(self, line: Wire) -> None:
        """Ask for this line, too, from now on."""
        if line not in self._lines:
            self._lines.append(line)
            self.forget()

    @property
    def questions(self) -> list[str]:
        """The commands that print the levels of all lines."""
        return [self._question(line) for line in self._lines]

    def _question(self, line: Wire) -> str:
        if line.source in self._pending:
            return f"{line.source} ReadDoubleWord 0x{self._pending[line.source]:X}"
        if line.output.isdecimal():
            return f"{line.source} IsOutputSet {line.output}"
        return f"{line.source} {line.output} IsSet"

    def learn(self, answers: Sequence[str]) -> None:
        """Take what the questions printed."""
        values = (int(text == "True") if text in ("True", "False") else number(text) for text in answers)
        self._known = dict(zip(self._lines, values, strict=True))

    def forget(self) -> None:
        """Forget the levels: a command may have changed one."""
        self._known.clear()

    def clear(self, mailbox: str, bits: int) -> None:
        """Take away what Python has acknowledged; nothing rings while the emulation is held."""
        for line, value in self._known.items():
            if line.source == mailbox and mailbox in self._pending:
                self._known[line] = value & ~bits

    def is_set(self, line: Wire) -> bool:
        """Return whether the line is high."""
        if line not in self._known:
            self.learn(self._monitor.ask(*self.questions))
        value = self._known[line]
        if not self._monitor.joins:
            self.forget()
        return value != 0

    def pending(self, mailbox: str) -> int | None:
        """Return what is pending in a mailbox, None where it is not known now."""
        return next((value for line, value in self._known.items() if line.source == mailbox), None)
