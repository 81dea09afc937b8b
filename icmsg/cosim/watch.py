"""Watches a link between two cores from outside: pairs what one side sends with what comes back.

Whoever plays the cores, each doorbell is the moment at which new packets are looked for in the region of the core
that rang.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.cosim.events import Event, EventKind
from icmsg.cosim.workload import RoundTrips
from icmsg.errors import IcmsgError, WireError
from icmsg.ipc import MAGIC
from icmsg.wire.follower import PbufFollower

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine


class _Direction:
    """One region: ``core`` writes it."""

    def __init__(self, core: Core, config: InstanceConfig) -> None:
        self.core: Final = core
        self.channel: Final = config.tx_channel
        self.follower: Final = PbufFollower(core.bus, config.tx_region.address, config.tx_layout)
        self.magic_seen = False

    def new_packets(self) -> list[bytes]:
        packets = self.follower.poll()
        if packets and not self.magic_seen and packets[0].startswith(MAGIC):
            self.magic_seen = True
            return packets[1:]
        return packets


class LinkWatch:
    """Counts messages and echoes between ``first`` (config as this core has it) and ``second``.

    The core whose message comes first is the one that initiates, unless ``initiator`` names it.
    """

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        config: InstanceConfig,
        initiator: Core | None = None,
    ) -> None:
        self.sent = 0
        self.got = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.last_ns = 0
        self.round_trips: Final = RoundTrips()
        self.problems: Final[list[IcmsgError]] = []
        self._initiator = initiator.index if initiator is not None else None
        self._expected: deque[tuple[bytes, int]] = deque()
        self._directions = {
            first.index: _Direction(first, config),
            second.index: _Direction(second, config.mirrored()),
        }
        self._remove = machine.events.add_sink(self._on_event)

    @property
    def is_bound(self) -> bool:
        """Whether both sides have written the magic and taken the other's."""
        return all(side.magic_seen and side.follower.consumed for side in self._directions.values())

    def stop(self) -> None:
        """Watch no longer."""
        self._remove()

    def _on_event(self, event: Event) -> None:
        if event.kind is not EventKind.DOORBELL:
            return
        ringing = self._directions.get(event.core)
        if ringing is None or event.a != ringing.channel:
            return
        # The other side may be ahead of its own doorbell, and what it has written comes before any answer to it.
        for index in self._order(event.core):
            try:
                packets = self._directions[index].new_packets()
            except WireError as error:
                if not self.problems:
                    self.problems.append(error)
                return
            for packet in packets:
                self._message(index, packet, event.time_ns)

    def _order(self, ringing: int) -> list[int]:
        first = self._initiator if self._initiator is not None else ringing
        return sorted(self._directions, key=lambda index: index != first)

    def _message(self, core: int, packet: bytes, time_ns: int) -> None:
        self.last_ns = time_ns
        if self._initiator is None:
            self._initiator = core
        if core == self._initiator:
            self.sent += 1
            self._expected.append((packet, time_ns))
            return
        self.got += 1
        self.bytes_received += len(packet)
        if not self._expected:
            self.mismatches += 1
            return
        sent, sent_ns = self._expected.popleft()
        self.mismatches += sent != packet
        self.round_trips.add(max(0, time_ns - sent_ns))
