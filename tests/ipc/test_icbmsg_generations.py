"""What all three generations of ICBMsg do alike: messages of any size, buffers, waiting, holding, callbacks."""

from __future__ import annotations

import errno

import pytest
from icbmsg_pair import Pair, PlannedError, bound, raising

from icmsg.errors import IpcError
from icmsg.ipc import EndpointState

GENERATIONS = pytest.mark.parametrize("generation", ["3.6", "4.1", "rework"])


def pair_of(generation: str) -> Pair:
    """Return two sides with one endpoint and every block free: the rework's come back when somebody looks."""
    pair = bound(generation=generation)
    pair.a.instance._collect()
    assert pair.a.instance.blocks_in_use == 0
    return pair


@GENERATIONS
def test_messages_of_any_size_arrive_and_their_blocks_come_back(generation: str) -> None:
    layout = pair_of(generation).config.tx_layout
    one = layout.block_size - 4
    for size in (0, 1, one - 1, one, one + 1, layout.longest - 1, layout.longest):
        pair = pair_of(generation)
        data = bytes(range(size))
        assert pair.a.by_index[0].send(data) == size
        blocks = -(-(size + 4) // layout.block_size)
        assert pair.a.instance.blocks_in_use == sum(pair.a.instance.in_flight.values()) == blocks
        pair.run()
        assert pair.b.received["ep0"] == [data]
        pair.a.instance._collect()
        assert pair.a.instance.blocks_in_use == 0


@GENERATIONS
def test_a_message_may_be_any_buffer(generation: str) -> None:
    pair = pair_of(generation)
    pair.a.by_index[0].send(bytearray(b"ab"))
    pair.a.by_index[0].send(memoryview(b"c-d-")[::2])
    pair.run()
    assert pair.b.received["ep0"] == [b"ab", b"cd"]


@GENERATIONS
def test_who_waits_too_long_fails_when_the_time_is_over(generation: str) -> None:
    pair = pair_of(generation)
    endpoint = pair.a.by_index[0]
    buffer = endpoint.get_tx_buffer()
    errors: list[IpcError] = []
    endpoint.wait_tx_buffer(1, lambda each: None, failed=errors.append, timeout_ns=1000)
    pair.a.clock.advance(999)
    assert not errors
    pair.a.clock.advance(1)
    assert [error.errno for error in errors] == [errno.ENOMEM if generation == "rework" else errno.EAGAIN]
    endpoint.wait_tx_buffer(1, lambda each: None, timeout_ns=1000)
    with pytest.raises(IpcError, match="became free in time"):
        pair.a.clock.advance(1000)
    endpoint.drop_tx_buffer(buffer)
    assert pair.a.instance.blocks_in_use == 0


@GENERATIONS
def test_a_buffer_that_comes_at_the_last_moment_is_a_good_one(generation: str) -> None:
    pair = pair_of(generation)
    endpoint = pair.a.by_index[0]
    pair.b.holds = True
    endpoint.send(bytes(pair.config.tx_layout.longest))
    pair.run()
    got: list[object] = []
    endpoint.wait_tx_buffer(pair.config.tx_layout.longest, got.append, timeout_ns=10)
    pair.a.clock.run_pending()
    (held,) = pair.b.held
    held.release()
    pair.a.clock.advance(10)
    (buffer,) = got
    buffer.write(b"at last")  # type: ignore[attr-defined]
    endpoint.send_nocopy(buffer)
    pair.b.holds = False
    pair.run()
    assert pair.b.received["ep0"][1:] == [b"at last"]


@GENERATIONS
def test_a_held_message_stays_and_others_flow(generation: str) -> None:
    pair = pair_of(generation)
    pair.b.holds = True
    pair.a.by_index[0].send(b"keep")
    pair.run()
    pair.b.holds = False
    for number in range(20):
        pair.a.by_index[0].send(bytes([number]))
        pair.run()
    pair.a.instance._collect()
    (held,) = pair.b.held
    assert (held.read(), held.size) == (b"keep", 4)
    layout = pair.config.tx_layout
    assert held.address == layout.address + layout.blocks_offset + layout.block_size * held.block + 4
    assert pair.a.instance.blocks_in_use == pair.b.instance.blocks_held == 1
    held.release()
    pair.run()
    pair.a.instance._collect()
    assert pair.a.instance.blocks_in_use == pair.b.instance.blocks_held == 0


@GENERATIONS
def test_a_callback_that_raises_loses_no_message_and_no_block(generation: str) -> None:
    pair = pair_of(generation)
    pair.b.on["received"] = raising
    for number in range(4):
        pair.a.by_index[0].send(bytes([number]))
    for _ in range(4):
        with pytest.raises(PlannedError):
            pair.b.run()
    pair.run()
    assert pair.b.received["ep0"] == [bytes([number]) for number in range(4)]
    pair.a.instance._collect()
    assert pair.a.instance.blocks_in_use == 0


@GENERATIONS
def test_holding_is_over_with_a_reset_from_inside_received(generation: str) -> None:
    pair = pair_of(generation)
    endpoint = pair.b.by_index[0]
    refused: list[int] = []

    def reset_and_hold() -> None:
        pair.b.instance.reset()
        with pytest.raises(IpcError, match="is being delivered") as caught:
            endpoint.hold_rx_buffer()
        refused.append(caught.value.errno)

    pair.b.on["received"] = reset_and_hold
    pair.a.by_index[0].send(b"1")
    pair.run()
    assert refused == [errno.EINVAL]
    assert pair.b.instance.blocks_held == 0


@GENERATIONS
def test_a_buffer_is_sent_as_far_as_it_was_written(generation: str) -> None:
    pair = pair_of(generation)
    endpoint = pair.a.by_index[0]
    for written in (0, 1, None):
        buffer = endpoint.get_tx_buffer(4)
        size = buffer.size if written is None else written
        buffer.write(bytes(size))
        buffer.write(b"", buffer.size)
        assert endpoint.send_nocopy(buffer, None if written is not None else size) in (size, buffer.size)
        pair.run()
        pair.a.instance._collect()
        assert pair.a.instance.blocks_in_use == 0


@GENERATIONS
def test_an_endpoint_that_has_gone_is_nothing_any_more(generation: str) -> None:
    pair = pair_of(generation)
    ours, theirs = pair.a.by_index[0], pair.b.by_index[0]
    epoch = pair.a.instance.epoch
    ours.deregister()
    pair.run()
    assert ours.is_registered is False
    if generation == "rework":
        for endpoint in (ours, theirs):
            assert (endpoint.state, endpoint.address) == (EndpointState.UNCONFIGURED, None)
            assert endpoint.is_registered is endpoint.owes_bound is False
    for _ in range(2):
        pair.a.instance.reset()
    assert pair.a.instance.epoch == epoch + 2
    assert (ours.state, ours.is_registered) == (EndpointState.UNCONFIGURED, False)
    assert theirs.address is None or generation != "rework"


@GENERATIONS
def test_an_instance_that_opens_anew_begins_with_nothing(generation: str) -> None:
    pair = bound("ep0", "ep1", generation=generation)
    for number in range(5):
        pair.a.by_index[1].send(bytes([number]))
        pair.run()
    before = {side: dict(side.by_index) for side in (pair.a, pair.b)}
    if generation != "rework":
        pair.b.by_index[1].deregister()
        pair.b.by_index[1].reopen()  # its bound is still owed
    for side in (pair.a, pair.b):
        side.instance.reset()
        assert side.instance.blocks_in_use == 0
    pair.memory[:] = bytes(len(pair.memory))
    pair.log.clear()
    for side in (pair.a, pair.b):
        for endpoint in before[side].values():
            side.register(endpoint.name)
    pair.run()
    for side in (pair.a, pair.b):
        assert side.instance.is_bound
        assert sorted(line for line in pair.log if line.startswith(f"{side.name} bound")) == [
            f"{side.name} bound ep{number}" for number in range(2)
        ]
    pair.a.by_index[0].send(b"anew")
    pair.run()
    assert pair.b.received["ep0"] == [b"anew"]


@pytest.mark.parametrize("generation", ["3.6", "4.1"])
def test_reopening_keeps_the_endpoints_and_forgets_what_they_owed(generation: str) -> None:
    pair = pair_of(generation)
    ours, theirs = pair.a.by_index[0], pair.b.by_index[0]
    theirs.deregister()
    theirs.reopen()
    pair.memory[:] = bytes(len(pair.memory))
    pair.log.clear()
    pair.a.instance.reopen()
    pair.b.instance.reopen()
    assert theirs.owes_bound is False
    assert theirs.address is None
    pair.run()
    assert pair.log.count("b bound ep0") == pair.log.count("a bound ep0") == 1
    assert ours.is_bound
    assert theirs.is_bound
    assert pair.a.instance._binding.short_of_blocks is False
