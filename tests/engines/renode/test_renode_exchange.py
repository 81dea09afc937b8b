"""The whole exchange on the Renode engine, over the fake .NET members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.cli import bench_command
from icmsg.cli.bench_command import Rate
from icmsg.config.nrf5340 import APP
from icmsg.engines.choice import choose_engine
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage
from icmsg.timers import US

if TYPE_CHECKING:
    from fake_dotnet import FakeRenode

    from icmsg.link.verdict import ExchangeResult

PAIRINGS = [
    ("python", "echo"),
    ("echo", "python"),
    ("python", "initiator"),
    ("initiator", "python"),
    ("initiator", "echo"),
    ("echo", "initiator"),
    ("python", "python"),
]


def image(who: str, core: str) -> FirmwareImage | None:
    return None if who == "python" else FirmwareImage.load(stub(who, core))


def exchange(machine: RenodeMachine, app: str, net: str, workload: Workload) -> ExchangeResult:
    return Exchange(machine, {"app": image(app, "app"), "net": image(net, "net")}, APP, workload).run()


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_every_pairing_brings_every_byte_back(renode: FakeRenode, app: str, net: str) -> None:
    with RenodeMachine() as machine:
        result = exchange(machine, app, net, Workload(messages=40, size_min=5, size_max=50, seed=3))
    assert result.problems == ()
    assert (result.ok, result.messages_sent, result.messages_received, result.mismatches) == (True, 40, 40, 0)
    for name, who in (("app", app), ("net", net)):
        assert result.consoles[name][:2] == ([f"{who}: up", f"{who}: bound"] if who != "python" else [])


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_the_same_run_has_the_same_trace(renode: FakeRenode, app: str, net: str) -> None:
    traces = set()
    for _ in range(2):
        with RenodeMachine() as machine:
            traces.add(exchange(machine, app, net, Workload(messages=10)).trace_sha256)
    assert len(traces) == 1


@pytest.mark.parametrize("quantum_us", [1, 10, 50])
def test_python_answers_python_one_quantum_later(renode: FakeRenode, quantum_us: int) -> None:
    with RenodeMachine(quantum_ns=quantum_us * US) as machine:
        result = exchange(machine, "python", "python", Workload(messages=10))
    assert result.problems == ()
    assert result.round_trip_virtual_us["min"] == result.round_trip_virtual_us["max"] == 2 * quantum_us


@pytest.mark.parametrize(("latency_us", "quanta"), [(0, 1), (10, 1), (11, 2), (35, 4)])
def test_latency_ends_at_the_next_synchronization_point(
    renode: FakeRenode, latency_us: int, quanta: int
) -> None:
    with RenodeMachine(latency_ns=latency_us * US) as machine:
        result = exchange(machine, "python", "python", Workload(messages=5))
    assert result.problems == ()
    assert result.round_trip_virtual_us["max"] == 2 * quanta * 10


def test_many_messages_under_way_fill_the_buffer_and_all_come_back(renode: FakeRenode) -> None:
    with RenodeMachine() as machine:
        result = exchange(machine, "python", "echo", Workload(messages=60, size_max=1000, window=20))
    assert result.problems == ()
    assert result.messages_received == 60


def test_what_was_written_down_is_in_order_and_inside_the_steps(renode: FakeRenode) -> None:
    with RenodeMachine() as machine:
        seen: list[tuple[int, int, int]] = []
        machine.events.add_sink(lambda event: seen.append((event.time_ns, event.core, event.kind)))
        exchange(machine, "python", "echo", Workload(messages=5))
    rings = [(core, kind) for _, core, kind in seen if kind in (EventKind.DOORBELL, EventKind.INTERRUPT)]
    assert rings.count((0, EventKind.DOORBELL)) >= 6
    assert rings.count((1, EventKind.DOORBELL)) >= 6
    kinds = [kind for _, core, kind in seen if core == 0]
    assert kinds.index(EventKind.DOORBELL) < kinds.index(EventKind.PACKET_SENT)


def test_bench_compares_with_renodes_own_calls_and_with_commands(
    renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fake has too little of the Monitor for an exchange by commands.
    monkeypatch.setattr(bench_command, "_by_commands", lambda: Rate(0.5, 10.0))
    bench = bench_command.measure(choose_engine("renode"), 20).as_json()
    assert bench["engine"] == "renode"
    assert bench["bound_call_ns"] > 10
    assert bench["access_to_bound_call"] > 0.5
    assert bench["python_to_commands"] > 1
    assert all(echo["per_second"] > 1 for echo in bench["echo"])
