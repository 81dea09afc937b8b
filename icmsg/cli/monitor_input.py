"""Sources of a session's commands where nobody types at a terminal: a pipe, and clients at a port.

Time that passes while no command is there: on a started emulation, no faster than a clock on the wall.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError
from icmsg.machine.console import printable_lines
from icmsg.monitor.telnet_port import LOOPBACK, TelnetPort
from icmsg.timers import MS, S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from icmsg.cli.monitor_session import MonitorSession


_SLICE_NS: Final = 5 * MS
_IDLE_LOOK_S: Final = 0.01


class Idle:
    """Wall time that ``session`` keeps pace with; ``complain`` takes what goes wrong meanwhile."""

    def __init__(self, session: MonitorSession, complain: Callable[[str], None]) -> None:
        self._session: Final = session
        self._complain: Final = complain
        self._reached_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin now: what a command took is not made up for."""
        self._reached_s = time.monotonic()

    def step(self) -> None:
        """Answer debuggers and terminals, and let as much time pass as has on the wall, or wait a little."""
        session = self._session
        session.attend()
        now = time.monotonic()
        behind_ns = round((now - self._reached_s) * S)
        if not session.is_started or behind_ns < MS:
            self._reached_s = self._reached_s if session.is_started else now
            time.sleep(_IDLE_LOOK_S)
            return
        # What the engine cannot keep up with is let go, not made up for.
        self._reached_s = (
            now if behind_ns > 20 * _SLICE_NS else self._reached_s + min(behind_ns, _SLICE_NS) / S
        )
        try:
            session.pump(min(behind_ns, _SLICE_NS))
        except IcmsgError as error:
            self._complain(str(error))


_PATIENCE_S: Final = 0.1
"""Wall time for which the next line of a pipe is waited for before time passes: one that is full is read at once."""
_LOOK_S: Final = 0.002
_ENDS: Final = (
    "icmsg: the input has ended, and the emulation is started: time passes until Ctrl-C, as in Renode. A script for CI "
    "ends with sleep SECONDS and quit\n"
)
_RED, _YELLOW, _END = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_LONGEST_LINE: Final = 1 << 16


def piped_lines(first: Iterable[str], stream: TextIO, session: MonitorSession) -> Iterator[str]:
    """Yield the first lines, then those of ``stream``, while time passes on a started emulation.

    Where the stream ends and the emulation is started, time passes until Ctrl-C, as in Renode.
    """
    yield from first
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(stream, lines), daemon=True).start()
    idle = Idle(session, _complain)
    while (line := _next(lines, idle)) is not None:
        yield line
        idle.begin()
    if session.is_started:
        sys.stderr.write(_ENDS)
        sys.stderr.flush()
        idle.begin()
        while session.is_started:
            idle.step()


def _read(stream: TextIO, lines: queue.SimpleQueue[str | None]) -> None:
    try:
        for line in stream:
            lines.put(line)
    finally:
        lines.put(None)


def _next(lines: queue.SimpleQueue[str | None], idle: Idle) -> str | None:
    waits_until = time.monotonic() + _PATIENCE_S
    while lines.empty() and time.monotonic() < waits_until:
        time.sleep(_LOOK_S)
    idle.begin()
    while lines.empty():
        idle.step()
    return lines.get()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class MonitorPort:
    """Monitor at a port of this computer, for one client at a time, as ``renode -P PORT`` has it.

    Raises:
        MonitorError: the port cannot be used.
    """

    def __init__(self, session: MonitorSession, port: int, banner: str, *, plain: bool) -> None:
        self._session: Final = session
        self._port: Final = TelnetPort(port, forgets=True)
        self._banner: Final = banner
        self._plain: Final = plain
        self._line = ""
        self._after_return = False

    @property
    def port(self) -> int:
        """The port."""
        return self._port.port

    def run(self, first: Iterable[str], write: Callable[[str], None]) -> int:
        """Run the first lines, then what clients send, until ``quit``; the exit code is 0, as Renode's."""
        try:
            write(f"Monitor available in telnet mode on port {self.port} of {LOOPBACK}")
            for line in first:
                if not self._session.has_quit:
                    self._execute(line, write, write)
            idle = Idle(self._session, write)
            while not self._session.has_quit:
                if self._port.accept():
                    self._line = ""
                    self._print(f"{self._banner}\n")
                    self._prompt()
                received = self._port.receive()
                if received:
                    self._take(received.decode("utf-8", errors="replace"))
                    idle.begin()
                else:
                    self._port.flush()
                    idle.step()
            return 0
        finally:
            self._port.close()

    def _take(self, text: str) -> None:
        """Take what was typed: an editor of one line, with what Renode's shell echoes."""
        for character in text:
            follows, self._after_return = self._after_return, character == "\r"
            if character in "\n\0" and follows:
                continue
            if character in "\r\n":
                line, self._line = self._line, ""
                self._port.send(b"\r\n")
                self._execute(line, self._print_line, self._print_error)
                if self._session.has_quit:
                    return
                self._prompt()
            elif character == "\x03":
                self._line = ""
                self._port.send(b"^C\r\n")
                self._prompt()
            elif character in "\x08\x7f":
                if self._line:
                    self._line = self._line[:-1]
                    self._port.send(b"\b \b")
            elif character.isprintable() and len(self._line) < _LONGEST_LINE:
                self._line += character
                self._port.send(character.encode())

    def _execute(self, line: str, show: Callable[[str], None], complain: Callable[[str], None]) -> None:
        try:
            self._session.execute(line, lambda text: show(printable_lines(text)))
        except IcmsgError as error:
            complain(printable_lines(str(error)))

    def _prompt(self) -> None:
        prompt = f"{self._session.prompt} "
        self._print(prompt if self._plain else f"{_YELLOW}{prompt}{_END}")

    def _print_line(self, text: str) -> None:
        self._print(f"{text}\n")

    def _print_error(self, text: str) -> None:
        self._print(f"{text}\n" if self._plain else f"{_RED}{text}\n{_END}")

    def _print(self, text: str) -> None:
        self._port.send(text.replace("\n", "\r\n").encode())
