"""What stops cost: a server that listens, a breakpoint that is never reached, one that is, a watchpoint.

    python benchmarks/stops.py

Prints one table. The kinds take turns, in processor time, so that other work on the host disturbs all of them; the best
of seven runs counts. Figures are ratios to a run without any of it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.embedded.processor import StopKind
from icmsg.gdb import Debugger
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine"))
from thumb import RAM, firmware

RUNS = 7
MS = 1_000_000
MESSAGES = 2000
SPIN = "reset: ldr r0, =RAM; movs r1, #0; spin: adds r1, #1; str r1, [r0]; eor r2, r1, r2; str r2, [r0, #4]; b spin"
SPIN += "; never: nop; b never"
NEVER = {"app": 0x1000, "net": 0x0100_1000}


def nothing(_machine: EmbeddedMachine) -> None:
    """Set nothing."""


def server(machine: EmbeddedMachine) -> None:
    Debugger(machine).listen(0)


def breakpoints(count: int) -> Callable[[EmbeddedMachine], None]:
    def prepare(machine: EmbeddedMachine) -> None:
        for core in machine.cores.values():
            for number in range(count):
                core.on_reach(NEVER[core.name] + 2 * number, lambda: None)

    return prepare


def watch(machine: EmbeddedMachine) -> None:
    for core in machine.cores.values():
        core.stops.on_access(
            RAM[core.name] + 0x4000, RAM[core.name] + 0x4004, StopKind.STORED, lambda _at: None
        )


KINDS: dict[str, Callable[[EmbeddedMachine], None]] = {
    "nothing set": nothing,
    "a server listens, nobody connects": server,
    "one breakpoint on each core, never reached": breakpoints(1),
    "20 breakpoints on each core, never reached": breakpoints(20),
    "a watchpoint on each core, never reached": watch,
}


def close(machine: EmbeddedMachine, took: float) -> float:
    machine.scheduler.between = None
    machine.close()
    return took


def spin(prepare: Callable[[EmbeddedMachine], None]) -> float:
    machine = EmbeddedMachine()
    for name, core in machine.cores.items():
        core.load(firmware(SPIN.replace("RAM", str(RAM[name])), core=name))
        core.start()
    prepare(machine)
    machine.run_for(MS)
    begin = time.process_time()
    machine.run_for(100 * MS)
    return close(machine, time.process_time() - begin)


def echo(prepare: Callable[[EmbeddedMachine], None]) -> float:
    machine = EmbeddedMachine()
    programs = {
        name: FirmwareImage.load(stub(who, name)) for name, who in (("app", "initiator"), ("net", "echo"))
    }
    exchange = Exchange(machine, programs, APP, Workload(MESSAGES, 16, 16))
    prepare(machine)
    begin = time.process_time()
    assert exchange.run().ok
    return close(machine, time.process_time() - begin)


def hits(machine: EmbeddedMachine) -> None:
    machine.core("app").on_reach("link_send", lambda: None)


def best(job: Callable[[Callable[[EmbeddedMachine], None]], float]) -> dict[str, float]:
    kinds = {**KINDS, "reached": hits} if job is echo else KINDS
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(RUNS):
        for kind, prepare in kinds.items():
            took[kind].append(job(prepare))
    return {kind: min(values) for kind, values in took.items()}


def main() -> None:
    busy, exchanged = best(spin), best(echo)
    table = Table(title="Stops: run time, as a ratio to nothing set")
    for heading in ("What", "both cores busy with RAM stores", "initiator ↔ echo, firmware on both"):
        table.add_column(heading)
    for kind in KINDS:
        ratios = (f"{run[kind] / run['nothing set']:.2f}" for run in (busy, exchanged))
        table.add_row(kind, *ratios)
    each = (exchanged["reached"] - exchanged["nothing set"]) / MESSAGES
    table.add_row(
        "a breakpoint that is reached, with a handler that does nothing", "", f"{each * 1e6:.0f} µs each"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
