"""The images with sessions at work, on both cores of the embedded engine: against Python, each other, and restarts."""

from __future__ import annotations

import errno
import itertools
import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
from running_stub import (
    APP_TO_NET,
    BAD_PARAMS,
    BUSY,
    CLOSE,
    CLOSE_AND_OPEN,
    DONE,
    DONE_LINE,
    MESSAGES,
    MS,
    NET_TO_APP,
    OTHER,
    PARAMS,
    READY,
    PlayedPeer,
    accounted,
    command,
    finish,
    lines,
    load,
    ring,
    start_pair,
    stat,
    stats,
    wait,
)

if TYPE_CHECKING:
    from icmsg.config.instance import Unbound
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore

SESSIONS = [
    ("initiator-enable", "echo-enable"),
    ("initiator-enable", "echo-detect"),
    ("initiator-detect", "echo-enable"),
]
MIXED = [("initiator-detect", "echo-detect"), ("initiator-detect", "echo"), ("initiator", "echo-detect")]


def params_for(program: str) -> dict[str, int]:
    """The other side's alignment, for a program without sessions."""
    return {} if "-" in program else {"dcache_alignment": 8}


def has_session(*programs: str) -> bool:
    return all("-" in program for program in programs)


# Bonding


@pytest.mark.parametrize("programs", SESSIONS + MIXED)
@pytest.mark.parametrize(("first", "pause_us"), [("app", 0), ("app", 5_500), ("net", 5_500)])
def test_stubs_bond_and_exchange_in_either_order(
    machine: EmbeddedMachine, programs: tuple[str, str], first: str, pause_us: int
) -> None:
    order = [("app", programs[0]), ("net", programs[1])]
    for core, program in order if first == "app" else reversed(order):
        load(
            machine, core, program, **params_for(program)
        ).start()  # not sooner: app lets a net that is there go
        if core == first:
            machine.run_for(pause_us * 1000)
    app, net = machine.core("app"), machine.core("net")
    finish(machine, app)
    machine.run_for(MS)
    assert lines(app) == [
        "initiator: up",
        "initiator: bound",
        DONE_LINE,
    ]
    assert lines(net) == ["echo: up", "echo: bound"]
    for core in (app, net):
        assert stats(core, "bound", "sent", "received", "errors") == [1, MESSAGES, MESSAGES, 0]
        assert stats(core, "faults", "unbound", "lost") == [0, 0, 0]
    if has_session(*programs):
        assert stats(app, "ticks") + stats(net, "ticks") == [0, 0], "no repeated ring"
        assert {stat(core, "rings") for core in (app, net)} <= set(range(MESSAGES + 2, MESSAGES + 5))


def test_a_session_never_binds_with_a_side_that_has_none(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {"dcache_alignment": 8}, ("initiator-enable", "echo"))
    machine.run_for(20 * MS)
    assert [*stats(app, "state", "bound"), *stats(net, "state", "bound")] == [BUSY, 0, BUSY, 0]
    assert stat(app, "rings") == 1, "only a session's doorbells, none repeated"


@pytest.mark.parametrize("core", ["app", "net"])
@pytest.mark.parametrize(
    ("program", "unbound"),
    [
        ("echo-enable", "enable"),
        ("echo-enable", "detect"),
        ("echo-detect", "enable"),
        ("echo-detect", "detect"),
        ("echo-detect", "disable"),
    ],
)
@pytest.mark.parametrize("first", ["stub", "python"])
def test_echo_and_python_bond_on_either_core(
    machine: EmbeddedMachine, core: str, program: str, unbound: Unbound, first: str
) -> None:
    found = load(machine, core, program)
    peer = PlayedPeer(machine, OTHER[core], unbound)
    for who in (first, "python" if first == "stub" else "stub"):
        if who == "stub":
            found.start()
        else:
            peer.open()
        machine.run_for(MS)
    if (first, unbound) == ("python", "disable"):
        # Zephyr >= 4.1 rings once, here before the stub listens, and does not answer the session id: it waits for
        # another doorbell, as on hardware.
        assert not peer.is_bound
        ring(machine, core)
    peer.wait_bound()
    machine.run_for(MS)
    # At open, at the peer's id or magic, at bound; whoever finds its peer's id and acknowledgement together rings once.
    assert stat(found, "rings") in ((3,) if unbound == "disable" else (2, 3))
    peer.round_trip(b"x", b"yz", bytes(range(200)))
    assert stats(found, "state", "bound", "received", "sent", "errors", "ticks") == [READY, 1, 3, 3, 0, 0]
    assert (peer.happened, peer.errors) == (["bound"], [])


