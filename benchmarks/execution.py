"""What it costs to look at what firmware executes: coverage, the log of functions, a profile, a watch on a region.

    python benchmarks/execution.py

Prints one table. The kinds take turns, in processor time; the best of seven runs counts. Figures are ratios to a run
in which nobody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from stops import RUNS, echo, nothing, spin

from icmsg.config.nrf5340 import APP
from icmsg.link.watch import RegionWatch
from icmsg.views.execution import Coverage, FunctionLog, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine


def coverage(machine: EmbeddedMachine) -> None:
    Coverage().watch(machine)


def log(machine: EmbeddedMachine) -> None:
    for core in machine.cores.values():
        FunctionLog(core, lambda _name, _address: None)


def profile(machine: EmbeddedMachine) -> None:
    for core in machine.cores.values():
        Profile(core)


def indices(machine: EmbeddedMachine) -> None:
    regions = dict.fromkeys(machine.cores, APP.tx_region)
    RegionWatch(machine, regions, APP.tx_layout, lambda _access: None, words=("wr_idx", "rd_idx"))


def profiled_before(machine: EmbeddedMachine) -> None:
    for core in machine.cores.values():
        Profile(core).stop()


KINDS: dict[str, Callable[[EmbeddedMachine], None]] = {
    "nobody looks": nothing,
    "a profile that was ended": profiled_before,
    "coverage": coverage,
    "log of functions, to nobody": log,
    "profile, a sample every 997 instructions": profile,
    "indices of one region watched": indices,
}


def best(job: Callable[[Callable[[EmbeddedMachine], None]], float]) -> dict[str, float]:
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(RUNS):
        for kind, prepare in KINDS.items():
            took[kind].append(job(prepare))
    return {kind: min(values) for kind, values in took.items()}


def main() -> None:
    busy, exchanged = best(spin), best(echo)
    table = Table(title="Looking at what is executed: run time, as a ratio to nobody looking")
    for heading in ("What", "both cores busy with RAM stores", "initiator ↔ echo, firmware on both"):
        table.add_column(heading)
    for kind in KINDS:
        table.add_row(kind, *(f"{run[kind] / run['nobody looks']:.2f}" for run in (busy, exchanged)))
    Console().print(table)


if __name__ == "__main__":
    main()
