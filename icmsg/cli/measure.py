"""Speed in wall time: echo exchanges, and single accesses of a core that Python plays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import EngineError
from icmsg.link.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.boards import Board
    from icmsg.config.instance import InstanceConfig
    from icmsg.link.setup import Program
    from icmsg.link.workload import Workload
    from icmsg.machine.machine import Core, Machine

_BLOCK: Final = bytes(100)
_REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Echo round trips per second of wall time, and the virtual microseconds of one."""

    per_second: float
    virtual_us: float

    def as_json(self) -> dict[str, float]:
        """Return what ``--json`` prints of it."""
        return {"per_second": round(self.per_second, 1), "virtual_us": round(self.virtual_us, 3)}


def exchange_rate(
    make: Callable[[], Machine],
    board: Board,
    programs: dict[str, Program],
    workload: Workload,
    *,
    runs: int = 1,
) -> Rate:
    """Return the best of ``runs`` exchanges, each on a machine of its own; boot and bonding are not counted.

    Raises:
        EngineError: an exchange failed; the text says why.
    """
    rates = [_one_exchange(make, board, programs, workload) for _ in range(runs)]
    return max(rates, key=lambda rate: rate.per_second)


def _one_exchange(
    make: Callable[[], Machine], board: Board, programs: dict[str, Program], workload: Workload
) -> Rate:
    seen: list[tuple[float, int, int]] = []
    machine = make()
    try:
        exchange = Exchange(machine, programs, board.instance, workload)
        result = exchange.run(lambda done, _total: seen.append((time.perf_counter(), machine.now_ns, done)))
    finally:
        machine.close()
    if not result.ok:
        raise EngineError(f"the exchange to be measured failed: {result.problems[0]}")
    (first_s, first_ns, first), (last_s, last_ns, last) = seen[0], seen[-1]
    if last == first:
        raise EngineError(f"{workload.messages} messages are too few to measure; use more")
    return Rate((last - first) / (last_s - first_s), (last_ns - first_ns) / 1000 / (last - first))


def access_costs(core: Core, instance: InstanceConfig, repetitions: int) -> dict[str, float]:
    """Return nanoseconds of wall time of one access through the bus of a core that executes nothing."""
    bus, port, memory = core.bus, core.mailbox_port, instance.tx_region.address
    mailbox = port.base + port.kind.registers.offset(port.kind.enable)
    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "mailbox read32": (bus.read32, (mailbox,)),
        "mailbox write32": (bus.write32, (mailbox, 0)),
        "shared read32": (bus.read32, (memory,)),
        "shared write32": (bus.write32, (memory, 0)),
        "shared read_block of 100": (bus.read_block, (memory, len(_BLOCK))),
        "shared write_block of 100": (bus.write_block, (memory, _BLOCK)),
    }
    return {name: call_cost(call, arguments, repetitions) for name, (call, arguments) in calls.items()}


def call_cost(call: Callable[..., Any], arguments: tuple[Any, ...], repetitions: int) -> float:
    """Return nanoseconds of wall time of one call, the best of three rounds."""
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.perf_counter()
        for _ in range(repetitions):
            call(*arguments)
        best = min(best, time.perf_counter() - started)
    return best * 1e9 / repetitions
