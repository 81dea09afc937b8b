"""``icmsg run``: boot the SoC, bond, exchange messages, check every echo."""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from icmsg import __version__
from icmsg.cli.arguments import SIZES, HelpFormatter, parse_size, time_ns
from icmsg.cli.core_options import (
    CoreOptions,
    add_endpoint_options,
    add_machine_options,
    cores_of,
    endpoints_of,
    keep,
    machine_platform,
    stub_for,
)
from icmsg.cli.engine_options import (
    add_coverage_option,
    add_engine_options,
    add_gdb_option,
    add_stall_option,
    chosen_engine,
    included,
    look_at_firmware,
)
from icmsg.cli.link_options import PYTHON, add_link_options, find_image, link_of, take_builds
from icmsg.cli.trace_command import Traces, add_trace_options
from icmsg.engines.choice import make_machine
from icmsg.errors import EngineError
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.exchange import BOND_TIMEOUT_NS, Exchange
from icmsg.link.preconditions import STALE_MEMORY
from icmsg.link.verdict import Stall
from icmsg.link.workload import Reply, Workload
from icmsg.machine.events import TRACE_VERSION
from icmsg.machine.interruption import CtrlC, Interrupted
from icmsg.timers import MS, S

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.instance import InstanceConfig
    from icmsg.engines.choice import EngineChoice
    from icmsg.link.endpoints.exchange import EndpointExchange
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.link.players import Program
    from icmsg.link.verdict import ExchangeResult
    from icmsg.machine.machine import Machine

    Observe = Callable[[Machine, dict[str, InstanceConfig]], None]


@dataclass(frozen=True, slots=True)
class RunReport:
    """Facts that a run is judged by: the exchange, and how it was set up."""

    engine: EngineChoice
    players: dict[str, str]
    workload: Workload
    result: ExchangeResult
    wall_s: float
    options: dict[str, Any]
    interrupted: int = 0
    """The number of the signal that ended it; 0 where none did."""

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        result = self.result
        return {
            "engine": self.engine.name,
            "engine_reason": self.engine.reason,
            **{core: who for core, who in self.players.items() if not core.startswith("engine")},
            "cores": self.players,
            "ok": result.ok,
            "bond_only": result.bond_only,
            "bound": result.bound,
            "messages_sent": result.messages_sent,
            "messages_received": result.messages_received,
            "bytes_received": result.bytes_received,
            "mismatches": result.mismatches,
            "bond_virtual_us": result.bond_virtual_us,
            "round_trip_virtual_us": result.round_trip_virtual_us,
            "virtual_s": result.virtual_s,
            "wall_s": round(self.wall_s, 6),
            "seed": self.workload.seed,
            "trace_sha256": result.trace_sha256,
            "trace_version": TRACE_VERSION,
            "problems": list(result.problems),
            "warnings": list(result.warnings),
            "consoles": result.consoles,
            "messages_expected": result.messages_expected,
            "messages_unanswered": result.messages_unanswered,
            "messages_lost": result.messages_lost,
            "initiator": result.initiator,
            "initiator_reason": result.initiator_reason,
            "restarts": result.restarts,
            "faults": [asdict(fault) for fault in result.faults],
            "notes": list(result.notes),
            "round_trip_note": result.round_trip_note,
            "endpoints": [asdict(endpoint) for endpoint in result.endpoints],
            "interrupted": signal.Signals(self.interrupted).name if self.interrupted else None,
            "options": self.options,
            "versions": _versions(),
        }


def add_parser(commands: Any, cores: CoreOptions) -> None:
    """Add ``run`` to the sub-commands; it has options for ``cores``."""
    parser = commands.add_parser(
        "run",
        help="bond and exchange messages, check every echo",
        description="Boots the SoC, bonds over ICMsg or ICBMsg, exchanges messages and checks every echo.",
        formatter_class=HelpFormatter,
    )
    add_engine_options(parser)
    add_options(parser, cores)
    add_gdb_option(parser)
    add_coverage_option(parser)
    parser.set_defaults(execute=execute)


