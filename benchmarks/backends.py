"""Echo round trips per second of processor time for each backend, Python on both sides of one MemoryBus.

    python benchmarks/backends.py [MESSAGES]

Prints one table. The backends take turns of a few milliseconds, a hundred of them, so that other work on the machine
disturbs all or none; the best turn counts.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from icmsg.config import IcbmsgConfig, InstanceConfig, Region
from icmsg.hw.memory_bus import MemoryBus
from icmsg.hw.memory_mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for

if TYPE_CHECKING:
    from icmsg.ipc.backend import BackendEndpoint

TURNS = 100
A, B = Region(0x2000, 0x1000), Region(0x1000, 0x1000)
CONFIGS = {
    "ICMsg": InstanceConfig(A, B),
    "ICBMsg 3.6": IcbmsgConfig(A, B, 16, 16, generation="3.6"),
    "ICBMsg 4.1": IcbmsgConfig(A, B, 16, 16),
    "ICBMsg rework": IcbmsgConfig(A, B, 16, 16, generation="rework"),
}


def rate(config: InstanceConfig | IcbmsgConfig, size: int, messages: int, window: int = 1) -> float:
    bus = MemoryBus(bytearray(0x2000), base=0x1000)
    clock = VirtualClock()
    ends = mailbox_pair()
    one = backend_for(bus, ends[0], clock, config)
    other = backend_for(bus, ends[1], clock, config.mirrored())
    for end, backend in zip(ends, (one, other), strict=True):
        end.on_signal = InterruptHandler(end, backend).handle
    left = messages
    here: BackendEndpoint
    there: BackendEndpoint
    payload = bytes(size)

    def answered(data: bytes) -> None:
        nonlocal left
        left -= 1
        if left >= window:
            here.send(data)

    def asked(data: bytes) -> None:
        there.send(data)

    here = one.register_endpoint(EndpointConfig("ep0", received=answered))
    there = other.register_endpoint(EndpointConfig("ep0", received=asked))
    clock.settle()
    start = time.process_time()
    for _ in range(window):
        here.send(payload)
    while left:
        clock.run_one()
    return messages / (time.process_time() - start)


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    table = Table("backend", "16 bytes", "100 bytes", "next to ICMsg", title="echo round trips per second")
    best: dict[tuple[str, int], float] = {}
    for _ in range(TURNS):
        for name, config in CONFIGS.items():
            for size in (16, 100):
                best[name, size] = max(best.get((name, size), 0), rate(config, size, messages))
    for name in CONFIGS:
        small, large = best[name, 16], best[name, 100]
        ratio = f"{small / best['ICMsg', 16]:.2f}, {large / best['ICMsg', 100]:.2f}"
        table.add_row(name, f"{small:,.0f}", f"{large:,.0f}", ratio)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
