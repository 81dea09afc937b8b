"""Capabilities of the Renode behind a Monitor: which of our files it has, and whether the machine fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.config.boards import DEFAULT
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.remote.transport import words
from icmsg.errors import EngineError, MonitorError
from icmsg.soc.soc import shipped_platform_with

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from icmsg.engines.remote.batched_monitor import BatchedMonitor
    from icmsg.engines.remote.transport import Transport
    from icmsg.soc.soc import MappedRange, SocCore

MONITOR_SCRIPT: Final = "icmsg_monitor.py"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``lockstep`` is the mailbox whose extensions hold the emulation, None where time passes in slices of RunFor.

    ``blocks`` tells whether ``icmsg_read`` and ``icmsg_write`` are there.
    """

    lockstep: str | None
    blocks: bool


def find_platform(transport: Transport) -> Path:
    """Return the shipped platform file whose cores the selected machine has, the default's where none fits."""
    return shipped_platform_with(lambda cpu: _answers(transport, f"sysbus.{cpu} IsHalted"))


def find_capabilities(
    monitor: BatchedMonitor, platform: Path, cores: Mapping[str, SocCore], shared: Collection[MappedRange]
) -> Capabilities:
    """Pause the emulation, check that the selected machine is one of ``platform``, and see what can be used.

    Raises:
        EngineError: there is no such machine; the text says what to do.
    """
    mailboxes = [core.mailbox for core in cores.values() if core.mailbox is not None]
    _check_machine(monitor, platform, [core.cpu for core in cores.values()])
    # Somebody before us may have left it held, and then `pause` would wait for ever.
    if mailboxes and _answers(monitor, f"{mailboxes[0]} EndLockstep"):
        monitor.execute("pause")
        uarts = [core.uart for core in cores.values() if core.uart is not None]
        follow = f'{mailboxes[0]} Follow "{" ".join(mailboxes)}" "{" ".join(uarts)}"'
        lockstep = mailboxes[0] if _answers(monitor, follow) else None
    else:
        monitor.execute("pause")
        lockstep = None
    return Capabilities(lockstep, _find_blocks(monitor, shared))


def _check_machine(monitor: BatchedMonitor, platform: Path, cpus: list[str]) -> None:
    try:
        monitor.execute("using sysbus")
        for cpu in cpus:
            monitor.execute(f"{cpu} IsHalted")
    except MonitorError as error:
        raise EngineError(
            f"the Monitor has no machine of {platform.name} selected ({words(error)}): include "
            f"renode/{DEFAULT.name}.resc, select the machine with `mach set`, or name the platform file that it was "
            "made of"
        ) from error


def _find_blocks(monitor: BatchedMonitor, shared: Collection[MappedRange]) -> bool:
    place = next(iter(sorted(shared, key=lambda place: place.start)), None)
    if place is None:
        return False
    probe = f"icmsg_read 0x{place.start:08X} 4"
    if _answers(monitor, probe):
        return True
    return _answers(monitor, f"include {monitor_path(asset('renode') / MONITOR_SCRIPT)}") and _answers(
        monitor, probe
    )


def _answers(monitor: Transport | BatchedMonitor, command: str) -> bool:
    try:
        monitor.execute(command)
    except MonitorError:
        return False
    return True
