"""Two instances over one buffer, joined by an in-memory mailbox, on one virtual clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from icmsg.config import InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import Endpoint, EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.errors import IcmsgError

BASE = 0x2007_0000
GUARD = 64


class Side:
    """One core: its instance, and everything that happened to it, in order."""

    def __init__(
        self, bus: MemoryBus, mailbox: MemoryMailbox, clock: VirtualClock, config: InstanceConfig
    ) -> None:
        self.bus = bus
        self.mailbox = mailbox
        self.clock = clock
        self.config = config
        self.events: list[tuple[str, Any]] = []
        self.endpoint: Endpoint | None = None
        self.on: dict[str, Callable[[], None]] = {}
        self.interrupt = InterruptHandler(mailbox)
        mailbox.on_signal = self.interrupt.handle
        self.restart()

    def restart(self) -> None:
        """Reset the core: a new instance over the same memory."""
        if hasattr(self, "instance"):
            self.instance.reset()
        self.instance = IcmsgInstance(self.bus, self.mailbox, self.clock, self.config, observer=self._observe)
        self.interrupt.replace(self.instance)

    def _observe(self, kind: str, detail: object) -> None:
        self.events.append((kind, detail))

    def open(self) -> None:
        self.endpoint = self.instance.register_endpoint(
            EndpointConfig(bound=self._callback("bound"), unbound=self._callback("unbound"))
        )

    def _callback(self, kind: str) -> Callable[[], None]:
        def call() -> None:
            if kind in self.on:
                self.on[kind]()

        return call

    def take(self, *kinds: str) -> list[Any]:
        """Return and forget the events of these kinds, as (kind, detail)."""
        taken = [event for event in self.events if event[0] in kinds]
        self.events = [event for event in self.events if event[0] not in kinds]
        return taken

    def details(self, kind: str) -> list[Any]:
        """Return and forget the details of all events of one kind."""
        return [detail for _, detail in self.take(kind)]

    def errors(self) -> list[IcmsgError]:
        return self.details("error")

    @property
    def received(self) -> list[bytes]:
        return [detail for kind, detail in self.events if kind == "received"]


class Pair:
    """Sides ``a`` and ``b``; ``a`` writes the lower region. Options of one side are given as dictionaries."""

    def __init__(
        self,
        size: int = 128,
        *,
        fill: int = 0,
        latch: bool = True,
        a: dict[str, Any] | None = None,
        b: dict[str, Any] | None = None,
        **both: Any,
    ) -> None:
        self.size = size
        self.memory = bytearray(b"\x5c" * GUARD + bytes([fill]) * (2 * size) + b"\x5c" * GUARD)
        self.clock = VirtualClock()
        bus = MemoryBus(self.memory, base=BASE - GUARD)
        config = InstanceConfig(Region(BASE, size), Region(BASE + size, size), **(both | (a or {})))
        mirrored = InstanceConfig(config.tx_region, config.rx_region, **both).mirrored()
        mailbox_a, mailbox_b = mailbox_pair(latch=latch)
        self.a = Side(bus, mailbox_a, self.clock, config)
        self.b = Side(bus, mailbox_b, self.clock, replace(mirrored, **(b or {})))

    @property
    def a_to_b(self) -> memoryview:
        return memoryview(self.memory)[GUARD : GUARD + self.size]

    @property
    def b_to_a(self) -> memoryview:
        return memoryview(self.memory)[GUARD + self.size : GUARD + 2 * self.size]

    def bond(self) -> None:
        """Open both, bind them and forget what happened on the way."""
        self.a.open()
        self.b.open()
        self.clock.settle()
        assert self.a.instance.is_bound
        assert self.b.instance.is_bound
        self.a.events.clear()
        self.b.events.clear()

    def assert_guards(self) -> None:
        assert self.memory[:GUARD] == self.memory[-GUARD:] == b"\x5c" * GUARD
