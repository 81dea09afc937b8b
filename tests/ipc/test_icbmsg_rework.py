"""ICBMsg after Zephyr 4.4: queues, binding by hash, priorities, deregistration; its defects, had and recognised."""

from __future__ import annotations

import contextlib
import errno
from functools import partial
from typing import TYPE_CHECKING, Any

import icbmsg_pair
import pytest
from icbmsg_pair import Pair, PlannedError, only_error, raising

from icmsg.config import Region
from icmsg.errors import CorruptRegionError, IpcError, MailboxError
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import EndpointConfig, EndpointState, ReworkState, TxBuffer
from icmsg.ipc.icbmsg import packets

if TYPE_CHECKING:
    from icmsg.ipc import IcbmsgReworkInstance

pair_of = partial(icbmsg_pair.pair_of, generation="rework")
bound = partial(icbmsg_pair.bound, generation="rework")
A_BLOCKS = 0x2007_8000 + 48


def put(pair: Pair, block: int, header: int, payload: bytes = b"") -> None:
    """Let A send by hand: what lies at a block, and an entry in the queue."""
    pair.bus.write_block(A_BLOCKS + 52 * block, header.to_bytes(4, "little") + payload)
    pair.a.instance.queues.produce(block, high=False)
    pair.a.mailbox.ring(0)
    pair.run()


def control(pair: Pair, packet: bytes) -> None:
    pair.a.instance._send_control(packet)
    pair.run()


def test_names_become_the_hash_of_zephyr() -> None:
    assert packets.name_hash("ep0") == 0x0B87_2380
    assert packets.name_hash("") == 5381


def test_both_sides_connect_and_bind_whoever_registers_first() -> None:
    pair = pair_of()
    pair.a.register("early")  # opens, too
    assert pair.a.instance.state is ReworkState.CONNECTING
    with pytest.raises(IpcError, match="close it first") as caught:
        pair.a.instance.open()
    assert caught.value.errno == errno.EALREADY
    pair.run()
    pair.b.register("late")
    pair.run()
    assert pair.a.instance.is_connected
    assert pair.a.instance.waiting_hashes == {1: packets.name_hash("late")}  # B keeps 0 for "early"
    pair.b.register("early")
    pair.a.register("late")
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    assert [endpoint.name for endpoint in pair.a.instance.endpoints] == ["early", "late"]
    pair.a.by_index[0].send(b"1")
    pair.b.by_index[1].send(b"2")
    pair.run()
    assert pair.b.received == {"early": [b"1"]}
    assert pair.a.received == {"late": [b"2"]}


def test_a_side_that_is_ready_at_once_tells_so_from_the_clock() -> None:
    pair = pair_of()
    pair.a.instance.open()
    pair.b.register("ep0")
    pair.run()
    endpoint = pair.a.register("ep0")
    assert endpoint.state is EndpointState.READY
    assert not endpoint.is_bound
    endpoint.send(b"already")
    pair.run()
    assert endpoint.is_bound
    assert pair.b.received["ep0"] == [b"already"]


def test_data_that_overtakes_bound_comes_behind_it() -> None:
    pair = pair_of()
    pair.a.instance.open()
    pair.b.register("ep0")
    pair.run()
    pair.a.instance.mailbox_rang()  # the RX work is queued before the call of bound
    pair.a.register("ep0")
    pair.b.run()
    pair.b.by_index[0].send(b"quick")
    pair.a.run()
    assert pair.log.index("a bound ep0") < pair.log.index("a received ep0 717569636b")
    assert pair.log.count("a bound ep0") == 1


@pytest.mark.parametrize("bound", ["nothing", "deregister", "reset", "error"])
def test_an_unbound_packet_that_overtakes_bound_comes_behind_it(bound: str) -> None:
    pair = pair_of()
    pair.a.instance.open()
    theirs = pair.b.register("ep0")
    pair.run()
    pair.a.instance.mailbox_rang()  # the RX work is queued before the call of bound
    ours = pair.a.register("ep0")

    def fail() -> None:
        raise ValueError

    does = {"deregister": ours.deregister, "reset": pair.a.instance.reset, "error": fail}
    pair.a.on["bound"] = does.get(bound, lambda: None)
    pair.b.run()
    theirs.deregister()
    with contextlib.suppress(ValueError):
        pair.a.run()
    told = [line for line in pair.log if line.startswith("a ") and "bound" in line]
    assert told == ["a bound ep0", "a unbound ep0"][: 1 + (bound in ("nothing", "error"))]
    assert not ours.is_registered


