"""Entry point of the ``icmsg`` command: arguments, exit codes, errors without tracebacks.

Exit codes: 0 = everything came back, 1 = the exchange failed, 2 = a mistake in what was asked, 130 = interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from icmsg import __version__
from icmsg.cli import doctor_command, run_command
from icmsg.errors import IcmsgError

if TYPE_CHECKING:
    from collections.abc import Sequence

MISTAKE: Final = 2
INTERRUPTED: Final = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="icmsg",
        description="Test inter-core messaging (Zephyr's ICMsg) without hardware: an emulated dual-core SoC, "
        "either core played by Python or running firmware.",
    )
    parser.add_argument("--version", action="version", version=f"icmsg {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run_command.add_parser(commands)
    doctor_command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.execute(options))
    except IcmsgError as error:
        sys.stderr.write(f"icmsg: error: {error}\n")
        return MISTAKE
    except KeyboardInterrupt:
        sys.stderr.write("icmsg: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
