"""One core's address space as the platform file describes it, and interrupts of a core that Python plays.

Renode answers 0 where nothing is, so the platform file is asked before an access that checks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.errors import BusError
from icmsg.machine.base_machine import PATIENCE, never_falls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.lockstep.stepper import StepClock
    from icmsg.hw.registers import AccessKind
    from icmsg.soc.soc import MappedRange, SocCore
    from icmsg.timers import ScheduledTimer


class PlacedBus:
    """The :class:`icmsg.hw.bus.Bus` of one core; accesses take no virtual time.

    Whoever derives from it brings the accesses: ``_get`` and ``_set`` for 8, 16 and 32 bits, ``_get_block`` and
    ``_set_block`` for memory, ``_get_register`` and ``_set_register`` for an offset of the mailbox, and ``_rang``,
    which is called after each write of a register, because it may have rung. What they raise of the type ``_failure``
    becomes a BusError.
    """

    __slots__ = (
        "_closed", "_core", "_cpu", "_failure", "_mailbox", "_places", "_readable", "_watches", "_writable",
    )  # fmt: skip

    def __init__(self, core: SocCore, failure: type[Exception]) -> None:
        self._core = core.name
        self._cpu = core.cpu
        self._places = core
        self._failure = failure
        self._closed = False
        self._watches: tuple[tuple[int, int, Callable[[int, int], None]], ...] = ()
        self._mailbox = core.mailbox
        # Renode's model answers 0 where the mailbox has no register.
        kind = core.port.kind if core.port is not None else None
        self._readable = kind.readable if kind is not None else frozenset()
        self._writable = kind.writable if kind is not None else frozenset()

    @property
    def core(self) -> str | None:
        """The core's name."""
        return self._core

    def read8(self, address: int) -> int:
        """Read a byte."""
        return self._read(address, 8)

    def read16(self, address: int) -> int:
        """Read 16 bits."""
        return self._read(address, 16)

    def read32(self, address: int) -> int:
        """Read 32 bits."""
        return self._read(address, 32)

    def write8(self, address: int, value: int) -> None:
        """Write a byte."""
        self._write(address, value, 8)

    def write16(self, address: int, value: int) -> None:
        """Write 16 bits."""
        self._write(address, value, 16)

    def write32(self, address: int, value: int) -> None:
        """Write 32 bits."""
        self._write(address, value, 32)

    def read_block(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of memory; a block may span memories that touch, but no peripheral."""
        self._check_block(address, size)
        if not size:
            return b""
        try:
            return self._get_block(address, size)
        except self._failure as error:
            raise self._error(self._words(error), address, 8 * size) from error

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` into memory; all of it or nothing."""
        content = bytes(data)
        self._check_block(address, len(content))
        if not content:
            return
        try:
            self._set_block(address, content)
        except self._failure as error:
            raise self._error(self._words(error), address, 8 * len(content)) from error
        if self._watches:
            self._wrote(address, len(content))

    def watch_writes(self, begin: int, end: int, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Call ``told(address, size)`` behind each write to ``begin``…``end`` - 1; the function returned ends that.

        ``size`` is what of the write lies in there.
        """
        watch = begin, end, told
        self._watches = *self._watches, watch

        def remove() -> None:
            self._watches = tuple(each for each in self._watches if each is not watch)

        return remove

    def _wrote(self, address: int, size: int) -> None:
        for begin, end, told in self._watches:
            first, last = max(address, begin), min(address + size, end)
            if first < last:
                told(first, last - first)

    def close(self) -> None:
        """Refuse everything from now on: the machine is gone."""
        self._closed = True

    # What a bus brings

    def _get(self, width: int, address: int) -> int:
        raise NotImplementedError

    def _set(self, width: int, address: int, value: int) -> None:
        raise NotImplementedError

    def _get_block(self, address: int, size: int) -> bytes:
        raise NotImplementedError

    def _set_block(self, address: int, data: bytes) -> None:
        raise NotImplementedError

    def _get_register(self, offset: int) -> int:
        raise NotImplementedError

    def _set_register(self, offset: int, value: int) -> None:
        raise NotImplementedError

    def _rang(self) -> None:
        raise NotImplementedError

    def _words(self, failure: Exception) -> str:
        return str(failure)

    # Checks

    def _read_mailbox(self, address: int, offset: int) -> int:
        if offset not in self._readable:
            raise self._refused("read", offset, address)
        try:
            return self._get_register(offset)
        except self._failure as error:
            raise self._error(self._words(error), address, 32) from error

    def _write_mailbox(self, address: int, offset: int, value: int) -> None:
        if offset not in self._writable:
            raise self._refused("write", offset, address)
        try:
            self._set_register(offset, value)
        except self._failure as error:
            raise self._error(self._words(error), address, 32) from error
        self._rang()

    def _read(self, address: int, width: int) -> int:
        place = self._check(address, width)
        if width == 32 and place.name == self._mailbox:
            return self._read_mailbox(address, address - place.start)
        try:
            return self._get(width, address)
        except self._failure as error:
            raise self._error(self._words(error), address, width) from error

    def _write(self, address: int, value: int, width: int) -> None:
        place = self._check(address, width)
        if not 0 <= value < 1 << width:
            raise self._error(f"value {value:#x} does not fit {width} bits", address, width)
        if width == 32 and place.name == self._mailbox:
            self._write_mailbox(address, address - place.start, value)
            return
        try:
            self._set(width, address, value)
        except self._failure as error:
            raise self._error(self._words(error), address, width) from error
        if self._watches:
            self._wrote(address, width // 8)
        if not place.is_memory:
            self._rang()

    def _check(self, address: int, width: int) -> MappedRange:
        size = width // 8
        if address % size:
            raise self._error(f"not aligned; use a multiple of {size}", address, width)
        place = None if self._closed else self._places.at(address)
        if place is None:
            raise self._nothing(address, width)
        return place

    def _check_block(self, address: int, size: int) -> None:
        if size < 0:
            raise self._error(f"a block of {size} bytes: its size is negative", address, 0)
        position = address
        while position < address + size:
            place = None if self._closed else self._places.at(position)
            if place is None:
                raise self._nothing(address, 8 * size)
            if not place.is_memory:
                raise self._error(
                    f"a block cannot reach into the registers of {place.name}; access them one by one",
                    address,
                    8 * size,
                )
            position = place.end

    def _refused(self, what: AccessKind, offset: int, address: int) -> BusError:
        assert self._places.port is not None
        return self._error(self._places.port.kind.registers.refusal(what, offset), address, 32)

    def _nothing(self, address: int, width: int) -> BusError:
        reason = "the machine is closed" if self._closed else "no memory or peripheral is there"
        return self._error(reason, address, width)

    def _error(self, reason: str, address: int, width: int) -> BusError:
        return BusError(reason, address=address, width=width, core=self._core)


@dataclass(slots=True)
class _Interrupt:
    number: int
    handler: Callable[[], None]
    lines: list[object]
    is_edge: bool
    queued: ScheduledTimer | None = None
    ignored: int = 0
    rose_ns: int | None = None
    latched: bool = False


class InterruptDelivery:
    """Delivers interrupts of core ``name`` to Python.

    A handler runs at the first synchronization point that is later than the line's edge and at least ``latency_ns``
    behind it. It must make the line fall; where it does not, it runs again at the next synchronization point. Those of
    ``edges``, interrupts of the mailbox, are latched where their line rises, and the handler runs once for that,
    whatever the line does. ``is_set`` gives the level of a line. ``follow`` and ``ignore`` tell who lets time pass
    which lines end a step: not those whose handler is queued, and no edges, since a step ends where a mailbox's line
    rises.
    """

    def __init__(
        self,
        name: str,
        clock: StepClock,
        *,
        is_set: Callable[[object], bool],
        latency_ns: int,
        follow: Callable[[object], None],
        ignore: Callable[[object], None],
        edges: Collection[int] = (),
    ) -> None:
        self._name = name
        self._is_set = is_set
        self._clock = clock
        self._latency = latency_ns
        self._follow = follow
        self._ignore = ignore
        self._edges = edges
        self._interrupts: dict[int, _Interrupt] = {}

    @property
    def followed(self) -> list[object]:
        """The lines whose edge has to end a step."""
        return [
            line
            for interrupt in self._interrupts.values()
            if interrupt.queued is None and not interrupt.is_edge
            for line in interrupt.lines
        ]

    def on_interrupt(self, number: int, handler: Callable[[], None], lines: list[object]) -> None:
        """Call ``handler`` while one of ``lines`` is high; one that is high already counts as rising now."""
        if (known := self._interrupts.get(number)) is not None:
            known.handler = handler
            return
        is_edge = number in self._edges
        interrupt = self._interrupts[number] = _Interrupt(number, handler, lines, is_edge)
        interrupt.latched = is_edge and self._is_high(interrupt)
        self._follow_all(interrupt)
        self._look(interrupt)

    def line_rose(self, number: int, time_ns: int) -> None:
        """Note when an interrupt's line rose."""
        interrupt = self._interrupts.get(number)
        if interrupt is not None:
            interrupt.rose_ns = time_ns
            interrupt.latched = interrupt.is_edge

    def look(self) -> None:
        """Queue the handlers of lines that are high."""
        for interrupt in self._interrupts.values():
            self._look(interrupt)

    def release(self) -> None:
        """Stop playing the core: nothing that is queued runs any more."""
        for interrupt in self._interrupts.values():
            if interrupt.queued is not None:
                interrupt.queued.cancel()
            else:
                self._ignore_all(interrupt)
        self._interrupts.clear()

    def _follow_all(self, interrupt: _Interrupt) -> None:
        for line in () if interrupt.is_edge else interrupt.lines:
            self._follow(line)

    def _ignore_all(self, interrupt: _Interrupt) -> None:
        for line in () if interrupt.is_edge else interrupt.lines:
            self._ignore(line)

    def _is_high(self, interrupt: _Interrupt) -> bool:
        return any(self._is_set(line) for line in interrupt.lines)

    def _is_due(self, interrupt: _Interrupt) -> bool:
        return interrupt.latched if interrupt.is_edge else self._is_high(interrupt)

    def _look(self, interrupt: _Interrupt) -> None:
        if interrupt.queued is None and self._is_due(interrupt):
            rose = self._clock.time_ns if interrupt.rose_ns is None else interrupt.rose_ns
            due = rose + max(1, self._latency)
            if due <= self._clock.time_ns:
                interrupt.queued = self._clock.call_at(due, lambda: self._run(interrupt))
            else:
                self._queue(interrupt, due)

    def _queue(self, interrupt: _Interrupt, due: int) -> None:
        self._ignore_all(interrupt)
        interrupt.queued = self._clock.call_at(due, lambda: self._run_and_follow(interrupt))

    def _run_and_follow(self, interrupt: _Interrupt) -> None:
        self._follow_all(interrupt)
        self._run(interrupt)

    def _run(self, interrupt: _Interrupt) -> None:
        interrupt.queued = None
        interrupt.rose_ns = None
        if not self._is_due(interrupt):
            interrupt.ignored = 0
            return  # acknowledged before the handler's turn: no interrupt is taken
        interrupt.latched = False
        try:
            interrupt.handler()
        finally:
            if self._is_due(interrupt):
                self._again(interrupt)
            else:
                interrupt.ignored = 0

    def _again(self, interrupt: _Interrupt) -> None:
        interrupt.ignored += 1
        if interrupt.ignored >= PATIENCE:
            interrupt.ignored = 0
            raise never_falls(self._name, interrupt.number)
        self._queue(interrupt, self._clock.time_ns + max(1, self._latency))
