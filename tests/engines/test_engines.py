"""Which engine runs, why, and what its options mean."""

from __future__ import annotations

from importlib import util

import pytest

from icmsg.engines import choice as engines
from icmsg.engines.choice import ENGINES, choose_engine, make_machine
from icmsg.errors import ConfigurationError, EngineNotAvailableError, PlatformError


@pytest.mark.parametrize("asked", ["auto", "embedded"])
def test_the_choice_names_its_reason(asked: engines.EngineName) -> None:
    choice = choose_engine(asked)
    assert asked in ENGINES
    assert choice.name in ENGINES
    assert choice.name != "auto"
    assert choice.reason
    machine = make_machine(choice)
    try:
        assert machine.engine == choice.name
        assert set(machine.cores) == {"app", "net"}
    finally:
        machine.close()


def test_a_variable_names_the_engine_where_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICMSG_ENGINE", "embedded")
    choice = choose_engine("auto")
    assert (choice.name, choice.reason) == ("embedded", "ICMSG_ENGINE says so")
    monkeypatch.setenv("ICMSG_ENGINE", "qemu")
    assert choose_engine("embedded").reason == "asked for"
    with pytest.raises(
        ConfigurationError, match="ICMSG_ENGINE=qemu: no such engine; use auto, embedded, renode"
    ):
        choose_engine("auto")


@pytest.mark.parametrize("says", ["", "auto"])
def test_without_pyrenode3_auto_is_embedded_at_once(monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    monkeypatch.setenv("ICMSG_ENGINE", says)
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr(engines, "_load_renode", lambda: pytest.fail("nothing is loaded for a guess"))
    choice = choose_engine("auto")
    assert (choice.name, choice.reason) == ("embedded", "needs only pip; --engine renode needs pyrenode3")


@pytest.mark.usefixtures("no_renode")
def test_an_engine_that_cannot_be_loaded_says_what_to_use_instead() -> None:
    with pytest.raises(EngineNotAvailableError, match="use --engine embedded"):
        choose_engine("renode")


@pytest.mark.parametrize(("quantum_ns", "latency_ns"), [(0, 0), (-5, 0), (1000, -1)])
def test_times_that_make_no_sense_are_refused(quantum_ns: int, latency_ns: int) -> None:
    with pytest.raises(ConfigurationError, match="quantum must be > 0 and the latency ≥ 0"):
        make_machine(choose_engine("embedded"), quantum_ns=quantum_ns, latency_ns=latency_ns)


def test_a_platform_that_is_not_there_is_named() -> None:
    with pytest.raises(PlatformError, match=r"none\.repl: cannot be read"):
        make_machine(choose_engine("embedded"), "none.repl")
