"""The instructions of a core that the emulator does not report, found when it first comes to their page.

A core that writes into a page of its own code has every translation looked at that begins there from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m import instructions
from icmsg.engines.embedded.armv8m.faults import Cause
from icmsg.engines.embedded.armv8m.native import Version
from icmsg.engines.embedded.emulator.code_pages import CodePages
from icmsg.engines.embedded.memory import CODE_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.armv8m.native import CortexM, SpecialRegisters
    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import AddressSpace, MappedMemory

_NOTHING: Final = memoryview(b"")


class ThumbPages(CodePages):
    """Looks at code when a core first comes to it, wherever it came from, and again when it changes.

    ``on_unmasking`` is called directly after an instruction that can lower PRIMASK, BASEPRI or FAULTMASK,
    ``on_stack_limit`` after one that changes MSPLIM or PSPLIM, ``on_stack_pointer`` after a MSR to MSP or PSP,
    ``on_event`` before SEV (from :meth:`watch_events` on), ``on_block`` with address and bytes of what was translated
    (no bytes of what is no memory). Runs end before the instructions at :attr:`stops`: those that the emulator does not
    know, and those that ``cpu`` does not have; with ``checks_fpu`` the emulator sees to floating point. ``look_again``
    ends the run under way before its next instruction. ``special`` has a page of the engine's own code.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        special: SpecialRegisters,
        *,
        on_unmasking: Callable[[], None],
        on_stack_limit: Callable[[], None],
        on_stack_pointer: Callable[[], None],
        on_event: Callable[[], None],
        on_block: Callable[[int, memoryview], None],
        look_again: Callable[[], None],
        cpu: CortexM,
        checks_fpu: bool,
    ) -> None:
        super().__init__(
            native, space, clear_monitor=special.clear_monitor, look_again=look_again, own=special.page
        )
        self._after: Final = (
            (instructions.after_unmasking, on_unmasking),
            (instructions.after_stack_limit, on_stack_limit),
            (instructions.after_stack_pointer, on_stack_pointer),
        )
        self._on_event: Final = on_event
        self._on_block: Final = on_block
        self.stops: Final[dict[int, Cause | None]] = {}
        """Addresses where runs end, and the instruction's fault; None is one that is executed outside the emulator."""
        self.gone: Final[set[int]] = set()
        """Addresses where runs ended until this run found others there: it may end there all the same."""
        self._hooked: set[int] = set()
        self._followed: set[int] = set()
        self._events: set[int] = set()
        self._watches_events = False
        self._version: Final = cpu.version
        self._has_fpu: Final = bool(cpu.fpu) or checks_fpu
        self._has_dsp: Final = cpu.has_dsp
        native.hook_translations(0, 1 << 32, self._on_translation)

    def _follow(self, page: int) -> None:
        if page not in self._followed:
            self._followed.add(page)
            address = page * CODE_PAGE
            # From the page before: the last instruction of code that begins there may reach into this one.
            start = max(address - CODE_PAGE, 0)
            self._native.hook_translations(start, address + CODE_PAGE - start, self._on_own_translation)

    def run_on(self) -> None:
        """Let the next run go on where this one found that it need not end."""
        self.gone.clear()
        self._native.forget_all_code()  # what was translated to end before them still does

    def _leave(self) -> None:
        super()._leave()
        self.stops.clear()
        self._native.stop_before(())

    def is_stop(self, address: int) -> bool:
        """Tell whether a run ends at ``address`` now; the core may have overwritten what stood there."""
        if address in self.stops and (found := self._space.memory_at(address)) is not None:
            self.forget_at(self._check_stops(_bytes(found, address, address + 4), address, address + 2))
        return address in self.stops

    def _on_translation(self, address: int, size: int) -> None:
        """Stop before what the emulator cannot execute; only what is executed is looked at."""
        found = self._space.memory_at(address)
        block = _bytes(found, address, address + size) if found is not None else _NOTHING
        self._on_block(address, block)
        news = self._find_stops(block, address)
        if news.keys() - self.stops.keys():
            self.stops.update(news)
            self._set_stops(news)
            self.forget_at(news)
            self._look_again()

    def _on_own_translation(self, address: int, size: int) -> None:
        # Where a run ends, the emulator translates nothing: a size of zero.
        found = self._space.memory_at(address)
        if found is not None and (news := self._look(found, address, address + max(size, 4))):
            self.forget_at(news)
            self._look_again()

    def watch_events(self) -> bool:
        """Report SEV from now on; return whether there was one that was not watched until now.

        It makes the core slower, so it waits until a WFE shows that somebody cares.
        """
        if self._watches_events:
            return False
        self._watches_events = True
        for address in self._events:
            self._native.hook_address(address, self._on_event)
        self.forget_at(self._events)
        return bool(self._events)

    def _look(self, where: MappedMemory, start: int, end: int) -> set[int]:
        """Find what has to be reported in a range; return the addresses where that is different from before."""
        start = max(start, where.start)
        code = _bytes(where, start, end + 2)
        news: set[int] = set()
        for find, handler in self._after:
            for offset in find(code):
                address = start + offset
                if address not in self._hooked:
                    self._hooked.add(address)
                    self._native.hook_block(address, handler)
                    news.add(address)
        news |= self._check_stops(code, start, end)
        for offset in instructions.send_event(code):
            address = start + offset
            if address not in self._events:
                self._events.add(address)
                if self._watches_events:
                    self._native.hook_address(address, self._on_event)
                    news.add(address)
        return news

    def _find_stops(self, block: memoryview, start: int) -> dict[int, Cause | None]:
        found: dict[int, Cause | None] = {start + offset: None for offset in instructions.mpu_query(block)}
        if self._version is not Version.V8M_MAIN:
            missing = instructions.missing(block, self._version)
            found.update((start + offset, Cause.UNDEFINED) for offset in missing)
            if self._version.is_baseline:
                return found
        if not self._has_fpu or not self._has_dsp:
            for offset, needs_fpu in instructions.of_extensions(block):
                if not (self._has_fpu if needs_fpu else self._has_dsp):
                    found[start + offset] = Cause.NO_COPROCESSOR if needs_fpu else Cause.UNDEFINED
        return found

    def _check_stops(self, code: memoryview, start: int, end: int) -> set[int]:
        """Run on where something else stands by now; return where that is."""
        others = {
            address
            for address, cause in self.stops.items()
            if start <= address < end
            and self._find_stops(code[address - start : address - start + 4], address) != {address: cause}
        }
        if others:
            for address in others:
                del self.stops[address]
            self._native.stop_before(self.stops)
            self.gone.update(others)
        return others

    def _set_stops(self, new: Iterable[int]) -> None:
        """Tell the emulator where to stop.

        When a run has ended, it comes to the byte before each of these places. Nothing new may be found there then, so
        that the stops lie in pages that were looked at, with the page before, too.
        """
        self._native.stop_before(self.stops)
        for address in new:
            page = (address - 1) // CODE_PAGE
            if page not in self._pages and (where := self._space.memory_at(address - 1)) is not None:
                self._arrive(page, where)


def _bytes(where: MappedMemory, start: int, end: int) -> memoryview:
    return where.memory.bytes[start - where.start : end - where.start]
