"""Packets, regions and mailboxes as text; ``renode/icmsg_monitor.py`` writes the same in Renode's own Monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.block_view import BlockView
from icmsg.hw.mailbox import channels_in
from icmsg.hw.nrf_ipc import CHANNELS, IPC
from icmsg.ipc import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.layout import RegionLayout
    from icmsg.cosim.machine import Core
    from icmsg.wire.inspect import RegionView

_ROW: Final = 16
_FEW: Final = 8
"""Bytes of a packet in a live line that are shown in hex: with 16 as text it fits an 80-column terminal."""


def packet_text(packet: bytes, digits: int = _ROW) -> str:
    """Return length, the first bytes in hex, and the first 16 as text."""
    start = packet[:digits].hex(" ") + (" ..." if len(packet) > digits else "")
    dots = "..." if len(packet) > _ROW > digits else ""
    return f"{len(packet)} byte{'s' if len(packet) != 1 else ''}: {start} |{_printable(packet[:_ROW])}{dots}|"


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def region_lines(title: str, view: RegionView) -> list[str]:
    """Return what the indices say, and behind it what is wrong with them."""
    if view.problem is None:
        return [f"{title} {view}"]
    return [f"{title} {view.indices}", f"  wrong: {view.problem}"]


def message_lines(title: str, data: bytes, after: str) -> list[str]:
    """Return a whole message: in one line where it fits, else in rows."""
    if len(data) <= _ROW:
        return [f"{title} {packet_text(data)}{after}"]
    rows = [data[at : at + _ROW] for at in range(0, len(data), _ROW)]
    return [
        f"{title} {len(data)} bytes{after}",
        *(f"  {row.hex(' '):<47}  |{_printable(row)}|" for row in rows),
    ]


def live_text(packet: bytes) -> str:
    """Return a packet as it passes."""
    return magic_text(packet, _FEW) if packet.startswith(MAGIC) else packet_text(packet, _FEW)


def first_text(first: bytes) -> str:
    """Return the packet at the start of a region's data."""
    if not first:
        return "nothing"
    return magic_text(first) if first.startswith(MAGIC) else packet_text(first)


def magic_text(packet: bytes, digits: int = _ROW) -> str:
    """Return a packet that begins with the magic; a future release may send more behind it."""
    return f"the magic, {packet_text(packet, digits if packet == MAGIC else _FEW)}"


def dump_lines(content: bytes, address: int, layout: RegionLayout) -> list[str]:
    """Return a region in hex and as text, its header field by field; rows that repeat are one ``*``."""
    lines = [
        f"  0x{address + offset:08X}  {content[offset : offset + 4].hex(' ')}  {name} = {_word(content, offset, name)}"
        for offset, name in _fields(layout)
    ]
    before = None
    for offset in range(layout.data_offset, layout.size, _ROW):
        row = content[offset : offset + _ROW]
        if row == before and offset + _ROW < layout.size:
            if lines[-1] != "  *":
                lines.append("  *")
            continue
        before = row
        shown = f"{row.hex(' '):<47}  |{_printable(row)}|"
        lines.append(f"  0x{address + offset:08X}  {shown:<67}  data +{offset - layout.data_offset}")
    return lines


def _fields(layout: RegionLayout) -> Iterator[tuple[int, str]]:
    if layout.wire == "spsc_pbuf":
        yield from ((0, "data length"), (4, "flags"))
    yield layout.rd_idx_offset, "rd_idx"
    if layout.handshake_offset is not None:
        yield layout.handshake_offset, "handshake"
    yield layout.wr_idx_offset, "wr_idx"


def _word(content: bytes, offset: int, name: str) -> str:
    value = int.from_bytes(content[offset : offset + 4], "little")
    return f"session {value & 0xFFFF}, acknowledges {value >> 16}" if name == "handshake" else f"{value}"


def mailbox_lines(core: Core, rx_channel: int) -> list[str]:
    """Return the registers of a core's mailbox, and what they mean for who receives on ``rx_channel``."""
    registers = BlockView(core.bus, core.mailbox_port.base, IPC)
    enabled = registers.read("INTEN")
    latched = sum(
        1 << channel for channel in range(CHANNELS) if registers.read("EVENTS_RECEIVE", channel) & 1
    )
    lines = [
        f"ipc{core.name}: INTEN=0x{enabled:04X} EVENTS=0x{latched:04X} IRQ={1 if enabled & latched else 0}"
    ]
    if not enabled >> rx_channel & 1:
        lines.append(f"  {core.name} does not listen on channel {rx_channel}")
    for channel in channels_in(latched):
        seen = "and interrupts" if enabled >> channel & 1 else "and does not interrupt"
        lines.append(f"  channel {channel} is latched {seen}")
    return lines
