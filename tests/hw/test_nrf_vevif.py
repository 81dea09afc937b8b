"""VEVIF from both sides: registers, the access sequences of Zephyr's drivers, drivers and models of Python together."""

from __future__ import annotations

import errno

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from mailbox_sites import Site
from vevif_sides import CSRS, EVENTS, EVERY, IRQ, TASKS, VPR, Sides

from icmsg.errors import BusError, ConfigurationError, MailboxError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import channels_in
from icmsg.hw.mailboxes import find_kind, nrf_vevif, nrf_vevif_csr
from icmsg.hw.mailboxes.nrf_vevif import NrfVevifModel
from icmsg.hw.mailboxes.nrf_vevif_csr import CLICINT, NrfVevifCsr
from icmsg.hw.model_bus import ModelBus
from icmsg.ipc.backend import InterruptHandler

EVENT = 1 << 20
TASK = 1 << 21


@pytest.fixture
def sides() -> Sides:
    return Sides()


def test_a_task_sets_its_bit_and_raises_the_line_of_its_number_until_the_vpr_clears_it(sides: Sides) -> None:
    sides.task(21)
    assert sides.csrr("TASKS") == TASK
    assert [n for n, line in sides.csrs.outputs.items() if line.level] == [21]
    sides.csr_clear("TASKS", TASK)
    assert sides.csrr("TASKS") == 0
    assert not sides.csrs.outputs[21].level


def test_tasks_merge_while_the_bit_is_set(sides: Sides) -> None:
    sides.task(21)
    sides.task(21)
    assert sides.flpr_rises[21] == 1
    sides.csr_clear("TASKS", TASK)
    assert sides.csrr("TASKS") == 0
    sides.task(21)
    assert sides.flpr_rises[21] == 2


def test_every_wired_task_has_an_output_and_no_other(sides: Sides) -> None:
    assert list(sides.csrs.outputs) == list(range(16, 23))


def test_a_task_without_a_wire_is_a_ring_that_is_refused_in_words(sides: Sides) -> None:
    with pytest.raises(
        BusError, match=r"TASKS_TRIGGER\[3\] has no wire in this SoC; tasks that have one: 16, 17"
    ):
        sides.task(3)
    assert sides.csrr("TASKS") == 0
    assert sides.app.rings == [3]
    assert sides.vpr.sent_signals == 1
    assert sides.csrs.received_signals == 0


def test_a_zero_triggers_nothing(sides: Sides) -> None:
    sides.vpr.write32(4 * 21, 0)
    assert sides.csrr("TASKS") == 0
    assert sides.app.rings == []


def test_the_vpr_can_trigger_its_own_tasks_which_is_no_ring(sides: Sides) -> None:
    sides.csr_set("TASKS", EVERY)
    assert sides.csrr("TASKS") == TASKS
    assert sides.flpr_rises[16] == 1
    assert sides.flpr.rings == sides.app.rings == []


@pytest.mark.parametrize("clear", ["VPR", "other core"])
def test_an_event_is_latched_for_both_until_either_clears_it(sides: Sides, clear: str) -> None:
    sides.csr_set("EVENTS", EVENT)
    assert (sides.csrr("EVENTS"), sides.event(20)) == (EVENT, 1)
    assert sides.flpr.rings == [20]
    if clear == "VPR":
        sides.csr_clear("EVENTS", EVENT)
    else:
        sides.clear_event(20)
    assert (sides.csrr("EVENTS"), sides.event(20)) == (0, 0)


def test_an_event_without_a_wire_is_a_ring_that_changes_nothing(sides: Sides) -> None:
    sides.csr_set("EVENTS", 1 << 3)
    assert sides.csrr("EVENTS") == 0
    assert sides.event(3) == 0
    assert sides.flpr.rings == [3]
    assert sides.csrs.sent_signals == 1
    assert sides.vpr.received_signals == 0


