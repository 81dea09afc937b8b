"""Eight hours of a system that does nothing: a tickless clock on a counter of 24 bits, asleep in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soc import S
from tickless import LONGEST, TICKLESS

if TYPE_CHECKING:
    from rig import Rig

HOURS: Final = 8
RATE: Final = 32768


def test_the_clock_goes_on_over_every_wrap_of_the_counter(rig: Rig) -> None:
    core = rig.boot(TICKLESS)
    rig.machine.run_for(HOURS * 3600 * S)
    cycles, wakes = rig.words(2)
    assert wakes == HOURS * 3600 * RATE // LONGEST
    assert cycles == wakes * LONGEST
    assert core.instructions < 100 * wakes, "it sleeps in between"
    assert rig.machine.warnings == []
