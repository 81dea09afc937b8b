"""Echo round trips per second of wall time: Python plays the application core, the stub `echo` the other one.

    python benchmarks/echo.py [MESSAGES]

Prints one table; every row is the best of three runs in this process, without boot and bonding. The last rows count
what one message costs. `icmsg bench` measures the most of it on any engine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from icmsg.assets import platform_file, stub, stub_names
from icmsg.cli.bench_command import exchange_rate
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.hw.bus import MemoryBus
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.soc.soc import shipped_soc
from icmsg.wire.pbuf import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cli.bench_command import Rate
    from icmsg.config.boards import Board

RUNS = 3
IN_INTERRUPTS = Path(__file__).parent.parent / "tests/link/firmware/foreign-net.elf"
"""Firmware that does everything in its interrupt handler; the stubs take no exception."""


def image(who: str | None, core: str) -> FirmwareImage | None:
    """Return the image of a stub or of a file, None for Python."""
    if who is None:
        return None
    return FirmwareImage.load(stub(who, core) if who in stub_names() else who)


class CountingBus:
    """A bus that counts its transactions by name."""

    def __init__(self, bus: MemoryBus) -> None:
        self.counts: Counter[str] = Counter()
        self.core = None
        for name in (
            "read8",
            "read16",
            "read32",
            "write8",
            "write16",
            "write32",
            "read_block",
            "write_block",
        ):
            setattr(self, name, self._counting(name, getattr(bus, name)))

    def _counting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.counts[name] += 1
            return method(*arguments)

        return call


def transactions(*, trust_known_space: bool) -> tuple[str, str]:
    """Return the bus transactions of one send and one receive, the doorbell not counted."""
    bus: Any = CountingBus(MemoryBus(bytearray(0x800)))
    writer = PbufWriter(bus, 0, APP.tx_layout, trust_known_space=trust_known_space)
    reader = PbufReader(bus, 0, APP.tx_layout)
    writer.tx_init()
    reader.rx_init()
    for _ in range(2):  # the first send learns how much space there is
        bus.counts.clear()
        writer.write(bytes(16))
        sent = dict(bus.counts)
        bus.counts.clear()
        reader.read()
        received = dict(bus.counts)
    return _words(sent), _words(received)


def of_board(board: Board, first: str, second: str, workload: Workload) -> Rate:
    """Return the rate of an exchange on another SoC; ``python``, or a stub, plays each core."""
    cores = shipped_soc(board.name).cores
    programs = {
        core: None if who == "python" else FirmwareImage.load(cores[core].stub(who))
        for core, who in zip(board.roles, (first, second), strict=True)
    }
    platform = platform_file(board.name)
    return exchange_rate(lambda: EmbeddedMachine(platform), board, programs, workload, runs=RUNS)


def start_to_first_message() -> float:
    """Return the wall seconds from the start of a process to the first message that came back (best of three)."""
    command = [sys.executable, "-m", "icmsg", "run", "--messages", "1", "--json"]
    best = float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - started)
    return best


def _words(counts: dict[str, int]) -> str:
    return " + ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    table = Table("what", "figure", "virtual time per round trip", title="echo exchange, embedded engine")
    for label, app, net in (
        ("Python ↔ echo", None, "echo"),
        ("Python ↔ interrupt handler", None, str(IN_INTERRUPTS)),
        ("initiator ↔ Python", "initiator", None),
        ("initiator ↔ echo", "initiator", "echo"),
        ("Python ↔ Python", None, None),
    ):
        for window in (1, 8):
            workload = Workload(messages, 16, 16, 1, window)
            programs = {"app": image(app, "app"), "net": image(net, "net")}
            rate = exchange_rate(EmbeddedMachine, DEFAULT, programs, workload, runs=RUNS)
            table.add_row(
                f"{label}, 16 bytes, window {window}",
                f"{rate.per_second:,.0f} /s",
                f"{rate.virtual_us:.2f} µs",
            )
    other = BOARDS["nrf54l15"]
    for first, second in (
        ("python", "echo"),
        ("echo", "python"),
        ("initiator", "echo"),
        ("python", "python"),
    ):
        for window in (1, 8):
            rate = of_board(other, first, second, Workload(messages, 16, 16, 1, window))
            table.add_row(
                f"{other.title}, {first} ↔ {second}, window {window}",
                f"{rate.per_second:,.0f} /s",
                f"{rate.virtual_us:.2f} µs",
            )
    for trust in (False, True):
        sent, received = transactions(trust_known_space=trust)
        note = "trusting known space" if trust else "checking rd_idx as Zephyr does"
        table.add_row(f"bus transactions of a send, {note}", sent, "")
    table.add_row("bus transactions of a receive", received, "")
    table.add_row("process start to first message", f"{start_to_first_message():.2f} s", "")
    console = Console()
    console.width = max(console.width, 110)
    console.print(table)


if __name__ == "__main__":
    main()
