"""``icmsg status``: the instance, both regions, who is on the cores, both mailboxes."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, EngineError
from icmsg.link.diagnosis.bond_words import link_words, region_words
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.diagnosis.findings import counted
from icmsg.monitor.verbs.several_status import diagnosis_of
from icmsg.monitor.verbs.words import mailbox_lines, region_lines
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from icmsg.link.peer import Peer
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.verbs.played_cores import PlayedCores
    from icmsg.monitor.verbs.settings import LinkDirection, LinkSettings

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
