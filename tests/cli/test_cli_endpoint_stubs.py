"""`icmsg run` with firmware stubs that speak ICBMsg: against Python and against each other, every endpoint checked."""

from __future__ import annotations

from typing import Any

import pytest
from command import icmsg

Capture = pytest.CaptureFixture[str]
SHORT = ("--messages", "20", "--endpoints", "ep0,ep1", "--json")
SECOND = {"nrf5340": "net", "nrf54l15": "flpr", "nrf54h20": "rad"}


def run(capsys: Capture, soc: str, backend: str, first: str, second: str, *more: str) -> dict[str, Any]:
    sides = ("--app", first, f"--{SECOND[soc]}", second)
    found = icmsg(capsys, "run", "--soc", soc, "--backend", backend, *sides, *SHORT, *more)
    assert found.err == ""
    result: dict[str, Any] = found.json
    assert found.code == (0 if result["ok"] else 1)
    return result


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("python", "echo"),
        ("python", "initiator"),
        ("echo", "python"),
        ("initiator", "python"),
        ("initiator", "echo"),
        ("echo", "initiator"),
    ],
)
@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
@pytest.mark.parametrize("soc", ["nrf5340", "nrf54l15"])
def test_every_pairing_exchanges_all_messages_at_each_endpoint(
    capsys: Capture, soc: str, backend: str, first: str, second: str
) -> None:
    result = run(capsys, soc, backend, first, second)
    starts = "app" if first in ("initiator", "python") and second != "initiator" else SECOND[soc]
    stub = "initiator" in (first, second)
    assert (result["problems"], result["ok"], result["initiator"]) == ([], True, starts)
    assert result["initiator_reason"] == (
        "its stub sends first" if stub else "Python sends where the other side only echoes"
    )
    assert [one["name"] for one in result["endpoints"]] == ["ep0", "ep1"]
    for one in result["endpoints"]:
        assert (one["bound"], one["messages_sent"], one["messages_received"]) == (True, 20, 20)
        assert one["mismatches"] == 0
    assert len({one["bytes_received"] for one in result["endpoints"]}) == 2, "each has contents of its own"
    lines = [text for console in result["consoles"].values() for text in console]
    assert {f"{name} bound" for name in ("ep0", "ep1")} <= {line.partition(": ")[2] for line in lines}


@pytest.mark.parametrize(("app", "rad"), [("initiator", "echo"), ("python", "echo")])
def test_over_bellboards_too(capsys: Capture, app: str, rad: str) -> None:
    assert run(capsys, "nrf54h20", "icbmsg", app, rad)["ok"]


@pytest.mark.parametrize("soc", ["nrf5340", "nrf54l15"])
def test_the_layout_of_zephyr_3_7_is_a_parameter_of_the_same_stubs(capsys: Capture, soc: str) -> None:
    assert run(capsys, soc, "icbmsg", "initiator", "echo", "--release", "3.7")["ok"]
    assert run(capsys, soc, "icbmsg", "python", "echo", "--release", "3.7")["ok"]


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
@pytest.mark.parametrize("app", ["python", "initiator"])
@pytest.mark.parametrize("stale", ["old", "random"])
def test_memory_that_is_not_clear_misleads_nobody(
    capsys: Capture, backend: str, app: str, stale: str
) -> None:
    assert run(capsys, "nrf5340", backend, app, "echo", "--stale-memory", stale)["problems"] == []


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
def test_two_stubs_exchange_messages_of_many_blocks_by_names_of_ones_own(
    capsys: Capture, backend: str
) -> None:
    more = ("--size", "500:900", "--window", "3", "--endpoints", "log,a name that is long")
    result = run(capsys, "nrf5340", backend, "initiator", "echo", *more)
    assert [one["name"] for one in result["endpoints"]] == ["log", "a name that is long"]
    assert (result["problems"], result["messages_received"]) == ([], 40)
    assert result["round_trip_virtual_us"]["median"] > 0
    assert "--quantum-us" in result["round_trip_note"]


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
def test_binding_alone_is_seen_from_outside(capsys: Capture, backend: str) -> None:
    result = run(capsys, "nrf5340", backend, "initiator", "echo", "--messages", "0")
    assert (result["ok"], result["messages_received"]) == (True, 0)
    assert all(one["bond_virtual_us"] > 0 for one in result["endpoints"])


def test_two_generations_never_bind_and_the_stub_says_what_it_counted(capsys: Capture) -> None:
    from icmsg.assets import stub

    sides = ("--app", stub("initiator", "app"), "--net", "echo")
    found = icmsg(capsys, "run", "--backend", "icbmsg", *sides, *SHORT, "--bond-timeout-ms", "20")
    assert found.code == 1
    assert not any(one["bound"] for one in found.json["endpoints"])
    assert "endpoint ep0, ep1 to be bound did not happen" in found.json["problems"][0]
