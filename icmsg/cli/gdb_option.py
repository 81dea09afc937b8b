"""``--gdb PORT``: a GDB server for the cores of a run that execute firmware, and GDB itself in front of it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from icmsg.gdb.server import Server
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Machine

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
