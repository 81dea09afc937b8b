"""UARTE of the nRF54: what Zephyr's driver waits for after it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nrf54 import UARTES, nrf54_rig
from soc import Block

from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig import Rig

RX_START, RX_STOP, TX_START, TX_STOP = 0x028, 0x02C, 0x050, 0x054
RXTO, TXSTOPPED, RX_READY, TX_END, TX_READY = 0x124, 0x130, 0x150, 0x168, 0x16C
SHORTS, INTENSET, ENABLE, CONFIG = 0x200, 0x304, 0x500, 0x56C
PTR, MAXCNT, AMOUNT = 0x73C, 0x740, 0x744
END_STOPS = 1 << 18


@pytest.fixture
def rig() -> Iterator[Rig]:
    with nrf54_rig() as rig:
        yield rig


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
    uarte[TX_START] = 1
    assert [uarte[at] for at in (TX_READY, TX_END, TXSTOPPED, AMOUNT)] == [1, 1, 0, 6]
    assert [line.text for line in rig.machine.core(core).console.lines] == ["hello"]
    uarte[TX_STOP] = 1
    assert uarte[TXSTOPPED] == 1


def test_the_end_stops_it_by_the_shortcut(uarte: Block) -> None:
    uarte[SHORTS] = END_STOPS
    uarte[INTENSET] = 1 << 12
    uarte[TX_START] = 1
    assert (uarte[TX_END], uarte[TXSTOPPED], uarte.line) == (1, 1, True)
    uarte[TXSTOPPED] = 0
    assert uarte.line is False


def test_the_receiver_starts_and_stops(uarte: Block) -> None:
    uarte[RX_START] = 1
    assert (uarte[RX_READY], uarte[RXTO]) == (1, 0)
    uarte[RX_STOP] = 1
    assert uarte[RXTO] == 1


def test_one_that_is_off_does_nothing(uarte: Block) -> None:
    uarte[ENABLE] = 0
    uarte[TX_START] = uarte[RX_START] = 1
    assert [uarte[at] for at in (TX_READY, TX_END, RX_READY)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("event", "bit"), [(TX_END, 26), (TX_READY, 27), (TXSTOPPED, 12), (RX_READY, 20), (RXTO, 9)]
)
def test_every_event_has_its_bit_in_inten(uarte: Block, event: int, bit: int) -> None:
    uarte[event] = 1
    assert uarte.line is False
    uarte[INTENSET] = 1 << bit
    assert uarte.line is True


def test_both_cores_reach_it_and_it_prints_on_the_console_of_the_core_that_it_interrupts(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    base = UARTES["net"].base
    rig.machine.core("net").bus.write_block(0x2100_0000, b"from app\n")
    for offset, value in ((ENABLE, 8), (PTR, 0x2100_0000), (MAXCNT, 9), (TX_START, 1)):
        bus.write32(base + offset, value)
    assert [line.text for line in rig.machine.core("net").console.lines] == ["from app"]
    assert bus.read32(0x4010_4000 + TX_END) == 1


def test_bytes_that_are_nowhere_are_refused(uarte: Block) -> None:
    uarte[PTR] = 0x3000_0000
    with pytest.raises(BusError, match=r"EasyDMA cannot read 6 byte\(s\)"):
        uarte[TX_START] = 1
