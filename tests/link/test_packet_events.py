"""The packets of a followed link: what was sent is in the event stream, in order, none lost, none invented."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import stub
from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import IpcError
from icmsg.ipc import MAGIC, Happened
from icmsg.link.link import FollowedLink, Link, follow_link
from icmsg.link.played_instance import Peer
from icmsg.link.preconditions import StubFirmware
from icmsg.machine.boot import start_firmware
from icmsg.machine.events import Event, EventKind, Packets, RegionChange, RegionChanged
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SMALL = replace(APP, tx_region=Region(0x2007_0000, 0x80), rx_region=Region(0x2007_0100, 0x80))
SESSIONS = replace(SMALL, unbound="enable", dcache_alignment=8)
SPSC = replace(SMALL, wire="spsc_pbuf", signalling="repeat", dcache_alignment=0)
MAILBOX = {"app": "ipcapp", "net": "ipcnet"}
OTHER = {"app": "net", "net": "app"}


class Echo(Peer):
    """A peer that sends back what it gets."""

    def take(self, data: bytes) -> None:
        self.send(data)


class Followed:
    """A machine whose link is followed, what came into its stream, and what Python-played cores say they did."""

    def __init__(self, config: InstanceConfig = SMALL, **options: Any) -> None:
        self.machine = EmbeddedMachine(**options)
        self.config = config
        self.link: FollowedLink = follow_link(self.machine, Link.of("app", "net", config))
        self.events: list[Event] = []
        kinds = (EventKind.PACKETS, EventKind.REGION, EventKind.SESSION)
        self.machine.events.add_sink(self.events.append, kinds)
        self.sent: dict[str, list[bytes]] = {"app": [], "net": []}
        self.received: dict[str, list[bytes]] = {"app": [], "net": []}
        self.peers: dict[str, Peer] = {}

    def __enter__(self) -> Followed:
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()

    def play(self, name: str, kind: type[Peer] = Peer) -> Peer:
        def observe(kind: str, detail: object) -> None:
            if isinstance(detail, bytes) and kind in (Happened.SENT, Happened.RECEIVED):
                (self.sent if kind == Happened.SENT else self.received)[name].append(detail)

        config = self.config if name == "app" else self.config.mirrored()
        self.peers[name] = kind(self.machine, self.machine.core(name), config, observer=observe)
        return self.peers[name]

    def boot(self, **firmware: str) -> None:
        for name, program in firmware.items():
            self.machine.core(name).load(stub(program, name))
        start_firmware(self.machine, list(firmware))

    def news(self, name: str) -> list[Packets | RegionChanged]:
        index = self.machine.core(name).index
        found = [event.news for event in self.events if event.core == index]
        return [news for news in found if isinstance(news, Packets | RegionChanged)]

    def packets(self, name: str) -> list[bytes]:
        """Return the messages that a core has put into its region, without the magic."""
        found = [news for news in self.news(name) if isinstance(news, Packets)]
        return [payload for news in found for payload in news.payloads[news.opens :]]

    def changes(self) -> list[RegionChanged]:
        return [event.news for event in self.events if isinstance(event.news, RegionChanged)]

    def check(self) -> None:
        """Nothing is lost or invented, and every packet lies behind the one before it."""
        for name in self.peers:
            assert self.packets(name) == self.sent[name]
            got = self.received[OTHER[name]]
            assert _is_subsequence(got, self.sent[name])
        for name in ("app", "net"):
            at = 0
            for news in self.news(name):
                if isinstance(news, Packets):
                    assert news.start in (at, 0)
                    assert news.region.writer == name
                    assert news.region.reader == OTHER[name]
                    at = news.end
                else:
                    assert news.change is RegionChange.BEGUN_ANEW
                    at = 0


def _is_subsequence(part: Sequence[bytes], whole: Sequence[bytes]) -> bool:
    rest = iter(whole)
    return all(one in rest for one in part)


sides = st.sampled_from(["app", "net"])
actions = st.one_of(
    st.tuples(st.just("send"), sides, st.binary(min_size=1, max_size=24)),
    st.tuples(st.just("drop"), sides, st.integers(1, 2)),
    st.tuples(st.just("run"), sides, st.integers(0, 3)),
    st.tuples(st.just("look"), sides, st.just(0)),
    st.tuples(st.just("ring"), sides, st.just(0)),
    st.tuples(st.just("restart"), sides, st.just(0)),
)


@settings(deadline=None, max_examples=examples(25))
@given(script=st.lists(actions, max_size=40), config=st.sampled_from([SMALL, SESSIONS, SPSC]))
def test_python_with_python_over_restarts_and_lost_doorbells(
    script: list[tuple[str, str, Any]], config: InstanceConfig
) -> None:
    with Followed(config) as followed:
        _perform(followed, script)
        followed.link.look()
        followed.check()


def _perform(followed: Followed, script: list[tuple[str, str, Any]]) -> None:
    machine = followed.machine
    for name in ("app", "net"):
        followed.play(name)
    machine.run_for(MS)
    for action, name, value in script:
        peer = followed.peers[name]
        if action == "send" and peer.is_bound:
            try:
                peer.send(value)
            except IpcError:
                machine.run_for(10 * US)  # no room yet
        elif action == "drop":
            machine.models[MAILBOX[OTHER[name]]].drop_next = value  # type: ignore[attr-defined]
        elif action == "run":
            machine.run_for(value * US)
        elif action == "look":
            followed.link.look()
        elif action == "ring":
            peer.played.mailbox.ring(peer.config.tx_channel)
        elif action == "restart":
            _restart(followed, name)
    machine.run_for(MS)


def _restart(followed: Followed, name: str) -> None:
    """Reset one core, or both where a link without sessions would not survive it, and play them again."""
    followed.link.look()  # as whoever runs the machine does after every slice
    names = [name] if followed.config.unbound == "enable" else ["app", "net"]
    for core in names:
        followed.peers[core].instance.reset()
        followed.machine.core(core).reset()
    for core in names:
        followed.play(core)
    followed.machine.run_for(100 * US)


@settings(deadline=None, max_examples=6)
@given(script=st.lists(actions, max_size=25), config=st.sampled_from([SMALL, SESSIONS, SPSC]))
def test_two_runs_give_the_same_stream_and_following_leaves_the_hash_as_it_is(
    script: list[tuple[str, str, Any]], config: InstanceConfig
) -> None:
    streams, hashes = [], []
    for follows in (True, True, False):
        with Followed(config) as followed:
            if not follows:
                followed.link.stop()
            _perform(followed, script)
            streams.append([_comparable(event) for event in followed.events])
            hashes.append((followed.machine.events.count, followed.machine.trace_sha256()))
    assert streams[0] == streams[1]
    assert streams[2] == []
    assert len(set(hashes)) == 1


def _comparable(event: Event) -> tuple[object, ...]:
    news = event.news
    if isinstance(news, RegionChanged):
        return (*event[:5], news.region, news.change, news.problem, str(news.error))
    return tuple(event)


def _machine_runs(step_ns: int | None, window: int, played: str | None) -> list[Event]:
    """Run initiator and echo, or one of them with Python, in steps of some length; None: in one step."""
    with Followed(APP) as followed:
        programs = {"app": "initiator", "net": "echo"}
        followed.boot(**{name: program for name, program in programs.items() if name != played})
        if played != "app":
            core = followed.machine.core("app")
            assert core.image is not None
            StubFirmware(core.image, core.bus).set_work(
                messages=30, size_min=1, size_max=60, seed=3, window=window
            )
        if played is not None:
            followed.play(played, Echo)
        total_ns = 3 * MS
        for _ in range(total_ns // (step_ns or total_ns)):
            followed.machine.run_for(step_ns or total_ns)
        return followed.events


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize("played", [None, "net"])
def test_the_step_makes_no_difference_and_two_runs_none(window: int, played: str | None) -> None:
    whole = _machine_runs(None, window, played)
    assert len(whole) > 10
    assert [_comparable(event) for event in whole] == [
        _comparable(event) for event in _machine_runs(None, window, played)
    ]
    for step_ns in (3 * US, 100 * US):
        steps = _machine_runs(step_ns, window, played)
        assert [_comparable(event) for event in steps] == [_comparable(event) for event in whole]


def _payloads(messages: int, size_min: int, size_max: int, seed: int) -> Iterator[bytes]:
    """Yield what the stub ``initiator`` sends, as firmware_stubs/README.md says."""
    mask = 0xFFFFFFFF

    def step(x: int) -> int:
        x ^= x << 13 & mask
        x ^= x >> 17
        return x ^ x << 5 & mask

    for number in range(messages):
        x = step((seed + number * 0x9E3779B9 & mask) or 0x6D2B79F5)
        size = size_min + (x * (size_max - size_min + 1) >> 32)
        words = []
        for _ in range(-(-size // 4)):
            x = step(x)
            words.append(x.to_bytes(4, "little"))
        yield b"".join(words)[:size]


@settings(deadline=None, max_examples=8)
@given(
    window=st.sampled_from([1, 8]),
    variant=st.sampled_from(["", "-enable"]),
    most=st.integers(1, 80),
    seed=st.integers(0, 1000),
    restarts=st.integers(0, 2),
)
def test_firmware_with_firmware_over_restarts(
    window: int, variant: str, most: int, seed: int, restarts: int
) -> None:
    config = APP if not variant else replace(APP, unbound="enable", dcache_alignment=8)
    count = 60
    expected = list(_payloads(count, 1, most, seed))
    with Followed(config) as followed:
        machine = followed.machine
        followed.boot(app=f"initiator{variant}", net=f"echo{variant}")
        core = machine.core("app")
        assert core.image is not None
        StubFirmware(core.image, core.bus).set_work(
            messages=count, size_min=1, size_max=most, seed=seed, window=window
        )
        for life in range(restarts + 1):
            if life:
                followed.link.look()
                for name in ("app", "net"):
                    machine.core(name).reset()
                if not variant:  # without sessions an earlier life's words may be taken for the other side's
                    for region in (config.tx_region, config.rx_region):
                        core.bus.write_block(region.address, bytes(region.size))
            followed.events.clear()
            last = life == restarts

            def satisfied(goal: int = count if last else 10) -> bool:
                followed.link.look()
                return len(followed.packets("net")) >= goal

            machine.run_until(satisfied, timeout_ns=100 * MS)
            for name in ("app", "net"):
                seen = followed.packets(name)
                assert seen == expected[: len(seen)]
        assert followed.packets("app") == followed.packets("net") == expected
        assert {change.change for change in followed.changes()} <= {RegionChange.BEGUN_ANEW}
        assert followed.link.is_bound


class WithFirmware(Followed):
    """Python on core app with firmware on core net that echoes; somebody looks after every slice."""

    def __init__(self) -> None:
        super().__init__(replace(APP, unbound="enable", dcache_alignment=8))
        self.boot(net="echo-enable")
        self.app = self.play("app")
        self.settle()

    def let_pass(self, ns: int) -> None:
        until = self.machine.now_ns + ns
        while self.machine.now_ns < until:
            self.machine.run_for(min(20 * US, until - self.machine.now_ns))
            self.link.look()

    def settle(self) -> None:
        """Ring until all echoes are there, since a doorbell of Python may have been lost; the firmware may lose one."""
        for _ in range(50):
            self.app.played.mailbox.ring(self.config.tx_channel)
            self.app.instance.mailbox_rang()
            self.let_pass(100 * US)
            if self.app.is_bound and len(self.received["app"]) == len(self.sent["app"]):
                return
        raise AssertionError("the link does not come back")

    def restart(self) -> None:
        self.settle()
        self.machine.core("net").reset()
        self.let_pass(2 * MS)
        self.app.instance.mailbox_rang()  # the doorbell that tells of the new session may be lost
        self.let_pass(100 * US)
        if not self.app.is_bound:
            self.app.reopen()
        self.settle()

    def perform(self, action: str, value: Any, window: int) -> None:
        if action == "send" and self.app.is_bound:
            for _ in range(window):
                self.app.send(value)
        elif action == "lose":
            self.machine.models[MAILBOX[OTHER[value]]].drop_next = 1  # type: ignore[attr-defined]
        elif action == "run":
            self.let_pass(value * US)
        elif action == "restart":
            self.restart()


@settings(deadline=None, max_examples=8)
@given(
    script=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.binary(min_size=1, max_size=40)),
            st.tuples(st.just("lose"), sides),
            st.tuples(st.just("restart"), st.just("net")),
            st.tuples(st.just("run"), st.integers(0, 40)),
        ),
        max_size=25,
    ),
    window=st.sampled_from([1, 8]),
)
@example(script=[("lose", "app"), ("restart", "net")], window=1)
def test_python_with_firmware_over_restarts_and_lost_doorbells(
    script: list[tuple[str, Any]], window: int
) -> None:
    """The firmware echoes: what it puts into its region is what Python has put into its own, in this order."""
    with WithFirmware() as followed:
        for action, value in script:
            followed.perform(action, value, window)
        followed.settle()
        followed.check()
        assert followed.packets("net") == followed.packets("app") == followed.received["app"]


def test_a_packet_comes_just_before_its_doorbell_in_every_sink() -> None:
    with Followed() as followed:
        order: list[EventKind] = []
        followed.machine.events.add_sink(
            lambda event: order.append(event.kind), (EventKind.DOORBELL, EventKind.PACKETS)
        )
        app, _ = followed.play("app"), followed.play("net")
        followed.machine.run_for(MS)
        order.clear()
        before = followed.machine.now_ns
        app.send(b"hello")
        assert order == [EventKind.PACKETS, EventKind.DOORBELL]
        event = followed.events[-1]
        assert event[:5] == (before, EventKind.PACKETS, app.core.index, 1, len(MAGIC) + 7 & ~3)
        packets = event.news
        assert isinstance(packets, Packets)
        assert (packets.payloads, packets.start, packets.end) == ([b"hello"], 20, 32)
        assert packets.region.instance == SMALL.name


def test_a_lost_doorbell_brings_its_packet_and_without_one_it_comes_with_the_next_look() -> None:
    with Followed() as followed:
        app, _ = followed.play("app"), followed.play("net")
        followed.machine.run_for(MS)
        followed.machine.models["ipcnet"].drop_next = 1  # type: ignore[attr-defined]
        app.send(b"rung, but lost")
        assert followed.packets("app") == [b"rung, but lost"]
        bus = app.core.bus
        at = bus.read32(0x2007_0004)
        bus.write_block(0x2007_0008 + at, b"\0\3\0\0abc\0")
        bus.write32(0x2007_0004, at + 8)
        followed.machine.run_for(MS)
        assert followed.packets("app") == [b"rung, but lost"]
        followed.link.look()
        followed.link.look()
        assert followed.packets("app") == [b"rung, but lost", b"abc"]


def test_two_who_follow_one_region_get_each_packet_once_and_the_last_one_ends_it() -> None:
    with Followed() as followed:
        app, _ = followed.play("app"), followed.play("net")
        followed.machine.run_for(MS)
        again = follow_link(followed.machine, Link.of("net", "app", SMALL.mirrored()))
        app.send(b"one")
        followed.link.stop()
        app.send(b"two")
        again.stop()
        app.send(b"three")
        assert followed.packets("app") == [b"one", b"two"]
        assert not followed.machine.events.wants(EventKind.CORE_STARTED)
        later = follow_link(followed.machine, Link.of("app", "net", SMALL))
        app.send(b"four")
        later.stop()
        assert followed.packets("app") == [b"one", b"two", b"four"], "from then on, and not what was before"


@pytest.mark.parametrize(
    ("damage", "change", "words"),
    [
        (lambda bus: bus.write32(0x2007_0004, 0x7FFC), RegionChange.BAD_INDEX, "wr_idx 0x00007FFC is beyond"),
        (lambda bus: bus.write32(0x2007_0004, 28), RegionChange.BROKEN, "index 20 announces 0 bytes"),
    ],
    ids=["index", "packet"],
)
def test_what_is_broken_is_told_once_with_the_error_of_a_reader(
    damage: Callable[[Any], None], change: RegionChange, words: str
) -> None:
    with Followed() as followed:
        app, _ = followed.play("app"), followed.play("net")
        followed.machine.run_for(MS)
        damage(app.core.bus)
        for _ in range(3):
            app.played.mailbox.ring(0)
        (found,) = followed.changes()
        assert found.change is change
        assert words in str(found)
        assert found.error is not None


def test_magic_of_an_earlier_bonding_is_no_sign_of_a_new_one_where_a_packet_is_broken() -> None:
    with Followed() as followed:
        app, _ = followed.play("app"), followed.play("net")
        followed.machine.run_for(MS)
        app.send(b"good")
        followed.machine.run_for(MS)
        app.core.bus.write32(0x2007_0004, 36)
        app.played.mailbox.ring(0)
        assert [change.change for change in followed.changes()] == [RegionChange.BROKEN]
        assert followed.packets("app") == [b"good"], "not told again"
