"""Writer and reader against a deque, for any size, alignment and start of the indices."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from looped import examples

from icmsg.config import RegionLayout
from icmsg.errors import BufferFullError, BufferTooSmallError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

GUARD = 64
ALIGNMENTS = st.sampled_from([0, 4, 8, 16, 32, 64])


class PbufMachine(RuleBasedStateMachine):
    """A well-behaved pair: nothing is lost, invented or reordered, and nothing outside the region changes."""

    trust = False
    bus: type[MemoryBus] = MemoryBus

    @initialize(
        alignment=ALIGNMENTS, words=st.integers(3, 40), handshake=st.booleans(), fill=st.integers(0, 255)
    )
    def build(self, alignment: int, words: int, handshake: bool, fill: int) -> None:
        handshake = handshake and alignment >= 8
        layout = RegionLayout.pbuf(0, alignment, handshake=handshake)
        self.layout = RegionLayout.pbuf(layout.data_offset + 4 * words, alignment, handshake=handshake)
        size = self.layout.size
        self.memory = bytearray([fill]) * (size + 2 * GUARD)
        bus = self.bus(self.memory, base=0x1000 - GUARD)
        self.writer = PbufWriter(bus, 0x1000, self.layout, trust_known_space=self.trust)
        self.reader = PbufReader(bus, 0x1000, self.layout)
        self.writer.tx_init()
        self.reader.rx_init()
        self.queued: deque[bytes] = deque()
        self.untouched = self._outside()

    def _outside(self) -> bytes:
        """Everything that neither side may ever write."""
        region = self.memory[GUARD : GUARD + self.layout.size]
        padding = region[4 : self.layout.wr_idx_offset]
        return bytes(self.memory[:GUARD] + padding + self.memory[GUARD + self.layout.size :])

    def _words(self, payload: bytes) -> int:
        return 1 + (len(payload) + 3) // 4

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, self.layout.data_length + 3))
        payload = data.draw(st.binary(min_size=size, max_size=size))
        free = self.writer.free_space()
        before = bytes(self.memory)
        if size <= free:
            assert self.writer.write(payload) == size
            self.queued.append(payload)
        else:
            with pytest.raises(BufferFullError) as caught:
                self.writer.write(payload)
            assert caught.value.largest == self.layout.data_length - 8
            assert self.memory == before

    @rule()
    def read(self) -> None:
        if self.queued:
            assert self.reader.peek() == len(self.queued[0])
            assert self.reader.read() == self.queued.popleft()
            assert self.reader.more == bool(self.queued)
        else:
            assert self.reader.peek() == 0
            assert self.reader.read() == b""
            assert not self.reader.more

    @precondition(lambda self: self.queued)
    @rule()
    def read_with_too_small_a_buffer(self) -> None:
        capacity = len(self.queued[0]) - 1
        before = bytes(self.memory)
        with pytest.raises(BufferTooSmallError) as caught:
            self.reader.read(capacity)
        assert (caught.value.length, caught.value.capacity) == (capacity + 1, capacity)
        assert self.memory == before
        assert self.reader.read(capacity + 1) == self.queued.popleft()

    @rule()
    def reinitialise(self) -> None:
        self.writer.tx_init()
        self.reader.rx_init()
        self.queued.clear()

    @invariant()
    def free_space_is_what_the_packets_leave(self) -> None:
        words = self.layout.data_length // 4 - sum(self._words(payload) for payload in self.queued)
        assert words >= 1
        assert self.writer.free_space() == max(0, 4 * words - 8)

    @invariant()
    def indices_stay_aligned_and_inside(self) -> None:
        for offset in (0, self.layout.wr_idx_offset):
            index = int.from_bytes(self.memory[GUARD + offset : GUARD + offset + 4], "little")
            assert index % 4 == 0
            assert index < self.layout.data_length

    @invariant()
    def nothing_else_is_written(self) -> None:
        assert self._outside() == self.untouched


class TrustingPbufMachine(PbufMachine):
    """The same with a writer that looks at rd_idx only when it must."""

    trust = True


class AnyBus(MemoryBus):
    """Memory that is not accessed directly, because it is a class of its own."""


class PbufOnABusMachine(PbufMachine):
    """The same through the methods of a bus."""

    bus = AnyBus


class TrustingPbufOnABusMachine(TrustingPbufMachine):
    """The same through the methods of a bus."""

    bus = AnyBus


SETTINGS = settings(
    max_examples=examples(60),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestPbuf = PbufMachine.TestCase
TestPbuf.settings = SETTINGS
TestTrustingPbuf = TrustingPbufMachine.TestCase
TestTrustingPbuf.settings = SETTINGS
TestPbufOnABus = PbufOnABusMachine.TestCase
TestPbufOnABus.settings = SETTINGS
TestTrustingPbufOnABus = TrustingPbufOnABusMachine.TestCase
TestTrustingPbufOnABus.settings = SETTINGS


@settings(max_examples=examples(300), deadline=None)
@given(words=st.integers(3, 64), sizes=st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_the_index_is_the_sum_of_the_rounded_packets_modulo_the_ring(words: int, sizes: list[int]) -> None:
    layout = RegionLayout.pbuf(8 + 4 * words)
    memory = bytearray(layout.size)
    bus = MemoryBus(memory)
    writer = PbufWriter(bus, 0, layout)
    reader = PbufReader(bus, 0, layout)
    writer.tx_init()
    index = 0
    for size in sizes:
        size = 1 + size % layout.capacity
        writer.write(bytes(size))
        index = (index + 4 + (size + 3 & ~3)) % layout.data_length
        assert bus.read32(4) == index
        assert len(reader.read()) == size
        assert bus.read32(0) == index
