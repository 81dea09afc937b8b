"""``icmsg run``: boot the SoC, bond, exchange messages, check every echo."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from icmsg.assets import stub, stub_names
from icmsg.cli.arguments import closest, parse_region, parse_size, region_text, time_ns
from icmsg.config.instance import InstanceConfig, Signalling, Unbound
from icmsg.config.nrf5340 import APP
from icmsg.cosim.engines import ENGINES, EngineChoice, choose_engine, make_machine
from icmsg.cosim.exchange import BOND_TIMEOUT_NS, Exchange
from icmsg.cosim.image import FirmwareImage
from icmsg.cosim.simtime import MS, US
from icmsg.cosim.stub_firmware import StubFirmware
from icmsg.cosim.workload import Workload
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from icmsg.cosim.exchange_result import ExchangeResult

PYTHON: Final = "python"
_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run is judged by: the exchange, and how it was set up."""

    engine: EngineChoice
    sides: dict[str, str]
    workload: Workload
    result: ExchangeResult
    wall_s: float

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        result = self.result
        return {
            "engine": self.engine.name,
            "engine_reason": self.engine.reason,
            **self.sides,
            "ok": result.ok,
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
            "problems": list(result.problems),
            "warnings": list(result.warnings),
            "consoles": result.consoles,
        }


def add_parser(commands: Any) -> None:
    """Add ``run`` to the sub-commands."""
    parser = commands.add_parser(
        "run",
        help="bond and exchange messages, check every echo",
        description="Boots the SoC, bonds over ICMsg, exchanges messages and checks every echo.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    who = f"{PYTHON}, a firmware stub, or the path of an ELF file"
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what emulates the SoC")
    parser.add_argument("--app", metavar="WHO", default=PYTHON, help=f"who plays the application core: {who}")
    parser.add_argument("--net", metavar="WHO", default="echo", help=f"who plays the network core: {who}")
    parser.add_argument(
        "--initiator", choices=("auto", "app", "net"), default="auto", help="the core that sends first"
    )
    parser.add_argument("--messages", type=int, metavar="N", default=1000, help="messages to exchange")
    parser.add_argument("--size", metavar="MIN[:MAX]", default="1:100", help="payload bytes of a message")
    parser.add_argument("--window", type=int, metavar="N", default=1, help="messages under way at once")
    parser.add_argument("--seed", type=int, default=1, help="of sizes and contents")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    link = parser.add_argument_group("the ICMsg instance (as in the devicetree of the application core)")
    link.add_argument(
        "--unbound", choices=get_args(Unbound), default="disable", help="devicetree property of Python's side"
    )
    link.add_argument(
        "--signalling",
        choices=get_args(Signalling),
        default="ring-back",
        help="while bonding in magic mode: as Zephyr ≤ 4.0 (repeat) or ≥ 4.1 (ring-back)",
    )
    link.add_argument(
        "--tx-region", metavar="ADDR:SIZE", default=region_text(APP.tx_region), help="of the application core"
    )
    link.add_argument(
        "--rx-region", metavar="ADDR:SIZE", default=region_text(APP.rx_region), help="of the application core"
    )
    link.add_argument(
        "--dcache-alignment", type=int, metavar="A", default=None, help="bytes; 8 with sessions, else 0"
    )
    machine = parser.add_argument_group("the machine")
    machine.add_argument(
        "--platform", metavar="REPL", default=None, help="a Renode platform file instead of nrf5340"
    )
    machine.add_argument(
        "--quantum-us",
        dest="quantum_ns",
        type=time_ns(US),
        metavar="US",
        default=None,
        help="how far one core may get ahead of the other",
    )
    machine.add_argument(
        "--latency-us",
        dest="latency_ns",
        type=time_ns(US, zero=True),
        metavar="US",
        default=None,
        help="from an interrupt to its Python handler",
    )
    machine.add_argument(
        "--bond-timeout-ms",
        dest="bond_timeout_ns",
        type=time_ns(MS),
        metavar="MS",
        default=str(BOND_TIMEOUT_NS // MS),
        help="virtual time to wait for bound",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run what the options say, print the report, return the exit code."""
    choice = choose_engine(options.engine)
    workload = Workload(options.messages, *parse_size(options.size), options.seed, options.window)
    sides = {"app": find_image(options.app, "app"), "net": find_image(options.net, "net")}
    config = instance_config(options, sides)
    started = time.perf_counter()
    machine = make_machine(
        choice, options.platform, quantum_ns=options.quantum_ns, latency_ns=options.latency_ns
    )
    try:
        exchange = Exchange(
            machine,
            sides,
            config,
            workload,
            initiator=None if options.initiator == "auto" else options.initiator,
            bond_timeout_ns=options.bond_timeout_ns,
        )
        result = exchange.run() if options.json else _run_with_progress(exchange, workload.messages)
    finally:
        machine.close()
    report = RunReport(
        choice, {"app": options.app, "net": options.net}, workload, result, time.perf_counter() - started
    )
    if options.json:
        sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    else:
        from icmsg.cli import render  # a JSON run does without, and starts sooner

        render.report(report.as_json())
    return 0 if result.ok else 1


def _run_with_progress(exchange: Exchange, total: int) -> ExchangeResult:
    from icmsg.cli import render  # a JSON run does without, and starts sooner

    with render.progress(total) as progress:
        return exchange.run(progress)


def find_image(who: str, core: str) -> FirmwareImage | None:
    """Return the image of a stub's name or an ELF's path, None for Python.

    Raises:
        FirmwareError: the ELF file cannot be used.
        ConfigurationError: neither a stub nor a file has that name.
    """
    if who == PYTHON:
        return None
    if who in stub_names():
        return FirmwareImage.load(stub(who, core))
    if Path(who).suffix == "" and "/" not in who and not Path(who).exists():
        raise ConfigurationError(
            f"--{core} {who}: neither {PYTHON}, nor a firmware stub ({', '.join(stub_names())}), nor a file"
            f"{closest(who, (PYTHON, *stub_names()))}"
        )
    return FirmwareImage.load(who)


def instance_config(options: argparse.Namespace, sides: dict[str, FirmwareImage | None]) -> InstanceConfig:
    """Return the application core's instance; ConfigurationError for what can never bond."""
    sessions = options.unbound != "disable"
    alignment = options.dcache_alignment
    if alignment is None:
        alignment = _SESSION_ALIGNMENT if sessions else 0
    stubs = [name for name, image in sides.items() if image is not None and StubFirmware.is_stub(image)]
    if options.unbound == "enable" and stubs:
        raise ConfigurationError(
            f'--unbound enable: the stub on core {stubs[0]} has magic bonding (unbound = "disable"), '
            "and the two never bind; use --unbound detect or disable"
        )
    return replace(
        APP,
        tx_region=parse_region("--tx-region", options.tx_region),
        rx_region=parse_region("--rx-region", options.rx_region),
        dcache_alignment=alignment,
        unbound=options.unbound,
        signalling=options.signalling,
    )
