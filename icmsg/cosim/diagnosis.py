"""What a link looks like when something went wrong, in lines that a person who knows ICMsg can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    lines = [
        _region(core, peer, "tx-region", config.tx_region.address, config.tx_layout, core, bound=bound),
        _region(peer, core, "rx-region", config.rx_region.address, config.rx_layout, core, bound=bound),
    ]
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
    return [] if pc is None else [f"core {core.name} is at PC 0x{pc:08X} ({core.locate(pc)})"]


def _region(
    writer: Core, reader: Core, name: str, address: int, layout: RegionLayout, seen_by: Core, *, bound: bool
) -> str:
    start = f"{writer.name}→{reader.name} ({name} of {seen_by.name}, 0x{address:08X}): "
    try:
        view = inspect_region(seen_by.bus, address, layout)
    except BusError as error:
        return f"{start}cannot be read: {error}"
    bonding = _bonding(view, writer, reader)
    return f"{start}{view}" if bound and view.rd_idx else f"{start}{view}; {bonding}"


def _bonding(view: RegionView, writer: Core, reader: Core) -> str:
    if view.first.startswith(MAGIC):
        taken = "has" if view.rd_idx or view.problem else "has not"
        return f"{writer.name} wrote the magic, {reader.name} {taken} taken it"
    if not view.wr_idx and not view.rd_idx:
        return f"{writer.name} has written nothing"
    return f"the first packet is not the magic: {view.first[:13].hex(' ') or 'empty'}"
