"""Echo round trips per second of processor time for each backend: over one MemoryBus, and on the embedded engine.

    python benchmarks/backends.py [MESSAGES]

Prints two tables. Over plain memory the backends take turns of a few milliseconds, a hundred of them, so that other
work on the machine disturbs all or none; the best turn counts. On the embedded engine it is three times the messages,
the best of five runs, at one endpoint of the nRF5340, between Python on both cores, and Python and a stub.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from icmsg.assets import stub
from icmsg.config import IcbmsgConfig, InstanceConfig, Region
from icmsg.config.boards import NRF5340
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for
from icmsg.link.endpoints.exchange import EndpointExchange
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc.backend import BackendEndpoint

    Sides = dict[str, FirmwareImage | None]

RUNS = 5
SIZE = 16
WINDOWS = (1, 8)
TURNS = 100
A, B = Region(0x2000, 0x1000), Region(0x1000, 0x1000)
CONFIGS: dict[str, InstanceConfig | IcbmsgConfig] = {
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


STUBS: dict[str, tuple[str, Callable[[EmbeddedMachine, Sides, Workload], Exchange | EndpointExchange]]] = {
    "ICMsg": ("echo", lambda machine, sides, work: Exchange(machine, sides, NRF5340.instance, work)),
    "ICBMsg 4.1": (
        "echo-icbmsg",
        lambda machine, sides, work: EndpointExchange(machine, sides, NRF5340.icbmsg, work),
    ),
    "ICBMsg rework": (
        "echo-icbmsg-rework",
        lambda machine, sides, work: EndpointExchange(
            machine, sides, replace(NRF5340.icbmsg, generation="rework"), work
        ),
    ),
}


def engine_rate(name: str, messages: int, window: int, *, python: bool) -> float:
    """Return the echo round trips per second between Python and Python, or the stub `echo`; boot is not counted."""
    program, make = STUBS[name]
    sides = {"app": None, "net": None if python else FirmwareImage.load(stub(program, "net"))}
    seen: list[tuple[float, int]] = []
    with EmbeddedMachine() as machine:
        exchange = make(machine, sides, Workload(messages, SIZE, SIZE, window=window))
        result = exchange.run(lambda done, _total: seen.append((time.process_time(), done)))
    if not result.ok:
        raise SystemExit("\n".join(result.problems))
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) / (ended - began)


def engine_table(messages: int) -> Table:
    best: dict[tuple[str, bool, int], float] = {}
    for _ in range(RUNS):
        for python in (True, False):
            for window in WINDOWS:
                for name in STUBS:
                    found = engine_rate(name, messages, window, python=python)
                    key = name, python, window
                    best[key] = max(best.get(key, 0), found)
    title = "Embedded engine, echo round trips per second"
    table = Table("backend", "Python ↔", "window 1", "window 8", "next to ICMsg", title=title)
    for python in (True, False):
        for name in STUBS:
            rates = [best[name, python, window] for window in WINDOWS]
            others = [best["ICMsg", python, window] for window in WINDOWS]
            ratio = ", ".join(f"{one / other:.2f}" for one, other in zip(rates, others, strict=True))
            table.add_row(name, "Python" if python else "stub", *(f"{each:,.0f}" for each in rates), ratio)
    return table


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
    console = Console(width=100)
    console.print(table)
    console.print(engine_table(3 * messages))


if __name__ == "__main__":
    main()
