"""Sending and receiving: errnos of each release, limits, space, and several instances on one machine."""

from __future__ import annotations

import errno
import random
from typing import Any

import pytest
from two_instances import Pair

from icmsg.config import ZEPHYR_RX_READ_BUF_SIZE, InstanceConfig, Region
from icmsg.errors import BufferFullError, CorruptRegionError, IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import Endpoint, EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock

GENERATIONS: list[dict[str, Any]] = [
    {"wire": "spsc_pbuf", "signalling": "repeat"},
    {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32},
    {"signalling": "repeat"},
    {"dcache_alignment": 32},
    {"unbound": "enable", "dcache_alignment": 8},
    {"unbound": "detect", "dcache_alignment": 64},
    {"trust_known_space": True},
]


def names(generation: dict[str, Any]) -> str:
    return "-".join(map(str, generation.values())) or "defaults"


@pytest.mark.parametrize("generation", GENERATIONS, ids=names)
def test_thousands_of_messages_of_random_size_arrive_in_both_directions(generation: dict[str, Any]) -> None:
    pair = Pair(512, **generation)
    pair.bond()
    rng = random.Random(1)
    sent: dict[str, list[bytes]] = {"a": [], "b": []}
    full = 0
    for _ in range(3000):
        name = rng.choice("ab")
        side = getattr(pair, name)
        data = rng.randbytes(rng.choice([1, 2, 3, 4, 5, 31, 100, side.instance.get_tx_buffer_size()]))
        free = side.instance.free_space()
        if len(data) <= free:
            assert side.endpoint.send(data) == len(data)
            sent[name].append(data)
        else:
            with pytest.raises(IpcError) as caught:
                side.endpoint.send(data)
            assert caught.value.errno == errno.ENOMEM
            assert isinstance(caught.value.__cause__, BufferFullError)
            full += 1
        for _ in range(rng.randrange(4)):
            pair.clock.run_one()
    pair.clock.settle()
    assert full > 50
    assert pair.a.received == sent["b"]
    assert pair.b.received == sent["a"]
    assert not pair.a.errors()
    pair.assert_guards()


def test_a_receive_limit_delivers_up_to_it_and_reports_what_exceeds_it() -> None:
    pair = Pair(512, b={"rx_limit": ZEPHYR_RX_READ_BUF_SIZE})
    pair.bond()
    pair.a.instance.send(bytes(128))
    pair.clock.settle()
    assert pair.b.received == [bytes(128)]
    pair.a.instance.send(bytes(129))
    pair.clock.settle()
    (error,) = pair.b.errors()
    assert "129 bytes, more than the 128" in str(error)
    assert pair.b.received == [bytes(128)]


def test_the_peers_limit_bounds_what_is_offered_and_can_be_overridden() -> None:
    pair = Pair(512, a={"peer_rx_limit": 100})
    pair.bond()
    assert pair.a.endpoint.get_tx_buffer_size() == 100
    assert pair.a.instance.free_space() == 100
    with pytest.raises(IpcError, match="101 bytes exceed the 100 that the peer takes") as caught:
        pair.a.endpoint.send(bytes(101))
    assert caught.value.errno == errno.EMSGSIZE
    assert pair.a.endpoint.send(bytes(100)) == 100
    assert pair.a.endpoint.send(bytes(101), ignore_peer_limit=True) == 101
    pair.clock.settle()
    assert [len(data) for data in pair.b.received] == [100, 101]


def test_without_a_limit_the_buffer_is_the_limit() -> None:
    pair = Pair(512)
    assert pair.a.instance.get_tx_buffer_size() == 496
    assert pair.b.instance.config.rx_limit is None


def test_send_tells_apart_what_never_fits_from_what_does_not_fit_now() -> None:
    pair = Pair()
    pair.bond()
    with pytest.raises(IpcError, match="never takes more than 112 bytes"):
        pair.a.instance.send(bytes(113))
    pair.a.instance.send(bytes(80))
    with pytest.raises(IpcError, match="no room for 100 bytes, 28 fit now: send again"):
        pair.a.instance.send(bytes(100))


