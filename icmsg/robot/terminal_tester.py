"""Renode's terminal tester over the console of a core: what was printed since it was made, and what was matched.

What it matches and how it says so follows TerminalTester.cs of Renode 1.16.1, but for the host times in its report.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import VirtualTimeoutError
from icmsg.robot.interruption import interrupted

if TYPE_CHECKING:
    from icmsg.machine.console import Console
    from icmsg.machine.machine import Machine

_SGR: Final = re.compile(r"\x1b\[[0-9;]*m")
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TerminalLine:
    """A finished line, or the unfinished one; ``time_ms`` is when it ended."""

    text: str
    time_ms: float

    def __str__(self) -> str:
        return f"[virt: {int(self.time_ms):7}] {self.text}"


class Match(NamedTuple):
    """Match of a text: the line, its virtual time in ms, and the groups of the regular expression.

    ``is_failing``: not what was waited for, but something that must not be printed.
    """

    line: str
    timestamp_ms: float
    groups: tuple[str, ...] = ()
    is_failing: bool = False


Matcher = Callable[[], Match | None]


class TerminalTester:
    """Waits for what ``console`` of ``machine`` prints from now on; ``timeout_ns`` is the default of each wait."""

    def __init__(self, machine: Machine, console: Console, timeout_ns: int) -> None:
        self._machine = machine
        self._console = console
        self._timeout_ns = timeout_ns
        self._next = len(console.lines)
        self._cut = len(console.partial)
        """Characters of line ``_next`` that were matched before it ended."""
        self.failing: Final[list[tuple[str, bool]]] = []
        """Patterns that must not be printed while something is waited for, and whether each is an expression."""
        self._report: list[str] = []
        self._tell("Attached to UART", "success")

    # Waiting

    def wait_for(
        self,
        pattern: str,
        timeout_ns: int | None = None,
        *,
        regex: bool = False,
        unfinished: bool = False,
        next_line: bool = False,
    ) -> Match | None:
        """Run until a line contains ``pattern``; None, with the report written, if none does.

        ``unfinished`` looks at the line that has not ended, too; ``next_line`` only at the first line.
        """
        name = f"Line containing{' regex' if regex else ''} >>{pattern}<<"

        def find() -> Match | None:
            lines = self._lines()
            for index, line in enumerate(lines[:1] if next_line else lines):
                if (groups := _groups(pattern, line.text, regex)) is not None:
                    return self._take(name, index + 1, groups)
            if not unfinished or (next_line and lines):
                return None
            rest = self._unfinished()
            groups = _groups(pattern, rest, regex, at_start=next_line)
            return None if groups is None else self._take_unfinished(name, rest, groups)

        return self._wait(find, name, timeout_ns)

    def wait_for_lines(
        self,
        patterns: list[str],
        timeout_ns: int | None = None,
        *,
        regex: bool = False,
        next_line: bool = False,
    ) -> Match | None:
        """Run until consecutive lines contain ``patterns``; with ``next_line`` they have to be the first ones."""
        if not patterns:
            return Match("", 0.0)
        name = f"Lines starting with{' regex' if regex else ''} >>{patterns[0]}<<"

        def find() -> Match | None:
            lines = self._lines()
            starts = len(lines) - len(patterns) + 1
            for start in range(min(starts, 1) if next_line else starts):
                if all(
                    _groups(pattern, lines[start + index].text, regex) is not None
                    for index, pattern in enumerate(patterns)
                ):
                    return self._take(name, start + len(patterns))
            return None

        return self._wait(find, name, timeout_ns)

    def next_line(self, timeout_ns: int | None = None) -> Match | None:
        """Run until there is a line."""
        name = "Next line"
        return self._wait(lambda: self._take(name, 1) if self._lines() else None, name, timeout_ns)

    def is_idle(self, duration_ns: int) -> bool:
        """Let time pass; tell whether nothing was printed in it."""
        before = len(self._console.text)
        try:
            self._machine.run_until(
                lambda: interrupted() or len(self._console.text) != before, timeout_ns=duration_ns
            )
        except VirtualTimeoutError:
            return True
        self._fail("Terminal is idle")
        return False

    def _fails(self) -> Match | None:
        for pattern, regex in self.failing:
            for index, line in enumerate(self._lines()):
                if _groups(pattern, line.text, regex) is not None:
                    return self._take("error", index + 1)._replace(is_failing=True)
        return None

    def _wait(self, wanted: Matcher, name: str, timeout_ns: int | None) -> Match | None:
        def find() -> Match | None:
            return self._fails() or wanted()

        found = find()
        wait_ns = self._timeout_ns if timeout_ns is None else timeout_ns
        if found is None and wait_ns:
            matches: list[Match] = []

            def satisfied() -> bool:
                match = None if interrupted() else find()
                if match is not None:
                    matches.append(match)
                return match is not None

            with suppress(VirtualTimeoutError):
                self._machine.run_until(satisfied, timeout_ns=wait_ns, what=name)
            found = matches[0] if matches else None
        if found is None:
            self._fail(name)
        return found

    # The report

    def report(self) -> str:
        """Return everything that was matched or passed over, in the order in which it happened."""
        rest = self._unfinished()
        held = [f"--- Current line buffer contains {len(rest)} characters: >>{rest}<<"] if rest else []
        return "\n".join([*self._report, *held])

    def clear_report(self) -> None:
        """Forget the report and every line so far."""
        self._report.clear()
        self._next = len(self._console.lines)
        self._cut = 0

    # Lines

    def _lines(self) -> list[TerminalLine]:
        found = [
            TerminalLine(_visible(line.text), line.time_ns / _MS)
            for line in self._console.lines[self._next :]
        ]
        if found and self._cut:
            found[0] = TerminalLine(
                _visible(self._console.lines[self._next].text[self._cut :]), found[0].time_ms
            )
        return found

    def _unfinished(self) -> str:
        partial = self._console.partial
        return _visible(partial[self._cut :] if len(self._console.lines) == self._next else partial)

    def _take(self, name: str, count: int, groups: tuple[str, ...] = ()) -> Match:
        taken = self._lines()[:count]
        self._report += map(str, taken)
        self._next += count
        self._cut = 0
        self._tell(name, "success")
        return Match(taken[-1].text, taken[-1].time_ms, groups)

    def _take_unfinished(self, name: str, text: str, groups: tuple[str, ...]) -> Match:
        self._report += [*map(str, self._lines()), f"{text} [[no newline]]"]
        self._next = len(self._console.lines)
        self._cut = len(self._console.partial)
        self._tell(name, "success")
        return Match(text, self._machine.now_ns / _MS, groups)

    def _fail(self, name: str) -> None:
        self._report += [*map(str, self._lines()), f"{self._unfinished()} [[no newline]]"]
        self._tell(name, "failure")

    def _tell(self, name: str, what: str) -> None:
        self._report.append(f"([virt: {self._machine.now_ns / _MS:7g}] {name} event: {what})")


def _visible(text: str) -> str:
    return _SGR.sub("", text).replace("\\x00", "").replace("\r", "")  # a console shows NUL as \x00


def _groups(pattern: str, text: str, regex: bool, *, at_start: bool = False) -> tuple[str, ...] | None:
    """Return the groups of a match, none for a plain text; None where there is no match."""
    if not regex:
        return () if (text.startswith(pattern) if at_start else pattern in text) else None
    found = re.search(pattern, text)
    if found is None or (at_start and found.start()):
        return None
    return tuple(group or "" for group in found.groups())
