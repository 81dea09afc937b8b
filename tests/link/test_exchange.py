"""Exchanges that work: every pairing, every geometry, every workload, and always the same way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from exchanges import exchange
from firmware_files import Kind, foreign, unknown_stub
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import stub
from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.nrf5340 import APP
from icmsg.link.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

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
SESSIONS = replace(APP, unbound="enable", dcache_alignment=8)


def check(result: ExchangeResult, messages: int) -> None:
    assert result.problems == ()
    assert result.warnings == ()
    assert (result.ok, result.bound) == (True, True)
    assert (result.messages_sent, result.messages_received, result.mismatches) == (messages, messages, 0)


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_every_pairing_brings_every_byte_back(app: str, net: str) -> None:
    work = Workload(messages=60, size_min=5, size_max=50, seed=3)
    result = exchange(app, net, work)
    check(result, 60)
    assert result.bond_virtual_us is not None
    assert 0 < result.bond_virtual_us < 1000
    assert 60 * 5 <= result.bytes_received <= 60 * 50
    if "initiator" not in (app, net):
        assert result.bytes_received == sum(map(len, work.payloads()))
    trips = [result.round_trip_virtual_us[name] for name in ("min", "median", "p99", "max")]
    assert None not in trips
    assert 0 < trips[0] <= trips[1] <= trips[2] <= trips[3] < 1000
    assert result.virtual_s * 1e6 > result.bond_virtual_us
    for name, who in (("app", app), ("net", net)):
        assert result.consoles[name][:2] == ([f"{who}: up", f"{who}: bound"] if who != "python" else [])


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
@pytest.mark.parametrize("window", [2, 1000])
def test_many_messages_may_be_under_way(app: str, net: str, window: int) -> None:
    check(exchange(app, net, Workload(messages=100, window=window, size_max=200)), 100)


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_the_largest_message_fits_with_several_under_way(app: str, net: str) -> None:
    """It fills the buffer alone, so both sides have to wait for room again and again."""
    result = exchange(app, net, Workload(messages=12, size_min=2032, size_max=2032, window=4))
    check(result, 12)
    assert result.bytes_received == 12 * 2032


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_the_smallest_regions_and_unequal_ones_work(app: str, net: str) -> None:
    smallest = replace(APP, tx_region=Region(0x2007_0000, 32), rx_region=Region(0x2007_0020, 32))
    check(exchange(app, net, Workload(messages=30, size_max=16, window=3), config=smallest), 30)
    unequal = replace(APP, tx_region=Region(0x2007_0000, 0x800), rx_region=Region(0x2007_0800, 64))
    check(exchange(app, net, Workload(messages=30, size_max=48, window=9), config=unequal), 30)


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
@pytest.mark.parametrize("alignment", [4, 32, 128])
def test_both_sides_take_the_dcache_alignment(app: str, net: str, alignment: int) -> None:
    check(exchange(app, net, config=replace(APP, dcache_alignment=alignment)), 20)


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_other_channels_work(app: str, net: str) -> None:
    check(exchange(app, net, config=replace(APP, tx_channel=15, rx_channel=7)), 20)


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_the_signalling_of_older_releases_bonds(app: str, net: str) -> None:
    check(exchange(app, net, config=replace(APP, signalling="repeat")), 20)


@pytest.mark.parametrize("unbound", ["enable", "detect"])
@pytest.mark.parametrize("initiator", [None, "app", "net"])
def test_two_pythons_bond_with_sessions(unbound: str, initiator: str | None) -> None:
    check(exchange("python", "python", config=replace(SESSIONS, unbound=unbound), initiator=initiator), 20)


@pytest.mark.parametrize(("app", "net"), [pair for pair in PAIRINGS if "python" in pair])
def test_detect_falls_back_to_magic_with_the_stubs(app: str, net: str) -> None:
    check(exchange(app, net, config=replace(SESSIONS, unbound="detect")), 20)


@pytest.mark.parametrize(("core", "other"), [("app", "net"), ("net", "app")])
def test_unknown_firmware_that_echoes_is_spoken_to(tmp_path: Path, core: str, other: str) -> None:
    for path in (foreign(tmp_path, core), unknown_stub(tmp_path, "echo", core)):
        work = Workload(messages=40, window=3)
        result = exchange(**{core: path, other: "python"}, workload=work)
        check(result, 40)
        assert result.bytes_received == sum(map(len, work.payloads()))


@pytest.mark.parametrize(("core", "other"), [("app", "net"), ("net", "app")])
@pytest.mark.parametrize("peer", ["python", "echo", "foreign"])
def test_unknown_firmware_that_speaks_first_is_answered(
    tmp_path: Path, core: str, other: str, peer: str
) -> None:
    """How many it sends is its own choice; it has finished when it is silent."""
    answering = foreign(tmp_path, other) if peer == "foreign" else peer
    result = exchange(**{core: foreign(tmp_path, core, Kind.SPEAK, at=2, limit=25), other: answering})
    check(result, 20)
    result = exchange(
        **{core: foreign(tmp_path, core, Kind.SPEAK, at=2, limit=25), other: answering},
        workload=Workload(messages=1, any_number=True),
    )
    check(result, 25)
    assert result.bytes_received == 25 * len("what I say")


@pytest.mark.parametrize("core", ["app", "net"])
def test_a_stub_that_nobody_knows_sends_its_own_workload(tmp_path: Path, core: str) -> None:
    """Its default is 1000 messages of 1…100 bytes; the exchange counts as many as were asked for."""
    other = "net" if core == "app" else "app"
    result = exchange(**{core: unknown_stub(tmp_path, "initiator", core), other: "python"})
    check(result, 20)
    assert result.consoles[core][-1] == "initiator: bound"


def test_of_an_initiator_without_end_as_many_messages_count_as_were_asked_for(tmp_path: Path) -> None:
    endless = foreign(tmp_path, "net", Kind.SPEAK, at=8, limit=0xFFFF_FFFF)
    check(exchange("python", endless, Workload(messages=100)), 100)
    check(exchange("echo", endless, Workload(messages=100)), 100)


def test_firmware_that_thinks_before_it_speaks_needs_to_be_named(tmp_path: Path) -> None:
    late = foreign(tmp_path, "net", Kind.SPEAK, at=2, limit=30, delay=300_000)
    check(exchange("python", late, Workload(messages=30), initiator="net"), 30)
    guessed = exchange("python", late, Workload(messages=30))
    assert not guessed.ok
    assert "if the firmware on net sends first, say so: --initiator net" in guessed.problems


def test_a_stub_under_another_name_is_known_by_its_symbols(tmp_path: Path) -> None:
    copy = tmp_path / "mine.elf"
    copy.write_bytes(stub("initiator", "net").read_bytes())
    result = exchange("python", copy, Workload(messages=33))
    check(result, 33)
    assert result.consoles["net"][-1] == "initiator: done 33 of 33, 0 mismatches"
    echo = tmp_path / "initiator-of-mine.elf"
    echo.write_bytes(stub("echo", "net").read_bytes())
    check(exchange("python", echo, Workload(messages=33)), 33)


def test_progress_grows_to_the_end_in_few_steps() -> None:
    from exchanges import image

    from icmsg.engines.choice import choose_engine, make_machine
    from icmsg.link.exchange import Exchange

    machine = make_machine(choose_engine("embedded"))
    calls: list[tuple[int, int]] = []
    try:
        sides = {"app": None, "net": image("echo", "net")}
        Exchange(machine, sides, APP, Workload(messages=1000)).run(
            lambda done, total: calls.append((done, total))
        )
    finally:
        machine.close()
    done = [call[0] for call in calls]
    assert {call[1] for call in calls} == {1000}
    assert done == sorted(done)
    assert done[-1] == 1000
    assert 50 <= len(calls) <= 400


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_the_same_run_has_the_same_trace_and_another_seed_another_one(app: str, net: str) -> None:
    first, second = exchange(app, net), exchange(app, net)
    assert first == second
    other = exchange(app, net, Workload(messages=20, seed=2))
    assert other.trace_sha256 != first.trace_sha256


@pytest.mark.parametrize("latency_ns", [0, 1, 500, 20_000])
def test_the_latency_of_python_is_in_every_round_trip(latency_ns: int) -> None:
    result = exchange("python", "python", latency_ns=latency_ns)
    check(result, 20)
    assert result.round_trip_virtual_us["min"] == pytest.approx(2 * latency_ns / 1000, abs=0.05)
    assert result.round_trip_virtual_us["max"] == pytest.approx(2 * latency_ns / 1000, abs=0.05)
    check(exchange("python", "echo", latency_ns=latency_ns), 20)


@pytest.mark.parametrize("quantum_ns", [1_000, 10_000, 10_000_000])
def test_any_quantum_brings_every_byte_back(quantum_ns: int) -> None:
    check(exchange("initiator", "echo", quantum_ns=quantum_ns), 20)
    check(exchange("python", "echo", quantum_ns=quantum_ns), 20)


@st.composite
def configs(draw: st.DrawFn) -> InstanceConfig:
    """Instances that can work, the same alignment on both sides."""
    alignment = draw(st.sampled_from([0, 4, 8, 16, 32, 64]))
    step = max(alignment, 4)
    least = -(-(28 + step) // step) * step
    sizes = st.integers(0, 100).map(lambda more: least + 4 * more)
    tx, gap, rx = draw(sizes), draw(st.integers(0, 4)), draw(sizes)
    first = 0x2007_0000 + step * draw(st.integers(0, 8))
    second = first + -(-tx // step) * step + gap * step
    regions = Region(first, tx), Region(second, rx)
    swap = draw(st.booleans())
    return replace(
        APP,
        tx_region=regions[swap],
        rx_region=regions[not swap],
        dcache_alignment=alignment,
        signalling=draw(st.sampled_from(["repeat", "ring-back"])),
    )


@settings(
    deadline=None,
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    pair=st.sampled_from(PAIRINGS),
    config=configs(),
    messages=st.integers(1, 30),
    sizes=st.tuples(st.integers(1, 500), st.integers(1, 500)).map(sorted),
    seed=st.integers(0, 2**32),
    window=st.integers(1, 40),
    latency_ns=st.integers(0, 30_000),
)
def test_every_workload_that_fits_is_ok_and_repeatable(
    pair: tuple[str, str],
    config: InstanceConfig,
    messages: int,
    sizes: list[int],
    seed: int,
    window: int,
    latency_ns: int,
) -> None:
    largest = min(config.tx_layout.capacity, config.rx_layout.capacity)
    work = Workload(messages, min(sizes[0], largest), min(sizes[1], largest), seed, window)
    result = exchange(*pair, work, config=config, latency_ns=latency_ns)
    check(result, messages)
    assert exchange(*pair, work, config=config, latency_ns=latency_ns) == result


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_without_messages_every_pairing_only_bonds_and_nothing_is_counted(app: str, net: str) -> None:
    result = exchange(app, net, Workload(messages=0))
    assert (result.ok, result.bound, result.problems) == (True, True, ())
    assert (result.messages_sent, result.messages_received, result.bytes_received) == (0, 0, 0)
    for name, who in (("app", app), ("net", net)):
        assert result.consoles[name][:2] == ([f"{who}: up", f"{who}: bound"] if who != "python" else [])


def test_without_messages_a_peer_that_never_bonds_is_a_failure_nevertheless() -> None:
    result = exchange("python", "spin", Workload(messages=0), bond_timeout_ns=5_000_000)
    assert (result.ok, result.bound) == (False, False)
    assert result.problems[0] == "bonding did not happen within 5.000 ms of virtual time"
