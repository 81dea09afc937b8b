"""Two backends under an adversarial scheduler: lost, doubled and spurious rings, restarts at any point.

Each side has its own clock, so that its work runs whenever the scheduler likes. Every message names the life and
the session of its sender and a number, so that the receiver can tell what was invented, doubled or misplaced.
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from looped import examples

from icmsg.config import InstanceConfig, Region
from icmsg.errors import IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import EndpointConfig, IcmsgInstance, State, VirtualClock

BASE = 0x1000
SIZE = 96
MESSAGE = struct.Struct("<HHH")
SIDE = st.integers(0, 1)


class Line:
    """A mailbox channel whose signals travel until the scheduler decides about them."""

    def __init__(self, *, latch: bool) -> None:
        self.latch = latch
        self.travelling = 0
        self.latched = False
        self.enabled = False
        self.owner: Core | None = None

    def arrive(self) -> None:
        if not self.enabled:
            self.latched = self.latch
        elif self.owner is not None:
            self.owner.instance.mailbox_rang()


class Ends:
    """One core's mailbox: rings one line, listens to the other."""

    def __init__(self, out: Line, into: Line) -> None:
        self.out = out
        self.into = into

    def ring(self, _channel: int) -> None:
        self.out.travelling += 1

    def enable(self, _channel: int) -> None:
        self.into.enabled = True
        if self.into.latched:
            self.into.latched = False
            self.into.arrive()

    def disable(self, _channel: int) -> None:
        self.into.enabled = False

    def is_enabled(self, _channel: int) -> bool:
        return self.into.enabled


@dataclass
class Core:
    """One side, what it has sent in its session, and what it may still receive."""

    bus: MemoryBus
    mailbox: Ends
    config: InstanceConfig
    reopens_itself: bool
    clock: VirtualClock = field(default_factory=VirtualClock)
    life: int = 0
    session: int = 0
    sent: int = 0
    bound: bool = False
    latest: tuple[int, int] = (0, 0)
    expected: int = 0

    def start(self) -> None:
        """Reset the core and open."""
        if self.life:
            self.instance.reset()
        self.life += 1
        self.bound = False
        self.session = 0
        self.clock = VirtualClock()
        self.instance = IcmsgInstance(self.bus, self.mailbox, self.clock, self.config)
        self.open()

    def open(self) -> None:
        self.bound = False
        self.instance.register_endpoint(
            EndpointConfig(
                bound=self._on_bound,
                unbound=self._on_unbound,
                received=self._on_received,
                error=self._on_error,
            )
        )

    def _on_bound(self) -> None:
        assert not self.bound, "bound twice"
        self.bound = True
        self.session += 1
        self.sent = 0

    def _on_unbound(self) -> None:
        assert self.bound, "unbound without bound"
        self.bound = False
        if self.reopens_itself:
            self.open()

    def _on_received(self, data: bytes) -> None:
        assert self.bound, "a message outside a session"
        life, session, number = MESSAGE.unpack(data[: MESSAGE.size])
        assert data[MESSAGE.size :] == bytes([number & 0xFF]) * (len(data) - MESSAGE.size)
        if (life, session) != self.latest:
            assert (life, session) > self.latest, "a message of an earlier session"
            self.latest, self.expected = (life, session), 0
        assert number == self.expected, "lost, doubled or reordered"
        self.expected += 1

    def _on_error(self, error: Exception) -> None:
        raise AssertionError(f"two correct sides, but: {error}")

    def send(self, size: int) -> None:
        data = MESSAGE.pack(self.life, self.session, self.sent) + bytes([self.sent & 0xFF]) * size
        dropped = self.instance.state is State.DISCONNECTED
        with contextlib.suppress(IpcError):
            self.instance.send(data)
            self.sent += not dropped


class Adversary(RuleBasedStateMachine):
    """Schedules work and signals of two ``cores`` as it likes."""

    cores: list[Core]

    @rule(side=SIDE, size=st.integers(0, 60))
    def send(self, side: int, size: int) -> None:
        self.cores[side].send(size)

    @rule(side=SIDE, count=st.integers(1, 4))
    def run_work(self, side: int, count: int) -> None:
        for _ in range(count):
            self.cores[side].clock.run_one()

    @rule(side=SIDE, copies=st.sampled_from([0, 1, 1, 1, 2]))
    def a_signal_arrives_or_is_lost_or_doubled(self, side: int, copies: int) -> None:
        line = self.cores[side].mailbox.into
        if line.travelling:
            line.travelling -= 1
            for _ in range(copies):
                line.arrive()

    @rule(side=SIDE)
    def a_spurious_signal_arrives(self, side: int) -> None:
        self.cores[side].mailbox.into.arrive()


