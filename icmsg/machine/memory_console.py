"""Consoles that lie in memory: SEGGER RTT, and the RAM console of Zephyr (``CONFIG_RAM_CONSOLE``).

An image that has one says so by a symbol. Nothing is hooked: whoever runs the machine polls at points of virtual time
that do not depend on the caller. At these points input for RTT comes, too.

RTT's control block (SEGGER's wiki, "RTT Control Block"): 16 bytes of identifier, the numbers of up- and down-buffers,
then 24 bytes for each buffer: name, address, size, WrOff, RdOff, flags. The host owns RdOff of an up-buffer
and WrOff of a down-buffer; down-buffers follow the up-buffers. Zephyr's
RAM console (``drivers/console/ram_console.c``) is a ring of characters whose last byte stays 0.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import BusError, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.hw.bus import Bus

_RTT_SYMBOL: Final = "_SEGGER_RTT"
_RAM_SYMBOLS: Final = ("ram_console_buf", "ram_console")
_LARGEST: Final = 1 << 16
"""Bytes of a ring; what claims to be larger was not set up, or is no ring."""
_MOST_BUFFERS: Final = 64

_ID: Final = b"SEGGER RTT\0"
_CONTROL_BLOCK: Final = Struct("<16s2I")
_BUFFER: Final = Struct("<4I")
_BUFFER_SIZE: Final = 24
_UP_BUFFER_AT: Final = _CONTROL_BLOCK.size + 4
"""Offset of address, size, WrOff and RdOff of up-buffer 0, behind the pointer to its name."""
_WR_OFF, _RD_OFF = 8, 12
"""Offsets behind the address of a buffer."""


class MemoryConsole(Protocol):
    """A console that has to be asked."""

    def poll(self) -> bytes:
        """Return what was printed since the last time; nothing where it is not set up, or damaged."""


class RttConsole:
    """Console in up- and down-buffer 0 of the control block at byte address ``address``.

    Reading makes room for the firmware; what is written waits until there is room for it.
    """

    def __init__(self, bus: Bus, address: int) -> None:
        self._bus = bus
        self._address = address
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Let ``data`` come into the down-buffer with the next polls, as far as there is room each time."""
        self._waiting += data

    def poll(self) -> bytes:
        """Return the bytes between RdOff and WrOff, and move RdOff on; hand on what was written."""
        try:
            if self._waiting:
                self._give()
            return self._take()
        except BusError:
            return b""

    def _buffers(self) -> tuple[int, int]:
        """Return how many up- and down-buffers there are; none where the block is not set up."""
        block = self._bus.read_block(self._address, _CONTROL_BLOCK.size)
        identifier, up_buffers, down_buffers = _CONTROL_BLOCK.unpack(block)
        return (up_buffers, down_buffers) if identifier.startswith(_ID) else (0, 0)

    def _give(self) -> None:
        bus = self._bus
        up_buffers, down_buffers = self._buffers()
        if not down_buffers or up_buffers > _MOST_BUFFERS:
            return
        at = self._address + _UP_BUFFER_AT + _BUFFER_SIZE * up_buffers
        buffer, size, wr_off, rd_off = _BUFFER.unpack(bus.read_block(at, _BUFFER.size))
        if not max(wr_off, rd_off) < size <= _LARGEST:
            return
        room = (rd_off - wr_off - 1) % size
        data = bytes(self._waiting[:room])
        first = data[: size - wr_off]
        if data:
            bus.write_block(buffer + wr_off, first)
            if len(first) < len(data):
                bus.write_block(buffer, data[len(first) :])
            bus.write32(at + _WR_OFF, (wr_off + len(data)) % size)
            del self._waiting[: len(data)]

    def _take(self) -> bytes:
        bus, at = self._bus, self._address + _UP_BUFFER_AT
        buffer, size, wr_off, rd_off = _BUFFER.unpack(bus.read_block(at, _BUFFER.size))
        if wr_off == rd_off or not max(wr_off, rd_off) < size <= _LARGEST or not self._buffers()[0]:
            return b""
        if rd_off < wr_off:
            data = bytes(bus.read_block(buffer + rd_off, wr_off - rd_off))
        else:
            tail = bytes(bus.read_block(buffer + rd_off, size - rd_off))
            data = tail + bytes(bus.read_block(buffer, wr_off) if wr_off else b"")
        bus.write32(at + _RD_OFF, wr_off)
        return data


class RamConsole:
    """A ring of ``size`` characters at byte address ``address``, whose index is nowhere to be found.

    What changed since the last time is what was printed. That is exact until the ring is full for the first
    time; later, characters that equal those which they replace can be missing.
    """

    def __init__(self, bus: Bus, address: int, size: int) -> None:
        self._bus = bus
        self._address = address
        self._seen = bytes(size)
        self._next = 0

    def poll(self) -> bytes:
        """Return the characters that are new."""
        try:
            now = bytes(self._bus.read_block(self._address, len(self._seen)))
        except BusError:
            return b""
        if now == self._seen:
            return b""
        changed = [index for index, byte in enumerate(now) if byte != self._seen[index]]
        self._seen = now
        ahead = [index for index in changed if index >= self._next]
        behind = [index for index in changed if index < self._next]
        data = now[self._next : ahead[-1] + 1] if ahead else b""
        if behind:
            data += now[: behind[-1] + 1]
        self._next = behind[-1] + 1 if behind else ahead[-1] + 1
        return data.replace(b"\0", b"")


class MemoryConsoles:
    """The consoles that an image with these ``symbols`` has in memory, behind ``bus``; none is fine."""

    def __init__(self, bus: Bus, symbols: Mapping[str, int]) -> None:
        self.rtt: Final = RttConsole(bus, symbols[_RTT_SYMBOL]) if _RTT_SYMBOL in symbols else None
        """The one that can be written to; None where the image has no RTT."""
        self.each: Final[list[MemoryConsole]] = [] if self.rtt is None else [self.rtt]
        for name in _RAM_SYMBOLS:
            if name in symbols:
                start = symbols[name]
                end = min((other for other in symbols.values() if other > start), default=start + 1024)
                self.each.append(RamConsole(bus, start, min(end - start, _LARGEST)))

    def poll(self, show: Callable[[bytes], object]) -> None:
        """Give ``show`` all that was printed since the last call, and the firmware what was written."""
        for console in self.each:
            if data := console.poll():
                show(data)


def nobody_reads(core: str) -> EngineError:
    """Return the error of input for a core that Python plays."""
    return EngineError(f"core {core} is played by Python: no firmware reads its console")


def no_rtt(core: str) -> EngineError:
    """Return the error of input through RTT where there is none."""
    return EngineError(
        f"core {core} runs no image with SEGGER RTT (symbol _SEGGER_RTT); start one first, or write to its UART"
    )


def no_uart(core: str) -> EngineError:
    """Return the error of input for a core without a UART."""
    return EngineError(f"core {core} has no UART in this platform that receives, and its image no SEGGER RTT")
