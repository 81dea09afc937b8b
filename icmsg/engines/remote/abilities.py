"""Abilities of the Renode behind a Monitor: which of our files it has, and whether the machine fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.config.boards import DEFAULT
from icmsg.engines.lockstep.paths import monitor_path
from icmsg.engines.remote.transport import words
from icmsg.errors import EngineError, MonitorError
from icmsg.soc.soc import shipped_platform_with

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from icmsg.engines.remote.link import Link
    from icmsg.engines.remote.transport import Transport
    from icmsg.soc.soc import Place, SocCore

MONITOR_SCRIPT: Final = "icmsg_monitor.py"


@dataclass(frozen=True, slots=True)
class Abilities:
    """``lockstep`` is the mailbox whose extensions hold the emulation, None where time passes in slices of RunFor.

    ``blocks`` tells whether ``icmsg_read`` and ``icmsg_write`` are there.
    """

    lockstep: str | None
    blocks: bool


def find_platform(transport: Transport) -> Path:
    """Return the shipped platform file whose cores the selected machine has, the default's where none fits."""
    return shipped_platform_with(lambda cpu: _answers(transport, f"sysbus.{cpu} IsHalted"))


def find_abilities(
    link: Link, platform: Path, places: Mapping[str, SocCore], shared: Collection[Place]
) -> Abilities:
    """Pause the emulation, check that the selected machine is one of ``platform``, and see what can be used.

    Raises:
        EngineError: there is no such machine; the text says what to do.
    """
    mailboxes = [core.mailbox for core in places.values() if core.mailbox is not None]
    _check_machine(link, platform, [core.cpu for core in places.values()])
    # Somebody before us may have left it held, and then `pause` would wait for ever.
    if mailboxes and _answers(link, f"{mailboxes[0]} EndLockstep"):
        link.execute("pause")
        uarts = [core.uart for core in places.values() if core.uart is not None]
        follow = f'{mailboxes[0]} Follow "{" ".join(mailboxes)}" "{" ".join(uarts)}"'
        lockstep = mailboxes[0] if _answers(link, follow) else None
    else:
        link.execute("pause")
        lockstep = None
    return Abilities(lockstep, _find_blocks(link, shared))


def _check_machine(link: Link, platform: Path, cpus: list[str]) -> None:
    try:
        link.execute("using sysbus")
        for cpu in cpus:
            link.execute(f"{cpu} IsHalted")
    except MonitorError as error:
        raise EngineError(
            f"the Monitor has no machine of {platform.name} selected ({words(error)}): include "
            f"renode/{DEFAULT.name}.resc, select the machine with `mach set`, or name the platform file that it was "
            "made of"
        ) from error


def _find_blocks(link: Link, shared: Collection[Place]) -> bool:
    place = next(iter(sorted(shared, key=lambda place: place.start)), None)
    if place is None:
        return False
    probe = f"icmsg_read 0x{place.start:08X} 4"
    if _answers(link, probe):
        return True
    return _answers(link, f"include {monitor_path(asset('renode') / MONITOR_SCRIPT)}") and _answers(
        link, probe
    )


def _answers(monitor: Transport | Link, command: str) -> bool:
    try:
        monitor.execute(command)
    except MonitorError:
        return False
    return True
