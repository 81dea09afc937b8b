"""icmsg_me: discovery as Zephyr's C does it, several endpoints, and every refusal with Zephyr's errno."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

import pytest

from icmsg.config import IcmsgMeConfig, InstanceConfig, Region
from icmsg.errors import ConfigurationError, CorruptRegionError, IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import (
    AtEndpoint,
    EndpointConfig,
    IcmsgMeEndpoint,
    IcmsgMeInstance,
    InterruptHandler,
    LegacyState,
    State,
    VirtualClock,
    backend_for,
)

BASE = 0x2007_0000


class Side:
    def __init__(
        self, name: str, bus: MemoryBus, mailbox: MemoryMailbox, config: IcmsgMeConfig, log: list[str]
    ) -> None:
        self.name = name
        self.log = log
        self.clock = VirtualClock()
        self.errors: list[Any] = []
        self.on: dict[str, Any] = {}
        backend = backend_for(bus, mailbox, self.clock, config, observer=self._observe)
        assert isinstance(backend, IcmsgMeInstance)
        self.instance = backend
        mailbox.on_signal = InterruptHandler(mailbox, backend).handle

    def _observe(self, kind: str, detail: Any) -> None:
        if kind == "error":
            self.errors.append(detail.detail if isinstance(detail, AtEndpoint) else detail)
        elif isinstance(detail, AtEndpoint):
            payload = f" {detail.detail.hex()}" if isinstance(detail.detail, bytes) else ""
            self.log.append(f"{self.name} {kind} {detail.endpoint}{payload}")

    def register(self, name: str) -> IcmsgMeEndpoint:
        def call(what: str) -> None:
            if what in self.on:
                self.on[what]()

        return self.instance.register_endpoint(
            EndpointConfig(name, bound=lambda: call("bound"), received=lambda data: call("received"))
        )

    def raw(self, *packet: int) -> None:
        self.instance._control.send(bytes(packet))


class Pair:
    """``a`` is the initiator."""

    def __init__(
        self,
        size: int = 512,
        control: dict[str, Any] | None = None,
        b: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.memory = bytearray(2 * size)
        bus = MemoryBus(self.memory, base=BASE)
        self.bus = bus
        of_control = InstanceConfig(Region(BASE, size), Region(BASE + size, size), **(control or {}))
        config = IcmsgMeConfig(of_control, role="initiator", **options)
        ends = mailbox_pair()
        self.log: list[str] = []
        self.a = Side("a", bus, ends[0], config, self.log)
        mirrored = config.mirrored()
        if b:
            mirrored = IcmsgMeConfig(mirrored.control, role="follower", **(options | b))
        self.b = Side("b", bus, ends[1], mirrored, self.log)

    def run(self) -> None:
        while self.a.clock.run_pending() + self.b.clock.run_pending():
            pass

    def bind(self, *names: str) -> Pair:
        for name in names:
            self.a.register(name)
            self.b.register(name)
        if self.a.instance.state.__class__ is LegacyState:
            for side in (self.a, self.b) * 3:
                side.clock.advance(1_000_000)
        self.run()
        assert self.a.instance.is_bound
        assert self.b.instance.is_bound
        self.log.clear()
        return self

    def packets(self, writer: str) -> bytes:
        offset = 0 if writer == "a" else len(self.memory) // 2
        wr = int.from_bytes(self.memory[offset + 4 : offset + 8], "little")
        return bytes(self.memory[offset + 8 + 20 : offset + 8 + wr])


def only_error(side: Side) -> Any:
    errors, side.errors = side.errors, []
    assert len(errors) == 1, errors
    return errors[0]


def test_the_bytes_and_events_of_zephyrs_trace() -> None:
    pair = Pair()
    pair.b.register("ep0")
    endpoint = pair.a.register("ep0")
    pair.run()
    assert pair.packets("a").hex() == "000500000001657030000000"
    assert pair.packets("b").hex() == "0002000000010000"
    assert pair.log == ["b bound ep0", "a bound ep0"]
    endpoint.send(b"\2\3")
    pair.b.instance.endpoints[0].send(b"\4")
    pair.run()
    assert pair.packets("a")[12:].hex() == "0003000001020300"
    assert pair.log[2:] == ["a sent ep0 0203", "b sent ep0 04", "a received ep0 04", "b received ep0 0203"]


def test_an_initiator_may_send_before_the_answer_and_the_follower_gets_it_behind_bound() -> None:
    pair = Pair()
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    endpoint = pair.a.register("ep0")
    pair.b.register("ep0")
    pair.a.clock.run_pending()
    endpoint.send(b"early")
    pair.run()
    assert pair.log == ["a sent ep0 6561726c79", "b bound ep0", "b received ep0 6561726c79", "a bound ep0"]


@pytest.mark.parametrize(
    "control",
    [
        {},
        {"signalling": "repeat"},
        {"signalling": "repeat", "wire": "spsc_pbuf"},
        {"dcache_alignment": 32},
    ],
)
def test_two_endpoints_over_every_icmsg(control: dict[str, Any]) -> None:
    pair = Pair(control=control).bind("one", "two")
    for side in (pair.a, pair.b):
        for endpoint in side.instance.endpoints:
            endpoint.send(endpoint.name.encode())
    pair.run()
    assert sorted(line for line in pair.log if "received" in line) == [
        "a received one 6f6e65",
        "a received two 74776f",
        "b received one 6f6e65",
        "b received two 74776f",
    ]


def test_numbers_are_in_the_order_of_registration_at_the_initiator() -> None:
    pair = Pair()
    pair.b.register("two")
    pair.a.register("one")
    pair.a.register("two")
    pair.run()
    assert pair.b.instance.waiting_names == {1: "one"}
    assert not pair.a.instance.is_bound
    pair.b.register("one")
    pair.run()
    assert pair.a.instance.is_bound
    assert [endpoint.number for endpoint in pair.b.instance.endpoints] == [2, 1]


@pytest.mark.parametrize("size", [0, 1, 253])
def test_messages_of_0_to_253_bytes_pass(size: int) -> None:
    pair = Pair(1024).bind("ep0")
    assert pair.a.instance.endpoints[0].send(bytes(size)) == size
    pair.run()
    assert f"b received ep0 {bytes(size).hex()}" in pair.log
    assert pair.a.instance.endpoints[0].get_tx_buffer_size() == 253


def test_one_byte_more_is_ebadmsg() -> None:
    pair = Pair(1024).bind("ep0")
    with pytest.raises(IpcError, match="SEND_BUF_SIZE: split") as caught:
        pair.a.instance.endpoints[0].send(bytes(254))
    assert caught.value.errno == errno.EBADMSG


def test_what_zephyr_refuses_has_its_errno() -> None:
    pair = Pair()
    first = pair.b.register("ep0")
    with pytest.raises(IpcError, match="wait for its bound") as caught:
        first.send(b"x")
    assert caught.value.errno == errno.ENOTCONN
    with pytest.raises(IpcError, match="waits for the initiator") as caught:
        pair.b.register("ep0")
    assert caught.value.errno == errno.EAGAIN
    with pytest.raises(IpcError) as caught:
        pair.a.register("n" * 33)
    assert caught.value.errno == errno.EINVAL
    early = pair.a.register("ep0")
    with pytest.raises(IpcError) as caught:
        early.send(b"x")
    assert caught.value.errno == errno.EBUSY
    pair.run()
    with pytest.raises(IpcError, match="has an endpoint already") as caught:
        pair.b.register("ep0")
    assert caught.value.errno == errno.EALREADY
    for side in (pair.a, pair.b):
        side.register("ep1")
        with pytest.raises(IpcError, match="num_ep higher") as caught:
            side.register("ep2")
        assert caught.value.errno == errno.ENOMEM
    for call in (first.deregister, first.reopen):
        with pytest.raises(IpcError) as caught:
            call()
        assert caught.value.errno == errno.EIO
    for name in ("", "a\0b"):
        with pytest.raises(IpcError, match="no name for an endpoint") as caught:
            pair.a.register(name)
        assert caught.value.errno == errno.EINVAL


def test_opening_closing_and_resetting() -> None:
    pair = Pair()
    pair.a.instance.open()
    with pytest.raises(IpcError, match="close it first") as caught:
        pair.a.instance.open()
    assert caught.value.errno == errno.EALREADY
    endpoint = pair.a.register("ep0")
    assert not pair.b.instance.is_bound
    pair.a.instance.close()
    assert pair.a.instance.state is State.OFF
    assert pair.a.instance.endpoints == ()
    with pytest.raises(IpcError, match="from before a reset") as caught:
        endpoint.send(b"x")
    assert caught.value.errno == errno.ENOENT


def test_a_long_name_is_bound_by_what_the_follower_keeps_of_it() -> None:
    Pair().bind("n" * 32)


def test_a_longer_local_name_does_not_match() -> None:
    pair = Pair()
    pair.b.register("ep01")
    pair.a.register("ep0")
    pair.run()
    assert not pair.b.instance.is_bound
    assert pair.b.instance.waiting_names == {1: "ep0"}


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        ((0,), "a discovery packet of 1 byte"),
        ((7, 1), "data for endpoint 7, which nobody has"),
        ((0, 0, 65), "there are numbers 1…3"),
        ((0, 4, 65), "there are numbers 1…3"),
        ((0, 1, 65), 'it is "ep0": has the peer started over alone?'),
        ((0, 3), "or it is empty"),
        ((0, 3, 119), "is there already"),
        ((0, 2, 65), "is there already"),
    ],
)
def test_what_is_wrong_with_a_packet_is_said_by_the_follower(packet: tuple[int, ...], text: str) -> None:
    pair = Pair(num_ep=3).bind("ep0")
    pair.a.register("w")
    pair.run()
    pair.a.raw(*packet)
    pair.run()
    error = only_error(pair.b)
    assert text in str(error)
    assert error.errno == errno.EINVAL
    pair.a.instance.endpoints[0].send(b"goes on")
    pair.run()
    assert any("received" in line for line in pair.log)


def test_a_name_for_which_the_follower_has_no_place_is_told() -> None:
    pair = Pair(b={"num_ep": 1})
    pair.b.register("own")
    pair.a.register("own")
    pair.run()
    pair.a.raw(0, 1, 65)
    pair.run()
    only_error(pair.b)
    pair = Pair(num_ep=2)
    pair.b.register("own")
    pair.b.register("other")
    pair.a.register("third")
    pair.run()
    error = only_error(pair.b)
    assert error.errno == errno.ENOMEM
    assert 'no place for the name "third"' in str(error)


@pytest.mark.parametrize(("number", "text"), [(9, "which nobody has"), (1, 'which is bound, "ep0"')])
def test_answers_that_make_no_sense_are_told_by_the_initiator(number: int, text: str) -> None:
    pair = Pair().bind("ep0")
    pair.b.raw(0, number)
    pair.run()
    assert text in str(only_error(pair.a))
    assert "a bound ep0" not in pair.log


def test_errors_reach_the_endpoints() -> None:
    pair = Pair()
    told: list[Exception] = []
    pair.b.instance.register_endpoint(EndpointConfig("one", error=told.append))
    pair.b.instance.register_endpoint(EndpointConfig("two"))
    pair.a.register("one")
    pair.run()
    pair.a.raw(9, 9)
    pair.run()
    assert len(told) == 1
    pair.bus.write32(BASE + 4, 3)
    pair.b.instance.mailbox_rang()
    pair.b.clock.run_pending()
    assert isinstance(told[-1], CorruptRegionError)
    pair.b.instance.observer = None
    pair.b.instance.mailbox_rang()
    pair.b.clock.run_pending()
    assert len(told) == 3


def test_without_observer_all_the_same_happens() -> None:
    pair = Pair()
    pair.a.instance.observer = pair.b.instance.observer = None
    got: list[bytes] = []
    pair.a.register("ep0")
    pair.b.instance.register_endpoint(EndpointConfig("ep0", received=got.append))
    pair.run()
    pair.a.instance.endpoints[0].send(b"x")
    pair.a.raw(9, 9)
    pair.run()
    assert got == [b"x"]
    assert not pair.log


def test_an_answer_that_finds_no_room_is_sent_later_and_the_endpoint_waits_for_it() -> None:
    pair = Pair(64, num_ep=3).bind("ep0")
    full = pair.b.instance.endpoints[0]
    second = pair.b.register("ep1")
    pair.a.register("ep1")
    pair.a.clock.run_pending()
    fill(full)
    pair.b.clock.run_pending()
    with pytest.raises(IpcError) as caught:
        second.send(b"x")
    assert caught.value.errno == errno.ENOTCONN
    pair.a.instance.endpoints[1].send(b"early")
    pair.b.clock.run_pending()
    assert pair.log[-2:] == ["b bound ep1", "b received ep1 6561726c79"]
    pair.a.clock.run_pending()
    assert not pair.a.instance.endpoints[1].is_bound
    pair.b.clock.advance(100_000)
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.log.count("b bound ep1") == 1
    assert second.send(b"x") == 1


def test_a_discovery_that_the_channel_cannot_carry_is_told() -> None:
    pair = Pair().bind("ep0")
    pair.bus.write32(BASE, 3)
    pair.a.register("new")
    pair.a.clock.run_pending()
    assert only_error(pair.a).errno == errno.EINVAL


def fill(endpoint: IcmsgMeEndpoint) -> None:
    """Send until there is no room for an answer."""
    with contextlib.suppress(IpcError):
        for _ in range(9):
            endpoint.send(b"1234567")


class PlannedError(Exception):
    pass


def raising() -> None:
    raise PlannedError


def test_a_bound_that_raises_does_not_keep_the_others_from_theirs() -> None:
    pair = Pair()
    pair.a.instance.open()
    pair.b.instance.open()
    for name in ("one", "two"):
        pair.a.register(name)
    pair.run()
    pair.b.on["bound"] = raising
    for name in ("one", "two"):
        pair.b.register(name)
    for _ in range(2):
        with pytest.raises(PlannedError):
            pair.b.clock.run_pending()
    pair.run()
    assert pair.a.instance.is_bound


@pytest.mark.parametrize("what", ["bound", "received"])
def test_a_callback_may_reset_the_instance(what: str) -> None:
    pair = Pair()
    pair.b.on[what] = pair.b.instance.reset
    for name in ("one", "two"):
        pair.a.register(name)
        pair.b.register(name)
    pair.run()
    for endpoint in pair.a.instance.endpoints:
        endpoint.send(b"x")
    pair.run()
    assert pair.b.instance.endpoints == ()
    assert pair.b.instance.state is State.OFF


def test_a_bound_in_front_of_data_may_reset_the_instance() -> None:
    pair = Pair(64, num_ep=3).bind("ep0")
    full = pair.b.instance.endpoints[0]
    pair.b.register("ep1")
    pair.a.register("ep1")
    pair.a.clock.run_pending()
    fill(full)
    pair.b.clock.run_pending()
    pair.b.on["bound"] = pair.b.instance.reset
    pair.a.instance.endpoints[1].send(b"early")
    pair.b.clock.run_pending()
    assert not any("b received ep1" in line for line in pair.log)


@pytest.mark.parametrize(
    ("options", "unbound", "text"),
    [
        ({"role": "master"}, "disable", 'role = "master" does not exist'),
        ({"num_ep": 0}, "disable", "num_ep = 0 is out of range"),
        ({"send_buf_size": 1}, "disable", "send_buf_size = 1 is out of range"),
        ({"ep_name_len": 1}, "disable", "ep_name_len = 1 is out of range"),
        ({}, "enable", 'set unbound="disable"'),
    ],
)
def test_configurations_that_can_never_bind_are_refused(
    options: dict[str, Any], unbound: Any, text: str
) -> None:
    control = InstanceConfig(
        Region(BASE, 64),
        Region(BASE + 64, 64),
        dcache_alignment=8,
        tx_channel=3,
        rx_channel=4,
        unbound=unbound,
    )
    with pytest.raises(ConfigurationError, match=text):
        IcmsgMeConfig(control, **({"role": "initiator"} | options))


def test_a_configuration_shows_the_instance_below() -> None:
    control = InstanceConfig(Region(BASE, 64), Region(BASE + 64, 64), tx_channel=3, rx_channel=4, name="me")
    config = IcmsgMeConfig(control, role="follower").mirrored()
    assert config.role == "initiator"
    assert (config.tx_channel, config.rx_channel, config.name) == (4, 3, "me")
    assert (config.tx_region, config.rx_region) == (control.rx_region, control.tx_region)
    assert config.longest == 64 - 8 - 8 - 1
