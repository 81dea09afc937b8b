"""Runs one exchange on a machine of its own, as `icmsg run` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.choice import choose_engine, make_machine
from icmsg.link.exchange import BOND_TIMEOUT_NS, Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.preconditions import StaleMemory
    from icmsg.link.verdict import ExchangeResult
    from icmsg.machine.machine import Machine

PYTHON = "python"


def image(who: str | Path, core: str) -> FirmwareImage | None:
    """Return the image of a stub's name or an ELF's path, None for Python."""
    if who == PYTHON:
        return None
    return FirmwareImage.load(stub(who, core) if isinstance(who, str) else who)


def exchange(
    app: str | Path = PYTHON,
    net: str | Path = "echo",
    workload: Workload | None = None,
    *,
    config: InstanceConfig = APP,
    initiator: str | None = None,
    bond_timeout_ns: int = BOND_TIMEOUT_NS,
    quantum_ns: int | None = None,
    latency_ns: int | None = None,
    silence_ns: int | None = None,
    strict: bool = False,
    stale_memory: StaleMemory | None = None,
) -> ExchangeResult:
    """Return what came out of an exchange on the embedded engine."""
    machine = make_machine(choose_engine("embedded"), quantum_ns=quantum_ns, latency_ns=latency_ns)
    try:
        return exchange_on(
            machine,
            app,
            net,
            workload,
            config=config,
            initiator=initiator,
            bond_timeout_ns=bond_timeout_ns,
            silence_ns=silence_ns,
            strict=strict,
            stale_memory=stale_memory,
        ).run()
    finally:
        machine.close()


def exchange_on(
    machine: Machine,
    app: str | Path = PYTHON,
    net: str | Path = "echo",
    workload: Workload | None = None,
    *,
    config: InstanceConfig = APP,
    initiator: str | None = None,
    bond_timeout_ns: int = BOND_TIMEOUT_NS,
    silence_ns: int | None = None,
    strict: bool = False,
    stale_memory: StaleMemory | None = None,
) -> Exchange:
    """Return an exchange on ``machine`` that is ready to run."""
    return Exchange(
        machine,
        {"app": image(app, "app"), "net": image(net, "net")},
        config,
        workload or Workload(messages=20),
        initiator=initiator,
        bond_timeout_ns=bond_timeout_ns,
        silence_ns=silence_ns,
        strict=strict,
        stale_memory=stale_memory,
    )
