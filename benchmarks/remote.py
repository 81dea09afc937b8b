"""What an echo costs by commands of a Monitor: lines sent, characters both ways, wall time.

    python benchmarks/remote.py [MESSAGES]

Prints one table. The Monitor is that of the embedded engine, in this process and behind a socket; a real Renode takes
milliseconds for each line, so the lines are what counts. Python plays the application core, `echo` the network core.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from icmsg.assets import asset, stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.monitor import TelnetMonitor
from icmsg.errors import MonitorError
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.monitor.embedded import EmbeddedMonitor

# A server like Renode's, and a Renode with its synchronization points, stand beside the tests.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests/engines/remote"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests/engines/renode"))

from renode_monitor import EXTENSIONS, with_machine
from telnet_server import TelnetServer

if TYPE_CHECKING:
    from collections.abc import Collection

    from icmsg.engines.remote.transport import Transport

NO_BLOCKS = {"icmsg_read", "icmsg_write"}


class Counting:
    """A transport that counts lines and characters, and refuses members as a Renode without our files does."""

    def __init__(self, transport: Transport, missing: Collection[str] = ()) -> None:
        self._transport = transport
        self._missing = missing
        self.lines = self.characters = 0

    def execute(self, command: str) -> str:
        if any(word in self._missing for word in command.replace(";", " ").split()):
            raise MonitorError("No such command or device")
        printed = self._transport.execute(command)
        self.lines += 1
        self.characters += len(command) + len(printed)
        return printed


def measure(transport: Transport, missing: Collection[str], workload: Workload) -> tuple[float, float, float]:
    """Return lines, characters and wall milliseconds of a message; bonding and set-up not counted."""
    counting = Counting(transport, missing)
    programs = {"app": None, "net": FirmwareImage.load(stub("echo", "net"))}
    with RemoteMachine(counting) as machine:
        exchange = Exchange(machine, programs, APP, workload)
        bound: list[tuple[int, int, int, float]] = []

        def first(echoes: int, _expected: int) -> None:
            if not bound and echoes:
                bound.append((echoes, counting.lines, counting.characters, time.perf_counter()))

        result = exchange.run(first)
        assert result.ok, result.problems
        echoes, lines, characters, started = bound[0]
        wall = time.perf_counter() - started
        rest = workload.messages - echoes
        return (
            (counting.lines - lines) / rest,
            (counting.characters - characters) / rest,
            1000 * wall / rest,
        )


def embedded() -> EmbeddedMonitor:
    """Return a Monitor in which the shipped script has made the machine."""
    monitor = EmbeddedMonitor()
    monitor.execute(f"include @{asset('renode') / 'machine.resc'}")
    return monitor


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    table = Table("Monitor", "bytes", "lines", "characters", "ms", title="one echo by commands")

    def add(label: str, transport: Transport, missing: Collection[str] = (), *, size: int = 16) -> None:
        lines, characters, wall = measure(transport, missing, Workload(messages, size, size))
        table.add_row(label, f"{size}", f"{lines:.1f}", f"{characters:.0f}", f"{wall:.2f}")

    for size in (16, 100):
        add("like Renode's, quantum 10 µs", with_machine(), size=size)
    add("… without icmsg_monitor.py", with_machine(), NO_BLOCKS)
    add("… with nothing but the models", with_machine(), NO_BLOCKS | EXTENSIONS)
    for size in (16, 100):
        with embedded() as monitor:
            add("of the embedded engine", monitor, size=size)
    with ExitStack() as stack:
        monitor = stack.enter_context(embedded())
        server = stack.enter_context(TelnetServer(monitor.execute, prompt=lambda: monitor.prompt.strip("()")))
        add("of the embedded engine, through a port", stack.enter_context(TelnetMonitor(port=server.port)))
    Console().print(table)


if __name__ == "__main__":
    main()
