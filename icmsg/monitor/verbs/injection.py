"""``icmsg ring`` and ``icmsg write``: what no well-behaved core would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BusError, MonitorError

if TYPE_CHECKING:
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.verbs.settings import LinkDirection


def ring(core: Core, other: Core, channel: int) -> list[str]:
    """Let ``core`` signal a channel, whether or not its driver has connected it, and say who latched it."""
    port = core.mailbox_port
    if not 0 <= channel < port.kind.channels:
        raise MonitorError(f"no channel {channel}: use 0…{port.kind.channels - 1}")
    state = port.kind.read_state(core.bus, port.base)
    signals = state.sends[channel] if state.wired else 1 << channel
    try:
        port.kind.force_ring(core.bus, port.tx_base, channel)
    except BusError as error:
        return [f"{core.name} rings {channel}: {error.reason}"]
    return [f"{core.name} rings {channel}: {_heard(other, signals)}"]


def _heard(core: Core, signals: int) -> str:
    port = core.mailbox_port
    state = port.kind.read_state(core.bus, port.base)
    latched = state.hears_signals(signals)
    if not latched:
        return f"{core.name} has not connected this channel, so nothing is latched"
    if not state.enabled & latched:
        return f"latched in {port.name}, whose interrupt is not enabled"
    return f"{core.name} is interrupted"


def write(machine: Machine, direction: LinkDirection, offset: int, data: bytes) -> list[str]:
    """Overwrite bytes of a region, and say what was there."""
    region = direction.region
    if not 0 <= offset <= region.size - len(data):
        raise MonitorError(
            f"{len(data)} bytes at offset {offset} leave the region of {region.size} bytes: "
            f"use an offset of 0…{region.size - len(data)}"
        )
    bus = machine.core(direction.writer).bus
    before = bus.read_block(region.address + offset, len(data))
    bus.write_block(region.address + offset, data)
    was, now = (_shown(part) for part in (before, data))
    return [f"{direction.title} +{offset}{_field(direction, offset)}: {was} is now {now}"]


def _shown(data: bytes, limit: int = 16) -> str:
    return data[:limit].hex(" ") + (" ..." if len(data) > limit else "")


def _field(direction: LinkDirection, offset: int) -> str:
    layout = direction.layout
    fields = {
        layout.rd_idx_offset: "rd_idx",
        layout.wr_idx_offset: "wr_idx",
        layout.handshake_offset: "handshake",
    }
    if offset >= layout.data_offset:
        return f" (data +{offset - layout.data_offset})"
    return f" ({name})" if (name := fields.get(offset & ~3)) else ""
