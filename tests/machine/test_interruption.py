"""Ctrl-C is noted while a machine runs, and never lost."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from icmsg.machine.interruption import CtrlC, Interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="raises a signal in its own process")


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_it_is_raised_where_somebody_asks_and_once() -> None:
    with CtrlC() as ctrl_c:
        ctrl_c.check()
        press()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.check()
        ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_is_raised_at_the_end_if_nobody_asked() -> None:
    with pytest.raises(KeyboardInterrupt), CtrlC():
        press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_error_is_not_hidden() -> None:
    def fail() -> None:
        press()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"), CtrlC():
        fail()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_else_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        with CtrlC() as ctrl_c:
            press()
            ctrl_c.check()
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_can_use_it() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with CtrlC() as ctrl_c:
                ctrl_c.check()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []


def test_sigterm_is_noted_where_that_is_asked_for() -> None:
    with CtrlC(terminate=True) as ctrl_c:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            ctrl_c.check()
    assert caught.value.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with CtrlC() as ctrl_c:
            press()
            ctrl_c.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_within_another_raises_what_came_before_it() -> None:
    with CtrlC():
        press()
        with CtrlC() as inner, pytest.raises(Interrupted):
            inner.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
