"""Ctrl-C in the middle of a run: raised at a safe point, and the machine goes on as if nothing had been."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.interruption import HeldSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="raises a signal in its own process")

END_NS = 300_000


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def pair() -> EmbeddedMachine:
    machine = EmbeddedMachine()
    machine.core("app").load(stub("initiator", "app"))
    machine.core("net").load(stub("echo", "net"))
    machine.core("net").start()
    machine.core("app").start()
    return machine


def in_an_action(machine: EmbeddedMachine, press: Callable[[], None]) -> None:
    for at in range(10_000, END_NS, 17_000):
        machine.clock.call_later(at, press)


def in_a_poll(machine: EmbeddedMachine, press: Callable[[], None]) -> None:
    core = machine.core("app").firmware
    assert core is not None
    core.after_slice = press


PLACES = {"an action of Python": in_an_action, "the end of a slice": in_a_poll}


def run_to_the_end(machine: EmbeddedMachine) -> int:
    interrupts = 0
    while machine.now_ns < END_NS:
        interrupts += was_interrupted(machine)
    return interrupts


def was_interrupted(machine: EmbeddedMachine) -> bool:
    try:
        machine.run_for(END_NS - machine.now_ns)
    except KeyboardInterrupt:
        return True
    return False


@pytest.fixture
def handled() -> Iterator[Callable[[object], None]]:
    before = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type, return-value]
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_was_interrupted_goes_on_bit_for_bit(place: str) -> None:
    with pair() as machine:
        PLACES[place](machine, lambda: None)
        assert run_to_the_end(machine) == 0
        expected = machine.trace_sha256(), machine.core("app").progress
    with pair() as machine:
        PLACES[place](machine, press)
        assert run_to_the_end(machine) > 5
        assert (machine.trace_sha256(), machine.core("app").progress) == expected


def test_it_is_held_while_an_instruction_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair() as machine:
        slot = machine.core("net")._slot
        where: list[object] = []

        def line(_interrupt: int, _level: bool) -> None:
            press()
            where.append(machine.accessing())

        monkeypatch.setattr(slot, "on_line", line)
        with pytest.raises(KeyboardInterrupt):
            machine.run_for(END_NS)
        assert where
        assert where[-1] is not None
        assert machine.accessing() is None


def test_it_is_raised_out_of_a_condition_of_run_until() -> None:
    asked: list[int] = []

    def condition() -> bool:
        asked.append(machine.now_ns)
        press()
        return False

    with pair() as machine:
        with pytest.raises(KeyboardInterrupt):
            machine.run_until(condition, timeout_ns=END_NS)
        assert len(asked) == 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_is_called_at_the_safe_point(handled: Callable[[object], None]) -> None:
    heard: list[object] = []
    handled(lambda number, _frame: heard.append((number, machine.accessing())))
    with pair() as machine:
        in_an_action(machine, press)
        machine.run_for(END_NS)
        assert machine.now_ns == END_NS
    assert len(heard) > 5
    assert set(heard) == {(signal.SIGINT, None)}


def test_an_ignored_signal_stays_ignored(handled: Callable[[object], None]) -> None:
    handled(signal.SIG_IGN)
    with pair() as machine:
        in_an_action(machine, press)
        machine.run_for(END_NS)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_runs_a_machine_and_changes_no_handler() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with pair() as machine:
                machine.run_for(END_NS)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []


def test_a_machine_within_a_callback_of_another_ends_its_run_first() -> None:
    reached: list[int] = []

    def inner() -> None:
        with pair() as other:
            in_an_action(other, press)
            other.run_for(END_NS)
            reached.append(other.now_ns)

    with pair() as machine:
        machine.clock.call_later(1000, inner)
        with pytest.raises(KeyboardInterrupt):
            machine.run_for(END_NS)
        assert reached == [END_NS]


def test_an_exception_of_a_callback_leaves_the_machine_able_to_run() -> None:
    def fail() -> None:
        raise RuntimeError("mine")

    with pair() as machine:
        machine.clock.call_later(1000, fail)
        with pytest.raises(RuntimeError, match="mine"):
            machine.run_for(END_NS)
        machine.run_for(END_NS - machine.now_ns)
        found = machine.trace_sha256()
    with pair() as machine:
        machine.clock.call_later(1000, lambda: None)
        machine.run_for(END_NS)
        assert machine.trace_sha256() == found


def test_a_handler_that_a_callback_sets_stays(handled: Callable[[object], None]) -> None:
    heard: list[int] = []
    with pair() as machine:
        machine.clock.call_later(1000, lambda: handled(lambda number, _frame: heard.append(number)))
        machine.clock.call_later(2000, press)
        machine.run_for(END_NS)
    press()
    assert heard == [signal.SIGINT] * 2


def test_a_callback_that_never_returns_can_be_ended() -> None:
    def stuck() -> None:
        while True:
            press()

    with pytest.raises(KeyboardInterrupt), HeldSignals():
        stuck()
