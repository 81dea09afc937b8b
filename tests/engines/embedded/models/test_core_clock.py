"""The cores' clocks: HFCLKCTRL, busy waits in counted instructions, SysTick and the cycle counter."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import REAL, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.machine_core import MachineCore

HFCLKCTRL: Final = 0x5000_5558
US: Final = 1_000
# What nrfx's delay does (nrfx_coredep.h): SUBS R0, #3; BHI; BX LR, for R0 = microseconds times megahertz.
DELAY: Final = "delay: subs r0, #3; bhi delay; bx lr\n"
MARK: Final = "mark: ldr r1, =0x5000F048; str r2, [r1]; bx lr\n"  # TASKS_CAPTURE[2] of TIMER0, 16 MHz
TIMER: Final = {"app": 0x5000_F000, "net": 0x4100_C000}


@pytest.fixture
def real() -> Iterator[Rig]:
    with Rig(platform=REAL) as rig:
        yield rig


def busy_wait(core: str, microseconds: int, megahertz: int, fast: str = "") -> str:
    """Capture TIMER at 16 MHz, wait, and capture it again: CC[0] and CC[1]."""
    return (
        f"reset: {fast} ldr r4, ={TIMER[core]}; movs r1, #0; ldr r2, =0x510; str r1, [r4, r2]; ldr r2, =0x508\n"
        " movs r1, #3; str r1, [r4, r2]; movs r1, #1; str r1, [r4]\n"
        f" ldr r0, ={microseconds * megahertz}; str r1, [r4, #0x40]; bl delay; str r1, [r4, #0x44]; b stuck\n{DELAY}"
    )


def waited(rig: Rig, core: str) -> float:
    """The microseconds between the two captures."""
    bus = rig.machine.core(core).bus
    first, second = (bus.read32(TIMER[core] + 0x540 + 4 * at) for at in range(2))
    return (second - first) / 16


FAST: Final = f"ldr r0, ={HFCLKCTRL}; movs r1, #0; str r1, [r0]\n"


@pytest.mark.parametrize("microseconds", [1, 3, 10, 100, 1000, 12_345])
@pytest.mark.parametrize(
    ("core", "megahertz", "fast"), [("app", 64, ""), ("app", 128, FAST), ("net", 64, "")]
)
def test_a_busy_wait_lasts_at_least_what_was_asked_for(
    real: Rig, core: str, megahertz: int, fast: str, microseconds: int
) -> None:
    real.boot(busy_wait(core, microseconds, megahertz, fast), core=core)
    real.machine.run_for(20_000 * US)
    assert microseconds <= waited(real, core) + 1 / 16 <= microseconds * 1.03 + 0.5


def test_the_divider_is_two_after_a_reset_and_reads_back(real: Rig) -> None:
    bus = real.machine.core("app").bus
    assert bus.read32(HFCLKCTRL) == 1
    bus.write32(HFCLKCTRL, 0)
    assert bus.read32(HFCLKCTRL) == bus.read32(0x4000_5558) == 0


def executed(core: MachineCore, rig: Rig, microseconds: int) -> int:
    before = core.instructions
    rig.machine.run_for(microseconds * US)
    return core.instructions - before


def test_instructions_follow_the_divider_and_a_reset(real: Rig) -> None:
    app = real.boot("reset: b reset")
    assert executed(app, real, 1000) == pytest.approx(42_000, abs=50)
    app.bus.write32(HFCLKCTRL, 0)
    assert executed(app, real, 1000) == pytest.approx(84_000, abs=100)
    app.bus.write32(HFCLKCTRL, 1)
    assert executed(app, real, 1000) == pytest.approx(42_000, abs=100)
    app.bus.write32(HFCLKCTRL, 0)
    app.reset()
    assert executed(app, real, 1000) == pytest.approx(42_000, abs=100)


def test_the_network_core_has_one_speed(real: Rig) -> None:
    net = real.boot("reset: b reset", core="net")
    net.bus.write32(0x4100_5558, 0)
    assert executed(net, real, 1000) == pytest.approx(42_000, abs=50)


SWITCHING: Final = f"""
reset:
 ldr r0, ={HFCLKCTRL}
 ldr r3, =0x20000000
again:
 movs r1, #0
 str r1, [r0]
 adds r4, #1
 adds r4, #1
 movs r1, #1
 str r1, [r0]
 adds r4, #1
 str r4, [r3]
 b again