class SessionMachine(Adversary):
    @initialize(
        modes=st.tuples(*[st.sampled_from(["enable", "detect"])] * 2),
        latch=st.booleans(),
        fill=st.sampled_from([0, 0xFF, 0xA5]),
        reopens=st.tuples(st.booleans(), st.booleans()),
        sids=st.tuples(*[st.sampled_from([None, 0xFFFD, 0xFFFF, 7])] * 2),
    )
    def build(
        self,
        modes: tuple[str, str],
        latch: bool,
        fill: int,
        reopens: tuple[bool, bool],
        sids: tuple[int | None, ...],
    ) -> None:
        self.memory = bytearray([fill]) * (2 * SIZE)
        bus = MemoryBus(self.memory, base=BASE)
        for region, sid in zip((BASE, BASE + SIZE), sids, strict=True):
            if sid is not None:
                bus.write32(region + 4, sid)
        lines = Line(latch=latch), Line(latch=latch)
        self.cores = []
        for number, mode in enumerate(modes):
            config = InstanceConfig(
                Region(BASE, SIZE), Region(BASE + SIZE, SIZE), dcache_alignment=8, unbound=mode
            )
            core = Core(
                bus,
                Ends(lines[1 - number], lines[number]),
                config if number == 0 else config.mirrored(),
                reopens[number],
            )
            lines[number].owner = core
            self.cores.append(core)
            core.start()

    @rule(side=SIDE)
    def a_core_restarts(self, side: int) -> None:
        self.cores[side].start()

    @rule(side=SIDE)
    def the_endpoint_is_registered_again(self, side: int) -> None:
        self.cores[side].open()

    @rule(side=SIDE)
    def the_endpoint_is_deregistered(self, side: int) -> None:
        core = self.cores[side]
        core.instance.deregister_endpoint()
        core.bound = False

    @rule()
    def everything_arrives(self) -> None:
        """Whatever happened, both bind, and then nothing of the session is lost."""
        self._settle()
        for core in self.cores:
            core.send(3)
        self._settle()
        for core, peer in (self.cores, self.cores[::-1]):
            assert core.instance.state is State.CONNECTED_SID_ENABLED
            assert core.instance.session_ids == peer.instance.session_ids[::-1]
            assert peer.latest == (core.life, core.session)
            assert peer.expected == core.sent

    def _settle(self) -> None:
        for _ in range(8):
            for core in self.cores:
                if core.instance.state in (State.OFF, State.DISCONNECTED):
                    core.open()
                core.mailbox.into.travelling = 0
                core.mailbox.into.arrive()
                core.clock.settle()

    @invariant()
    def session_ids_are_16_bits_and_zero_only_when_there_is_none(self) -> None:
        for core in getattr(self, "cores", ()):
            local, remote = core.instance.session_ids
            assert 0 <= local <= 0xFFFF
            assert 0 <= remote <= 0xFFFF
            assert (local == 0) == (core.instance.state is State.OFF)
            assert core.bound == core.instance.is_bound

    def teardown(self) -> None:
        if hasattr(self, "cores"):
            self.everything_arrives()


TestSessions = pytest.mark.slow(SessionMachine.TestCase)
TestSessions.settings = settings(
    max_examples=examples(120),
    stateful_step_count=80,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class MagicMachine(Adversary):
    """Without sessions the same holds from one reset of the whole SoC to the next (protocol §2.3)."""

    MODES = st.sampled_from(["repeat", "ring-back", "detect"])

    @initialize(modes=st.tuples(MODES, MODES), latch=st.booleans())
    def build(self, modes: tuple[str, str], latch: bool) -> None:
        if modes == ("detect", "detect"):
            modes = ("detect", "ring-back")  # two of them would start sessions
        self.bus = MemoryBus(bytearray(2 * SIZE), base=BASE)
        lines = Line(latch=latch), Line(latch=latch)
        self.cores = []
        for number, mode in enumerate(modes):
            config = InstanceConfig(
                Region((BASE, BASE + SIZE)[number], SIZE),
                Region((BASE + SIZE, BASE)[number], SIZE),
                dcache_alignment=8,
                unbound="detect" if mode == "detect" else "disable",
                signalling="repeat" if mode == "repeat" else "ring-back",
            )
            core = Core(self.bus, Ends(lines[1 - number], lines[number]), config, reopens_itself=False)
            lines[number].owner = core
            self.cores.append(core)
        self.the_soc_is_reset()

    @rule(side=SIDE, ms=st.integers(1, 3))
    def time_passes(self, side: int, ms: int) -> None:
        self.cores[side].clock.advance(1_000_000 * ms)

    @rule()
    def the_soc_is_reset(self) -> None:
        for core in self.cores:
            if core.life:
                core.instance.reset()
            core.mailbox.into.travelling = 0
            core.mailbox.into.latched = False
        self.bus.write_block(BASE, bytes(2 * SIZE))
        for core in self.cores:
            core.start()

    @rule()
    def everything_arrives(self) -> None:
        """Whatever happened, both bind, and nothing is lost."""
        self._settle()
        for core in self.cores:
            core.send(3)
        self._settle()
        for core, peer in (self.cores, self.cores[::-1]):
            assert core.instance.is_bound
            assert peer.latest == (core.life, 1)
            assert peer.expected == core.sent

    def _settle(self) -> None:
        for _ in range(6):
            for core in self.cores:
                core.mailbox.into.travelling = 0
                core.mailbox.into.arrive()
                core.clock.advance(2_000_000)

    def teardown(self) -> None:
        if hasattr(self, "cores"):
            self.everything_arrives()


TestMagic = pytest.mark.slow(MagicMachine.TestCase)
TestMagic.settings = TestSessions.settings
