"""Packets per second of writer and reader alone, in pure Python over a MemoryBus: ``python benchmarks/codec.py``.

One pair is one write and one read of a packet. Of several runs the fastest counts: the others were disturbed.
"""

from __future__ import annotations

import sys
import time

from icmsg.config import RegionLayout
from icmsg.hw.memory_bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

PAIRS = 10_000
RUNS = 50
BASE = 0x2007_0000


def seconds_per_pair(size: int, *, trust: bool) -> float:
    bus = MemoryBus(bytearray(0x800), base=BASE)
    layout = RegionLayout.pbuf(0x800)
    writer = PbufWriter(bus, BASE, layout, trust_known_space=trust)
    reader = PbufReader(bus, BASE, layout)
    payload = bytes(size)
    best = float("inf")
    for _ in range(RUNS):
        writer.tx_init()
        reader.rx_init()
        write, read = writer.write, reader.read
        start = time.perf_counter()
        for _ in range(PAIRS):
            write(payload)
            read()
        best = min(best, time.perf_counter() - start)
    return best / PAIRS


def main() -> None:
    print(f"Python {sys.version.split()[0]}, best of {RUNS} runs of {PAIRS} write+read pairs")
    print(f"{'bytes':>6} {'rd_idx is read':>20} {'pairs/s':>10} {'ns/pair':>8} {'MB/s':>6}")
    for size in (16, 100):
        for trust in (False, True):
            seconds = seconds_per_pair(size, trust=trust)
            policy = "when needed" if trust else "at every write"
            print(
                f"{size:>6} {policy:>20} {1 / seconds:>10,.0f} {seconds * 1e9:>8.0f} {size / seconds / 1e6:>6.1f}"
            )


if __name__ == "__main__":
    main()
