"""Magic bonding: either side first, mailboxes that latch or drop, both releases, and what goes wrong."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from two_instances import BASE, Pair

from icmsg.config import InstanceConfig, Region
from icmsg.errors import (
    BufferTooSmallError,
    BusError,
    ConfigurationError,
    CorruptRegionError,
    IpcError,
    MailboxError,
)
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import MAGIC, EndpointConfig, IcmsgInstance, InterruptHandler, LegacyState, State, VirtualClock
from icmsg.ipc.clock import MS

if TYPE_CHECKING:
    from icmsg.hw.bus import MemoryBus

SIGNALLING = ["repeat", "ring-back"]


@pytest.mark.parametrize(
    ("a", "b", "first", "latch", "gap"),
    list(itertools.product(SIGNALLING, SIGNALLING, "ab", [True, False], [0, 5 * MS])),
)
def test_either_side_opens_first_and_both_bind_once(
    a: str, b: str, first: str, latch: bool, gap: int
) -> None:
    pair = Pair(latch=latch, a={"signalling": a}, b={"signalling": b})
    sides = [pair.a, pair.b] if first == "a" else [pair.b, pair.a]
    sides[0].open()
    pair.clock.advance(gap)
    sides[1].open()
    assert pair.clock.settle()
    for side in sides:
        assert side.instance.is_bound
        assert len(side.take("bound")) == 1
        assert not side.errors()
    pair.a.instance.send(b"to b")
    pair.b.instance.send(b"to a")
    pair.clock.settle()
    assert (pair.a.received, pair.b.received) == ([b"to a"], [b"to b"])
    pair.assert_guards()


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_a_message_that_waits_behind_the_magic_arrives_after_bound(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.a.open()
    pair.clock.advance(0)
    pair.b.open()
    pair.clock.run_one()
    assert pair.b.instance.is_bound
    assert not pair.a.instance.is_bound
    pair.b.instance.send(b"early")
    pair.clock.settle()
    assert [event for event in pair.a.events if event[0] in ("bound", "received")] == [
        ("bound", None),
        ("received", b"early"),
    ]


def test_the_repeat_period_is_the_configured_one_and_ends_with_ready() -> None:
    pair = Pair(signalling="repeat", bond_notify_repeat_to_ms=7)
    pair.a.open()
    pair.clock.advance(21 * MS)
    assert len(pair.a.take("ring")) == 4
    pair.b.open()
    assert pair.clock.settle()
    assert len(pair.a.take("ring")) == 1


def test_a_longer_magic_of_a_future_version_is_accepted() -> None:
    pair = Pair()
    pair.a.open()
    pair.clock.settle()
    # The peer's packet has one byte more than the magic.
    pair.b_to_a[:32] = bytes.fromhex(
        "00000000 18000000 000e0000 456d316c 314b3072 6e336c69 34010000".replace(" ", "")
    ).ljust(32, b"\0")
    pair.a.instance.mailbox_rang()
    pair.clock.settle()
    assert pair.a.instance.state is State.CONNECTED_SID_DISABLED


@pytest.mark.parametrize(("wire", "bound"), [("pbuf", True), ("spsc_pbuf", False)])
def test_a_longer_magic_is_accepted_since_3_6_and_not_before(wire: str, bound: bool) -> None:
    pair = Pair(signalling="repeat", wire=wire)
    pair.a.open()
    peer = pair.b.instance._context.writer
    peer.tx_init()
    peer.write(MAGIC + b"+")
    pair.a.instance.mailbox_rang()
    pair.clock.run_pending()
    assert pair.a.instance.is_bound is bound
    assert len(pair.a.errors()) == (not bound)
    peer.write(MAGIC)
    pair.a.instance.mailbox_rang()
    pair.clock.run_pending()
    assert pair.a.instance.is_bound


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_the_receive_limit_holds_while_bonding_too(signalling: str) -> None:
    pair = Pair(signalling=signalling, a={"rx_limit": 13})
    pair.a.open()
    peer = pair.b.instance._context.writer
    peer.tx_init()
    peer.write(MAGIC + b"+")
    pair.a.instance.mailbox_rang()
    pair.clock.run_pending()
    (error,) = pair.a.errors()
    assert isinstance(error, BufferTooSmallError)
    assert not pair.a.instance.is_bound


@pytest.mark.parametrize(("signalling", "size"), [("repeat", 5), ("ring-back", 20)])
def test_data_before_the_magic_is_consumed_and_reported(signalling: str, size: int) -> None:
    pair = Pair(signalling=signalling)
    pair.a.open()
    pair.b_to_a[4:8] = (4 + (size + 3 & ~3)).to_bytes(4, "little")
    pair.b_to_a[8:12] = size.to_bytes(2, "big") + b"\0\0"
    state = pair.a.instance.state
    pair.a.instance.mailbox_rang()
    pair.clock.run_pending()
    (error,) = pair.a.errors()
    assert "not the magic" in str(error)
    assert f"not the magic but {bytes(min(size, 16)).hex(' ')} ({size} bytes)" in str(error)
    assert isinstance(error, IpcError)
    assert error.errno == errno.EINVAL
    assert pair.a.instance.state is state
    assert pair.b_to_a[:4] == pair.b_to_a[4:8], "consumed, so that a correct magic can follow"


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_a_corrupt_index_while_bonding_is_reported_and_bonding_goes_on_once_it_is_repaired(
    signalling: str,
) -> None:
    pair = Pair(signalling=signalling)
    pair.a.open()
    pair.b_to_a[4:8] = b"\x0a\0\0\0"
    pair.a.instance.mailbox_rang()
    pair.clock.run_pending()
    (error,) = pair.a.errors()
    assert isinstance(error, CorruptRegionError)
    assert error.address == pair.b.config.tx_region.address + 4
    pair.b.open()
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_a_second_endpoint_is_refused_with_zephyrs_errno_and_the_first_goes_on(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.a.open()
    for name in ("", "second"):
        with pytest.raises(IpcError, match="exactly one") as caught:
            pair.a.instance.register_endpoint(EndpointConfig(name=name))
        assert caught.value.errno == errno.EALREADY
    pair.b.open()
    pair.clock.settle()
    assert len(pair.a.take("bound")) == 1
    assert pair.a.instance.is_bound


def test_closing_twice_is_refused_up_to_4_0_and_rings_once_more_since_4_1() -> None:
    old, new = Pair(signalling="repeat"), Pair(signalling="ring-back")
    for pair in (old, new):
        pair.bond()
        pair.a.instance.deregister_endpoint()
        assert pair.a.instance.state.name == "OFF"
    assert old.a.take("ring") == []
    with pytest.raises(IpcError) as caught:
        old.a.instance.deregister_endpoint()
    assert caught.value.errno == errno.EALREADY
    new.a.instance.deregister_endpoint()
    assert len(new.a.take("ring")) == 2


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_a_closed_instance_ignores_signals_and_does_nothing_more(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.a.open()
    pair.a.instance.mailbox_rang()
    pair.a.endpoint.deregister()
    pair.a.events.clear()
    before = bytes(pair.memory)
    pair.a.instance.mailbox_rang()
    assert pair.clock.settle(), "no timer is left"
    assert pair.a.events == []
    assert pair.memory == before
    with pytest.raises(IpcError, match="register an endpoint") as caught:
        pair.a.instance.send(b"x")
    assert caught.value.errno == errno.EBUSY


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_work_that_was_queued_before_a_close_does_not_run_after_the_next_open(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.bond()
    pair.b.mailbox.on_signal = None  # B does not answer
    pair.a.instance.mailbox_rang()
    pair.a.endpoint.deregister()
    pair.a.open()
    pair.clock.run_pending()
    assert not pair.a.instance.is_bound, "it would have believed the old magic"
    assert not pair.a.take("bound")


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_both_sides_reopened_bond_again(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.bond()
    pair.a.instance.send(b"lost, nobody reads it")
    pair.a.endpoint.reopen()
    pair.b.endpoint.reopen()
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    assert pair.a.instance.send(b"new") == 3
    pair.clock.settle()
    assert pair.b.received[-1] == b"new"


class RaisingBus:
    """A bus whose accesses fail from some moment on."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.fail = False

    def __getattr__(self, name: str) -> Any:
        access = getattr(self.bus, name)

        def maybe(address: int, *rest: Any) -> Any:
            if self.fail:
                raise BusError("switched off", address=address, width=32)
            return access(address, *rest)

        return maybe