def test_a_peer_that_broke_its_index_is_einval_to_send() -> None:
    pair = Pair()
    pair.bond()
    pair.a_to_b[:4] = b"\x02\0\0\0"
    with pytest.raises(IpcError, match="rd_idx is not a multiple of 4") as caught:
        pair.a.instance.send(b"x")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(CorruptRegionError):
        pair.a.instance.free_space()
    assert not pair.a.take("ring", "sent")


@pytest.mark.parametrize("data", [b"data", bytearray(b"data"), memoryview(b"data")])
def test_any_buffer_of_bytes_can_be_sent(data: bytes | bytearray | memoryview) -> None:
    pair = Pair()
    pair.bond()
    assert pair.a.endpoint.send(data) == 4
    assert pair.a.details("sent") == [b"data"]
    pair.clock.settle()
    assert pair.b.received == [b"data"]


def test_a_view_of_words_counts_its_bytes() -> None:
    pair = Pair(a={"peer_rx_limit": 20})
    pair.bond()
    assert pair.a.endpoint.send(memoryview(bytes(range(16))).cast("I")) == 16
    with pytest.raises(IpcError, match="24 bytes exceed the 20"):
        pair.a.endpoint.send(memoryview(bytes(24)).cast("I"))
    pair.clock.settle()
    assert pair.b.received == [bytes(range(16))]


@pytest.mark.parametrize(
    ("size", "number"), [(101, errno.EMSGSIZE), (0xFFFF, errno.EMSGSIZE), (0x10000, errno.EINVAL)]
)
def test_up_to_the_longest_packet_the_peers_limit_is_what_refuses(size: int, number: int) -> None:
    pair = Pair(512, a={"peer_rx_limit": 100})
    pair.bond()
    with pytest.raises(IpcError) as caught:
        pair.a.endpoint.send(bytes(size))
    assert caught.value.errno == number


def test_an_empty_message_is_refused_in_words() -> None:
    pair = Pair()
    pair.bond()
    with pytest.raises(IpcError) as caught:
        pair.a.endpoint.send(b"")
    assert str(caught.value) == "icmsg: an empty message cannot be sent: send at least one byte"


def test_eight_instances_on_one_machine_share_nothing() -> None:
    count = 8
    memory = bytearray(0x200 * 2 * count)
    bus, clock = MemoryBus(memory), VirtualClock()
    app_mailbox, net_mailbox = mailbox_pair(2 * count)
    app_irq, net_irq = InterruptHandler(app_mailbox), InterruptHandler(net_mailbox)
    app_mailbox.on_signal, net_mailbox.on_signal = app_irq.handle, net_irq.handle
    received: dict[str, list[bytes]] = {}
    endpoints: list[Endpoint] = []
    modes = [
        {},
        {"unbound": "enable", "dcache_alignment": 8},
        {"signalling": "repeat"},
        {"dcache_alignment": 32},
    ]
    for index in range(count):
        config = InstanceConfig(
            Region(0x400 * index, 0x200),
            Region(0x400 * index + 0x200, 0x200),
            tx_channel=2 * index,
            rx_channel=2 * index + 1,
            name=f"ipc{index}",
            **modes[index % len(modes)],
        )
        for name, irq, mailbox, side in (
            ("app", app_irq, app_mailbox, config),
            ("net", net_irq, net_mailbox, config.mirrored()),
        ):
            instance = IcmsgInstance(bus, mailbox, clock, side)
            irq.add(instance)
            inbox = received.setdefault(f"{name}{index}", [])
            endpoints.append(instance.register_endpoint(EndpointConfig(received=inbox.append)))
    clock.settle()
    assert all(endpoint.is_bound for endpoint in endpoints)
    for number, endpoint in enumerate(endpoints):
        endpoint.send(bytes([number]) * (number + 1))
    clock.settle()
    for index in range(count):
        assert received[f"net{index}"] == [bytes([2 * index]) * (2 * index + 1)]
        assert received[f"app{index}"] == [bytes([2 * index + 1]) * (2 * index + 2)]
    endpoints[0].deregister()
    with pytest.raises(IpcError):
        endpoints[0].send(b"closed")
    assert endpoints[1].send(b"the others go on") == 16
    assert endpoints[2].send(b"all of them") == 11
