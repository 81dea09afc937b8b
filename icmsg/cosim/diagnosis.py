"""What a link looks like when something went wrong, in lines that a person who knows ICMsg can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.backtrace import chain_line
from icmsg.cosim.bond_words import region_words
from icmsg.errors import BusError
from icmsg.ipc import MAGIC
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.config.layout import RegionLayout
    from icmsg.cosim.machine import Core, Machine
    from icmsg.ipc import IcmsgInstance

_LINES: Final = 5


def console_lines(core: Core) -> list[str]:
    """Return what ``core`` has printed, an unfinished line included."""
    partial = core.console.partial
    return [*(line.text for line in core.console.lines), *([partial] if partial else [])]


def describe_link(
    machine: Machine, core: Core, config: InstanceConfig, peer: Core, *, bound: bool = False
) -> list[str]:
    """Return lines about both regions (``config`` as ``core`` has it), both cores with consoles, and all warnings.

    ``bound``: bonding is over, so that the start of a region can hold anything by now.
    """
    lines = _regions(core, peer, config, bound=bound)
    for side in (core, peer):
        if side.image is not None:
            printed = console_lines(side)
            lines.append(f"console of {side.name}: {' | '.join(printed[-_LINES:]) or 'nothing'}")
            lines += _place(side)
    lines += [str(warning) for warning in machine.warnings[:_LINES]]
    if len(machine.warnings) > _LINES:
        lines.append(f"… and {len(machine.warnings) - _LINES} more warnings")
    return lines


def describe_peer(core: Core, instance: IcmsgInstance, *, heard: bool) -> list[str]:
    """Return why the peer of ``core``, which Python plays, does not bond, or what it did to the bond.

    ``heard``: something came from it, so that it is there.
    """
    config = instance.config
    if not instance.is_bound:
        traces = instance.identify_peer()
        unclear = traces.can_bond or (traces.can_bond is None and heard)
        return [] if unclear else [f"{core.name}: {traces.verdict}"]
    view = inspect_region(core.bus, config.rx_region.address, config.rx_layout)
    if view.first.startswith(MAGIC) and not view.rd_idx:
        return [
            f"the peer of {core.name} wrote the magic again: it restarted alone, which nobody is told in magic mode"
        ]
    return []


def _place(core: Core) -> list[str]:
    pc = core.registers.get("PC")
    return [] if pc is None else [f"core {core.name} is at PC 0x{pc:08X} ({chain_line(core.backtrace())})"]


def _regions(core: Core, peer: Core, config: InstanceConfig, *, bound: bool) -> list[str]:
    sent = _view(core, config.tx_region.address, config.tx_layout)
    received = _view(core, config.rx_region.address, config.rx_layout)
    tx, rx = f"tx-region of {core.name}", f"rx-region of {core.name}"
    return [
        f"{core.name}→{peer.name} ({tx}, 0x{config.tx_region.address:08X}): "
        f"{_text(sent, received, core.name, peer.name, bound=bound)}",
        f"{peer.name}→{core.name} ({rx}, 0x{config.rx_region.address:08X}): "
        f"{_text(received, sent, peer.name, core.name, bound=bound)}",
    ]


def _view(core: Core, address: int, layout: RegionLayout) -> RegionView | BusError:
    try:
        return inspect_region(core.bus, address, layout)
    except BusError as error:
        return error


def _text(
    view: RegionView | BusError, back: RegionView | BusError, writer: str, reader: str, *, bound: bool
) -> str:
    if isinstance(view, BusError):
        return f"cannot be read: {view}"
    if bound and view.rd_idx and view.handshake is None:
        return str(view)
    known = None if isinstance(back, BusError) else back
    return "; ".join([str(view), *region_words(view, known, writer, reader)])