def test_the_longest_message_and_one_more() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    assert endpoint.get_tx_buffer_size() == 204
    with pytest.raises(IpcError, match="never take more than 204") as caught:
        endpoint.send(bytes(205))
    assert caught.value.errno == errno.ENOMEM
    with pytest.raises(IpcError, match="never take more than 204"):
        endpoint.get_tx_buffer(205)


def test_a_message_is_never_longer_than_its_header_can_say() -> None:
    pair = pair_of(a_tx=Region(0x2010_0000, 0x40000), b_tx=Region(0x2000_0000, 0x40000))
    pair.bind()
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    assert endpoint.get_tx_buffer_size() == 0xFFFF
    endpoint.send(bytes(0xFFFF))
    with pytest.raises(IpcError, match="16 bits") as caught:
        endpoint.send(bytes(0x10000))
    assert caught.value.errno == errno.EMSGSIZE
    pair.run()
    assert len(pair.b.received["ep0"][0]) == 0xFFFF


def test_an_endpoint_that_is_not_bound_cannot_send() -> None:
    pair = bound("ep0")
    endpoint = pair.a.register("other")
    for call in (lambda: endpoint.send(b"x"), endpoint.get_tx_buffer):
        with pytest.raises(IpcError, match="wait for its bound") as caught:
            call()
        assert caught.value.errno == errno.ENOENT


def test_messages_of_high_priority_overtake_those_that_wait() -> None:
    pair = pair_of()
    for side in (pair.a, pair.b):
        side.register("low", 0)
        side.register("high", 1)
    pair.run()
    for number, index in enumerate((0, 1, 0, 1)):
        pair.a.instance._collect()
        pair.a.by_index[index].send(bytes([number]))
    pair.log.clear()
    pair.b.run()
    assert pair.take() == [
        "b received high 01",
        "b received high 03",
        "b received low 00",
        "b received low 02",
    ]


def test_more_endpoints_than_slots_are_enomem_and_waiting_names_count() -> None:
    pair = pair_of(num_ep=2)
    pair.a.instance.open()
    pair.b.register("one")
    pair.run()
    pair.a.register("two")
    with pytest.raises(IpcError, match="names of the peer included") as caught:
        pair.a.register("three")
    assert caught.value.errno == errno.ENOMEM
    pair.run()
    pair.a.register("one")


def test_a_name_for_which_there_is_no_slot_is_told() -> None:
    pair = pair_of(a={"num_ep": 1})
    pair.a.register("own")
    pair.b.register("other")
    pair.run()
    error = only_error(pair, "a")
    assert error.errno == errno.ENOMEM
    assert "no slot is there: all 1 are in use" in str(error)


@pytest.mark.parametrize(("defects", "slot"), [((), 1), (("pending-overwritten",), 0)])
def test_an_endpoint_takes_the_slot_of_a_waiting_name_only_with_that_defect(defects: Any, slot: int) -> None:
    pair = pair_of(a={"defects": frozenset(defects)})
    pair.a.instance.open()
    pair.b.register("theirs")
    pair.run()
    assert pair.a.register("ours").index == slot
    pair.a.register("theirs")
    pair.run()
    assert pair.b.instance.is_bound
    assert pair.a.by_index[slot].name == "ours"


def test_one_name_twice_is_einval_on_either_side() -> None:
    pair = bound()
    with pytest.raises(IpcError, match="use another name") as caught:
        pair.a.register("ep0")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(IpcError, match="deregister it first") as caught:
        pair.a.by_index[0].reopen()
    assert caught.value.errno == errno.EINVAL
    control(pair, packets.endpoint_bound(3, packets.name_hash("ep0")))
    assert "does the peer have the name twice?" in str(only_error(pair))


def test_a_registration_that_cannot_be_told_to_the_peer_is_taken_back() -> None:
    pair = bound("ep0")
    pair.a.instance._collect()
    buffer = pair.a.by_index[0].get_tx_buffer()
    with pytest.raises(IpcError) as caught:
        pair.a.register("new")
    assert caught.value.errno == errno.ENOMEM
    assert len(pair.a.instance.endpoints) == 1
    pair.b.register("waits")
    pair.run()
    with pytest.raises(IpcError):
        pair.a.register("waits")
    assert pair.a.instance.waiting_hashes == {1: packets.name_hash("waits")}
    pair.a.by_index[0].drop_tx_buffer(buffer)
    pair.a.register("waits")
    pair.run()
    assert pair.a.instance.is_bound


# Deregistering and closing.


