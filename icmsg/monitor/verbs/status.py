"""``icmsg status``: the instance, both regions, who is on the cores, both mailboxes.

Packets, regions and mailboxes as text; ``renode/icmsg_monitor.py`` writes the same in Renode's own Monitor.

``icmsg status`` and ``icmsg dump`` of a backend with several endpoints: regions, endpoints, blocks, queues.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import BusError, EngineError
from icmsg.hw.mailbox import channels_in
from icmsg.ipc import MAGIC
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.diagnosis.findings import counted, link_words, region_words
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.endpoints.region_view import block_lines, view_direction
from icmsg.wire.block_area import BlockArea
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.config.instance import RegionLayout
    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.played_instance import Peer
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.verbs.played_cores import PlayedCores
    from icmsg.monitor.verbs.settings import LinkDirection, LinkSettings


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


def diagnosis_of(
    machine: Machine, configs: Mapping[str, SeveralConfig], backends: Mapping[str, SeveralEndpoints]
) -> Diagnosis:
    """Return the diagnosis of the link; ``backends`` are those of the cores that Python plays."""
    (first, config), (second, other) = configs.items()
    return examine_endpoints(
        machine, machine.core(first), config, machine.core(second), backends, peer_config=other
    )


def dump_several(
    machine: Machine, writer: str, reader: str, config: SeveralConfig, most: int | None
) -> list[str]:
    """Return the region that ``writer`` writes: in words, then ``most`` messages and blocks, or in hex for None."""
    bus, region = machine.core(writer).bus, config.tx_region
    view = view_direction(bus, config)
    words = view.words(writer, reader)
    lines = [f"{writer}->{reader} 0x{region.address:08X}", *(f"  {line}" for line in words)]
    if view.problem is not None:
        return lines
    if most is None:
        content = bus.read_block(region.address, region.size)
        return lines + list(_hex_lines(content, region.address, _sections(config)))
    if isinstance(config, IcbmsgConfig):
        lines += list(block_lines(BlockArea(bus, config.tx_layout), most))
    return lines


def _sections(config: SeveralConfig) -> list[tuple[int, str]]:
    """Return where the parts of the region begin, and what they are."""
    if not isinstance(config, IcbmsgConfig):
        return [(0, "ICMsg region")]
    layout = config.tx_layout
    blocks = [
        (layout.begin + layout.blocks_offset + block * layout.block_size, f"block {block}")
        for block in range(layout.block_count)
    ]
    if config.generation != "rework":
        return [(layout.begin, "ICMsg region: control messages"), *blocks]
    queues = [(layout.begin, "producer queue"), (layout.begin + layout.queue_size, "consumer queue")]
    return [*queues, *blocks]


def _hex_lines(content: bytes, address: int, sections: list[tuple[int, str]]) -> Iterator[str]:
    ends = [begin for begin, _ in sections[1:]] + [len(content)]
    for (begin, title), end in zip(sections, ends, strict=True):
        part = content[begin:end]
        if not any(part):
            yield f"  0x{address + begin:08X}  {title}: zeros"
            continue
        yield f"  0x{address + begin:08X}  {title}"
        before = b""
        for offset in range(0, len(part), _ROW):
            row = part[offset : offset + _ROW]
            if row != before:
                text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
                yield f"  +{offset:<5}  {row.hex(' '):<47}  |{text}|"
            before = row


_COLUMNS: Final = 90


def status_lines(machine: Machine, settings: LinkSettings, played: PlayedCores) -> list[str]:
    """Return everything; ``played`` knows who plays a core in Python."""
    if settings.several.is_on:
        return _several_lines(machine, settings, played)
    there, back = settings.directions
    sent, received = _view(machine, there), _view(machine, back)
    lines = settings.lines()[:-2]
    lines += _region(there, sent, received) + _region(back, received, sent)
    if isinstance(sent, RegionView) and isinstance(received, RegionView):
        lines.append(link_words(sent, received))
    lines += _findings(machine, settings, played, bound=_is_read(sent) and _is_read(received))
    for name in settings.configs:
        peer = played.peer(name)
        core = machine.core(name)
        lines += _played(core, peer) if peer is not None else _core(core, played.was_played(name))
    return lines + both_mailboxes(machine, settings)


def _several_lines(machine: Machine, settings: LinkSettings, played: PlayedCores) -> list[str]:
    """Return everything about a backend with several endpoints."""
    peers = played.several
    backends = {name: peer.instance for name, peer in peers.items()}
    diagnosis = diagnosis_of(machine, settings.several_configs, backends)
    lines = settings.lines()[:1]
    for line in diagnosis.lines():
        lines += wrap(line, _COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    for name in settings.link.cores:
        core = machine.core(name)
        if name not in peers:
            lines += _core(core, played.was_played(name))
            continue
        for each in peers[name].endpoints.values():
            if each.received:
                lines.append(f"{name} {each.name}: {len(each.received)} received and not taken")
        lines += [f"  error: {error}" for error in peers[name].errors[-3:]]
    return lines + both_mailboxes(machine, settings)


def both_mailboxes(machine: Machine, settings: LinkSettings) -> list[str]:
    """Return the registers of both mailboxes in words."""
    lines: list[str] = []
    for direction in reversed(settings.directions):
        view = None if settings.several.is_on else _view(machine, direction)
        waiting = len(view.packets) if isinstance(view, RegionView) else 0
        lines += _mailbox(machine.core(direction.reader), direction.channel, waiting)
    return lines


def view_of(machine: Machine, direction: LinkDirection) -> RegionView:
    """Decode one region, as its writer sees it; BusError where there is no memory."""
    return inspect_region(machine.core(direction.writer).bus, direction.region.address, direction.layout)


def _view(machine: Machine, direction: LinkDirection) -> RegionView | BusError:
    try:
        return view_of(machine, direction)
    except BusError as error:
        return error


def _region(direction: LinkDirection, view: RegionView | BusError, other: RegionView | BusError) -> list[str]:
    if isinstance(view, BusError):
        return [f"{direction.title} cannot be read: {view}"]
    back = other if isinstance(other, RegionView) else None
    words = region_words(view, back, direction.writer, direction.reader)
    return [*region_lines(direction.title, view), *(f"  {line}" for line in words)]


def _mailbox(core: Core, rx_channel: int, waiting: int) -> list[str]:
    try:
        return mailbox_lines(core, rx_channel, waiting)
    except (BusError, EngineError) as error:
        return [f"the mailbox of {core.name} cannot be read: {error}"]


def _is_read(view: RegionView | BusError) -> bool:
    """Tell whether packets have come through, so that both sides have the same layout."""
    return isinstance(view, RegionView) and view.problem is None and view.rd_idx != 0


def _findings(machine: Machine, settings: LinkSettings, played: PlayedCores, *, bound: bool) -> list[str]:
    """Return what is wrong with the link, as every other failure shows it."""
    (first, config), (second, other) = settings.configs.items()
    peers = {name: peer for name in (first, second) if (peer := played.peer(name)) is not None}
    diagnosis = examine(
        machine,
        machine.core(first),
        config,
        machine.core(second),
        bound=bound or any(peer.is_bound for peer in peers.values()),
        instances={name: peer.instance for name, peer in peers.items()},
        peer_config=other,
    )
    return [
        part
        for line in counted(finding.text for finding in diagnosis.findings)
        for part in wrap(line, _COLUMNS)
    ]


def _core(core: Core, was_played: bool) -> list[str]:
    if was_played:
        return [f"{core.name}: left by Python, icmsg bond {core.name} plays it again"]
    image = f" {core.image.path.name}" if core.image is not None else ""
    pc = core.registers.get("PC")
    if core.is_halted:
        return [f"{core.name}: halted{f',{image}' if image else ''}"]
    where = f", PC 0x{pc:08X} ({core.locate(pc)})" if pc is not None else ""
    return [f"{core.name}: runs{image or ' firmware'}{where}"]


def _played(core: Core, peer: Peer) -> list[str]:
    local, remote = peer.instance.session_ids
    sessions = f", session {local}, the peer's is {remote}" if local else ""
    waiting = f", {len(peer.received)} received and not taken" if peer.received else ""
    lines = [f"{core.name}: played by Python, {peer.instance.state.name}{sessions}{waiting}"]
    return lines + [f"  error: {error}" for error in peer.errors[-3:]]
