"""Addresses before whose instructions the runs of one core end, as a WFI would end them; everything else costs nothing.

The emulator ends such a run like one that has come to a WFI. So a WFI that stands directly before such an address is
executed alone, and everything else that ends there is a breakpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.embedded.emulator.code_pages import CodePages

_NOWHERE: Final = (-1, -1)


class Breakpoints:
    """Breakpoints of one core, whose code ``code`` knows."""

    def __init__(self, code: CodePages) -> None:
        self._code: Final = code
        self._addresses: frozenset[int] = frozenset()
        self._sleeps: frozenset[int] = frozenset()
        self._wanted: frozenset[int] = frozenset()  # where the emulator shall stop
        self._now: frozenset[int] = frozenset()  # and where it can
        self._told = _NOWHERE  # address and instruction number at which a stop was told
        self._from = -1  # where the run begins that executes one instruction

    def set(self, addresses: Collection[int], sleep_before: Callable[[int], int | None]) -> None:
        """Stop before these, and no others."""
        self._addresses = frozenset(addresses)
        sleeps = (sleep_before(address) for address in self._addresses)
        self._sleeps = frozenset(address for address in sleeps if address is not None)
        self._apply(self._addresses | self._sleeps)

    def _apply(self, wanted: frozenset[int]) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._now = self._code.break_before(wanted)

    def arrives(self, pc: int, instructions: int) -> bool:
        """Return whether to stop before the instruction at ``pc``: once, if it is one of them."""
        if pc not in self._addresses or pc not in self._now or self._told == (pc, instructions):
            return False
        self._told = pc, instructions
        return True

    def begins_at(self, pc: int) -> bool:
        """Return whether a run that begins at ``pc`` would end there at once."""
        return pc in self._now

    def pass_over(self, pc: int, end: int | None) -> None:
        """Let the next run not end at ``pc``, but at ``end``."""
        self._from = pc
        self._apply(self._wanted - {pc} if end is None else (self._wanted | {end}) - {pc})

    def has_ended(self, pc: int, executed: int) -> bool:
        """Return whether a run that stands at ``pc`` has ended for that alone; else it has come to a WFI."""
        return pc in self._now and not (executed == 1 and self._from in self._sleeps)

    def restore(self) -> None:
        """End what :meth:`pass_over` began."""
        self._from = -1
        self._apply(self._addresses | self._sleeps)
