"""``icmsg bench``: how fast an engine is here, with Python on a core and with firmware on both.

Speed in wall time: echo exchanges, and single accesses of a core that Python plays.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import asset
from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.core_options import add_soc, machine_platform
from icmsg.cli.engine_options import add_include, included
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.engines.choice import ENGINES, EngineChoice, choose_engine, make_machine
from icmsg.errors import ConfigurationError, EngineError
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.soc.soc import shipped_soc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from icmsg.config.boards import Board
    from icmsg.config.instance import InstanceConfig
    from icmsg.link.players import Program
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


SIZE: Final = 16
WINDOWS: Final = (1, 8)
PAIRINGS: Final = (("python", "echo"), ("initiator", "python"), ("initiator", "echo"))
"""Players of the link's two cores; the last pair is firmware on both cores."""
_MESSAGES: Final = {"embedded": 10_000, "renode": 1000}
_RUNS: Final = {"embedded": 3, "renode": 1}
"""A machine on Renode takes seconds to make."""
_REPETITIONS: Final = 2000
_BY_COMMANDS: Final = 20


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Measured figures, all of one run; only ratios can be compared with another host's."""

    engine: EngineChoice
    roles: tuple[str, str]
    messages: int
    echoes: dict[tuple[str, str, int], Rate]
    accesses_ns: dict[str, float]
    bound_call_ns: float | None = None
    by_commands: Rate | None = None

    @property
    def python_to_firmware(self) -> dict[int, float]:
        """Round trips with Python on the first core, to those between two firmware cores, by window."""
        return {
            window: self.echoes["python", "echo", window].per_second
            / self.echoes["initiator", "echo", window].per_second
            for window in WINDOWS
        }

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        found: dict[str, Any] = {
            "engine": self.engine.name,
            "engine_reason": self.engine.reason,
            "cores": self.roles,
            "messages": self.messages,
            "size": SIZE,
            "echo": [
                {**dict(zip(self.roles, pair, strict=True)), "window": window, **rate.as_json()}
                for (*pair, window), rate in self.echoes.items()
            ],
            "python_to_firmware": {
                str(window): round(ratio, 3) for window, ratio in self.python_to_firmware.items()
            },
            "access_ns": {name: round(ns, 1) for name, ns in self.accesses_ns.items()},
        }
        if self.bound_call_ns is not None and self.by_commands is not None:
            found["bound_call_ns"] = round(self.bound_call_ns, 1)
            found["access_to_bound_call"] = round(self.accesses_ns["mailbox read32"] / self.bound_call_ns, 3)
            found["by_commands"] = self.by_commands.as_json()
            found["python_to_commands"] = round(self._to_commands(self.by_commands), 1)
        return found

    def _to_commands(self, rate: Rate) -> float:
        return self.echoes["python", "echo", 1].per_second / rate.per_second


def add_parser(commands: Any) -> None:
    """Add ``bench`` to the sub-commands."""
    parser = commands.add_parser(
        "bench",
        help="how fast an engine is here",
        description="Measures echo round trips with Python on a core beside those between two firmware cores, and "
        "the cost of an access. On Renode it also compares with Renode's own calls and with Monitor commands.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what emulates the SoC")
    add_include(parser)
    add_soc(parser)
    parser.add_argument(
        "--messages", type=int, metavar="N", help="messages of an exchange; default: 10000, 1000 on Renode"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Measure, print, return 0."""
    board = BOARDS[options.soc]
    report = measure(choose_engine(options.engine), options.messages, included(options), board)
    if options.json:
        sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    else:
        from icmsg.cli import render

        render.show(report.as_json())
    return 0


def measure(
    choice: EngineChoice,
    messages: int | None = None,
    include: Sequence[str] = (),
    board: Board = DEFAULT,
) -> BenchReport:
    """Measure everything on an engine, Monitor commands on the default board alone.

    Raises:
        ConfigurationError: too few messages to measure anything.
        EngineError: an exchange failed.
    """
    messages = _MESSAGES[choice.name] if messages is None else messages
    if messages < 2:
        raise ConfigurationError(f"--messages {messages}: a rate needs at least 2")

    def make() -> Machine:
        return make_machine(choice, machine_platform(None, board.name), include=include)

    if choice.name == "renode":  # the first exchange of a process compiles half of Renode
        exchange_rate(make, board, _programs(board, "python", "echo"), Workload(_BY_COMMANDS, SIZE, SIZE))
    echoes = {
        (first, second, window): exchange_rate(
            make,
            board,
            _programs(board, first, second),
            Workload(messages, SIZE, SIZE, window=window),
            runs=_RUNS[choice.name],
        )
        for first, second in PAIRINGS
        for window in WINDOWS
    }
    machine = make()
    try:
        accesses = access_costs(machine.core(board.roles[0]), board.instance, _REPETITIONS)
        by_commands = choice.name == "renode" and board is DEFAULT
        bound = _bound_call(machine) if by_commands else None
    finally:
        machine.close()
    rate = _by_commands() if by_commands else None
    return BenchReport(choice, board.roles, messages, echoes, accesses, bound, rate)


def _programs(board: Board, *programs: str) -> dict[str, Program]:
    cores = shipped_soc(board.name).cores
    return {
        core: None if name == "python" else FirmwareImage.load(cores[core].stub(name))
        for core, name in zip(board.roles, programs, strict=True)
    }


def _bound_call(machine: Machine) -> float:
    """Return what the same register costs by Renode's own method, nothing around it."""
    from icmsg.engines.renode.machine import RenodeMachine

    assert isinstance(machine, RenodeMachine)
    core = machine.core(DEFAULT.roles[0])
    read = machine.bound_read(core.name)
    kind = core.mailbox_port.kind
    return call_cost(read, (kind.registers.offset(kind.enable),), _REPETITIONS)


def _by_commands() -> Rate:
    """Return the rate of the same exchange where Python reaches the machine by Monitor commands alone."""
    from icmsg.engines.remote.machine import RemoteMachine
    from icmsg.engines.renode.monitor import RenodeMonitor

    with RenodeMonitor() as monitor:
        monitor.execute(f"include @{asset('renode') / 'python-python.resc'}")
        return exchange_rate(
            lambda: RemoteMachine(monitor),
            DEFAULT,
            _programs(DEFAULT, "python", "echo"),
            Workload(_BY_COMMANDS, SIZE, SIZE),
        )