def test_deregistering_unbinds_the_peer_and_both_can_register_again() -> None:
    pair = bound("ep0", "ep1")
    pair.b.by_index[0].deregister()
    pair.run()
    assert "a unbound ep0" in pair.take()
    assert not pair.a.by_index[0].is_registered
    with pytest.raises(IpcError) as caught:
        pair.a.by_index[0].send(b"x")
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(IpcError) as caught:
        pair.b.by_index[0].deregister()
    assert caught.value.errno == errno.ENOENT
    pair.a.by_index[0].reopen()
    pair.b.by_index[0].reopen()
    pair.run()
    assert pair.a.instance.is_bound
    pair.a.by_index[0].send(b"again")
    pair.run()
    assert pair.b.received["ep0"] == [b"again"]


def test_an_instance_closes_when_no_endpoint_is_left_and_opens_again() -> None:
    pair = bound()
    for side in (pair.a, pair.b):
        with pytest.raises(IpcError, match="deregister them first") as caught:
            side.instance.close()
        assert caught.value.errno == errno.EBUSY
    pair.a.by_index[0].deregister()
    pair.run()
    for side in (pair.a, pair.b):
        side.instance.close()
        assert side.instance.state is ReworkState.IDLE
        assert side.instance.blocks_in_use == 0
    pair.bind()
    pair.a.by_index[0].send(b"x")
    pair.run()
    assert pair.b.received["ep0"] == [b"x"]


def test_without_deinit_nothing_is_deregistered_closed_or_unbound() -> None:
    pair = bound(deinit=False)
    for call in (pair.a.by_index[0].deregister, pair.a.instance.close):
        with pytest.raises(IpcError, match="ICBMSG_DEINIT; set deinit=True") as caught:
            call()
        assert caught.value.errno == errno.EIO
    control(pair, packets.endpoint_unbound(0))
    assert "where no endpoint is bound" in str(only_error(pair))
    assert pair.b.instance.is_bound


def test_a_side_that_is_off_does_not_look() -> None:
    pair = bound()
    pair.b.instance.mailbox_rang()
    pair.b.instance.reset()
    pair.b.instance._receive()
    assert pair.b.instance.symptoms() == []


def test_both_sides_can_start_over_with_their_endpoints() -> None:
    pair = bound("one", "two")
    pair.a.instance.reset()
    pair.b.instance.reopen()
    assert pair.b.instance.state is ReworkState.CONNECTING
    pair.a.register("one")
    pair.a.register("two")
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound


# Buffers without a copy.


def test_a_buffer_is_filled_sent_shorter_and_dropped() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    buffer = endpoint.get_tx_buffer(60)
    assert buffer.size == 100
    buffer.write(b"short")
    assert endpoint.send_nocopy(buffer) == 5
    pair.run()
    assert pair.b.received["ep0"] == [b"short"]
    assert endpoint.get_tx_buffer(204).count == 4  # the others came back when there was no room
    pair.a.instance._forget()
    longest = endpoint.get_tx_buffer()
    assert longest.count == 4
    endpoint.drop_tx_buffer(longest)
    assert pair.a.instance.blocks_in_use == 0


def test_who_waits_for_a_buffer_gets_it_although_nobody_rings() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    endpoint.send(bytes(204))
    got: list[TxBuffer] = []
    endpoint.wait_tx_buffer(200, got.append)
    endpoint.wait_tx_buffer(1, got.append)
    pair.run()
    assert not got
    pair.a.clock.advance(200_000)
    assert [buffer.count for buffer in got] == [4]
    endpoint.drop_tx_buffer(got[0])
    pair.a.clock.advance(200_000)
    assert len(got) == 2
    assert pair.a.clock.settle()


def test_who_waits_is_served_when_a_message_arrives() -> None:
    pair = bound()
    pair.a.instance._collect()
    pair.a.by_index[0].send(bytes(204))
    got: list[TxBuffer] = []
    pair.a.by_index[0].wait_tx_buffer(1, got.append)
    pair.run()
    pair.b.by_index[0].send(b"x")
    pair.run()
    assert len(got) == 1


def test_a_message_in_a_held_block_is_told_on() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(b"keep")
    pair.run()
    block = pair.b.held[0].block
    put(pair, block, 4 | block << 16, b"over")
    assert "is held here and was not released" in str(only_error(pair))


# Damaged and hostile input.


