"""UARTE: what Zephyr's driver waits for after it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from soc import UARTES, Block

if TYPE_CHECKING:
    from rig import Rig

STARTTX, STOPTX, STARTRX, STOPRX = 0x008, 0x00C, 0x000, 0x004
ENDTX, TXSTARTED, TXSTOPPED, RXSTARTED, RXTO = 0x120, 0x150, 0x158, 0x14C, 0x144
PUBLISH_ENDTX, SUBSCRIBE_STOPTX = 0x1A0, 0x08C
ENABLE, PTR, MAXCNT, AMOUNT, INTENSET = 0x500, 0x544, 0x548, 0x54C, 0x304
ON = 1 << 31


@pytest.fixture(params=UARTES)
def core(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def uarte(rig: Rig, core: str) -> Block:
    block = Block(rig, UARTES[core])
    ram = {"app": 0x20001000, "net": 0x21001000}[core]
    rig.machine.core(core).bus.write_block(ram, b"hello\n")
    block[ENABLE], block[PTR], block[MAXCNT] = 8, ram, 6
    return block


def test_it_sends_at_once_and_stops_when_it_is_told(rig: Rig, uarte: Block, core: str) -> None:
    uarte[STARTTX] = 1
    assert [uarte[at] for at in (TXSTARTED, ENDTX, TXSTOPPED, AMOUNT)] == [1, 1, 0, 6]
    assert [line.text for line in rig.machine.core(core).console.lines] == ["hello"]
    uarte[STOPTX] = 1
    assert uarte[TXSTOPPED] == 1


def test_the_end_stops_it_over_a_common_channel(uarte: Block) -> None:
    uarte[PUBLISH_ENDTX] = ON | 5
    uarte[SUBSCRIBE_STOPTX] = ON | 5
    uarte[INTENSET] = 1 << 22
    uarte[STARTTX] = 1
    assert (uarte[ENDTX], uarte[TXSTOPPED], uarte.line) == (1, 1, True)
    uarte[TXSTOPPED] = 0
    assert uarte.line is False


@pytest.mark.parametrize(("publish", "subscribe"), [(5, ON | 5), (ON | 5, 5), (ON | 5, ON | 6), (0, 0)])
def test_without_a_common_channel_that_is_on_it_does_not(uarte: Block, publish: int, subscribe: int) -> None:
    uarte[PUBLISH_ENDTX], uarte[SUBSCRIBE_STOPTX] = publish, subscribe
    uarte[STARTTX] = 1
    assert (uarte[ENDTX], uarte[TXSTOPPED]) == (1, 0)


def test_the_receiver_starts_and_stops(uarte: Block) -> None:
    uarte[STARTRX] = 1
    assert (uarte[RXSTARTED], uarte[RXTO]) == (1, 0)
    uarte[STOPRX] = 1
    assert uarte[RXTO] == 1


def test_one_that_is_off_does_nothing(uarte: Block) -> None:
    uarte[ENABLE] = 0
    uarte[STARTTX] = uarte[STARTRX] = 1
    assert [uarte[at] for at in (TXSTARTED, ENDTX, RXSTARTED)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("event", "bit"), [(ENDTX, 8), (TXSTARTED, 20), (TXSTOPPED, 22), (RXSTARTED, 19), (RXTO, 17)]
)
def test_every_event_has_its_bit_in_inten(uarte: Block, event: int, bit: int) -> None:
    uarte[event] = 1
    assert uarte.line is False
    uarte[INTENSET] = 1 << bit
    assert uarte.line is True
