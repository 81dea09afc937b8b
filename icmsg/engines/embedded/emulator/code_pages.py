"""The pages from which a core has executed, and where another core's exclusive reservation is.

Code changes while it runs: firmware loads a program, patches a function, lets the other core execute what it wrote.
The emulator sees a core's stores to its own code, and no others. Nothing here costs a store anything, except the
first one into a page that holds code, because only that one has to ask for the right to write:

* A page of this core's code that another core may write is compared before each slice; nobody else runs within one.
* What Python writes through a bus is told by the memory.

What ends another core's exclusive reservation is seen in the same way: pages are its granule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.emulator.native import EXECUTE, READ, WRITE
from icmsg.engines.embedded.memory import CODE_PAGE, PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import AddressSpace, CodeUser, MappedMemory, Memory

_STEP: Final = 64
"""Bytes that are told apart where another core has changed a page."""


class CodePages:
    """Knows the pages of one core's code; who looks into them when they are new or have changed derives from it.

    ``page`` is the number of bytes that the emulator asks about at once, ``own`` the address of a page of the engine's
    own code. ``clear_monitor`` lets the core lose its exclusive reservation; ``look_again`` ends the run under way
    before its next instruction.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        *,
        clear_monitor: Callable[[], None],
        look_again: Callable[[], None],
        page: int = CODE_PAGE,
        own: int | None = None,
    ) -> None:
        self._native: Final = native
        self._space: Final = space
        self._page: Final = page
        self._places: Final = page // CODE_PAGE
        self._own: Final = range(0) if own is None else range(own, own + PAGE)
        self._clear_monitor: Final = clear_monitor
        self._look_again: Final = look_again
        self._reserved: tuple[int, Memory] | None = None  # place, and in what
        self.lost = False
        """True if the exclusive monitor has to be cleared before the next instruction."""
        self._pages: dict[int, MappedMemory] = {}
        self._allowed: dict[int, tuple[int, int]] = {}
        self._asked: frozenset[int] = frozenset()  # where runs shall end
        self._breaks: frozenset[int] = frozenset()  # where they end: those that are in memory
        self.shared: Final[dict[int, bytes]] = {}
        """Contents of the pages of this core's code that another core may write, when they were last looked at."""

    def allows(self, address: int, access: int) -> tuple[int, int]:
        """Answer :data:`.native.PageHandler`: code runs from memory, not from registers."""
        return self._allowed.get(address + access) or self._allow(address, access)

    def _allow(self, address: int, access: int) -> tuple[int, int]:
        found = self._space.memory_at(address)
        if found is None:
            return address, READ | WRITE | (EXECUTE if address in self._own else 0)
        page, memory = address // self._page, found.memory
        places = self._places_of(found, address)
        if access == EXECUTE and page not in self._pages:
            self._arrive(page, found)
        users = any(place in memory.code for place in places)
        allowed = READ | (EXECUTE if page in self._pages else 0)
        held = any(memory.reserved.get(place, [self]) != [self] for place in places)
        if access == WRITE or not (users or held):
            allowed |= WRITE
            for place in places:
                self._will_write(memory, place)
        answer = self._space.alias(found, address), allowed
        if access != WRITE or not users:  # nothing is to be done when the emulator asks again
            self._allowed[address + access] = answer
        return answer

    def _places_of(self, found: MappedMemory, address: int) -> range:
        """Return the places in the memory of ``found`` that the page at ``address`` covers."""
        first = (address - address % self._page - found.start) // CODE_PAGE
        return range(first, first + self._places)

    def _will_write(self, memory: Memory, place: int) -> None:
        if memory.reserved.get(place):
            memory.end_reservations(place, by=self)
        writers = memory.writers.setdefault(place, [])
        if self not in writers:
            writers.append(self)
        for user in memory.code.get(place, ()):
            user.written(memory, place * CODE_PAGE, by=self)

    def _arrive(self, page: int, found: MappedMemory) -> None:
        self._pages[page] = found
        self._allowed.clear()
        address = page * self._page
        self._look(found, address, address + self._page)
        for place in self._places_of(found, address):
            users = found.memory.code.setdefault(place, [])
            if self not in users:
                users.append(self)
            for writer in found.memory.writers.pop(place, ()):
                writer.forget_pages()

    def _look(self, _where: MappedMemory, _start: int, _end: int) -> Iterable[int]:
        """Look into a range of new or changed code; return what of it must be translated again."""
        return ()

    def _follow(self, page: int) -> None:
        """Look at what is translated in a page of this core's code from now on: it writes there itself."""

    def written(self, memory: Memory, offset: int, *, by: CodeUser) -> None:
        """Core ``by`` is about to write into a page from which this one has executed, perhaps again and again."""
        for page, _address, _end in self._parts(memory, offset, CODE_PAGE):
            if by is self:
                self._follow(page)
            elif page not in self.shared:  # else not yet compared since the writer asked before
                self.shared[page] = self._contents(page)

    def _contents(self, page: int) -> bytes:
        found = self._pages[page]
        offset = page * self._page - found.start
        return found.memory.bytes[offset : offset + self._page].tobytes()

    def changed(self, memory: Memory, offset: int, size: int) -> None:
        """Forget what is known of a range that Python has changed."""
        for page, start, end in self._parts(memory, offset, size):
            self._change(page, start, end)
        self._look_again()

    def reserve(self, address: int) -> None:
        """Be told of writes of others near ``address``, for which the monitor is set, while the core stands."""
        found = self._space.memory_at(address)
        reserved = None if found is None else ((address - found.start) // CODE_PAGE, found.memory)
        if reserved == self._reserved:
            return
        self._release()
        if reserved is not None:
            self._reserved = place, memory = reserved
            memory.reserve(place, self)

    def lose_reservation(self) -> None:
        """Clear the monitor: somebody else writes into the page that :meth:`reserve` was about."""
        self._reserved = None
        self.lost = True
        self._look_again()  # in the middle of an access, translated code may hold the monitor in registers

    def _release(self) -> None:
        if self._reserved is not None:
            place, memory = self._reserved
            self._reserved = None
            memory.reserved[place].remove(self)
            if not memory.reserved[place]:
                del memory.reserved[place]

    def begin(self) -> None:
        """Take note, before a run, of what others have written since the last one."""
        if self.lost:
            self.lost = False
            self._clear_monitor()
        if self.shared:
            self._compare()

    def _compare(self) -> None:
        for page, before in self.shared.items():
            now = self._contents(page)
            if now != before:
                address = page * self._page
                self.shared[page] = now
                different = [
                    at
                    for at in range(0, self._page, _STEP)
                    if now[at : at + _STEP] != before[at : at + _STEP]
                ]
                self._change(page, address + different[0], address + different[-1] + _STEP)

    def forget(self) -> None:
        """Forget all code, as the reset of a core does; not while it runs."""
        breaks = self._asked
        self._leave()
        self._native.forget_all_code()
        self.break_before(breaks)

    def break_before(self, addresses: frozenset[int]) -> frozenset[int]:
        """Let runs end before the instructions at ``addresses``, and no others of this kind; return where they do.

        When a run has ended, the emulator comes to the byte before each of them, which must be known then: it would be
        a fault in the middle of something else.
        """
        new, gone = addresses - self._asked, self._asked - addresses
        self._asked = addresses
        known: set[int] = set()
        for address in new:
            places = [(at // self._page, self._space.memory_at(at)) for at in (address - 1, address)]
            if all(found is not None for _, found in places):
                known.add(address)
                for page, found in places:
                    if page not in self._pages and found is not None:
                        self._arrive(page, found)
        if known or self._breaks & gone:
            changed = known | self._breaks & gone
            self._breaks = self._breaks - gone | known
            self._native.break_before(self._breaks)
            self.forget_at(changed)
        return self._breaks

    def close(self) -> None:
        """Be told nothing any more."""
        self._leave()
        self._release()
        for item in self._space.memories():
            for writers in item.memory.writers.values():
                if self in writers:
                    writers.remove(self)

    def _leave(self) -> None:
        self._asked = self._breaks = frozenset()
        self._native.break_before(())
        for page, found in self._pages.items():
            users = found.memory.code
            for place in self._places_of(found, page * self._page):
                if self in users.get(place, ()):
                    users[place].remove(self)
                    if not users[place]:
                        del users[place]
        self._pages.clear()
        self._allowed.clear()
        self.shared.clear()

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
                for page in range(start // self._page, (end - 1) // self._page + 1):
                    if page in self._pages:
                        first = max(start, page * self._page)
                        parts.append((page, first, min(end, (page + 1) * self._page)))
        return parts

    def _change(self, page: int, start: int, end: int) -> None:
        self.forget_at(self._look(self._pages[page], (start & ~1) - 2, end))
        self._native.forget_code(start, end - start)

    def forget_at(self, addresses: Iterable[int]) -> None:
        """Translate again what contains the instructions at ``addresses``."""
        for address in addresses:
            if address // self._page in self._pages:
                self._native.forget_code(address, 2)
