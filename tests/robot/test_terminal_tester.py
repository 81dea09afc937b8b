"""Renode's terminal tester over a console: which line matches, what is taken, what the report says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.ipc.clock import VirtualClock
from icmsg.robot.terminal_tester import TerminalTester
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Callable


class Wire:
    """A UART on a clock of its own."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.testers: list[TerminalTester] = []

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def run_until(self, satisfied: Callable[[], bool], ns: int) -> bool:
        end = self.now_ns + ns
        while not satisfied():
            if self.now_ns >= end:
                return False
            self.clock.advance(MS)
        return True

    def tester(self, *, carriage_return: bool = False, binary: bool = False) -> TerminalTester:
        tester = TerminalTester(
            lambda: self.now_ns, self.run_until, 10 * MS, carriage_return=carriage_return, binary=binary
        )
        self.testers.append(tester)
        return tester

    def feed(self, data: bytes, time_ns: int) -> None:
        for tester in self.testers:
            tester.feed(data, time_ns)


@pytest.fixture
def console() -> Wire:
    return Wire()


@pytest.fixture
def tester(console: Wire) -> TerminalTester:
    console.feed(b"before\nhalf a ", 0)
    return console.tester()


def test_what_was_printed_before_is_not_seen(tester: TerminalTester, console: Wire) -> None:
    assert tester.wait_for("before", 0) is None
    console.feed(b"line\n", MS)
    found = tester.wait_for("", 0)
    assert found is not None
    assert (found.line, found.timestamp_ms) == ("line", 1.0)


def test_a_match_takes_its_line_and_those_before_it(tester: TerminalTester, console: Wire) -> None:
    console.feed(b"x\none\ntwo\nthree\n", 0)
    assert tester.wait_for("two", 0) is not None
    assert tester.wait_for("one", 0) is None
    assert tester.wait_for("three", 0) is not None


def test_a_line_that_comes_while_waiting_ends_the_wait(tester: TerminalTester, console: Wire) -> None:
    console.clock.call_later(3 * MS, lambda: console.feed(b"!\nhello\n", console.now_ns))
    found = tester.wait_for("hello")
    assert found is not None
    assert console.now_ns == 3 * MS


def test_without_a_match_the_whole_timeout_passes(console: Wire, tester: TerminalTester) -> None:
    assert tester.wait_for("nothing") is None
    assert console.now_ns == 10 * MS


def test_a_regular_expression_gives_its_groups(tester: TerminalTester, console: Wire) -> None:
    console.feed(b"\ndone 7 of 10\n", 0)
    found = tester.wait_for(r"done (\d+) of (\d+)( |$)", 0, regex=True)
    assert found is not None
    assert found.groups == ("7", "10", "")
    assert tester.wait_for("7 of (", 0) is None  # no expression unless it is asked for


def test_only_the_next_line_counts_where_that_is_asked_for(tester: TerminalTester, console: Wire) -> None:
    console.feed(b"\none\ntwo\n", 0)
    tester.next_line(0)
    assert tester.wait_for("two", 0, next_line=True) is None
    assert tester.wait_for("one", 0, next_line=True) is not None
    assert tester.wait_for("two", 0, next_line=True) is not None


def test_an_unfinished_line_is_found_once_and_its_rest_is_a_line(
    tester: TerminalTester, console: Wire
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


def test_consecutive_lines(tester: TerminalTester, console: Wire) -> None:
    console.feed(b"\na\nx\na\nb\nc\n", 0)
    assert tester.wait_for_lines(["a", "c"], 0) is None
    found = tester.wait_for_lines(["a", "b"], 0)
    assert found is not None
    assert found.line == "b"
    assert tester.wait_for_lines(["b"], 0, next_line=True) is None
    assert tester.wait_for_lines(["c"], 0, next_line=True) is not None
    assert tester.wait_for_lines([], 0) is not None


def test_colours_are_not_part_of_a_line(tester: TerminalTester, console: Wire) -> None:
    console.feed(b"\n\x1b[1;32mgreen\x1b[0m\0 light\r\n", 0)
    found = tester.wait_for("green light", 0)
    assert found is not None
    assert found.line == "green light"


def test_idle_is_when_nothing_is_printed(tester: TerminalTester, console: Wire) -> None:
    assert tester.is_idle(5 * MS)
    assert console.now_ns == 5 * MS
    console.clock.call_later(MS, lambda: console.feed(b"x", console.now_ns))
    assert not tester.is_idle(5 * MS)
    assert console.now_ns == 6 * MS


def test_the_report_has_lines_and_events_in_their_order(tester: TerminalTester, console: Wire) -> None:
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


def test_a_line_can_end_with_a_carriage_return(console: Wire) -> None:
    tester = console.tester(carriage_return=True)
    console.feed(b"one\r\ntwo\r", 0)
    assert tester.wait_for("one", 0, next_line=True) is not None
    found = tester.next_line(0)
    assert found is not None
    assert found.line == "\\x0atwo"


def test_what_comes_behind_a_match_stays_for_the_next_one(console: Wire) -> None:
    tester = console.tester()
    console.clock.call_later(MS, lambda: console.feed(b"uart:~$ hello\n", MS))
    found = tester.wait_for("~$", unfinished=True)
    assert found is not None
    assert (found.line, found.timestamp_ms) == ("uart:~$", 1.0)
    found = tester.next_line(0)
    assert found is not None
    assert found.line == " hello"


def test_consecutive_lines_the_last_of_which_has_not_ended(console: Wire) -> None:
    tester = console.tester()
    console.feed(b"a\nb\nc", 0)
    assert tester.wait_for_lines(["a", "b"], 0, unfinished=True) is None
    found = tester.wait_for_lines(["a", "b", "c"], 0, unfinished=True)
    assert found is not None
    assert found.line == "c"
    console.feed(b"d\ne", 0)
    assert tester.wait_for_lines(["d", "e"], 0, unfinished=True, next_line=True) is not None


def test_bytes_are_matched_where_they_are(console: Wire) -> None:
    tester = console.tester(binary=True)
    console.feed(bytes(range(256)) * 2, 0)
    assert tester.wait_for_bytes("0102", 0, at_start=True) is None
    found = tester.wait_for_bytes("00 01 02", 0, at_start=True)
    assert found is not None
    assert found.line == "\0\1\2"
    found = tester.wait_for_bytes(r"(\x11.*?)\x41.*?([\x50-\x5f]+).*?\xfd", 0, regex=True)
    assert found is not None
    assert found.groups[0].encode("latin-1") == bytes(range(0x11, 0x41))
    assert found.groups[1].encode("latin-1") == bytes(range(0x50, 0x60))
    assert tester.wait_for_bytes("fe ff 00", 0, at_start=True) is not None
