"""What seldom happens between two sides of ICBMsg: something wrong in a batch, defects had, ends of waiting."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from icbmsg_pair import A_TX, Pair, PlannedError, bound, only_error, pair_of

from icmsg.config import Region
from icmsg.errors import IpcError
from icmsg.ipc import MAGIC, EndpointConfig, EndpointState, IcbmsgEndpoint, TxBuffer
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import ControlType
from icmsg.wire.announcements import Queues

GENERATIONS = pytest.mark.parametrize("generation", ["3.6", "4.1", "rework"])
CLASSIC = pytest.mark.parametrize("generation", ["3.6", "4.1"])
BLOCKS = A_TX.address + 96
"""Where the blocks of A begin in the classic generations; each has 40 bytes."""
SECOND = 1_000_000_000
DATA, RELEASE_DATA, BOUND, RELEASE_BOUND = map(int, ControlType)


def by_hand(pair: Pair, *message: int) -> None:
    """Let A write one control message without a ring."""
    pair.a.instance._channel.context.writer.write(bytes(message))


def announced(pair: Pair, size: int) -> int:
    """Let A take a block and write there that it has ``size`` bytes, and return it."""
    block = int(pair.a.instance._pool.take(1))
    pair.a.instance._in_flight[block] = 1
    pair.bus.write_block(BLOCKS + 40 * block, size.to_bytes(4, "little") + b"!!")
    return block


@pytest.mark.parametrize(
    ("message", "size", "told"),
    [
        ((DATA, 0), None, "a control message of 2 bytes, 3 are needed"),
        ((9, 0, 0), None, ""),
        (tuple(MAGIC), None, "the magic again"),
        ((DATA, 0, 9), None, "there are only blocks 0…3"),
        ((RELEASE_DATA, 0, 3), None, "releases block 3, where no message of ours begins"),
        ((RELEASE_BOUND, 1, 3), None, "a release of block 3 for endpoint 1, whose name is not there"),
        ((RELEASE_DATA, 4, 3), None, "endpoint 4 in a control message of type 1"),
        ((RELEASE_BOUND, 4, 3), None, "endpoint 4 in a control message of type 3"),
        ((DATA, 0), 0xFFF, "announces 4095 bytes"),
        ((DATA, 3), 0xFFF, "announces 4095 bytes"),
        ((BOUND, 3), 0xFFF, "announces 4095 bytes"),
        ((DATA, 3), 2, "data for endpoint 3, which nobody has bound"),
        ((DATA, 4), 2, "endpoint 4 in a control message of type 0"),
        ((BOUND, 4), 2, "endpoint 4 in a control message of type 2"),
        ((BOUND, 3), 2, "without a NUL in it"),
    ],
)
def test_what_is_wrong_in_front_keeps_no_message_behind_it_and_no_block(
    message: tuple[int, ...], size: int | None, told: str
) -> None:
    pair = bound("ep0", "ep1")
    pair.a.by_index[0].send(b"first")
    by_hand(pair, *message, *(() if size is None else (announced(pair, size),)))
    pair.a.by_index[1].send(b"behind")
    pair.a.by_index[0].send(b"last")
    pair.run()
    assert pair.b.received == {"ep0": [b"first", b"last"], "ep1": [b"behind"]}
    if told:
        assert told in str(only_error(pair))
    assert not pair.a.errors + pair.b.errors
    assert pair.a.instance.blocks_in_use == 0
    assert pair.a.instance.in_flight == {}


def test_longer_messages_in_a_batch_do_what_their_first_three_bytes_say() -> None:
    pair = bound("ep0", "ep1")
    buffer = pair.a.by_index[0].get_tx_buffer(1)  # so that the message lies in another block than 0
    by_hand(pair, DATA, 1, announced(pair, 2), 7, 7)
    pair.a.by_index[0].send(b"behind")
    pair.run()
    assert pair.b.received == {"ep1": [b"!!"], "ep0": [b"behind"]}
    pair.a.by_index[0].drop_tx_buffer(buffer)
    assert pair.a.instance.blocks_in_use == 0


@pytest.mark.parametrize("message", [(RELEASE_DATA, 1), (RELEASE_DATA, 0), (RELEASE_DATA, 3)])
@pytest.mark.parametrize("tail", [b"", b"more"])
@pytest.mark.parametrize("size", [1, 100])
def test_a_release_frees_its_blocks_whatever_endpoint_it_names_and_however_long_it_is(
    message: tuple[int, int], tail: bytes, size: int
) -> None:
    pair = bound("ep0", "ep1")
    pair.b.holds = True
    pair.a.by_index[1].send(bytes(size))
    pair.run()
    link = pair.b.instance._channel.context
    link.writer.write(bytes((*message, pair.b.held[0].block)) + tail)
    link.ring()
    pair.run()
    assert pair.a.instance.blocks_in_use == 0
    assert pair.a.instance.in_flight == {}
    assert not pair.a.errors


@pytest.mark.parametrize("kind", [DATA, BOUND])
def test_damage_in_a_held_block_gives_nothing_back(kind: int) -> None:
    pair = bound("ep0")
    pair.b.holds = True
    pair.a.by_index[0].send(b"keep")
    pair.run()
    pair.b.holds = False
    (held,) = pair.b.held
    pair.bus.write32(BLOCKS + 40 * held.block, 0xFFF)
    by_hand(pair, kind, 3 if kind == BOUND else 0, held.block)
    pair.a.by_index[0].send(b"behind")
    pair.run()
    assert "announces 4095 bytes" in str(only_error(pair))
    assert pair.b.received["ep0"] == [b"keep", b"behind"]
    assert pair.a.instance.in_flight == {held.block: 1}
    held.release()
    pair.run()
    assert pair.a.instance.in_flight == {}


def test_what_overwrites_a_held_block_keeps_no_message_behind_it() -> None:
    pair = bound("ep0")
    pair.b.holds = True
    pair.a.by_index[0].send(bytes(70))
    pair.run()
    pair.b.holds = False
    (held,) = pair.b.held
    for block, size, is_over in ((0, 2, True), (1, 2, True), (2, 2, False), (1, 40, True), (2, 70, False)):
        pair.bus.write_block(BLOCKS + 40 * block, size.to_bytes(4, "little"))
        by_hand(pair, DATA, 0, block)
        by_hand(pair, DATA, 9, 0)  # told in any case
        pair.a.instance._in_flight |= {2: 2}
        pair.a.instance._channel.ring()
        pair.run()
        told = [str(error) for error in pair.b.take_errors()]
        assert len(told) == 1 + is_over
        assert (f"a message in block {block}, which is held here" in told[0]) == is_over
        pair.a.take_errors()
    assert pair.a.instance.in_flight.get(held.block) == 2


@pytest.mark.parametrize("generation", ["4.1", "rework"])
def test_messages_beside_a_held_one_are_no_fault_and_one_in_it_is(generation: str) -> None:
    pair = bound(generation=generation)
    pair.b.instance._held[1] = 2
    for block, size, is_over in ((0, 1, False), (0, 70, True), (1, 1, True), (2, 1, True), (3, 1, False)):
        assert pair.b.instance._is_overwritten(block, size) is is_over
        if is_over:
            error = only_error(pair)
            assert (error.errno, f"a message in block {block}, which is held" in str(error)) == (
                errno.EINVAL,
                True,
            )
    assert not pair.b.errors


def test_what_breaks_the_channel_is_told_to_each_endpoint_and_a_name_that_never_fits_to_its_own() -> None:
    pair = bound()
    told: dict[str, list[Any]] = {"one": [], "two": []}
    for name, errors in told.items():
        pair.a.instance.register_endpoint(EndpointConfig(name, error=errors.append))
    long: list[Any] = []
    pair.a.instance.register_endpoint(EndpointConfig("n" * 156, error=long.append))
    pair.run()
    assert [len(errors) for errors in told.values()] == [0, 0]
    assert ["never take more than 156" in str(error) for error in long] == [True]
    pair.a.take_errors()
    pair.bus.write32(pair.b_tx.address + 4, 3)
    pair.a.instance.mailbox_rang()
    pair.run()
    error = only_error(pair, "a")
    assert [*told["one"], *told["two"], *long[1:]] == [error] * 3


# Names.


def test_names_can_be_seen_on_their_way_and_where_they_wait() -> None:
    pair = bound("ep0")
    for name in ("one", "two"):
        pair.a.register(name)
    assert pair.a.instance.names_in_flight == pair.b.instance.waiting_names == {}
    pair.a.run()
    assert sorted(pair.a.instance.names_in_flight.values()) == ["one", "two"]
    assert set(pair.a.instance.names_in_flight) == set(pair.a.instance.in_flight)
    pair.b.run()
    assert pair.b.instance.waiting_names == {1: "one", 2: "two"}
    pair.b.register("two")
    pair.run()
    assert list(pair.a.instance.names_in_flight.values()) == ["one"]
    assert pair.b.instance.waiting_names == {1: "one"}


def test_names_that_fit_one_after_the_other_are_all_sent() -> None:
    pair = pair_of(num_ep=8)
    for number in range(8):
        pair.a.register(f"n{number}" * 15)
        pair.b.register(f"n{number}" * 15)
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    assert [endpoint.address for endpoint in pair.b.instance.endpoints] == list(range(8))
    assert pair.a.instance.blocks_in_use == 0


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        (b"\xff" * 40 + b"\0", 0, "\N{REPLACEMENT CHARACTER}" * 32),
        ("\N{GREEK SMALL LETTER BETA}".encode() + b"\0x\0", 0, "\N{GREEK SMALL LETTER BETA}"),
    ],
)
def test_a_name_that_is_refused_is_said_as_far_as_it_can_be(name: bytes, number: int, text: str) -> None:
    pair = bound("ep0")
    block = announced(pair, len(name))
    pair.bus.write_block(BLOCKS + 40 * block + 4, name)
    pair.a.instance._in_flight[block] = 2
    by_hand(pair, BOUND, number, block)
    pair.a.instance._channel.ring()
    pair.run()
    assert str(only_error(pair)) == (
        f'{pair.b.config.name}: received the name "{text}" for endpoint 0, but it is bound to "ep0": has the peer '
        "started over alone?"
    )


def test_a_name_ends_with_its_first_nul_and_a_second_one_for_its_number_is_refused() -> None:
    pair = bound("ep0")
    for _ in range(2):
        block = announced(pair, 9)
        pair.bus.write_block(BLOCKS + 40 * block + 4, b"new\0more\0")
        by_hand(pair, BOUND, 1, block)
    pair.a.instance._channel.ring()
    pair.run()
    assert pair.b.instance.waiting_names == {1: "new"}
    assert str(only_error(pair)) == (
        f'{pair.b.config.name}: received the name "new" for endpoint 1, but its name is there already and was not '
        "answered"
    )
    endpoint = pair.b.register("new")
    pair.b.run()
    assert endpoint.is_bound


def test_a_name_that_comes_back_is_told_to_its_endpoint_alone() -> None:
    pair = bound("ep0")
    told: dict[str, list[Any]] = {"one": [], "two": []}
    for name, errors in told.items():
        pair.a.instance.register_endpoint(EndpointConfig(name, error=errors.append))
    pair.run()
    (block,) = (block for block, name in pair.a.instance.names_in_flight.items() if name == "two")
    link = pair.b.instance._channel.context
    link.writer.write(bytes((RELEASE_DATA, 0, block)))
    link.ring()
    pair.run()
    assert [len(errors) for errors in told.values()] == [0, 1]
    assert "the peer refuses to bind it" in str(told["two"][0])


@CLASSIC
def test_a_message_over_several_blocks_and_a_name_take_the_first_that_fit(generation: str) -> None:
    pair = bound(
        generation=generation, blocks=(6, 4), a_tx=Region(0x2007_8000, 0x200), signalling="ring-back"
    )
    endpoint = pair.a.by_index[0]
    one = pair.a.config.tx_layout.block_size - 4
    buffers = [endpoint.get_tx_buffer(one) for _ in range(6)]
    for block in (0, 1, 2, 4, 5):
        endpoint.drop_tx_buffer(buffers[block])
    assert endpoint.send(bytes(one + 1)) == one + 1  # 4 and 5 would fit exactly
    assert pair.a.instance.in_flight == {0: 2}
    pair.run()
    assert endpoint.get_tx_buffer(2 * one).block == 0


def test_the_longest_name_takes_all_blocks_and_is_bound() -> None:
    pair = pair_of()
    name = "n" * (pair.config.tx_layout.longest - 1)
    pair.bind(name)
    assert pair.a.instance.blocks_in_use == 0


def test_all_that_were_registered_again_are_told_in_one_go() -> None:
    pair = bound("one", "two", "three")
    for endpoint in pair.b.instance.endpoints:
        endpoint.deregister()
        endpoint.reopen()
    assert pair.b.clock.run_pending() == 1
    assert pair.take() == ["b bound one", "b bound two", "b bound three"]


@CLASSIC
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_blocked_binding_fails_after_a_second_and_goes_on_then(generation: str, side: str) -> None:
    defects: dict[str, Any] = {side: {"defects": frozenset({"blocked-binding"})}}
    pair = pair_of(generation=generation, signalling="ring-back", **defects)
    here, other = pair.side(side), pair.side("b" if side == "a" else "a")
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    told: list[Any] = []
    first = here.instance.register_endpoint(EndpointConfig("ep0", error=told.append))
    other.register("ep0")
    other.register("ep1")
    here.clock.advance(SECOND // 2)
    second = here.register("ep1")
    pair.run()
    here.clock.advance(SECOND // 2 - 1)
    pair.run()
    assert not told
    here.clock.advance(1)
    (error,) = told
    assert error.errno == errno.EAGAIN
    assert str(error) == (
        f'{here.config.name}: binding of endpoint "ep0" failed with -11 (EAGAIN): the wait for it was in the work '
        "queue that has to bind it"
    )
    pair.run()
    assert not first.is_bound
    assert not second.is_bound
    here.clock.advance(SECOND // 2)
    assert f'"ep1" failed with -{errno.EAGAIN}' in str(here.errors[-1])
    assert len(here.errors) == 2
    assert told == [error]
    pair.run()
    assert first.is_bound
    assert second.is_bound


def test_a_reset_ends_a_blocked_binding() -> None:
    pair = pair_of(a={"defects": frozenset({"blocked-binding"})})
    pair.a.register("ep0")
    pair.run()
    pair.a.instance.reset()
    pair.a.clock.advance(2 * SECOND)
    assert not pair.a.errors
    pair.a.instance.reopen()
    assert pair.a.instance._binding._blocked == []


# Buffers and those who wait for some.


@GENERATIONS
def test_with_its_defect_a_held_message_is_given_back_and_can_be_overwritten(generation: str) -> None:
    pair = bound(generation=generation, b={"defects": frozenset({"held-overwritten"})})
    pair.b.holds = True
    endpoint = pair.a.by_index[0]
    endpoint.send(b"first")
    pair.run()
    pair.b.holds = False
    pair.a.instance._collect()
    (held,) = pair.b.held
    assert pair.a.instance.blocks_in_use == pair.b.instance.blocks_held == 0
    assert (held.read(), held.kept, held.held) == (b"first", False, True)
    for _ in range(4):
        endpoint.send(b"other")
    assert held.read() == b"other"
    pair.run()
    assert pair.b.received["ep0"] == [b"first"] + [b"other"] * 4
    held.release()
    assert held.held is False
    pair.run()
    with pytest.raises(IpcError) as caught:
        held.release()
    assert caught.value.errno == errno.EINVAL
    pair.a.instance._collect()
    assert not pair.a.errors + pair.b.errors


@GENERATIONS
def test_a_buffer_in_which_nothing_was_written_is_an_empty_message(generation: str) -> None:
    pair = bound(generation=generation)
    pair.a.instance._collect()
    endpoint = pair.a.by_index[0]
    assert endpoint.send_nocopy(endpoint.get_tx_buffer(9)) == 0
    pair.run()
    assert pair.b.received["ep0"] == [b""]


@GENERATIONS
def test_who_waits_is_served_in_order_and_each_as_soon_as_it_fits(generation: str) -> None:
    pair = bound(generation=generation)
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    one = pair.config.tx_layout.block_size - 4
    held = [endpoint.get_tx_buffer(one) for _ in range(4)]
    got: list[tuple[str, TxBuffer]] = []

    def wait(name: str, size: int) -> None:
        endpoint.wait_tx_buffer(size, lambda buffer: got.append((name, buffer)))

    wait("long", 2 * one)
    wait("short", one)
    wait("last", one)
    pair.a.clock.advance(300_000)
    assert not got
    for buffer in (held[1], held[3]):  # not in a row
        endpoint.drop_tx_buffer(buffer)
    pair.a.clock.advance(300_000)
    assert [name for name, _ in got] == ["short", "last"]
    for _, buffer in got:
        endpoint.drop_tx_buffer(buffer)
    endpoint.drop_tx_buffer(held[0])
    pair.a.clock.advance(300_000)
    assert [(name, buffer.count) for name, buffer in got[2:]] == [("long", 2)]
    pair.run()
    assert pair.a.clock.settle()
    assert pair.a.instance.blocks_in_use == 3


@GENERATIONS
def test_one_who_fails_or_cancels_leaves_the_others_waiting(generation: str) -> None:
    pair = bound(generation=generation)
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    buffer = endpoint.get_tx_buffer()
    told: list[IpcError] = []
    got: list[TxBuffer] = []
    endpoint.wait_tx_buffer(1, got.append, failed=told.append, timeout_ns=500)
    late = endpoint.wait_tx_buffer(1, got.append, failed=told.append, timeout_ns=1000)
    endpoint.wait_tx_buffer(2, got.append)
    gone = endpoint.wait_tx_buffer(3, got.append, failed=told.append, timeout_ns=700)
    gone.cancel()
    pair.a.clock.advance(600)
    assert len(told) == 1
    assert str(told[0]).startswith(f"{pair.a.config.name}: no 1 bytes became free in time:")
    assert late in pair.a.instance._waiting.queue
    endpoint.drop_tx_buffer(buffer)
    pair.a.clock.advance(300_000)
    assert (len(got), len(told)) == (2, 1)
    assert late.timer is None
    late.cancel()
    assert pair.a.instance._waiting.queue == []


def test_a_release_of_one_block_wakes_those_who_wait() -> None:
    pair = bound()
    pair.b.holds = True
    for number in range(4):
        pair.a.by_index[0].send(bytes([number]))
    pair.run()
    got: list[TxBuffer] = []
    pair.a.by_index[0].wait_tx_buffer(1, got.append)
    pair.run()
    pair.b.held[2].release()
    pair.run()
    assert [buffer.block for buffer in got] == [2]


# The rework before it is connected, and while others have gone.


def test_behind_a_first_packet_that_is_none_nothing_is_taken() -> None:
    pair = pair_of(generation="rework")
    pair.b.instance.open()
    pair.a.instance.init()
    pair.a.instance._send_control(b"hello")
    pair.a.instance._tx.write(3, 1 | 3 << 16 | 1 << 24, b"x")
    pair.a.instance.queues.produce(3, high=False)
    pair.run()
    first, second = pair.b.take_errors()
    assert "no bound packet as the first one, but 68 65 6c 6c 6f" in str(first)
    assert "the peer's first packet is not where it should be" in str(second)
    assert not pair.b.instance.is_connected


def test_more_messages_than_fit_are_told_before_the_sides_are_connected_too() -> None:
    pair = pair_of(generation="rework", slots=4)
    pair.b.instance.open()
    pair.bus.write32(pair.a_tx.address, 5)
    pair.b.instance.mailbox_rang()
    pair.b.instance.mailbox_rang()
    pair.b.run()
    assert "the peer says that it has sent 5 messages, where 0 were known and 4 fit" in str(only_error(pair))
    assert not pair.b.instance.is_connected


def test_a_callback_that_raises_in_the_rework_leaves_the_rest_of_the_batch_for_later() -> None:
    pair = bound("ep0", "ep1", generation="rework")
    pair.a.instance._collect()
    for name in (0, 1, 0):
        pair.a.by_index[name].send(bytes([name]))
    raised: list[int] = []

    def fail() -> None:
        raised.append(len(raised))
        raise PlannedError

    pair.b.on["received"] = fail
    for number in range(3):
        with pytest.raises(PlannedError):
            pair.b.run()
        assert len(raised) == number + 1
    pair.b.run()
    assert pair.b.received == {"ep0": [b"\0"] * 2, "ep1": [b"\1"]}
    pair.a.instance._collect()
    assert pair.a.instance.blocks_in_use == 0


def test_a_registration_that_fails_among_others_frees_one_place() -> None:
    pair = bound("ep0", "ep1", "ep2", generation="rework", num_ep=4)
    instance = pair.a.instance
    instance._collect()
    buffer = pair.a.by_index[0].get_tx_buffer()
    with pytest.raises(IpcError, match="no room"):
        pair.a.register("new")
    assert (instance._table.count, len(instance.endpoints)) == (3, 3)
    pair.a.by_index[0].drop_tx_buffer(buffer)
    assert pair.a.register("new").index == 3
    with pytest.raises(IpcError, match="4 are in use"):
        pair.a.register("more")


def test_control_packets_have_high_priority_when_slots_must_be_collected_first_too() -> None:
    pair = bound(generation="rework", slots=3)
    pair.a.instance._collect()
    for number in range(3):
        pair.a.by_index[0].send(bytes([number]))
    pair.b.run()
    queue = pair.a.instance.queues.sent
    assert pair.a.instance.queues.active == 3
    pair.a.register("new")
    assert pair.bus.read8(queue.address + 8 + (queue.count - 1) % 3) & 0x80
    assert pair.a.instance.blocks_in_use == 1


@pytest.mark.parametrize("generation", ["3.6", "4.1", "rework"])
def test_what_is_written_lies_where_the_layout_of_an_unaligned_region_says(generation: str) -> None:
    a_tx, b_tx = Region(0x2007_8010, 0x3F0), Region(0x2007_0010, 0x3F0)
    pair = bound(a_tx=a_tx, b_tx=b_tx, generation=generation, dcache_alignment=32)
    pair.a.by_index[0].send(b"here")
    pair.run()
    layout = pair.a.config.tx_layout
    assert layout.begin == 16
    assert pair.a_to_b[:16] == pair.b_to_a[:16] == bytes(16)
    if generation == "rework":
        assert pair.bus.read32(a_tx.address + 16) == pair.a.instance.queues.sent.count
        assert pair.bus.read32(b_tx.address + 16) == pair.b.instance.queues.sent.count
        consumed = a_tx.address + 16 + layout.queue_size
        assert pair.bus.read32(consumed) == pair.b.instance.queues.received > 0


def test_a_packet_that_binds_or_unbinds_is_known_by_its_kind_and_length() -> None:
    assert packets.endpoint_packet(packets.endpoint_bound(7, 0x1234_5678)) == (0, 7, 0x1234_5678)
    assert packets.endpoint_packet(packets.endpoint_unbound(9)) == (1, 9, 0)
    assert packets.endpoint_packet(b"\1\5") == (1, 5, 0)
    for wrong in (b"", b"\0", b"\1", b"\0\1\2\3\4", b"\2" + bytes(9)):
        assert packets.endpoint_packet(wrong) is None
    whole = packets.MAGIC + bytes([4, 0, 0, 0, 5, 0, 0, 0])
    assert packets.block_counts(whole) == packets.block_counts(whole + b"more") == (4, 5)
    for length in range(len(whole)):
        assert packets.block_counts(whole[:length]) is None


@pytest.mark.parametrize("prio", [0, 1])
@pytest.mark.parametrize("is_observed", [True, False])
def test_priority_is_kept_where_slots_must_be_collected_first_and_in_buffers(
    prio: int, is_observed: bool
) -> None:
    pair = pair_of(generation="rework", slots=3)
    for side in (pair.a, pair.b):
        side.register("ep0", prio)
    pair.run()
    instance, endpoint = pair.a.instance, pair.a.by_index[0]
    if not is_observed:
        instance.observer = None
    queue = instance.queues.sent

    def entry() -> int:
        return pair.bus.read8(queue.address + 8 + (queue.count - 1) % 3)

    for number in range(6):
        instance._collect()
        for _ in range(3):
            endpoint.send(b"x")
        pair.b.run()
        assert instance.queues.active == 3
        if number % 2:
            endpoint.send(b"last")
        else:
            buffer = endpoint.get_tx_buffer(4)
            buffer.write(b"last")
            endpoint.send_nocopy(buffer)
        assert (entry() >= 0x80) == (prio > 0)
        pair.run()
    assert pair.b.received["ep0"] == [b"x", b"x", b"x", b"last"] * 6


def test_data_for_an_endpoint_that_waits_is_told_to_it_alone() -> None:
    pair = bound("ep0", generation="rework")
    told: dict[str, list[Any]] = {"one": [], "two": []}
    for name, errors in told.items():
        pair.b.instance.register_endpoint(EndpointConfig(name, error=errors.append))
    pair.run()
    pair.a.instance._collect()
    block = pair.a.instance._pool.take(1)
    pair.a.instance._tx.write(block, 1 | block << 16 | 2 << 24, b"x")
    pair.a.instance.queues.produce(block, high=False)
    pair.a.instance.ring_again()
    pair.run()
    assert [len(errors) for errors in told.values()] == [0, 1]
    assert 'data for endpoint 2, "two", which is not bound' in str(told["two"][0])


def test_a_side_that_starts_over_alone_does_not_take_the_earlier_run_for_new() -> None:
    pair = bound(generation="rework")
    pair.b.restart()
    pair.b.instance.open()
    assert not pair.b.instance.is_connected
    pair.b.run()
    assert not pair.b.instance.is_connected
    assert pair.b.instance.symptoms() == [
        "the peer has not opened since this side did: what lies in its queues is of an earlier run (unless they lie "
        "elsewhere: MAX_ACTIVE_COUNT, dcache-alignment); start it over, too"
    ]


def test_a_bound_packet_of_an_earlier_run_connects_nobody() -> None:
    pair = pair_of(generation="rework")
    pair.a.instance.open()
    pair.b.instance.open()
    pair.run()
    assert pair.b.instance.is_connected
    pair.b.restart()
    pair.b.instance.open()
    assert not pair.b.instance.is_connected


def test_nobody_polls_who_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = bound(generation="rework")
    endpoint = pair.a.by_index[0]
    pair.a.instance._collect()
    buffer = endpoint.get_tx_buffer()
    looked: list[int] = []
    come_back = Queues.come_back

    def look(queues: Queues) -> list[int]:
        looked.append(pair.a.clock.now_ns())
        return come_back(queues)

    monkeypatch.setattr(Queues, "come_back", look)
    for size in (1, 2):
        endpoint.wait_tx_buffer(size, lambda _: None)
    begin = pair.a.clock.now_ns()
    pair.a.clock.advance(250_000)
    assert [at - begin for at in looked] == [100_000, 200_000]
    endpoint.drop_tx_buffer(buffer)
    pair.a.clock.advance(100_000)
    looked.clear()
    pair.a.clock.advance(1_000_000)
    assert looked == []
    assert pair.a.instance._is_polling is False


def test_a_name_of_the_peer_that_waits_is_bound_with_its_slot_and_hash() -> None:
    pair = pair_of(generation="rework")
    pair.a.instance.open()
    pair.b.register("one")
    pair.b.register("two")
    pair.run()
    assert pair.a.instance.waiting_hashes == {0: packets.name_hash("one"), 1: packets.name_hash("two")}
    endpoint: IcbmsgEndpoint = pair.a.register("two")
    assert (endpoint.index, endpoint.address, endpoint.state) == (1, 1, EndpointState.READY)
    assert pair.a.instance.waiting_hashes == {0: packets.name_hash("one")}
