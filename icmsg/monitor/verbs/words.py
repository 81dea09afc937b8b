"""Packets, regions and mailboxes as text; ``renode/icmsg_monitor.py`` writes the same in Renode's own Monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.mailbox import channels_in
from icmsg.ipc import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.layout import RegionLayout
    from icmsg.machine.machine import Core
    from icmsg.wire.inspect import RegionView

_ROW: Final = 16
_FEW: Final = 6
"""Bytes that are shown in hex where a line has 16 as text: so it fits a terminal of 80 columns."""


def packet_text(packet: bytes) -> str:
    """Return length, the first bytes in hex, and some more as text; says so if it begins with the magic."""
    size = f"{len(packet)} byte{'s' if len(packet) != 1 else ''}"
    text = _printable(packet[:_ROW]) + ("..." if len(packet) > _ROW else "")
    if packet.startswith(MAGIC):
        return f"the magic, {size} |{text}|"
    start = packet[:_FEW].hex(" ") + (" ..." if len(packet) > _FEW else "")
    return f"{size}: {start} |{text}|"


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def region_lines(title: str, view: RegionView) -> list[str]:
    """Return what the indices say, and behind it what is wrong with them."""
    if view.problem is None:
        return [f"{title} {view}"]
    return [f"{title} {view.indices}", f"  wrong: {view.problem}"]


def message_lines(title: str, data: bytes, after: str) -> list[str]:
    """Return a whole message: in one line where it fits, else in rows."""
    if len(data) <= _FEW:
        return [f"{title} {packet_text(data)}{after}"]
    rows = [data[at : at + _ROW] for at in range(0, len(data), _ROW)]
    return [
        f"{title} {len(data)} bytes{after}",
        *(f"  {row.hex(' '):<47}  |{_printable(row)}|" for row in rows),
    ]


def packet_lines(view: RegionView, most: int) -> list[str]:
    """Return the packet at the start of a region, and at most so many of those that wait, with their index."""
    waiting = [f"  index {packet.index:5}: {packet_text(packet.payload)}" for packet in view.packets[:most]]
    more = len(view.packets) - len(waiting)
    first = packet_text(view.first) if view.first else "nothing"
    return [f"  at the start: {first}", *waiting, *([f"  and {more} more"] if more else [])]


def dump_lines(content: bytes, address: int, layout: RegionLayout) -> list[str]:
    """Return a region in hex and as text, its header field by field; rows that repeat are one ``*``.

    Rows of data begin with their offset in the data, which is what indices count.
    """
    lines = [
        f"  0x{address + offset:08X}  {content[offset : offset + 4].hex(' ')}  {name} = {_word(content, offset, name)}"
        for offset, name in _fields(layout)
    ]
    lines.append(f"  0x{address + layout.data_offset:08X}  {layout.data_length} bytes of data")
    before = None
    data = content[layout.data_offset :]
    for offset in range(0, len(data), _ROW):
        row = data[offset : offset + _ROW]
        if row != before or offset + _ROW >= len(data):
            lines.append(f"  +{offset:<5}  {row.hex(' '):<47}  |{_printable(row)}|")
        elif lines[-1] != "  *":
            lines.append("  *")
        before = row
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


def mailbox_lines(core: Core, rx_channel: int, waiting: int = 0) -> list[str]:
    """Return the registers of a core's mailbox, and what they mean for who receives on ``rx_channel``.

    ``waiting`` is the number of packets that lie there for this core.
    """
    port = core.mailbox_port
    state = port.kind.read_state(core.bus, port.base)
    enabled, latched = state.enabled, state.latched
    lines = [f"{port.name}: {state}"]
    if not enabled >> rx_channel & 1:
        lines.append(f"  {core.name} does not listen on channel {rx_channel}")
    elif waiting and not latched >> rx_channel & 1:
        lines.append(f"  no doorbell is latched for what waits for {core.name}")
    for channel in channels_in(latched):
        seen = "and interrupts" if enabled >> channel & 1 else "and does not interrupt"
        lines.append(f"  channel {channel} is latched {seen}")
    return lines