@pytest.mark.parametrize(
    ("block", "header", "text"),
    [
        (9, 1 | 9 << 16, "there are only blocks 0…3"),
        (3, 49 | 3 << 16, "announces 49 bytes where 48 fit"),
        (3, 1 | 2 << 16, "whose header says block 2 in block 3"),
        (3, 1 | 3 << 16 | 7 << 24, "data for endpoint 7, which nobody has"),
        (3, 1 | 3 << 16 | 1 << 24, "data for endpoint 1, which nobody has"),
        (3, 1 | 3 << 16 | 0xFF << 24, "a control packet of no known form"),
        (3, 2 | 3 << 16 | 0xFF << 24, "a control packet of no known form"),
    ],
)
@pytest.mark.parametrize("refused", ["release", "leak"])
def test_what_is_wrong_with_a_message_is_said(block: int, header: int, text: str, refused: str) -> None:
    pair = bound(refused=refused)
    consumed = pair.bus.read32(0x2007_8000 + 24)
    pair.bus.write_block(A_BLOCKS, bytes(4))
    size = pair.a.instance.queues.active
    if block < 4:
        pair.bus.write_block(A_BLOCKS + 52 * block + 4, b"\x63\x63")
        put(pair, block, header, b"\x63\x63")
    else:
        pair.a.instance.queues.produce(block, high=False)
        pair.a.mailbox.ring(0)
        pair.run()
    assert size == 2
    error = only_error(pair)
    assert text in str(error)
    assert error.errno == errno.EINVAL
    is_control = header >> 24 == packets.CONTROL
    gives_back = block < 4 and (refused == "release" or is_control)
    assert pair.bus.read32(0x2007_8000 + 24) == consumed + gives_back


def test_data_for_an_endpoint_that_is_not_bound_is_refused() -> None:
    pair = bound("ep0")
    pair.b.register("alone")
    pair.run()
    put(pair, 3, 1 | 3 << 16 | 1 << 24, b"x")
    assert '"alone", which is not bound' in str(only_error(pair))


def test_an_unbound_packet_for_nobody_is_told() -> None:
    pair = bound()
    control(pair, packets.endpoint_unbound(200))
    assert "slot 200, where no endpoint is bound" in str(only_error(pair))
    control(pair, packets.bound_packet(pair.a.config))
    assert "it has opened again" in str(only_error(pair))


def test_a_first_packet_that_is_no_bound_packet_is_told() -> None:
    pair = pair_of()
    pair.b.instance.open()
    pair.a.instance.init()
    control(pair, b"hello")
    assert "no bound packet as the first one, but 68 65 6c 6c 6f" in str(only_error(pair))
    assert pair.b.instance.state is ReworkState.CONNECTING


def test_a_block_that_comes_back_twice_is_told() -> None:
    pair = bound()
    pair.b.instance.queues.consume(3)
    pair.a.by_index[0].send(b"x")
    error = only_error(pair, "a")
    assert "block 3 back, where no message of ours begins" in str(error)


# Known defects: had by this side, and recognised when the other one has them.


def full(pair: Pair) -> None:
    """Use all four slots of A; B takes nothing."""
    for number in range(4):
        pair.a.by_index[0].send(bytes([number]))


FOUR_SLOTS: dict[str, Any] = {"slots": 4, "blocks": (8, 8)} | {
    "a_tx": Region(0x2007_8000, 512),
    "b_tx": Region(0x2007_0000, 512),
}


def test_with_all_slots_in_use_a_message_is_refused_and_not_lost() -> None:
    pair = bound(**FOUR_SLOTS)
    pair.a.instance._collect()
    full(pair)
    for call in (lambda: pair.a.by_index[0].send(b"x"), pair.a.by_index[0].deregister):
        with pytest.raises(IpcError, match="all 4 slots are in use") as caught:
            call()
        assert caught.value.errno == errno.ENOMEM
    assert pair.a.instance.blocks_in_use == 4


def test_with_the_defect_it_is_lost_in_silence_and_the_receiver_says_that_it_can_be() -> None:
    pair = bound(a={"defects": frozenset(["silent-loss"])}, **FOUR_SLOTS)
    pair.a.instance._collect()
    full(pair)
    pair.log.clear()
    assert pair.a.by_index[0].send(b"lost") == 4
    pair.a.instance.observer = None
    assert pair.a.by_index[0].send(b"lost") == 4
    assert not pair.log
    assert pair.a.instance.blocks_in_use == 4
    pair.run()
    assert pair.b.received["ep0"] == [bytes([number]) for number in range(4)]
    assert any("had all its 4 slots in use" in text for text in pair.b.instance.symptoms())


