"""``icmsg debug``: what ``icmsg run`` does, with GDB at this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icmsg.cli import run_command
from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.engine_options import find_program

if TYPE_CHECKING:
    import argparse

    from icmsg.cli.core_options import CoreOptions


def add_parser(commands: Any, cores: CoreOptions) -> None:
    """Add ``debug`` to the sub-commands; it has options for ``cores``."""
    parser = commands.add_parser(
        "debug",
        help="run under GDB",
        description="Does what icmsg run does on the embedded engine, with a GDB at this terminal that has the symbols "
        "of the cores' firmware and stops before the first instruction.",
        formatter_class=HelpFormatter,
    )
    run_command.add_options(parser, cores)
    parser.add_argument("--core", choices=cores.names, help="debug this core alone")
    parser.add_argument(
        "--program",
        metavar="GDB",
        help="the GDB to start; default: gdb-multiarch, or another that is installed",
    )
    parser.set_defaults(execute=execute, engine="embedded", renode=None, include=None, gdb=0)


def execute(options: argparse.Namespace) -> int:
    """Run what the options say under GDB, return the exit code of the run."""
    options.program = find_program(options.program)
    return run_command.execute(options)