@pytest.mark.parametrize("program", ["initiator-enable", "initiator-detect"])
def test_an_initiator_exchanges_with_python(machine: EmbeddedMachine, program: str) -> None:
    app = load(machine, "app", program)
    peer = PlayedPeer(machine, "net", "enable", echoes=True)
    app.start()
    peer.open()
    finish(machine, app)
    assert stats(app, "received", "mismatches", "errors", "lost") == [MESSAGES, 0, 0, 0]
    assert (peer.happened, peer.errors) == (["bound"], [])


def test_what_shared_memory_held_before_does_not_matter(machine: EmbeddedMachine) -> None:
    for fill in (b"\xff", b"\xa5"):
        machine.core("app").bus.write_block(APP_TO_NET, fill * 0x800)
        machine.core("app").bus.write_block(NET_TO_APP, fill * 0x800)
        app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), messages=100)
        finish(machine, app)
        assert [*stats(app, "received", "errors"), *stats(net, "received", "errors")] == [100, 0, 100, 0]
        app.halt()
        net.halt()


# Restarts


@pytest.mark.parametrize("programs", [*SESSIONS, MIXED[0]])
@pytest.mark.parametrize(("window", "pause_us"), [(1, 0), (1, 3_000), (20, 0), (20, 3_000)])
def test_a_reset_of_the_echo_in_the_middle_is_unbound_and_the_exchange_goes_on(
    machine: EmbeddedMachine, programs: tuple[str, str], window: int, pause_us: int
) -> None:
    app, net = start_pair(machine, {}, programs, window=window)
    wait(machine, app, "received", 60)
    if pause_us:
        net.halt()
        machine.run_for(pause_us * 1000)
        assert stat(app, "unbound") == 0, "only a doorbell brings it to light"
        net.resume()
    net.reset()
    finish(machine, app)
    assert lines(app)[1:4] == ["initiator: bound", "initiator: unbound", "initiator: bound"]
    assert lines(net) == ["echo: up", "echo: bound"] * 2
    assert stats(app, "bound", "unbound", "ticks") == [2, 1, 0]
    assert stat(app, "lost") <= window
    assert stats(net, "bound", "unbound", "errors") == [1, 0, 0], "counted since its reset"
    accounted(app, MESSAGES)


def test_a_reset_of_the_initiator_in_the_middle_is_unbound_for_the_echo(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), window=5)
    wait(machine, app, "received", 60)
    app.reset()
    finish(machine, app)
    accounted(app, MESSAGES)
    assert lines(net) == ["echo: up", "echo: bound", "echo: unbound", "echo: bound"]
    assert stats(net, "bound", "unbound", "errors") == [2, 1, 0]


