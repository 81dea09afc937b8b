"""How many bus accesses a packet costs: on a real engine each of them is what makes a message slow."""

from __future__ import annotations

import pytest

from icmsg.config import InstanceConfig, Region, RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock
from icmsg.wire import PbufReader, PbufWriter

TX, RX = 0x1000, 0x1100


class CountingBus:
    """A MemoryBus that notes every access as (operation, address, bytes)."""

    core = None

    def __init__(self, size: int) -> None:
        self.memory = MemoryBus(bytearray(size), base=TX)
        self.log: list[tuple[str, int, int]] = []

    def __getattr__(self, name: str) -> object:
        access = getattr(self.memory, name)

        def counted(address: int, value: object = 4) -> object:
            size = len(value) if isinstance(value, bytes) else value if "block" in name else 4
            self.log.append((name, address, size))
            return access(address) if name == "read32" else access(address, value)

        return counted

    def take(self) -> list[tuple[str, int, int]]:
        log, self.log = self.log, []
        return log


def buffers(*, trust: bool) -> tuple[CountingBus, PbufWriter, PbufReader]:
    bus = CountingBus(0x100)
    layout = RegionLayout.pbuf(128)
    writer = PbufWriter(bus, TX, layout, trust_known_space=trust)
    reader = PbufReader(bus, TX, layout)
    writer.tx_init()
    bus.take()
    return bus, writer, reader


def test_a_write_is_one_look_one_block_and_the_index_last() -> None:
    bus, writer, _ = buffers(trust=False)
    for index in (0, 20):
        writer.write(bytes(16))
        assert bus.take() == [
            ("read32", TX, 4),
            ("write_block", TX + 8 + index, 20),
            ("write32", TX + 4, 4),
        ]


def test_a_write_into_known_space_does_not_look() -> None:
    bus, writer, reader = buffers(trust=True)
    writer.write(bytes(16))
    assert bus.take()[0] == ("read32", TX, 4), "after tx_init nothing is known"
    for index in (20, 40, 60, 80):
        reader.read()
        bus.take()
        writer.write(bytes(16))
        assert bus.take() == [("write_block", TX + 8 + index, 20), ("write32", TX + 4, 4)]
    writer.write(bytes(16))
    assert bus.take()[0] == ("read32", TX, 4), "the known space is used up"


def test_no_write_that_fits_looks_twice_or_writes_an_empty_block() -> None:
    bus, writer, reader = buffers(trust=False)
    wr = 0
    for step in range(400):
        size = (1 + step * 7) % 113 or 112
        writer.write(bytes(size))
        wraps = wr + 4 + size > 120
        assert [name for name, _, _ in bus.take()] == [
            "read32",
            "write_block",
            *["write_block"] * wraps,
            "write32",
        ]
        assert len(reader.read()) == size
        assert all(count for _, _, count in bus.take()), "no empty block is read"
        wr = (wr + 4 + size + 3 & ~3) % 120


def test_a_writer_verifies_unless_told_to_trust() -> None:
    bus = CountingBus(0x100)
    writer = PbufWriter(bus, TX, RegionLayout.pbuf(128))
    writer.tx_init()
    for _ in range(2):
        bus.take()
        writer.write(b"x")
        assert bus.take()[0] == ("read32", TX, 4)


@pytest.mark.parametrize(("fill", "blocks"), [(95, [(100, 20), (0, 12)]), (112, [(116, 4), (0, 28)])])
def test_a_packet_that_wraps_takes_two_blocks(fill: int, blocks: list[tuple[int, int]]) -> None:
    bus, writer, reader = buffers(trust=False)
    writer.write(bytes(fill))
    reader.read()
    bus.take()
    writer.write(bytes(28))
    written = [access for access in bus.take() if access[0] == "write_block"]
    assert written == [("write_block", TX + 8 + index, size) for index, size in blocks]
    assert reader.read() == bytes(28)
    read = [access for access in bus.take() if access[0] == "read_block"]
    assert read == [("read_block", TX + 8 + index, size) for index, size in blocks]


def test_a_read_is_one_look_one_block_and_the_index_last() -> None:
    bus, writer, reader = buffers(trust=False)
    writer.write(bytes(16))
    bus.take()
    reader.read()
    assert bus.take() == [("read32", TX + 4, 4), ("read_block", TX + 8, 20), ("write32", TX, 4)]
    reader.read()
    assert bus.take() == [("read32", TX + 4, 4)]


def test_a_reader_learns_the_size_of_packets_and_then_needs_one_block() -> None:
    bus = CountingBus(0x1000)
    layout = RegionLayout.pbuf(0x1000)
    writer, reader = PbufWriter(bus, TX, layout), PbufReader(bus, TX, layout)
    writer.tx_init()
    for blocks in (2, 1, 1):
        writer.write(bytes(500))
        bus.take()
        assert reader.read() == bytes(500)
        assert [access[0] for access in bus.take()].count("read_block") == blocks


def test_a_long_packet_that_ends_with_the_ring_takes_two_blocks_and_no_empty_third() -> None:
    bus, writer, reader = buffers(trust=False)
    writer.write(b"x")
    reader.read()
    writer.write(bytes(108))
    bus.take()
    assert reader.read() == bytes(108)
    assert [size for name, _, size in bus.take() if name == "read_block"] == [64, 48]


def test_many_queued_packets_are_not_read_again_and_again() -> None:
    bus = CountingBus(0x2000)
    layout = RegionLayout.pbuf(0x2000)
    writer, reader = PbufWriter(bus, TX, layout), PbufReader(bus, TX, layout)
    writer.tx_init()
    for _ in range(400):
        writer.write(bytes(16))
    bus.take()
    for _ in range(400):
        assert reader.read() == bytes(16)
    fetched = sum(size for name, _, size in bus.take() if name == "read_block")
    assert fetched <= 400 * 64


@pytest.mark.parametrize("trust", [False, True])
def test_one_message_through_the_backend(trust: bool) -> None:
    bus, clock = CountingBus(0x200), VirtualClock()
    config = InstanceConfig(Region(TX, 0x100), Region(RX, 0x100), trust_known_space=trust)
    mailboxes = mailbox_pair()
    received: list[bytes] = []
    sides = [
        IcmsgInstance(bus, mailbox, clock, side)
        for mailbox, side in zip(mailboxes, (config, config.mirrored()), strict=True)
    ]
    for mailbox, side in zip(mailboxes, sides, strict=True):
        mailbox.on_signal = InterruptHandler(mailbox, side).handle
    endpoint, _ = (side.register_endpoint(EndpointConfig(received=received.append)) for side in sides)
    clock.settle()
    endpoint.send(bytes(16))
    clock.settle()
    bus.take()
    rings = mailboxes[0].rings

    endpoint.send(bytes(16))
    looks = [] if trust else [("read32", TX, 4)]
    assert bus.take() == [*looks, ("write_block", TX + 8 + 40, 20), ("write32", TX + 4, 4)]
    assert mailboxes[0].rings == rings + 1
    clock.settle()
    assert bus.take() == [("read32", TX + 4, 4), ("read_block", TX + 8 + 40, 20), ("write32", TX, 4)]
    assert received == [bytes(16)] * 2
