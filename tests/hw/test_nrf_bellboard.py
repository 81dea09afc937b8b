"""Two bellboards: registers, the access sequences of Zephyr's drivers, drivers and models of Python together."""

from __future__ import annotations

import pytest
from bellboard_sides import APP, EVERY, RAD, Sides
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from mailbox_sites import Site

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailboxes import find_kind, nrf_bellboard
from icmsg.hw.mailboxes.nrf_bellboard import NrfBellboard, NrfBellboardModel


@pytest.fixture
def sides() -> Sides:
    return Sides()


def intenset(group: int) -> int:
    return 0x304 + 0x10 * group


def intpend(group: int) -> int:
    return 0x30C + 0x10 * group


def test_a_core_rings_in_the_bellboard_of_the_other(sides: Sides) -> None:
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert sides.app_bus.read32(APP + 0x100 + 4 * 18) == 1
    assert sides.rad_bell.latched_events == 0
    assert (sides.app.rings, sides.rad.rings) == ([], [18])
    assert (sides.app_bell.sent_signals, sides.rad_bell.sent_signals) == (0, 1)
    assert (sides.app_bell.received_signals, sides.rad_bell.received_signals) == (1, 0)


def test_whoever_writes_the_task_has_rung(sides: Sides) -> None:
    sides.app_bus.write32(APP + 4 * 5, 1)
    sides.app_bus.write8(RAD + 4 * 6, 1)
    sides.rad_bus.write16(RAD + 4 * 7, 1)
    assert (sides.app.rings, sides.rad.rings) == ([5, 6], [7])
    assert (sides.app_bell.latched_events, sides.rad_bell.latched_events) == (1 << 5, 3 << 6)


def test_a_core_without_a_bellboard_rings_too(sides: Sides) -> None:
    ppr = Site("ppr")
    sides.app_bell.drop_next = sides.rad_bell.drop_next = 1
    sides.app_bell.seen_from(ppr).write32(4 * 13, 1)
    assert sides.app_bell.latched_events == 1 << 13
    assert ppr.rings == [13]


def test_an_event_waits_while_no_group_has_it_enabled(sides: Sides) -> None:
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert [line.level for line in sides.app_bell.outputs.values()] == [False] * 4
    sides.app_bus.write32(APP + intenset(2), 1 << 18)
    assert [line.level for line in sides.app_bell.outputs.values()] == [False, False, True, False]


def test_each_group_has_its_own_enables_pending_events_and_line(sides: Sides) -> None:
    for group in range(4):
        sides.app_bus.write32(APP + intenset(group), 1 << 8 * group | 1 << 31)
    for channel in (0, 8, 24):
        sides.rad_bus.write32(APP + 4 * channel, 1)
    assert [sides.app_bus.read32(APP + intpend(group)) for group in range(4)] == [1, 1 << 8, 0, 1 << 24]
    assert [line.level for line in sides.app_bell.outputs.values()] == [True, True, False, True]
    sides.app_bus.write32(APP + 0x308, 1)
    sides.app_bus.write32(APP + 0x100 + 4 * 8, 0)
    assert [line.level for line in sides.app_bell.outputs.values()] == [False, False, False, True]
    sides.rad_bus.write32(APP + 4 * 31, 1)
    assert [line.level for line in sides.app_bell.outputs.values()] == [True] * 4
    assert not any(line.edge for line in sides.app_bell.outputs.values())


def test_rings_merge_while_the_event_is_latched(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(0), 1 << 18)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert sides.rises[0] == 1
    sides.app_bus.write32(APP + 0x100 + 4 * 18, 0)
    assert not sides.app_bell.outputs[0].level


def test_a_zero_triggers_nothing(sides: Sides) -> None:
    sides.rad_bus.write32(APP + 4 * 18, 0)
    assert sides.rad.rings == []
    assert sides.app_bell.latched_events == 0


def test_the_sequence_of_zephyrs_receiver_takes_each_of_two_close_rings(sides: Sides) -> None:
    """``nordic,nrf-bellboard-rx``: only events that INTPEND named are cleared."""
    sides.app_bus.write32(APP + 0x308, 0x0004_0002)
    sides.app_bus.write32(APP + intenset(0), 0x0004_0002)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    pending = sides.app_bus.read32(APP + intpend(0))
    sides.rad_bus.write32(APP + 4 * 1, 1)
    assert pending == 1 << 18
    sides.app_bus.write32(APP + 0x100 + 4 * 18, 0)
    assert sides.app_bell.outputs[0].level
    assert sides.app_bus.read32(APP + intpend(0)) == 1 << 1


