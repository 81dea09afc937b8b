"""Which engine runs, why, and what its options mean."""

from __future__ import annotations

import pytest

from icmsg.cosim.engines import ENGINES, choose_engine, make_machine
from icmsg.errors import ConfigurationError, EngineNotAvailableError, PlatformError


@pytest.mark.parametrize("asked", ["auto", "embedded"])
def test_the_choice_names_its_reason(asked: str) -> None:
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


def test_an_engine_that_cannot_be_loaded_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineNotAvailableError, match="use --engine embedded"):
        choose_engine("renode")


@pytest.mark.parametrize(("quantum_ns", "latency_ns"), [(0, 0), (-5, 0), (1000, -1)])
def test_times_that_make_no_sense_are_refused(quantum_ns: int, latency_ns: int) -> None:
    with pytest.raises(ConfigurationError, match="quantum must be > 0 and the latency ≥ 0"):
        make_machine(choose_engine("embedded"), quantum_ns=quantum_ns, latency_ns=latency_ns)


def test_a_platform_that_is_not_there_is_named() -> None:
    with pytest.raises(PlatformError, match=r"none\.repl: cannot be read"):
        make_machine(choose_engine("embedded"), "none.repl")
