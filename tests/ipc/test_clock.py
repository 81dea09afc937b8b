"""The virtual clock: order, time, and errors that get lost nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.ipc import Timer, VirtualClock
from icmsg.ipc.clock import WorkItem

if TYPE_CHECKING:
    from collections.abc import Callable


def note(log: list[str], what: str) -> Callable[[], None]:
    return lambda: log.append(what)


def test_work_runs_later_in_the_order_of_submission() -> None:
    clock, log = VirtualClock(), []
    clock.call_soon(note(log, "a"))
    clock.call_soon(note(log, "b"))
    assert log == []
    assert clock.run_one()
    assert log == ["a"]
    assert clock.run_one()
    assert not clock.run_one()
    assert log == ["a", "b"]


def test_timers_of_one_time_run_in_order_and_before_the_work_they_cause() -> None:
    clock, log = VirtualClock(), []

    def first() -> None:
        log.append("first")
        clock.call_soon(note(log, "caused"))

    clock.call_later(5, first)
    clock.call_later(5, note(log, "second"))
    clock.call_later(3, note(log, "earlier"))
    clock.call_later(0, note(log, "now"))
    clock.advance(5)
    assert log == ["now", "earlier", "first", "second", "caused"]
    assert clock.now_ns() == 5


def test_a_timer_runs_at_its_time_and_not_before() -> None:
    clock, times = VirtualClock(), []
    clock.call_later(10, lambda: times.append(clock.now_ns()))
    clock.advance(9)
    assert times == []
    clock.advance(1)
    assert times == [10]


@pytest.mark.parametrize("delay", [0, 10])
def test_a_cancelled_timer_never_runs(delay: int) -> None:
    clock, log = VirtualClock(), []
    timer = clock.call_later(delay, note(log, "x"))
    timer.cancel()
    assert clock.settle()
    assert log == []
    assert clock.now_ns() == 0, "time does not stop at a cancelled timer"


def test_cancelling_a_timer_that_ran_changes_nothing() -> None:
    clock, log = VirtualClock(), []
    timer = clock.call_later(1, note(log, "x"))
    clock.advance(1)
    timer.cancel()
    assert log == ["x"]


def test_a_timer_cancelled_by_another_of_the_same_time_does_not_run() -> None:
    clock, log = VirtualClock(), []
    timers: list[Timer] = []

    def cancel_the_second() -> None:
        timers[0].cancel()

    clock.call_later(1, cancel_the_second)
    timers.append(clock.call_later(1, note(log, "x")))
    clock.advance(1)
    assert log == []


def test_settle_stops_at_the_last_timer_or_at_its_limit() -> None:
    clock = VirtualClock()
    clock.call_later(7, lambda: None)
    assert clock.settle()
    assert clock.now_ns() == 7

    def again() -> None:
        clock.call_later(10, again)

    again()
    assert not clock.settle(25)
    assert clock.now_ns() == 27


def test_an_error_reaches_the_caller_and_the_rest_stays_queued() -> None:
    clock, log = VirtualClock(), []

    def fail() -> None:
        raise RuntimeError("mine")

    clock.call_soon(fail)
    clock.call_soon(note(log, "after"))
    with pytest.raises(RuntimeError, match="mine"):
        clock.settle()
    assert log == []
    assert clock.settle()
    assert log == ["after"]


def test_time_goes_forward_only() -> None:
    clock = VirtualClock()
    with pytest.raises(ConfigurationError):
        clock.call_later(-1, lambda: None)
    with pytest.raises(ConfigurationError):
        clock.advance(-1)


def test_work_without_end_is_an_error_instead_of_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icmsg.ipc.clock.RUNAWAY", 1000)
    clock = VirtualClock()

    def again() -> None:
        clock.call_soon(again)

    again()
    with pytest.raises(VirtualTimeoutError, match="1000 callbacks"):
        clock.run_pending()


def test_queued_work_is_not_queued_twice_but_can_be_submitted_while_it_runs() -> None:
    clock, log = VirtualClock(), []

    def work() -> None:
        log.append("run")
        if len(log) < 3:
            item.submit()
            item.submit()

    item = WorkItem(clock, work)
    item.submit()
    item.submit()
    assert clock.run_pending() == 3
    assert log == ["run"] * 3


def test_cancelled_work_does_not_run_and_what_is_submitted_later_keeps_its_place() -> None:
    clock, log = VirtualClock(), []
    item = WorkItem(clock, note(log, "item"))
    item.cancel()
    item.submit()
    item.cancel()
    clock.call_soon(note(log, "between"))
    item.submit()
    clock.settle()
    assert log == ["between", "item"]


def test_work_that_was_cancelled_twice_runs_once_when_submitted_again() -> None:
    clock = VirtualClock()
    runs: list[int] = []
    work = WorkItem(clock, lambda: runs.append(1))
    for _ in range(2):
        work.submit()
        work.cancel()
    work.cancel()
    work.submit()
    assert clock.run_pending() == 3
    assert runs == [1]


def test_times_in_the_past_are_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="delay of -1 ns lies in the past: use 0 or more"):
        VirtualClock().call_later(-1, lambda: None)
    with pytest.raises(ConfigurationError, match="time cannot move by -1 ns: use 0 or more"):
        VirtualClock().advance(-1)
