"""Regions of backends with several endpoints are decoded whatever lies in them, and nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from icmsg.config import IcmsgMeConfig
from icmsg.config.boards import NRF5340
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.hw.bus import MemoryBus
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.endpoints.region_view import message_words, queued_words, view_direction
from icmsg.link.endpoints.setup import fill_endpoint_regions
from icmsg.wire.announcements import SlotQueue

if TYPE_CHECKING:
    from icmsg.link.endpoints import SeveralConfig

CLASSIC = NRF5340.icbmsg
REWORK = replace(CLASSIC, generation="rework")
ALL: list[SeveralConfig] = [
    replace(CLASSIC, generation="3.6"),
    CLASSIC,
    REWORK,
    IcmsgMeConfig(NRF5340.instance, role="initiator"),
]
NAMES = ("3.6", "4.1", "rework", "me")
BASE, SIZE = 0x2007_0000, 0x1_0000


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_any_bytes_are_decoded_into_words(config: SeveralConfig) -> None:
    memory = bytearray(SIZE)
    bus = MemoryBus(memory, base=BASE)
    for seed in range(200):
        random = Random(seed)
        fill_endpoint_regions(bus, config, "random" if seed % 2 else "old", seed)
        for _ in range(seed % 7):
            bus.write8(config.tx_region.address + random.randrange(64), random.randrange(256))
        before = bytes(memory)
        for side in (config, config.mirrored()):
            assert view_direction(bus, side).words("app", "net")
            message_words(bus, side, random.randbytes(seed % 6))
        assert bytes(memory) == before


def test_the_queues_of_any_bytes_have_words() -> None:
    memory = bytearray(SIZE)
    bus = MemoryBus(memory, base=BASE)
    for seed in range(200):
        fill_endpoint_regions(bus, REWORK, "random" if seed % 2 else "old", seed)
        count, words = queued_words(bus, REWORK, 0)
        assert count == bus.read32(REWORK.tx_region.address)
        assert words
        assert queued_words(bus, REWORK, count) == (count, []) or seed % 2


def test_messages_that_are_out_are_named_as_long_as_memory_tells_which() -> None:
    layout, slots = REWORK.tx_layout, REWORK.slots
    bus = MemoryBus(bytearray(SIZE), base=BASE)
    begin = layout.address + layout.begin
    sent, back = SlotQueue(bus, begin, slots), SlotQueue(bus, begin + layout.queue_size, slots)
    sent.reset()
    back.reset()
    for block in (0, 1, 2, 3):
        sent.put(block)
    for block in (2, 0):
        back.put(block)
    queue = view_direction(bus, REWORK).queue
    assert queue is not None
    assert (queue.sent, queue.returned, queue.blocks) == (4, 2, (1, 3))
    for _ in range(3 * slots):
        sent.put(7)
        back.put(7)
    view = view_direction(bus, REWORK)
    assert view.queue is not None
    assert (view.queue.open, view.queue.makes_sense, view.queue.blocks) == (2, True, ())
    assert "52 messages sent, 50 given back, 2 not" in view.words("app", "net")


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_a_diagnosis_of_any_memory_is_made_and_changes_nothing(config: SeveralConfig) -> None:
    with EmbeddedMachine() as machine:
        app, net = machine.core("app"), machine.core("net")
        for seed in range(10):
            fill_endpoint_regions(app.bus, config, "random", seed)
            before = app.bus.read_block(config.tx_region.address, config.tx_region.size)
            assert examine_endpoints(machine, app, config, net, {}).lines()
            assert app.bus.read_block(config.tx_region.address, config.tx_region.size) == before
