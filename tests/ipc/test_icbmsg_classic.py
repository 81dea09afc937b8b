"""ICBMsg of Zephyr 3.6 to 4.4: binding, data, buffers without a copy, and every refusal with Zephyr's errno."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

import pytest
from icbmsg_pair import Pair, PlannedError, bound, only_error, pair_of, raising

from icmsg.errors import ConfigurationError, CorruptRegionError, IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import (
    MAGIC,
    EndpointConfig,
    EndpointState,
    IcbmsgInstance,
    IcmsgInstance,
    LegacyState,
    State,
    TxBuffer,
    VirtualClock,
    backend_for,
)
from icmsg.ipc.icbmsg.control import ControlType

GENERATIONS = pytest.mark.parametrize("generation", ["3.6", "4.1"])


def raw(pair: Pair, side: str, *message: int) -> None:
    """Send a control message by hand from one side, and let the other one look."""
    link = pair.side(side).instance._channel.context
    link.writer.write(bytes(message))
    link.ring()
    pair.run()
    pair.log.clear()


@GENERATIONS
def test_endpoints_are_bound_by_name_whatever_the_order_of_their_registration(generation: str) -> None:
    pair = pair_of(generation=generation)
    pair.b.register("two")
    pair.b.register("one")
    pair.a.register("one")
    pair.a.register("two")
    for _ in range(3):  # 3.6 repeats its signal until it is bound
        pair.run()
        pair.a.clock.advance(1_000_000)
        pair.b.clock.advance(1_000_000)
    pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    pair.a.by_index[0].send(b"for one")
    pair.b.by_index[0].send(b"for two")
    pair.run()
    assert pair.b.received == {"one": [b"for one"]}
    assert pair.a.received == {"two": [b"for two"]}


def test_the_first_endpoint_opens_the_instance() -> None:
    pair = pair_of()
    assert pair.a.instance.state is State.OFF
    pair.a.register("ep0")
    assert pair.a.instance.state is State.INITIALIZING_SID_DISABLED
    with pytest.raises(IpcError, match="close it first") as caught:
        pair.a.instance.open()
    assert caught.value.errno == errno.EALREADY


def test_generation_36_has_the_states_of_its_releases() -> None:
    pair = pair_of(generation="3.6")
    pair.a.instance.open()
    assert pair.a.instance.state is LegacyState.BUSY


def test_an_instance_is_bound_when_every_endpoint_is() -> None:
    pair = bound("ep0")
    pair.a.register("ep1")
    pair.run()
    assert not pair.a.instance.is_bound
    pair.b.register("ep1")
    pair.run()
    assert pair.a.instance.is_bound
    assert not pair_of().a.instance.is_bound


def test_a_name_waits_until_the_follower_has_such_an_endpoint() -> None:
    pair = bound("ep0")
    pair.a.register("late")
    pair.run()
    assert pair.b.instance.waiting_names == {1: "late"}
    assert pair.a.instance.blocks_in_use == 1
    assert pair.a.by_index[1].state is EndpointState.BOUNDING
    pair.b.register("late")
    pair.run()
    assert pair.b.instance.waiting_names == {}
    assert pair.a.instance.blocks_in_use == 0


def test_of_two_endpoints_with_one_name_the_first_is_bound_first() -> None:
    pair = bound("ep0")
    pair.b.register("same")
    pair.b.register("same")
    pair.a.register("same")
    pair.run()
    assert [pair.b.by_index[index].is_bound for index in (1, 2)] == [True, False]
    pair.a.register("same")
    pair.run()
    assert pair.b.by_index[2].is_bound


def test_a_name_over_several_blocks_is_bound() -> None:
    pair = bound("n" * 100)
    assert pair.a.instance.blocks_in_use == 0


def test_the_longest_message_takes_all_blocks() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    assert endpoint.get_tx_buffer_size() == 156
    with pytest.raises(IpcError, match="never take more than 156: split") as caught:
        endpoint.send(bytes(157))
    assert caught.value.errno == errno.ENOMEM
    endpoint.send(bytes(156))
    with pytest.raises(IpcError, match="0 of 4 blocks are free and 1 in a row") as caught:
        endpoint.send(b"x")
    assert caught.value.errno == errno.ENOMEM


def test_before_the_channel_bonds_sending_is_ebusy_and_the_blocks_are_free_again() -> None:
    pair = pair_of()
    endpoint = pair.a.register("ep0")
    with pytest.raises(IpcError, match="control channel has not bonded") as caught:
        endpoint.send(b"x")
    assert caught.value.errno == errno.EBUSY
    assert pair.a.instance.blocks_in_use == 0


def test_a_follower_whose_endpoint_has_no_number_cannot_send() -> None:
    pair = bound("ep0")
    endpoint = pair.b.register("other")
    for call in (lambda: endpoint.send(b"x"), endpoint.get_tx_buffer):
        with pytest.raises(IpcError, match="initiator has not named") as caught:
            call()
        assert caught.value.errno == errno.EBUSY


@pytest.mark.parametrize("refused", ["release", "leak"])
def test_data_before_the_follower_is_bound_is_refused(refused: str) -> None:
    pair = bound("ep0", refused=refused)
    early = pair.a.register("early")
    pair.run()
    early.send(b"too early")
    pair.run()
    assert "does the peer send before it is bound?" in str(only_error(pair))
    assert pair.a.instance.blocks_in_use == (1 if refused == "release" else 2)  # the name waits in one
    assert "early" not in pair.b.received


def test_data_that_comes_before_the_release_of_the_name_binds_the_initiator() -> None:
    pair = pair_of()
    pair.b.on["bound"] = lambda: pair.b.by_index[0].send(b"at once") and None
    pair.b.register("ep0")
    pair.a.register("ep0")
    pair.run()
    assert pair.log.index("a bound ep0") < pair.log.index("a received ep0 6174206f6e6365")
    assert pair.log.count("a bound ep0") == 1
    assert pair.a.instance.blocks_in_use == 0
    assert not pair.a.errors


def test_more_endpoints_than_num_ep_are_enomem() -> None:
    pair = pair_of(num_ep=2)
    pair.a.register("one")
    pair.a.register("two")
    with pytest.raises(IpcError, match="NUM_EP and num_ep higher") as caught:
        pair.a.register("three")
    assert caught.value.errno == errno.ENOMEM


def test_one_configuration_twice_is_einval() -> None:
    pair = bound()
    config = pair.a.by_index[0].config
    with pytest.raises(IpcError, match="deregister it first") as caught:
        pair.a.instance.register_endpoint(config)
    assert caught.value.errno == errno.EINVAL


def test_a_name_with_a_nul_is_refused() -> None:
    pair = pair_of()
    with pytest.raises(IpcError, match="has a NUL") as caught:
        pair.a.register("a\0b")
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("refused", ["release", "leak"])
def test_deregistering_is_silent_and_what_comes_is_refused(refused: str) -> None:
    pair = bound(refused=refused)
    endpoint = pair.b.by_index[0]
    endpoint.deregister()
    pair.run()
    assert not pair.log
    assert pair.b.instance.endpoints == ()
    pair.a.by_index[0].send(b"x")
    pair.run()
    assert "which is deregistered" in str(only_error(pair))
    assert pair.a.instance.blocks_in_use == (0 if refused == "release" else 1)
    with pytest.raises(IpcError) as caught:
        endpoint.send(b"x")
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(IpcError) as caught:
        endpoint.deregister()
    assert caught.value.errno == errno.EINVAL


def test_registering_again_binds_locally_with_the_same_number() -> None:
    pair = bound()
    endpoint = pair.b.by_index[0]
    endpoint.deregister()
    assert pair.b.instance.register_endpoint(endpoint.config) is endpoint
    pair.run()
    assert pair.take() == ["b bound ep0"]
    pair.a.by_index[0].send(b"x")
    pair.run()
    assert pair.b.received["ep0"] == [b"x"]


def test_an_endpoint_that_is_away_while_the_peer_answers_is_bound_when_it_comes_back() -> None:
    pair = bound("ep0")
    endpoint = pair.a.register("late")
    pair.run()
    endpoint.deregister()
    pair.b.register("late")
    pair.run()
    assert not endpoint.is_bound
    endpoint.reopen()
    pair.run()
    assert endpoint.is_bound
    assert pair.log.count("a bound late") == 1


def test_data_for_an_endpoint_that_was_never_registered_is_refused() -> None:
    pair = bound()
    raw(pair, "a", ControlType.DATA, 3, 0)
    assert "which nobody has bound" in str(only_error(pair))


# Buffers without a copy.


def test_a_buffer_is_filled_sent_shorter_and_its_surplus_is_free_at_once() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer(60)
    assert (buffer.size, buffer.address) == (76, 0x2007_8000 + 96 + 4)
    buffer.write(b"head")
    buffer.write(b"!", 4)
    assert pair.a.instance.blocks_in_use == 2
    assert endpoint.send_nocopy(buffer) == 5
    assert pair.a.instance.blocks_in_use == 1
    pair.run()
    assert pair.b.received["ep0"] == [b"head!"]
    assert pair.a.instance.blocks_in_use == 0


def test_size_0_asks_for_the_first_free_block_and_all_free_ones_behind_it() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    first = endpoint.get_tx_buffer(1)
    rest = endpoint.get_tx_buffer()
    assert (rest.block, rest.count) == (1, 3)
    endpoint.drop_tx_buffer(first)
    assert endpoint.get_tx_buffer().count == 1
    with pytest.raises(IpcError) as caught:
        endpoint.get_tx_buffer()
    assert caught.value.errno == errno.ENOMEM


def test_a_buffer_is_good_for_one_send_or_drop() -> None:
    pair = bound("ep0", "ep1")
    endpoint, other = pair.a.by_index[0], pair.a.by_index[1]
    buffer = endpoint.get_tx_buffer(4)
    with pytest.raises(IpcError, match="not one of endpoint"):
        other.send_nocopy(buffer)
    endpoint.send_nocopy(buffer)
    for call in (endpoint.send_nocopy, endpoint.drop_tx_buffer, lambda each: each.write(b"x")):
        with pytest.raises(IpcError) as caught:
            call(buffer)
        assert caught.value.errno == errno.EINVAL


def test_more_than_a_buffer_has_is_einval_and_the_buffer_is_dropped() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer(4)
    for data, offset in ((bytes(37), 0), (b"x", 36), (b"x", -1)):
        with pytest.raises(IpcError, match="get a longer one") as caught:
            buffer.write(data, offset)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(IpcError, match="which was dropped") as caught:
        endpoint.send_nocopy(buffer, 37)
    assert caught.value.errno == errno.EINVAL
    assert pair.a.instance.blocks_in_use == 0


def test_a_buffer_of_a_deregistered_endpoint_is_dropped_when_it_is_sent() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer(100)
    endpoint.deregister()
    with pytest.raises(IpcError) as caught:
        endpoint.send_nocopy(buffer, 1)
    assert caught.value.errno == errno.ENOENT
    assert pair.a.instance.blocks_in_use == 0


def test_who_waits_for_a_buffer_gets_it_when_blocks_come_back() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    endpoint.send(bytes(156))
    got: list[TxBuffer] = []
    endpoint.wait_tx_buffer(100, got.append)
    endpoint.wait_tx_buffer(1, got.append)
    pair.a.run()
    assert not got
    pair.run()
    assert [buffer.count for buffer in got] == [3, 1]


def test_at_the_last_moment_a_buffer_is_still_given() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer()
    got: list[TxBuffer] = []
    endpoint.wait_tx_buffer(1, got.append, timeout_ns=1000)
    pair.a.run()
    pair.a.instance._pool.give(buffer.block, buffer.count)  # nobody told those who wait
    pair.a.clock.advance(1000)
    assert len(got) == 1


def test_waiting_can_be_cancelled_and_ends_with_the_endpoint() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer()
    errors: list[IpcError] = []
    got: list[TxBuffer] = []
    cancelled = endpoint.wait_tx_buffer(1, got.append, timeout_ns=5)
    cancelled.cancel()
    cancelled.cancel()
    endpoint.wait_tx_buffer(1, got.append, failed=errors.append)
    endpoint.wait_tx_buffer(1, got.append, failed=errors.append, timeout_ns=7)
    endpoint.drop_tx_buffer(buffer)
    endpoint.deregister()
    pair.a.clock.advance(10)
    assert not got
    assert [error.errno for error in errors] == [errno.ENOENT] * 2


def test_an_endpoint_that_is_deregistered_while_it_waits_fails_when_its_time_is_over() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    endpoint.get_tx_buffer()
    errors: list[IpcError] = []
    endpoint.wait_tx_buffer(1, lambda buffer: None, failed=errors.append, timeout_ns=7)
    pair.a.run()
    endpoint.deregister()
    pair.a.clock.advance(10)
    assert [error.errno for error in errors] == [errno.ENOENT]


def test_waiting_for_more_than_all_blocks_is_enomem_at_once() -> None:
    with pytest.raises(IpcError, match="never take more") as caught:
        bound().a.by_index[0].wait_tx_buffer(157, lambda buffer: None)
    assert caught.value.errno == errno.ENOMEM


def test_one_who_waits_and_raises_does_not_keep_the_others_from_theirs() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    got: list[TxBuffer] = []
    endpoint.wait_tx_buffer(1, lambda buffer: raising())
    endpoint.wait_tx_buffer(1, got.append)
    with pytest.raises(PlannedError):
        pair.a.run()
    pair.a.run()
    assert len(got) == 1


def test_one_who_waits_may_cancel_another() -> None:
    pair = bound()
    endpoint = pair.a.by_index[0]
    got: list[TxBuffer] = []
    waiters = [endpoint.wait_tx_buffer(1, lambda buffer: waiters[1].cancel())]
    waiters.append(endpoint.wait_tx_buffer(1, got.append))
    pair.a.run()
    assert not got


def test_a_message_is_held_from_inside_its_callback_only_and_once() -> None:
    pair = bound("ep0", "ep1")
    with pytest.raises(IpcError, match="inside its received callback") as caught:
        pair.b.by_index[0].hold_rx_buffer()
    assert caught.value.errno == errno.EINVAL
    problems: list[int] = []

    def twice() -> None:
        pair.b.by_index[0].hold_rx_buffer()
        for index in (0, 1):
            with pytest.raises(IpcError) as caught:
                pair.b.by_index[index].hold_rx_buffer()
            problems.append(caught.value.errno)

    pair.b.on["received"] = twice
    pair.a.by_index[0].send(b"x")
    pair.run()
    assert problems == [errno.EINVAL] * 2


def test_a_message_is_released_once_unless_somebody_insists() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(b"x")
    pair.run()
    (held,) = pair.b.held
    held.release()
    pair.run()
    with pytest.raises(IpcError, match="not held by endpoint") as caught:
        held.release()
    assert caught.value.errno == errno.EINVAL
    pair.b.by_index[0].release_rx_buffer(held, again=True)
    pair.run()
    error = only_error(pair, "a")
    assert error.errno == errno.EFAULT
    assert "where no message of ours begins" in str(error)


def test_a_peer_that_does_not_wait_for_a_held_message_is_told_on() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(b"keep")
    pair.run()
    pair.b.holds = False
    pair.a.instance._pool.clear()  # A forgets that B has it
    pair.a.by_index[0].send(b"over")
    pair.run()
    assert "is held here and was not released" in str(only_error(pair))
    assert pair.b.held[0].read() == b"over"
    assert pair.b.received["ep0"] == [b"keep"]
    pair.a.by_index[0].send(b"next")  # in another block
    pair.run()
    assert pair.b.received["ep0"] == [b"keep", b"next"]


# Damaged and hostile input.


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ((0, 0), "a control message of 2 bytes"),
        ((0, 4, 0), "endpoint 4 in a control message of type 0, there are 0…3"),
        ((9, 200, 0), "endpoint 200"),
        ((0, 0, 4), "there are only blocks 0…3"),
        ((2, 1, 4), "there are only blocks 0…3"),
        ((1, 0, 2), "announces"),
        ((3, 0, 0), "whose name is not there"),
        ((3, 3, 0), "whose name is not there"),
        (tuple(MAGIC), "the peer has started over alone"),
    ],
)
def test_what_is_wrong_with_a_control_message_is_said_and_nothing_else_happens(
    message: tuple[int, ...], text: str
) -> None:
    pair = bound(fill=0xAA)
    raw(pair, "a", *message)
    error = only_error(pair)
    assert text in str(error)
    assert error.errno == errno.EINVAL
    pair.a.by_index[0].send(b"goes on")
    pair.run()
    assert pair.b.received["ep0"] == [b"goes on"]


@pytest.mark.parametrize("message", [(9, 0, 0), (4, 3, 255), (9, 0, 0, 1, 2)])
def test_types_of_future_versions_are_ignored(message: tuple[int, ...]) -> None:
    pair = bound()
    raw(pair, "a", *message)
    assert not pair.b.errors


@pytest.mark.parametrize("generation", ["3.6", "4.1"])
@pytest.mark.parametrize(("size", "fits"), [(36, True), (37, False), (156, False), (0xFFFF_FFFF, False)])
def test_a_size_that_runs_past_the_blocks_is_damage(generation: str, size: int, fits: bool) -> None:
    pair = pair_of(generation=generation, signalling="ring-back")
    pair.bind()
    pair.bus.write32(0x2007_8000 + 96 + 3 * 40, size)
    raw(pair, "a", ControlType.DATA, 0, 3)
    if fits:
        assert [len(data) for data in pair.b.received["ep0"]] == [size]
    else:
        error = only_error(pair)
        assert isinstance(error, CorruptRegionError)
        assert (error.address, error.value) == (0x2007_8000 + 96 + 3 * 40, size)


def test_longer_control_messages_count_by_their_first_three_bytes() -> None:
    pair = bound()
    pair.bus.write_block(0x2007_8000 + 96, b"\2\0\0\0AB")
    raw(pair, "a", ControlType.DATA, 0, 0, 0xAA, 0xBB)
    assert pair.b.received["ep0"] == [b"AB"]


def test_a_release_inside_of_a_message_frees_nothing() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(bytes(70))
    pair.run()
    raw(pair, "b", ControlType.RELEASE_DATA, 0, 1)
    assert only_error(pair, "a").errno == errno.EFAULT
    assert pair.a.instance.blocks_in_use == 2


def test_a_release_of_what_was_not_sent_yet_frees_nothing() -> None:
    pair = bound()
    buffer = pair.a.by_index[0].get_tx_buffer(4)
    raw(pair, "b", ControlType.RELEASE_DATA, 0, buffer.block)
    assert only_error(pair, "a").errno == errno.EFAULT
    assert pair.a.instance.blocks_in_use == 1


def test_a_size_that_changed_in_memory_does_not_change_what_is_freed() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(bytes(70))
    pair.a.by_index[0].send(b"other")
    pair.run()
    pair.bus.write32(0x2007_8000 + 96, 150)
    pair.b.held[0].release()
    pair.run()
    assert pair.a.instance.blocks_in_use == 1


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        (b"no end", 2, "without a NUL"),
        (b"ep9\0", 0, 'it is bound to "ep0": has the peer started over alone?'),
        (b"ep9\0", 1, "its name is there already"),
    ],
)
def test_names_that_make_no_sense_are_refused(name: bytes, number: int, text: str) -> None:
    pair = bound()
    pair.a.register("waits")
    pair.run()
    block = pair.a.instance._pool.take(1)
    assert block is not None
    pair.a.instance._in_flight[block] = 1
    pair.a.instance._tx.write(block, len(name), name)
    raw(pair, "a", ControlType.BOUND, number, block)
    assert text in str(only_error(pair))
    assert pair.a.instance.blocks_in_use == 1  # the refused one came back
    pair.a.take_errors()
    pair.b.register("waits")
    pair.run()
    assert pair.a.by_index[1].is_bound


def test_two_initiators_are_told_that_they_are() -> None:
    pair = pair_of()
    pair.bind()
    pair.b.instance._binding.is_initiator = True  # as if B saw its regions in another order
    pair.a.register("new")
    pair.run()
    assert "this side is the initiator, too" in str(only_error(pair))
    assert "the peer refuses to bind it" in str(only_error(pair, "a"))
    assert pair.a.instance.blocks_in_use == 0


def test_a_name_for_which_there_is_no_room_waits_and_one_that_never_fits_fails() -> None:
    pair = bound("ep0")
    buffer = pair.a.by_index[0].get_tx_buffer()
    late = pair.a.register("late")
    pair.b.register("late")
    pair.run()
    assert late.state is EndpointState.CONFIGURED
    pair.a.by_index[0].drop_tx_buffer(buffer)
    pair.run()
    assert late.is_bound
    errors: list[Exception] = []
    long = pair.a.instance.register_endpoint(EndpointConfig("n" * 156, error=errors.append))
    pair.run()
    assert long.state is EndpointState.UNCONFIGURED
    assert "never take more than" in str(errors[0])


def test_a_peer_that_breaks_its_index_stops_sends_and_gets_its_releases_when_it_is_whole_again() -> None:
    pair = bound()
    rd_idx = pair.bus.read32(0x2007_0000)
    pair.a.by_index[0].send(b"x")
    pair.bus.write32(0x2007_0000, 0x1234_5678)  # A is the reader of B's buffer
    pair.b.run()
    assert pair.b.received["ep0"] == [b"x"]
    assert isinstance(only_error(pair), CorruptRegionError)
    pair.a.by_index[0].send(b"y")
    pair.b.run()
    assert not pair.b.errors  # it was said once
    for send in (pair.b.by_index[0].send, lambda data: pair.b.by_index[0].send_nocopy(_filled(pair, data))):
        with pytest.raises(IpcError) as caught:
            send(b"z")
        assert caught.value.errno == errno.EINVAL
    pair.b.instance.observer = None
    with pytest.raises(IpcError, match="control channel") as caught:
        pair.b.by_index[0].send(b"z")
    assert pair.b.instance.blocks_in_use == 0
    assert pair.a.instance.blocks_in_use == 2
    pair.bus.write32(0x2007_0000, rd_idx)
    pair.b.by_index[0].send(b"z")
    pair.run()
    assert pair.a.instance.blocks_in_use == 0
    assert pair.a.received["ep0"] == [b"z"]


def _filled(pair: Pair, data: bytes) -> TxBuffer:
    buffer = pair.b.by_index[0].get_tx_buffer(len(data))
    buffer.write(data)
    return buffer


def test_a_broken_index_found_by_a_send_without_observer_is_the_same_error() -> None:
    pair = bound()
    pair.a.instance.observer = None
    pair.bus.write32(0x2007_8000, 0x1001)
    with pytest.raises(IpcError, match="control channel") as caught:
        pair.a.by_index[0].send(b"x")
    assert caught.value.errno == errno.EINVAL
    assert pair.a.instance.blocks_in_use == 0


def test_a_name_that_the_channel_cannot_carry_fails_its_endpoint() -> None:
    pair = bound()
    errors: list[Exception] = []
    pair.bus.write32(0x2007_8000, 0x1001)
    endpoint = pair.a.instance.register_endpoint(EndpointConfig("new", error=errors.append))
    pair.a.run()
    assert endpoint.state is EndpointState.UNCONFIGURED
    assert len(errors) == 1
    assert pair.a.instance.blocks_in_use == 0


def test_a_broken_index_of_the_writer_is_told_to_every_endpoint() -> None:
    pair = bound()
    errors: list[Exception] = []
    pair.b.instance.register_endpoint(EndpointConfig("one", error=errors.append))
    pair.b.instance.register_endpoint(EndpointConfig("two", error=errors.append))
    pair.bus.write32(0x2007_8000 + 4, 3)
    pair.b.instance.mailbox_rang()
    pair.b.run()
    assert len(errors) == 2
    assert isinstance(only_error(pair), CorruptRegionError)


def test_errors_at_an_endpoint_are_told_to_it_alone() -> None:
    pair = bound("ep0")
    errors: dict[str, list[Exception]] = {"one": [], "two": []}
    for name, told in errors.items():
        pair.b.instance.register_endpoint(EndpointConfig(name, error=told.append))
        pair.a.register(name)
    pair.run()
    pair.b.instance.endpoints[1].deregister()
    pair.a.by_index[1].send(b"x")
    pair.run()
    assert [len(told) for told in errors.values()] == [1, 0]


# Callbacks that raise, close and reset.


def test_a_bound_that_raises_does_not_keep_the_others_from_theirs() -> None:
    pair = pair_of()
    pair.b.on["bound"] = pair.a.on["bound"] = raising
    for side in (pair.a, pair.b):
        side.instance.open()
    pair.run()
    for name in ("one", "two"):
        pair.a.register(name)
        pair.b.register(name)
    for _ in range(8):
        with contextlib.suppress(PlannedError):
            pair.run()
    assert pair.a.instance.is_bound
    assert pair.b.instance.is_bound
    assert pair.a.instance.blocks_in_use == 0


def test_a_second_bound_that_raises_does_not_keep_the_others_from_theirs() -> None:
    pair = bound("one", "two")
    for endpoint in pair.b.instance.endpoints:
        endpoint.deregister()
        endpoint.reopen()
    pair.b.on["bound"] = raising
    for _ in range(2):
        with pytest.raises(PlannedError):
            pair.b.run()
    pair.b.run()
    assert pair.b.instance.is_bound


@pytest.mark.parametrize("what", ["received", "bound"])
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_callback_may_reset_the_instance(what: str, side: str) -> None:
    pair = pair_of()
    here = pair.side(side)
    here.on[what] = here.instance.reset
    for name in ("one", "two"):
        pair.a.register(name)
        pair.b.register(name)
    pair.run()
    if what == "received":
        other = pair.side("b" if side == "a" else "a")
        for _ in range(3):
            other.by_index[0].send(b"x")
        here.run()
        assert len(here.received["one"]) == 1
    assert here.instance.state is State.OFF
    assert here.instance.endpoints == ()
    assert here.instance.blocks_in_use == 0


def test_data_that_binds_may_reset_the_instance_in_bound() -> None:
    pair = pair_of()
    pair.b.on["bound"] = lambda: pair.b.by_index[0].send(b"at once") and None
    pair.a.on["bound"] = pair.a.instance.reset
    pair.a.register("ep0")
    pair.b.register("ep0")
    pair.run()
    assert not pair.a.received


def test_a_second_bound_may_reset_the_instance() -> None:
    pair = bound("one", "two")
    for endpoint in pair.b.instance.endpoints:
        endpoint.deregister()
        endpoint.reopen()
    pair.b.on["bound"] = pair.b.instance.reset
    pair.b.run()
    assert pair.take() == ["b bound one"]


def test_a_callback_that_resets_and_raises_leaves_nothing_behind() -> None:
    pair = bound()

    def both() -> None:
        pair.b.instance.reset()
        raise PlannedError

    pair.b.on["received"] = pair.b.on["bound"] = both
    pair.a.by_index[0].send(b"1")
    pair.a.by_index[0].send(b"2")
    with pytest.raises(PlannedError):
        pair.b.run()
    pair.b.run()
    assert pair.b.received["ep0"] == [b"1"]
    pair = pair_of()
    pair.b.on["bound"] = both
    pair.a.register("ep0")
    pair.b.register("ep0")
    with pytest.raises(PlannedError):
        pair.run()
    pair.run()


def test_after_a_reset_old_buffers_and_endpoints_are_worth_nothing() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(b"x")
    pair.run()
    endpoint, buffer, held = pair.b.by_index[0], pair.b.by_index[0].get_tx_buffer(1), pair.b.held[0]
    pair.b.instance.close()
    assert pair.b.instance.blocks_in_use == pair.b.instance.blocks_held == 0
    for call in (
        lambda: endpoint.send(b"x"),
        lambda: endpoint.drop_tx_buffer(buffer),
        held.release,
        endpoint.reopen,
    ):
        with pytest.raises(IpcError):
            call()


@GENERATIONS
def test_both_sides_can_start_over_with_their_endpoints(generation: str) -> None:
    pair = pair_of(generation=generation, signalling="ring-back")
    pair.bind("one", "two")
    for side in (pair.a, pair.b):
        side.instance.reopen()
    assert not pair.a.instance.is_bound
    pair.run()
    assert pair.a.instance.is_bound
    pair.b.by_index[1].send(b"again")
    pair.run()
    assert pair.a.received["two"] == [b"again"]


def test_a_core_that_is_reset_alone_is_told_on() -> None:
    pair = bound()
    for _ in range(2):
        pair.a.by_index[0].send(b"x")
        pair.run()
    pair.a.restart()
    pair.a.instance.open()
    pair.run()
    assert pair.b.errors


def test_a_region_that_the_bus_does_not_have_is_refused() -> None:
    config = pair_of().a.config
    with pytest.raises(ConfigurationError, match="is not memory that this core can reach"):
        IcbmsgInstance(MemoryBus(bytearray(64)), mailbox_pair()[0], VirtualClock(), config)


class OtherBus(MemoryBus):
    """Memory that is not plain: no short ways."""


@GENERATIONS
def test_the_same_bytes_go_over_any_bus(generation: str) -> None:
    images = []
    for kind in (MemoryBus, OtherBus):
        pair = pair_of(generation=generation, signalling="ring-back")
        bus = kind(pair.memory, base=pair.base)
        for side in (pair.a, pair.b):
            side.bus = bus
            side.restart()
        pair.bind()
        for number in range(40):
            data = bytes([number]) * (number * 7 % 157)
            pair.a.by_index[0].send(data)
            pair.b.by_index[0].send(data[:30])
            pair.run()
        assert pair.b.received["ep0"] == [bytes([number]) * (number * 7 % 157) for number in range(40)]
        images.append(bytes(pair.memory))
    assert images[0] == images[1]


@GENERATIONS
def test_without_observer_all_the_same_happens(generation: str) -> None:
    pair = pair_of(generation=generation, signalling="ring-back")
    pair.bind("one", "two")
    got: list[bytes] = []
    for side in (pair.a, pair.b):
        assert side.instance.observer is not None
        side.instance.observer = None
    silent = EndpointConfig("silent", received=got.append)
    pair.b.instance.register_endpoint(silent)
    endpoint = pair.a.register("silent")
    pair.run()
    for number in range(100):
        assert endpoint.send(bytes([number]) * (number % 37)) == number % 37
        buffer = endpoint.get_tx_buffer(2)
        buffer.write(b"no")
        endpoint.send_nocopy(buffer)
        pair.run()
    assert got[::2] == [bytes([number]) * (number % 37) for number in range(100)]
    assert set(got[1::2]) == {b"no"}
    pair.b.instance.endpoints[2].deregister()
    endpoint.send(b"refused")
    pair.b.instance.endpoints[0].send(b"nobody listens")
    pair.run()
    assert not pair.log
    assert not pair.b.errors
    assert pair.a.instance.blocks_in_use == 0


def test_an_endpoint_without_callbacks_takes_part() -> None:
    pair = pair_of()
    one = pair.a.instance.register_endpoint(EndpointConfig("ep0"))
    pair.b.instance.register_endpoint(EndpointConfig("ep0"))
    pair.run()
    one.send(b"x")
    pair.run()
    assert pair.log[-1] == "b rings"
    assert pair.a.instance.blocks_in_use == 0


def test_a_name_in_a_held_block_is_told_on() -> None:
    pair = bound()
    pair.b.holds = True
    pair.a.by_index[0].send(b"keep")
    pair.run()
    raw(pair, "a", ControlType.BOUND, 2, pair.b.held[0].block)
    assert "is held here and was not released" in str(only_error(pair))
    pair.bus.write32(0x2007_8000 + 96, 0xFFFF)
    raw(pair, "a", ControlType.DATA, 0, 0)
    assert "announces 65535 bytes" in str(only_error(pair))
    raw(pair, "a", ControlType.DATA, 3, 1)
    assert "which nobody has bound" in str(only_error(pair))
    assert pair.a.instance.blocks_in_use == 1


def test_data_for_an_endpoint_whose_name_was_not_sent_yet_is_refused() -> None:
    pair = bound()
    buffer = pair.a.by_index[0].get_tx_buffer()
    pair.a.register("new")
    pair.a.run()
    raw(pair, "b", ControlType.DATA, 1, 0)
    assert '"new", which is CONFIGURED' in str(only_error(pair, "a"))
    pair.a.by_index[0].drop_tx_buffer(buffer)


def test_a_reset_ends_waiting() -> None:
    pair = bound()
    pair.a.by_index[0].get_tx_buffer()
    got: list[TxBuffer] = []
    pair.a.by_index[0].wait_tx_buffer(1, got.append, timeout_ns=5)
    pair.a.instance.reset()
    assert pair.a.clock.settle()
    assert not got


class AnyBus:
    """A bus that cannot say what is memory."""

    def __init__(self, bus: MemoryBus) -> None:
        for name in (
            "read8",
            "read16",
            "read32",
            "write8",
            "write16",
            "write32",
            "read_block",
            "write_block",
        ):
            setattr(self, name, getattr(bus, name))
        self.core = None


def test_a_backend_is_made_by_the_type_of_its_configuration() -> None:
    pair = pair_of()
    bus: Any = AnyBus(pair.bus)
    backend = backend_for(bus, mailbox_pair()[0], VirtualClock(), pair.a.config.control)
    assert isinstance(backend, IcmsgInstance)
    backend.register_endpoint(EndpointConfig())
    assert pair.a_to_b[4] == 20
