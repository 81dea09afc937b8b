"""A link with several endpoints watched from outside: whoever plays the cores, every message is seen where it went."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest

from icmsg.assets import stub
from icmsg.config.boards import NRF5340
from icmsg.config.icbmsg import Generation
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.link.endpoints.link import EndpointWatch
from icmsg.link.endpoints.peer import EndpointsPeer
from icmsg.link.endpoints.setup import EndpointStub
from icmsg.link.workload import Workload
from icmsg.machine.events import EndpointMessage, Event, EventKind
from icmsg.timers import MS
from icmsg.wire.announcements import packet_of

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Machine

NAMES = ("ep0", "ep1")
CONFIGS: dict[str, SeveralConfig] = {
    generation: replace(NRF5340.icbmsg, generation=generation) for generation in get_args(Generation)
}
CONFIGS["icmsg_me"] = IcmsgMeConfig(NRF5340.instance, role="initiator")


@pytest.fixture(params=list(CONFIGS))
def config(request: pytest.FixtureRequest) -> SeveralConfig:
    return CONFIGS[request.param]


class Watched:
    """Python on both cores, watched."""

    def __init__(self, machine: Machine, config: SeveralConfig, **options: str) -> None:
        cores = machine.core("app"), machine.core("net")
        self.machine = machine
        self.messages: list[tuple[str, str, bytes]] = []
        self.watch = EndpointWatch(machine, *cores, config, NAMES, **options)  # type: ignore[arg-type]
        machine.events.add_sink(self._on_message, (EventKind.ENDPOINT_MESSAGE,))
        names = [*NAMES, "other"] if options else NAMES
        self.app = EndpointsPeer(machine, cores[0], config, names)
        self.net = EndpointsPeer(machine, cores[1], config.mirrored(), names)
        self.app.wait_for_bound()
        self.net.wait_for_bound()
        self.settle()

    def _on_message(self, event: Event) -> None:
        news = event.news
        assert isinstance(news, EndpointMessage)
        assert event.a == len(news.payload)
        self.messages.append((news.region.writer, news.endpoint, news.payload))

    def settle(self) -> None:
        self.machine.run_for(1 * MS)
        self.watch.look()


def test_every_message_is_an_event_with_its_endpoint_and_payload(
    icmsg_machine: Machine, config: SeveralConfig
) -> None:
    link = Watched(icmsg_machine, config)
    assert all(link.watch.bound_ns(name) is not None for name in NAMES)
    link.app.endpoint("ep1").send(b"one")
    link.settle()
    link.net.endpoint("ep0").send(b"two")
    link.net.endpoint("ep1").send(b"one")
    link.settle()
    assert link.messages == [("app", "ep1", b"one"), ("net", "ep0", b"two"), ("net", "ep1", b"one")]
    first, second = (link.watch.endpoints[name] for name in NAMES)
    assert (first.initiator, first.sent, first.got) == ("net", 1, 0)
    assert (second.initiator, second.sent, second.got, second.mismatches) == ("app", 1, 1, 0)
    assert (link.watch.total, link.watch.problems) == (3, [])


def test_an_echo_that_differs_is_told_with_its_endpoint(
    icmsg_machine: Machine, config: SeveralConfig
) -> None:
    link = Watched(icmsg_machine, config)
    for name in NAMES:
        link.app.endpoint(name).send(b"same")
        link.settle()
        link.net.endpoint(name).send(b"same" if name == "ep0" else b"some")
        link.settle()
    assert link.watch.problems == ["endpoint ep1: echo 1 differs at byte 1: 0x61 was sent, 0x6F came back"]
    assert [link.watch.endpoints[name].mismatches for name in NAMES] == [0, 1]


@pytest.mark.parametrize("generation", ["4.1", "rework"])
def test_messages_at_another_endpoint_are_set_apart(icmsg_machine: Machine, generation: str) -> None:
    link = Watched(icmsg_machine, CONFIGS[generation], initiator="app")
    link.app.endpoint("other").send(b"unasked")
    link.settle()
    assert len(link.watch.others) == 1
    assert [link.watch.endpoints[name].sent for name in NAMES] == [0, 0]


def test_a_damaged_block_is_a_problem_and_what_follows_is_seen(icmsg_machine: Machine) -> None:
    config = NRF5340.icbmsg
    link = Watched(icmsg_machine, config)
    bus, layout, control = link.app.core.bus, config.tx_layout, config.control
    bus.write32(layout.address + layout.blocks_offset + 5 * layout.block_size, 0xFFFF)
    wr_at = control.tx_region.address + control.tx_layout.wr_idx_offset
    wr = bus.read32(wr_at)
    bus.write_block(
        control.tx_region.address + control.tx_layout.data_offset + wr, packet_of(0, 0, 5) + b"\0"
    )
    bus.write32(wr_at, wr + 8)
    link.settle()
    assert "block 5 announces 65535 bytes" in link.watch.problems[0]
    link.net.endpoint("ep1").send(b"next")
    link.settle()
    assert link.messages == [("net", "ep1", b"next")]


def test_a_count_that_no_core_can_have_reached_is_a_problem(icmsg_machine: Machine) -> None:
    config = replace(NRF5340.icbmsg, generation="rework")
    link = Watched(icmsg_machine, config)
    link.app.core.bus.write32(config.tx_region.address, 1000)
    link.settle()
    assert "app says that it has sent 1000 messages, more than the 16 that fit" in link.watch.problems[0]


@pytest.mark.parametrize("generation", ["4.1", "rework"])
def test_two_stubs_are_followed_over_a_restart_of_both(
    icmsg_machine: EmbeddedMachine, generation: Generation
) -> None:
    machine, config = icmsg_machine, replace(NRF5340.icbmsg, generation=generation)
    suffix = "icbmsg-rework" if generation == "rework" else "icbmsg"
    stubs = {}
    for name, program, own in (("app", "initiator", config), ("net", "echo", config.mirrored())):
        core = machine.core(name)
        stubs[name] = EndpointStub(core.load(stub(f"{program}-{suffix}", name)), core.bus)
        stubs[name].set_blocks(own)
        stubs[name].set_endpoints(NAMES, Workload(10, 1, 300))
    cores = machine.core("app"), machine.core("net")
    watch = EndpointWatch(machine, *cores, config, NAMES)

    def all_came_back(number: int) -> bool:
        watch.look()
        return all(watch.endpoints[name].got >= number for name in NAMES)

    for turn in (1, 2):
        for core in cores:
            core.reset()
        assert [watch.bound_ns(name) for name in NAMES] == [None, None]
        for core in cores:
            core.start()
        machine.run_until(lambda turn=turn: all_came_back(10 * turn), timeout_ns=50 * MS)  # type: ignore[misc]
        assert all(watch.bound_ns(name) is not None for name in NAMES)
    assert watch.problems == []
    assert {watch.endpoints[name].initiator for name in NAMES} == {"app"}
    assert watch.others == set()
