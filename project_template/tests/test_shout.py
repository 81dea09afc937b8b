"""The firmware sends every message back in capital letters, whatever the link goes through."""

import pytest


@pytest.mark.parametrize(
    ("message", "answer"),
    [(b"hello", b"HELLO"), (b"Hello, World 42!", b"HELLO, WORLD 42!"), (b"\x00z\xff", b"\x00Z\xff")],
)
def test_letters_become_capitals_and_nothing_else_changes(shout, message, answer):
    shout.send(message)
    assert shout.receive() == answer


def test_every_length_up_to_the_receive_buffer_comes_back_whole(shout):
    for size in range(1, 129):
        shout.send(b"a" * size)
        assert shout.receive() == b"A" * size


def test_messages_that_share_a_doorbell_are_all_answered_in_order(shout):
    for number in range(10):
        shout.send(b"message %d" % number)
    assert [shout.receive() for _ in range(10)] == [b"MESSAGE %d" % number for number in range(10)]


def test_a_doorbell_without_a_message_does_no_harm(shout, icmsg_machine):
    shout.played.mailbox.ring(shout.config.tx_channel)
    icmsg_machine.run_for(1_000_000)  # virtual nanoseconds
    shout.send(b"still there")
    assert shout.receive() == b"STILL THERE"
