"""``--gdb PORT``: a GDB server for the cores of a run that execute firmware."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from icmsg.cosim.machine import Machine


def add_gdb_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--gdb``."""
    parser.add_argument(
        "--gdb",
        type=int,
        metavar="PORT",
        help="wait at this port of this computer for a GDB, before anything is executed; "
        "cores of another architecture have the next port",
    )


@contextmanager
def debugged(machine: Machine, port: int, firmware: Iterable[str]) -> Iterator[None]:
    """Let GDB debug the cores ``firmware`` in here; the run waits for it.

    Raises:
        ConfigurationError: the engine is another one, no core runs firmware, or the port cannot be used.
    """
    from icmsg.cosim.embedded.machine import EmbeddedMachine  # slow to load, and few runs need it

    if not isinstance(machine, EmbeddedMachine):
        raise ConfigurationError(
            "--gdb is for the embedded engine; Renode has a server of its own: machine StartGdbServer"
        )
    from icmsg.gdb import Debugger
    from icmsg.monitor import EmbeddedMonitor

    kinds: dict[str, list[str]] = {}
    for core in firmware:
        kinds.setdefault(machine.soc.cores[core].kind, []).append(core)
    if not kinds:
        raise ConfigurationError("--gdb needs a core that runs firmware; here Python plays all of them")
    debugger = Debugger(machine, EmbeddedMonitor.over(machine).execute)
    try:
        for number, cores in enumerate(kinds.values()):
            server = debugger.listen(port + number if port else 0, cores)
            sys.stderr.write(
                f"GDB server for {' and '.join(cores)}: target remote {server.host}:{server.port}\n"
            )
        sys.stderr.flush()
        debugger.expect_clients()
        yield
    finally:
        debugger.stop()
