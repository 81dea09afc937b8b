"""The remote engine on the nRF54: mailboxes with several lines, edges, and rings in the peer's bellboard."""

from __future__ import annotations

import pytest
from remote_machines import OnTheEmbeddedMonitor

from icmsg.assets import platform_file, stub
from icmsg.config.boards import BOARDS
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import EngineError
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage
from icmsg.monitor import EmbeddedMonitor
from icmsg.timers import US

PAIRINGS = [("python", "python"), ("python", "echo"), ("echo", "python"), ("initiator", "echo")]


@pytest.mark.parametrize("soc", ["nrf54l15", "nrf54h20"])
@pytest.mark.parametrize("who", PAIRINGS)
def test_every_pairing_brings_every_byte_back(soc: str, who: tuple[str, str]) -> None:
    board = BOARDS[soc]
    images = {
        core: None if played_by == "python" else FirmwareImage.load(stub(played_by, core, soc))
        for core, played_by in zip(board.roles, who, strict=True)
    }
    with OnTheEmbeddedMonitor(soc, quantum_ns=10 * US) as machine:
        result = Exchange(machine, images, board.instance, Workload(messages=20, size_max=60, seed=3)).run()
    assert result.problems == ()
    assert (result.messages_sent, result.messages_received, result.mismatches) == (20, 20, 0)
    if who == ("python", "python"):
        assert result.round_trip_virtual_us["max"] <= 20


@pytest.mark.parametrize(("soc", "rings"), [("nrf54l15", 21), ("nrf54h20", 12)])
def test_a_ring_is_the_event_of_the_core_that_rings_and_is_told_once(soc: str, rings: int) -> None:
    with OnTheEmbeddedMonitor(soc) as machine:
        port = machine.core("app").mailbox_port
        machine.core("app").play()
        seen: list[tuple[EventKind, int, int]] = []
        kinds = EventKind.DOORBELL, EventKind.INTERRUPT
        machine.events.add_sink(lambda event: seen.append((event.kind, event.core, event.a)), kinds)
        port.kind.force_ring(machine.core("app").bus, port.tx_base, rings)
        machine.run_for(20 * US)
    assert seen[0] == (EventKind.DOORBELL, 0, rings)
    assert [kind for kind, *_ in seen].count(EventKind.DOORBELL) == 1


@pytest.mark.parametrize("soc", ["nrf5340", "nrf54l15"])
def test_a_monitor_without_a_machine_is_told_which_script_makes_that_of_the_soc(soc: str) -> None:
    with EmbeddedMonitor() as monitor, pytest.raises(EngineError, match=f"include renode/{soc}.resc"):
        RemoteMachine(monitor, platform_file(soc))