@pytest.mark.parametrize(
    "options",
    [{"signalling": "repeat"}, {}, {"unbound": "enable", "dcache_alignment": 8}],
    ids=["repeat", "ring-back", "enable"],
)
def test_a_failed_open_leaves_the_instance_off_and_the_next_one_works(options: dict[str, Any]) -> None:
    pair = Pair(**options)
    bus = RaisingBus(pair.a.bus)
    instance = IcmsgInstance(bus, pair.a.mailbox, pair.clock, pair.a.config)
    pair.a.interrupt.replace(instance)
    bus.fail = True
    with pytest.raises(BusError):
        instance.register_endpoint(EndpointConfig())
    assert instance.state.value == 0
    bus.fail = False
    pair.a.mailbox.enable(pair.a.config.rx_channel)  # somebody else uses the channel
    with pytest.raises(MailboxError):
        instance.register_endpoint(EndpointConfig())
    assert instance.state.value == 0
    assert not pair.a.mailbox.is_enabled(pair.a.config.rx_channel)
    instance.register_endpoint(EndpointConfig())
    pair.b.open()
    pair.clock.settle()
    assert instance.is_bound


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_an_error_in_bound_is_not_lost_and_the_instance_is_bound(signalling: str) -> None:
    pair = Pair(signalling=signalling)

    def fail() -> None:
        raise RuntimeError("in bound")

    pair.a.on["bound"] = fail
    pair.a.open()
    pair.b.open()
    with pytest.raises(RuntimeError, match="in bound"):
        pair.clock.settle()
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_sending_from_inside_bound_is_ebusy_as_in_zephyr(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    seen: list[int] = []

    def try_to_send() -> None:
        with pytest.raises(IpcError, match="bound") as caught:
            pair.a.endpoint.send(b"x")
        seen.append(caught.value.errno)

    pair.a.on["bound"] = try_to_send
    pair.a.open()
    pair.b.open()
    pair.clock.settle()
    assert seen == [errno.EBUSY]


@pytest.mark.parametrize("signalling", SIGNALLING)
@pytest.mark.parametrize("action", ["deregister", "reopen"])
def test_closing_or_reopening_from_inside_bound_wins(signalling: str, action: str) -> None:
    pair = Pair(signalling=signalling)
    done: list[str] = []

    def once() -> None:
        if not done:
            done.append(action)
            getattr(pair.a.endpoint, action)()

    pair.a.on["bound"] = once
    pair.a.open()
    pair.b.open()
    pair.clock.advance(0)
    assert done == [action]
    if action == "deregister":
        assert pair.a.instance.state.name == "OFF"
    else:
        assert pair.a.instance.state in (State.INITIALIZING_SID_DISABLED, LegacyState.BUSY)


@pytest.mark.parametrize("action", ["deregister", "reopen"])
def test_closing_or_reopening_from_inside_bound_wins_after_a_fall_back_too(action: str) -> None:
    pair = Pair(dcache_alignment=8, a={"unbound": "detect"}, b={"signalling": "repeat"})
    done: list[str] = []

    def once() -> None:
        if not done:
            done.append(action)
            getattr(pair.a.endpoint, action)()

    pair.a.on["bound"] = once
    pair.a.open()
    pair.b.open()
    pair.clock.advance(0)
    assert done == [action]
    assert not pair.a.instance.is_bound
    expected = State.OFF if action == "deregister" else State.INITIALIZING_SID_DISABLED
    assert [detail for _, detail in pair.a.take("state")][-1] in (expected, State.INITIALIZING_SID_DETECT)


@pytest.mark.parametrize("mode", ["enable", "detect"])
def test_before_it_is_opened_an_instance_has_no_session_ids(mode: str) -> None:
    assert Pair(unbound=mode, dcache_alignment=8).a.instance.session_ids == (0, 0)


def test_a_failed_callback_of_a_message_loses_only_that_message() -> None:
    pair = Pair()
    pair.bond()
    got: list[bytes] = []

    def receive(data: bytes) -> None:
        got.append(data)
        if data == b"bad":
            raise ValueError("cannot use it")

    pair.b.endpoint.deregister()
    pair.a.endpoint.deregister()
    pair.a.open()
    pair.b.instance.register_endpoint(EndpointConfig(received=receive))
    pair.clock.settle()
    for message in (b"one", b"bad", b"three"):
        pair.a.instance.send(message)
    with pytest.raises(ValueError, match="cannot use it"):
        pair.clock.settle()
    pair.clock.settle()
    assert got == [b"one", b"bad", b"three"]


def test_one_run_of_the_worker_delivers_one_message() -> None:
    pair = Pair()
    pair.bond()
    for index in range(4):
        pair.a.instance.send(bytes([index]))
    for index in range(4):
        assert pair.clock.run_one()
        assert pair.b.received == [bytes([number]) for number in range(index + 1)]
    assert not pair.clock.run_one()


@pytest.mark.parametrize("rings", [0, 1, 5])
def test_spurious_signals_are_harmless(rings: int) -> None:
    pair = Pair()
    pair.bond()
    pair.a.instance.send(b"one")
    for _ in range(rings):
        pair.b.mailbox.spurious(pair.b.config.rx_channel)
    pair.clock.settle()
    for _ in range(rings):
        pair.b.mailbox.spurious(pair.b.config.rx_channel)
        pair.clock.settle()
    assert pair.b.received == [b"one"]
    assert not pair.b.errors()


def test_without_callbacks_everything_still_works() -> None:
    pair = Pair()
    for side in (pair.a, pair.b):
        side.instance.observer = None
        assert side.instance.observer is None
        side.instance.register_endpoint(EndpointConfig())
    pair.clock.settle()
    assert pair.a.instance.send(b"x") == 1
    pair.clock.settle()
    pair.a_to_b[4:8] = b"\xff\xff\xff\xff"
    pair.a.mailbox.ring(0)
    pair.clock.settle()
    assert pair.b.instance.is_bound


def test_an_error_is_reported_once_per_signal_and_the_instance_stays_bound() -> None:
    pair = Pair()
    pair.bond()
    reported: list[Exception] = []
    pair.b.endpoint.reopen()
    pair.a.endpoint.reopen()
    pair.clock.settle()
    pair.b.instance.deregister_endpoint()
    pair.a.instance.deregister_endpoint()
    pair.b.instance.register_endpoint(EndpointConfig(error=reported.append))
    pair.a.open()
    pair.clock.settle()
    good = bytes(pair.a_to_b[4:8])
    pair.a_to_b[4:8] = b"\x02\0\0\0"
    for _ in range(3):
        pair.a.mailbox.ring(pair.a.config.tx_channel)
        pair.clock.settle()
    assert [type(error) for error in reported] == [CorruptRegionError] * 3
    pair.a_to_b[4:8] = good
    pair.a.instance.send(b"still alive")
    pair.clock.settle()
    assert pair.b.received == [b"still alive"]


def test_the_interrupt_handler_serves_each_instance_by_its_channel() -> None:
    pair = Pair()
    handler = pair.a.interrupt
    with pytest.raises(ConfigurationError, match="two instances receive on mailbox channel 1"):
        handler.add(pair.a.instance)
    near, far = mailbox_pair()
    alone = InterruptHandler(near)
    near.enable(5)
    far.ring(5)
    assert near.pending() == 1 << 5
    alone.handle()
    assert near.pending() == 0, "a channel that nobody listens to is acknowledged, too"


def test_the_interrupt_handler_serves_all_channels_that_are_pending_once_and_no_other() -> None:
    near, far = mailbox_pair()
    rang: list[int] = []
    acknowledged: list[int] = []

    class Instance:
        def __init__(self, channel: int) -> None:
            self.config = InstanceConfig(
                Region(BASE, 64), Region(BASE + 64, 64), rx_channel=channel, tx_channel=15
            )

        def mailbox_rang(self) -> None:
            rang.append(self.config.rx_channel)

    class Recorder:
        def pending(self) -> int:
            return near.pending()

        def acknowledge(self, channel: int) -> None:
            acknowledged.append(channel)
            near.acknowledge(channel)

    handler = InterruptHandler(Recorder(), *(Instance(channel) for channel in (1, 2, 4)))
    for channel in (1, 2, 3, 4):
        near.enable(channel)
        far.ring(channel)
    near.disable(2)
    handler.handle()
    assert acknowledged == [1, 3, 4]
    assert rang == [1, 4]


def test_reset_leaves_memory_and_peer_alone_and_the_core_can_start_again() -> None:
    pair = Pair(signalling="repeat")
    pair.bond()
    before = bytes(pair.memory)
    pair.a.instance.reset()
    pair.a.instance.reset()
    assert pair.a.instance.state is LegacyState.OFF
    assert pair.memory == before
    assert pair.a.take("ring") == []
    assert not pair.a.mailbox.is_enabled(pair.a.config.rx_channel)
    assert pair.clock.settle()


def test_an_instance_needs_only_a_buffer_a_ring_and_a_call() -> None:
    """The peer may be C code on the host: no mailbox object of this package is needed."""

    class Rings:
        def __init__(self) -> None:
            self.rings: list[int] = []
            self.enabled = False

        def ring(self, channel: int) -> None:
            self.rings.append(channel)

        def enable(self, channel: int) -> None:
            self.enabled = True

        def disable(self, channel: int) -> None:
            self.enabled = False

        def is_enabled(self, channel: int) -> bool:
            return self.enabled

    pair = Pair(signalling="repeat")
    rings = Rings()
    clock = VirtualClock()
    instance = IcmsgInstance(pair.a.bus, rings, clock, pair.a.config)
    endpoint = instance.register_endpoint(EndpointConfig())
    clock.advance(2 * MS)
    assert rings.rings == [0, 0, 0]
    pair.b_to_a[:25] = pair.a_to_b[:25]  # the peer's open writes the same bytes
    instance.mailbox_rang()
    clock.run_pending()
    assert endpoint.is_bound
    assert endpoint.name == ""


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_an_instance_can_be_opened_by_reopen_alone(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    pair.a.instance.reopen()
    pair.b.open()
    pair.clock.settle()
    assert pair.a.instance.is_bound
    assert pair.b.instance.send(b"nobody listens") == 14
    pair.clock.settle()
    assert pair.a.received == [b"nobody listens"]


@pytest.mark.parametrize("signalling", SIGNALLING)
def test_a_send_before_bound_says_what_is_missing(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    with pytest.raises(IpcError) as caught:
        pair.a.instance.send(b"x")
    assert str(caught.value) == "icmsg is OFF: register an endpoint first"
    pair.a.open()
    with pytest.raises(IpcError) as caught:
        pair.a.instance.send(b"x")
    assert str(caught.value) == f"icmsg is {pair.a.instance.state.name}: wait for its bound callback"


def test_closing_twice_says_what_is_missing() -> None:
    with pytest.raises(IpcError, match="icmsg is not open: register an endpoint first"):
        Pair(signalling="repeat").a.instance.deregister_endpoint()


def test_the_observer_sees_on_which_channel_was_rung() -> None:
    pair = Pair(tx_channel=5, rx_channel=6)
    pair.a.open()
    assert pair.a.details("ring") == [5]


@pytest.mark.parametrize("signalling", ["repeat", "ring-back"])
def test_an_endpoint_reopens_with_its_own_callbacks(signalling: str) -> None:
    pair = Pair(signalling=signalling)
    told: list[str] = []
    endpoint = pair.a.instance.register_endpoint(EndpointConfig(bound=lambda: told.append("its own")))
    pair.a.instance.reopen(EndpointConfig(bound=lambda: told.append("another's")))
    endpoint.reopen()
    pair.b.open()
    pair.clock.settle()
    assert told == ["its own"]
