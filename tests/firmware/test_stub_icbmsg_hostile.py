"""ICBMsg stubs against a peer that does wrong: each mistake is counted, nothing faults, and the link goes on."""

from __future__ import annotations

import errno
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from icbmsg_by_hand import ClassicHand, ReworkHand, start_against_hand, stats_of
from running_stub import READY

from icmsg.errors import WireError
from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND, RELEASE_DATA

if TYPE_CHECKING:
    from icmsg.config.icbmsg import Generation
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.link.endpoints.setup import EndpointStub

BOND, RECEIVE, SEND, BLOCK, ENDPOINT = 2, 3, 4, 6, 7
EBADMSG = 77
"""Zephyr's number."""


def last_error(stub: EndpointStub) -> tuple[int, int, int, int]:
    stats = stats_of(stub)
    return stats.errors, stats.last_error, stats.last_error_site, stats.last_error_detail


@pytest.mark.parametrize("core", ["net", "app"])  # the initiator, the follower
def test_every_wrong_control_message_is_counted_and_the_block_comes_back(
    machine: EmbeddedMachine, core: str
) -> None:
    stub, found = start_against_hand(machine, core, "4.1")
    hand = cast("ClassicHand", found)
    count, size = hand.config.tx_blocks, hand.config.tx_layout.block_size
    hand.tx.write_header(0, 0xFFFF_FFFF)
    hand.tx.write_header(count - 1, size - 3)
    back: list[tuple[int, ...]] = [(RELEASE_DATA, 0, 0)]
    wrong: list[tuple[tuple[int, ...], list[tuple[int, ...]], tuple[int, int, int]]] = [
        ((DATA, 9, 0), back, (errno.EINVAL, ENDPOINT, 9)),
        ((DATA, 3, 0), back, (errno.EINVAL, ENDPOINT, 3)),
        ((DATA, 0, count), [], (errno.EINVAL, BLOCK, count)),
        ((DATA, 0, 0), back, (errno.EINVAL, BLOCK, 0)),
        ((DATA, 0, count - 1), [(RELEASE_DATA, 0, count - 1)], (errno.EINVAL, BLOCK, count - 1)),
        ((DATA, 0, 0, 1, 2, 3), back, (errno.EINVAL, BLOCK, 0)),
        ((RELEASE_DATA, 0, 5), [], (errno.EFAULT, BLOCK, 5)),
        ((RELEASE_DATA, 0, 255), [], (errno.EFAULT, BLOCK, 255)),
        ((RELEASE_BOUND, 0, 0), [], (errno.EINVAL, ENDPOINT, 0)),
        ((RELEASE_BOUND, 255, 0), [], (errno.EINVAL, ENDPOINT, 255)),
        ((BOUND, 255, 1), [(RELEASE_DATA, 0, 1)], (errno.EINVAL, ENDPOINT, 255)),
        ((BOUND, 0, 1), [(RELEASE_DATA, 0, 1)], (errno.EINVAL, ENDPOINT, 0)),
        ((BOUND, 2, 0), back, (errno.EINVAL, BLOCK, 0)),
        (tuple(MAGIC), [], (EBADMSG, BOND, 13)),
    ]
    for number, (message, answer, error) in enumerate(wrong, 1):
        assert hand.send(*message) == answer, message
        assert last_error(stub) == (number, *error), message
    assert hand.send(0x42, 0, 0) == []
    assert last_error(stub)[0] == len(wrong), "a type of later versions is no error"
    hand.send(1)
    assert last_error(stub)[:3] == (len(wrong) + 1, errno.EINVAL, RECEIVE)
    hand.echo(b"still there", 1)
    assert (stats_of(stub).faults, stats_of(stub).state) == (0, READY)


def test_a_broken_index_is_counted_and_the_link_goes_on_when_it_makes_sense_again(
    machine: EmbeddedMachine,
) -> None:
    stub, found = start_against_hand(machine, "net", "4.1")
    hand = cast("ClassicHand", found)
    control = hand.config.control
    at = control.tx_region.address + control.tx_layout.wr_idx_offset
    right = hand.core.bus.read32(at)
    for value in (3, 0xFFFF_FFFC, control.tx_layout.data_length):
        hand.core.bus.write32(at, value)
        hand.ring()
        assert last_error(stub)[1:] == (errno.EINVAL, RECEIVE, value)
    hand.core.bus.write32(at, right)
    hand.echo(b"again")
    assert stats_of(stub).faults == 0


def test_releases_that_a_broken_index_stops_are_sent_later(machine: EmbeddedMachine) -> None:
    stub, found = start_against_hand(machine, "net", "4.1")
    hand = cast("ClassicHand", found)
    control = hand.config.control
    at = control.rx_region.address + control.rx_layout.rd_idx_offset
    right = hand.core.bus.read32(at)
    hand.core.bus.write32(at, 1)
    for block in range(3):
        hand.tx.write(block, 4, b"lost")
        hand.writer.write(bytes((DATA, 9, block)))
        hand.ring()
    assert stats_of(stub).errors >= 3
    hand.core.bus.write32(at, right)
    hand.ring()
    assert hand.taken() == [(RELEASE_DATA, 0, block) for block in range(3)]
    hand.echo(b"and on")