"""


def test_the_rate_changes_between_two_instructions(real: Rig) -> None:
    """A round is nine instructions, of which four run at the higher rate: from behind one write to the other."""
    app = real.boot(SWITCHING)
    real.machine.run_for(3 * US)
    before = app.progress
    real.machine.run_for(1000 * US)
    instructions, ticks = (after - first for first, after in zip(before, app.progress, strict=True))
    slow = real.machine._ticks_per_second // 42_000_000
    assert ticks / slow == pytest.approx(instructions / 9 * (5 + 4 / 2), rel=0.001)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=12))
def test_the_trace_does_not_depend_on_steps(steps: list[int]) -> None:
    def trace(parts: list[int]) -> str:
        with Rig(platform=REAL, quantum_ns=20_000) as rig:
            rig.boot(SWITCHING)
            rig.boot("reset: adds r0, #1; b reset", core="net")
            for part in parts:
                rig.machine.run_for(part)
            rig.machine.run_for(1_200_000 - sum(parts))
            return rig.machine.trace_sha256()

    assert trace(steps) == trace([])


@pytest.mark.parametrize(("fast", "period_us"), [("", 100), (FAST, 50)])
def test_systick_counts_the_clock_of_its_core(real: Rig, fast: str, period_us: int) -> None:
    real.boot(
        f"reset: {fast} ldr r0, =0xE000E010; ldr r1, =6399; str r1, [r0, #4]; str r1, [r0, #8]; movs r1, #7\n"
        " str r1, [r0]; sleep: wfi; b sleep\n"
        "sys_tick: ldr r2, =0x20000000; ldr r3, [r2]; adds r3, #1; str r3, [r2]; bx lr\n"
    )
    real.machine.run_for(10_050 * US)
    assert real.word() == 10_000 // period_us


def test_systick_goes_on_from_its_value_when_the_rate_changes(real: Rig) -> None:
    app = real.boot(
        "reset: ldr r0, =0xE000E010; ldr r1, =63999; str r1, [r0, #4]; str r1, [r0, #8]; movs r1, #5; str r1, [r0]\n"
        " b stuck"
    )
    real.machine.run_for(500 * US)
    half = app.bus.read32(0xE000_E018)
    assert half == pytest.approx(32_000, abs=100)
    app.bus.write32(HFCLKCTRL, 0)
    assert app.bus.read32(0xE000_E018) == pytest.approx(half, abs=1)
    real.machine.run_for(200 * US)
    assert app.bus.read32(0xE000_E018) == pytest.approx(half - 25_600, abs=100)


# DWT

DWT: Final = 0xE000_1000


@pytest.mark.parametrize(
    ("core", "fast", "megahertz"), [("app", "", 64), ("app", FAST, 128), ("net", "", 64)]
)
def test_the_cycle_counter_counts_the_clock_of_its_core(
    real: Rig, core: str, fast: str, megahertz: int
) -> None:
    found = real.boot(f"reset: {fast} ldr r0, ={DWT}; movs r1, #1; str r1, [r0]; b stuck", core=core)
    real.machine.run_for(10 * US)
    first = found.bus.read32(DWT + 4)
    real.machine.run_for(1000 * US)
    assert found.bus.read32(DWT + 4) - first == pytest.approx(1000 * megahertz, rel=0.002)
    assert not real.machine.warnings


def test_the_cycle_counter_stands_in_sleep_and_while_it_is_off(real: Rig) -> None:
    app = real.boot(f"reset: ldr r0, ={DWT}; movs r1, #1; str r1, [r0]; sleep: wfi; b sleep")
    real.machine.run_for(10 * US)
    asleep = app.bus.read32(DWT + 4)
    real.machine.run_for(1000 * US)
    assert app.bus.read32(DWT + 4) == asleep
    app.bus.write32(DWT, 0)
    app.bus.write32(DWT + 4, 77)
    assert (app.bus.read32(DWT) & 1, app.bus.read32(DWT + 4)) == (0, 77)
    app.bus.write32(DWT, 1)
    assert app.bus.read32(DWT + 4) == 77
    assert app.bus.read32(DWT) >> 28 == 4, "comparators"


def test_a_wait_by_the_cycle_counter_is_exact(real: Rig) -> None:
    """As nrfx does with NRFX_DELAY_DWT_BASED: 100 us of 64 MHz, measured by TIMER."""
    real.boot(
        f"reset: ldr r4, ={TIMER['app']}; movs r1, #0; ldr r2, =0x510; str r1, [r4, r2]; movs r1, #1; str r1, [r4]\n"
        f" ldr r5, ={DWT}; str r1, [r5]; ldr r6, =6400; str r1, [r4, #0x40]; ldr r2, [r5, #4]\n"
        "wait: ldr r3, [r5, #4]; subs r3, r3, r2; cmp r3, r6; blo wait; movs r1, #1; str r1, [r4, #0x44]; b stuck\n"
    )
    real.machine.run_for(500 * US)
    assert 100 <= waited(real, "app") + 1 / 16 <= 100.5


def test_times_of_a_core_never_go_back(real: Rig) -> None:
    app = real.boot(SWITCHING)
    times = []
    for _ in range(200):
        real.machine.run_for(137)
        times.append(app.progress[1])
    assert all(later >= earlier for earlier, later in pairwise(times))
