"""The same exchange on the embedded engine and by commands of a Monitor: nothing but times may differ."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from remote_machines import OnTheEmbeddedMonitor
from telnet_server import TelnetServer
from typed_paths import typed

from icmsg.assets import asset, stub
from icmsg.cli.compare_command import Recording, first_difference
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.monitor import TelnetMonitor
from icmsg.engines.remote.transport import CallableTransport
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.monitor.embedded import EmbeddedMonitor

if TYPE_CHECKING:
    from icmsg.link.verdict import ExchangeResult
    from icmsg.machine.machine import Machine


def run(machine: Machine, app: str, net: str, workload: Workload) -> tuple[ExchangeResult, Recording]:
    programs = {
        name: None if who == "python" else FirmwareImage.load(stub(who, name))
        for name, who in (("app", app), ("net", net))
    }
    exchange, recording = Exchange(machine, programs, APP, workload), Recording()
    for name, image in programs.items():
        machine.core(name).image = image  # type: ignore[misc]  # what is recorded depends on it
    recording.observe(machine, {"app": APP, "net": APP.mirrored()})
    return exchange.run(), recording


@pytest.mark.parametrize(
    ("app", "net"), [("python", "echo"), ("echo", "python"), ("python", "initiator"), ("python", "python")]
)
def test_what_each_core_does_is_the_same(app: str, net: str) -> None:
    workload = Workload(messages=25, size_max=150, seed=5)
    with EmbeddedMachine() as embedded, OnTheEmbeddedMonitor() as remote:
        one, here = run(embedded, app, net, workload)
        other, there = run(remote, app, net, workload)
    assert (one.problems, other.problems) == ((), ())
    assert first_difference(here, there) is None
    assert one.consoles == other.consoles


@pytest.mark.slow
def test_a_thousand_messages_through_the_monitor_s_port_are_the_same() -> None:
    with ExitStack() as stack:
        embedded = stack.enter_context(EmbeddedMachine())
        monitor = stack.enter_context(EmbeddedMonitor())
        server = stack.enter_context(TelnetServer(monitor.execute, prompt=lambda: monitor.prompt.strip("()")))
        client = stack.enter_context(TelnetMonitor(port=server.port))
        assert client.prompt == "monitor"
        client.execute(f"include {typed(asset('renode') / 'machine.resc')}")
        assert client.prompt == "nrf5340"
        remote = stack.enter_context(RemoteMachine(client))
        one, here = run(embedded, "python", "echo", Workload())
        other, there = run(remote, "python", "echo", Workload())
    assert (one.messages_received, other.messages_received) == (1000, 1000)
    assert (other.problems, other.mismatches) == ((), 0)
    assert first_difference(here, there) is None
    assert len(there.lanes["net sent"]) == 1001


def test_a_function_that_runs_a_command_is_enough() -> None:
    """As under renode-test, where a keyword returns a text or raises whatever Robot Framework raises."""

    class ExecutionFailed(Exception):  # noqa: N818 - Robot Framework's name
        pass

    with EmbeddedMonitor() as monitor:

        def keyword(command: str) -> str:
            try:
                return monitor.execute(command).replace("\n", "\r\r\n") + "\r\r\n"
            except Exception as error:
                raise ExecutionFailed(
                    f"KeywordException: There was an error when executing command '{command}': {error}"
                ) from error

        keyword(f"include {typed(asset('renode') / 'machine.resc')}")
        with RemoteMachine(CallableTransport(keyword)) as machine:
            result, _ = run(machine, "python", "echo", Workload(messages=5))
        assert (result.problems, result.messages_received) == ((), 5)


def test_what_a_script_has_started_goes_on() -> None:
    with EmbeddedMonitor() as monitor:
        monitor.execute(f"include {typed(asset('renode') / 'nrf5340.resc')}")
        with RemoteMachine(monitor) as machine:
            assert [core.is_halted for core in machine.cores.values()] == [
                False,
                True,
            ]  # net waits for FORCEOFF
            assert all(core.image is not None for core in machine.cores.values())
            machine.run_for(2_000_000)
            assert [machine.core(name).console.lines[0].text for name in ("app", "net")] == [
                "initiator: up",
                "echo: up",
            ]
