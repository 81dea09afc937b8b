"""Costs of a trace: time of a run with and without one, the size of the file, and the most memory.

python benchmarks/traces.py [MESSAGES...]

Without numbers: 1,000, 15,000 and 100,000 messages, which takes a quarter of an hour.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.views import trace_to
from icmsg.views.recording import suffixes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MANY = 10_000
"""Messages above which one round is enough, without compressed files."""
PAIRINGS = {"Python - echo": (None, "echo"), "initiator - echo": ("initiator", "echo")}


def run(pairing: str, messages: int, window: int, path: Path | None) -> float:
    """Return the seconds of processor time that the exchange takes, the end of the file included."""
    first, second = PAIRINGS[pairing]
    programs = {
        core: FirmwareImage.load(stub(name, core)) if name else None
        for core, name in (("app", first), ("net", second))
    }
    with EmbeddedMachine() as machine:
        trace = trace_to(machine, path) if path is not None else None
        exchange = Exchange(machine, programs, APP, Workload(messages, 16, 16, window=window))
        gc.collect()
        started = time.process_time()
        result = exchange.run()
        if trace is not None:
            trace.close()
        seconds = time.process_time() - started
    assert result.ok, result.problems
    return seconds


def command(options: Sequence[str]) -> tuple[float, float, float]:
    """Return the seconds of a whole ``icmsg run``, those of processors in all its processes, and its memory in MB."""
    words = [sys.executable, "-m", "icmsg", "run", "--json", *options]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def print_row(name: str, kinds: Mapping[str, float], unit: str) -> None:
    """Print what each kind takes, and how many times as much as without a trace."""
    first = next(iter(kinds.values()))
    cells = (f"{kind} {value:.2f} {unit} (x{value / first:.2f})" for kind, value in kinds.items())
    print(f"  {name}: {', '.join(cells)}", flush=True)


def best(measure: Callable[[str], float], kinds: Iterable[str], rounds: int = 3) -> dict[str, float]:
    """Return the best of some rounds for each kind; the kinds take turns."""
    measured = [{kind: measure(kind) for kind in kinds} for _ in range(rounds)]
    return {kind: min(each[kind] for each in measured) for kind in measured[0]}


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:]] or [1_000, 15_000, 100_000]
    kinds = ["none", *suffixes()]
    with tempfile.TemporaryDirectory() as folder:

        def path(kind: str) -> Path | None:
            return None if kind == "none" else Path(folder, f"trace{kind}")

        print("icmsg run: time of the whole command, processor time of its processes, and its most memory")
        for name, who in (("Python - echo", []), ("initiator - echo", ["--app", "initiator"])):
            for number in numbers:
                peaks: dict[str, float] = {}
                busy: dict[str, float] = {}

                def timed(
                    kind: str,
                    options: Sequence[str] = (*who, "--messages", str(number)),
                    peaks: dict[str, float] = peaks,
                    busy: dict[str, float] = busy,
                ) -> float:
                    trace = () if kind == "none" else ("--trace", str(path(kind)))
                    seconds, own, peaks[kind] = command([*options, *trace])
                    busy[kind] = min(own, busy.get(kind, own))
                    return seconds

                few = number <= MANY
                plain = [kind for kind in kinds if few or not kind.endswith(".gz")]
                seconds = best(timed, plain, rounds=3 if few else 1)
                print_row(f"{name}, {number} messages", seconds, "s")
                print_row(f"{name}, {number} messages", busy, "s of processors")
                print_row(f"{name}, {number} messages", peaks, "MB")
        messages = min(numbers[-1], MANY)
        print("processor time for each echo, without start and bonding, written by the process that runs")
        for pairing in PAIRINGS:
            for window in (1, 8):
                figures = best(lambda kind: run(pairing, messages, window, path(kind)), kinds)  # noqa: B023
                each = {kind: seconds / messages * 1e6 for kind, seconds in figures.items()}
                print_row(f"{pairing}, window {window}", each, "µs")
        print("bytes of the file for each echo, Python - echo, 16 bytes")
        sizes = {kind: size_of(path(kind), messages) for kind in kinds[1:]}
        print("  " + ", ".join(f"{kind} {size / messages:.0f}" for kind, size in sizes.items()))


def size_of(path: Path | None, messages: int) -> int:
    """Return the size of the trace of a run."""
    assert path is not None
    run(next(iter(PAIRINGS)), messages, 1, path)
    return path.stat().st_size


if __name__ == "__main__":
    main()
