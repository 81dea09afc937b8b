"""Stops at a place of firmware, and accesses that it makes: what every engine has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from icmsg.config.instance import WORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.bus import Bus

AccessKind = Literal["store", "load"]
STORES: Final[tuple[AccessKind, ...]] = ("store",)


class StoodStill(Exception):  # noqa: N818 - no error
    """Time stands at a stop; the next run goes on there."""


class RunsToStops:
    """Runs that end at a stop, and whether time shall stand at the one that is told."""

    def __init__(self) -> None:
        self._leaves = False

    def run_to(
        self,
        on_reach: Callable[[Callable[[], None]], Callable[[], None]],
        times: int,
        run: Callable[[], None],
    ) -> None:
        """Let time pass by ``run()``, until the handler that ``on_reach`` puts was called for the ``times``-th time."""
        left = times

        def count() -> None:
            nonlocal left
            left -= 1
            self._leaves |= left == 0

        end = on_reach(count)
        try:
            run()
        except StoodStill:
            return
        finally:
            self._leaves = False
            end()

    def told(self) -> None:
        """Raise StoodStill behind what was told of a stop, if time shall stand there."""
        if self._leaves:
            raise StoodStill


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


def store_of_python(bus: Bus, time_ns: int, address: int, size: int) -> MemoryAccess:
    """Return the access that a block of ``size`` bytes is which Python has written to ``address``: its first word."""
    value = int.from_bytes(bus.read_block(address, min(size, WORD)), "little")
    return MemoryAccess(time_ns, "store", address, value, None)
