"""Compiled firmware under interrupts of three priorities: the same checksum as without any (see firmware/stress.c)."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from rig import CPACR, Rig, nanoseconds

STRESS: Final = Path(__file__).parent / "firmware" / "stress.elf"
PARAMS, RESULTS = 0x2000_0000, 0x2000_0100
ROUNDS: Final = 500
NET_IPC: Final = 0x4101_2000


class Results(NamedTuple):
    done: int
    checksum: int
    ticks: int
    pendsvs: int
    doorbells: int
    deepest: int
    broken_sections: int
    broken_handlers: int
    shared: int


@cache
def run(period: int, doorbell: int, quantum_ns: int = 100_000) -> Results:
    """SysTick every ``period`` instructions, a doorbell from the other core after ``doorbell`` of them on average."""
    source = random.Random(period * 1009 + doorbell)
    with Rig(quantum_ns=quantum_ns) as rig:
        app, net = rig.machine.core("app"), rig.machine.core("net")
        net.bus.write32(NET_IPC + 0x510, 1)
        app.bus.write32(PARAMS, ROUNDS)
        app.bus.write32(PARAMS + 4, period)

        def ring() -> None:
            net.bus.write32(NET_IPC, 1)
            rig.machine.clock.call_later(
                nanoseconds(source.randrange(doorbell // 2, doorbell * 3 // 2)), ring
            )

        app.load(STRESS)
        app.start()
        app.bus.write32(CPACR, 0xF0_0000)  # the firmware takes the FPU as it finds it
        if doorbell:
            rig.machine.clock.call_later(nanoseconds(3000), ring)
        rig.machine.run_until(
            lambda: app.bus.read32(RESULTS) == 1, timeout_ns=5_000_000_000, what="the checksum"
        )
        assert not rig.machine.warnings
        return Results(*(app.bus.read32(RESULTS + 4 * at) for at in range(len(Results._fields))))


def test_undisturbed_it_counts_to_itself() -> None:
    results = run(0, 0)
    assert results.shared == ROUNDS
    assert (results.ticks, results.pendsvs, results.doorbells, results.deepest) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("period", "doorbell"),
    [(64_000, 0), (3_001, 0), (997, 0), (0, 1_500), (1_777, 2_300), (997, 3_001), (5_000, 700)],
)
def test_interrupts_change_nothing(period: int, doorbell: int) -> None:
    results = run(period, doorbell)
    assert results.checksum == run(0, 0).checksum
    assert (results.broken_sections, results.broken_handlers) == (0, 0)
    assert results.shared == ROUNDS + results.ticks + results.pendsvs + results.doorbells
    assert results.ticks > (100 if period and period < 10_000 else -1)
    assert results.doorbells > (100 if doorbell else -1)
    if period and doorbell:
        assert results.deepest >= 2


@pytest.mark.parametrize("quantum_ns", [1_000, 17_000])
def test_the_quantum_changes_nothing(quantum_ns: int) -> None:
    assert run(1_777, 2_300, quantum_ns)[:2] == run(0, 0)[:2]
