"""Renode's terminal tester over a console: which line matches, what is taken, what the report says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.simtime import MS
from icmsg.robot.terminal_tester import TerminalTester

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.console import Console


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


@pytest.fixture
def console(machine: EmbeddedMachine) -> Console:
    return machine.core("net").console


@pytest.fixture
def tester(machine: EmbeddedMachine, console: Console) -> TerminalTester:
    console.feed(b"before\nhalf a ", 0)
    return TerminalTester(machine, console, 10 * MS)


def test_what_was_printed_before_is_not_seen(tester: TerminalTester, console: Console) -> None:
    assert tester.wait_for("before", 0) is None
    console.feed(b"line\n", MS)
    found = tester.wait_for("", 0)
    assert found is not None
    assert (found.line, found.timestamp_ms) == ("line", 1.0)


def test_a_match_takes_its_line_and_those_before_it(tester: TerminalTester, console: Console) -> None:
    console.feed(b"x\none\ntwo\nthree\n", 0)
    assert tester.wait_for("two", 0) is not None
    assert tester.wait_for("one", 0) is None
    assert tester.wait_for("three", 0) is not None


def test_a_line_that_comes_while_waiting_ends_the_wait(
    machine: EmbeddedMachine, tester: TerminalTester, console: Console
) -> None:
    machine.clock.call_later(3 * MS, lambda: console.feed(b"!\nhello\n", machine.now_ns))
    found = tester.wait_for("hello")
    assert found is not None
    assert machine.now_ns == 3 * MS


def test_without_a_match_the_whole_timeout_passes(machine: EmbeddedMachine, tester: TerminalTester) -> None:
    assert tester.wait_for("nothing") is None
    assert machine.now_ns == 10 * MS


def test_a_regular_expression_gives_its_groups(tester: TerminalTester, console: Console) -> None:
    console.feed(b"\ndone 7 of 10\n", 0)
    found = tester.wait_for(r"done (\d+) of (\d+)( |$)", 0, regex=True)
    assert found is not None
    assert found.groups == ("7", "10", "")
    assert tester.wait_for("7 of (", 0) is None  # no expression unless it is asked for


def test_only_the_next_line_counts_where_that_is_asked_for(tester: TerminalTester, console: Console) -> None:
    console.feed(b"\none\ntwo\n", 0)
    tester.next_line(0)
    assert tester.wait_for("two", 0, next_line=True) is None
    assert tester.wait_for("one", 0, next_line=True) is not None
    assert tester.wait_for("two", 0, next_line=True) is not None


def test_an_unfinished_line_is_found_once_and_its_rest_is_a_line(
    tester: TerminalTester, console: Console
) -> None:
    console.feed(b"\nlogin: ", 0)
    tester.next_line(0)
    assert tester.wait_for("login:", 0) is None
    found = tester.wait_for("login:", 0, unfinished=True)
    assert found is not None
    assert found.line == "login: "
    assert tester.wait_for("login:", 0, unfinished=True) is None
    console.feed(b"root\n", 0)
    rest = tester.next_line(0)
    assert rest is not None
    assert rest.line == "root"


def test_consecutive_lines(tester: TerminalTester, console: Console) -> None:
    console.feed(b"\na\nx\na\nb\nc\n", 0)
    assert tester.wait_for_lines(["a", "c"], 0) is None
    found = tester.wait_for_lines(["a", "b"], 0)
    assert found is not None
    assert found.line == "b"
    assert tester.wait_for_lines(["b"], 0, next_line=True) is None
    assert tester.wait_for_lines(["c"], 0, next_line=True) is not None
    assert tester.wait_for_lines([], 0) is not None


def test_colours_are_not_part_of_a_line(tester: TerminalTester, console: Console) -> None:
    console.feed(b"\n\x1b[1;32mgreen\x1b[0m\0 light\r\n", 0)
    found = tester.wait_for("green light", 0)
    assert found is not None
    assert found.line == "green light"


def test_idle_is_when_nothing_is_printed(
    machine: EmbeddedMachine, tester: TerminalTester, console: Console
) -> None:
    assert tester.is_idle(5 * MS)
    assert machine.now_ns == 5 * MS
    machine.clock.call_later(MS, lambda: console.feed(b"x", machine.now_ns))
    assert not tester.is_idle(5 * MS)
    assert machine.now_ns == 6 * MS


def test_the_report_has_lines_and_events_in_their_order(tester: TerminalTester, console: Console) -> None:
    console.feed(b"\none\ntwo\nthr", 2 * MS)
    tester.wait_for("one", 0)
    tester.wait_for("four", 0)
    assert tester.report().splitlines() == [
        "([virt:       0] Attached to UART event: success)",
        "[virt:       2] ",
        "[virt:       2] one",
        "([virt:       0] Line containing >>one<< event: success)",
        "[virt:       2] two",
        "thr [[no newline]]",
        "([virt:       0] Line containing >>four<< event: failure)",
        "--- Current line buffer contains 3 characters: >>thr<<",
    ]
    tester.clear_report()
    assert tester.wait_for("two", 0) is None
