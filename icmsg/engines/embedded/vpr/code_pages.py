"""The instructions that read a counter, which the emulator would execute itself: with the host's time in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.emulator.code_pages import CodePages
from icmsg.engines.embedded.vpr.native import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import AddressSpace, MappedMemory

# A CSR instruction, the CSR in its upper twelve bits: cycle and instret and the others from 0xC00 and 0xC80 on.
_COUNTER: Final = re.compile(rb"(?=[\x73\xf3]..[\xc0\xc1\xc8\xc9])", re.DOTALL)
_REACH: Final = 3
"""Bytes of such an instruction behind its first one."""


class RiscVPages(CodePages):
    """Lets runs end before those instructions, at :attr:`stops`; where another one is found there, call :meth:`run_on`.

    A hit in data is harmless: it is never executed.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        *,
        clear_monitor: Callable[[], None],
        look_again: Callable[[], None],
    ) -> None:
        super().__init__(native, space, clear_monitor=clear_monitor, look_again=look_again, page=PAGE_BYTES)
        self.stops: Final[set[int]] = set()

    def run_on(self, address: int) -> None:
        """Let no run end before the instruction at an address any more."""
        self.stops.discard(address)
        self._native.stop_before(self.stops)
        self._native.forget_all_code()

    def _look(self, where: MappedMemory, start: int, end: int) -> Iterable[int]:
        first = max(start - _REACH & ~1, where.start)
        code = where.memory.bytes[first - where.start : end + _REACH - where.start]
        found = {first + hit.start() for hit in _COUNTER.finditer(code) if not hit.start() & 1}
        news = found - self.stops
        if news:
            self.stops.update(news)
            self._native.stop_before(self.stops)
        return news

    def _leave(self) -> None:
        super()._leave()
        self.stops.clear()
        self._native.stop_before(())