def test_every_wrong_message_of_the_rework_is_counted_and_comes_back(machine: EmbeddedMachine) -> None:
    stub, found = start_against_hand(machine, "net", "rework")
    hand = cast("ReworkHand", found)
    count, control = hand.config.tx_blocks, packets.CONTROL << 24
    wrong: list[tuple[int, int, bytes, tuple[int, int, int]]] = [
        (0, 4 | 9 << 24, b"none", (errno.EINVAL, ENDPOINT, 9)),
        (0, 4 | 3 << 24, b"none", (errno.EINVAL, ENDPOINT, 3)),
        (0, 4 | 1 << 16, b"none", (errno.EINVAL, BLOCK, 0)),
        (0, 0xFFFF, b"long", (errno.EINVAL, BLOCK, 0)),
        (
            count - 1,
            hand.config.tx_layout.block_size - 3 | count - 1 << 16,
            b"",
            (errno.EINVAL, BLOCK, count - 1),
        ),
        (0, 16 | control, packets.bound_packet(hand.config), (EBADMSG, BOND, 16)),
        (0, 1 | control, b"\x05", (EBADMSG, BOND, 1)),
        (0, 6 | control, packets.endpoint_unbound(3), (errno.EINVAL, ENDPOINT, 3)),
        (0, 6 | control, packets.endpoint_bound(2, packets.name_hash("ep0")), (errno.EINVAL, ENDPOINT, 2)),
    ]
    for number, (block, header, data, error) in enumerate(wrong, 1):
        assert hand.put(block, header, data) == []
        assert last_error(stub) == (number, *error), (header, data)
        assert hand.returned() == [block]
    assert hand.announce(count) == []
    assert last_error(stub)[1:] == (errno.EINVAL, BLOCK, count)
    assert hand.returned() == [], "there is no such block to give back"
    hand.put(0, 6 | control, packets.endpoint_bound(2, 0x1234))
    assert last_error(stub)[0] == len(wrong) + 1, "a name that nobody has is no error"
    hand.returned()
    hand.echo(b"still there", 1)
    assert (stats_of(stub).faults, stats_of(stub).state) == (0, READY)


def test_counts_of_the_rework_that_no_peer_can_have_are_counted_as_errors(machine: EmbeddedMachine) -> None:
    stub, found = start_against_hand(machine, "net", "rework")
    hand = cast("ReworkHand", found)
    tx, bus = hand.config.tx_layout, hand.core.bus
    count_at = tx.address + tx.begin
    right = bus.read32(count_at)
    bus.write32(count_at, right - 2)  # as a peer that has restarted alone
    hand.ring()
    assert last_error(stub) == (1, errno.EINVAL, RECEIVE, right - 2)
    bus.write32(count_at, right)
    hand.echo(b"once")
    given_at = hand.config.rx_layout.address + hand.config.rx_layout.begin + hand.config.rx_layout.queue_size
    given = bus.read32(given_at)
    for number, wrong in enumerate((given + 5, given - 2), 2):
        bus.write32(given_at, wrong)
        assert hand.put(0, 4, b"fill")[0][2] == b"fill", "a look at what came back follows a message"
        assert last_error(stub) == (number, errno.EINVAL, SEND, wrong)
    hand.given.put(9)  # where nothing of the stub lies
    hand.echo(b"again")
    assert last_error(stub)[1:] == (errno.EFAULT, BLOCK, 9)
    assert stats_of(stub).faults == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("generation", ["4.1", "rework"])
def test_random_messages_and_blocks_never_make_it_fault(
    machine: EmbeddedMachine, generation: Generation, seed: int
) -> None:
    stub, hand = start_against_hand(machine, "net", generation)
    random = Random(seed)
    blocks = hand.config.tx_blocks
    for _ in range(150):
        for _ in range(random.randrange(1, 4)):
            block = random.randrange(blocks)
            hand.tx.write_header(block, random.choice((random.getrandbits(32), random.randrange(300))))
        if isinstance(hand, ClassicHand):
            message = random.choice(
                (
                    random.randbytes(random.randrange(1, 20)),
                    bytes((random.randrange(5), 0, random.randrange(20))),
                )
            )
            _swallow(hand.writer.write, message)
        else:
            header = (
                random.randrange(40)
                | block << 16
                | random.choice((0, 1, 2, 255, random.randrange(256))) << 24
            )
            hand.tx.write(block, header, random.randbytes(16))
            hand.queue.put(random.choice((block, random.randrange(128))), high=random.random() < 0.3)
        hand.ring()
        _swallow(hand.taken)
    stats = stats_of(stub)
    assert (stats.faults, stats.state) == (0, READY)
    assert stats.errors > 10


def _swallow(function: Any, *arguments: Any) -> None:
    """Call what may fail: the hostile peer has no room, or does not understand an answer to nonsense."""
    with suppress(WireError):
        function(*arguments)