def test_both_may_be_reset_at_once(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-detect"), window=5)
    wait(machine, app, "received", 60)
    app.reset()
    net.reset()
    finish(machine, app)
    accounted(app, MESSAGES)
    assert stat(net, "errors") == 0


def test_fifty_resets_across_the_wrap_of_the_session_id(machine: EmbeddedMachine) -> None:
    app = load(machine, "app", "initiator-enable", messages=0)
    net = load(machine, "net", "echo-enable")
    for region in (APP_TO_NET, NET_TO_APP):
        app.bus.write32(region + 4, 0xFFC0)
    app.start()
    net.start()
    seen = set()
    for number in range(50):
        wait(machine, app, "received", stat(app, "received") + 5)
        word = app.bus.read32(APP_TO_NET + 4)
        assert app.bus.read32(NET_TO_APP + 4) == (word >> 16 | word << 16) & 0xFFFFFFFF
        seen.add(word & 0xFFFF)
        (net if number % 2 else app).reset()
        wait(machine, app, "bound", 1)
    assert 0 not in seen
    assert max(seen) > 0xFFC0
    assert min(seen) < 0x40, "it wrapped"
    assert stats(app, "mismatches", "errors") == [0, 0]
    assert stat(net, "errors") == 0


def trouble(machine: EmbeddedMachine, core: MachineCore, chance: random.Random) -> None:
    """Do to one side what can happen to it, at the instruction that runs now."""
    what = chance.choice(["reset", "command", "halt and reset", "pause"])
    if what == "command":
        command(core, CLOSE_AND_OPEN)
    elif what == "reset":
        core.reset()
    else:
        core.halt()
        machine.clock.call_later(chance.randrange(300_000), core.resume)
        if what == "halt and reset":
            machine.clock.call_later(chance.randrange(300_000), core.reset)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_to_either_side_at_any_instruction_they_find_each_other_again(
    machine: EmbeddedMachine, seed: int
) -> None:
    chance = random.Random(seed)
    programs = chance.choice([*SESSIONS, MIXED[0]])
    sizes = {"tx_size": chance.choice([64, 0x800]), "rx_size": chance.choice([64, 0x800])}
    app, net = start_pair(machine, sizes, programs, messages=0, size_max=40, window=chance.choice([1, 9]))
    for _ in range(60):
        for _ in range(chance.choice([1, 1, 2, 3])):
            core = chance.choice([app, net])
            delay = chance.randrange(chance.choice([3_000, 60_000]))  # while they shake hands, or any time
            machine.clock.call_later(delay, partial(trouble, machine, core, chance))
        machine.run_for(200_000)
    machine.run_for(MS)
    for core in (app, net):
        ring(machine, core.name)  # for a command that came while it slept
    machine.run_for(MS)
    wait(machine, app, "received", stat(app, "received") + 100)
    assert stats(app, "mismatches", "errors", "faults") == [0, 0, 0]
    assert stats(net, "errors", "faults") == [0, 0]


def test_a_python_peer_that_restarts_is_unbound_for_the_stub(machine: EmbeddedMachine) -> None:
    net = load(machine, "net", "echo-enable")
    peer = PlayedPeer(machine, "app", "enable")
    net.start()
    peer.open()
    peer.wait_bound()
    for times in range(2, 5):
        peer.round_trip(b"before")
        peer.endpoint.reopen()
        peer.wait_bound(times)
        peer.round_trip(b"after")
    assert stats(net, "bound", "unbound", "state", "errors") == [4, 3, READY, 0]
    assert peer.happened == ["bound"] * 4, "it did not leave itself"


def test_an_echo_that_was_held_back_for_want_of_room_is_lost(machine: EmbeddedMachine) -> None:
    """The initiator stops reading: the echo's region fills, one message waits; then the initiator restarts."""
    app, net = start_pair(
        machine,
        {"tx_size": 0x800, "rx_size": 64},
        ("initiator-enable", "echo-enable"),
        size_max=40,
        window=50,
        messages=0,
    )
    wait(machine, net, "received", 100)
    app.halt()
    wait(machine, net, "send_retries", stat(net, "send_retries") + 3)
    assert stat(net, "received") == stat(net, "sent") + 1
    assert stat(net, "ticks") >= 3, "it looks for room again"
    app.resume()
    app.reset()
    wait(machine, app, "received", 100)
    assert stats(net, "unbound", "lost", "bound") == [1, 1, 2]
    assert stats(app, "mismatches", "errors") == [0, 0]


def test_an_initiator_that_waits_for_room_notices_the_reset_too(machine: EmbeddedMachine) -> None:
    app, net = start_pair(
        machine,
        {"tx_size": 64, "rx_size": 0x800},
        ("initiator-enable", "echo-enable"),
        size_max=40,
        window=50,
    )
    wait(machine, app, "received", MESSAGES // 5)
    net.halt()
    wait(machine, app, "send_retries", stat(app, "send_retries") + 3)
    net.resume()
    net.reset()
    finish(machine, app, timeout_ms=4000)
    accounted(app, MESSAGES)
    assert stats(app, "unbound", "bound") == [1, 2]
    assert stat(app, "lost") < 50, "without room it was not under way, and was sent in the next session"


def test_the_done_initiator_says_so_again_after_another_bond(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), messages=10)
    finish(machine, app)
    net.reset()
    wait(machine, app, "bound", 2)
    finish(machine, app)
    machine.run_for(MS)
    assert stats(app, "state", "sent", "received", "lost") == [DONE, 10, 10, 0]
    assert lines(app)[2:] == [
        "initiator: done 10 of 10, 0 mismatches",
        "initiator: unbound",
        "initiator: bound",
        "initiator: done 10 of 10, 0 mismatches",
    ]


def test_detect_bound_by_magic_does_not_notice_a_restart_so_both_start_again(
    machine: EmbeddedMachine,
) -> None:
    """Protocol §2.3, §3.5b: magic bonding believes what lies in memory, so that is cleared in between."""
    app, net = start_pair(machine, {"dcache_alignment": 8}, ("initiator", "echo-detect"), messages=10)
    finish(machine, app)
    app.reset()
    machine.run_for(5 * MS)
    assert stats(net, "bound", "unbound", "state") == [1, 0, READY]
    app.halt()
    command(net, CLOSE)
    ring(machine, "net")
    machine.run_for(2 * MS)
    for region in (APP_TO_NET, NET_TO_APP):
        app.bus.write32(region + 8, 0)
    app.resume()
    app.reset()
    command(net, CLOSE_AND_OPEN)
    finish(machine, app)
    assert stats(net, "bound", "unbound") == [2, 0]
    assert stats(app, "received", "mismatches") == [10, 0]


# Corrupt memory and parameters


@pytest.mark.parametrize(("address", "value"), [(NET_TO_APP + 8, 0x7F4), (NET_TO_APP + 8, 2)])
def test_a_corrupt_index_of_a_peer_that_stays_is_counted_and_the_session_goes_on(
    machine: EmbeddedMachine, address: int, value: int
) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), messages=10)
    finish(machine, app)
    machine.run_for(MS)
    good = app.bus.read32(address)
    app.bus.write32(address, value)
    ring(machine, "app")
    machine.run_for(MS)
    assert stats(app, "errors", "last_error", "last_error_detail", "unbound") == [1, errno.EINVAL, value, 0]
    app.bus.write32(address, good)
    net.reset()
    wait(machine, app, "bound", 2)
    assert stats(app, "errors", "unbound") == [1, 1]


