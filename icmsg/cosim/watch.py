"""Watches a link between two cores from outside: pairs what one side sends with what comes back.

Whoever plays the cores, a doorbell is the moment at which new packets are looked for. That dates them exactly, but
does not see all: firmware may take packets before their doorbell and make room for others. So whoever runs the
machine looks after every slice of a core, too (:meth:`LinkWatch.look`); within one slice nothing can be overwritten
that was not seen.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.cosim.events import Event, EventKind
from icmsg.cosim.workload import RoundTrips, difference, unasked
from icmsg.errors import IcmsgError, WireError
from icmsg.ipc import MAGIC
from icmsg.wire.follower import follow
from icmsg.wire.handshake import HandshakeWord

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine


class _Direction:
    """One region: ``core`` writes it."""

    def __init__(self, core: Core, config: InstanceConfig) -> None:
        tx, layout = config.tx_region.address, config.tx_layout
        self.core: Final = core
        self.channel: Final = config.tx_channel
        self.follower: Final = follow(core.bus, tx, layout)
        self.magic_seen = False
        self.unread: deque[bytes] = deque()
        """What was written and not dated yet."""
        self._taken = False
        self._word = HandshakeWord(core.bus, tx, layout) if layout.handshake_offset is not None else None

    def poll(self) -> None:
        """Take over what was written since the last time."""
        packets = self.follower.poll()
        if packets and not self.magic_seen and packets[0].startswith(MAGIC):
            self.magic_seen = True
            packets = packets[1:]
        self.unread.extend(packets)

    @property
    def magic_taken(self) -> bool:
        """Whether the magic was read; rd_idx comes back to 0 later, so what was seen once counts."""
        self._taken = self._taken or (self.magic_seen and self.follower.consumed)
        return self._taken

    @property
    def session(self) -> tuple[int, int]:
        """The reader's (own session id, acknowledged one of the writer); (0, 0) without sessions."""
        return self._word.read() if self._word is not None else (0, 0)


class LinkWatch:
    """Counts messages and echoes between ``first`` (config as this core has it) and ``second``.

    The core whose message comes first is the one that initiates, unless ``initiator`` names it. Of an initiator
    without end ``limit`` messages and their echoes are counted. Call :meth:`look` in the condition of
    ``run_until``, which is asked after every slice.
    """

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        config: InstanceConfig,
        initiator: Core | None = None,
        limit: int | None = None,
    ) -> None:
        self.sent = 0
        self.got = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.last_ns = 0
        self.round_trips: Final = RoundTrips()
        self.problems: Final[list[IcmsgError]] = []
        self._machine = machine
        self._stopped = False
        self._limit = limit
        self._initiator = initiator.index if initiator is not None else None
        self._expected: deque[tuple[bytes, int]] = deque()
        self._directions = {
            first.index: _Direction(first, config),
            second.index: _Direction(second, config.mirrored()),
        }
        self._remove = machine.events.add_sink(self._on_event)

    @property
    def is_bound(self) -> bool:
        """Whether both sides have written the magic and taken the other's, or acknowledged each other's session."""
        one, other = self._directions.values()
        if one.magic_taken and other.magic_taken:
            return True
        (own, acknowledged), (peer, acknowledged_by_peer) = one.session, other.session
        return own == acknowledged_by_peer != 0 and peer == acknowledged != 0

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped = True
        self._remove()

    def look(self) -> None:
        """Look for packets whose doorbell has not rung yet; they are dated now."""
        if not self._stopped:
            self._poll()
            self._date(self._in_order(next(iter(self._directions))), self._machine.now_ns)

    def _on_event(self, event: Event) -> None:
        if event.kind is not EventKind.DOORBELL:
            if event.kind is EventKind.CORE_RESET and self.is_bound:
                name = self._directions[event.core].core.name
                self._problem(IcmsgError(f"core {name} was reset while it was bound"))
            return
        ringing = self._directions.get(event.core)
        if ringing is None or event.a != ringing.channel:
            return
        self._poll()
        # The other side may be ahead of its own doorbell, and what it has written comes before any answer to it. An
        # answer that is there already waits for its own: engines tell of several doorbells at once.
        order = self._in_order(event.core)
        self._date(order[: order.index(event.core) + 1], event.time_ns)

    def _in_order(self, first: int) -> list[int]:
        """Return the cores, the one that initiates first."""
        first = self._initiator if self._initiator is not None else first
        return sorted(self._directions, key=lambda index: index != first)

    def _poll(self) -> None:
        for direction in self._directions.values():
            self._poll_one(direction)

    def _poll_one(self, direction: _Direction) -> None:
        try:
            direction.poll()
        except WireError as error:  # the other direction goes on
            self._problem(error)

    def _date(self, cores: list[int], time_ns: int) -> None:
        for index in cores:
            unread = self._directions[index].unread
            while unread:
                self._message(index, unread.popleft(), time_ns)

    def _problem(self, error: IcmsgError) -> None:
        if not self.problems:
            self.problems.append(error)

    def _message(self, core: int, packet: bytes, time_ns: int) -> None:
        self.last_ns = time_ns
        if self._initiator is None:
            self._initiator = core
        if core != self._initiator:
            self._echo(packet, time_ns)
        elif self.sent != self._limit:
            self.sent += 1
            self._expected.append((packet, time_ns))

    def _echo(self, packet: bytes, time_ns: int) -> None:
        if self.got == self._limit:
            return
        self.got += 1
        self.bytes_received += len(packet)
        if not self._expected:
            self.mismatches += 1
            self._problem(IcmsgError(unasked(packet)))
            return
        sent, sent_ns = self._expected.popleft()
        if sent != packet:
            self.mismatches += 1
            self._problem(IcmsgError(difference(self.got, sent, packet)))
        self.round_trips.add(max(0, time_ns - sent_ns))
