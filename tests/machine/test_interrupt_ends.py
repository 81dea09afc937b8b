"""The end of an interrupt is told to who listens, and costs nothing where nobody does."""

from __future__ import annotations

import pytest
from firmware_files import FIRMWARE

from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.played_instance import Peer
from icmsg.machine.boot import start_firmware
from icmsg.machine.events import Event, EventKind
from icmsg.timers import MS, US

FOREIGN = FIRMWARE / "foreign-net.elf"
"""It does everything in its interrupt handler."""
KINDS = (EventKind.INTERRUPT, EventKind.INTERRUPT_END)


def run(*, listens: bool, messages: int = 5) -> tuple[list[Event], str]:
    with EmbeddedMachine(latency_ns=2 * US) as machine:
        events: list[Event] = []
        if listens:
            machine.events.add_sink(events.append, KINDS)
        machine.core("net").load(FOREIGN)
        start_firmware(machine, ["net"])
        app = Peer(machine, machine.core("app"), APP)
        app.wait_for_bound()
        for number in range(messages):
            app.send(bytes([number]) * 20)
            assert app.receive() == bytes([number]) * 20
            machine.run_for(MS)
        return events, machine.trace_sha256()


@pytest.mark.parametrize("core", [0, 1], ids=["played by Python", "firmware"])
def test_every_interrupt_ends_behind_its_begin(core: int) -> None:
    events, _ = run(listens=True)
    own = [event for event in events if event.core == core]
    assert len(own) >= 10
    begins = [event for event in own if event.kind is EventKind.INTERRUPT]
    ends = [event for event in own if event.kind is EventKind.INTERRUPT_END]
    assert [event.kind for event in own] == [KINDS[place % 2] for place in range(len(own))]
    assert [event.a for event in begins] == [event.a for event in ends]
    took = {end.time_ns - begin.time_ns for begin, end in zip(begins, ends, strict=True)}
    assert took == {2 * US} if core == 0 else all(0 < ns < 100 * US for ns in took)


def test_who_listens_changes_nothing_and_two_runs_are_equal() -> None:
    first, again, unheard = run(listens=True), run(listens=True), run(listens=False)
    assert first == again
    assert unheard == ([], first[1])


def test_nobody_is_called_where_nobody_listens() -> None:
    with EmbeddedMachine() as machine:
        controllers = [core._slot.nvic for core in machine.cores.values()]
        assert [nvic.ended for nvic in controllers] == [None, None]
        stop = machine.events.add_sink(lambda _event: None, (EventKind.INTERRUPT_END,))
        assert None not in [nvic.ended for nvic in controllers]
        stop()
        assert [nvic.ended for nvic in controllers] == [None, None]
