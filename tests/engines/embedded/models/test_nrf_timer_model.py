"""TIMER, RNG and TEMP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from soc import Block, Instance

if TYPE_CHECKING:
    from rig import Rig

US: Final = 1_000
TIMERS: Final = {
    "app TIMER0": Instance("app", 0x5000_F000, 15),
    "app TIMER2": Instance("app", 0x5001_1000, 17),
    "net TIMER0": Instance("net", 0x4100_C000, 12),
    "net TIMER1": Instance("net", 0x4101_8000, 24),
}
RNG: Final = Instance("net", 0x4100_9000, 9)
TEMP: Final = Instance("net", 0x4101_0000, 16)
START, STOP, COUNT, CLEAR, SHUTDOWN, CAPTURE = 0x000, 0x004, 0x008, 0x00C, 0x010, 0x040
COMPARE, SHORTS, INTENSET, INTENCLR = 0x140, 0x200, 0x304, 0x308
MODE, BITMODE, PRESCALER, CC, ONESHOTEN = 0x504, 0x508, 0x510, 0x540, 0x580


@pytest.fixture(params=TIMERS)
def timer(request: pytest.FixtureRequest, rig: Rig) -> Block:
    return Block(rig, TIMERS[str(request.param)])


def counter(timer: Block) -> int:
    timer[CAPTURE + 4 * 5] = 1
    return timer[CC + 4 * 5]


@pytest.mark.parametrize(("prescaler", "count"), [(0, 16_000), (1, 8_000), (4, 1_000), (9, 31)])
def test_it_counts_16_mhz_divided(rig: Rig, timer: Block, prescaler: int, count: int) -> None:
    timer[BITMODE] = 3
    timer[PRESCALER] = prescaler
    timer[START] = 1
    rig.machine.run_for(1000 * US)
    assert counter(timer) == count


@pytest.mark.parametrize(("mode", "bits"), [(0, 16), (1, 8), (2, 24), (3, 32)])
def test_it_has_as_many_bits_as_bitmode_says(rig: Rig, timer: Block, mode: int, bits: int) -> None:
    timer[BITMODE] = mode
    timer[PRESCALER] = 0
    timer[START] = 1
    rig.machine.run_for(5000 * US)
    assert counter(timer) == 80_000 % (1 << bits)


def test_compare_happens_when_the_counter_comes_to_cc_and_the_line_follows(rig: Rig, timer: Block) -> None:
    timer[CC] = 100  # at 1 MHz
    timer[INTENSET] = 1 << 16
    timer[START] = 1
    rig.machine.run_for(100 * US - 10)
    assert (timer[COMPARE], timer.line) == (0, False)
    rig.machine.run_for(10)
    assert (timer[COMPARE], timer.line) == (1, True)
    timer[COMPARE] = 0
    assert (timer[COMPARE], timer.line) == (0, False)


def test_an_event_is_latched_for_who_polls_it(rig: Rig, timer: Block) -> None:
    timer[CC + 4] = 50
    timer[START] = 1
    rig.machine.run_for(60 * US)
    assert (timer[COMPARE + 4], timer.line) == (1, False)


def test_a_short_clears_so_that_it_is_periodic(rig: Rig, timer: Block) -> None:
    timer[CC] = 250
    timer[SHORTS] = 1
    timer[START] = 1
    for _ in range(4):
        rig.machine.run_for(250 * US)
        assert timer[COMPARE] == 1
        assert counter(timer) == 0
        timer[COMPARE] = 0
    rig.machine.run_for(249 * US)
    assert (timer[COMPARE], counter(timer)) == (0, 249)


def test_a_short_stops(rig: Rig, timer: Block) -> None:
    timer[CC + 8] = 30
    timer[SHORTS] = 1 << 10
    timer[START] = 1
    rig.machine.run_for(1000 * US)
    assert (timer[COMPARE + 8], counter(timer)) == (1, 30)


def test_stop_keeps_clear_and_shutdown_do_not(rig: Rig, timer: Block) -> None:
    timer[START] = 1
    rig.machine.run_for(40 * US)
    timer[STOP] = 1
    rig.machine.run_for(40 * US)
    assert counter(timer) == 40
    timer[START] = 1
    rig.machine.run_for(2 * US)
    assert counter(timer) == 42
    timer[CLEAR] = 1
    rig.machine.run_for(3 * US)
    assert counter(timer) == 3
    timer[SHUTDOWN] = 1
    assert counter(timer) == 0


def test_a_counter_counts_tasks(timer: Block) -> None:
    timer[MODE] = 2
    timer[CC] = 3
    timer[START] = 1
    for _ in range(2):
        timer[COUNT] = 1
    assert (counter(timer), timer[COMPARE]) == (2, 0)
    timer[COUNT] = 1
    assert (counter(timer), timer[COMPARE]) == (3, 1)


def test_an_event_that_happens_once_waits_for_a_new_cc(rig: Rig, timer: Block) -> None:
    timer[CC] = 10
    timer[SHORTS] = 1
    timer[ONESHOTEN] = 1
    timer[START] = 1
    rig.machine.run_for(10 * US)
    timer[COMPARE] = 0
    rig.machine.run_for(100 * US)
    assert timer[COMPARE] == 0
    timer[CC] = 200
    rig.machine.run_for(100 * US)
    assert timer[COMPARE] == 1


def test_a_moved_cc_takes_the_old_one_back(rig: Rig, timer: Block) -> None:
    timer[CC] = 10
    timer[START] = 1
    timer[CC] = 20
    rig.machine.run_for(15 * US)
    assert timer[COMPARE] == 0
    rig.machine.run_for(5 * US)
    assert timer[COMPARE] == 1


# RNG


def numbers(rig: Rig, count: int) -> list[int]:
    rng, found = Block(rig, RNG), []
    rng[0x000] = 1
    for _ in range(count):
        while not rng[0x100]:
            rig.machine.run_for(10 * US)
        rng[0x100] = 0
        found.append(rng[0x508])
    rng[0x004] = 1
    return found


def test_numbers_follow_from_a_seed_that_can_be_set(rig: Rig) -> None:
    first = numbers(rig, 20)
    assert len(set(first)) > 10
    model = rig.machine.models["rngnet"]
    assert model.seed == 1  # type: ignore[attr-defined]
    model.seed = 1  # type: ignore[attr-defined]
    assert numbers(rig, 20) == first
    model.seed = 2  # type: ignore[attr-defined]
    assert numbers(rig, 20) != first


@pytest.mark.parametrize(("corrected", "microseconds"), [(0, 30), (1, 120)])
def test_a_byte_takes_its_time_and_interrupts(rig: Rig, corrected: int, microseconds: int) -> None:
    rng = Block(rig, RNG)
    rng[0x504] = corrected
    rng[INTENSET] = 1
    rng[0x200] = 1  # VALRDY_STOP
    rng[0x000] = 1
    rig.machine.run_for(microseconds * US - 10)
    assert not rng.line
    rig.machine.run_for(10)
    assert (rng.line, rng[0x100]) == (True, 1)
    rng[0x100] = 0
    rig.machine.run_for(1000 * US)
    assert rng[0x100] == 0, "stopped after one byte"


# TEMP


def test_a_measurement_gives_25_degrees_and_interrupts(rig: Rig) -> None:
    temp = Block(rig, TEMP)
    temp[INTENSET] = 1
    temp[0x000] = 1
    rig.machine.run_for(36 * US - 10)
    assert (temp[0x100], temp.line) == (0, False)
    rig.machine.run_for(10)
    assert (temp[0x100], temp.line, temp[0x508]) == (1, True, 4 * 25)