def test_csrrw_of_events_sets_and_clears(sides: Sides) -> None:
    sides = Sides(events=EVERY)
    sides.csr_set("EVENTS", 0b0110)
    sides.csrw("EVENTS", 0b1100)
    assert sides.csrr("EVENTS") == sides.vpr.latched_events == 0b1100
    assert sides.flpr.rings == [1, 2, 3]


def test_a_one_sets_no_event(sides: Sides) -> None:
    sides.vpr.write32(0x100 + 4 * 20, 1)
    sides.vpr.write32(0x100 + 4 * 3, 1)
    assert (sides.event(20), sides.event(3), sides.csrr("EVENTS")) == (0, 0, 0)


def test_the_masks_of_wired_channels_can_be_read_beside_the_csrs(sides: Sides) -> None:
    assert (sides.csrr("TASKSWIRED"), sides.csrr("EVENTSWIRED")) == (TASKS, EVENTS)


def test_inten_holds_wired_events_and_is_one_register_for_both(sides: Sides) -> None:
    sides.intenset(EVERY)
    assert sides.vpr.read32(0x300) == sides.vpr.read32(0x304) == sides.csrr("INTEN") == EVENTS
    sides.csr_clear("INTEN", EVENT)
    assert sides.vpr.read32(0x300) == sides.csrr("INTEN") == 0
    sides.csr_set("EVENTS", EVENT)
    assert sides.app_rises[IRQ] == 0
    sides.csr_set("INTEN", EVERY)
    assert sides.app_rises[IRQ] == 1


def test_the_interrupt_is_an_edge_input_with_the_level_of_events_and_inten(sides: Sides) -> None:
    line = sides.vpr.irq
    assert line.edge
    sides.csr_set("EVENTS", EVENT)
    assert not line.level
    sides.intenset(EVENT)
    assert line.level
    assert sides.vpr.read32(0x30C) == EVENT
    sides.vpr.write32(0x308, EVENT)
    assert not line.level
    sides.intenset(EVENT)
    assert sides.app_rises[IRQ] == 2
    sides.clear_event(20)
    assert not line.level


def test_each_event_that_joins_others_is_an_edge_of_its_own() -> None:
    sides = Sides(events=0xF000_0000)
    sides.intenset(EVERY)
    for channel in (28, 29, 28):
        sides.csr_set("EVENTS", 1 << channel)
    assert sides.app_rises[IRQ] == 2
    assert sides.vpr.irq.level


# What Zephyr's drivers do, access for access


def errata_sender_rings(sides: Sides) -> None:
    """``nordic,nrf-vevif-event-tx`` with CONFIG_MBOX_NRF_VEVIF_EVENT_USE_54L_ERRATA_16."""
    sides.csr_set("EVENTS", EVENT)
    for _ in range(3):
        if sides.csrr("EVENTS") & EVENT:
            sides.csr_clear("EVENTS", EVENT)
            return
    raise AssertionError("the bit never reads 1")


def normal_receiver_handles(sides: Sides) -> list[int]:
    """The interrupt handler of ``nordic,nrf-vevif-event-rx``; returns the channels whose callback it calls."""
    found = []
    for channel in range(16, 23):
        if sides.event(channel):
            sides.clear_event(channel)
            found.append(channel)
    return found


def test_every_ring_interrupts_where_both_sides_have_the_work_around_for_errata_16(sides: Sides) -> None:
    sides.intenset(EVERY)
    for count in range(1, 4):
        errata_sender_rings(sides)
        assert sides.app_rises[IRQ] == count
        assert not sides.vpr.irq.level
    assert sides.vpr.latched_events == 0


def test_every_ring_interrupts_where_no_side_has_the_work_around(sides: Sides) -> None:
    sides.intenset(EVENT)
    for count in range(1, 4):
        sides.csr_set("EVENTS", EVENT)
        assert sides.app_rises[IRQ] == count
        assert normal_receiver_handles(sides) == [20]
    assert normal_receiver_handles(sides) == []