def test_a_slot_that_came_back_meanwhile_is_used() -> None:
    pair = bound(**FOUR_SLOTS)
    pair.a.instance._collect()
    full(pair)
    pair.run()
    pair.a.by_index[0].send(b"fits")
    pair.run()
    assert pair.b.received["ep0"][-1] == b"fits"
    pair = bound(**FOUR_SLOTS)
    pair.a.instance._collect()
    full(pair)
    pair.run()
    pair.a.register("new")  # the same for a control packet


def test_without_the_defect_a_lost_ring_at_the_start_does_no_harm() -> None:
    pair = pair_of(latch=False)
    pair.a.register("ep0")
    pair.b.register("ep0")
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound


def test_two_deaf_sides_stay_unbound_with_an_edge_mailbox_and_the_first_one_says_why() -> None:
    defects = frozenset(["deaf-start"])
    pair = pair_of(latch=False, defects=defects, rings_back=False)
    pair.a.register("ep0")
    pair.b.instance.open()
    pair.run()
    assert pair.a.instance.is_connected
    assert not pair.b.instance.is_connected
    (text,) = pair.a.instance.symptoms()
    assert "taken none of the 2 messages that wait for it" in text
    pair.a.instance.ring_again()
    pair.run()
    assert pair.b.instance.is_connected
    assert pair.a.instance.symptoms() == []


def test_a_side_that_rings_back_wakes_a_deaf_peer() -> None:
    pair = pair_of(latch=False, b={"defects": frozenset(["deaf-start"])})
    pair.a.register("ep0")
    pair.b.register("ep0")
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound


@pytest.mark.parametrize(
    "memory",
    [
        (0xAAAA_AAAA).to_bytes(4, "little"),
        b"\1\0\0\0" + bytes(4) + b"\x09",
        b"\1\0\0\0" + bytes(4) + b"\x03" + bytes(39) + bytes(156) + b"\xff\xff",
        b"\1\0\0\0" + bytes(4) + b"\x03",
    ],
)
def test_memory_that_is_no_peer_is_not_taken_for_one(memory: bytes) -> None:
    pair = pair_of()
    pair.bus.write_block(0x2007_8000, memory)
    pair.b.instance.open()
    assert not pair.b.errors
    assert pair.b.instance.state is ReworkState.CONNECTING


def test_a_peer_that_restarts_alone_is_recognised_once_by_the_receiver() -> None:
    pair = bound()
    pair.a.by_index[0].send(b"x")
    pair.run()
    pair.a.restart()
    pair.a.instance.open()
    for _ in range(2):
        pair.b.instance.mailbox_rang()
        pair.b.run()
    error = only_error(pair)
    assert "it has restarted alone" in str(error)
    assert any("restarted alone" in text for text in pair.b.instance.symptoms())
    pair.b.by_index[0].send(b"goes out all the same")


def test_a_peer_that_restarts_alone_is_recognised_by_the_sender() -> None:
    pair = bound()
    pair.a.by_index[0].send(b"x")
    pair.run()
    pair.a.by_index[0].send(b"x")
    pair.b.instance.queues._consumed.reset()
    for _ in range(2):
        pair.a.by_index[0].send(b"x")
    assert "it has consumed 0 messages, where" in str(only_error(pair, "a")).replace(
        "says that it has", "it has"
    )


def test_block_counts_that_do_not_match_are_named_on_both_sides() -> None:
    pair = pair_of(b={"tx_blocks": 3})
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    for side, text in (
        ("a", "the peer has 3 tx and 4 rx blocks, this side 4 tx and 4 rx"),
        ("b", "the peer has 4 tx and 4 rx blocks, this side 3 tx and 4 rx"),
    ):
        assert text in str(only_error(pair, side))
        assert text in pair.side(side).instance.symptoms()[0]
        assert not pair.side(side).instance.is_connected


def test_a_peer_with_another_depth_or_alignment_is_told_so() -> None:
    pair = pair_of(b={"dcache_alignment": 64}, blocks=(2, 2))
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    for side in ("a", "b"):
        assert "another dcache-alignment, depth" in str(only_error(pair, side))
        assert pair.side(side).instance.symptoms() == []


def test_a_first_packet_that_runs_past_the_blocks_is_explained() -> None:
    pair = pair_of(b={"defects": frozenset(["deaf-start"])})
    pair.a.instance.open()
    pair.b.instance.open()
    pair.bus.write_block(A_BLOCKS, b"\xff\xff")
    pair.b.run()
    error = only_error(pair)
    assert "the peer's first packet is not where it should be" in str(error)
    assert "announces" in str(error)


