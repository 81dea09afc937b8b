"""Images that access what Zephyr's start-up code and drivers access on the nRF5340, in the same order.

The sources are in ``zephyr_like``: SystemInit, the MPU with TT, the low-frequency clock in two stages, a tickless
system clock on RTC1, the console over the DPPI, FORCEOFF, and the network core's watchdog.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from icmsg.engines.embedded.machine import EmbeddedMachine

HERE = Path(__file__).parent / "zephyr_like"
ZIG = "0.13.0"
S, MS = 1_000_000_000, 1_000_000
CYCLE_NS = S / 32768


def booted(**options: Any) -> EmbeddedMachine:
    machine = EmbeddedMachine(**options)
    for core in ("app", "net"):
        machine.core(core).load(HERE / f"{core}.elf")
    machine.core("app").start()
    return machine


def results(machine: EmbeddedMachine, core: str) -> list[int]:
    found = machine.core(core)
    assert found.image is not None
    start = found.image.symbol("results")
    return [found.bus.read32(start + 4 * index) for index in range(19)]


@pytest.fixture(scope="module")
def run() -> Any:
    with booted() as machine:
        machine.run_for(2 * S)
        yield machine


def lines(machine: EmbeddedMachine, core: str) -> list[str]:
    return [line.text for line in machine.core(core).console.lines]


def test_both_cores_go_through_all_of_it(run: EmbeddedMachine) -> None:
    assert lines(run, "app") == [
        "app: booted",
        "app: slept",
        "app: the network core runs",
        "app: the network core runs again",
        "app: the watchdog has restarted it",
    ]
    assert lines(run, "net") == ["net: boot 1", "net: boot 2", "net: hangs", "net: boot 3"]


def test_nothing_that_they_touch_is_unknown(run: EmbeddedMachine) -> None:
    assert run.warnings == []


@pytest.mark.parametrize("core", ["app", "net"])
def test_the_stack_is_in_the_mpu_region_that_was_set_up_for_ram(run: EmbeddedMachine, core: str) -> None:
    assert results(run, core)[0] == 1


@pytest.mark.parametrize("core", ["app", "net"])
def test_the_low_frequency_clock_takes_two_starts_of_10_us(run: EmbeddedMachine, core: str) -> None:
    # One poll is a load, a store, a test and a branch, at 42 million instructions a second.
    polls = results(run, core)[1]
    assert 100 < polls < 200


def test_a_timeout_is_exact_from_three_cycles_on(run: EmbeddedMachine) -> None:
    spans = [33, 328, 1, 3, 32768, 2, 100, 4, 5000, 7]
    assert results(run, "app")[3:13] == [max(0, 3 - span) for span in spans]


def test_ten_timeouts_last_as_long_as_their_cycles(run: EmbeddedMachine) -> None:
    booted, slept = (line.time_ns for line in run.core("app").console.lines[:2])
    counted = 33 + 328 + 3 + 3 + 32768 + 3 + 100 + 4 + 5000 + 7
    assert counted * CYCLE_NS <= slept - booted + CYCLE_NS
    assert (
        slept - booted <= (counted + 1) * CYCLE_NS + 100_000
    )  # the code between two sleeps takes no whole cycle


def test_a_sleeping_core_wakes_only_for_its_timeouts() -> None:
    with booted() as machine:
        machine.run_for(1100 * MS)  # within the ten sleeps
        assert results(machine, "app")[2] == 8
        machine.run_for(60 * MS)
        executed = machine.core("app").instructions
        assert executed < 10_000


def test_the_watchdog_bites_50_ms_after_the_hang(run: EmbeddedMachine) -> None:
    hangs, boots = (line.time_ns for line in run.core("net").console.lines[2:])
    assert 1638 * CYCLE_NS < boots - hangs < 1640 * CYCLE_NS + 200_000


def test_the_rest_of_its_time_the_network_core_keeps_the_watchdog_fed(run: EmbeddedMachine) -> None:
    assert len(lines(run, "net")) == 4
    boots, heartbeat = (run.core("app").bus.read32(0x2007_0000 + 4 * index) for index in range(2))
    assert boots == 3
    assert heartbeat > 600


@pytest.mark.parametrize("quantum_ns", [100_000, 10_000])
def test_the_trace_is_the_same_whatever_the_steps(quantum_ns: int) -> None:
    hashes = set()
    for step in (1400 * MS, 3_333_333):
        with booted(quantum_ns=quantum_ns) as machine:
            for done in range(0, 1400 * MS, step):
                machine.run_for(min(step, 1400 * MS - done))
            hashes.add(machine.events.hexdigest())
    assert len(hashes) == 1


def zig_version() -> str | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    command = [sys.executable, "-m", "ziglang", "version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
@pytest.mark.skipif(zig_version() != ZIG, reason=f"needs ziglang=={ZIG}")
def test_the_images_are_those_of_the_sources(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(HERE / "build.py"), str(tmp_path)], check=True)
    for core in ("app", "net"):
        assert (tmp_path / f"{core}.elf").read_bytes() == (HERE / f"{core}.elf").read_bytes()
