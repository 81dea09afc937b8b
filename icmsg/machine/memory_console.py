"""Consoles that lie in memory: SEGGER RTT, and the RAM console of Zephyr (``CONFIG_RAM_CONSOLE``).

An image that has one says so by a symbol. Nothing is hooked: whoever runs the machine polls at points of virtual time
that do not depend on the caller.

RTT's control block (SEGGER's wiki, "RTT Control Block"): 16 bytes of identifier, the numbers of up- and down-buffers,
then 24 bytes for each buffer: name, address, size, WrOff, RdOff, flags. The host owns RdOff of an up-buffer. Zephyr's
RAM console (``drivers/console/ram_console.c``) is a ring of characters whose last byte stays 0.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.hw.bus import Bus

_RTT_SYMBOL: Final = "_SEGGER_RTT"
_RAM_SYMBOLS: Final = ("ram_console_buf", "ram_console")
_LARGEST: Final = 1 << 16
"""Bytes of a ring; what claims to be larger was not set up, or is no ring."""

_ID: Final = b"SEGGER RTT\0"
_CONTROL_BLOCK: Final = Struct("<16s2I")
_UP_BUFFER: Final = Struct("<4I")
_UP_BUFFER_AT: Final = _CONTROL_BLOCK.size + 4
"""Offset of address, size, WrOff and RdOff of up-buffer 0, behind the pointer to its name."""
_RD_OFF_AT: Final = _UP_BUFFER_AT + 12


class MemoryConsole(Protocol):
    """A console that has to be asked."""

    def poll(self) -> bytes:
        """Return what was printed since the last time; nothing where it is not set up, or damaged."""


class RttConsole:
    """Console in up-buffer 0 of the control block at byte address ``address``; reading makes room for the firmware."""

    def __init__(self, bus: Bus, address: int) -> None:
        self._bus = bus
        self._address = address

    def poll(self) -> bytes:
        """Return the bytes between RdOff and WrOff, and move RdOff on."""
        try:
            return self._take()
        except BusError:
            return b""

    def _take(self) -> bytes:
        bus, start = self._bus, self._address
        buffer, size, wr_off, rd_off = _UP_BUFFER.unpack(
            bus.read_block(start + _UP_BUFFER_AT, _UP_BUFFER.size)
        )
        if wr_off == rd_off or not max(wr_off, rd_off) < size <= _LARGEST:
            return b""
        identifier, up_buffers, _ = _CONTROL_BLOCK.unpack(bus.read_block(start, _CONTROL_BLOCK.size))
        if not identifier.startswith(_ID) or not up_buffers:
            return b""
        if rd_off < wr_off:
            data = bytes(bus.read_block(buffer + rd_off, wr_off - rd_off))
        else:
            tail = bytes(bus.read_block(buffer + rd_off, size - rd_off))
            data = tail + bytes(bus.read_block(buffer, wr_off) if wr_off else b"")
        bus.write32(start + _RD_OFF_AT, wr_off)
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


def memory_consoles(bus: Bus, symbols: Mapping[str, int]) -> list[MemoryConsole]:
    """Return the consoles that an image with these ``symbols`` has in memory."""
    found: list[MemoryConsole] = []
    if _RTT_SYMBOL in symbols:
        found.append(RttConsole(bus, symbols[_RTT_SYMBOL]))
    for name in _RAM_SYMBOLS:
        if name in symbols:
            start = symbols[name]
            end = min((other for other in symbols.values() if other > start), default=start + 1024)
            found.append(RamConsole(bus, start, min(end - start, _LARGEST)))
    return found


def polled(bus: Bus, symbols: Mapping[str, int], show: Callable[[bytes], None]) -> Callable[[], None] | None:
    """Return what gives ``show`` all that was printed since the last call; None where there is no such console."""
    consoles = memory_consoles(bus, symbols)

    def poll() -> None:
        for console in consoles:
            if data := console.poll():
                show(data)

    return poll if consoles else None
