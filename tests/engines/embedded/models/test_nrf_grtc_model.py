"""GRTC: one counter for all cores, and events at the very tick of the core that waits for them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from grtc_by_counting import ACTIONS, NaiveGrtc
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from nrf54 import GRTC, TICKS_PER_US, nrf54_rig
from soc import MS, US, Block, Instance, S, Ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig import Rig

CAPTURE, START, STOP, CLEAR = 0x000, 0x060, 0x064, 0x068
COMPARE, INTEN, INTENSET, INTENCLR, INTPEND = 0x100, 0x300, 0x304, 0x308, 0x30C
MODE, CCL, CCH, CCADD, CCEN, INTERVAL = 0x510, 0x520, 0x524, 0x528, 0x52C, 0x6A8
LOW, HIGH, ACTIVE = 0x720, 0x724, 0x728
BUSY, OVERFLOW, BY_CC = 1 << 30, 1 << 31, 1 << 31
GROUP = {"app": 2, "net": 0}
IRQ = {"app": 228, "net": 226}
HOUR = 3600 * S


@pytest.fixture
def rig() -> Iterator[Rig]:
    with nrf54_rig() as rig:
        yield rig


@pytest.fixture(params=["app", "net"])
def core(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def block(rig: Rig, core: str) -> Block:
    return Block(rig, Instance(core, GRTC, IRQ[core]))


def group(core: str, offset: int) -> int:
    return offset + 0x10 * GROUP[core]


def channel(number: int, offset: int) -> int:
    return offset + 0x10 * number


def count(grtc: Block, number: int = 0) -> int:
    low = grtc[LOW + 0x10 * number]
    return grtc[HIGH + 0x10 * number] << 32 | low


def test_it_counts_microseconds_for_all_cores_and_groups_without_being_started(rig: Rig, core: str) -> None:
    grtc = block(rig, core)
    assert count(grtc) == 0
    rig.machine.run_for(123_456 * US)
    assert [count(grtc, number) for number in range(4)] == [123_456] * 4
    assert rig.machine.core(core).bus.read32(0x400E_2720) == 123_456


@pytest.mark.parametrize(("hours", "expected"), [(1, 3_600_000_000), (24, 86_400_000_000)])
def test_its_52_bits_are_exact_after_hours(rig: Rig, hours: int, expected: int) -> None:
    grtc = block(rig, "app")
    rig.machine.run_for(hours * HOUR + 990)
    assert count(grtc, 2) == expected
    rig.machine.run_for(10)
    assert count(grtc, 2) == expected + 1


def test_the_high_word_says_that_the_low_one_has_overflown_since_it_was_read(rig: Rig) -> None:
    grtc = block(rig, "app")
    rig.machine.run_for(((1 << 32) - 1) * US)
    assert grtc[LOW + 0x20] == 0xFFFF_FFFF
    assert grtc[HIGH + 0x20] == 0
    rig.machine.run_for(US)
    assert grtc[HIGH + 0x20] == OVERFLOW | 1
    assert grtc[HIGH] == 1  # the other groups have not read it
    assert (grtc[LOW + 0x20], grtc[HIGH + 0x20]) == (0, 1)


def test_an_ldrd_reads_both_words_at_one_moment(rig: Rig) -> None:
    """Firmware reads without a pause over the overflow; a pair of two moments would be 2**32 off."""
    rig.machine.run_for(((1 << 32) - 3) * US)
    rig.boot(
        f"reset: ldr r0, ={GRTC + LOW + 0x20}; ldr r6, =0x20000100; movs r7, #200\n"
        "again: ldrd r1, r2, [r0]; stmia r6!, {r1, r2}; subs r7, #1; bne again\n b stuck"
    )
    rig.machine.run_for(20 * US)
    words = rig.words(400, 0x100)
    values = [low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)]
    assert values == sorted(values)
    assert all(0 <= later - sooner <= 1 for sooner, later in itertools.pairwise(values))
    assert values[0] < 1 << 32 < values[-1] + 1


def test_a_stopped_counter_stands_and_is_busy_and_goes_on(rig: Rig) -> None:
    grtc = block(rig, "app")
    rig.machine.run_for(MS)
    grtc[STOP] = 1
    rig.machine.run_for(MS)
    assert (grtc[LOW], grtc[HIGH]) == (1000, BUSY)
    grtc[START] = 1
    rig.machine.run_for(MS)
    assert (grtc[LOW], grtc[HIGH]) == (2000, 0)
    grtc[CLEAR] = 1
    assert count(grtc) == 0


def test_what_zephyr_writes_at_its_start_leaves_a_counter_that_is_ready(rig: Rig) -> None:
    grtc = block(rig, "app")
    for offset, value in (
        (MODE, 0),
        (0x6A4, 5),
        (0x6AC, 4),
        (0x718, 0x10001),
        (CLEAR, 1),
        (START, 1),
        (MODE, 3),
    ):
        grtc[offset] = value
    grtc[ACTIVE + 0x20] = 1
    rig.machine.run_for(100 * US)
    assert count(grtc, 2) == 100
    assert [grtc[offset] for offset in (MODE, 0x6A4, 0x6AC, ACTIVE + 0x20, ACTIVE)] == [3, 5, 4, 1, 0]
    assert rig.machine.warnings == []


@pytest.mark.parametrize("number", range(12))
def test_a_compare_interrupts_its_core_at_the_exact_tick(rig: Rig, core: str, number: int) -> None:
    grtc, ticks = block(rig, core), Ticks(rig)
    grtc[group(core, INTENSET)] = 1 << number
    grtc[channel(number, CCL)] = 50
    grtc[channel(number, CCH)] = 0
    ticks.run_to(50 * TICKS_PER_US - 1)
    assert (grtc[COMPARE + 4 * number], grtc.line, grtc[channel(number, CCEN)]) == (0, False, 1)
    ticks.run_to(50 * TICKS_PER_US)
    assert (grtc[COMPARE + 4 * number], grtc.line, grtc[channel(number, CCEN)]) == (1, True, 0)
    assert grtc[group(core, INTPEND)] == 1 << number
    assert block(rig, {"app": "net", "net": "app"}[core]).line is False
    grtc[COMPARE + 4 * number] = 0
    assert (grtc.line, grtc[group(core, INTPEND)]) == (False, 0)


def test_a_compare_hours_away_comes_at_its_tick(rig: Rig) -> None:
    grtc, ticks = block(rig, "app"), Ticks(rig)
    target = 5 * 3_600_000_000 + 17
    grtc[group("app", INTENSET)] = 1
    grtc[CCL], grtc[CCH] = target & 0xFFFF_FFFF, target >> 32
    ticks.run_to(target * TICKS_PER_US - 1)
    assert grtc.line is False
    ticks.run_to(target * TICKS_PER_US)
    assert (grtc.line, count(grtc)) == (True, target)


@pytest.mark.parametrize(("reference", "expected"), [(0, 1000 + 25), (BY_CC, 700 + 25)])
def test_ccadd_adds_to_the_counter_or_to_cc(rig: Rig, reference: int, expected: int) -> None:
    grtc = block(rig, "app")
    rig.machine.run_for(MS)
    grtc[CCL] = 700
    grtc[CCADD] = reference | 25
    assert (grtc[CCL], grtc[CCH], grtc[COMPARE]) == (expected, 0, int(expected < 1000))
    assert grtc[CCADD] == 0


def test_ccadd_carries_into_the_high_word_and_has_31_bits(rig: Rig) -> None:
    grtc = block(rig, "app")
    grtc[CCL], grtc[CCH] = 0xFFFF_FFFF, 0xFFF
    grtc[CCADD] = BY_CC | 0x7FFF_FFFF
    assert (grtc[CCL], grtc[CCH]) == (0x7FFF_FFFE, 0x1000)


def test_a_value_in_the_past_has_its_event_at_once(rig: Rig, core: str) -> None:
    grtc = block(rig, core)
    rig.machine.run_for(MS)
    grtc[group(core, INTENSET)] = 1
    grtc[CCL], grtc[CCH] = 10, 0
    assert (grtc[COMPARE], grtc[CCEN], grtc.line) == (1, 0, True)


def test_without_an_interrupt_the_event_is_latched_too(rig: Rig) -> None:
    grtc = block(rig, "app")
    grtc[CCADD] = 10
    rig.machine.run_for(9 * US)
    assert (grtc[COMPARE], grtc[CCEN]) == (0, 1)
    rig.machine.run_for(US)
    assert (grtc[COMPARE], grtc[CCEN]) == (1, 0)
    grtc[group("app", INTENSET)] = 1
    assert grtc.line is True


def test_the_low_word_disables_and_the_high_word_enables(rig: Rig) -> None:
    grtc = block(rig, "app")
    grtc[CCADD] = 100
    grtc[CCL] = 10
    assert grtc[CCEN] == 0
    rig.machine.run_for(20 * US)
    assert grtc[COMPARE] == 0
    grtc[CCH] = 0
    assert grtc[COMPARE] == 1


def test_a_disabled_channel_has_no_event(rig: Rig) -> None:
    grtc = block(rig, "app")
    grtc[group("app", INTENSET)] = 1
    grtc[CCADD] = 100
    grtc[CCEN] = 0
    rig.machine.run_for(MS)
    assert (grtc[COMPARE], grtc.line) == (0, False)
    grtc[CCEN] = 1
    assert (grtc[COMPARE], grtc.line) == (1, True)


def test_a_capture_copies_the_counter_and_disables(rig: Rig) -> None:
    grtc = block(rig, "net")
    grtc[channel(7, CCADD)] = 5000
    rig.machine.run_for(MS)
    grtc[CAPTURE + 4 * 7] = 1
    assert [grtc[channel(7, offset)] for offset in (CCL, CCH, CCEN)] == [1000, 0, 0]
    assert grtc[COMPARE + 4 * 7] == 0


def test_an_interval_repeats_the_first_channel(rig: Rig) -> None:
    grtc, ticks = block(rig, "app"), Ticks(rig)
    grtc[group("app", INTENSET)] = 1
    grtc[INTERVAL] = 40
    grtc[CCADD] = 100
    for at in (100, 140, 180):
        ticks.run_to(at * TICKS_PER_US - 1)
        assert grtc.line is False
        ticks.run_to(at * TICKS_PER_US)
        assert grtc.line is True
        grtc[COMPARE] = 0
    grtc[INTERVAL] = 0
    rig.machine.run_for(MS)
    assert (grtc[COMPARE], grtc[CCEN]) == (1, 0)


def test_groups_share_the_events_and_enable_them_each_for_itself(rig: Rig) -> None:
    app, net = block(rig, "app"), block(rig, "net")
    app[CCADD] = 10
    rig.machine.run_for(20 * US)
    for core, grtc in (("app", app), ("net", net)):
        assert (grtc[COMPARE], grtc.line, grtc[group(core, INTPEND)]) == (1, False, 0)
        grtc[group(core, INTENSET)] = 1
        assert (grtc.line, grtc[group(core, INTEN)], grtc[group(core, INTENCLR)]) == (True, 1, 1)
    app[group("app", INTENCLR)] = 1
    assert (app.line, net.line) == (False, True)
    net[COMPARE] = 0
    assert net.line is False


def test_a_core_whose_interrupt_is_enabled_later_hears_the_event_that_was(rig: Rig) -> None:
    grtc = block(rig, "net")
    grtc[CCADD] = 5
    grtc[group("net", INTENSET)] = 1
    grtc[group("net", INTENCLR)] = 1
    rig.machine.run_for(10 * US)
    assert grtc.line is False
    grtc[group("net", INTENSET)] = 1
    assert grtc.line is True


SLEEPER = """
reset: ldr r0, =0xE000E11C; ldr r1, ={bit}; str r1, [r0]
 ldr r4, ={grtc}; ldr r5, ={ram}; movs r1, #{mask}; str r1, [r4, #{intenset}]
 ldr r2, ={period}; ldr r1, =0x80000000; orrs r3, r2, r1; str r2, [r4, #{ccadd}]
sleep: wfi; b sleep
irq_{irq}: ldr r1, [r4, #{low}]; stmia r5!, {{r1}}; movs r0, #0; str r0, [r4, #{event}]; str r3, [r4, #{ccadd}]; bx lr
"""


def sleeper(core: str, number: int, period: int) -> str:
    return SLEEPER.format(
        bit=1 << IRQ[core] % 32,
        grtc=GRTC,
        ram={"app": 0x2000_0100, "net": 0x2100_0100}[core],
        mask=1 << number,
        intenset=group(core, INTENSET),
        ccadd=channel(number, CCADD),
        period=period,
        irq=IRQ[core],
        low=group(core, LOW),
        event=COMPARE + 4 * number,
    )


def test_two_cores_sleep_to_their_own_channels(rig: Rig) -> None:
    """Each wakes in the very microsecond of its time, however far the other has run."""
    rig.boot(sleeper("app", 3, 70))
    rig.boot(sleeper("net", 5, 110), "net")
    rig.machine.run_for(10 * MS)
    for core, period in (("app", 70), ("net", 110)):
        found = rig.words(20, 0x100, core)
        assert [later - sooner for sooner, later in itertools.pairwise(found)] == [period] * 19


def test_a_core_that_computes_is_interrupted_at_the_tick_and_the_trace_is_the_same_for_all_steps() -> None:
    hashes = set()
    for step in (MS, 7_003, 131):
        with nrf54_rig() as rig:
            rig.boot(sleeper("app", 3, 70).replace("sleep: wfi", "sleep: nop"))
            rig.boot(sleeper("net", 5, 110), "net")
            while rig.machine.now_ns < MS:
                rig.machine.run_for(min(step, MS - rig.machine.now_ns))
            hashes.add(rig.machine.events.hexdigest())
            found = rig.words(12, 0x100)
            assert [later - sooner for sooner, later in itertools.pairwise(found)] == [70] * 11
    assert len(hashes) == 1


def test_a_reset_of_a_core_leaves_it_alone_and_one_of_the_machine_does_not(rig: Rig) -> None:
    grtc = block(rig, "app")
    rig.boot("reset: b reset")
    grtc[CCADD] = 500
    grtc[group("app", INTENSET)] = 2
    rig.machine.run_for(100 * US)
    rig.machine.core("app").reset()
    assert (count(grtc), grtc[CCL], grtc[group("app", INTEN)]) == (100, 500, 2)
    rig.machine.reset()
    assert (count(grtc), grtc[CCL], grtc[CCEN], grtc[group("app", INTEN)]) == (0, 0, 0, 0)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3000), st.sampled_from(sorted(ACTIONS)), st.integers(0, 2), st.integers(0, 40)
        ),
        max_size=60,
    )
)
def test_it_does_what_counting_one_by_one_does(steps: list[tuple[int, str, int, int]]) -> None:
    with nrf54_rig() as rig:
        grtc, naive, time = block(rig, "app"), NaiveGrtc(), Ticks(rig)
        tick = 0
        for ticks, action, number, value in steps:
            tick += ticks
            time.run_to(tick)
            naive.advance(tick // TICKS_PER_US)
            expected, actual = ACTIONS[action]
            expected(naive, number, value)
            actual(grtc, number, value)
            assert count(grtc) == naive.counter
            for at in range(3):
                assert [grtc[channel(at, CCL)], grtc[channel(at, CCEN)], grtc[COMPARE + 4 * at]] == [
                    naive.cc[at],
                    int(naive.active[at]),
                    int(naive.events[at]),
                ]
            assert grtc.line is any(naive.events[at] and naive.inten >> at & 1 for at in range(3))
