"""Back-pressure: the queue polls on the virtual clock, keeps the order and loses no error."""

from __future__ import annotations

import errno

import pytest
from two_instances import Pair

from icmsg.errors import ConfigurationError, IpcError
from icmsg.ipc import SendQueue


def stalled_pair() -> Pair:
    """B does not look at its signals, so that its RX buffer fills up."""
    pair = Pair()
    pair.bond()
    pair.b.mailbox.on_signal = None
    return pair


def wake(pair: Pair) -> None:
    pair.b.mailbox.on_signal = pair.b.interrupt.handle
    pair.b.interrupt.handle()
    pair.clock.run_pending()


def test_messages_wait_in_order_until_the_reader_made_room() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock, poll_ns=1000)
    messages = [bytes([index]) * 40 for index in range(7)]
    assert [queue.send(message) for message in messages] == [True, True] + [False] * 5
    assert len(queue) == 5
    pair.clock.advance(500_000)
    assert len(queue) == 5
    wake(pair)
    assert pair.clock.settle()
    assert len(queue) == 0
    assert pair.b.received == messages
    assert queue.send(b"empty again: at once")


def test_nobody_is_asked_more_often_than_the_period() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock, poll_ns=1000)
    for _ in range(3):
        queue.send(bytes(40))
    pair.clock.advance(999)
    wake(pair)
    assert len(queue) == 1
    pair.clock.advance(1)
    assert len(queue) == 0


def test_a_message_that_finds_no_room_in_time_fails_and_the_next_has_its_own_time() -> None:
    pair = stalled_pair()
    failures: list[tuple[bytes, IpcError, int]] = []
    queue = SendQueue(
        pair.a.endpoint,
        pair.clock,
        poll_ns=1000,
        timeout_ns=5000,
        failed=lambda data, error: failures.append((data, error, pair.clock.now_ns())),
    )
    start = pair.clock.now_ns()
    for index in range(4):
        queue.send(bytes([index]) * 40)
    assert pair.clock.settle()
    assert [(data[0], error.errno, time - start) for data, error, time in failures] == [
        (2, errno.ETIMEDOUT, 5000),
        (3, errno.ETIMEDOUT, 10000),
    ]
    assert "made no room for 40 bytes within 5000 ns" in str(failures[0][1])


def test_what_can_never_be_sent_fails_at_once_and_does_not_block_the_rest() -> None:
    pair = stalled_pair()
    failures: list[int] = []
    queue = SendQueue(pair.a.endpoint, pair.clock, failed=lambda _data, error: failures.append(error.errno))
    assert queue.send(b"")
    assert queue.send(bytes(113))
    assert queue.send(bytes(70000))
    assert queue.send(b"fits")
    assert failures == [errno.ENODATA, errno.ENOMEM, errno.EBADMSG]
    pair.a.endpoint.deregister()
    queue.send(b"closed")
    assert failures[-1] == errno.EBUSY


def test_what_waits_behind_a_message_that_can_never_be_sent_goes_out_with_the_same_look() -> None:
    pair = stalled_pair()
    failures: list[bytes] = []
    queue = SendQueue(
        pair.a.endpoint, pair.clock, poll_ns=1000, failed=lambda data, _error: failures.append(data)
    )
    for message in (bytes(40), bytes(40), b"waits" * 8, bytes(113), b"behind", b"last"):
        queue.send(message)
    assert len(queue) == 4
    wake(pair)
    pair.clock.advance(1000)
    assert len(queue) == 0
    assert failures == [bytes(113)]
    assert pair.b.received[2:] == [b"waits" * 8, b"behind", b"last"]


def test_the_longest_message_waits_for_an_empty_buffer() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock)
    longest = bytes(pair.a.endpoint.get_tx_buffer_size())
    assert queue.send(b"first")
    assert not queue.send(longest)
    wake(pair)
    pair.clock.advance(99_999)
    assert len(queue) == 1
    pair.clock.advance(1)
    assert len(queue) == 0, "the period is 100 µs unless told otherwise"
    assert pair.b.received == [b"first", longest]


def test_without_a_callback_the_error_is_raised_where_it_happened() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock, poll_ns=1000, timeout_ns=2000)
    with pytest.raises(IpcError) as caught:
        queue.send(b"")
    assert caught.value.errno == errno.ENODATA
    for _ in range(4):
        queue.send(bytes(40))
    with pytest.raises(IpcError, match="made no room"):
        pair.clock.advance(2000)
    wake(pair)
    assert pair.clock.settle()
    assert len(pair.b.received) == 3, "the message behind the failed one goes on"


def test_a_callback_that_raises_does_not_stop_the_queue() -> None:
    pair = stalled_pair()

    def fail(_data: bytes, error: IpcError) -> None:
        raise RuntimeError(str(error))

    queue = SendQueue(pair.a.endpoint, pair.clock, poll_ns=1000, timeout_ns=1000, failed=fail)
    for _ in range(4):
        queue.send(bytes(40))
    with pytest.raises(RuntimeError, match="made no room"):
        pair.clock.advance(1000)
    wake(pair)
    assert pair.clock.settle()
    assert len(pair.b.received) == 3


def test_cancel_forgets_what_waits_and_leaves_no_timer() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock)
    for _ in range(5):
        queue.send(bytes(40))
    assert queue.cancel() == 3
    assert queue.cancel() == 0
    wake(pair)
    now = pair.clock.now_ns()
    assert pair.clock.settle()
    assert pair.clock.now_ns() == now
    assert len(pair.b.received) == 2


def test_a_period_of_zero_would_hang_and_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        SendQueue(Pair().a.endpoint, Pair().clock, poll_ns=0)


def test_a_period_of_one_nanosecond_is_possible() -> None:
    pair = stalled_pair()
    queue = SendQueue(pair.a.endpoint, pair.clock, poll_ns=1)
    for _ in range(3):
        queue.send(bytes(40))
    wake(pair)
    pair.clock.advance(1)
    assert len(queue) == 0