def test_a_receiver_with_the_work_around_hears_a_sender_without_it_once(sides: Sides) -> None:
    sides.intenset(EVERY)
    sides.csr_set("EVENTS", EVENT)
    sides.csr_set("EVENTS", EVENT)
    assert sides.app_rises[IRQ] == 1


def test_a_receiver_without_the_work_around_finds_no_event_of_a_sender_with_it(sides: Sides) -> None:
    sides.intenset(EVENT)
    errata_sender_rings(sides)
    assert sides.app_rises[IRQ] == 1
    assert normal_receiver_handles(sides) == []


def test_python_on_the_vpr_is_heard_by_both_kinds_of_receivers() -> None:
    with_work_around, without = Sides(), Sides()
    for sides, enabled in ((with_work_around, EVERY), (without, EVENT)):
        _, flpr = sides.drivers(tx=TASK, rx=EVENT)
        sides.intenset(enabled)
        for count in range(1, 4):
            flpr.ring(20)
            assert sides.app_rises[IRQ] == count
            if sides is without:
                assert normal_receiver_handles(sides) == [20]


def test_python_beside_the_vpr_hears_both_kinds_of_senders() -> None:
    heard = []

    class Instance:
        mailbox_rang = staticmethod(lambda: heard.append(20))

        class config:  # noqa: N801
            rx_channel = 20

    for ring in (errata_sender_rings, lambda sides: sides.csr_set("EVENTS", EVENT)):
        sides = Sides()
        app, _ = sides.drivers(tx=TASK, rx=EVENT)
        app.enable(20)
        handler = InterruptHandler(app)
        handler.add(Instance())  # type: ignore[arg-type]
        heard.clear()
        for count in range(1, 4):
            ring(sides)
            assert sides.app_rises[IRQ] == count
            handler.handle()
            assert len(heard) == count
        assert sides.vpr.latched_events == 0


def test_the_receiver_of_tasks_takes_one_interrupt_for_each_task(sides: Sides) -> None:
    """``nordic,nrf-vevif-task-rx``: TASKS cleared at first, then the bit of the interrupt."""
    sides.task(16)
    sides.csr_clear("TASKS", EVERY)
    sides.task(21)
    sides.task(16)
    for channel in (16, 21):
        sides.csr_clear("TASKS", 1 << channel)
        assert not sides.csrs.outputs[channel].level
    assert sides.csrr("TASKS") == 0


# Drivers


def test_the_drivers_do_what_zephyrs_do_and_no_other_access(sides: Sides) -> None:
    app, flpr = sides.drivers(tx=TASK, rx=EVENT)
    sides.app_bus.log.clear()
    sides.flpr_bus.log.clear()
    app.enable(20)
    flpr.enable(21)
    app.ring(21)
    assert flpr.pending() == TASK
    flpr.acknowledge(21)
    flpr.ring(20)
    assert app.pending() == EVENT
    app.acknowledge(20)
    app.disable(20)
    flpr.disable(21)
    assert sides.app_bus.log == [
        ("write", VPR + 0x304, EVENT),
        ("read", VPR + 0x300, EVENT),
        ("write", VPR + 4 * 21, 1),
        ("read", VPR + 0x30C, EVENT),
        ("write", VPR + 0x100 + 4 * 20, 0),
        ("write", VPR + 0x308, EVENT),
    ]
    assert sides.flpr_bus.log == [
        ("read", CLICINT + 4 * 21, 0),
        ("write", CLICINT + 4 * 21, 0x100),
        ("read", CSRS + 0x7E00, TASK),
        ("write", CSRS + 0x7E08, TASK),
        ("write", CSRS + 0x7E28, EVENT),
        ("write", CSRS + 0x7E24, EVENT),
        ("read", CLICINT + 4 * 21, 0x100),
        ("write", CLICINT + 4 * 21, 0),
    ]


