"""Stops at a place of firmware, and accesses that it makes: what every engine has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

AccessKind = Literal["store", "load"]
STORES: Final[tuple[AccessKind, ...]] = ("store",)


class StoodStill(Exception):  # noqa: N818 - no error
    """Time stands at a stop; the next run goes on there."""


def never() -> bool:
    """Return False: what is waited for ends a run in another way."""
    return False


@dataclass(frozen=True, slots=True)
class MemoryAccess:
    """Access to memory at ``time_ns`` of virtual time; ``address`` is its first byte.

    ``value`` has at most 32 bits. ``pc`` is the address of the instruction, None for Python's.
    """

    time_ns: int
    kind: AccessKind
    address: int
    value: int
    pc: int | None
