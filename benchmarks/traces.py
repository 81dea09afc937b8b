"""What a trace costs: time of an exchange with and without one, the size of the file, and the most memory.

python benchmarks/traces.py [MESSAGES]
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.cosim.embedded.machine import EmbeddedMachine
from icmsg.cosim.exchange import Exchange
from icmsg.cosim.image import FirmwareImage
from icmsg.cosim.workload import Workload
from icmsg.trace import trace_to
from icmsg.trace.formats import suffixes

PAIRINGS = {"Python - echo": (None, "echo"), "initiator - echo": ("initiator", "echo")}


def run(pairing: str, messages: int, window: int, path: Path | None) -> float:
    """Return the seconds of processor time that the exchange takes, the end of the file included."""
    first, second = PAIRINGS[pairing]
    sides = {
        core: FirmwareImage.load(stub(name, core)) if name else None
        for core, name in (("app", first), ("net", second))
    }
    with EmbeddedMachine() as machine:
        trace = trace_to(machine, path) if path is not None else None
        exchange = Exchange(machine, sides, APP, Workload(messages, 16, 16, window=window))
        gc.collect()
        started = time.process_time()
        result = exchange.run()
        if trace is not None:
            trace.close()
        seconds = time.process_time() - started
    assert result.ok, result.problems
    return seconds


def memory(pairing: str, messages: int, path: Path | None) -> int:
    """Return the most memory that Python's objects take."""
    tracemalloc.start()
    run(pairing, messages, 1, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        for pairing in PAIRINGS:
            for window in (1, 8):
                print(f"{pairing}, {messages} messages, window {window}")
                kinds = [None, *(Path(folder, f"trace{suffix}") for suffix in suffixes())]
                best = dict.fromkeys(kinds, 1000000000.0)
                for _ in range(3):
                    for kind in kinds:
                        best[kind] = min(best[kind], run(pairing, messages, window, kind))
                for kind, seconds in best.items():
                    name = "no trace" if kind is None else "".join(kind.suffixes)
                    size = 0 if kind is None else kind.stat().st_size
                    print(f"  {name:12} {seconds:7.3f} s  x{seconds / best[None]:.2f}  {size / 1e6:7.2f} MB")
        print("most memory of Python's objects, in MB, for 1000 and 10000 messages")
        for suffix in ("", *suffixes()):
            path = Path(folder, f"trace{suffix}") if suffix else None
            few, many = (memory("Python - echo", number, path) / 1e6 for number in (1000, 10_000))
            print(f"  {suffix or 'no trace':12} {few:6.2f} {many:6.2f}")


if __name__ == "__main__":
    main()