def test_the_vprs_driver_clears_the_tasks_at_first_and_the_other_one_changes_nothing(sides: Sides) -> None:
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    sides.drivers(tx=TASK, rx=EVENT)
    assert sides.csrr("TASKS") == 0
    assert sides.csrr("EVENTS") == EVENT


def test_a_ring_before_the_other_side_listens_interrupts_when_it_does(sides: Sides) -> None:
    sides.csr_set("EVENTS", EVENT)
    app, _ = sides.drivers(tx=TASK, rx=EVENT)
    app.enable(20)
    assert sides.app_rises[IRQ] == 1
    assert app.pending() == EVENT


def test_a_channel_without_a_wire_is_refused_with_einval_on_both_sides(sides: Sides) -> None:
    app, flpr = sides.drivers()
    for refused in (
        lambda: app.enable(3),
        lambda: app.enable(3),
        lambda: flpr.enable(3),
        lambda: flpr.ring(3),
        lambda: flpr.ring(21),
    ):
        with pytest.raises(MailboxError) as caught:
            refused()
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(BusError, match="has no wire"):
        app.ring(3)
    assert not app.is_enabled(20)
    app.enable(20)


def test_a_vpr_that_has_none_of_the_channels_is_refused_when_its_driver_is_made(sides: Sides) -> None:
    with pytest.raises(
        ConfigurationError, match="tx-channel 3 has no wire in this VPR; channels that have one: 20"
    ):
        NrfVevifCsr(sides.flpr_bus, CSRS, tx_channels=1 << 3, rx_channels=TASK)
    with pytest.raises(ConfigurationError, match="only channels 0…31"):
        NrfVevifCsr(sides.flpr_bus, CSRS, tx_channels=1 << 32, rx_channels=TASK)


def test_a_base_without_the_peripheral_is_a_bus_error() -> None:
    memory = MemoryBus(bytearray(16), base=0x2000_0000)
    with pytest.raises(BusError, match="0x5004C300"):
        nrf_vevif.make_driver(memory, VPR, tx_base=VPR, tx_channels=1, rx_channels=1)
    with pytest.raises(BusError, match="0xF0017E2C"):
        nrf_vevif_csr.make_driver(memory, CSRS, tx_base=CSRS, tx_channels=1, rx_channels=1)


# Each side at its own time


def test_a_ring_carries_its_time_to_the_other_core() -> None:
    sides = Sides(runs=True)
    sides.intenset(EVENT)
    sides.flpr.advance(100)
    sides.csr_set("EVENTS", EVENT)
    sides.app.advance(99)
    assert sides.event(20) == 0
    sides.app.advance(100)
    assert sides.event(20) == 1
    sides.app.time = 150
    sides.task(21)
    sides.flpr.advance(149)
    assert sides.csrr("TASKS") == 0
    sides.flpr.advance(150)
    assert sides.csrr("TASKS") == TASK


def test_an_event_that_is_set_and_cleared_again_is_an_edge_however_late_it_comes() -> None:
    sides = Sides(runs=True)
    sides.intenset(EVERY)
    sides.flpr.advance(100)
    errata_sender_rings(sides)
    sides.app.advance(500)
    assert sides.app_rises[IRQ] == 1
    assert not sides.vpr.irq.level


def test_a_ring_that_is_newer_than_the_clear_of_the_one_before_stays() -> None:
    sides = Sides(runs=True)
    sides.intenset(EVENT)
    sides.flpr.advance(10)
    sides.csr_set("EVENTS", EVENT)
    sides.app.advance(20)
    sides.flpr.advance(30)
    sides.csr_set("EVENTS", EVENT)
    sides.clear_event(20)  # at 20, while the VPR is at 30
    assert sides.csrr("EVENTS") == EVENT
    sides.app.advance(30)
    assert sides.event(20) == 1
    assert sides.app_rises[IRQ] == 2
    sides.clear_event(20)
    assert sides.csrr("EVENTS") == 0