# Drivers


def test_the_driver_disables_its_channels_and_forgets_what_was_rung_before(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(0), EVERY)
    for channel in (12, 18):
        sides.rad_bus.write32(APP + 4 * channel, 1)
    sides.app_bus.log.clear()
    NrfBellboard(sides.app_bus, APP, tx_base=RAD, tx_channels=1 << 12, rx_channels=1 << 18)
    assert sides.app_bus.log == [("write", APP + 0x308, 1 << 18), ("write", APP + 0x100 + 4 * 18, 0)]
    assert sides.app_bell.latched_events == 1 << 12
    assert sides.app_bell.enabled_interrupts == EVERY & ~(1 << 18)


def test_every_operation_is_one_access_of_the_register_that_zephyr_uses(sides: Sides) -> None:
    app, rad = sides.drivers()
    sides.app_bus.log.clear()
    app.enable(18)
    app.ring(12)
    rad.ring(18)
    app.pending()
    app.acknowledge(18)
    app.disable(18)
    assert sides.app_bus.log == [
        ("write", APP + 0x304, 1 << 18),
        ("write", RAD + 4 * 12, 1),
        ("read", APP + 0x30C, 1 << 18),
        ("write", APP + 0x100 + 4 * 18, 0),
        ("write", APP + 0x308, 1 << 18),
    ]


def test_a_base_without_a_bellboard_is_a_bus_error() -> None:
    with pytest.raises(BusError, match="0x5F09A308"):
        NrfBellboard(MemoryBus(bytearray(16)), APP, tx_base=RAD, tx_channels=1, rx_channels=1)


# Each side at its own time, faults, and what the Monitor knows


def test_a_ring_carries_its_time_to_the_other_core() -> None:
    sides = Sides(runs=True)
    sides.rad.advance(70)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    sides.app.advance(69)
    assert sides.app_bell.latched_events == 0
    sides.app.advance(70)
    assert sides.app_bell.latched_events == 1 << 18
    sides.app_bus.write32(APP + 4 * 3, 1)
    assert sides.app_bell.latched_events == 1 << 18 | 1 << 3, "its own ring needs no delivery"


def test_faults_are_those_of_the_core_that_rings(sides: Sides) -> None:
    sides.rad_bell.drop_next = 1
    sides.app_bus.write32(RAD + 4 * 12, 1)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert (sides.rad_bell.latched_events, sides.app_bell.latched_events) == (1 << 12, 0)
    assert (sides.app.losses, sides.rad.losses) == ([], [(18, 1 << 18)])
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert sides.app_bell.latched_events == 1 << 18
    assert sides.rad_bell.dropped_signals == 1


def test_signals_are_lost_by_channel_delayed_and_doubled(sides: Sides) -> None:
    sides.rad_bell.drop_mask = 1 << 5
    sides.rad_bell.signal_delay_microseconds = 7
    sides.rad_bell.duplicate_next = 1
    sides.rad_bus.write32(APP + 4 * 5, 1)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    assert [delay for delay, _ in sides.rad.later] == [7, 107]
    assert sides.app_bell.latched_events == 0
    sides.rad.pass_time()
    assert sides.app_bell.latched_events == 1 << 18
    assert sides.app_bell.received_signals == 2


def test_a_spurious_doorbell_comes_without_a_ring_to_all_others(sides: Sides) -> None:
    sides.rad_bell.drop_next = 9
    sides.rad_bell.signal(1 << 18)
    assert (sides.app_bell.latched_events, sides.rad_bell.latched_events) == (1 << 18, 0)
    assert sides.rad.rings == []
    with pytest.raises(ConfigurationError, match="32 channels"):
        sides.rad_bell.signal(1 << 32)


def test_the_status_is_registers_counters_and_faults_in_one_line(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(1), 1 << 18)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    sides.app_bell.drop_mask = 2
    assert sides.app_bell.get_status() == (
        "INTEN=0x00040000 EVENTS=0x00040000 IRQ=1 sent=0 received=1 dropped=0 duplicated=0 faults: drop channels 0x2"
    )


def test_a_reset_clears_the_own_bellboard_only(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(0), EVERY)
    sides.app_bus.write32(RAD + 4 * 3, 1)
    sides.rad_bus.write32(APP + 4 * 18, 1)
    sides.app_bell.seen_from(sides.rad).reset()
    assert sides.app_bell.latched_events == 1 << 18
    sides.app_bell.reset()
    assert (sides.app_bell.latched_events, sides.app_bell.enabled_interrupts) == (0, 0)
    assert not sides.app_bell.outputs[0].level
    assert sides.rad_bell.latched_events == 1 << 3


