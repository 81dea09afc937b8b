from __future__ import annotations

import pytest

from icmsg.errors import ConfigurationError, MailboxError
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair

LIMIT = 5_000


def listening(end: MemoryMailbox, *channels: int) -> list[int]:
    """Enable ``channels`` and return the list that collects their signals, each acknowledged at once."""
    heard: list[int] = []

    def on_signal(channel: int) -> None:
        end.acknowledge(channel)
        heard.append(channel)

    end.on_signal = on_signal
    for channel in channels:
        end.enable(channel)
    return heard


def test_an_acknowledged_signal_comes_once_per_ring() -> None:
    near, far = mailbox_pair()
    heard = listening(far, 1)
    for _ in range(3):
        near.ring(1)
    assert heard == [1, 1, 1]
    assert near.rings == 3


def test_rings_before_the_acknowledge_are_one_signal() -> None:
    near, far = mailbox_pair()
    heard: list[int] = []
    far.on_signal = heard.append
    far.enable(1)
    near.ring(1)
    near.ring(1)
    assert heard == [1]
    far.acknowledge(1)
    near.ring(1)
    assert heard == [1, 1]


def test_a_latched_event_signals_when_its_channel_is_enabled() -> None:
    near, far = mailbox_pair(latch=True)
    near.ring(1)
    near.ring(1)
    assert listening(far, 1) == [1]


def test_without_latch_a_ring_on_a_disabled_channel_is_lost() -> None:
    near, far = mailbox_pair(latch=False)
    near.ring(1)
    heard = listening(far, 1)
    assert (heard, far.pending()) == ([], 0)
    near.ring(1)
    assert heard == [1]


def test_without_latch_enabling_forgets_an_event_that_was_never_acknowledged() -> None:
    near, far = mailbox_pair(latch=False)
    far.enable(1)
    near.ring(1)
    assert far.pending() == 2
    far.disable(1)
    far.enable(1)
    assert far.pending() == 0


def test_an_end_does_not_hear_itself() -> None:
    near, _ = mailbox_pair()
    heard = listening(near, 1)
    near.ring(1)
    assert heard == []


def test_two_ends_that_answer_each_other_need_no_stack_and_keep_the_order() -> None:
    near, far = mailbox_pair()
    order: list[str] = []

    def answering(name: str, end: MemoryMailbox) -> None:
        def on_signal(channel: int) -> None:
            end.acknowledge(channel)
            order.append(f"{name} in")
            if len(order) < LIMIT:
                end.ring(channel)
            order.append(f"{name} out")

        end.on_signal = on_signal
        end.enable(0)

    answering("near", near)
    answering("far", far)
    near.ring(0)
    assert len(order) >= LIMIT
    assert order[:6] == ["far in", "far out", "near in", "near out", "far in", "far out"]


def test_a_signal_that_was_polled_before_its_turn_is_not_delivered_again() -> None:
    near, far = mailbox_pair()
    heard: list[int] = []

    def on_signal(channel: int) -> None:
        heard.append(channel)
        far.acknowledge(0)
        far.acknowledge(1)

    def ring_both(channel: int) -> None:
        near.acknowledge(channel)
        near.ring(0)
        near.ring(1)

    far.on_signal = on_signal
    near.on_signal = ring_both
    far.enable(0)
    far.enable(1)
    near.enable(5)
    far.ring(5)
    assert heard == [0]


def test_an_error_in_a_callback_reaches_the_ringer_and_loses_no_other_signal() -> None:
    near, far = mailbox_pair()
    heard = listening(far, 0, 1)
    collect = far.on_signal
    assert collect is not None

    def fails_once(channel: int) -> None:
        far.on_signal = collect
        collect(channel)
        raise RuntimeError("handler failed")

    def ring_both(channel: int) -> None:
        near.acknowledge(channel)
        near.ring(0)
        near.ring(1)

    far.on_signal = fails_once
    near.on_signal = ring_both
    near.enable(5)
    with pytest.raises(RuntimeError, match="handler failed"):
        far.ring(5)
    assert (heard, far.pending()) == ([0], 2)
    near.ring(0)
    assert heard == [0, 1, 0]


def test_dropped_signals_are_lost_and_the_next_arrives() -> None:
    near, far = mailbox_pair()
    heard = listening(far, 0)
    far.drop_next(2)
    for _ in range(3):
        near.ring(0)
    assert heard == [0]
    assert near.rings == 3


def test_a_spurious_signal_comes_without_a_ring_and_is_not_dropped() -> None:
    near, far = mailbox_pair()
    heard = listening(far, 0)
    far.drop_next()
    far.spurious(0)
    assert (heard, near.rings) == ([0], 0)
    near.ring(0)
    assert heard == [0]


@pytest.mark.parametrize("channels", [0, -1, 33])
def test_an_impossible_number_of_channels_is_refused(channels: int) -> None:
    with pytest.raises(ConfigurationError, match="choose 1…32"):
        mailbox_pair(channels)


def test_a_pair_has_the_channels_it_was_given() -> None:
    near, far = mailbox_pair(2)
    near.ring(1)
    for operation in (near.ring, far.spurious):
        with pytest.raises(MailboxError, match="mbox channel 2 cannot"):
            operation(2)


def test_dropping_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give 0 or more"):
        mailbox_pair()[0].drop_next(-1)
