"""The options that say which engine a command uses, and who looks at firmware there: GDB, coverage.

``--gdb PORT``: a GDB server for the cores of a run that execute firmware, and GDB itself in front of it.

Option for which lines of firmware a run has reached, and who else looks at firmware.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from icmsg.cli.arguments import time_ns
from icmsg.engines.choice import ENGINES, choose_engine, remote_engine
from icmsg.engines.remote.transport import CONNECT_S, PATIENCE_S
from icmsg.errors import ConfigurationError
from icmsg.timers import S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack

    from icmsg.engines.choice import EngineChoice
    from icmsg.gdb.server import Server
    from icmsg.link.players import Program
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Machine


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--engine`` and ``--renode``."""
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what emulates the SoC")
    add_include(parser)
    parser.add_argument(
        "--renode", metavar="HOST:PORT", default=None, help="a Renode that was started with `renode -P PORT`"
    )
    parser.add_argument(
        "--connect-timeout",
        dest="connect_ns",
        type=time_ns(S),
        metavar="S",
        default=f"{CONNECT_S:g}",
        help="wall time in which the Monitor of --renode has to show its prompt",
    )


def add_stall_option(parser: argparse.ArgumentParser, ends: str) -> None:
    """Add ``--stall-timeout``; ``ends`` says what it is that ends something."""
    parser.add_argument(
        "--stall-timeout",
        dest="stall_ns",
        type=time_ns(S, zero=True),
        metavar="S",
        default=f"{PATIENCE_S:g}",
        help=f"wall time {ends}; 0 = never",
    )


def add_include(parser: argparse.ArgumentParser) -> None:
    """Add ``--include``."""
    parser.add_argument(
        "--include",
        metavar="FILE.cs",
        action="append",
        help="a model of yours for Renode to compile first; may be given several times",
    )


def included(options: argparse.Namespace) -> list[str]:
    """Return the C# files that were given."""
    return options.include or []


def chosen_engine(options: argparse.Namespace) -> EngineChoice:
    """Return the engine that the options ask for.

    Raises:
        ConfigurationError: they contradict each other, or there is no host and port.
        EngineNotAvailableError: the engine cannot run here.
    """
    if options.renode is None:
        return choose_engine(options.engine)
    if options.engine != "auto":
        raise ConfigurationError(f"--renode is an engine of its own: leave --engine {options.engine} away")
    return remote_engine(options.renode, connect_s=options.connect_ns / S, patience_s=options.stall_ns / S)


PROGRAMS: Final = ("gdb-multiarch", "arm-zephyr-eabi-gdb", "arm-none-eabi-gdb")
"""GDBs for these cores, in the order in which they are looked for."""


def add_gdb_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--gdb``."""
    parser.add_argument(
        "--gdb",
        type=int,
        metavar="PORT",
        help="wait at this port of this computer for a GDB, before anything is executed; "
        "cores of another architecture have the next port",
    )


def find_program(program: str | None) -> str:
    """Return the path of ``program``, or of a GDB that is installed.

    Raises:
        ConfigurationError: there is none.
    """
    for name in (program,) if program is not None else PROGRAMS:
        if (found := shutil.which(name)) is not None:
            return found
    raise ConfigurationError(
        f"no {program or ' or '.join(PROGRAMS)} in the search path: install one, name another one with --program, "
        "or let yours connect to icmsg run --gdb PORT"
    )


@contextmanager
def debugged(
    machine: Machine,
    port: int,
    sides: Mapping[str, FirmwareImage | None],
    *,
    program: str | None = None,
    core: str | None = None,
) -> Iterator[None]:
    """Let GDB debug the cores that run firmware in here, or ``core``; the run waits for it.

    ``program`` is the path of a GDB that is started at this terminal; without it somebody else starts one.

    Raises:
        ConfigurationError: the engine is another one, no core runs firmware, or the port cannot be used.
    """
    from icmsg.engines.embedded.machine import EmbeddedMachine  # slow to load, and few runs need it

    if not isinstance(machine, EmbeddedMachine):
        raise ConfigurationError(
            "--gdb is for the embedded engine; Renode has a server of its own: machine StartGdbServer"
        )
    from icmsg.gdb import Debugger
    from icmsg.monitor import EmbeddedMonitor

    kinds: dict[str, list[str]] = {}
    for name, image in sides.items():
        if image is not None and (core is None or core == name):
            kinds.setdefault(machine.soc.cores[name].kind, []).append(name)
    if not kinds:
        raise ConfigurationError("--gdb needs a core that runs firmware; here Python plays all of them")
    if program is not None and len(kinds) > 1:
        raise ConfigurationError(
            f"cores {' and '.join(sides)} are not of one architecture, and GDB knows one at a time: "
            "choose with --core"
        )
    debugger = Debugger(machine, EmbeddedMonitor.over(machine).execute)
    try:
        servers = [
            debugger.listen(port + number if port else 0, cores)
            for number, cores in enumerate(kinds.values())
        ]
        if program is None:
            for server, cores in zip(servers, kinds.values(), strict=True):
                where = f"{server.host}:{server.port}"
                sys.stderr.write(f"GDB server for {' and '.join(cores)}: target remote {where}\n")
            sys.stderr.flush()
            debugger.expect_clients()
            yield
        else:
            images = [sides[name] for cores in kinds.values() for name in cores]
            with _started(program, servers[0], [image for image in images if image is not None]) as gdb:
                debugger.expect_clients(lambda: gdb.poll() is None)
                yield
                debugger.stop()
    finally:
        debugger.stop()


@contextmanager
def _started(program: str, server: Server, images: list[FirmwareImage]) -> Iterator[subprocess.Popen[bytes]]:
    """Start GDB with these images; Ctrl-C is for it alone, until it has ended."""
    first, *others = (str(image.path) for image in images)
    commands = [*(f"add-symbol-file {path}" for path in others), f"target remote {server.host}:{server.port}"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        options = [word for command in commands for word in ("-ex", command)]
        with subprocess.Popen([program, "-q", first, *options]) as gdb:
            yield gdb
    finally:
        signal.signal(signal.SIGINT, before)


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
    from icmsg.views.execution import Coverage  # few runs need it

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
