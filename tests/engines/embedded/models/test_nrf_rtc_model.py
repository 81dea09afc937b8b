"""RTC: counting in exact fractions, and events at the very tick of the transition."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from rig import Rig
from rtc_by_counting import (
    ACTIONS,
    BITS,
    CAPTURE,
    CC,
    CLEAR,
    COMPARE,
    COUNTER,
    EVTENSET,
    INTENCLR,
    INTENSET,
    OVRFLW,
    PRESCALER,
    START,
    STOP,
    TICK,
    TRIGOVRFLW,
    Naive,
)
from soc import MS, RTCS, TICKS_PER_SECOND, Block, S, Ticks, keep_low_frequency_clocks


@pytest.fixture(autouse=True)
def clocked(rig: Rig) -> None:
    keep_low_frequency_clocks(rig)


@pytest.fixture(params=RTCS)
def rtc(request: pytest.FixtureRequest, rig: Rig) -> Block:
    return Block(rig, RTCS[str(request.param)])


@pytest.fixture
def rtc1(rig: Rig) -> Block:
    return Block(rig, RTCS["app RTC1"])


def test_it_counts_32768_in_a_second(rig: Rig, rtc: Block) -> None:
    assert rtc[COUNTER] == 0
    rtc[START] = 1
    rig.machine.run_for(S)
    assert rtc[COUNTER] == 32768


@pytest.mark.parametrize("prescaler", [0, 1, 7, 327, 4095])
def test_the_prescaler_divides(rig: Rig, rtc1: Block, prescaler: int) -> None:
    rtc1[PRESCALER] = prescaler
    rtc1[START] = 1
    rig.machine.run_for(10 * S)
    assert rtc1[COUNTER] == 327680 // (prescaler + 1)


def test_the_prescaler_is_taken_over_by_tasks_only(rig: Rig, rtc1: Block) -> None:
    rtc1[START] = 1
    rtc1[PRESCALER] = 4095
    rig.machine.run_for(S)
    assert rtc1[COUNTER] == 32768
    rtc1[CLEAR] = 1
    rig.machine.run_for(S)
    assert rtc1[COUNTER] == 8


def test_it_stops_and_goes_on_where_it_stopped(rig: Rig, rtc1: Block) -> None:
    rtc1[START] = 1
    rig.machine.run_for(S)
    rtc1[STOP] = 1
    rig.machine.run_for(S)
    assert rtc1[COUNTER] == 32768
    rtc1[START] = 1
    rig.machine.run_for(S)
    assert rtc1[COUNTER] == 65536


def test_a_second_start_changes_nothing(rig: Rig, rtc1: Block) -> None:
    rtc1[START] = 1
    rig.machine.run_for(S // 32768 // 2)
    rtc1[START] = 1
    rig.machine.run_for(S // 32768 // 2 + 1)
    assert rtc1[COUNTER] == 1


def test_clear_and_trigovrflw_set_the_counter_running_or_not(rig: Rig, rtc1: Block) -> None:
    rtc1[TRIGOVRFLW] = 1
    assert rtc1[COUNTER] == 0xFFFFF0
    rtc1[START] = 1
    rig.machine.run_for(S)
    assert rtc1[COUNTER] == 32768 - 16
    rtc1[CLEAR] = 1
    assert rtc1[COUNTER] == 0


def test_the_counter_and_cc_have_24_bits(rig: Rig, rtc1: Block) -> None:
    rtc1[CC] = 0xFF123456
    assert rtc1[CC] == 0x123456
    rtc1[START] = 1
    rig.machine.run_for(512 * S + S)
    assert rtc1[COUNTER] == 32768


def test_capture_copies_the_counter(rig: Rig, rtc1: Block) -> None:
    rtc1[START] = 1
    rig.machine.run_for(S)
    rtc1[CAPTURE + 8] = 1
    assert [rtc1[CC + 4 * index] for index in range(4)] == [0, 0, 32768, 0]


def edge(count: int) -> int:
    """The tick at which a counter that was started at tick 0 becomes ``count``."""
    return -(-count * TICKS_PER_SECOND // 32768)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("enable", [INTENSET, EVTENSET])
def test_compare_happens_at_the_transition_to_cc(rig: Rig, rtc: Block, index: int, enable: int) -> None:
    rtc[CC + 4 * index] = 100
    rtc[enable] = 1 << (16 + index)
    ticks = Ticks(rig)
    rtc[START] = 1
    ticks.run_to(edge(100) - 1)
    assert (rtc[COMPARE + 4 * index], rtc[COUNTER]) == (0, 99)
    ticks.run_to(edge(100))
    assert (rtc[COMPARE + 4 * index], rtc[COUNTER]) == (1, 100)
    assert [rtc[COMPARE + 4 * other] for other in range(4) if other != index] == [0, 0, 0]
    assert rtc.line is (enable == INTENSET)


def test_an_event_needs_inten_or_evten_at_its_moment(rig: Rig, rtc1: Block) -> None:
    rtc1[CC] = 10
    rtc1[START] = 1
    rig.machine.run_for(MS)
    rtc1[INTENSET] = 1 << 16
    rig.machine.run_for(MS)
    assert rtc1[COMPARE] == 0
    rtc1[CC] = rtc1[COUNTER] + 10
    rtc1[INTENCLR] = 1 << 16
    rig.machine.run_for(MS)
    assert rtc1[COMPARE] == 0


def test_a_cc_that_is_the_counter_matches_one_round_later(rig: Rig, rtc1: Block) -> None:
    rtc1[EVTENSET] = 3 << 16
    rtc1[START] = 1  # CC and the counter are 0
    rig.machine.run_for(S)
    assert rtc1[COMPARE] == 0
    rtc1[CC + 4] = rtc1[COUNTER]
    rig.machine.run_for(510 * S)
    assert (rtc1[COMPARE], rtc1[COMPARE + 4]) == (0, 0)
    rig.machine.run_for(S)
    assert (rtc1[COMPARE], rtc1[COMPARE + 4]) == (1, 0)
    rig.machine.run_for(S)
    assert rtc1[COMPARE + 4] == 1


def test_a_cleared_event_comes_again_one_round_later(rig: Rig, rtc1: Block) -> None:
    rtc1[CC] = 5
    rtc1[EVTENSET] = 1 << 16
    rtc1[START] = 1
    rig.machine.run_for(MS)
    rtc1[COMPARE] = 0
    rig.machine.run_for(500 * S)
    assert rtc1[COMPARE] == 0
    rig.machine.run_for(13 * S)
    assert rtc1[COMPARE] == 1


def test_moving_cc_takes_the_old_match_back(rig: Rig, rtc1: Block) -> None:
    ticks = Ticks(rig)
    rtc1[INTENSET] = 1 << 16
    rtc1[START] = 1
    rtc1[CC] = 100
    rtc1[CC] = 200
    ticks.run_to(edge(150))
    assert rtc1[COMPARE] == 0
    rtc1[CC] = 160
    ticks.run_to(edge(160))
    assert rtc1[COMPARE] == 1


def test_overflow_is_the_transition_to_zero(rig: Rig, rtc: Block) -> None:
    rtc[INTENSET] = 1 << 1
    rtc[TRIGOVRFLW] = 1
    ticks = Ticks(rig)
    rtc[START] = 1
    ticks.run_to(edge(16) - 1)
    assert (rtc[OVRFLW], rtc[COUNTER]) == (0, 0xFFFFFF)
    ticks.run_to(edge(16))
    assert (rtc[OVRFLW], rtc[COUNTER], rtc.line) == (1, 0, True)
    rtc[OVRFLW] = 0
    assert rtc.line is False


def test_tick_is_every_increment(rig: Rig, rtc1: Block) -> None:
    rtc1[PRESCALER] = 1
    rtc1[EVTENSET] = 1
    ticks = Ticks(rig)
    rtc1[START] = 1
    for number in range(1, 6):
        ticks.run_to(edge(2 * number) - 1)
        assert rtc1[TICK] == 0
        ticks.run_to(edge(2 * number))
        assert (rtc1[TICK], rtc1[COUNTER]) == (1, number)
        rtc1[TICK] = 0


def test_a_stopped_counter_has_no_events(rig: Rig, rtc1: Block) -> None:
    rtc1[CC] = 10
    rtc1[INTENSET] = 1 << 16 | 0b11
    rtc1[START] = 1
    rtc1[STOP] = 1
    rig.machine.run_for(S)
    assert (rtc1[COMPARE], rtc1[TICK], rtc1[COUNTER]) == (0, 0, 0)


def test_a_reset_of_the_core_stops_and_clears_its_rtcs(rig: Rig) -> None:
    rtc, other = Block(rig, RTCS["net RTC1"]), Block(rig, RTCS["app RTC1"])
    for block in (rtc, other):
        block[CC] = 1000
        block[INTENSET] = 1 << 16
        block[START] = 1
    rig.machine.run_for(MS)
    rig.machine.core("net").reset()
    rig.machine.run_for(S)
    assert (rtc[COUNTER], rtc[COMPARE], rtc[CC], rtc[0x300]) == (0, 0, 0, 0)
    assert (other[COMPARE], other[COUNTER]) == (1, 32768 + 32)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40_000), st.sampled_from(sorted(ACTIONS)), st.integers(0, 255)), max_size=60
    )
)
def test_it_does_what_counting_one_by_one_does(steps: list[tuple[int, str, int]]) -> None:
    with Rig() as rig:
        keep_low_frequency_clocks(rig)
        rtc, naive, time = Block(rig, RTCS["app RTC1"]), Naive(), Ticks(rig)
        tick = 0
        for ticks, action, value in steps:
            tick += ticks
            time.run_to(tick)
            naive.advance(Fraction(tick, TICKS_PER_SECOND))
            expected, actual = ACTIONS[action]
            expected(naive, value)
            actual(rtc, value)
            assert rtc[COUNTER] == naive.counter
            assert {bit for bit in BITS if rtc[0x100 + 4 * bit]} == naive.events
            pending = {bit for bit in naive.events if naive.inten >> bit & 1}
            assert rtc.line is bool(pending)
