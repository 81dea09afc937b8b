"""A core played by Python: what it does is in the machine's event stream, at its virtual time."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import pytest

from icmsg.assets import stub
from icmsg.config import Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import EngineError
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance, PlayedMailbox
from icmsg.machine.events import Event, EventKind
from icmsg.timers import MS, US


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


def test_instances_of_one_core_share_its_mailbox() -> None:
    second = replace(
        APP,
        tx_region=Region(0x2007_1000, 0x800),
        rx_region=Region(0x2007_9000, 0x800),
        tx_channel=2,
        rx_channel=3,
    )
    with EmbeddedMachine() as machine:
        received: dict[tuple[str, int], bytes] = {}
        endpoints = {}
        for core, configs in (("app", (APP, second)), ("net", (APP.mirrored(), second.mirrored()))):
            mailbox = PlayedMailbox(machine.core(core))
            for index, config in enumerate(configs):
                played = PlayedInstance(machine, machine.core(core), config, mailbox)

                def keep(data: bytes, key: tuple[str, int] = (core, index)) -> None:
                    received[key] = data

                endpoints[core, index] = played.instance.register_endpoint(EndpointConfig(received=keep))
        machine.run_for(MS)
        for (core, index), endpoint in endpoints.items():
            endpoint.send(f"{core} {index}".encode())
        machine.run_for(MS)
        other = {"app": "net", "net": "app"}
        assert received == {(core, index): f"{other[core]} {index}".encode() for core, index in endpoints}


def test_an_observer_is_told_what_the_backend_does() -> None:
    with EmbeddedMachine() as machine:
        told: list[str] = []
        played = PlayedInstance(
            machine, machine.core("app"), APP, observer=lambda kind, _detail: told.append(kind)
        )
        played.instance.register_endpoint(EndpointConfig())
        assert told == ["state", "ring"]
