"""The Monitor commands that make and control a machine, and those that are refused beside a lockstep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MACHINE: Final = "icmsg"
"""The name of the machine in the Monitor."""
SERIAL: Final = "emulation SetGlobalSerialExecution true"
"""Parallel runs differ each time."""
_SEED: Final = 1

_RUNS_TIME: Final = re.compile(
    r"^\s*(s|start|pause|p)\s*$|\b(RunFor|RunToNearestSyncPoint|StartAll|PauseAll|RunUntilInterrupt|EndLockstep|icmsg_release)\b",
    re.IGNORECASE,
)
_NEEDS_PAUSE: Final = re.compile(
    r"\bLoad(ELF|Binary|HEX|UImage|SymbolsFrom)\b|^\s*(Load|Save)\b|^\s*(emulation\s+)?Clear\s*$",
    re.IGNORECASE,
)


def setup(platform: str, quantum_ns: int, cpus: Sequence[str]) -> Iterator[str]:
    """Yield what makes a machine whose cores are all held; ``platform`` is a path as the Monitor reads it.

    Settings for all machines count only for those that exist, so they come behind the machine.
    """
    yield "using sysbus"
    yield f'mach create "{MACHINE}"'
    yield f"machine LoadPlatformDescription {platform}"
    yield f"emulation SetSeed {_SEED}"
    yield f'emulation SetGlobalQuantum "{seconds(quantum_ns)}"'
    yield SERIAL
    yield "emulation SetGlobalAdvanceImmediately true"
    for cpu in cpus:
        yield f"{cpu} IsHalted true"


def reset(cpu: str, entry: str, address: int | None, own: Sequence[str]) -> Iterator[str]:
    """Yield what resets a core and what belongs to it, and leaves it held; member ``entry`` becomes ``address``.

    Without the core's reset it does not start at the entry of what was loaded; the reset forgets where that is.
    """
    yield f"{cpu} IsHalted true"
    yield f"{cpu} Reset"
    if address is not None:
        yield f"{cpu} {entry} 0x{address:08X}"
    for name in own:
        yield f"{name} Reset"


def check_beside_lockstep(command: str, *, is_held: bool = True) -> None:
    """Refuse what Renode does not refuse while a lockstep exists, and what it refuses with other words.

    Where the emulation is not held (``is_held``), what needs a pause is not refused.

    Raises:
        EngineError: the command lets time pass on its own, or needs a paused emulation.
    """
    for part in command.split(";"):
        if _RUNS_TIME.search(part):
            raise EngineError(
                f"`{part.strip()}` lets time pass beside the machine, which mixes both times; use run_for or run_until"
            )
        if is_held and _NEEDS_PAUSE.search(part):
            raise EngineError(
                f"`{part.strip()}` needs a paused emulation; use load() of a core, or do it before the machine runs"
            )


def seconds(ns: int) -> str:
    """Return a time as the Monitor reads one."""
    # Renode multiplies the fraction as a floating-point number and cuts, so half a nanosecond is added.
    return f"{ns // 1_000_000_000}.{ns % 1_000_000_000:09d}5"
