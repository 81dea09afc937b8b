"""Costs of a trace: time of a run with and without one, the size of the file, and the most memory.

python benchmarks/traces.py [MESSAGES]
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.views import trace_to
from icmsg.views.formats import suffixes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PAIRINGS = {"Python - echo": (None, "echo"), "initiator - echo": ("initiator", "echo")}


def run(pairing: str, messages: int, window: int, path: Path | None, *, memory: bool = False) -> float:
    """Return the seconds of processor time that the exchange takes, the end of the file included.

    ``memory``: the most bytes that Python's objects take meanwhile, instead.
    """
    first, second = PAIRINGS[pairing]
    programs = {
        core: FirmwareImage.load(stub(name, core)) if name else None
        for core, name in (("app", first), ("net", second))
    }
    with EmbeddedMachine() as machine:
        trace = trace_to(machine, path) if path is not None else None
        exchange = Exchange(machine, programs, APP, Workload(messages, 16, 16, window=window))
        gc.collect()
        if memory:
            tracemalloc.start()
        started = time.process_time()
        result = exchange.run()
        if trace is not None:
            trace.close()
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert result.ok, result.problems
    return peak if memory else seconds


def command(options: Sequence[str]) -> float:
    """Return the seconds of processor time that a whole ``icmsg run`` takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "icmsg", "run", "--json", *options], check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_row(name: str, kinds: Mapping[str, float], unit: str) -> None:
    """Print what each kind takes, and how many times as much as without a trace."""
    first = next(iter(kinds.values()))
    cells = (f"{kind} {value:.2f} {unit} (x{value / first:.2f})" for kind, value in kinds.items())
    print(f"  {name}: {', '.join(cells)}")


def best(measure: Callable[[str], float], kinds: Iterable[str]) -> dict[str, float]:
    """Return the best of three for each kind; the kinds take turns."""
    rounds = [{kind: measure(kind) for kind in kinds} for _ in range(3)]
    return {kind: min(each[kind] for each in rounds) for kind in rounds[0]}


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    kinds = ["none", *suffixes()]
    with tempfile.TemporaryDirectory() as folder:

        def path(kind: str) -> Path | None:
            return None if kind == "none" else Path(folder, f"trace{kind}")

        print("icmsg run, processor time of the whole command")
        for name, who in (("Python - echo", []), ("initiator - echo", ["--app", "initiator"])):
            for number in (1000, messages):

                def timed(kind: str, options: Sequence[str] = (*who, "--messages", str(number))) -> float:
                    trace = () if kind == "none" else ("--trace", str(path(kind)))
                    return command([*options, *trace])

                print_row(f"{name}, {number} messages", best(timed, kinds), "s")
        print("processor time for each echo, without start and bonding")
        for pairing in PAIRINGS:
            for window in (1, 8):
                figures = best(lambda kind: run(pairing, messages, window, path(kind)), kinds)  # noqa: B023
                each = {kind: seconds / messages * 1e6 for kind, seconds in figures.items()}
                print_row(f"{pairing}, window {window}", each, "µs")
        print("bytes of the file for each echo, Python - echo, 16 bytes")
        run_sizes = {
            kind: (run(next(iter(PAIRINGS)), messages, 1, path(kind)), path(kind)) for kind in kinds[1:]
        }
        print(
            "  "
            + ", ".join(
                f"{kind} {file.stat().st_size / messages:.0f}"
                for kind, (_, file) in run_sizes.items()
                if file
            )
        )
        print("most memory of Python's objects in MB")
        for number in (1000, messages):
            peaks = {kind: run("Python - echo", number, 1, path(kind), memory=True) / 1e6 for kind in kinds}
            print(f"  {number} messages: " + ", ".join(f"{kind} {peak:.2f}" for kind, peak in peaks.items()))


if __name__ == "__main__":
    main()