# Resets


def test_a_reset_of_the_vpr_resets_its_csrs_for_both_sides_but_not_inten(sides: Sides) -> None:
    sides.intenset(EVENT)
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    sides.csrs.reset()
    assert [sides.csrr(name) for name in ("TASKS", "EVENTS", "INTEN")] == [0, 0, EVENT]
    assert not sides.csrs.outputs[21].level
    assert sides.event(20) == 0
    assert not sides.vpr.irq.level


def test_a_reset_of_the_other_core_resets_inten_and_keeps_what_is_the_vprs(sides: Sides) -> None:
    sides.intenset(EVENT)
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    sides.vpr.reset()
    assert [sides.csrr(name) for name in ("TASKS", "EVENTS", "INTEN")] == [TASK, EVENT, 0]
    assert sides.event(20) == 1
    assert not sides.vpr.irq.level
    sides.intenset(EVENT)
    assert sides.app_rises[IRQ] == 2


# Faults, and what the Monitor knows


def test_the_next_signals_of_a_side_are_lost(sides: Sides) -> None:
    sides.vpr.drop_next = sides.csrs.drop_next = 1
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    assert (sides.csrr("TASKS"), sides.event(20)) == (0, 0)
    assert sides.csrr("EVENTS") == EVENT, "who waits for the bit sees it"
    assert (sides.app.losses, sides.flpr.losses) == ([(21, TASK)], [(20, EVENT)])
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    assert (sides.csrr("TASKS"), sides.event(20)) == (TASK, 1)
    assert "sent=2 received=1 dropped=1 duplicated=0" in sides.vpr.get_status()


def test_signals_are_lost_by_channel_delayed_and_doubled(sides: Sides) -> None:
    sides.vpr.drop_mask = TASK
    sides.vpr.signal_delay_microseconds = 7
    sides.vpr.duplicate_next = 1
    sides.task(21)
    sides.task(16)
    assert [delay for delay, _ in sides.app.later] == [7, 107]
    assert sides.csrr("TASKS") == 0
    sides.app.pass_time()
    assert sides.csrr("TASKS") == 1 << 16
    assert sides.csrs.received_signals == 2


def test_a_late_signal_of_a_sender_with_the_work_around_is_still_an_edge(sides: Sides) -> None:
    sides.intenset(EVERY)
    sides.csrs.signal_delay_microseconds = 5
    sides.csrs.duplicate_next = 1
    errata_sender_rings(sides)
    assert sides.app_rises[IRQ] == 0
    sides.flpr.pass_time()
    assert sides.app_rises[IRQ] == 2
    assert sides.event(20) == 0


def test_a_late_signal_of_a_sender_without_it_stays_latched(sides: Sides) -> None:
    sides.csrs.signal_delay_microseconds = 5
    sides.csr_set("EVENTS", EVENT)
    sides.flpr.pass_time()
    assert sides.event(20) == 1


def test_a_spurious_doorbell_comes_without_a_ring(sides: Sides) -> None:
    sides.vpr.drop_next = sides.csrs.drop_next = 9
    sides.vpr.signal(TASK | 1)
    sides.csrs.signal(EVENT | 1)
    assert (sides.csrs.latched_events, sides.vpr.latched_events) == (TASK, EVENT)
    assert sides.csrr("EVENTS") == EVENT
    assert sides.app.rings == sides.flpr.rings == []
    with pytest.raises(ConfigurationError, match="32 channels"):
        sides.vpr.signal(1 << 32)


def test_the_status_is_registers_counters_and_faults_in_one_line(sides: Sides) -> None:
    sides.intenset(EVENT)
    sides.csr_set("EVENTS", EVENT)
    sides.task(21)
    sides.vpr.drop_next = 2
    assert sides.vpr.get_status() == (
        "INTEN=0x00100000 EVENTS=0x00100000 IRQ=1 sent=1 received=1 dropped=0 duplicated=0 faults: drop the next 2"
    )
    assert sides.csrs.get_status() == (
        "TASKS=0x00200000 EVENTS=0x00100000 IRQ=1 sent=1 received=1 dropped=0 duplicated=0"
    )


