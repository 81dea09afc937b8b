"""The nRF5340's RTC and TIMER, counted from virtual time, exactly.

The nRF5340's RTC: counts the 32.768 kHz clock of virtual time, exactly.

The counter's value follows from the tick at which it was started, so counting costs nothing. An event happens, as
on the SoC, only while it is enabled in INTEN or EVTEN, and COMPARE when the counter comes to CC, not while it is
there already. Tasks take effect at once, where the SoC takes up to one and a half cycles. The DPPI's registers are
stored only.

The nRF5340's TIMER: counts 16 MHz of virtual time, divided, or tasks; exactly, as the RTC model does.

The counter's value follows from the tick at which it was started, so counting costs nothing, and an event that is
latched already is not waited for again. The DPPI's registers are stored only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.engines.embedded.models.nrf_events import EventModel
from icmsg.hw.model import on_read, on_write
from icmsg.hw.nrf_peripherals import (
    COUNTER_MASK,
    LFCLK_HZ,
    OVERFLOW_START,
    RTC,
    RTC_COMPARATORS,
    TIMER,
    TIMER_COMPARATORS,
    TIMER_HZ,
    WIDTHS,
)

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


_SPAN: Final = COUNTER_MASK + 1


class NrfRtcModel(EventModel):
    """RTC, owned by the core of ``slot``."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(RTC, slot, base=base)
        self._evten = self.slot("EVTEN")
        self._cc = self.slot("CC")
        self._tick = self.event_bit("TICK")
        self._overflow = self.event_bit("OVRFLW")
        self._compare = [self.event_bit("COMPARE", index) for index in range(RTC_COMPARATORS)]
        events = (self._tick, self._overflow, *self._compare)
        self._alarms = {event: Alarm(slot, partial(self._happen, event)) for event in events}
        self._enabled = 0
        self._running = False
        self._started = 0  # the tick at which the counter was _first
        self._first = 0
        self._period = slot.ticks_per_second  # of one count, in ticks / LFCLK_HZ
        self._clock = slot.lfclk
        self._clock.before_change.append(self._keep)
        self._clock.after_change.append(self._go_on)

    def reset(self) -> None:
        """Stop and clear the counter, and reset the registers."""
        super().reset()
        self._running = False
        self._first = self._enabled = 0
        self._period = self._slot.ticks_per_second
        for alarm in self._alarms.values():
            alarm.reset()

    # Counting

    @on_read("COUNTER")
    def _counter(self, _index: int) -> int:
        return (self._first + self._elapsed()) & COUNTER_MASK

    def _elapsed(self) -> int:
        return (self._slot.now() - self._started) * LFCLK_HZ // self._period if self._counts else 0

    @property
    def _counts(self) -> bool:
        return self._running and self._clock.running

    def _keep(self) -> None:
        self._first = self._counter(0)

    def _go_on(self) -> None:
        self._started = self._slot.now()
        self._plan_all()

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1 and not self._running:
            self._running = True
            self._count_from(self._first)

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._first = self._counter(0)
            self._running = False
            self._plan_all()

    @on_write("TASKS_CLEAR")
    def _clear(self, _index: int, value: int) -> None:
        if value & 1:
            self._count_from(0)

    @on_write("TASKS_TRIGOVRFLW")
    def _trigger_overflow(self, _index: int, value: int) -> None:
        if value & 1:
            self._count_from(OVERFLOW_START)

    @on_write("TASKS_CAPTURE")
    def _capture(self, index: int, value: int) -> None:
        if value & 1:
            self._compare_with(index, self._counter(0))

    def _count_from(self, value: int) -> None:
        self._first = value
        self._started = self._slot.now()
        self._period = self._slot.ticks_per_second * ((self.peek("PRESCALER") & 0xFFF) + 1)
        self._plan_all()

    # Events

    @on_write("CC")
    def _compare_with(self, index: int, value: int) -> None:
        self.words[self._cc + index] = value & COUNTER_MASK
        if self._enabled & self._compare[index]:
            self._plan(self._compare[index])

    @on_write("INTEN")
    def _enable_interrupts(self, _index: int, _value: int) -> None:
        self._enable_changed()
        self._drive()

    @on_write("EVTEN")
    def _enable_events(self, _index: int, _value: int) -> None:
        self._enable_changed()

    def _enable_changed(self) -> None:
        enabled = self.words[self._inten] | self.words[self._evten]
        changed, self._enabled = enabled ^ self._enabled, enabled
        if changed:
            for event in self._alarms:
                if event & changed:
                    self._plan(event)

    def _plan_all(self) -> None:
        for event in self._alarms:
            self._plan(event)

    def _plan(self, event: int) -> None:
        """Set the alarm of ``event`` to the tick at which the counter comes to its value."""
        if not self._counts or not self._enabled & event:
            self._alarms[event].cancel()
            return
        elapsed = self._elapsed()
        if event == self._tick:
            ahead = 1
        else:
            target = 0 if event == self._overflow else self.words[self._cc + self._compare.index(event)]
            ahead = (target - self._first - elapsed) & COUNTER_MASK or _SPAN
        reached = -(-(elapsed + ahead) * self._period // LFCLK_HZ)  # rounded up: not before the edge
        self._alarms[event].set(self._started + reached)

    def _happen(self, event: int) -> None:
        self.generate(event)
        self._plan(event)


_STOP_SHORTS: Final = 8
"""The first bit of SHORTS that stops; the ones below clear."""


class NrfTimerModel(EventModel):
    """TIMER, owned by the core of ``slot``, with the compare registers below ``comparators``."""

    def __init__(self, slot: Slot, *, base: int, comparators: int = TIMER_COMPARATORS) -> None:
        super().__init__(TIMER, slot, base=base)
        self._cc = self.slot("CC")
        self._compare = [self.event_bit("COMPARE", index) for index in range(comparators)]
        self._alarms = [Alarm(slot, partial(self._reached, index)) for index in range(comparators)]
        self._due = [0] * comparators  # the exact tick for which the alarm is set
        self._spent = [False] * comparators  # an event that was to happen once has happened
        self._running = False
        self._started = 0  # the tick at which the counter was _first
        self._first = 0

    def reset(self) -> None:
        """Stop and clear the counter, and reset the registers."""
        super().reset()
        self._running = False
        self._first = 0
        self._spent = [False] * len(self._spent)
        for alarm in self._alarms:
            alarm.reset()

    # Counting

    @property
    def _mask(self) -> int:
        return (1 << WIDTHS[self.peek("BITMODE")]) - 1

    @property
    def _period(self) -> int:
        """Duration of a count, in ticks / TIMER_HZ."""
        return self._slot.ticks_per_second << min(self.peek("PRESCALER"), 9)

    @property
    def _counts_time(self) -> bool:
        return self._running and not self.peek("MODE")

    def _elapsed(self) -> int:
        return (self._slot.now() - self._started) * TIMER_HZ // self._period if self._counts_time else 0

    def _counter(self) -> int:
        return (self._first + self._elapsed()) & self._mask

    def _count_from(self, value: int, since: int | None = None) -> None:
        self._first = value
        self._started = self._slot.now() if since is None else since
        for index in range(len(self._alarms)):
            self._plan(index)

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1 and not self._running:
            self._running = True
            self._count_from(self._first)

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._halt(self._counter())

    @on_write("TASKS_SHUTDOWN")
    def _shut_down(self, _index: int, value: int) -> None:
        if value & 1:
            self._halt(0)

    def _halt(self, value: int) -> None:
        self._running = False
        self._count_from(value)

    @on_write("TASKS_CLEAR")
    def _clear(self, _index: int, value: int) -> None:
        if value & 1:
            self._count_from(0)

    @on_write("TASKS_COUNT")
    def _count(self, _index: int, value: int) -> None:
        if value & 1 and self._running and self.peek("MODE"):
            self._first = (self._first + 1) & self._mask
            for index in range(len(self._compare)):
                if self.words[self._cc + index] & self._mask == self._first:
                    self._happen(index, self._slot.now())

    @on_write("TASKS_CAPTURE")
    def _capture(self, index: int, value: int) -> None:
        if value & 1:
            self.words[self._cc + index] = self._counter()
            self._armed(index)

    # Settings: the product specification has them changed while the timer stands; here a change counts from now on

    @on_write("MODE", "BITMODE", "PRESCALER")
    def _set_up(self, _index: int, _value: int) -> None:
        self._count_from(self._first)

    @on_write("CC")
    def _compare_with(self, index: int, _value: int) -> None:
        self._armed(index)

    @on_write("ONESHOTEN")
    def _once(self, index: int, _value: int) -> None:
        self._armed(index)

    def _armed(self, index: int) -> None:
        if index < len(self._alarms):
            self._spent[index] = False
            self._plan(index)

    @on_write("SHORTS")
    def _connect(self, _index: int, _value: int) -> None:
        for index in range(len(self._alarms)):
            self._plan(index)

    # Events

    def _write_event(self, word: int, event: int, value: int) -> None:
        super()._write_event(word, event, value)
        if not value & 1 and event in self._compare:
            self._plan(self._compare.index(event))

    def _shorts(self, index: int) -> tuple[bool, bool]:
        shorts = self.peek("SHORTS")
        return bool(shorts >> index & 1), bool(shorts >> (_STOP_SHORTS + index) & 1)

    def _plan(self, index: int) -> None:
        """Set the alarm to the tick at which the counter comes to CC, unless nothing would follow from it."""
        waits = (
            not self._latched & self._compare[index]
            or any(self._shorts(index))
            or self._slot.on_event is not None
        )
        if not self._counts_time or self._spent[index] or not waits:
            self._alarms[index].cancel()
            return
        elapsed, mask = self._elapsed(), self._mask
        ahead = (self.words[self._cc + index] - self._first - elapsed) & mask or mask + 1
        self._due[index] = self._started - -(elapsed + ahead) * self._period // TIMER_HZ
        self._alarms[index].set(self._due[index])

    def _reached(self, index: int) -> None:
        self._happen(index, self._due[index])

    def _happen(self, index: int, time: int) -> None:
        self._spent[index] = bool(self.peek("ONESHOTEN", index))
        self.generate(self._compare[index])
        clears, stops = self._shorts(index)
        value = 0 if clears else self.words[self._cc + index] & self._mask
        if stops:
            self._halt(value)
        elif clears:
            self._count_from(0, since=time)
        else:
            self._plan(index)
