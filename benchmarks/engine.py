"""What the embedded engine costs: instructions, slices, exceptions, register accesses, and machines.

    python benchmarks/engine.py [--cycles N]

Prints one table; every row is the best of five runs, in processor time, which other work on the host disturbs less.
With ``--cycles`` it also makes, runs and closes N machines one after the other and prints how the resident memory goes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from icmsg.engines.embedded.machine import EmbeddedMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.image import FirmwareImage

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine"))
from thumb import RAM, firmware

RUNS = 5
MS = 1_000_000
SPIN = "reset: ldr r0, =RAM; movs r1, #0; spin: adds r1, #1; str r1, [r0]; eor r2, r1, r2; str r2, [r0, #4]; b spin"
NOTHING = "reset: nop; b reset"
IDLE = "reset: wfi; b reset"
SVC = "reset: svc #0; b reset\nsvc: bx lr"
SYSTICK = (
    "reset: ldr r0, =0xE000E010; movs r1, #199; str r1, [r0, #4]; str r1, [r0, #8]; movs r1, #7; str r1, [r0]\n"
    " spin: b spin\nsys_tick: bx lr"
)
ENABLE_FPU = "ldr r0, =0xE000ED88; ldr r1, =0xF00000; str r1, [r0]; dsb sy; isb sy;"
SYSTICK_FP = SYSTICK.replace("reset:", f"reset: {ENABLE_FPU} vmov.f32 s0, #1.0;")
LOAD = "reset: ldr r0, =ADDRESS; again: ldr r1, [r0]; ldr r1, [r0]; ldr r1, [r0]; ldr r1, [r0]; b again"
STORE = LOAD.replace("ldr r1, [r0]", "str r1, [r0]")
GPMEM, INTPEND, IPC_INTEN = 0x5002_A610, 0x5002_A30C, 0x5002_A300


def program(source: str, core: str) -> FirmwareImage:
    return firmware(source.replace("RAM", str(RAM[core])), core=core)


def start(machine: EmbeddedMachine, source: str, *cores: str) -> None:
    for core in cores:
        machine.core(core).load(program(source, core))
        machine.core(core).start()


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(RUNS))


def cost_of(machine: EmbeddedMachine, ns: int) -> float:
    """Return the seconds that ``ns`` of virtual time take."""
    machine.run_for(ns // 10)  # translations and pages
    started = time.process_time()
    machine.run_for(ns)
    return time.process_time() - started


def mips(source: str, quantum_ns: int, *cores: str) -> float:
    """Return millions of instructions per second of processor time, of all cores together."""

    def measure() -> float:
        with EmbeddedMachine(quantum_ns=quantum_ns) as machine:
            start(machine, source, *cores)
            machine.run_for(MS)
            before = sum(machine.core(core).instructions for core in cores)
            seconds = cost_of(machine, 50 * MS)
            return -(sum(machine.core(core).instructions for core in cores) - before) / seconds / 1.1e6

    return -best(measure)


def instructions_per_ms() -> float:
    """Return how many instructions the application core executes in a virtual millisecond."""
    with EmbeddedMachine() as machine:
        start(machine, "reset: b reset", "app")
        machine.run_for(MS)
        return machine.core("app").instructions


def per_slice() -> float:
    """Return the seconds of a slice of one instruction."""

    def measure() -> float:
        with EmbeddedMachine(quantum_ns=1) as machine:
            start(machine, NOTHING, "app")
            machine.run_for(1000)
            before = machine.core("app").instructions
            started = time.process_time()
            machine.run_for(MS // 10)
            return (time.process_time() - started) / (machine.core("app").instructions - before)

    return best(measure)


def per_loop(source: str, loops_per_ms: float, ns: int = 10 * MS) -> float:
    """Return the seconds of one of the things that ``source`` does ``loops_per_ms`` times in a virtual millisecond."""

    def measure() -> float:
        with EmbeddedMachine() as machine:
            start(machine, source, "app")
            return cost_of(machine, ns) / (loops_per_ms * ns / MS)

    return best(measure)


def machines() -> tuple[float, float, float, float]:
    """Return seconds to make a machine, to start both cores, to close it; and bytes of resident memory of one."""
    makes, starts, closes = [], [], []
    kept = []
    process = psutil.Process(os.getpid())
    for _ in range(10):
        marks = [time.process_time()]
        machine = EmbeddedMachine()
        marks.append(time.process_time())
        start(machine, IDLE, "app", "net")
        machine.run_for(1000)
        marks.append(time.process_time())
        machine.close()
        marks.append(time.process_time())
        makes.append(marks[1] - marks[0])
        starts.append(marks[2] - marks[1])
        closes.append(marks[3] - marks[2])
    gc.collect()
    before = process.memory_info().rss
    for _ in range(10):
        machine = EmbeddedMachine()
        start(machine, IDLE, "app", "net")
        machine.run_for(1000)
        kept.append(machine)
    size = (process.memory_info().rss - before) / len(kept)
    for machine in kept:
        machine.close()
    return min(makes), min(starts), min(closes), size


def cycles(count: int) -> None:
    process = psutil.Process(os.getpid())
    for number in range(1, count + 1):
        with EmbeddedMachine() as machine:
            start(machine, IDLE, "app", "net")
            machine.run_for(1000)
        if number % max(1, count // 10) == 0:
            gc.collect()
            print(f"{number} machines: {process.memory_info().rss / 2**20:.1f} MiB resident")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    table = Table("what", "figure", title="embedded engine")
    for quantum_ns, label in ((10_000, "10 µs"), (100_000, "100 µs (default)"), (MS, "1 ms")):
        rate = mips(SPIN, quantum_ns, "app", "net")
        table.add_row(f"both cores busy with RAM stores, quantum {label}", f"{rate:.0f} MIPS")
    table.add_row("one core busy with RAM stores, quantum 100 µs", f"{mips(SPIN, 100_000, 'app'):.0f} MIPS")
    table.add_row("a slice of one instruction", f"{per_slice() * 1e6:.1f} µs")
    each = instructions_per_ms()
    spin = each / mips("reset: b reset", 100_000, "app") / 1e6
    for label, source, rate in (
        ("SVC: entry and return", SVC, each / 3),
        ("SysTick: entry and return", SYSTICK, 320),
        ("SysTick with FP registers: entry and return", SYSTICK_FP, 320),
    ):
        cost = per_loop(source, rate) - (spin / rate if "SysTick" in label else 0)
        table.add_row(label, f"{cost * 1e6:.1f} µs")
    for label, source, address in (
        ("load from a register without behaviour (GPMEM)", LOAD, GPMEM),
        ("load from a register with one (INTPEND)", LOAD, INTPEND),
        ("store to a register without behaviour (GPMEM)", STORE, GPMEM),
        ("store to a register with one (INTEN)", STORE, IPC_INTEN),
    ):
        cost = per_loop(source.replace("ADDRESS", str(address)), each * 4 / 5, MS)
        table.add_row(label, f"{cost * 1e6:.2f} µs")
    made, started, closed, size = machines()
    table.add_row("make a machine", f"{made * 1e3:.1f} ms")
    table.add_row("load and start both cores, first instruction", f"{started * 1e3:.1f} ms")
    table.add_row("close it", f"{closed * 1e3:.1f} ms")
    table.add_row("resident memory of a machine with both cores", f"{size / 2**20:.1f} MiB")
    console = Console()
    console.width = max(console.width, 90)
    console.print(table)
    if arguments.cycles:
        cycles(arguments.cycles)


if __name__ == "__main__":
    main()
