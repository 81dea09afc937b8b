"""Renode's terminal tester: what a UART printed since the tester was made, and what was matched.

What it matches follows TerminalTester.cs of Renode 1.16.1, byte by byte; its report has no times of the host.

UARTs for the testers of Renode's keywords: where their bytes come from, and how they are written to.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.lockstep.machine import SteppedMachine
from icmsg.machine.console import text_of

if TYPE_CHECKING:
    from icmsg.machine.console import ConsoleSink
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext


_MS: Final = 1_000_000
_LINE_FEED: Final = 0x0A
_CARRIAGE_RETURN: Final = 0x0D


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
RunUntil = Callable[[Callable[[], bool], int], bool]
"""Lets at most so many nanoseconds pass until a condition is satisfied; tells whether it was."""


class TerminalTester:
    """Waits for what :meth:`feed` brings, in the time of its machine; ``timeout_ns`` is the default of each wait.

    Lines end with LF, CR left out; with ``carriage_return`` they end with CR. In ``binary`` mode there are no lines:
    every byte is a character of Latin-1, and none is left out.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        run_until: RunUntil,
        timeout_ns: int,
        *,
        carriage_return: bool = False,
        binary: bool = False,
    ) -> None:
        self._now_ns: Final = now_ns
        self._run_until: Final = run_until
        self._timeout_ns: Final = timeout_ns
        self._end: Final = _CARRIAGE_RETURN if carriage_return else _LINE_FEED
        self._left_out: Final = b"" if binary else (b"\0" if carriage_return else b"\0\r")
        self.binary: Final = binary
        self.failing: Final[list[tuple[str, bool]]] = []
        """Patterns that must not be printed while something is waited for, and whether each is an expression."""
        self._lines: list[TerminalLine] = []
        self._current = bytearray()
        self._now_ms: float | None = None
        self._bytes = 0
        self._wanted: Matcher | None = None
        self._found: Match | None = None
        self._report: list[str] = []
        self._tell("Attached to UART", "success")

    def feed(self, data: bytes, time_ns: int) -> None:
        """Take bytes that the UART sent at virtual time ``time_ns``."""
        self._now_ms = time_ns / _MS
        for byte in data:
            self._bytes += 1
            if byte in self._left_out:
                continue
            if byte == self._end and not self.binary:
                self._lines.append(TerminalLine(text_of(self._current), time_ns / _MS))
                self._current.clear()
            else:
                self._current.append(byte)
            if self._wanted is not None and (found := self._fails() or self._wanted()) is not None:
                self._found, self._wanted = found, None
        self._now_ms = None

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

        ``unfinished`` looks at the line that has not ended, too; ``next_line`` only at the first line, or at the
        beginning of the one that has not ended.
        """
        name = f"Line containing{' regex' if regex else ''} >>{pattern}<<"

        def find() -> Match | None:
            for index, line in enumerate(self._lines[:1] if next_line else self._lines):
                if (found := _search(pattern, line.text, regex)) is not None:
                    return self._take(name, index + 1, found.groups)
            return self._find_unfinished(name, pattern, regex, next_line) if unfinished else None

        return self._wait(find, name, timeout_ns)

    def wait_for_lines(
        self,
        patterns: list[str],
        timeout_ns: int | None = None,
        *,
        regex: bool = False,
        unfinished: bool = False,
        next_line: bool = False,
    ) -> Match | None:
        """Run until consecutive lines contain ``patterns``; with ``next_line`` they have to be the first ones.

        ``unfinished`` lets the last one be the line that has not ended; it has to be that one then.
        """
        if not patterns:
            return Match("", 0.0)
        if next_line or (unfinished and len(patterns) == 1):
            found = None
            for number, pattern in enumerate(patterns, 1):
                last = unfinished and number == len(patterns)
                found = self.wait_for(pattern, timeout_ns, regex=regex, unfinished=last, next_line=next_line)
                if found is None or found.is_failing:
                    break
            return found
        name = f"Lines starting with{' regex' if regex else ''} >>{patterns[0]}<<"
        finished = patterns[:-1] if unfinished else patterns

        def matches_at(start: int) -> bool:
            texts = (line.text for line in self._lines[start : start + len(finished)])
            return all(_search(*pair, regex) for pair in zip(finished, texts, strict=True))

        def find() -> Match | None:
            last = len(self._lines) - len(finished)
            if unfinished:
                if last < 0 or not matches_at(last):
                    return None
                return self._find_unfinished(name, patterns[-1], regex, at_start=False)
            start = next((each for each in range(last + 1) if matches_at(each)), None)
            return None if start is None else self._take(name, start + len(finished))

        return self._wait(find, name, timeout_ns)

    def wait_for_bytes(
        self, content: str, timeout_ns: int | None = None, *, regex: bool = False, at_start: bool = False
    ) -> Match | None:
        """Run until these bytes were printed, in characters of Latin-1; ``content`` are digits, or an expression."""
        name = f"Line containing{' regex' if regex else ''} >>{content}<<"
        pattern = content if regex else bytes.fromhex(content).decode("latin-1")

        def find() -> Match | None:
            return self._find_unfinished(name, pattern, regex, at_start)

        return self._wait(find, name, timeout_ns)

    def next_line(self, timeout_ns: int | None = None) -> Match | None:
        """Run until there is a line."""
        name = "Next line"
        return self._wait(lambda: self._take(name, 1) if self._lines else None, name, timeout_ns)

    def is_idle(self, duration_ns: int) -> bool:
        """Let time pass; tell whether nothing was printed in it."""
        before = self._bytes
        if self._run_until(lambda: self._bytes != before, duration_ns):
            self._fail("Terminal is idle")
            return False
        return True

    def _fails(self) -> Match | None:
        for pattern, regex in self.failing:
            for index, line in enumerate(self._lines):
                if _search(pattern, line.text, regex) is not None:
                    return self._take("error", index + 1)._replace(is_failing=True)
        return None

    def _wait(self, wanted: Matcher, name: str, timeout_ns: int | None) -> Match | None:
        found = self._fails() or wanted()
        wait_ns = self._timeout_ns if timeout_ns is None else timeout_ns
        if found is None and wait_ns:
            self._found, self._wanted = None, wanted
            try:
                self._run_until(lambda: self._found is not None, wait_ns)
            finally:
                self._wanted = None
            found = self._found
        if found is None:
            self._fail(name)
        return found

    def _find_unfinished(self, name: str, pattern: str, regex: bool, at_start: bool) -> Match | None:
        text = self._unfinished()
        found = _search(pattern, text, regex, dot_all=self.binary)
        if found is None or (at_start and found.begin):
            return None
        if self.binary:
            self._report.append(_digits(text))
            del self._current[: found.end]
            taken = text[found.begin : found.end]
        else:
            self._report += [*map(str, self._lines), f"{text} [[no newline]]"]
            self._lines.clear()
            self._current.clear()
            taken = text
        self._tell(name, "success")
        return Match(taken, self._ms(), found.groups)

    # The report

    def report(self) -> str:
        """Return everything that was matched or passed over, in the order in which it happened."""
        rest = self._unfinished()
        held = [f"--- Current line buffer contains {len(rest)} characters: >>{rest}<<"] if rest else []
        return "\n".join([*self._report, *held])

    def clear_report(self) -> None:
        """Forget the report and every line so far."""
        self._report.clear()
        self._lines.clear()

    def _unfinished(self) -> str:
        return self._current.decode("latin-1") if self.binary else text_of(self._current)

    def _take(self, name: str, count: int, groups: tuple[str, ...] = ()) -> Match:
        taken = self._lines[:count]
        self._report += map(str, taken)
        del self._lines[:count]
        self._tell(name, "success")
        return Match(taken[-1].text, taken[-1].time_ms, groups)

    def _fail(self, name: str) -> None:
        rest = self._unfinished()
        self._report += [*map(str, self._lines), _digits(rest) if self.binary else f"{rest} [[no newline]]"]
        self._tell(name, "failure")

    def _ms(self) -> float:
        return self._now_ns() / _MS if self._now_ms is None else self._now_ms

    def _tell(self, name: str, what: str) -> None:
        self._report.append(f"([virt: {self._ms():7g}] {name} event: {what})")


class _Found(NamedTuple):
    begin: int
    end: int
    groups: tuple[str, ...]


def _search(pattern: str, text: str, regex: bool, *, dot_all: bool = False) -> _Found | None:
    """Return where a text, or an expression with its groups, is found first; None where it is not."""
    if not regex:
        begin = text.find(pattern)
        return None if begin < 0 else _Found(begin, begin + len(pattern), ())
    found = re.search(pattern, text, re.DOTALL if dot_all else 0)
    if found is None:
        return None
    return _Found(found.start(), found.end(), tuple(group or "" for group in found.groups()))


def _digits(text: str) -> str:
    return text.encode("latin-1").hex(" ").upper()


@dataclass(frozen=True, slots=True)
class UartPort:
    """UART by its name in the Monitor: who hears what it prints, and what sends it bytes."""

    name: str
    listen: Callable[[ConsoleSink], object]
    send: Callable[[bytes], None]

    def __str__(self) -> str:
        return self.name


def uarts_of(context: KeywordContext, name: str, machine: Machine) -> dict[str, UartPort]:
    """Return the UARTs of ``machine``, which the Monitor calls ``name``.

    Bytes for the UART that is the console of a core go through that console, which Python may play.
    """
    emulation = context.emulation.embedded()
    if emulation is not None:
        from icmsg.monitor.command import parts_of
        from icmsg.monitor.objects.uart import UartObject  # needs the engine

        uarts = parts_of(emulation.machines[name].devices, UartObject)
        return {full: UartPort(full, uart.model.sinks.append, uart.send) for full, uart in uarts}
    assert isinstance(machine, SteppedMachine)  # there is no third kind
    return {
        f"sysbus.{uart}": UartPort(f"sysbus.{uart}", console.add_sink, partial(machine.write_to_uart, uart))
        for uart, console in machine.uarts.items()
    }


class UartTester(TerminalTester):
    """Tester of ``port``, a UART of ``machine``."""

    def __init__(
        self,
        context: KeywordContext,
        machine: Machine,
        port: UartPort,
        timeout_ns: int,
        *,
        carriage_return: bool = False,
        binary: bool = False,
    ) -> None:
        super().__init__(
            lambda: machine.now_ns,
            context.run_until,
            timeout_ns,
            carriage_return=carriage_return,
            binary=binary,
        )
        self.port: Final = port
        self.write_delay_ns = 0
        """Virtual time before each byte that is written; 0 = all at once."""
        self._clock: Final = machine.clock
        self._delayed: Final[deque[tuple[int, bytes]]] = deque()
        port.listen(self.feed)

    def write(self, data: bytes) -> None:
        """Send bytes to the firmware; EngineError if nothing could receive them."""
        if not self.write_delay_ns:
            self.port.send(data)
            return
        waits = bool(self._delayed)
        self._delayed.extend((self.write_delay_ns, bytes((byte,))) for byte in data)
        if not waits:
            self._send_next()

    def _send_next(self) -> None:
        if self._delayed:
            self._clock.call_later(self._delayed[0][0], self._send_delayed)

    def _send_delayed(self) -> None:
        self.port.send(self._delayed.popleft()[1])
        self._send_next()