def test_messages_for_which_nobody_rang_are_a_symptom() -> None:
    pair = bound()
    pair.b.mailbox.drop_next()
    pair.a.by_index[0].send(b"x")
    assert "messages of the peer wait, 1 of them, and no ring" in pair.b.instance.symptoms()[0]
    pair.b.instance.mailbox_rang()
    assert pair.b.instance.symptoms() == []
    pair.b.run()
    assert pair.b.instance.symptoms() == []


# Callbacks that raise and reset; hardware that refuses.


def test_a_bound_that_raises_inside_a_registration_does_not_keep_the_others_from_theirs() -> None:
    pair = pair_of()
    pair.a.instance.open()
    for name in ("one", "two"):
        pair.b.register(name)
    pair.run()
    pair.a.on["bound"] = raising
    for name in ("one", "two"):
        pair.a.register(name)
    for _ in range(2):
        with pytest.raises(PlannedError):
            pair.a.run()
    pair.run()
    assert pair.a.instance.is_bound


def test_an_endpoint_that_goes_before_its_bound_is_not_told() -> None:
    pair = pair_of()
    pair.a.instance.open()
    pair.b.register("ep0")
    pair.run()
    pair.a.register("ep0").deregister()
    pair.run()
    assert "a bound ep0" not in pair.log


@pytest.mark.parametrize("what", ["received", "bound"])
def test_a_callback_may_reset_the_instance(what: str) -> None:
    pair = pair_of()
    pair.b.on[what] = pair.b.instance.reset
    for name in ("one", "two"):
        pair.a.register(name)
        pair.b.register(name)
    pair.run()
    if what == "received":
        pair.a.by_index[0].send(b"1")
        pair.a.by_index[1].send(b"2")
        pair.b.run()
        assert pair.b.received == {"one": [b"1"]}
    assert pair.b.instance.state is ReworkState.IDLE
    assert pair.b.instance.endpoints == ()


def test_a_bound_in_front_of_data_may_reset_the_instance() -> None:
    pair = pair_of()
    pair.a.instance.open()
    pair.b.register("ep0")
    pair.run()
    pair.a.instance.mailbox_rang()
    pair.a.register("ep0")
    pair.a.on["bound"] = pair.a.instance.reset
    pair.b.run()
    pair.b.by_index[0].send(b"x")
    pair.a.run()
    assert not pair.a.received


def test_a_callback_that_resets_and_raises_leaves_nothing_behind() -> None:
    pair = bound()

    def both() -> None:
        pair.b.instance.reset()
        raise PlannedError

    pair.b.on["received"] = both
    for _ in range(2):
        pair.a.by_index[0].send(b"x")
    with pytest.raises(PlannedError):
        pair.b.run()
    pair.b.run()
    assert len(pair.b.received["ep0"]) == 1


def test_a_mailbox_that_refuses_leaves_the_instance_idle() -> None:
    pair = pair_of()
    pair.a.mailbox.enable(1)
    instance: IcbmsgReworkInstance = pair.a.instance
    with pytest.raises(MailboxError):
        instance.open()
    assert instance.state is ReworkState.IDLE


def test_states_and_errors_are_told_to_observer_and_endpoints() -> None:
    told: list[Any] = []
    errors: list[Exception] = []
    pair = pair_of()
    pair.a.instance.observer = lambda kind, detail: told.append((kind, detail))
    assert pair.a.instance.observer is not None
    pair.a.instance.register_endpoint(EndpointConfig("ep0", error=errors.append))
    pair.b.register("ep0")
    pair.run()
    states = [detail for kind, detail in told if kind == "state"]
    assert states == [ReworkState.CONNECTING, ReworkState.CONNECTED]
    pair.b.instance._send_control(b"??")
    pair.run()
    assert len(errors) == 1
    pair.a.instance.observer = None
    pair.a.instance.ring_again()
    pair.a.instance.reset()


class OtherBus(MemoryBus):
    """Memory that is not plain: no short ways."""


def test_the_same_bytes_go_over_any_bus() -> None:
    images = []
    for kind in (MemoryBus, OtherBus):
        pair = pair_of()
        bus = kind(pair.memory, base=pair.base)
        for side in (pair.a, pair.b):
            side.bus = bus
            side.restart()
        pair.bind()
        for number in range(40):
            data = bytes([number]) * (number * 5 % 100)
            pair.a.by_index[0].send(data)
            pair.b.by_index[0].send(data[:30])
            pair.run()
        assert pair.b.received["ep0"] == [bytes([number]) * (number * 5 % 100) for number in range(40)]
        assert pair.b.instance.symptoms() == []
        with pytest.raises(CorruptRegionError):
            pair.a.instance._rx.read(9)
        images.append(bytes(pair.memory))
    assert images[0] == images[1]


