"""An alarm runs at the tick that was set last, and leaves little behind in the timers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.engines.embedded.clocks import Alarm
from icmsg.timers import NEVER, ScheduledTimer, Timers


class Where:
    """A timers of its own, which counts what is put into it."""

    def __init__(self) -> None:
        self.time = 0
        self.timers = Timers()
        self.entries: list[ScheduledTimer] = []

    def now(self) -> int:
        return self.time

    def at(self, time: int, action: object) -> ScheduledTimer:
        entry = self.timers.at(time, action)  # type: ignore[arg-type]  # the protocol's type
        self.entries.append(entry)
        return entry

    def run_to(self, time: int) -> None:
        while self.timers.next <= time:
            self.time = self.timers.next
            self.timers.run_due(self.time)
        self.time = time


STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "cancel", "reset", "clear", "run"]), st.integers(1, 50)), max_size=60
)


@settings(max_examples=100)
@given(STEPS)
def test_it_runs_once_at_the_last_tick_that_was_set(steps: list[tuple[str, int]]) -> None:
    where = Where()
    ran: list[int] = []
    alarm = Alarm(where, lambda: ran.append(where.time))
    due, expected = NEVER, []
    for kind, value in steps:
        if kind == "set":
            due = where.time + value
            alarm.set(due)
        elif kind == "run":
            until = where.time + value
            where.run_to(until)
            if due <= until:
                expected.append(due)
                due = NEVER
        else:
            due = NEVER
            if kind == "clear":
                where.timers.clear()
                alarm.cancel()
            else:
                getattr(alarm, kind)()
    where.run_to(where.time + 100)
    assert ran == expected + ([due] if due != NEVER else [])


def test_a_timeout_that_only_moves_later_needs_one_entry_at_a_time() -> None:
    where = Where()
    alarm = Alarm(where, lambda: None)
    for step in range(10_000):
        where.run_to(step)
        alarm.set(step + 1000)
    assert len(where.entries) <= 11


def test_near_and_far_timeouts_in_turn_keep_two_entries() -> None:
    where = Where()
    alarm = Alarm(where, lambda: None)
    live = 0
    for step in range(0, 10_000, 10):
        where.run_to(step)
        alarm.set(step + 100_000)
        alarm.set(step + 10)
        live = max(live, sum(entry.action is not None for entry in where.entries))
    assert live == 2
