"""``icmsg monitor``: Renode's Monitor over either engine, typed, from a script, or from a pipe."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import asset
from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.core_options import add_soc, machine_platform
from icmsg.cli.engine_options import add_engine_options, add_stall_option, chosen_engine, included
from icmsg.cli.monitor_input import MonitorPort, piped_lines
from icmsg.cli.monitor_session import open_session
from icmsg.engines.choice import check_takes_csharp
from icmsg.engines.lockstep.monitor_text import csharp_files, monitor_path, written_path
from icmsg.errors import IcmsgError
from icmsg.machine.console import printable_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
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
        code = _COLOURS.get(what)
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code is not None and text else text


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
