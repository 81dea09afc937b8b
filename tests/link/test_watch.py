"""Watching a link from outside: the same numbers whoever plays, nothing missed, nothing written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import CorruptRegionError
from icmsg.ipc import Endpoint, EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.players import Initiator, Responder
from icmsg.link.watch import LinkWatch
from icmsg.link.workload import Workload
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSIONS = replace(APP, unbound="enable", dcache_alignment=8)


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


def watch_of(
    machine: EmbeddedMachine,
    config: InstanceConfig = APP,
    initiator: str | None = None,
    limit: int | None = None,
    *,
    may_differ: bool = False,
) -> LinkWatch:
    core = machine.core(initiator) if initiator else None
    both = machine.core("app"), machine.core("net")
    return LinkWatch(machine, *both, config, core, limit, may_differ=may_differ)


def endpoints(machine: EmbeddedMachine, config: InstanceConfig) -> tuple[Endpoint, Endpoint]:
    both = []
    for name, side in (("app", config), ("net", config.mirrored())):
        played = PlayedInstance(machine, machine.core(name), side)
        both.append(played.instance.register_endpoint(EndpointConfig(name="ep0")))
    return both[0], both[1]


@pytest.mark.parametrize(
    "config", [APP, SESSIONS, replace(SESSIONS, unbound="detect")], ids=lambda c: c.unbound
)
def test_it_sees_bonding_when_both_sides_are_bound_and_not_before(
    machine: EmbeddedMachine, config: InstanceConfig
) -> None:
    watch = watch_of(machine, config)
    app = PlayedInstance(machine, machine.core("app"), config)
    one = app.instance.register_endpoint(EndpointConfig(name="ep0"))
    machine.run_for(MS)
    assert not watch.is_bound
    net = PlayedInstance(machine, machine.core("net"), config.mirrored())
    other = net.instance.register_endpoint(EndpointConfig(name="ep0"))
    assert not watch.is_bound
    machine.run_until(lambda: watch.is_bound, timeout_ns=MS, what="bonding")
    machine.run_for(10 * US)
    assert one.is_bound
    assert other.is_bound
    assert (watch.sent, watch.got, watch.problems) == (0, 0, [])


def test_bound_once_is_bound_when_the_index_comes_round_to_zero(machine: EmbeddedMachine) -> None:
    """Of 28 data bytes the magic takes 20; a message of 4 bytes fills the rest."""
    config = replace(APP, tx_region=Region(0x2007_0000, 36), rx_region=Region(0x2007_0040, 36))
    watch = watch_of(machine, config)
    app, net = endpoints(machine, config)
    machine.run_until(lambda: watch.is_bound, timeout_ns=MS)
    app.send(b"four")
    net.send(b"four")
    machine.run_for(MS)
    bus = machine.core("app").bus
    assert bus.read32(0x2007_0000) == bus.read32(0x2007_0040) == 0
    assert watch.is_bound


@pytest.mark.parametrize("named", [None, "net"])
def test_messages_and_echoes_are_paired_in_order_with_their_times(
    machine: EmbeddedMachine, named: str | None
) -> None:
    watch = watch_of(machine, APP, named)
    app, net = endpoints(machine, APP)
    machine.run_for(MS)
    for payload in (b"one", b"three", b"five"):
        net.send(payload)
        machine.run_for(5 * US)
    for payload in (b"one", b"three", b"fiVe"):
        app.send(payload)
        machine.run_for(5 * US)
    assert (watch.sent, watch.got, watch.bytes_received, watch.mismatches) == (3, 3, 12, 1)
    assert watch.round_trips.summary_us() == {"min": 15.0, "median": 15.0, "p99": 15.0, "max": 15.0}
    assert [str(problem) for problem in watch.problems] == [
        "echo 3 differs at byte 2: 0x76 was sent, 0x56 came back"
    ]


SENT = (b"one a", b"two a", b"three a")


@pytest.mark.parametrize(
    ("answers", "its_own"),
    [
        ((b"one A", b"two A", b"three A"), True),
        ((b"one A", b"two A", b"three A", b"four A"), True),
        ((b"one A", b"two a", b"three A"), False),
        ((b"one A",), False),
        (tuple(message[:-1] for message in SENT), False),
        (tuple(message + b"\0" for message in SENT), False),
        (SENT, False),
    ],
    ids=["others", "others and more", "one is equal", "a single one", "cut off", "longer", "echoes"],
)
@pytest.mark.parametrize("may_differ", [True, False])
def test_messages_of_its_own_are_told_from_wrong_echoes(
    machine: EmbeddedMachine, answers: tuple[bytes, ...], its_own: bool, may_differ: bool
) -> None:
    watch = watch_of(machine, APP, "app", may_differ=may_differ)
    app, net = endpoints(machine, APP)
    machine.run_for(MS)
    for number, answer in enumerate(answers):
        if number < len(SENT):
            app.send(SENT[number])
        machine.run_for(5 * US)
        net.send(answer)
        machine.run_for(5 * US)
    assert watch.sends_its_own is (its_own and may_differ)
    good = answers == SENT or watch.sends_its_own
    assert [str(problem) for problem in watch.problems] == ([] if good else [str(watch.first_difference)])
    assert (watch.initiator, watch.follower) == ("app", "net")


def test_a_reset_is_no_silence(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine)
    machine.run_for(MS)
    machine.core("net").reset()
    machine.run_for(MS)
    assert watch.last_ns == MS


def test_an_echo_of_nothing_is_a_mismatch(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine, APP, "app")
    _, net = endpoints(machine, APP)
    machine.run_for(MS)
    net.send(b"unasked")
    machine.run_for(MS)
    assert (watch.got, watch.mismatches) == (1, 1)
    assert "nobody had sent" in str(watch.problems[0])


def test_at_the_limit_nothing_more_is_counted(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine, APP, "app", limit=2)
    app, net = endpoints(machine, APP)
    machine.run_for(MS)
    for number in range(5):
        app.send(bytes([number]))
    machine.run_for(MS)
    for number in range(5):
        net.send(bytes([number]))
    machine.run_for(MS)
    assert (watch.sent, watch.got, watch.bytes_received, watch.mismatches) == (2, 2, 2, 0)
    assert len(watch.round_trips) == 2


def test_what_no_doorbell_announced_is_found_by_looking(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine, APP, "app")
    endpoints(machine, APP)
    machine.run_for(MS)
    bus = machine.core("app").bus
    bus.write_block(0x2007_0008 + 20, b"\0\3\0\0abc\0")
    bus.write32(0x2007_0004, 28)
    machine.run_for(MS)
    assert watch.sent == 0
    watch.look()
    watch.look()
    assert watch.sent == 1


def test_a_region_gone_wrong_is_one_problem_and_no_crash(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine, APP, "app")
    app, _ = endpoints(machine, APP)
    machine.run_for(MS)
    machine.core("net").bus.write32(0x2007_8004, 0x7FFC)
    for _ in range(3):
        app.send(b"x")
        machine.run_for(MS)
        watch.look()
    assert len(watch.problems) == 1
    assert isinstance(watch.problems[0], CorruptRegionError)
    assert watch.sent == 3, "the other direction goes on"


def test_stopped_it_sees_nothing_any_more(machine: EmbeddedMachine) -> None:
    watch = watch_of(machine)
    app, _ = endpoints(machine, APP)
    machine.run_for(MS)
    watch.stop()
    app.send(b"x")
    machine.run_for(MS)
    watch.look()
    assert (watch.sent, watch.problems) == (0, [])


@settings(deadline=None, max_examples=15)
@given(
    messages=st.integers(1, 25),
    size=st.integers(1, 28),
    window=st.integers(1, 12),
    region=st.integers(0, 20),
    latency_ns=st.integers(0, 5_000),
)
def test_it_counts_what_the_players_count_and_changes_nothing(
    messages: int, size: int, window: int, region: int, latency_ns: int
) -> None:
    config = replace(
        APP, tx_region=Region(0x2007_0000, 44 + 4 * region), rx_region=Region(0x2007_0100, 44 + 4 * region)
    )
    work = Workload(messages, 1, size, window=window)
    hashes = [_played(config, work, latency_ns, watched=watched) for watched in (True, False)]
    assert hashes[0] == hashes[1]


def _played(config: InstanceConfig, work: Workload, latency_ns: int, *, watched: bool) -> str:
    with EmbeddedMachine(latency_ns=latency_ns) as machine:
        watch = watch_of(machine, config)
        if not watched:
            watch.stop()
        initiator = Initiator(PlayedInstance(machine, machine.core("app"), config), machine.clock, work)
        net = PlayedInstance(machine, machine.core("net"), config.mirrored())
        responder = Responder(net, machine.clock)
        machine.run_until(
            lambda: initiator.endpoint.is_bound and responder.endpoint.is_bound, timeout_ns=10 * MS
        )

        def finished() -> bool:
            watch.look()
            return initiator.got == work.messages

        initiator.begin()
        machine.run_until(finished, timeout_ns=1000 * MS)
        if watched:
            assert (watch.sent, watch.got, watch.mismatches) == (work.messages, work.messages, 0)
            assert watch.bytes_received == initiator.bytes_received
            assert watch.problems == []
        return machine.trace_sha256()
