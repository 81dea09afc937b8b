"""The mailbox peripheral of every engine, register by register, as each core sees it (nRF5340 PS, IPC)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from looped import Cases, for_each
from machines import APP_IPC, APP_IPC_NS, IPC, IRQ, MAILBOXES, MachineUnderTest

from icmsg.errors import BusError
from icmsg.hw.mailboxes.nrf_ipc import CHANNELS
from icmsg.hw.mailboxes.nrf_ipc import IPC as TABLE
from icmsg.hw.registers import Access, Register

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine

SEND, RECEIVE = (TABLE.offset(name) for name in ("TASKS_SEND", "EVENTS_RECEIVE"))
INTEN, INTENSET, INTENCLR, INTPEND = (
    TABLE.offset(name) for name in ("INTEN", "INTENSET", "INTENCLR", "INTPEND")
)
SEND_CNF, RECEIVE_CNF = (TABLE.offset(name) for name in ("SEND_CNF", "RECEIVE_CNF"))
ELEMENTS: Final = [(offset, register, register.label(index)) for offset, register, index in TABLE.elements()]
FIRST_AND_LAST: Final = [
    element for element in ELEMENTS if element[2].split("[")[-1] in ("0]", "15]") or "[" not in element[2]
]

everywhere = for_each(("core", "base"), MAILBOXES)
STORAGE: Final = [
    element for element in FIRST_AND_LAST if element[1].access is Access.RW and element[1].target is None
]
WRITE_ONLY: Final = [element for element in FIRST_AND_LAST if element[1].access is Access.W]


def bits(register: Register) -> int:
    mask = 0
    for field in register.fields:
        mask |= field.mask
    return mask or register.mask


def is_made_of_others(register: Register) -> bool:
    """INTENSET and INTENCLR show INTEN, INTPEND what is latched and enabled."""
    return register.target is not None or register.name == "INTPEND"


@everywhere
def test_every_register_reads_its_reset_value(machine: Machine, core: str, base: int) -> None:
    bus = machine.core(core).bus
    for offset, register, label in ELEMENTS:
        assert bus.read32(base + offset) == register.reset_value, label


@everywhere
def test_what_can_be_written_holds_its_bits_and_nothing_else_changes(
    machine: Machine, core: str, base: int
) -> None:
    """Written in one order and in the other: what a write did to any other register shows at the end of either."""
    bus = machine.core(core).bus
    at_first = {offset: bus.read32(base + offset) for offset, _, _ in ELEMENTS}
    for order, kept in ((STORAGE, (0x5555_5555, 0xAAAA_AAAA)), (STORAGE[::-1], (0xFFFF_0F0F, 0x0000_F0F0))):
        expected = {
            offset: at_first[offset] for offset, register, _ in ELEMENTS if not is_made_of_others(register)
        }
        for place, (offset, register, _) in enumerate(order):
            for value in (bits(register), 0, bits(register) & (kept[place % 2] ^ place << 1)):
                bus.write32(base + offset, value)
                expected[offset] = bus.read32(base + offset)
                assert expected[offset] == value, register
        assert {offset: bus.read32(base + offset) for offset in expected} == expected
    for offset, _, _ in STORAGE:
        bus.write32(base + offset, at_first[offset])
    assert {offset: bus.read32(base + offset) for offset, _, _ in ELEMENTS} == at_first


@everywhere
def test_what_can_only_be_written_reads_zero(machine: Machine, core: str, base: int) -> None:
    bus = machine.core(core).bus
    for offset, _, label in WRITE_ONLY:
        bus.write32(base + offset, 1)
        assert bus.read32(base + offset) == 0, label


@everywhere
def test_what_can_only_be_read_is_not_written(machine: Machine, core: str, base: int) -> None:
    bus = machine.core(core).bus
    with pytest.raises(BusError, match="read-only") as caught:
        bus.write32(base + INTPEND, 0xFFFF)
    assert (caught.value.address, caught.value.width, caught.value.core) == (base + INTPEND, 32, core)
    assert bus.read32(base + INTPEND) == 0


@everywhere
def test_where_there_is_no_register_nothing_answers(machine: Machine, core: str, base: int) -> None:
    bus = machine.core(core).bus
    for offset in (0x040, 0x0C0, 0x140, 0x1C0, 0x30C + 4, 0x500, 0x550, 0x5D0, 0x618, 0xFFC):
        with pytest.raises(BusError, match="no register"):
            bus.read32(base + offset)
        with pytest.raises(BusError, match="no register"):
            bus.write32(base + offset, 1)


@everywhere
def test_intenset_and_intenclr_are_windows_on_inten(machine: Machine, core: str, base: int) -> None:
    bus = machine.core(core).bus
    bus.write32(base + INTENSET, 0x00F0)
    bus.write32(base + INTENSET, 0x000F)
    assert [bus.read32(base + at) for at in (INTEN, INTENSET, INTENCLR)] == [0xFF, 0xFF, 0xFF]
    bus.write32(base + INTENCLR, 0x0011)
    assert [bus.read32(base + at) for at in (INTEN, INTENSET, INTENCLR)] == [0xEE, 0xEE, 0xEE]


@for_each("width", [8, 16])
@everywhere
def test_parts_of_a_register_can_be_accessed(machine: Machine, core: str, base: int, width: int) -> None:
    bus = machine.core(core).bus
    gpmem = base + TABLE.offset("GPMEM", 1)
    read, write = (bus.read8, bus.write8) if width == 8 else (bus.read16, bus.write16)
    bus.write32(gpmem, 0x4433_2211)
    parts = [read(gpmem + at) for at in range(0, 4, width // 8)]
    assert parts == ([0x11, 0x22, 0x33, 0x44] if width == 8 else [0x2211, 0x4433])
    write(gpmem + 2, 0x99)
    assert bus.read32(gpmem) == (0x4499_2211 if width == 8 else 0x0099_2211)


def test_both_aliases_of_the_application_core_are_one_peripheral(machine: Machine) -> None:
    bus = machine.core("app").bus
    for one, other in ((APP_IPC, APP_IPC_NS), (APP_IPC_NS, APP_IPC)):
        bus.write32(one + SEND_CNF, 0x2)
        bus.write32(one + RECEIVE_CNF + 4, 0x2)
        bus.write32(one + SEND, 1)
        assert bus.read32(other + RECEIVE + 4) == 1
        bus.write32(other + RECEIVE + 4, 0)
        assert bus.read32(one + RECEIVE + 4) == 0


def test_no_core_sees_the_mailbox_of_the_other(machine: Machine) -> None:
    for core, base in (("app", IPC["net"]), ("net", IPC["app"])):
        with pytest.raises(BusError, match="no memory or peripheral"):
            machine.core(core).bus.read32(base)


@pytest.mark.parametrize(("sender", "receiver"), [("app", "net"), ("net", "app")])
def test_a_task_latches_the_event_of_every_instance_that_listens(
    machine: Machine, sender: str, receiver: str
) -> None:
    with Cases() as cases:
        for channel in range(CHANNELS):
            with cases.case(f"channel {channel}"):
                ring_one(machine, sender, receiver, channel)


def ring_one(machine: Machine, sender: str, receiver: str, channel: int) -> None:
    """Connect one channel, ring it, and leave the registers as they were."""
    here, there = machine.core(sender).bus, machine.core(receiver).bus
    task, event = channel, CHANNELS - 1 - channel
    here.write32(IPC[sender] + SEND_CNF + 4 * task, 1 << channel)
    there.write32(IPC[receiver] + RECEIVE_CNF + 4 * event, 1 << channel)
    here.write32(IPC[sender] + SEND + 4 * task, 1)
    machine.run_for(1000)
    assert there.read32(IPC[receiver] + RECEIVE + 4 * event) == 1
    assert there.read32(IPC[receiver] + INTPEND) == 0, "latched, but not enabled"
    for core, bus in ((sender, here), (receiver, there)):  # INTPEND is all that is latched now
        bus.write32(IPC[core] + INTENSET, 0xFFFF)
    assert there.read32(IPC[receiver] + INTPEND) == 1 << event, "that one alone"
    assert here.read32(IPC[sender] + INTPEND) == 0
    there.write32(IPC[receiver] + RECEIVE + 4 * event, 0)
    assert there.read32(IPC[receiver] + INTPEND) == 0
    for core, bus in ((sender, here), (receiver, there)):
        bus.write32(IPC[core] + INTENCLR, 0xFFFF)
    there.write32(IPC[receiver] + RECEIVE_CNF + 4 * event, 0)
    here.write32(IPC[sender] + SEND_CNF + 4 * task, 0)


def test_writing_zero_to_a_task_does_nothing(machine: Machine) -> None:
    bus = machine.core("app").bus
    bus.write32(APP_IPC + SEND_CNF, 1)
    bus.write32(APP_IPC + RECEIVE_CNF, 1)
    bus.write32(APP_IPC + SEND, 0)
    machine.run_for(1000)
    assert bus.read32(APP_IPC + RECEIVE) == 0


def test_one_task_may_signal_many_channels_and_one_event_hear_many(machine: Machine) -> None:
    app, net = machine.core("app").bus, machine.core("net").bus
    app.write32(APP_IPC + SEND_CNF, 0b1011)
    for event, mask in enumerate((0b0001, 0b1110, 0b0100, 0b1000)):
        net.write32(IPC["net"] + RECEIVE_CNF + 4 * event, mask)
    app.write32(APP_IPC + SEND, 1)
    machine.run_for(1000)
    assert [net.read32(IPC["net"] + RECEIVE + 4 * event) for event in range(4)] == [1, 1, 0, 1]


@pytest.mark.parametrize("core", ["app", "net"])
def test_an_event_can_be_made_by_software(machine: Machine, core: str) -> None:
    bus = machine.core(core).bus
    bus.write32(IPC[core] + INTENSET, 1 << 5)
    bus.write32(IPC[core] + RECEIVE + 20, 1)
    assert bus.read32(IPC[core] + INTPEND) == 1 << 5


def test_a_reset_of_one_core_resets_its_mailbox_and_not_the_other(machine: Machine) -> None:
    for core in ("app", "net"):
        bus = machine.core(core).bus
        for register, _, _ in ELEMENTS:
            if register not in range(SEND, SEND + 4 * CHANNELS) and register != INTPEND:
                bus.write32(IPC[core] + register, 1)
    before = [machine.core("app").bus.read32(APP_IPC + offset) for offset, _, _ in ELEMENTS]
    machine.core("net").reset()
    bus = machine.core("net").bus
    assert [bus.read32(IPC["net"] + offset) for offset, _, _ in ELEMENTS] == [
        e[1].reset_value for e in ELEMENTS
    ]
    assert [machine.core("app").bus.read32(APP_IPC + offset) for offset, _, _ in ELEMENTS] == before


class Mailboxes(RuleBasedStateMachine):
    """Any accesses from both sides: latched events, INTPEND and the interrupts are those of a model in ten lines."""

    under_test: MachineUnderTest

    def __init__(self) -> None:
        super().__init__()
        self.machine = self.under_test.make()
        self.send = {core: [0] * CHANNELS for core in IPC}
        self.receive = {core: [0] * CHANNELS for core in IPC}
        self.latched = dict.fromkeys(IPC, 0)
        self.enabled = dict.fromkeys(IPC, 0)
        self.interrupted = dict.fromkeys(IPC, 0)
        for core in IPC:
            self.machine.core(core).on_interrupt(IRQ[core], lambda core=core: self.interrupt(core))

    def teardown(self) -> None:
        self.machine.close()

    def interrupt(self, core: str) -> None:
        """Acknowledge everything, as a driver does."""
        self.interrupted[core] += 1
        for event in range(CHANNELS):
            if self.peek(core, INTPEND) >> event & 1:
                self.poke(core, RECEIVE + 4 * event, 0)
                self.latched[core] &= ~(1 << event)

    def peek(self, core: str, offset: int) -> int:
        return self.machine.core(core).bus.read32(IPC[core] + offset)

    def poke(self, core: str, offset: int, value: int) -> None:
        self.machine.core(core).bus.write32(IPC[core] + offset, value)

    cores = st.sampled_from(sorted(IPC))
    channels = st.integers(0, CHANNELS - 1)
    masks = st.integers(0, 0xFFFF)

    @rule(core=cores, channel=channels, mask=masks)
    def connect_task(self, core: str, channel: int, mask: int) -> None:
        self.send[core][channel] = mask
        self.poke(core, SEND_CNF + 4 * channel, mask)

    @rule(core=cores, channel=channels, mask=masks)
    def connect_event(self, core: str, channel: int, mask: int) -> None:
        self.receive[core][channel] = mask
        self.poke(core, RECEIVE_CNF + 4 * channel, mask)

    @rule(core=cores, mask=masks)
    def enable(self, core: str, mask: int) -> None:
        self.enabled[core] |= mask
        self.poke(core, INTENSET, mask)

    @rule(core=cores, mask=masks)
    def disable(self, core: str, mask: int) -> None:
        self.enabled[core] &= ~mask
        self.poke(core, INTENCLR, mask)

    @rule(core=cores, channel=channels)
    def ring(self, core: str, channel: int) -> None:
        self.poke(core, SEND + 4 * channel, 1)
        for other in IPC:
            for event in range(CHANNELS):
                if self.receive[other][event] & self.send[core][channel]:
                    self.latched[other] |= 1 << event

    @rule(core=cores, event=channels)
    def acknowledge(self, core: str, event: int) -> None:
        self.poke(core, RECEIVE + 4 * event, 0)
        self.latched[core] &= ~(1 << event)

    @rule()
    def wait(self) -> None:
        before = dict(self.interrupted)
        due = {core: bool(self.latched[core] & self.enabled[core]) for core in IPC}
        self.machine.run_for(10_000)
        for core in IPC:
            assert (self.interrupted[core] > before[core]) == due[core]
            assert not self.latched[core] & self.enabled[core]

    @invariant()
    def registers_are_those_of_the_model(self) -> None:
        for core in IPC:
            assert self.peek(core, INTEN) == self.enabled[core]
            assert self.peek(core, INTPEND) == self.latched[core] & self.enabled[core]
            latched = sum(self.peek(core, RECEIVE + 4 * event) << event for event in range(CHANNELS))
            assert latched == self.latched[core]


def test_two_mailboxes_behave_like_the_model_in_any_order_of_accesses(engine: MachineUnderTest) -> None:
    class Case(Mailboxes):
        under_test = engine

    run_state_machine_as_test(
        Case,
        settings=settings(
            deadline=None, max_examples=engine.examples, stateful_step_count=min(30, 2 * engine.examples)
        ),
    )
