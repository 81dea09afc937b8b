"""CLINT and PLIC by their registers, and the lines that they drive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hart_rig import FE310, MIV, TWO, first, machine, one

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.embedded.models.interrupt_controllers import PlicModel
from icmsg.engines.embedded.models.timers import ClintModel
from icmsg.errors import BusError
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.hw.bus import Bus

CLINT, PLIC = 0x0200_0000, 0x0C00_0000
MTIMECMP, MTIME = CLINT + 0x4000, CLINT + 0xBFF8
ENABLE, THRESHOLD, CLAIM = PLIC + 0x2000, PLIC + 0x20_0000, PLIC + 0x20_0004
SOFTWARE, TIMER, EXTERNAL = 3, 7, 11
US: Final = 1000


@pytest.fixture
def soc() -> Iterator[EmbeddedMachine]:
    """One hart, that nobody runs: the bus is looked at from outside."""
    with EmbeddedMachine(parse_platform(one())) as made:
        yield made


@pytest.fixture
def bus(soc: EmbeddedMachine) -> Bus:
    return first(soc).bus


def plic_of(soc: EmbeddedMachine) -> PlicModel:
    model = soc.models["plic"]
    assert isinstance(model, PlicModel)
    return model


def pending(soc: EmbeddedMachine, interrupt: int, core: str = "cpu") -> bool:
    return bool(soc.slots[core].nvic.pending >> interrupt & 1)


# CLINT


def test_mtime_counts_virtual_time_at_the_frequency_of_the_platform_file(
    soc: EmbeddedMachine, bus: Bus
) -> None:
    soc.run_for(1_000 * US)
    assert (bus.read32(MTIME), bus.read32(MTIME + 4)) == (10_000, 0)
    bus.write32(MTIME, 0xFFFF_FFFF)
    assert (bus.read32(MTIME), bus.read32(MTIME + 4)) == (0xFFFF_FFFF, 0)
    soc.run_for(1 * US)
    assert (bus.read32(MTIME), bus.read32(MTIME + 4)) == (9, 1)


def test_the_timer_interrupt_rises_at_mtimecmp_and_falls_where_that_is_written(
    soc: EmbeddedMachine, bus: Bus
) -> None:
    assert (bus.read32(MTIMECMP), bus.read32(MTIMECMP + 4)) == (0, 0)
    assert not pending(soc, TIMER)
    bus.write32(MTIMECMP + 4, 0)
    bus.write32(MTIMECMP, 100)
    soc.run_for(10 * US - 20)
    assert not pending(soc, TIMER)
    soc.run_for(20)
    assert pending(soc, TIMER)
    bus.write32(MTIME, 0)
    assert pending(soc, TIMER), "as in Renode, a new MTIME takes nothing back"
    bus.write32(MTIMECMP, 50)
    assert not pending(soc, TIMER)
    soc.run_for(5 * US)
    assert pending(soc, TIMER)
    bus.write32(MTIMECMP + 4, 0xFFFF_FFFF)
    assert not pending(soc, TIMER)


def test_an_mtimecmp_behind_mtime_interrupts_at_once_and_a_later_mtime_brings_it_nearer(
    soc: EmbeddedMachine, bus: Bus
) -> None:
    soc.run_for(10 * US)
    bus.write32(MTIMECMP + 4, 0)
    assert not pending(soc, TIMER), "0x00000000FFFFFFFF"
    bus.write32(MTIMECMP, 99)
    assert pending(soc, TIMER)
    bus.write32(MTIMECMP, 1_000_000)
    bus.write32(MTIME, 999_999)
    assert not pending(soc, TIMER)
    soc.run_for(1 * US)
    assert pending(soc, TIMER)


def test_msip_is_the_software_interrupt_of_its_hart_alone() -> None:
    with EmbeddedMachine(parse_platform(TWO)) as made:
        bus = first(made).bus
        bus.write32(CLINT + 4, 0xFFFF_FFFF)
        assert bus.read32(CLINT + 4) == 1
        assert (pending(made, SOFTWARE, "0"), pending(made, SOFTWARE, "1")) == (False, True)
        bus.write32(CLINT + 4, 0)
        assert not pending(made, SOFTWARE, "1")


def test_each_hart_has_its_own_mtimecmp() -> None:
    with EmbeddedMachine(parse_platform(TWO)) as made:
        bus = first(made).bus
        for hart, due in ((0, 200), (1, 100)):
            bus.write32(MTIMECMP + 8 * hart + 4, 0)
            bus.write32(MTIMECMP + 8 * hart, due)
        made.run_for(10 * US)
        assert (pending(made, TIMER, "0"), pending(made, TIMER, "1")) == (False, True)
        made.run_for(10 * US)
        assert pending(made, TIMER, "0")


@pytest.mark.parametrize("offset", [4, 0x3FFC, 0x4008, 0x5000, 0xBFF4])
def test_where_a_clint_of_one_hart_has_no_register_an_access_is_refused(bus: Bus, offset: int) -> None:
    with pytest.raises(BusError, match="where a CLINT has no such register"):
        bus.read32(CLINT + offset)
    with pytest.raises(BusError, match="where a CLINT has no such register"):
        bus.write32(CLINT + offset, 1)


def test_a_clint_of_mi_v_divides_its_frequency_and_says_by_what() -> None:
    text = one().replace("CoreLevelInterruptor", "MiV_CoreLevelInterruptor")
    with EmbeddedMachine(parse_platform(text.replace("10000000", "50000000\n    prescaler: 100"))) as made:
        bus = first(made).bus
        assert bus.read32(CLINT + 0x5000) == 100
        made.run_for(1_000 * US)
        assert bus.read32(MTIME) == 500


def test_a_reset_of_the_core_resets_what_belongs_to_it_alone(soc: EmbeddedMachine, bus: Bus) -> None:
    soc.run_for(10 * US)
    bus.write32(CLINT, 1)
    bus.write32(MTIMECMP + 4, 0)
    bus.write32(MTIMECMP, 1)
    bus.write32(ENABLE, 1 << 3)
    soc.reset()
    assert (bus.read32(CLINT), bus.read32(MTIMECMP), bus.read32(MTIME), bus.read32(ENABLE)) == (0, 0, 0, 0)
    assert not soc.slots["cpu"].nvic.pending


# PLIC


def test_an_enabled_source_is_claimed_once_and_pends_again_while_its_line_is_high(
    soc: EmbeddedMachine, bus: Bus
) -> None:
    plic = plic_of(soc)
    plic.set_input(3, True)
    assert not pending(soc, EXTERNAL)
    bus.write32(ENABLE, 1 << 3)
    assert pending(soc, EXTERNAL)
    assert bus.read32(PLIC + 0x1000) == 1 << 3
    assert (bus.read32(CLAIM), bus.read32(CLAIM)) == (3, 0)
    assert not pending(soc, EXTERNAL)
    bus.write32(CLAIM, 3)
    assert pending(soc, EXTERNAL)
    plic.set_input(3, False)
    assert bus.read32(CLAIM) == 3, "what pends stays so when the line falls"
    bus.write32(CLAIM, 3)
    assert not pending(soc, EXTERNAL)


def test_the_source_of_the_highest_priority_is_claimed_first_then_the_smallest_number(
    soc: EmbeddedMachine, bus: Bus
) -> None:
    plic = plic_of(soc)
    for source, priority in ((4, 1), (5, 7), (40, 7), (41, 0)):
        bus.write32(PLIC + 4 * source, priority)
    bus.write32(ENABLE, 0xFFFF_FFFF)
    bus.write32(ENABLE + 4, 0xFFFF_FFFF)
    assert (bus.read32(ENABLE), bus.read32(ENABLE + 4)) == (0xFFFF_FFFE, 0x001F_FFFF)
    plic.set_input(41, True)
    assert not pending(soc, EXTERNAL), "priority 0 never interrupts"
    for source in (4, 40, 5):
        plic.set_input(source, True)
    assert [bus.read32(CLAIM) for _ in range(3)] == [5, 40, 4]


def test_what_is_claimed_lets_only_higher_priorities_through(soc: EmbeddedMachine, bus: Bus) -> None:
    plic = plic_of(soc)
    bus.write32(ENABLE, 0xFFFF_FFFE)
    bus.write32(PLIC + 4 * 5, 2)
    plic.set_input(3, True)
    assert bus.read32(CLAIM) == 3
    plic.set_input(4, True)
    assert not pending(soc, EXTERNAL)
    plic.set_input(5, True)
    assert pending(soc, EXTERNAL)
    assert bus.read32(CLAIM) == 5
    bus.write32(CLAIM, 5)
    plic.set_input(3, False)
    bus.write32(CLAIM, 3)
    assert bus.read32(CLAIM) == 5, "5 is high still, and comes before 4"


def test_a_threshold_holds_back_what_is_not_above_it(soc: EmbeddedMachine, bus: Bus) -> None:
    plic = plic_of(soc)
    bus.write32(ENABLE, 1 << 3)
    bus.write32(THRESHOLD, 1)
    plic.set_input(3, True)
    assert not pending(soc, EXTERNAL)
    bus.write32(THRESHOLD, 0)
    assert pending(soc, EXTERNAL)
    bus.write32(ENABLE, 0)
    assert not pending(soc, EXTERNAL)


def test_a_part_of_a_register_can_be_written(soc: EmbeddedMachine, bus: Bus) -> None:
    bus.write8(ENABLE + 1, 0x81)
    assert bus.read32(ENABLE) == 0x8100
    assert bus.read16(ENABLE) == 0x8100
    bus.write8(ENABLE, 0x08)
    assert bus.read32(ENABLE) == 0x8108


def test_without_priorities_every_source_keeps_the_first_one() -> None:
    with EmbeddedMachine(parse_platform(MIV)) as made:
        bus = first(made).bus
        bus.write32(0x4000_0000 + 4, 7)
        assert bus.read32(0x4000_0000 + 4) == 1


def test_gpio_that_nothing_models_is_wired_to_a_plic_all_the_same() -> None:
    with EmbeddedMachine(parse_platform(FE310)) as made:
        assert "gpioInputs" in made.stand_ins
        assert isinstance(made.models["clint"], ClintModel)


def test_stops_in_the_handlers_of_a_hart_change_neither_its_hash_nor_its_times() -> None:
    hashes, told = [], []
    for stops in (False, True):
        with machine(one(), "timer") as made:
            core = first(made)
            if stops:
                core.on_reach("handle", lambda core=core: told.append(core.registers["A0"]))
            made.run_for(450 * US)
            hashes.append(made.trace_sha256())
    assert hashes[0] == hashes[1]
    assert told == [0x8000_0007] * 4