# What diagnosis asks


def test_reading_the_state_changes_nothing_and_joins_the_groups(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(0), 1 << 18)
    sides.app_bus.write32(APP + intenset(3), 1 << 4)
    sides.rad_bus.write32(APP + 4 * 4, 1)
    before = list(sides.app_bell.words)
    state = nrf_bellboard.read_state(sides.app_bus, APP)
    assert sides.app_bell.words == before
    assert (state.enabled, state.latched, state.interrupts) == (1 << 18 | 1 << 4, 1 << 4, True)
    assert str(state) == "INTEN=0x00040010 EVENTS=0x00000010 IRQ=1"
    other = nrf_bellboard.read_state(sides.rad_bus, RAD)
    assert [state.hears_from(other, channel) for channel in range(33)] == [1 << n for n in range(32)] + [0]
    assert (state.is_set_up, other.is_set_up) == (True, False)


def test_the_output_of_a_channel_is_the_group_that_has_it_enabled(sides: Sides) -> None:
    sides.app_bus.write32(APP + intenset(2), 1 << 18)
    assert [nrf_bellboard.KIND.output(sides.app_bus, APP, channel) for channel in (18, 12)] == [2, 0]


def test_the_kind_is_known_by_type_and_covers_zephyrs_compatibles() -> None:
    kind = find_kind("Miscellaneous.NRF_BELLBOARD")
    assert kind is nrf_bellboard.KIND
    assert kind.compatible == ("nordic,nrf-bellboard-rx", "nordic,nrf-bellboard-tx")
    assert kind.rings_peer


def test_peers_that_do_not_fit_are_refused(sides: Sides) -> None:
    with pytest.raises(ConfigurationError, match="peer must be another NRF_BELLBOARD"):
        nrf_bellboard.KIND.model(Site("rad"), RAD, {"peer": object()})
    with pytest.raises(ConfigurationError, match="core rad has a bellboard already"):
        NrfBellboardModel(sides.rad, base=RAD, peer=sides.app_bell)


# Any sequence of accesses, against the rules in their shortest form


class BothSides(RuleBasedStateMachine):
    """For each bellboard the latched events, and the enabled ones of each group."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = Sides()
        self.bells = (self.sides.app_bell, self.sides.rad_bell)
        self.buses = (self.sides.app_bus, self.sides.rad_bus)
        self.latched = [0, 0]
        self.enabled = [[0] * 4, [0] * 4]

    @rule(core=st.integers(0, 1), bell=st.integers(0, 1), channel=st.integers(0, 31))
    def rings(self, core: int, bell: int, channel: int) -> None:
        self.buses[core].write32((APP, RAD)[bell] + 4 * channel, 1)
        self.latched[bell] |= 1 << channel

    @rule(bell=st.integers(0, 1), channel=st.integers(0, 31))
    def clears(self, bell: int, channel: int) -> None:
        self.buses[bell].write32((APP, RAD)[bell] + 0x100 + 4 * channel, 0)
        self.latched[bell] &= ~(1 << channel)

    @rule(bell=st.integers(0, 1), group=st.integers(0, 3), mask=st.integers(0, EVERY), on=st.booleans())
    def enables(self, bell: int, group: int, mask: int, on: bool) -> None:
        self.buses[bell].write32((APP, RAD)[bell] + intenset(group) + (0 if on else 4), mask)
        old = self.enabled[bell][group]
        self.enabled[bell][group] = old | mask if on else old & ~mask

    @rule(bell=st.integers(0, 1))
    def resets(self, bell: int) -> None:
        self.bells[bell].reset()
        self.latched[bell], self.enabled[bell] = 0, [0] * 4

    @invariant()
    def events_groups_and_lines_agree(self) -> None:
        for index, (bell, bus) in enumerate(zip(self.bells, self.buses, strict=True)):
            base = (APP, RAD)[index]
            assert bell.latched_events == self.latched[index]
            events = sum(bus.read32(base + 0x100 + 4 * channel) << channel for channel in range(32))
            assert events == self.latched[index]
            for group in range(4):
                pending = self.latched[index] & self.enabled[index][group]
                assert bus.read32(base + intpend(group)) == pending
                assert bell.outputs[group].level is bool(pending)


def test_any_sequence_of_accesses_keeps_to_the_rules() -> None:
    run_state_machine_as_test(
        BothSides, settings=settings(deadline=None, max_examples=30, stateful_step_count=25)
    )
