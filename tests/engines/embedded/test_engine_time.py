"""One virtual time for both cores: who runs when, what a doorbell sees, and that it never depends on the caller."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from chatter import counters, source, start
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from rig import Rig

from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.machine.events import Event, EventKind

MS: Final = 1_000_000
TIGHT_NS: Final = 1_000
HERE: Final = Path(__file__).parent


def test_both_cores_run_and_hear_each_other() -> None:
    with Rig(quantum_ns=10_000) as rig:
        start(rig).run_for(5 * MS)
        for core in ("app", "net"):
            found = counters(rig, core)
            assert found["rounds"] > 100
            assert found["heard"] > 50
            assert found["ticks"] > 100
            assert found["mixed"] != 0
        assert not rig.machine.warnings


# Repeatable


def traced(quantum_ns: int, steps: list[int], seed: int = 1) -> tuple[str, int, list[tuple[int, int]]]:
    with Rig(quantum_ns=quantum_ns) as rig:
        machine = start(rig, seed)
        for step in steps:
            machine.run_for(step)
        return machine.trace_sha256(), machine.now_ns, [core.progress for core in machine.cores.values()]


@settings(deadline=None, max_examples=examples(20))
@given(
    cuts=st.lists(st.integers(0, 600_000), max_size=40),
    quantum_ns=st.sampled_from([500, 1_000, 7_777, 100_000, 1_000_000]),
    seed=st.integers(1, 0xFFFF_FFFF),
)
def test_the_steps_of_the_caller_leave_no_trace(cuts: list[int], quantum_ns: int, seed: int) -> None:
    steps = [later - earlier for earlier, later in pairwise([0, *sorted(cuts), 600_000])]
    assert traced(quantum_ns, steps, seed) == traced(quantum_ns, [600_000], seed)


def test_many_tiny_steps_leave_no_trace() -> None:
    assert traced(1_000, [137] * 1000 + [63_000]) == traced(1_000, [200_000])


def test_waiting_for_a_condition_leaves_no_trace() -> None:
    with Rig(quantum_ns=1_000) as rig:
        machine = start(rig, 1)
        for count in range(10, 60, 10):
            machine.run_until(lambda count=count: counters(rig, "net")["heard"] >= count, timeout_ns=5 * MS)
        machine.run_for(2 * MS - machine.now_ns)
        assert machine.trace_sha256() == traced(1_000, [2 * MS])[0]


def test_a_trace_is_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": "77"}
    command = [sys.executable, str(HERE / "chatter.py"), "5000", str(MS)]
    hashes = {
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    with Rig(quantum_ns=5_000) as rig:
        start(rig).run_for(MS)
        hashes.add(rig.machine.trace_sha256())
    assert len(hashes) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_another_input_gives_another_trace(seed: int) -> None:
    with Rig(quantum_ns=5_000) as rig:
        start(rig, seed).run_for(MS)
        with Rig(quantum_ns=5_000) as other:
            start(other, 3).run_for(MS)
            assert rig.machine.trace_sha256() != other.machine.trace_sha256()


def test_a_write_of_the_host_changes_the_trace() -> None:
    with Rig() as rig, Rig() as other:
        assert rig.machine.trace_sha256() == other.machine.trace_sha256()
        rig.machine.core("app").bus.write8(0x2007_0000, 1)
        assert rig.machine.trace_sha256() != other.machine.trace_sha256()


@pytest.mark.parametrize("quantum_ns", [1, 1_000, 123_456_789])
def test_the_quantum_can_be_asked_for(quantum_ns: int) -> None:
    with Rig(quantum_ns=quantum_ns) as rig:
        assert rig.machine.quantum_ns == quantum_ns


@pytest.mark.parametrize("options", [{"quantum_ns": 0}, {"quantum_ns": -5}, {"latency_ns": -1}])
def test_a_quantum_or_latency_that_cannot_be_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="quantum must be > 0 and the latency ≥ 0"):
        Rig(**options)


# Side by side


@pytest.mark.parametrize("quantum_ns", [1_000, 50_000])
def test_no_core_gets_more_than_a_quantum_ahead_of_the_other_or_of_the_caller(quantum_ns: int) -> None:
    with Rig(quantum_ns=quantum_ns) as rig:
        machine = start(rig)
        overshoot = 40  # ticks: an instruction of the slower core, and an IT block
        quantum = quantum_ns * 128 // 1000 + overshoot
        for _ in range(200):
            machine.run_for(777)
            now = machine.now_ns * 128 // 1000
            ahead = [core.progress[1] - now for core in machine.cores.values()]
            assert max(ahead) <= quantum


def test_speeds_are_those_of_the_platform() -> None:
    with Rig(quantum_ns=1_000) as rig:
        for core in ("app", "net"):
            rig.boot("reset: adds r0, #1; b reset", core=core)
        rig.machine.run_for(10 * MS)
        assert rig.machine.core("app").instructions == pytest.approx(1_280_000, abs=150)
        assert rig.machine.core("net").instructions == pytest.approx(640_000, abs=150)


def test_no_doorbell_is_heard_before_it_rang_nor_later_than_a_quantum() -> None:
    """Events carry the time of their own core; while cores signal each other the quantum is a tight one."""
    seen: list[Event] = []
    with Rig(quantum_ns=20_000) as rig:
        rig.machine.events.add_sink(seen.append)
        start(rig).run_for(3 * MS)
    rings = {
        core: [event.time_ns for event in seen if event.kind == EventKind.DOORBELL and event.core == core]
        for core in (0, 1)
    }
    lines = {
        core: [event.time_ns for event in seen if event.kind == EventKind.INTERRUPT and event.core == core]
        for core in (0, 1)
    }
    assert len(rings[0]) > 50
    assert len(lines[1]) > 25
    for core in (0, 1):
        other = 1 - core
        for time in lines[core]:
            earlier = [ring for ring in rings[other] if ring <= time]
            assert earlier, "heard before it rang"
            assert time - earlier[-1] <= 20_000 + 200
    for core in (0, 1):
        own = [event.time_ns for event in seen if event.core == core]
        assert own == sorted(own), "a core's own events are in the order of time"


def test_a_sleeping_core_hears_a_doorbell_at_its_exact_tick_from_a_core_that_is_ahead() -> None:
    """Net is woken by app in the middle of app's slice; its first instruction behind WFI is at the ring's tick."""
    seen: list[Event] = []
    with Rig(quantum_ns=100_000) as rig:
        rig.machine.events.add_sink(seen.append)
        rig.boot(
            "reset: ldr r0, =0x41012590; movs r1, #1; str r1, [r0]; ldr r0, =0x41012304; str r1, [r0]\n"
            " ldr r0, =0xE000E100; ldr r1, =0x40000; str r1, [r0]; ldr r0, =0x41012510; movs r1, #2; str r1, [r0]\n"
            " sleep: wfi; b sleep\n"
            "irq_18: ldr r0, =0x41012000; movs r1, #1; str r1, [r0]; movs r1, #0; str r1, [r0, #0x100]; bx lr",
            core="net",
        )
        rig.boot(
            "reset: ldr r0, =0x5002A510; movs r1, #1; str r1, [r0]; ldr r0, =0x5002A000; ldr r4, =3000\n"
            " wait: subs r4, #1; bne wait; str r1, [r0]; run: b run"
        )
        rig.machine.run_for(MS)
    (ring,) = [event for event in seen if event.kind == EventKind.DOORBELL and event.core == 0]
    (line,) = [event for event in seen if event.kind == EventKind.INTERRUPT and event.core == 1]
    (answer,) = [event for event in seen if event.kind == EventKind.DOORBELL and event.core == 1]
    assert line.time_ns == ring.time_ns
    assert answer.time_ns - ring.time_ns in (46, 47), "three instructions at 64 MHz"


def test_an_action_of_python_stops_both_cores_at_its_tick() -> None:
    with Rig(quantum_ns=100_000) as rig:
        for core in ("app", "net"):
            rig.boot("reset: adds r0, #1; b reset", core=core)
        seen: list[list[int]] = []
        for at in (1000, 1001, 5000, 12_801):
            rig.at(at, lambda: seen.append([core.progress[1] for core in rig.machine.cores.values()]))
        rig.run(20_000)
        assert seen == [[1000, 1000], [1001, 1002], [5000, 5000], [12_801, 12_802]]


def test_waits_do_not_add_up_their_rounding(rig: Rig) -> None:
    for _ in range(1000):
        rig.machine.run_for(1)
    assert rig.machine.now_ns == 1000
    for _ in range(999):
        rig.machine.run_for(1001)
    assert 0 <= rig.machine.now_ns - (1000 + 999 * 1001) < 8, "rounded up to a tick, once"


def test_what_is_due_now_runs_without_time_passing(rig: Rig) -> None:
    done: list[int] = []
    rig.machine.clock.call_later(0, lambda: done.append(1))
    rig.machine.clock.call_soon(lambda: done.append(2))
    rig.machine.run_for(0)
    assert sorted(done) == [1, 2]
    assert rig.machine.now_ns == 0


def test_a_wait_that_fails_says_what_for_and_how_long(rig: Rig) -> None:
    with pytest.raises(
        VirtualTimeoutError, match=r"the kettle did not happen within 2\.000 ms of virtual time"
    ):
        rig.machine.run_until(lambda: False, timeout_ns=2 * MS, what="the kettle")
    assert rig.machine.now_ns == 2 * MS


def test_the_firmware_of_these_tests_has_both_kinds_of_it_blocks() -> None:
    assert "bxeq lr" in source("app", 1)
    assert "wfieq" in source("app", 1)
