"""Everything that an observer is told of backends with several endpoints, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from icbmsg_pair import A_TX, B_TX

from icmsg.config import IcbmsgConfig, IcmsgMeConfig, InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import AtEndpoint, EndpointConfig, InterruptHandler, VirtualClock, backend_for

CONFIGS: dict[str, Any] = {
    "3.6": IcbmsgConfig(A_TX, B_TX, 16, 16, generation="3.6", tx_channel=2, rx_channel=5),
    "4.1": IcbmsgConfig(A_TX, B_TX, 16, 16, tx_channel=2, rx_channel=5),
    "rework": IcbmsgConfig(A_TX, B_TX, 16, 16, generation="rework", tx_channel=2, rx_channel=5),
    "icmsg_me": IcmsgMeConfig(InstanceConfig(A_TX, B_TX, tx_channel=2, rx_channel=5), "initiator"),
}
CLASSIC = ("3.6", "4.1")


class Two:
    """Two sides of one configuration on one clock; what ``a`` tells its observer is in ``told``."""

    def __init__(self, config: Any, **other: Any) -> None:
        self.bus = MemoryBus(bytearray(0x8800), base=B_TX.address)
        self.clock = VirtualClock()
        self.told: list[str] = []
        self.errors: list[str] = []
        ends = mailbox_pair()
        self.a: Any = backend_for(self.bus, ends[0], self.clock, config, observer=self._observe)
        self.b: Any = backend_for(self.bus, ends[1], self.clock, config.mirrored())
        for end, side in zip(ends, (self.a, self.b), strict=True):
            end.on_signal = InterruptHandler(end, side).handle
        self.ours, self.theirs = [], []
        for name in ("ep0", "ep1"):
            self.ours.append(self.a.register_endpoint(EndpointConfig(name, error=self._error(name))))
            self.theirs.append(self.b.register_endpoint(EndpointConfig(name)))
        self.clock.settle()

    def _error(self, name: str) -> Any:
        return lambda error: self.errors.append(f"{name} {error}")

    def _observe(self, kind: Any, detail: Any) -> None:
        where = ""
        if isinstance(detail, AtEndpoint):
            where, detail = f" {detail.endpoint}", detail.detail
        self.told.append(f"{kind}{where} {getattr(detail, 'name', detail)}")

    def take(self) -> list[str]:
        self.clock.settle()
        told = list(self.told)
        self.told.clear()
        return told


def bound(name: str) -> Two:
    two = Two(CONFIGS[name])
    assert two.a.is_bound
    assert two.b.is_bound
    two.told.clear()
    return two


BONDED = {
    "3.6": ["state BUSY", "bound None", "state READY"],
    "4.1": ["state INITIALIZING_SID_DISABLED", "bound None", "state CONNECTED_SID_DISABLED"],
    "icmsg_me": ["state INITIALIZING_SID_DISABLED", "bound None", "state CONNECTED_SID_DISABLED"],
    "rework": ["state CONNECTING", "state CONNECTED"],
}


@pytest.mark.parametrize("name", CONFIGS)
def test_binding_is_told_step_by_step(name: str) -> None:
    told = Two(CONFIGS[name]).told
    without_rings = [line for line in told if not line.startswith("ring")]
    assert without_rings == [*BONDED[name], "bound ep0 None", "bound ep1 None"]
    assert set(told) - set(without_rings) == {"ring 2"}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_messages_are_told_with_their_endpoint_before_the_ring(name: str, kind: Any) -> None:
    two = bound(name)
    assert two.ours[1].send(kind(b"out")) == 3
    assert two.take()[:2] == ["sent ep1 b'out'", "ring 2"]
    two.theirs[1].send(kind(b"in"))
    rings = ["ring 2"] if name in CLASSIC else []
    assert two.take() == ["received ep1 b'in'", *rings]


@pytest.mark.parametrize("name", ["3.6", "4.1", "rework"])
def test_a_buffer_is_told_when_it_is_sent_and_its_header_is_right_before(name: str) -> None:
    two = bound(name)
    area = CONFIGS[name].tx_layout
    buffers = [two.ours[1].get_tx_buffer(200) for _ in range(2)]
    for buffer in buffers:
        word = two.bus.read32(buffer.address - 4)
        assert buffer.size == buffer.count * area.block_size - 4
        if name == "rework":
            assert word == buffer.size | buffer.block << 16 | two.ours[1].address << 24
        else:
            assert word == buffer.size
    assert two.take() == []
    buffers[1].write(b"whole")
    buffers[1].write(b"in", 3)
    assert two.ours[1].send_nocopy(buffers[1]) == 5
    assert two.take()[:2] == ["sent ep1 b'whoin'", "ring 2"]
    two.ours[1].drop_tx_buffer(buffers[0])
    assert two.take() == []


@pytest.mark.parametrize("name", ["3.6", "4.1", "rework"])
def test_what_one_endpoint_did_wrong_is_told_to_it_alone_and_what_nobody_did_to_all(name: str) -> None:
    two = bound(name)
    if name == "rework":
        two.ours[0].deregister()
        two.clock.settle()
        two.told.clear()
        two.b._send_control(b"\x00\x09")
        text = f"{two.a.config.name}: received a control packet of no known form: 00 09"
    else:
        two.b._channel.context.writer.write(b"\0\0")
        two.b._channel.ring()
        text = f"{two.a.config.name}: received a control message of 2 bytes, 3 are needed"
    told = [line for line in two.take() if not line.startswith("ring")]
    assert told == [f"error {text}"]
    assert two.errors == [f"{endpoint.name} {text}" for endpoint in two.a.endpoints]
    two.errors.clear()
    if name == "rework":
        return
    two.ours[1].deregister()
    two.theirs[1].send(b"too late")
    text = f'{two.a.config.name}: received data for endpoint 1, "ep1", which is deregistered; does the peer send '
    text += "before it is bound?"
    assert [line for line in two.take() if not line.startswith("ring")] == [f"error ep1 {text}"]
    assert two.errors == [f"ep1 {text}"]


def test_what_zephyrs_rework_loses_silently_is_told_as_dropped() -> None:
    config = IcbmsgConfig(
        Region(A_TX.address, 256),
        Region(B_TX.address, 256),
        *(4, 4),
        generation="rework",
        slots=3,
        tx_channel=2,
        defects=frozenset({"silent-loss"}),
    )
    two = Two(config)
    two.take()
    for number in range(4):
        assert two.ours[1].send(bytes([number])) == 1
    assert two.told == [
        *("sent ep1 b'\\x00'", "ring 2", "sent ep1 b'\\x01'", "ring 2", "sent ep1 b'\\x02'", "ring 2"),
        "dropped ep1 b'\\x03'",
    ]
    assert two.a.blocks_in_use == 3


@pytest.mark.parametrize("name", CONFIGS)
def test_names_of_any_bytes_bind_those_of_the_same_bytes(name: str) -> None:
    two = Two(CONFIGS[name])
    two.a.reset()
    two.b.reset()
    two.bus.write_block(B_TX.address, bytes(0x8800))
    names = ("\udcff\udcfe", "\N{GREEK SMALL LETTER BETA}")
    ends = [side.register_endpoint(EndpointConfig(each)) for each in names for side in (two.a, two.b)]
    two.clock.settle()
    assert [end.is_bound for end in ends] == [True] * 4


@pytest.mark.parametrize("is_observed", [True, False])
def test_priority_is_in_the_queue_of_the_rework_observed_or_not(is_observed: bool) -> None:
    two = bound("rework")
    two.a.observer = two._observe if is_observed else None
    queue = two.a.queues.sent
    for prio in (0, 1, 0, 2):
        endpoint = two.a.register_endpoint(EndpointConfig(f"of priority {prio} {queue.count}", prio=prio))
        two.b.register_endpoint(EndpointConfig(endpoint.name))
        two.clock.settle()
        endpoint.send(b"x")
        entry = two.bus.read8(queue.address + 8 + (queue.count - 1) % 16)
        assert (entry >= 0x80) == (prio > 0)
        two.clock.settle()
        endpoint.deregister()
        two.clock.settle()


def test_what_icmsg_me_finds_wrong_at_one_endpoint_is_told_to_it_alone() -> None:
    two = bound("icmsg_me")
    two.b._control.send(b"\0\2")
    text = 'icmsg: received the answer for endpoint 2, which is bound, "ep1"'
    assert two.take() == [f"error ep1 {text}"]
    assert two.errors == [f"ep1 {text}"]


def test_discovery_that_cannot_be_sent_is_told_to_its_endpoint() -> None:
    config = IcmsgMeConfig(InstanceConfig(A_TX, B_TX), "initiator", num_ep=3)
    two = Two(config)
    two.take()
    two.bus.write32(A_TX.address, 0x999)
    two.a.register_endpoint(EndpointConfig("third", error=two._error("third")))
    told = two.take()
    assert len(told) == len(two.errors) == 1
    assert told[0].startswith("error third icmsg: ")
    assert two.errors[0].startswith("third icmsg: ")


def test_a_follower_of_icmsg_me_that_is_reset_by_bound_answers_nothing_more() -> None:
    two = bound("icmsg_me")
    two.a.reset()
    two.b.reset()
    two.bus.write_block(B_TX.address, bytes(0x8800))
    told: list[str] = []

    def reset() -> None:
        told.append("bound")
        two.b.reset()
        two.b.register_endpoint(EndpointConfig("ep1", bound=lambda: told.append("again")))

    for name in ("ep0", "ep1"):
        two.a.register_endpoint(EndpointConfig(name))
    two.b.register_endpoint(EndpointConfig("ep0", bound=reset))
    two.b.register_endpoint(EndpointConfig("ep1", bound=reset))
    two.clock.settle()
    assert told == ["bound"]