def test_garbage_that_a_reset_peer_leaves_is_unbound_and_no_error(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {}, ("initiator-enable", "echo-enable"), messages=10)
    finish(machine, app)
    machine.run_for(MS)
    app.bus.write32(NET_TO_APP + 8, 0xFFFFFFFF)
    net.reset()
    wait(machine, app, "bound", 2)
    assert stats(app, "errors", "unbound") == [0, 1]


BAD = [
    ("dcache_alignment", {"dcache_alignment": 0}),
    ("dcache_alignment", {"dcache_alignment": 4}),
    ("dcache_alignment", {"dcache_alignment": 7}),
    ("tx_region", {"dcache_alignment": 12}),
    ("tx_region", {"tx_size": 20}),
    ("rx_region", {"rx_size": 20}),
]


@pytest.mark.parametrize(
    ("program", "word", "params"),
    [
        *((f"echo-{mode}", *bad) for mode, bad in itertools.product(["enable", "detect"], BAD)),
        ("echo-detect", "tx_size", {"tx_size": 32}),
        ("echo-detect", "rx_size", {"rx_size": 32}),
        ("initiator-enable", "size_max", {"size_max": 2029}),
    ],
)
def test_parameters_that_cannot_work_are_refused_by_name(
    machine: EmbeddedMachine, program: str, word: str, params: dict[str, int]
) -> None:
    app = load(machine, "app", program, **params)
    app.start()
    machine.run_for(2 * MS)
    found = stats(app, "state", "last_error", "last_error_site", "last_error_detail")
    assert found == [BAD_PARAMS, errno.EINVAL, 1, PARAMS[word]]
    assert app.bus.read_block(APP_TO_NET, 0x1_0000) == bytes(0x1_0000)


@pytest.mark.parametrize(
    ("mirrored", "work"),
    [
        ({"tx_size": 24, "rx_size": 24}, {"size_max": 4, "messages": 50}),
        ({"dcache_alignment": 32}, {"size_max": 2004}),
        ({"dcache_alignment": 16, "flags": 1}, {"window": 16}),
    ],
)
def test_the_smallest_region_and_larger_alignments_work(
    machine: EmbeddedMachine, mirrored: dict[str, int], work: dict[str, int]
) -> None:
    """With enable no magic has to fit."""
    app, net = start_pair(machine, mirrored, ("initiator-enable", "echo-enable"), **work)
    finish(machine, app)
    assert stats(app, "received", "mismatches", "errors") == [work.get("messages", MESSAGES), 0, 0]
    assert stat(net, "errors") == 0
