"""A long or a strange run costs no more memory than a short one, and a fork has its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thumb import SHARED

from icmsg.timers import NEVER, Timers

if TYPE_CHECKING:
    from rig import Rig

    from icmsg.timers import ScheduledTimer

MOST: Final = 1000


def test_warnings_are_kept_up_to_a_number_and_counted_beyond(rig: Rig) -> None:
    rig.boot(
        "reset: ldr r0, =0x50021000; movw r2, #1500; again: ldr r1, [r0]; adds r0, #4; subs r2, #1; bne again; b stuck"
    )
    rig.run(10_000)
    assert len(rig.machine.warnings) == MOST
    assert rig.machine.warnings_left_out == 500


def test_a_warning_that_comes_again_is_counted(rig: Rig) -> None:
    rig.boot("reset: ldr r0, =0x50021000; movs r2, #7; again: ldr r1, [r0]; subs r2, #1; bne again; b stuck")
    rig.run(1000)
    (warning,) = rig.machine.warnings
    assert warning.count == 7


def test_a_sys_tick_that_is_started_again_and_again_leaves_nothing_behind(rig: Rig) -> None:
    core = rig.boot(
        "reset: ldr r0, =0xE000E010; mvn r1, #0; str r1, [r0, #4]; movs r1, #5; str r1, [r0]\n"
        "again: str r1, [r0, #8]; b again"
    )
    rig.run(10_000)
    assert len(core._slot.timers._heap) <= 64


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=400))
def test_a_timeline_keeps_the_order_whatever_is_cancelled(entries: list[tuple[int, bool]]) -> None:
    timers, ran, live = Timers(), [], []
    for number, (time, keeps) in enumerate(entries):
        entry: ScheduledTimer = timers.at(time, lambda number=number: ran.append(number))  # type: ignore[misc]
        if keeps:
            live.append((time, number))
        else:
            entry.cancel()
    timers.run_due(50)
    assert ran == [number for _, number in sorted(live)]
    assert timers.next == NEVER


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_has_memory_of_its_own(rig: Rig) -> None:
    core = rig.boot(f"reset: ldr r0, ={SHARED}; again: ldr r1, [r0]; adds r1, #1; str r1, [r0]; b again")
    rig.run(1000)
    before = core.bus.read32(SHARED)
    child = os.fork()
    if child == 0:
        rig.run(1000)
        core.bus.write32(SHARED + 4, 0xDEAD)
        os._exit(0 if core.bus.read32(SHARED) > before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (core.bus.read32(SHARED), core.bus.read32(SHARED + 4)) == (before, 0)