# What diagnosis asks


def test_reading_the_state_changes_nothing_and_says_what_is_enabled_and_latched(sides: Sides) -> None:
    app_driver, flpr_driver = sides.drivers(tx=TASK, rx=EVENT)
    app_driver.enable(20)
    flpr_driver.enable(21)
    sides.task(21)
    sides.csr_set("EVENTS", EVENT)
    before = (list(sides.vpr.words), list(sides.csrs.words), sides.clic.read_block(CLICINT, 0x1000))
    app, flpr = (
        nrf_vevif.read_state(sides.app_bus, VPR),
        nrf_vevif_csr.read_state(sides.flpr_bus, CSRS),
    )
    assert (list(sides.vpr.words), list(sides.csrs.words), sides.clic.read_block(CLICINT, 0x1000)) == before
    assert (app.enabled, app.latched, app.interrupts) == (EVENT, EVENT, True)
    assert (flpr.enabled, flpr.latched, flpr.interrupts) == (TASK, TASK, True)
    assert str(app) == "INTEN=0x00100000 EVENTS=0x00100000 IRQ=1"
    assert str(flpr) == "IE=0x00200000 TASKS=0x00200000 IRQ=1"


def test_each_side_hears_what_is_wired_from_the_other(sides: Sides) -> None:
    app = nrf_vevif.read_state(sides.app_bus, VPR)
    flpr = nrf_vevif_csr.read_state(sides.flpr_bus, CSRS)
    assert [channel for channel in range(40) if flpr.hears_from(app, channel)] == list(range(16, 23))
    assert [channel for channel in range(40) if app.hears_from(flpr, channel)] == [20]
    assert flpr.hears_from(app, 21) == TASK
    assert app.hears_from(flpr, 20) == EVENT
    assert channels_in(sum(flpr.sends)) == [20]
    assert not app.is_set_up


def test_a_forced_ring_needs_no_driver(sides: Sides) -> None:
    nrf_vevif.force_ring(sides.app_bus, VPR, 21)
    nrf_vevif_csr.force_ring(sides.flpr_bus, CSRS, 20)
    assert (sides.csrr("TASKS"), sides.event(20)) == (TASK, 1)


def test_both_kinds_are_known_by_type_and_cover_zephyrs_compatibles() -> None:
    app, flpr = find_kind("Miscellaneous.NRF_VEVIF"), find_kind("Miscellaneous.NRF_VEVIF_CSR")
    assert app is nrf_vevif.KIND
    assert flpr is nrf_vevif_csr.KIND
    assert app.compatible == ("nordic,nrf-vevif-task-tx", "nordic,nrf-vevif-event-rx")
    assert flpr.compatible == ("nordic,nrf-vevif-task-rx", "nordic,nrf-vevif-event-tx")
    assert flpr.output(MemoryBus(bytearray(4)), CSRS, 21) == 21


def test_masks_and_peers_that_do_not_fit_are_refused(sides: Sides) -> None:
    site = Site("app")
    with pytest.raises(ConfigurationError, match="peer must be the NRF_VEVIF_CSR of the VPR"):
        nrf_vevif.KIND.model(site, VPR, {})
    with pytest.raises(ConfigurationError, match="tasks must be a mask"):
        nrf_vevif_csr.KIND.model(site, CSRS, {"tasks": 1 << 32})
    with pytest.raises(ConfigurationError, match="the VPR flpr, has its peripheral at core app already"):
        NrfVevifModel(site, sides.csrs, base=VPR)


# Any sequence of accesses, against the rules in their shortest form


