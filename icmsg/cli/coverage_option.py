"""Option for which lines of firmware a run has reached, and who else looks at firmware."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from icmsg.cli.gdb_option import debugged
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack

    from icmsg.link.setup import Program
    from icmsg.machine.machine import Machine


def add_coverage_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--coverage``."""
    parser.add_argument(
        "--coverage",
        metavar="FILE",
        default=None,
        help="write which lines of firmware were reached, for lcov and genhtml; images need -g",
    )


@contextmanager
def covered(machine: Machine, path: str, programs: Mapping[str, Program]) -> Iterator[None]:
    """Take note of what firmware executes in here, and write it to ``path``.

    Raises:
        ConfigurationError: the engine is another one, no core runs firmware, none of it has debug information, or the
            file cannot be written.
    """
    from icmsg.views.coverage import Coverage  # few runs need it

    images = [image for image in programs.values() if image is not None]
    if not images:
        raise ConfigurationError("--coverage needs a core that runs firmware; here Python plays all of them")
    if not any(image.debug is not None and image.debug.dwarf is not None for image in images):
        names = " and ".join(image.path.name for image in images)
        raise ConfigurationError(f"--coverage: there is nothing about lines in {names}: build it with -g")
    coverage = Coverage()
    coverage.watch(machine)
    yield
    saved = coverage.save(path, "icmsg run")
    for name in coverage.without_lines:
        sys.stderr.write(f"coverage: there is nothing about lines in {name}: build it with -g\n")
    lines, reached = coverage.counts()
    sys.stderr.write(f"coverage: {reached} of {lines} lines reached: {saved}\n")


def look_at_firmware(
    stack: ExitStack, machine: Machine, options: argparse.Namespace, programs: dict[str, Program]
) -> None:
    """Let coverage and a debugger see what firmware executes, where the options ask for it."""
    given = vars(options)
    if given.get("coverage") is not None:
        stack.enter_context(covered(machine, options.coverage, programs))
    if given.get("gdb") is not None:
        program, core = given.get("program"), given.get("core")
        stack.enter_context(debugged(machine, options.gdb, programs, program=program, core=core))
