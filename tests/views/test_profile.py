"""Collapsed stacks of firmware, and the functions that it enters."""

from __future__ import annotations

import re

import pytest
from covered_runs import CORES, exchange

from icmsg.assets import stub
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.views.execution import FunctionLog, Profile


def profile(core: str, every: int) -> tuple[str, int, int, str]:
    """Return text, sum, instructions and hash of an exchange."""
    made: list[Profile] = []
    digest = exchange(core, lambda machine: made.append(Profile(machine.core(core), every)))
    return made[0].text(), sum(made[0].stacks.values()), made[0]._last, digest


@pytest.mark.parametrize("core", CORES)
def test_counts_are_instructions_and_nothing_is_changed_by_them(core: str) -> None:
    text, total, last, digest = profile(core, 100)
    assert total == last > 1000
    assert digest == exchange(core, lambda _machine: None)
    rows = [re.fullmatch(r"(\S+(?:;\S+)*) (\d+)", row) for row in text.splitlines()]
    assert all(rows)
    assert text.splitlines() == sorted(text.splitlines())
    assert any("link_send;" in row for row in text.splitlines())
    assert any(";pbuf_read" in row for row in text.splitlines())


def test_two_runs_give_the_same_stacks() -> None:
    assert profile("net", 50) == profile("net", 50)


def test_the_end_counts_what_was_executed_since_the_last_sample() -> None:
    with EmbeddedMachine() as machine:
        net = machine.core("net")
        net.load(stub("spin", "net"))
        net.start()
        machine.run_for(10_000)
        found = Profile(net, 1000)
        before = net.instructions
        machine.run_for(1_000_000)
        found.stop()
        assert sum(found.stacks.values()) == net.instructions - before
        counted = dict(found.stacks)
        machine.run_for(1_000_000)
        assert dict(found.stacks) == counted


def test_an_interval_below_one_is_refused() -> None:
    with EmbeddedMachine() as machine, pytest.raises(ConfigurationError, match="every 0 instructions"):
        Profile(machine.core("net"), 0)


def test_a_function_that_never_returns_has_no_caller_of_its_own_calls() -> None:
    """Main calls others and keeps no return address: what LR has there is that of a call which has returned."""
    text, *_ = profile("net", 20)
    assert not [
        row
        for row in text.splitlines()
        if re.search(r";main\b", row) and not row.startswith("Reset_Handler;main")
    ]


@pytest.mark.parametrize("core", CORES)
def test_the_log_has_the_functions_in_the_order_in_which_they_are_entered(core: str) -> None:
    entered: list[tuple[str, int]] = []
    digest = exchange(
        core, lambda machine: FunctionLog(machine.core(core), lambda *each: entered.append(each)), 1
    )
    names = [name for name, _ in entered]
    assert digest == exchange(core, lambda _machine: None, 1)
    bond = names.index("link_bond")
    assert names.index("main") < names.index("link_init") < bond < names.index("link_send")
    assert any(name.startswith("link_bond+0x") for name in names[bond:])


def test_the_log_can_be_limited_to_prefixes_and_to_changes() -> None:
    some: list[str] = []
    every: list[str] = []

    def prepare(machine: EmbeddedMachine) -> None:
        net = machine.core("net")
        FunctionLog(net, lambda name, _at: some.append(name), prefixes=["link_"], changes_only=True)
        FunctionLog(net, lambda name, _at: every.append(name))

    exchange("net", prepare, 2)
    assert some
    assert all(name.startswith("link_") for name in some)
    assert [name for name in every if name.startswith("link_")] == some


def test_the_log_ends_where_it_is_ended() -> None:
    entered: list[str] = []
    with EmbeddedMachine() as machine:
        net = machine.core("net")
        net.load(stub("echo", "net"))
        log = FunctionLog(net, lambda name, _at: entered.append(name))
        net.start()
        machine.run_for(10_000)
        assert entered
        log.stop()
        count = len(entered)
        machine.run_for(1_000_000)
        assert len(entered) == count


def test_an_error_in_what_is_told_comes_out_of_the_run() -> None:
    def fail(_name: str, _address: int) -> None:
        raise ConfigurationError("enough")

    with EmbeddedMachine() as machine:
        net = machine.core("net")
        net.load(stub("echo", "net"))
        FunctionLog(net, fail)
        net.start()
        with pytest.raises(ConfigurationError, match="enough"):
            machine.run_for(1_000_000)
