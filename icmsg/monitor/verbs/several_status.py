"""``icmsg status`` and ``icmsg dump`` of a backend with several endpoints: regions, endpoints, blocks, queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.endpoints.region_view import block_lines, view_direction
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Machine

_ROW: Final = 16


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
