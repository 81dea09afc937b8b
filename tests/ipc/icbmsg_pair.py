"""Two ICBMsg instances over one buffer, each with its own clock, so that a test says who runs when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from icmsg.config import IcbmsgConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import (
    AtEndpoint,
    EndpointConfig,
    Happened,
    IcbmsgEndpoint,
    InterruptHandler,
    RxBuffer,
    TxBuffer,
    VirtualClock,
    backend_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.errors import IcmsgError
    from icmsg.ipc import Detail

A_TX = Region(0x2007_8000, 0x800)
B_TX = Region(0x2007_0000, 0x800)
GUARD = 64
SMALL: dict[str, Any] = {"a_tx": Region(0x2007_8000, 256), "b_tx": Region(0x2007_0000, 256)}
"""Regions in which a block of four takes 40 bytes (classic) or 52 (rework)."""


class PlannedError(Exception):
    """What an application's callback raises."""


def raising() -> None:
    raise PlannedError


class Side:
    """One core: its instance, its endpoints by slot, and everything that happened to it, in order."""

    def __init__(
        self, name: str, bus: MemoryBus, mailbox: MemoryMailbox, config: IcbmsgConfig, log: list[str]
    ) -> None:
        self.name = name
        self.bus = bus
        self.mailbox = mailbox
        self.config = config
        self.log = log
        self.clock = VirtualClock()
        self.errors: list[IcmsgError] = []
        self.received: dict[str, list[bytes]] = {}
        self.by_index: dict[int, IcbmsgEndpoint] = {}
        self.buffers: list[TxBuffer] = []
        self.held: list[RxBuffer] = []
        self.holds = False
        self.on: dict[str, Callable[[], None]] = {}
        self.interrupt = InterruptHandler(mailbox)
        mailbox.on_signal = self.interrupt.handle
        self.instance = self._new()
        self.interrupt.add(self.instance)

    def _new(self) -> Any:
        return backend_for(self.bus, self.mailbox, self.clock, self.config, observer=self._observe)

    def restart(self) -> None:
        """Reset the core: a new instance over the same memory."""
        self.instance.reset()
        self.by_index.clear()
        self.instance = self._new()
        self.interrupt.replace(self.instance)

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if kind is Happened.RING:
            self.log.append(f"{self.name} rings")
        elif isinstance(detail, AtEndpoint) and kind is Happened.RECEIVED:
            assert isinstance(detail.detail, bytes)
            self.received.setdefault(detail.endpoint, []).append(detail.detail)
            self.log.append(f"{self.name} received {detail.endpoint} {detail.detail.hex()}".rstrip())
        elif isinstance(detail, AtEndpoint) and kind in (Happened.BOUND, Happened.UNBOUND):
            self.log.append(f"{self.name} {kind} {detail.endpoint}")
        elif kind is Happened.ERROR:
            error: Any = detail.detail if isinstance(detail, AtEndpoint) else detail
            self.errors.append(error)

    def endpoint_config(self, name: str, prio: int = 0) -> EndpointConfig:
        return EndpointConfig(
            name,
            bound=lambda: self._call("bound"),
            received=lambda data: self._received(name),
            unbound=lambda: self._call("unbound"),
            prio=prio,
        )

    def _call(self, what: str) -> None:
        if what in self.on:
            self.on[what]()

    def _received(self, name: str) -> None:
        if self.holds:
            endpoint = next(each for each in self.by_index.values() if each.name == name)
            self.held.append(endpoint.hold_rx_buffer())
            self.log.append(f"{self.name} hold {len(self.held) - 1}")
        self._call("received")

    def register(self, name: str, prio: int = 0) -> IcbmsgEndpoint:
        endpoint: IcbmsgEndpoint = self.instance.register_endpoint(self.endpoint_config(name, prio))
        self.by_index[endpoint.index] = endpoint
        return endpoint

    def run(self) -> None:
        """Handle rings until idle."""
        self.clock.run_pending()

    def take_errors(self) -> list[IcmsgError]:
        errors, self.errors = self.errors, []
        return errors


class Pair:
    """Sides ``a`` (the initiator of the classic generations) and ``b``; options of one side are dictionaries."""

    def __init__(
        self,
        *,
        a_tx: Region = A_TX,
        b_tx: Region = B_TX,
        blocks: tuple[int, int] = (4, 4),
        fill: int = 0,
        latch: bool = True,
        a: dict[str, Any] | None = None,
        b: dict[str, Any] | None = None,
        side: type[Side] = Side,
        **both: Any,
    ) -> None:
        self.base = b_tx.address - GUARD
        self.memory = bytearray([fill]) * (a_tx.end - self.base + GUARD)
        self.a_tx, self.b_tx = a_tx, b_tx
        self.outside = [
            slice(0, GUARD),
            slice(b_tx.end - self.base, a_tx.address - self.base),
            slice(-GUARD, None),
        ]
        self.bus = MemoryBus(self.memory, base=self.base)
        self.config = config = IcbmsgConfig(a_tx, b_tx, *blocks, **both)
        ends = mailbox_pair(latch=latch)
        self.log: list[str] = []
        self.fill = fill
        self.a = side("a", self.bus, ends[0], replace(config, **(a or {})), self.log)
        self.b = side("b", self.bus, ends[1], replace(config.mirrored(), **(b or {})), self.log)

    def side(self, name: str) -> Side:
        return self.a if name == "a" else self.b

    @property
    def a_to_b(self) -> bytes:
        return bytes(self.memory[self.a_tx.address - self.base : self.a_tx.end - self.base])

    @property
    def b_to_a(self) -> bytes:
        return bytes(self.memory[self.b_tx.address - self.base : self.b_tx.end - self.base])

    def run(self) -> None:
        """Let both run until neither has anything to do."""
        while self.a.clock.run_pending() + self.b.clock.run_pending():
            pass

    def bind(self, *names: str) -> None:
        """Open both, register ``names`` at both, and forget what happened on the way."""
        self.a.instance.open()
        self.b.instance.open()
        self.run()
        for name in names or ("ep0",):
            self.a.register(name)
            self.b.register(name)
        self.run()
        assert self.a.instance.is_bound
        assert self.b.instance.is_bound
        assert not self.a.errors + self.b.errors
        self.log.clear()

    def take(self) -> list[str]:
        taken = list(self.log)
        self.log.clear()
        return taken

    def assert_guards(self) -> None:
        for part in self.outside:
            assert set(self.memory[part]) <= {self.fill}


def pair_of(**options: Any) -> Pair:
    """Return two sides with small regions, off."""
    return Pair(**(SMALL | options))


def bound(*names: str, **options: Any) -> Pair:
    """Return the same with ``names`` bound, or one endpoint."""
    pair = pair_of(**options)
    pair.bind(*names)
    return pair


def only_error(pair: Pair, side: str = "b") -> Any:
    """Return the one thing that ``side`` was told to be wrong."""
    errors = pair.side(side).take_errors()
    assert len(errors) == 1, errors
    return errors[0]
