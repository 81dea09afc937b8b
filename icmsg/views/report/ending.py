"""Ending of a run: both regions as they are in memory then, and the diagnosis; text and bytes as HTML.

Nothing that firmware prints or sends can become markup, or hide what stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import IcmsgError
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.endpoints.region_view import block_lines, view_direction
from icmsg.link.played_instance import played_backends
from icmsg.views.report.markup import ascii_words, escaped, hex_words
from icmsg.views.writer import player_of
from icmsg.wire.block_area import BlockArea
from icmsg.wire.inspect import inspect_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Core
    from icmsg.views.writer import TracedDirection, TraceSubject
    from icmsg.wire.inspect import RegionView

_PACKETS: Final = 16
_BYTES: Final = 32
_UNSEEN: Final = "the run was killed before anybody could look"


@dataclass(frozen=True, slots=True)
class Ending:
    """Ending of a run, as its page shows it; without anything, it is not known."""

    players: Mapping[str, str] = field(default_factory=dict)
    """Players of the cores, by their names."""
    regions: str = f"<p>{_UNSEEN}</p>\n"
    diagnosis: Mapping[bool, tuple[Sequence[str], Sequence[str]]] = field(
        default_factory=lambda: dict.fromkeys((False, True), ((), (_UNSEEN,)))
    )
    """Findings of the rules about all links, and the state of their regions and cores; by whether they were bound."""


def ending_of(subject: TraceSubject) -> Ending:
    """Return how the machine of a trace is now."""
    return Ending(
        {core.name: player_of(core) for core in subject.machine.cores.values()},
        "".join(_region(subject, each) for each in subject.directions),
        {bound: _diagnosis(subject, bound=bound) for bound in (False, True)},
    )


def _region(subject: TraceSubject, direction: TracedDirection) -> str:
    title = f"<h3>{escaped(direction.title)} ({escaped(direction.instance)})</h3>\n"
    region, layout = direction.region, direction.layout
    place = f"<p>{escaped(str(region))}, {escaped(direction.wire)}, channel {direction.channel}</p>\n"
    if isinstance(direction.config, IcbmsgConfig | IcmsgMeConfig):
        return f"{title}{place}{_of_endpoints(subject, direction, direction.config)}"
    assert layout is not None  # ICMsg has one
    try:
        view = inspect_region(subject.machine.core(direction.reader.name).bus, region.address, layout)
    except IcmsgError as error:
        return f'{title}{place}<p class="bad">cannot be read: {escaped(str(error))}</p>\n'
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in _facts(view))
    return f"{title}{place}{_ring(view)}<dl>{rows}</dl>\n{_waiting(view)}"


def _of_endpoints(subject: TraceSubject, direction: TracedDirection, config: SeveralConfig) -> str:
    """Return queues or control channel in words, and what lies in the blocks."""
    bus = subject.machine.core(direction.reader.name).bus
    view = view_direction(bus, config)
    words = view.words(direction.writer.name, direction.reader.name)
    ring = _ring(view.control) if view.control is not None else ""
    said = "".join(f"<li>{escaped(line)}</li>" for line in words)
    if view.problem is not None or not isinstance(config, IcbmsgConfig):
        return f"{ring}<ul>{said}</ul>\n"
    lines = list(block_lines(BlockArea(bus, config.tx_layout), _PACKETS + 1))
    if len(lines) > _PACKETS:
        lines[_PACKETS:] = ["…"]
    text = "\n".join(escaped(line.strip()) for line in lines) or "no block holds a message"
    return f'{ring}<ul>{said}</ul>\n<pre class="packets"><b>blocks</b>\n{text}</pre>\n'


def _facts(view: RegionView) -> Iterator[tuple[str, str]]:
    yield '<i class="rd">▮</i> rd_idx', str(view.rd_idx)
    yield '<i class="wr">▮</i> wr_idx', str(view.wr_idx)
    yield "used", f"{view.used} of {view.data_length} bytes"
    yield "packets", f"{len(view.packets)} pending"
    if view.handshake is not None:
        own, acknowledged = view.handshake
        yield "handshake word", f"session {own}, acknowledges {acknowledged or 'none'}"
    if view.first:
        yield (
            "first packet",
            f"<code>{hex_words(view.first, _BYTES)}</code> <code>{escaped(ascii_words(view.first[:_BYTES]))}</code>",
        )
    if view.problem is not None:
        yield "problem", f'<span class="bad">{escaped(view.problem)}</span>'


def _ring(view: RegionView) -> str:
    """Return the ring as a bar from index 0 to the end, with what lies between the indices filled."""
    length = max(1, view.data_length)
    if view.problem is not None and not view.used:
        return ""
    parts = (
        [(view.rd_idx, view.wr_idx)]
        if view.rd_idx <= view.wr_idx
        else [(view.rd_idx, length), (0, view.wr_idx)]
    )
    bars = "".join(
        f'<rect class="used" x="{100 * start / length:.2f}%" width="{100 * (end - start) / length:.2f}%" height="14"/>'
        for start, end in parts
    )
    marks = "".join(
        f'<rect class="{name}" x="{100 * index / length:.2f}%" width="2" height="14"/>'
        for name, index in (("rd", view.rd_idx), ("wr", view.wr_idx))
    )
    return (
        f'<svg class="ring-bar" width="100%" height="14" role="img" aria-label="ring"><rect class="free" width="100%" '
        f'height="14"/>{bars}{marks}</svg>\n'
    )


def _waiting(view: RegionView) -> str:
    if not view.packets:
        return ""
    lines = [
        f"{packet.index:5}  {len(packet.payload):5} B  {hex_words(packet.payload, _BYTES)}  "
        f"{ascii_words(packet.payload[:_BYTES])}"
        for packet in view.packets[:_PACKETS]
    ]
    if len(view.packets) > _PACKETS:
        lines.append(f"… and {len(view.packets) - _PACKETS} more")
    text = "\n".join(escaped(line) for line in lines)
    return f'<pre class="packets"><b>index   length  pending packets, the next one first</b>\n{text}</pre>\n'


def _diagnosis(subject: TraceSubject, *, bound: bool) -> tuple[list[str], list[str]]:
    found: list[str] = []
    state: list[str] = []
    for link in subject.links:
        diagnosed = _examine(subject, link, bound=bound)
        if isinstance(diagnosed, str):
            state.append(diagnosed)
        else:
            found += dict.fromkeys(finding.text for finding in diagnosed.findings)
            state += diagnosed.state
    return found, state


def _examine(subject: TraceSubject, link: AnyLink, *, bound: bool) -> Diagnosis | str:
    try:
        first, second = (subject.machine.core(name) for name in link.cores)
        if isinstance(link, EndpointsLink):
            return _examine_endpoints(subject, link, first, second)
        own, peer = (link.configs[name] for name in link.cores)
        return examine(subject.machine, first, own, second, bound=bound, peer_config=peer)
    except IcmsgError as error:
        return f"{link.first}, {link.second}: {error}"


def _examine_endpoints(subject: TraceSubject, link: EndpointsLink, first: Core, second: Core) -> Diagnosis:
    """Examine a link with several endpoints, with what the backends know that Python plays."""
    own, peer = (link.configs[name] for name in link.cores)
    backends = played_backends(subject.machine, link.configs)
    return examine_endpoints(subject.machine, first, own, second, backends, peer_config=peer)
