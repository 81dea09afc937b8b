"""`icmsg bench`: the figures are there, they are measured, and what cannot be measured is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command import icmsg
from rich.console import Console

from icmsg.cli import bench_command, render
from icmsg.cli.bench_command import PAIRINGS, WINDOWS, BenchReport, Rate, call_cost, exchange_rate
from icmsg.config.boards import DEFAULT
from icmsg.engines.choice import EngineChoice
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import EngineError
from icmsg.link.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

Capture = pytest.CaptureFixture[str]


def report(**more: Any) -> BenchReport:
    echoes = {
        (app, net, window): Rate(100.0 * window * (2 if app == "python" else 1), 5.5)
        for app, net in PAIRINGS
        for window in WINDOWS
    }
    return BenchReport(
        EngineChoice("renode", "why"), DEFAULT.roles, 100, echoes, {"mailbox read32": 1500.0}, **more
    )


def test_json_has_every_pairing_both_windows_and_every_access(capsys: Capture) -> None:
    found = icmsg(capsys, "bench", "--engine", "embedded", "--messages", "50", "--json")
    assert (found.code, found.err) == (0, "")
    bench = found.json
    assert (bench["engine"], bench["engine_reason"], bench["messages"]) == ("embedded", "asked for", 50)
    pairings = [(echo["app"], echo["net"], echo["window"]) for echo in bench["echo"]]
    assert pairings == [(app, net, window) for app, net in PAIRINGS for window in WINDOWS]
    assert all(echo["per_second"] > 1 and echo["virtual_us"] > 0.1 for echo in bench["echo"])
    assert set(bench["python_to_firmware"]) == {"1", "8"}
    assert len(bench["access_ns"]) == 6
    assert all(ns > 10 for ns in bench["access_ns"].values())
    assert "by_commands" not in bench


def test_the_virtual_time_of_an_echo_is_exact_and_does_not_depend_on_how_many_there_are() -> None:
    def rate(messages: int) -> float:
        programs = bench_command._programs(DEFAULT, "python", "echo")
        return exchange_rate(EmbeddedMachine, DEFAULT, programs, Workload(messages, 16, 16)).virtual_us

    assert rate(100) == rate(100)
    assert rate(100) == pytest.approx(rate(400), rel=0.05)


def test_ratios_are_those_of_the_figures_beside_them() -> None:
    bench = report(bound_call_ns=1000.0, by_commands=Rate(2.0, 10.0)).as_json()
    assert bench["python_to_firmware"] == {"1": 2.0, "8": 2.0}
    assert bench["access_to_bound_call"] == 1.5
    assert bench["python_to_commands"] == 100.0
    json.dumps(bench)


@pytest.mark.parametrize("more", [{}, {"bound_call_ns": 1000.0, "by_commands": Rate(2.0, 10.0)}])
def test_the_table_shows_every_figure(more: dict[str, Any]) -> None:
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as capture:
        render.show(report(**more).as_json(), console)
    text = capture.get()
    assert "ICMsg echoes, renode (why)" in text
    assert "python ↔ echo, window 8" in text
    assert "1,600 /s" in text
    assert ("by Monitor commands" in text) == bool(more)
    assert ("100-fold" in text) == bool(more)


@pytest.mark.parametrize("messages", ["0", "1", "-3"])
def test_too_few_messages_are_refused(capsys: Capture, messages: str) -> None:
    found = icmsg(capsys, "bench", "--engine", "embedded", f"--messages={messages}")
    assert found.code == 2
    assert "a rate needs at least 2" in found.err


def test_an_exchange_that_fails_is_no_figure() -> None:
    programs = bench_command._programs(DEFAULT, "python", "spin")
    with pytest.raises(EngineError, match="the exchange to be measured failed: bonding did not happen"):
        exchange_rate(EmbeddedMachine, DEFAULT, programs, Workload(5))


def test_the_cost_of_a_call_counts_the_call() -> None:
    calls: list[int] = []
    add: Callable[[int], None] = calls.append
    assert call_cost(add, (1,), 100) > 0
    assert len(calls) == 300
