"""``icmsg monitor``: Renode's Monitor over either engine, typed, from a script, from a pipe, or by clients at a port.

Time passes while no command is there: on a started emulation, no faster than a clock on the wall (:class:`Idle`).
"""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import asset
from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.core_options import add_soc, machine_platform
from icmsg.cli.engine_options import add_engine_options, add_stall_option, chosen_engine, included
from icmsg.cli.monitor_session import open_session
from icmsg.engines.choice import check_takes_csharp
from icmsg.engines.lockstep.monitor_text import csharp_files, monitor_path, written_path
from icmsg.errors import IcmsgError
from icmsg.machine.console import printable_lines
from icmsg.monitor.telnet_port import LOOPBACK, TelnetPort
from icmsg.timers import MS, S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from icmsg.cli.monitor_session import MonitorSession
    from icmsg.engines.choice import EngineChoice

_COLOURS: Final = {"ERROR": "31", "WARNING": "33", "prompt": "33", "live": "36", "hint": "2"}


class Paint:
    """Colours for one stream, or none: where nobody sees them, with ``--plain``, and with NO_COLOR."""

    def __init__(self, stream: TextIO, *, plain: bool = False) -> None:
        dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
        self.on: Final = stream.isatty() and not plain and not dumb

    def __call__(self, text: str, what: str) -> str:
        """Return the text in the colour of what it is; a terminal acts on nothing that is in it."""
        text = printable_lines(text)
        return _in_colour(text, what) if self.on and what in _COLOURS and text else text


def _in_colour(text: str, what: str) -> str:
    return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m"


def add_parser(commands: Any) -> None:
    """Add ``monitor`` to the sub-commands."""
    parser = commands.add_parser(
        "monitor",
        help="Renode's Monitor, with commands for ICMsg",
        description="Renode's Monitor language on either engine, and the verbs behind the word icmsg. Runs the script, "
        "then the commands of -e, then what is typed. Where nobody types (standard input is no terminal) commands "
        "are read from standard input instead, unless there was an -e; there the first error ends with exit code 1.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("script", metavar="SCRIPT", nargs="?", help="a .resc to include first")
    parser.add_argument(
        "-e",
        "--execute",
        dest="commands",
        metavar="COMMAND",
        action="append",
        default=[],
        help="a command, or several with ';' between them; may be given several times",
    )
    add_engine_options(parser)
    add_stall_option(parser, "in which the Monitor of --renode has to answer a command")
    parser.add_argument(
        "--platform",
        metavar="REPL",
        help="the platform file of the machine: without SCRIPT it is made of it, with all cores halted",
    )
    add_soc(parser)
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "-P",
        "--port",
        type=int,
        metavar="PORT",
        help="have the Monitor at a port of this computer, for telnet and the like, one client at a time; 0 = any",
    )
    way.add_argument(
        "--console", action="store_true", help="have the Monitor here, as Renode's option: it is, without -P"
    )
    parser.add_argument("-p", "--plain", action="store_true", help="no colours")
    parser.add_argument("--hide-log", action="store_true", help="do not show the log, nor consoles in it")
    parser.add_argument(
        "--no-python",
        dest="python",
        action="store_false",
        help="run no Python that a script brings (embedded engine): for scripts of somebody whom you do not know",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the session that the options ask for, return the exit code."""
    typed = sys.stdin is not None and sys.stdin.isatty()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")  # what is no UTF-8 is shown, not a traceback
    paint = Paint(sys.stdout, plain=options.plain)
    choice = chosen_engine(options)
    first = [*_includes(choice, included(options)), *_begin(options), *options.commands]

    session = open_session(
        choice,
        machine_platform(options.platform, options.soc),
        lambda line: write(paint(line, "live")),
        None if options.hide_log else lambda line, level: write(paint(line, level)),
        python=options.python,
    )
    try:
        if options.port is not None:
            return MonitorPort(session, options.port, _banner(choice), plain=options.plain).run(first, write)
        if typed:
            from icmsg.cli.monitor_prompt import Prompt  # a session from a pipe does without

            banner = f"{_banner(choice)}\nhelp and icmsg help list what there is; Ctrl-D leaves"
            return Prompt(session, paint, write).run(first, banner)
        ends = options.commands or sys.stdin is None
        lines = first if ends else piped_lines(first, sys.stdin, session)
        return run_lines(session, lines)
    finally:
        session.close()


def _banner(choice: EngineChoice) -> str:
    return f"icmsg Monitor, engine {choice.name} ({choice.reason})"


def _begin(options: argparse.Namespace) -> list[str]:
    """Return the commands that make the machine."""
    if options.script:
        return [f"include {written_path(options.script)}"]
    platform = machine_platform(options.platform, options.soc)
    if platform is None or options.renode is not None:  # a Renode elsewhere has its machine
        return []
    from icmsg.monitor.search_path import platform_commands

    return list(platform_commands(platform))


def _includes(choice: EngineChoice, include: list[str]) -> list[str]:
    """Return the commands that compile these C# files, behind ours that they may use."""
    check_takes_csharp(choice, include)
    files = csharp_files(include)
    ours = sorted(asset("renode").glob("*.cs")) if files and choice.name == "renode" else []
    return [f"include {' '.join(map(monitor_path, together))}" for together in (ours, files) if together]


def write(text: str) -> None:
    """Print text with a line end, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_lines(session: MonitorSession, lines: Iterable[str]) -> int:
    """Run lines until one of them is refused or quits; return the exit code."""
    for line in lines:
        try:
            session.execute(line.rstrip("\r\n"), lambda text: write(printable_lines(text)))
        except IcmsgError as error:
            sys.stdout.flush()
            sys.stderr.write(f"{Paint(sys.stderr)(str(error), 'ERROR')}\n")
            return 1
        if session.has_quit:
            break
    return 0


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
        self._print(prompt if self._plain else _in_colour(prompt, "prompt"))

    def _print_line(self, text: str) -> None:
        self._print(f"{text}\n")

    def _print_error(self, text: str) -> None:
        self._print(f"{text}\n" if self._plain else _in_colour(f"{text}\n", "ERROR"))

    def _print(self, text: str) -> None:
        self._port.send(text.replace("\n", "\r\n").encode())