def add_options(parser: argparse.ArgumentParser, cores: CoreOptions) -> None:
    """Add what says which exchange to run, whatever the engine."""
    keep(parser, cores)
    who = f"{PYTHON}, a firmware stub, or the path of an ELF or Intel HEX file"
    defaults = (f"; default: {PYTHON}", "; default: echo")
    for index, core in enumerate(cores.names):
        default = defaults[index] if index < len(defaults) else ""
        cores.add(parser, core, metavar="WHO", help=f"who plays {cores.core_title(core)}: {who}{default}")
    parser.add_argument(
        "--initiator", choices=("auto", *cores.names), default="auto", help="the core that sends first"
    )
    parser.add_argument(
        "--messages",
        type=_number,
        metavar="N",
        default="1000",
        help="messages to exchange; 0 = bond only, any = as many as firmware sends",
    )
    parser.add_argument("--size", metavar="MIN[:MAX]", default=SIZES, help="payload bytes of a message")
    parser.add_argument(
        "--reply",
        choices=get_args(Reply),
        default="same",
        help="what comes back: the same, or the next number",
    )
    parser.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="messages under way at once; default: 1, and 4 of every 16 at once",
    )
    parser.add_argument("--seed", type=int, default=1, help="of sizes and contents")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--strict", action="store_true", help="a warning is a failure")
    parser.add_argument(
        "--silence-ms",
        dest="silence_ns",
        type=time_ns(MS),
        metavar="MS",
        help="virtual time without a message or a restart that ends the run; default: 1000",
    )
    add_stall_option(
        parser,
        "without a packet, a console line, a new state of the link or an answer of Renode that ends the run",
    )
    parser.add_argument(
        "--stale-memory",
        choices=STALE_MEMORY,
        help="what the regions hold when firmware starts: an old session, or random bytes; Python opens 1 ms later",
    )
    add_link_options(parser, cores)
    add_endpoint_options(parser)
    machine = add_machine_options(parser)
    machine.add_argument(
        "--bond-timeout-ms",
        dest="bond_timeout_ns",
        type=time_ns(MS),
        metavar="MS",
        default=str(BOND_TIMEOUT_NS // MS),
        help="virtual time to wait for bound",
    )
    add_trace_options(parser)


def _number(text: str) -> int | None:
    """Return a number of messages, None for ``any``."""
    if text == "any":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: use a number, or any") from None


def execute(options: argparse.Namespace) -> int:
    """Run what the options say, print the report, return the exit code."""
    traces = Traces(options)
    report = run_exchange(options, chosen_engine(options), traces=traces)
    if options.json:
        traces.report_to.write(_as_text(report))
    else:
        from icmsg.cli import render  # a JSON run does without, and starts sooner

        render.report(report.as_json(), stderr=traces.to_stdout)
    if report.interrupted:
        sys.stderr.write("icmsg: interrupted\n")
        return 128 + report.interrupted
    return 0 if report.result.ok else 1


def run_exchange(
    options: argparse.Namespace,
    choice: EngineChoice,
    observe: Observe | None = None,
    traces: Traces | None = None,
) -> RunReport:
    """Run the exchange of :func:`add_options` on an engine; ``observe`` is called before it starts."""
    with CtrlC(terminate=True):  # what comes while everything is loaded ends the run as well
        return _run_exchange(options, choice, observe, traces)


def _run_exchange(
    options: argparse.Namespace, choice: EngineChoice, observe: Observe | None, traces: Traces | None
) -> RunReport:
    any_number = options.messages is None
    workload = Workload(
        1 if any_number else options.messages,
        *parse_size("1" if options.reply == "next" and options.size == SIZES else options.size),
        options.seed,
        options.window,
        any_number=any_number,
        reply=options.reply,
    )
    who = take_builds(options)
    gdb: int | None = getattr(options, "gdb", None)
    stall_s = options.stall_ns / S if gdb is None else 0  # who debugs takes the time that it takes
    made = _exchange_of(options, who, workload, stall_s)
    started = time.perf_counter()
    machine = make_machine(
        choice,
        machine_platform(options.platform, options.soc),
        quantum_ns=options.quantum_ns,
        latency_ns=options.latency_ns,
        stall_s=stall_s,
        include=included(options),
    )

    def report(result: ExchangeResult, interrupted: int) -> RunReport:
        wall_s = time.perf_counter() - started
        if machine.announcement:
            result = replace(result, notes=(machine.announcement, *result.notes))
        return RunReport(choice, who, workload, result, wall_s, _as_given(options), interrupted)

    with ExitStack() as stack:
        stack.enter_context(closing(machine))
        if choice.address is not None:
            from icmsg.engines.remote.machine import RemoteMachine  # most runs do without

            assert isinstance(machine, RemoteMachine)
            machine.boot_anew()  # somebody else has used it
        exchange = _make_traced(made, machine, traces, who, options)
        if traces is not None:
            stack.callback(traces.end)
        if choice.name == "renode" and options.json and observe is None:
            from icmsg.engines.renode.process import last_words  # most runs do without

            stack.enter_context(last_words(lambda why, number: _as_text(report(exchange.lost(why), number))))
        if observe is not None:
            observe(machine, {} if isinstance(made.link, EndpointsLink) else dict(made.link.configs))
        look_at_firmware(stack, machine, options, made.programs)
        interrupted = 0
        try:
            result = (
                exchange.run()
                if options.json
                else _run_with_progress(exchange, workload.messages * len(endpoints_of(options)))
            )
        except Interrupted as error:
            interrupted = error.number
            result = exchange.partial(f"interrupted by {signal.Signals(interrupted).name}")
        except EngineError as error:  # it has gone, and cannot be asked how far it came
            result = exchange.lost(str(error))
        found = report(result, interrupted)
        if traces is not None:
            traces.end(found.as_json())
    return found


class Made(NamedTuple):
    """Maker of an exchange on a machine, and its link."""

    make: Callable[[Machine], Exchange | EndpointExchange]
    link: AnyLink
    programs: dict[str, Program]


def _make_traced(
    made: Made, machine: Machine, traces: Traces | None, who: dict[str, str], options: argparse.Namespace
) -> Exchange | EndpointExchange:
    """Make the exchange, and begin the traces: of several endpoints before, since Python names them at once."""
    if traces is None:
        return made.make(machine)
    about = {"engine": machine.engine, "seed": str(options.seed)}
    exchange = None if isinstance(made.link, EndpointsLink) else made.make(machine)
    traces.begin(machine, made.link, who, about)
    try:
        return exchange or made.make(machine)
    except BaseException:
        traces.end()
        raise


def _exchange_of(
    options: argparse.Namespace,
    who: dict[str, str],
    workload: Workload,
    stall_s: float,
) -> Made:
    """Return what makes the exchange; mistakes in the options come at once."""
    cores = cores_of(options)
    common: dict[str, Any] = {
        "initiator": None if options.initiator == "auto" else options.initiator,
        "bond_timeout_ns": options.bond_timeout_ns,
        "release": options.release_network,
        "silence_ns": options.silence_ns,
        "stall": Stall(stall_s, time.monotonic) if stall_s else None,
        "strict": options.strict,
        "stale_memory": options.stale_memory,
    }
    link = link_of(options, who)
    if isinstance(link, EndpointsLink):
        from icmsg.link.endpoints.exchange import EndpointExchange  # most runs do without

        config, peer_config = link.configs.values()
        names = endpoints_of(options)
        stubs = {core: stub_for(name, options.backend, f"--{core}") for core, name in who.items()}
        images = {core: find_image(name, core, "disable", cores.soc) for core, name in stubs.items()}
        return Made(
            lambda machine: EndpointExchange(
                machine, images, config, workload, names, peer_config=peer_config, **common
            ),
            link,
            images,
        )
    programs = {core: find_image(who[core], core, link.configs[core].unbound, cores.soc) for core in who}
    first, peer = link.configs[link.first], link.configs[link.second]
    return Made(
        lambda machine: Exchange(machine, programs, first, workload, peer_config=peer, **common),
        link,
        programs,
    )


def _as_text(report: RunReport) -> str:
    """Return what ``--json`` prints."""
    return json.dumps(report.as_json(), indent=2) + "\n"


def _as_given(options: argparse.Namespace) -> dict[str, Any]:
    """Return every option of the run by its name, with the values that count; times are nanoseconds."""
    left_out = ("command", "execute", "json", "cores")
    return {name: value for name, value in sorted(vars(options).items()) if name not in left_out}


def _versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    from importlib import metadata  # slow to load

    found = {"icmsg": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in ("pyrenode3", "unicorn"):  # asked for by name: who lists all that is installed reads it all
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _run_with_progress(exchange: Exchange | EndpointExchange, total: int) -> ExchangeResult:
    from icmsg.cli import render  # a JSON run does without, and starts sooner

    with render.progress(total) as progress:
        return exchange.run(progress)
