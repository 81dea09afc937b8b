"""The same operations on links of the backend and of the peer in ``zephyr_peer.py``: nothing may differ.

    python tests/ipc/differential.py --operations 1000000 --seed 0

A link is two sides over one buffer. One link consists of two such peers and is the reference; in the others the
backend takes the place of one or both of them. After every operation the memories, the states and everything that
happened must be equal.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from zephyr_peer import Peer

from icmsg.config import InstanceConfig, Region
from icmsg.errors import IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = 0x2007_0000
SESSIONS = ("enable", "detect")
MODES = ("v1", "disable", *SESSIONS)

Event = tuple[str, bytes]


class Side(Protocol):
    """What an operation does to a side, and what it shows."""

    events: list[Event]
    reopens: bool

    @property
    def state(self) -> int: ...

    def open(self) -> int: ...

    def close(self) -> int: ...

    def die(self) -> None: ...

    def send(self, data: bytes) -> int: ...


@dataclass(frozen=True)
class Setting:
    """How both sides are configured; ``own`` tells which of them are the backend."""

    modes: tuple[str, str]
    alignment: int = 8
    size: int = 128
    fill: int = 0
    latch: bool = True
    reopens: bool = True
    session_ids: tuple[int, int] = (0, 0)

    @property
    def knows_sessions(self) -> bool:
        """Whether both do, so that one of them may restart alone (protocol §2.3)."""
        return all(mode in SESSIONS for mode in self.modes)

    @property
    def binds(self) -> bool:
        """The matrix of protocol §3.6."""
        return self.modes.count("enable") != 1 or self.knows_sessions


class PeerSide(Peer):
    """The peer, joined to mailbox and clock."""

    def __init__(self, link: Link, number: int) -> None:
        setting, mailbox = link.setting, link.mailboxes[number]
        regions = 0, setting.size
        super().__init__(
            link.memory, regions[number], regions[1 - number], setting.size, setting.alignment, setting.modes[number],
            ring=lambda: mailbox.ring(number),
            listen=lambda on: mailbox.enable(1 - number) if on else mailbox.disable(1 - number),
            queue=link.clock.call_soon,
            later=link.clock.call_later,
        )  # fmt: skip
        self.reopens = setting.reopens
        self.on_unbound = self._left
        mailbox.on_signal = lambda channel: (mailbox.acknowledge(channel), self.rang())

    def _left(self) -> None:
        if self.reopens:
            self.open()


class OwnSide:
    """The backend."""

    def __init__(self, link: Link, number: int) -> None:
        setting, mailbox = link.setting, link.mailboxes[number]
        regions = Region(BASE, setting.size), Region(BASE + setting.size, setting.size)
        mode = setting.modes[number]
        self.events: list[Event] = []
        self.reopens = setting.reopens
        self.instance = IcmsgInstance(
            MemoryBus(link.memory, base=BASE),
            mailbox,
            link.clock,
            InstanceConfig(
                regions[number],
                regions[1 - number],
                tx_channel=number,
                rx_channel=1 - number,
                dcache_alignment=setting.alignment,
                unbound="disable" if mode == "v1" else mode,  # type: ignore[arg-type]
                signalling="repeat" if mode == "v1" else "ring-back",
            ),
            observer=self._observe,
        )
        mailbox.on_signal = InterruptHandler(mailbox, self.instance).handle

    def _observe(self, kind: str, detail: object) -> None:
        if kind in ("ring", "bound", "unbound"):
            self.events.append((kind, b""))
        elif kind == "received":
            assert isinstance(detail, bytes)
            self.events.append((kind, detail))
        elif kind == "error":
            raise AssertionError(f"two sides that keep to the protocol, but: {detail}")

    @property
    def state(self) -> int:
        return self.instance.state.value

    def open(self) -> int:
        try:
            self.instance.register_endpoint(EndpointConfig(unbound=self._left))
        except IpcError as error:
            return -error.errno
        return 0

    def _left(self) -> None:
        if self.reopens:
            self.open()

    def close(self) -> int:
        try:
            self.instance.deregister_endpoint()
        except IpcError as error:
            return -error.errno
        return 0

    def die(self) -> None:
        self.instance.reset()

    def send(self, data: bytes) -> int:
        try:
            return self.instance.send(data)
        except IpcError as error:
            return -error.errno


class Link:
    """Two sides; ``own`` tells which of them are the backend."""

    def __init__(self, setting: Setting, own: tuple[bool, bool]) -> None:
        self.setting = setting
        self.clock = VirtualClock()
        self.mailboxes: tuple[MemoryMailbox, MemoryMailbox] = mailbox_pair(latch=setting.latch)
        self.memory = bytearray()
        self.clean()
        self.memory = bytearray(self.memory)
        self.sides: list[Side] = [(OwnSide if own[number] else PeerSide)(self, number) for number in (0, 1)]

    def clean(self) -> None:
        """Give the memory its first contents, as a boot loader does."""
        size, sids = self.setting.size, self.setting.session_ids
        content = bytes([self.setting.fill]) * (2 * size)
        if self.setting.knows_sessions:
            for number in (0, 1):
                at = number * size + 4
                content = content[:at] + sids[number].to_bytes(4, "little") + content[at + 4 :]
        self.memory[:] = content

    def start_anew(self) -> tuple[int, int]:
        """Reset the SoC: what a link without sessions needs when one side restarts."""
        for side in self.sides:
            side.die()
        self.clean()
        return self.sides[0].open(), self.sides[1].open()

    def shown(self) -> tuple[object, ...]:
        """Return everything that must be equal, and forget the events."""
        events = tuple(tuple(side.events) for side in self.sides)
        for side in self.sides:
            side.events.clear()
        return bytes(self.memory), events, tuple(side.state for side in self.sides), self.clock.now_ns()


def operations(rng: random.Random, setting: Setting) -> Iterator[tuple[str, int, bytes | int]]:
    """Yield (what, side, argument) without end; the same for every link."""
    alone = ("open", "close", "restart") if setting.knows_sessions else ("anew",)
    again = [number for number in (0, 1) if setting.modes[number] not in SESSIONS]  # refused
    often = ("send",) * 10 + ("one",) * 10 + ("pending",) * 4 + ("time", "spurious", "lost")
    while True:
        what = rng.choice(often) if rng.random() < 0.97 else rng.choice(alone)
        argument: bytes | int = rng.randrange(1, 2_000_000)
        if what == "send":
            longest = rng.choice((4, 20, setting.size))
            argument = rng.randbytes(rng.randrange(longest + 1))
        if again and rng.random() < 0.01:
            yield "open", rng.choice(again), 0
        yield what, rng.randrange(2), argument


def perform(link: Link, what: str, number: int, argument: bytes | int) -> object:
    """Do one operation and return its result."""
    side, mailbox, clock = link.sides[number], link.mailboxes[number], link.clock
    if what == "send":
        assert isinstance(argument, bytes)
        return side.send(argument)
    assert isinstance(argument, int)
    if what == "restart":
        side.die()
    actions = {
        "open": side.open,
        "restart": side.open,
        "close": side.close,
        "anew": link.start_anew,
        "one": clock.run_one,
        "pending": clock.run_pending,
        "time": lambda: clock.advance(argument),
        "spurious": lambda: mailbox.spurious(1 - number),
        "lost": mailbox.drop_next,
    }
    return actions[what]()


def compare(setting: Setting, count: int, seed: int) -> dict[str, int]:
    """Do ``count`` operations on every kind of link; return how often what happened in the reference."""
    kinds = {"C C": (False, False), "C own": (False, True), "own C": (True, False), "own own": (True, True)}
    links = {name: Link(setting, own) for name, own in kinds.items()}
    happened = {"bound": 0, "unbound": 0, "received": 0, "ring": 0}
    for link in links.values():
        link.start_anew()
    done: list[object] = []
    for operation in itertools.islice(operations(random.Random(seed), setting), count):
        done.append(operation)
        seen = {name: (perform(link, *operation), *link.shown()) for name, link in links.items()}
        reference = seen["C C"]
        for name, other in seen.items():
            assert other == reference, (
                f"{setting}, seed {seed}: {name} after {len(done)} operations: {done[-5:]}\n{reference}\n{other}"
            )
        for events in reference[2]:
            for kind, _ in events:
                happened[kind] += 1
    return happened


def settings(rng: random.Random) -> Iterator[Setting]:
    """Yield settings without end: every pair of modes, with either mailbox, and the rest by chance."""
    while True:
        for modes, latch in itertools.product(itertools.product(MODES, repeat=2), (True, False)):
            yield Setting(
                modes,
                alignment=rng.choice((8, 16, 32)),
                size=rng.choice((96, 128, 160)),
                fill=rng.choice((0, 0xFF, 0xA5)) if all(mode in SESSIONS for mode in modes) else 0,
                latch=latch,
                reopens=rng.random() < 0.6,
                session_ids=(rng.choice((0, 0xFFFC, 0xFFFF)), rng.choice((0, 0xFFFD, 7))),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the backend with a peer written from the protocol.")
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    each = 5_000
    total: dict[str, int] = {}
    rng = random.Random(options.seed)
    for number, setting in enumerate(itertools.islice(settings(rng), -(-options.operations // each))):
        for kind, count in compare(setting, each, options.seed + number).items():
            total[kind] = total.get(kind, 0) + count
    rounds = -(-options.operations // each)
    sys.stdout.write(
        f"{rounds * each} operations in {rounds} settings, no difference; in the reference: {total}\n"
    )


if __name__ == "__main__":
    main()
