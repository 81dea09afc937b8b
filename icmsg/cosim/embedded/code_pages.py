"""The pages from which a core has executed, and the instructions in them that the emulator does not report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded import instructions
from icmsg.cosim.embedded.faults import Cause
from icmsg.cosim.embedded.memory import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.embedded.memory import AddressSpace, MemoryRange
    from icmsg.cosim.embedded.native import NativeCore


class CodePages:
    """Looks at code when a core first comes to it, wherever it came from, and again when the host changes it.

    ``on_unmasking`` is called directly after an instruction that can lower PRIMASK, BASEPRI or FAULTMASK,
    ``on_stack_limit`` after one that changes MSPLIM or PSPLIM, ``on_event`` before SEV (from :meth:`watch_events`
    on). Runs end before the instructions at :attr:`queries`, which the emulator does not know, and at :attr:`absent`,
    which a core without FPU and DSP extension (``has_fpu``) does not have. ``own`` is a page of
    the engine's own code.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        own: int,
        *,
        on_unmasking: Callable[[], None],
        on_stack_limit: Callable[[], None],
        on_event: Callable[[], None],
        has_fpu: bool = True,
    ) -> None:
        self._native: Final = native
        self._space: Final = space
        self._after: Final = (
            (instructions.after_unmasking, on_unmasking),
            (instructions.after_stack_limit, on_stack_limit),
        )
        self._on_event: Final = on_event
        self._pages = {own // PAGE}
        self.queries: Final[set[int]] = set()
        self.absent: Final[dict[int, Cause]] = {}
        self._has_fpu: Final = has_fpu
        self._hooked: set[int] = set()
        self._events: set[int] = set()
        self._watches_events = False

    def allows(self, address: int, fetch: bool) -> bool | None:
        """Answer :data:`icmsg.cosim.embedded.native.PageHandler`: code runs from memory, not from registers."""
        page = address // PAGE
        if fetch and page not in self._pages:
            found = self._space.memory_at(address)
            if found is None:
                return None
            self._look(found, page * PAGE, (page + 1) * PAGE)
            self._pages.add(page)
            found.memory.holds_code = True
        return page in self._pages

    def changed(self, address: int, size: int) -> None:
        """Forget what is known of a range that the host has changed."""
        first, last = address // PAGE, (address + size - 1) // PAGE
        if any(page in self._pages for page in range(first, last + 1)):
            found = self._space.memory_at(address)
            if found is not None:
                self._look(found, (address & ~1) - 2, address + size)
            self._native.forget_code(address, size)

    def watch_events(self) -> bool:
        """Report SEV from now on; return whether there was one that was not watched until now.

        It makes the core slower, so it waits until a WFE shows that somebody cares.
        """
        if self._watches_events:
            return False
        self._watches_events = True
        for address in self._events:
            self._watch_event(address)
        return bool(self._events)

    def _watch_event(self, address: int) -> None:
        self._native.hook_address(address, self._on_event)
        self._forget(address)

    def _look(self, where: MemoryRange, start: int, end: int) -> None:
        start = max(start, where.start)
        code = where.memory.bytes[start - where.start : end + 2 - where.start]
        for find, handler in self._after:
            for offset in find(code):
                address = start + offset
                if address not in self._hooked:
                    self._hooked.add(address)
                    self._native.hook_block(address, handler)
                    self._forget(address)
        for offset in instructions.mpu_query(code):
            address = start + offset
            if address not in self.queries:
                self.queries.add(address)
                self._native.stop_before(address)
                self._forget(address)
        if not self._has_fpu:
            self._look_for_absent(code, start)
        for offset in instructions.send_event(code):
            address = start + offset
            if address not in self._events:
                self._events.add(address)
                if self._watches_events:
                    self._watch_event(address)

    def _look_for_absent(self, code: memoryview, start: int) -> None:
        for find, cause in (
            (instructions.floating_point, Cause.NO_COPROCESSOR),
            (instructions.signal_processing, Cause.UNDEFINED),
        ):
            for offset in find(code):
                address = start + offset
                if address not in self.absent:
                    self.absent[address] = cause
                    self._native.stop_before(address)
                    self._forget(address)

    def _forget(self, address: int) -> None:
        if address // PAGE in self._pages:
            self._native.forget_code(address, 2)
