"""Ctrl-C and timeouts of tests reach Robot, wherever the emulated core happens to be."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.robot import IcmsgLibrary
from icmsg.robot.context import Interruptions, interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.events import Event


class Stopped(Exception):  # noqa: N818 - as Robot's TimeoutExceeded
    pass


@pytest.fixture(autouse=True)
def handled() -> Iterator[list[int]]:
    """Handle SIGTERM as Robot does, and yield the signals that were handled."""
    seen: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        seen.append(number)
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    yield seen
    signal.signal(signal.SIGTERM, before)


def test_a_signal_is_noted_and_handled_when_it_is_asked_for(handled: list[int]) -> None:
    with Interruptions():
        assert not interrupted()
        signal.raise_signal(signal.SIGTERM)
        assert handled == []
        with pytest.raises(Stopped):
            interrupted()
        assert not interrupted()
    assert handled == [signal.SIGTERM]


def test_a_signal_that_nobody_asked_for_is_handled_at_the_end() -> None:
    with pytest.raises(Stopped), Interruptions():
        signal.raise_signal(signal.SIGTERM)


def fail_while_a_signal_waits() -> None:
    with Interruptions():
        signal.raise_signal(signal.SIGTERM)
        raise KeyError


def test_an_error_of_the_keyword_is_not_replaced_by_the_signal() -> None:
    with pytest.raises(KeyError):
        fail_while_a_signal_waits()
    with pytest.raises(Stopped):
        interrupted()


def test_the_second_signal_is_not_held_back() -> None:
    with Interruptions():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped):
            interrupted()


def test_one_context_inside_another() -> None:
    with Interruptions(), Interruptions():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped):
            interrupted()
    signal_after = signal.getsignal(signal.SIGTERM)
    assert callable(signal_after)
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_while_native_code_calls_back_stops_the_keyword_soon(handled: list[int]) -> None:
    library = IcmsgLibrary("embedded")
    for name, *arguments in (
        ("create_machine",),
        ("run_firmware", "net", "echo"),
        ("run_firmware", "app", "initiator"),
    ):
        library.run_keyword(name, arguments)
    machine = library._context.machine
    rings = 0

    def at_a_doorbell(_event: Event) -> None:
        nonlocal rings
        rings += 1
        if rings == 50:
            signal.raise_signal(signal.SIGTERM)

    machine.events.add_sink(at_a_doorbell)
    with pytest.raises(Stopped):
        library.run_keyword("let_time_pass", [timedelta(hours=1)])
    assert handled == [signal.SIGTERM]
    assert machine.now_ns < 1_000_000_000
    library.run_keyword("close_machine", [])
