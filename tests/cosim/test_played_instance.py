"""A core played by Python: what it does is in the machine's event stream, at its virtual time."""

from __future__ import annotations

from zlib import crc32

import pytest

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.cosim.embedded.machine import EmbeddedMachine
from icmsg.cosim.events import Event, EventKind
from icmsg.cosim.played_instance import PlayedInstance
from icmsg.cosim.simtime import MS, US
from icmsg.errors import EngineError
from icmsg.ipc import EndpointConfig


def test_states_packets_and_doorbells_are_events() -> None:
    with EmbeddedMachine(latency_ns=2 * US) as machine:
        events: list[Event] = []
        machine.events.add_sink(events.append)
        received: list[bytes] = []
        app = PlayedInstance(machine, machine.core("app"), APP)
        net = PlayedInstance(machine, machine.core("net"), APP.mirrored())
        one = app.instance.register_endpoint(EndpointConfig())
        net.instance.register_endpoint(EndpointConfig(received=received.append))
        machine.run_for(MS)
        del events[:]
        start = machine.now_ns
        one.send(b"hello")
        machine.run_for(MS)
        assert received == [b"hello"]
        crc = crc32(b"hello")
        app_core, net_core = machine.core("app").index, machine.core("net").index
        assert events == [
            Event(start, EventKind.PACKET_SENT, app_core, 5, crc),
            Event(start, EventKind.DOORBELL, app_core, APP.tx_channel, 0),
            Event(start, EventKind.INTERRUPT, net_core, 18, 0),
            Event(start + 2 * US, EventKind.PACKET_RECEIVED, net_core, 5, crc),
        ]


def test_state_changes_carry_the_number_of_the_state() -> None:
    with EmbeddedMachine() as machine:
        events: list[Event] = []
        machine.events.add_sink(events.append)
        played = PlayedInstance(machine, machine.core("app"), APP)
        played.instance.register_endpoint(EndpointConfig())
        states = [event.a for event in events if event.kind is EventKind.STATE]
        assert states == [played.instance.state.value]


def test_a_core_that_runs_firmware_cannot_be_played() -> None:
    with EmbeddedMachine() as machine:
        core = machine.core("net")
        core.load(stub("echo", "net"))
        core.start()
        with pytest.raises(EngineError, match="core net runs firmware; halt it before Python plays it"):
            PlayedInstance(machine, core, APP.mirrored())