class BothSides(RuleBasedStateMachine):
    """Three sets: triggered tasks, latched events, enabled interrupts."""

    wired_tasks: int
    wired_events: int

    def __init__(self) -> None:
        super().__init__()
        self.sides = Sides(tasks=self.wired_tasks, events=self.wired_events)
        self.tasks = self.events = self.inten = 0

    @rule(channel=st.integers(0, 31))
    def triggers(self, channel: int) -> None:
        if self.wired_tasks >> channel & 1:
            self.sides.task(channel)
            self.tasks |= 1 << channel
        else:
            with pytest.raises(BusError):
                self.sides.task(channel)

    @rule(mask=st.integers(0, EVERY))
    def clears_tasks(self, mask: int) -> None:
        self.sides.csr_clear("TASKS", mask)
        self.tasks &= ~mask

    @rule(mask=st.integers(0, EVERY))
    def sets_events(self, mask: int) -> None:
        self.sides.csr_set("EVENTS", mask)
        self.events |= mask & self.wired_events

    @rule(value=st.integers(0, EVERY))
    def writes_events(self, value: int) -> None:
        self.sides.csrw("EVENTS", value)
        self.events = value & self.wired_events

    @rule(mask=st.integers(0, EVERY))
    def clears_events(self, mask: int) -> None:
        self.sides.csr_clear("EVENTS", mask)
        self.events &= ~mask

    @rule(channel=st.integers(0, 31), value=st.integers(0, 1))
    def writes_event(self, channel: int, value: int) -> None:
        self.sides.vpr.write32(0x100 + 4 * channel, value)
        if not value:
            self.events &= ~(1 << channel)

    @rule(mask=st.integers(0, EVERY), register=st.sampled_from([0x304, 0x308]))
    def enables(self, mask: int, register: int) -> None:
        self.sides.vpr.write32(register, mask)
        self.inten = (self.inten | mask) & self.wired_events if register == 0x304 else self.inten & ~mask

    @rule(mask=st.integers(0, EVERY))
    def enables_from_the_vpr(self, mask: int) -> None:
        self.sides.csr_set("INTEN", mask)
        self.inten |= mask & self.wired_events

    @rule()
    def resets_the_vpr(self) -> None:
        self.sides.csrs.reset()
        self.tasks = self.events = 0

    @rule()
    def resets_the_other(self) -> None:
        self.sides.vpr.reset()
        self.inten = 0

    @invariant()
    def both_sides_say_the_same(self) -> None:
        sides = self.sides
        assert sides.csrr("TASKS") == self.tasks
        assert sides.csrr("EVENTS") == sides.vpr.latched_events == self.events
        assert sum(sides.event(channel) << channel for channel in range(32)) == self.events
        assert sides.csrr("INTEN") == sides.vpr.read32(0x300) == self.inten
        assert sides.vpr.read32(0x30C) == self.events & self.inten
        assert sides.vpr.irq.level is bool(self.events & self.inten)
        assert {n for n, line in sides.csrs.outputs.items() if line.level} == set(channels_in(self.tasks))


@pytest.mark.parametrize("masks", [(TASKS, EVENTS), (EVERY, EVERY), (0xFFFF_0000, 0xF000_0000)])
def test_any_sequence_of_accesses_keeps_to_the_rules(masks: tuple[int, int]) -> None:
    class Machine(BothSides):
        wired_tasks, wired_events = masks

    run_state_machine_as_test(
        Machine, settings=settings(deadline=None, max_examples=30, stateful_step_count=25)
    )


def test_registers_can_be_accessed_in_parts(sides: Sides) -> None:
    bus = ModelBus(sides.vpr)
    bus.write8(VPR + 4 * 21, 1)
    assert sides.csrr("TASKS") == TASK
    sides.csr_set("EVENTS", EVENT)
    assert bus.read8(VPR + 0x100 + 4 * 20) == 1
    bus.write16(VPR + 0x100 + 4 * 20, 0)
    assert sides.csrr("EVENTS") == 0
