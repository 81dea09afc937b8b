"""A core played by Python: its interrupts reach Python handlers at their virtual time plus a latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.processor import ignore
from icmsg.ipc.clock import check_delay
from icmsg.machine.base_machine import PATIENCE, never_falls

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.scheduler import Scheduler
    from icmsg.engines.embedded.slot import Slot
    from icmsg.timers import ScheduledTimer


class PlayedCore:
    """Delivers the interrupt lines of ``slot``; ``latency`` and ``retry`` are ticks.

    A handler runs at the tick at which the line rose plus ``latency``. It must make the line fall, as a driver does
    by acknowledging; where it does not, it runs again after ``retry``, as an interrupt that stays high would. Where the
    interrupt latches edges it runs once for each, whatever the line does, and not before ``retry`` has passed: a VPR
    with the work-around for errata 16 of the nRF54L reads its own event back, before a handler may have cleared it.
    """

    def __init__(self, slot: Slot, scheduler: Scheduler, *, latency: int, retry: int) -> None:
        self.latency: Final = latency
        self._retry = max(latency, retry)
        self._slot = slot
        self._nvic = slot.nvic
        self._edges = slot.edges
        self._scheduler = scheduler
        self._handlers: dict[int, Callable[[], None]] = {}
        self._levels: set[int] = set()
        self._queued: dict[int, ScheduledTimer] = {}
        self._ignored: dict[int, int] = {}
        slot.on_line = self._line
        slot.nvic.changed = self._look

    def on_interrupt(self, interrupt: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` for external interrupt ``interrupt``; a line that is high already counts as rising now."""
        self._handlers[interrupt] = handler
        if self._nvic.offers(interrupt):
            self._line(interrupt, True)

    def release(self) -> None:
        """Stop playing the core: nothing that is queued runs any more."""
        for entry in self._queued.values():
            entry.cancel()
        self._queued.clear()
        self._handlers.clear()
        self._slot.on_line = None
        self._nvic.changed = ignore

    def _look(self) -> None:
        """Look again at what the interrupt controller offers."""
        for interrupt in self._handlers:
            level = self._nvic.offers(interrupt)
            if level is not (interrupt in self._levels) and interrupt not in self._edges:
                self._line(interrupt, level)

    def _line(self, interrupt: int, level: bool) -> None:
        if not level:
            if interrupt not in self._edges:
                self._levels.discard(interrupt)
        elif interrupt in self._handlers:
            self._levels.add(interrupt)
            if interrupt not in self._queued:
                is_edge = interrupt in self._edges
                self._queue(interrupt, self._retry if is_edge else self.latency)

    def _queue(self, interrupt: int, delay: int) -> None:
        scheduler = self._scheduler
        self._queued[interrupt] = scheduler.at(scheduler.time() + delay, lambda: self._run(interrupt))

    def _run(self, interrupt: int) -> None:
        del self._queued[interrupt]
        if interrupt not in self._levels:
            return  # acknowledged before the handler's turn: no interrupt is taken
        if interrupt in self._edges:
            self._levels.discard(interrupt)
        try:
            if (began := self._nvic.began) is not None:
                began(interrupt)
            self._handlers[interrupt]()
            if (ended := self._nvic.ended) is not None:
                ended(interrupt)
        finally:
            self._look_again(interrupt)

    def _look_again(self, interrupt: int) -> None:
        if interrupt not in self._levels or interrupt in self._queued:
            self._ignored.pop(interrupt, None)
            return
        self._queue(interrupt, self._retry)
        ignored = self._ignored[interrupt] = self._ignored.get(interrupt, 0) + 1
        if ignored >= PATIENCE:
            self._ignored.clear()
            raise never_falls(self._slot.name, interrupt)


class MachineClock:
    """Virtual time as :class:`icmsg.ipc.clock.Clock` gives it to the state machines of Python-played cores."""

    def __init__(self, scheduler: Scheduler, ticks_per_second: int) -> None:
        self._scheduler = scheduler
        self._ticks_per_second = ticks_per_second

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self._scheduler.time() * 1_000_000_000 // self._ticks_per_second

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call at the end of the current Python step, at the same virtual time, first in, first out."""
        self._scheduler.call_soon(callback)

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> ScheduledTimer:
        """Call after ``delay_ns`` (rounded up to the machine's resolution); the entry can be cancelled.

        Raises:
            ConfigurationError: as :func:`icmsg.ipc.clock.check_delay`.
        """
        check_delay(delay_ns)
        scheduler = self._scheduler
        ticks = -(-delay_ns * self._ticks_per_second // 1_000_000_000)
        return scheduler.at(scheduler.time() + ticks, callback)