def test_without_observer_and_callbacks_all_the_same_happens() -> None:
    pair = bound("one")
    for side in (pair.a, pair.b):
        side.instance.observer = None
        side.instance.register_endpoint(EndpointConfig("silent"))
    pair.run()
    endpoint = pair.a.instance.endpoints[1]
    pair.a.instance._collect()
    for number in range(50):
        endpoint.send(bytes(number))
        buffer = endpoint.get_tx_buffer(1)
        endpoint.send_nocopy(buffer, 1)
        pair.run()
    pair.b.instance.endpoints[1].deregister()
    pair.run()
    assert not endpoint.is_registered
    assert not pair.log
    assert not pair.a.errors + pair.b.errors


def test_the_last_slot_is_never_overwritten_by_a_name() -> None:
    pair = pair_of(a={"num_ep": 1, "defects": frozenset(["pending-overwritten"])})
    pair.a.register("own")
    pair.b.register("other")
    pair.run()
    assert only_error(pair, "a").errno == errno.ENOMEM


@pytest.mark.parametrize("defects", [frozenset(), frozenset(["slot-reused"])])
def test_only_with_the_defect_a_new_endpoint_gets_what_was_under_way_to_the_old_one(defects: Any) -> None:
    pair = bound("old", num_ep=2, a={"defects": defects})
    pair.b.by_index[0].send(b"for the old one")
    pair.a.by_index[0].deregister()
    pair.a.register("new")
    pair.b.register("new")  # its packet overtakes the message
    pair.run()
    assert pair.a.instance.is_bound
    if defects:
        assert pair.a.received == {"new": [b"for the old one"]}
    else:
        assert "data for endpoint 0, which nobody has" in str(only_error(pair, "a"))
        assert pair.a.received == {}


def test_both_sides_may_deregister_at_once() -> None:
    pair = bound("ep0")
    for side in (pair.a, pair.b):
        side.by_index[0].deregister()
    pair.run()
    assert not pair.a.errors + pair.b.errors
    for side in (pair.a, pair.b):
        side.instance.close()


def test_slots_are_used_again_when_the_peer_has_seen_it() -> None:
    pair = bound("ep0", num_ep=1)
    for _ in range(300):
        pair.a.by_index[0].deregister()
        pair.run()
        pair.a.by_index[0].reopen()
        pair.b.by_index[0].reopen()
        pair.run()
        assert pair.a.instance.is_bound
    assert pair.a.by_index[0].index < 4


def test_there_are_not_more_numbers_than_a_header_can_say() -> None:
    pair = pair_of(num_ep=254, blocks=(32, 4), a_tx=Region(0x2007_8000, 2048), b_tx=Region(0x2007_0000, 2048))
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    table = pair.a.instance._table
    for number in range(254):
        table.name_arrived(number, number + 1)
    with pytest.raises(IpcError):
        table.name_arrived(254, 999)
    table.count = 0
    table.name_arrived(254, 999)
    with pytest.raises(IpcError):
        table.name_arrived(254, 1000)


def test_a_registration_without_a_block_leaves_nothing_behind() -> None:
    pair = bound("ep0")
    instance, endpoint = pair.a.instance, pair.a.by_index[0]
    instance._collect()
    buffer = endpoint.get_tx_buffer()
    for _ in range(3):
        with pytest.raises(IpcError, match="no room for 6 bytes"):
            pair.a.register("ep1")
        assert instance._table.count == 1
        assert instance.endpoints == (endpoint,)
    endpoint.drop_tx_buffer(buffer)
    assert pair.a.register("ep1").index == 1
    assert instance._table.count == 2


def test_a_slot_is_free_when_the_packet_that_says_so_came_back() -> None:
    pair = bound("ep0", "ep1")
    instance, gone = pair.a.instance, pair.a.by_index[0]
    instance._collect()
    table = instance._table
    pair.a.by_index[1].send(b"first")
    (data,) = instance.in_flight
    gone.deregister()
    (unbound,) = set(instance.in_flight) - {data}
    for block, free in ((data, []), (unbound, [0])):
        pair.b.instance.queues.consume(block)
        instance._collect()
        assert (table.is_gone(0), table.gone, table.has_gone) == (True, free, True)
    table.free(table.gone)
    assert (table.is_gone(0), table.gone, table.has_gone) == (False, [], False)
    instance.reset()
    assert (table.count, table.endpoints, table.has_gone) == (0, [], False)
    assert not any(table.is_gone(slot) for slot in range(6))


