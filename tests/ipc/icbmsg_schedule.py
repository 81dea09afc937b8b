"""Two correct ICBMsg instances whose work and signals an adversary schedules: nothing is lost, invented or crossed."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from icbmsg_pair import PlannedError
from test_adversarial import Ends, Line

from icmsg.errors import IcmsgError, IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import (
    AtEndpoint,
    EndpointConfig,
    Happened,
    RxBuffer,
    TxBuffer,
    VirtualClock,
    Waiter,
    backend_for,
)

if TYPE_CHECKING:
    from icmsg.config import IcbmsgConfig
    from icmsg.ipc import Detail, IcbmsgEndpoint

MESSAGE = struct.Struct("<BBH")
"""Side, endpoint and number of a message; filling follows."""

SIDE = st.integers(0, 1)
NAMES = ("ep0", "ep1", "ep")
NAME = st.integers(0, len(NAMES) - 1)


@dataclass
class Channel:
    """Messages of one endpoint of one side: what was sent, and what the peer got."""

    sent: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)


class Core:
    """One side with its endpoints; ``into`` is the line that rings it."""

    def __init__(self, number: int, bus: MemoryBus, into: Line, out: Line, config: IcbmsgConfig) -> None:
        self.number = number
        self.clock = VirtualClock()
        self.into = into
        into.owner = self  # type: ignore[assignment]
        self.mailbox: Any = Ends(out, into)
        self.instance: Any = backend_for(bus, self.mailbox, self.clock, config, observer=self._observe)
        self.peer: Core
        self.endpoints: dict[int, IcbmsgEndpoint] = {}
        self.channels = [Channel() for _ in NAMES]
        self.refused = 0
        self.buffers: list[tuple[int, TxBuffer]] = []
        self.waiters: list[Waiter] = []
        self.held: list[tuple[RxBuffer, bytes]] = []
        self.hold_next = self.raise_next = self.answer_next = False
        self.bound = [False] * len(NAMES)

    def on_signal(self) -> None:
        self.instance.mailbox_rang()

    def register(self, which: int) -> None:
        def received(data: bytes) -> None:
            self._received(which, data)

        def bound() -> None:
            assert not self.bound[which], "bound twice"
            self.bound[which] = True
            if self.answer_next:
                self.answer_next = False
                self.send(which, 2)
            self._maybe_raise()

        def unbound() -> None:
            assert self.bound[which]
            self.bound[which] = False

        config = EndpointConfig(NAMES[which], bound=bound, received=received, unbound=unbound, prio=which)
        self.endpoints[which] = self.instance.register_endpoint(config)

    def _maybe_raise(self) -> None:
        if self.raise_next:
            self.raise_next = False
            raise PlannedError

    def _received(self, which: int, data: bytes) -> None:
        assert self.bound[which], "data before bound"
        side, endpoint, number = MESSAGE.unpack_from(data)
        assert side != self.number, "own message"
        assert endpoint == which, "crossed"
        channel = self.peer.channels[which]
        assert data == channel.sent[number], "changed"
        assert not channel.received or MESSAGE.unpack_from(channel.received[-1])[2] < number, "order"
        channel.received.append(data)
        if self.hold_next:
            self.hold_next = False
            self.held.append((self.endpoints[which].hold_rx_buffer(), data))
        if self.answer_next:
            self.answer_next = False
            self.send(which, 1)
        self._maybe_raise()

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if kind is Happened.ERROR:
            error = detail.detail if isinstance(detail, AtEndpoint) else detail
            assert isinstance(error, IcmsgError)
            self.error(error)

    def error(self, error: IcmsgError) -> None:
        assert "data for endpoint" in str(error), f"two correct sides, but: {error}"
        self.refused += 1

    def payload(self, which: int, size: int) -> bytes:
        number = len(self.channels[which].sent)
        return MESSAGE.pack(self.number, which, number) + bytes([number & 0xFF]) * size

    def send(self, which: int, size: int) -> None:
        """Send at an endpoint if it can; what was sent is expected at the peer."""
        endpoint = self.endpoints.get(which)
        if endpoint is None:
            return
        data = self.payload(which, size)
        self.channels[which].sent.append(data)
        try:
            assert endpoint.send(data) == len(data)
        except IpcError:
            self.channels[which].sent.pop()

    def send_buffer(self, index: int, size: int) -> None:
        which, buffer = self.buffers.pop(index)
        data = self.payload(which, size)[: buffer.size]
        with contextlib.suppress(IpcError):
            buffer.write(data)
            self.channels[which].sent.append(data)
            try:
                assert self.endpoints[which].send_nocopy(buffer, len(data)) == len(data)
            except IpcError:
                self.channels[which].sent.pop()
                raise

    def run(self, count: int | None = None) -> None:
        ran = 0
        while count is None or ran < count:
            try:
                if not self.clock.run_one():
                    return
            except PlannedError:
                pass
            ran += 1


class Adversary(RuleBasedStateMachine):
    """Schedules work and signals of two ``cores`` as it likes."""

    cores: tuple[Core, Core]

    def start(self, memory: bytearray, config: IcbmsgConfig, *, latch: bool, base: int) -> None:
        bus = MemoryBus(memory, base=base)
        lines = Line(latch=latch), Line(latch=latch)
        configs = config, replace(config.mirrored(), name="other")
        self.cores = (
            Core(0, bus, lines[0], lines[1], configs[0]),
            Core(1, bus, lines[1], lines[0], configs[1]),
        )
        self.cores[0].peer, self.cores[1].peer = self.cores[1], self.cores[0]

    @rule(side=SIDE, which=NAME)
    def register(self, side: int, which: int) -> None:
        core = self.cores[side]
        if which not in core.endpoints:
            with contextlib.suppress(IpcError):  # no block for the packet of the rework
                core.register(which)

    @rule(side=SIDE, which=NAME, size=st.integers(0, 170))
    def send(self, side: int, which: int, size: int) -> None:
        self.cores[side].send(which, size)

    @rule(side=SIDE, which=NAME, size=st.integers(0, 120))
    def get_a_buffer(self, side: int, which: int, size: int) -> None:
        core = self.cores[side]
        if which in core.endpoints:
            with contextlib.suppress(IpcError):
                core.buffers.append((which, core.endpoints[which].get_tx_buffer(size)))

    @rule(side=SIDE, which=NAME, size=st.integers(0, 120), timeout=st.sampled_from([None, 0, 1000]))
    def wait_for_a_buffer(self, side: int, which: int, size: int, timeout: int | None) -> None:
        core = self.cores[side]
        if which in core.endpoints:
            with contextlib.suppress(IpcError):
                waiter = core.endpoints[which].wait_tx_buffer(
                    size,
                    lambda buffer: core.buffers.append((which, buffer)),
                    failed=lambda error: None,
                    timeout_ns=timeout,
                )
                core.waiters.append(waiter)

    @rule(side=SIDE, size=st.integers(0, 120), drop=st.booleans())
    def use_a_buffer(self, side: int, size: int, drop: bool) -> None:
        core = self.cores[side]
        if core.buffers and drop:
            which, buffer = core.buffers.pop()
            core.endpoints[which].drop_tx_buffer(buffer)
        elif core.buffers:
            core.send_buffer(0, size)

    @rule(side=SIDE, what=st.sampled_from(["hold_next", "raise_next", "answer_next"]))
    def the_next_callback(self, side: int, what: str) -> None:
        setattr(self.cores[side], what, True)

    @rule(side=SIDE)
    def release_a_held_message(self, side: int) -> None:
        held = self.cores[side].held
        if held:
            buffer, data = held.pop(0)
            assert buffer.read() == data, "overwritten while held"
            buffer.release()

    @rule(side=SIDE, count=st.integers(1, 4))
    def run_work(self, side: int, count: int) -> None:
        self.cores[side].run(count)

    @rule(side=SIDE, ns=st.integers(1, 2000))
    def time_passes(self, side: int, ns: int) -> None:
        with contextlib.suppress(PlannedError):
            self.cores[side].clock.advance(ns)

    @rule(side=SIDE, copies=st.sampled_from([0, 1, 1, 1, 2]))
    def a_signal_arrives_or_is_lost_or_doubled(self, side: int, copies: int) -> None:
        line = self.cores[side].into
        if line.travelling:
            line.travelling -= 1
            for _ in range(copies):
                line.arrive()

    @rule(side=SIDE)
    def a_spurious_signal_arrives(self, side: int) -> None:
        self.cores[side].into.arrive()

    @invariant()
    def held_messages_stay_as_they_are(self) -> None:
        for core in getattr(self, "cores", ()):
            for buffer, data in core.held:
                assert buffer.read() == data

    @invariant()
    def every_block_in_use_is_accounted_for(self) -> None:
        for core in getattr(self, "cores", ()):
            owned = sum(buffer.count for _, buffer in core.buffers)
            assert core.instance.blocks_in_use == owned + sum(core.instance._in_flight.values())

    def settle(self) -> None:
        for _ in range(10):
            for core in self.cores:
                core.into.travelling = 0
                core.into.arrive()
                core.run()
                with contextlib.suppress(PlannedError):
                    core.clock.advance(200_000)
                core.run()

    def finish(self) -> None:
        """Open what is not, let everything arrive, and look whether it all did."""
        for core in self.cores:
            for which in range(len(NAMES)):
                self.register(core.number, which)
        for core in self.cores:
            for waiter in core.waiters:
                waiter.cancel()
            while core.buffers:
                which, buffer = core.buffers.pop()
                core.endpoints[which].drop_tx_buffer(buffer)
        self.settle()
        for core in self.cores:
            while core.held:
                self.release_a_held_message(core.number)
            core.hold_next = False
        self.settle()

    def assert_all_arrived(self) -> None:
        for core in self.cores:
            lost = sum(len(channel.sent) - len(channel.received) for channel in core.channels)
            assert lost == core.peer.refused
            for channel in core.channels:
                assert set(channel.received) <= set(channel.sent)
