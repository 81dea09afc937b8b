"""A core that Python plays: its interrupt lines reach Python handlers at synchronization points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.machine.base_machine import PATIENCE, never_falls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.lockstep.stepper import StepClock
    from icmsg.timers import ScheduledTimer


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