def test_who_waits_is_served_after_any_number_of_looks_and_nobody_looks_any_more() -> None:
    pair = bound("ep0")
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    pair.b.holds = True
    endpoint.send(bytes(204))
    pair.run()
    got: list[TxBuffer] = []
    for _ in range(2):
        endpoint.wait_tx_buffer(40, got.append)
    pair.a.clock.advance(550_000)
    assert not got
    (held,) = pair.b.held
    held.release()
    pair.a.clock.advance(100_000)
    assert len(got) == 2
    assert pair.a.clock.settle()


def test_a_reset_side_counts_from_0_when_it_opens() -> None:
    pair = bound("ep0")
    for number in range(3):
        pair.a.by_index[0].send(bytes([number]))
        pair.run()
    pair.a.instance.reset()
    pair.a.instance.open()
    assert [pair.bus.read32(0x2007_8000 + offset) for offset in (0, 4)] == [1, 1]
    assert pair.bus.read32(0x2007_0000 + 24) == 0


@pytest.mark.parametrize("waiting", [1, 2, 3])
def test_who_opens_later_takes_what_waits_however_much(waiting: int) -> None:
    pair = pair_of(latch=False, slots=3, a={"rings_back": False}, b={"rings_back": False})
    pair.a.instance.open()
    for number in range(waiting - 1):
        pair.a.register(f"ep{number}")
    pair.b.instance.open()
    assert pair.b.instance.is_connected
    assert len(pair.b.instance.waiting_hashes) == waiting - 1


def test_numbers_of_blocks_that_do_not_fit_are_seen_anywhere_in_the_region() -> None:
    for offset in (0, 40, 240):
        for counts in ((4, 4), (1, 5), (32, 32), (5, 1), (0, 5), (5, 0), (33, 5), (5, 33)):
            pair = pair_of()
            pair.b.instance.open()
            packet = packets.MAGIC + b"".join(count.to_bytes(4, "little") for count in counts)
            pair.bus.write_block(0x2007_8000 + offset, packet)
            told = pair.b.instance.symptoms()
            if counts == (4, 4) or not all(0 < count <= 32 for count in counts):
                assert told == []
            else:
                (text,) = told
                assert text.startswith(
                    f"the peer has {counts[0]} tx and {counts[1]} rx blocks, this side 4 tx"
                )
    pair = pair_of()
    pair.b.instance.open()
    for offset, count in ((64, 5), (128, 6)):
        words = bytes([count, 0, 0, 0]) * 2
        pair.bus.write_block(0x2007_8000 + offset, packets.MAGIC + words)
    assert "the peer has 5 tx" in pair.b.instance.symptoms()[0]
    assert pair_of().b.instance.symptoms() == []


def test_a_count_that_went_back_is_told_apart_from_full_slots() -> None:
    pair = bound("ep0", slots=4)
    queues = pair.b.instance.queues
    for more, text in (
        (
            4,
            "messages of the peer wait, 4 of them, and no ring for them has arrived: if that lasts, it was lost",
        ),
        (
            5,
            "the peer's count of messages went back: it has restarted alone, which this protocol does not survive; "
            "start both over",
        ),
    ):
        pair.bus.write32(0x2007_8000, queues.received + more)
        assert text in pair.b.instance.symptoms()


def test_a_ring_of_an_earlier_run_does_not_hide_the_peer_that_starts_over() -> None:
    for messages in (1, 3, 9, 40):
        pair = bound()
        for _ in range(messages):
            pair.a.by_index[0].send(b"from a")
            pair.b.by_index[0].send(b"from b")
            pair.run()
        pair.a.instance.reset()
        pair.b.instance.reopen()
        pair.b.mailbox.spurious(pair.b.config.rx_channel)
        pair.run()
        assert pair.b.instance.state is ReworkState.CONNECTING
        (text,) = pair.b.instance.symptoms()
        assert "is of an earlier run" in text
        pair.a.restart()
        pair.a.register("ep0")
        pair.run()
        assert pair.a.instance.is_bound
        assert pair.b.instance.is_bound
        assert pair.b.instance.symptoms() == []
        pair.a.by_index[0].send(b"again")
        pair.b.by_index[0].send(b"again")
        pair.run()
        assert [side.received["ep0"][-1] for side in (pair.a, pair.b)] == [b"again"] * 2
        assert pair.a.errors + pair.b.errors == []
