"""Entry point of the ``icmsg`` command: arguments, exit codes, errors without tracebacks.

Exit codes: 0 = everything came back, 1 = the exchange failed, 2 = a mistake in what was asked, 130 = interrupted,
141 = nobody reads the output any more, 143 = ended by SIGTERM.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg import __version__
from icmsg.cli.arguments import MISTAKE, Parser, add_option
from icmsg.errors import IcmsgError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

# As a shell reports a process that SIGINT, SIGPIPE or SIGTERM ended.
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
TERMINATED: Final = 143
COMMANDS: Final = {
    "run": True,
    "debug": True,
    "simulate": True,
    "check": True,
    "compare-engines": True,
    "monitor": False,
    "trace": False,
    "bench": False,
    "new": False,
    "renode": False,
    "doctor": False,
}
"""Commands in the order of the help, each with whether it has options with the names of cores."""


def build_parser(arguments: Sequence[str] = ()) -> ArgumentParser:
    """Return the parser of the command line ``arguments``; its options carry the names of the cores that they mean.

    It has all commands, or the one that ``arguments`` begin with: the others' modules take a while to load.
    """
    from icmsg.cli.core_options import find_cores

    cores = find_cores(arguments)

    parser = Parser(
        prog="icmsg",
        description="Test inter-core messaging (Zephyr's ICMsg) without hardware: an emulated dual-core SoC, "
        "either core played by Python or running firmware.",
    )
    parser.add_argument("--version", action="version", version=f"icmsg {__version__}")
    add_option(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    given = arguments[0] if arguments else ""
    for name in (given,) if given in COMMANDS else COMMANDS:
        module = import_module(f"icmsg.cli.{name.partition('-')[0]}_command")
        module.add_parser(commands, *((cores,) if COMMANDS[name] else ()))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _write_anywhere()
    # What is loaded and built stays: looking for cycles in it was a tenth of a start.
    gc.set_threshold(10_000, 20, 50)
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        options = build_parser(given).parse_args(given)
        code = int(options.execute(options))
        sys.stdout.flush()
    except IcmsgError as error:
        from icmsg.machine.console import printable_lines

        sys.stderr.write(f"icmsg: error: {printable_lines(str(error))}\n")
        return MISTAKE
    except KeyboardInterrupt as error:
        sys.stderr.write("icmsg: interrupted\n")
        return TERMINATED if getattr(error, "number", None) == signal.SIGTERM else INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:
        _drop_output()
        sys.stderr.write(f"icmsg: error: {error.strerror or error}: {error.filename or 'standard output'}\n")
        return MISTAKE
    return code


def _write_anywhere() -> None:
    """Let a stream that is closed swallow everything, and one that cannot show a character show its code."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Forget what is still to be written, or the interpreter would fail on it once more at its end."""
    with suppress(OSError):  # a stream of a test or of a notebook has no file
        output = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output)
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
