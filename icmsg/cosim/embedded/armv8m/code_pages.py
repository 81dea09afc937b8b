"""The pages from which a core has executed, and the instructions in them that the emulator does not report.

Code changes while it runs: firmware loads a program, patches a function, lets the other core execute what it wrote.
The emulator sees a core's stores to its own code, and no others. Nothing here costs a store anything, except the
first one into a page that holds code, because only that one has to ask for the right to write:

* A core that writes into a page of its own code has every translation looked at that begins there from then on.
* A page of this core's code that another core may write is compared before each slice; nobody else runs within one.
* What Python writes through a bus is told by the memory.

What ends another core's exclusive reservation is seen in the same way: pages are its granule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.armv8m import instructions
from icmsg.cosim.embedded.armv8m.faults import Cause
from icmsg.cosim.embedded.armv8m.native import EXECUTE, READ, WRITE
from icmsg.cosim.embedded.memory import CODE_PAGE, PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.cosim.embedded.armv8m.native import NativeCore
    from icmsg.cosim.embedded.armv8m.special_registers import SpecialRegisters
    from icmsg.cosim.embedded.memory import AddressSpace, CodeUser, Memory, MemoryRange

_NOTHING: Final = memoryview(b"")
_STEP: Final = 64
"""Bytes that are told apart where another core has changed a page."""


class CodePages:
    """Looks at code when a core first comes to it, wherever it came from, and again when it changes.

    ``on_unmasking`` is called directly after an instruction that can lower PRIMASK, BASEPRI or FAULTMASK,
    ``on_stack_limit`` after one that changes MSPLIM or PSPLIM, ``on_stack_pointer`` after a MSR to MSP or PSP,
    ``on_event`` before SEV (from :meth:`watch_events` on), ``on_block`` with address and bytes of what was translated
    (no bytes of what is no memory). Runs end before the instructions at :attr:`stops`: those that the emulator does not
    know, and those that a core without FPU (``has_fpu``) or DSP extension (``has_dsp``) does not have. ``look_again``
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
        has_fpu: bool = True,
        has_dsp: bool = True,
    ) -> None:
        self._native: Final = native
        self._space: Final = space
        self._special: Final = special
        self._own: Final = special.page
        self._after: Final = (
            (instructions.after_unmasking, on_unmasking),
            (instructions.after_stack_limit, on_stack_limit),
            (instructions.after_stack_pointer, on_stack_pointer),
        )
        self._on_event: Final = on_event
        self._on_block: Final = on_block
        self._look_again: Final = look_again
        self._reserved: tuple[int, Memory, int] | None = None  # page, and where it is
        self.lost = False
        """True if the exclusive monitor has to be cleared before the next instruction."""
        self._pages: dict[int, MemoryRange] = {}
        self._allowed: dict[int, tuple[int, int]] = {}
        self.shared: Final[dict[int, bytes]] = {}
        """Contents of the pages of this core's code that another core may write, when they were last looked at."""
        self.stops: Final[dict[int, Cause | None]] = {}
        """Addresses where runs end, and the instruction's fault; None is one that is executed outside the emulator."""
        self.gone: Final[set[int]] = set()
        """Addresses where runs ended until this run found others there: it may end there all the same."""
        self._hooked: set[int] = set()
        self._followed: set[int] = set()
        self._events: set[int] = set()
        self._watches_events = False
        self._has_fpu: Final = has_fpu
        self._has_dsp: Final = has_dsp
        native.hook_translations(0, 1 << 32, self._on_translation)

    def allows(self, address: int, access: int) -> tuple[int, int]:
        """Answer :data:`icmsg.cosim.embedded.armv8m.native.PageHandler`: code runs from memory, not from registers."""
        return self._allowed.get(address + access) or self._allow(address, access)

    def _allow(self, address: int, access: int) -> tuple[int, int]:
        found = self._space.memory_at(address)
        if found is None:
            return address, READ | WRITE | (EXECUTE if self._own <= address < self._own + PAGE else 0)
        page, memory = address // CODE_PAGE, found.memory
        place = (address - found.start) // CODE_PAGE
        if access == EXECUTE and page not in self._pages:
            self._arrive(page, found, place)
        users = memory.code.get(place)
        allowed = READ | (EXECUTE if page in self._pages else 0)
        holders = memory.reserved.get(place)
        if access == WRITE or not (users or (holders and holders != [self])):
            allowed |= WRITE
            if holders:
                memory.end_reservations(place, by=self)
            writers = memory.writers.setdefault(place, [])
            if self not in writers:
                writers.append(self)
            for user in users or ():
                user.written(memory, place * CODE_PAGE, by=self)
        answer = self._space.alias(found, address), allowed
        if access != WRITE or not users:  # nothing is to be done when the emulator asks again
            self._allowed[address + access] = answer
        return answer

    def _arrive(self, page: int, found: MemoryRange, place: int) -> None:
        self._pages[page] = found
        self._allowed.clear()
        self._look(found, page * CODE_PAGE, (page + 1) * CODE_PAGE)
        users = found.memory.code.setdefault(place, [])
        if self not in users:
            users.append(self)
        for writer in found.memory.writers.pop(place, ()):
            writer.forget_pages()

    def written(self, memory: Memory, offset: int, *, by: CodeUser) -> None:
        """Core ``by`` is about to write into a page from which this one has executed, perhaps again and again."""
        for page, address, _end in self._parts(memory, offset, CODE_PAGE):
            if by is not self:
                if page in self.shared:  # not yet compared since the writer asked before
                    continue
                self.shared[page] = memory.bytes[offset : offset + CODE_PAGE].tobytes()
            elif page not in self._followed:
                self._followed.add(page)
                # From the page before: the last instruction of code that begins there may reach into this one.
                start = max(address - CODE_PAGE, 0)
                self._native.hook_translations(start, address + CODE_PAGE - start, self._on_own_translation)

    def changed(self, memory: Memory, offset: int, size: int) -> None:
        """Forget what is known of a range that Python has changed."""
        for page, start, end in self._parts(memory, offset, size):
            self._change(page, start, end)
        self._look_again()

    def reserve(self, address: int) -> None:
        """Be told of writes of others near ``address``, for which the monitor is set, while the core stands."""
        page = address // CODE_PAGE
        if self._reserved is not None and self._reserved[0] == page:
            return
        self._release()
        if (found := self._space.memory_at(address)) is not None:
            place = (address - found.start) // CODE_PAGE
            self._reserved = page, found.memory, place
            found.memory.reserve(place, self)

    def lose_reservation(self) -> None:
        """Clear the monitor: somebody else writes into the page that :meth:`reserve` was about."""
        self._reserved = None
        self.lost = True
        self._look_again()  # in the middle of an access, translated code may hold the monitor in registers

    def _release(self) -> None:
        if self._reserved is not None:
            _, memory, place = self._reserved
            self._reserved = None
            memory.reserved[place].remove(self)
            if not memory.reserved[place]:
                del memory.reserved[place]

    def begin(self) -> None:
        """Take note, before a run, of what others have written since the last one."""
        if self.lost:
            self.lost = False
            self._special.clear_monitor()
        if self.shared:
            self._compare()
        if self.gone:
            self.gone.clear()
            self._native.forget_all_code()  # what was translated to end before them still does

    def _compare(self) -> None:
        for page, before in self.shared.items():
            found, address = self._pages[page], page * CODE_PAGE
            offset = address - found.start
            now = found.memory.bytes[offset : offset + CODE_PAGE].tobytes()
            if now != before:
                self.shared[page] = now
                different = [
                    at for at in range(0, CODE_PAGE, _STEP) if now[at : at + _STEP] != before[at : at + _STEP]
                ]
                self._change(page, address + different[0], address + different[-1] + _STEP)

    def forget(self) -> None:
        """Forget all code, as the reset of a core does; not while it runs."""
        self._leave()
        self._native.forget_all_code()

    def close(self) -> None:
        """Be told nothing any more."""
        self._leave()
        self._release()
        for item in self._space.memories():
            for writers in item.memory.writers.values():
                if self in writers:
                    writers.remove(self)

    def _leave(self) -> None:
        for page, found in self._pages.items():
            users = found.memory.code
            place = (page * CODE_PAGE - found.start) // CODE_PAGE
            if self in users.get(place, ()):
                users[place].remove(self)
                if not users[place]:
                    del users[place]
        self._pages.clear()
        self._allowed.clear()
        self.shared.clear()
        self.stops.clear()
        self._native.stop_before(())

    def forget_pages(self) -> None:
        """Be asked again before this core writes into any page."""
        self._allowed.clear()
        self._native.forget_pages()

    def _parts(self, memory: Memory, offset: int, size: int) -> list[tuple[int, int, int]]:
        """Return (page, first address, end) of what this core has executed from, of a range of ``memory``."""
        parts: list[tuple[int, int, int]] = []
        for item in self._space.memories():
            if item.memory is memory:
                start, end = item.start + offset, item.start + offset + size
                for page in range(start // CODE_PAGE, (end - 1) // CODE_PAGE + 1):
                    if page in self._pages:
                        first = max(start, page * CODE_PAGE)
                        parts.append((page, first, min(end, (page + 1) * CODE_PAGE)))
        return parts

    def _change(self, page: int, start: int, end: int) -> None:
        self._forget(self._look(self._pages[page], (start & ~1) - 2, end))
        self._native.forget_code(start, end - start)

    def is_stop(self, address: int) -> bool:
        """Tell whether a run ends at ``address`` now; the core may have overwritten what stood there."""
        if address in self.stops and (found := self._space.memory_at(address)) is not None:
            self._forget(self._check_stops(_bytes(found, address, address + 4), address, address + 2))
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
            self._forget(news)
            self._look_again()

    def _on_own_translation(self, address: int, size: int) -> None:
        # Where a run ends, the emulator translates nothing: a size of zero.
        found = self._space.memory_at(address)
        if found is not None and (news := self._look(found, address, address + max(size, 4))):
            self._forget(news)
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
        self._forget(self._events)
        return bool(self._events)

    def _look(self, where: MemoryRange, start: int, end: int) -> set[int]:
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
                self._arrive(page, where, (address - 1 - where.start) // CODE_PAGE)

    def _forget(self, addresses: Iterable[int]) -> None:
        for address in addresses:
            if address // CODE_PAGE in self._pages:
                self._native.forget_code(address, 2)


def _bytes(where: MemoryRange, start: int, end: int) -> memoryview:
    return where.memory.bytes[start - where.start : end - where.start]
