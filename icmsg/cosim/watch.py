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
from icmsg.wire.handshake import HandshakeWord, are_acknowledged

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine


_BEHIND_MAGIC: Final = 20
"""The index behind a packet that holds the magic alone."""


class _Direction:
    """One region: ``core`` writes it.

    What an earlier session has left in it, before a reset or in memory that was not cleared, says nothing until its
    writer has initialised it again.
    """

    def __init__(self, core: Core, config: InstanceConfig) -> None:
        tx, layout = config.tx_region.address, config.tx_layout
        self.core: Final = core
        self._read32: Final = core.bus.read32
        self._read_block: Final = core.bus.read_block
        self._rd_address: Final = tx + layout.rd_idx_offset
        self._wr_address: Final = tx + layout.wr_idx_offset
        self._data_address: Final = tx + layout.data_offset
        self.channel: Final = config.tx_channel
        self.follower: Final = follow(core.bus, tx, layout)
        self.magic_seen = False
        self.unread: deque[bytes] = deque()
        """What was written and not dated yet."""
        self._taken = False
        self._word = HandshakeWord(core.bus, tx, layout) if layout.handshake_offset is not None else None
        self._word_before = (0, 0)
        self._indices_before: tuple[int, int] | None = None
        self._silent = False

    def ignore_what_is_there(self) -> None:
        """Memory may hold what is older than both cores."""
        if self._indices() != (0, 0) or self.session != (0, 0):
            self.forget(silent=True)

    def _indices(self) -> tuple[int, int]:
        return self._read32(self._rd_address), self._read32(self._wr_address)

    def forget(self, *, silent: bool) -> None:
        """A core was reset; ``silent``: its writer, so that nothing is new before the region is initialised again."""
        self._indices_before = self._indices()
        self._word_before = self._word.read() if self._word is not None else (0, 0)
        self._silent = silent
        self._taken = False

    def _is_fresh(self) -> bool:
        """Whether the region was initialised since :meth:`forget`; the follower then begins at its start."""
        if self._indices_before is None:
            return True
        rd, wr = self._indices()
        magic = wr == _BEHIND_MAGIC and self._read_block(self._data_address + 4, len(MAGIC)) == MAGIC
        if (rd == 0 and (wr == 0 or magic)) or (magic and rd == wr and (rd, wr) != self._indices_before):
            self._indices_before = None
            self._silent = self.magic_seen = False
            self.follower.restart()
            return True
        return False

    def poll(self) -> None:
        """Take over what was written since the last time."""
        if not self._is_fresh() and self._silent:
            return
        packets = self.follower.poll()
        if packets and not self.magic_seen and packets[0].startswith(MAGIC):
            self.magic_seen = True
            packets = packets[1:]
        self.unread.extend(packets)

    @property
    def is_magic_there(self) -> bool:
        """Whether the writer has opened the region since a reset."""
        return self.magic_seen and self._indices_before is None

    @property
    def magic_taken(self) -> bool:
        """Whether the magic was read; rd_idx comes back to 0 later, so what was seen once counts."""
        if self._indices_before is None:
            self._taken = self._taken or (self.magic_seen and self.follower.consumed)
        return self._taken

    @property
    def session(self) -> tuple[int, int]:
        """The reader's (own session id, acknowledged one of the writer); (0, 0) without, or from before."""
        word = self._word.read() if self._word is not None else (0, 0)
        if word == self._word_before:
            return 0, 0
        self._word_before = (0, 0)
        return word


class LinkWatch:
    """Counts messages and echoes between ``first`` (config as this core has it) and ``second``.

    The core whose message comes first is the one that initiates, unless ``initiator`` names it. Of an initiator
    without end ``limit`` messages and their echoes are counted. A core that is reset while both are bound is a
    problem, unless ``restarts`` are allowed: then what was under way is lost, and counting goes on. ``booting``: no
    core has run yet, so that what is in memory is older than both. ``may_differ``: nobody knows that the other core
    echoes (:attr:`sends_its_own`). Call :meth:`look` in the condition of
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
        *,
        restarts: bool = False,
        booting: bool = False,
        may_differ: bool = False,
    ) -> None:
        self.early = 0
        """Messages that were sent before their sender had taken the other's magic; they are not counted."""
        self.seen = 0
        """Messages of both sides, whether they are counted otherwise or not."""
        self.lost = 0
        """Messages whose echo a reset has prevented."""
        self.only_plays_back = True
        """Whether each message but the first of who initiates is the echo that it had got just before."""
        self.sent = 0
        self.got = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.last_ns = 0
        """When the last message came, or the last reset of a core."""
        self.round_trips: Final = RoundTrips()
        self._may_differ = may_differ
        self.first_difference: IcmsgError | None = None
        """How the first message differs that is no echo."""
        self._cut = 0
        self._problems: Final[list[IcmsgError]] = []
        self._machine = machine
        self._stopped = False
        self._restarts = restarts
        self.last_echo: bytes | None = None
        """What was sent back last; None after a reset."""
        self._limit = limit
        self._initiator = initiator.index if initiator is not None else None
        self._bonds_again = False
        self._expected: deque[tuple[bytes, int]] = deque()
        self._directions = {
            first.index: _Direction(first, config),
            second.index: _Direction(second, config.mirrored()),
        }
        if booting:
            for direction in self._directions.values():
                direction.ignore_what_is_there()
        self._other: Final = {first.index: second.index, second.index: first.index}
        self._remove = machine.events.add_sink(self._on_doorbell, (EventKind.DOORBELL,))
        machine.events.add_sink(self._on_reset, (EventKind.CORE_RESET,))

    @property
    def initiator(self) -> str | None:
        """The name of the core whose messages count as the first ones; None as long as there is none."""
        return self._directions[self._initiator].core.name if self._initiator is not None else None

    @property
    def follower(self) -> str | None:
        """The name of the core whose messages count as echoes; None as long as there is none."""
        return (
            self._directions[self._other[self._initiator]].core.name if self._initiator is not None else None
        )

    @property
    def is_bound(self) -> bool:
        """Whether both sides have written the magic and taken the other's, or acknowledged each other's session.

        A reset of one of them ends that, until they have bonded again.
        """
        one, other = self._directions.values()
        if one.magic_taken and other.magic_taken:
            return True
        return are_acknowledged(one.session, other.session)

    def has_opened(self, core: Core) -> bool:
        """Whether ``core`` has written its magic, or has a session, since the last reset of either core."""
        own, other = self._directions[core.index], self._directions[self._other[core.index]]
        return own.is_magic_there or other.session[0] != 0

    def stop(self) -> None:
        """Count no messages any more; bonding is watched further."""
        self._stopped = True
        self._remove()

    def look(self) -> None:
        """Look for packets whose doorbell has not rung yet; they are dated now."""
        if not self._stopped:
            self._poll()
            if any(direction.unread for direction in self._directions.values()):
                self._date(self._in_order(next(iter(self._directions))), self._machine.now_ns)
        elif self._bonds_again:
            self._poll()
            for direction in self._directions.values():
                direction.unread.clear()
            self._bonds_again = not self.is_bound

    def _on_reset(self, event: Event) -> None:
        if event.core not in self._directions:
            return
        if self.is_bound and not self._restarts:
            name = self._directions[event.core].core.name
            self._problem(IcmsgError(f"core {name} was reset while it was bound"))
        for index, direction in self._directions.items():
            direction.forget(silent=index == event.core)
        self._bonds_again = True
        self.last_ns = event.time_ns
        self.lost += len(self._expected)
        self._expected.clear()
        self.last_echo = None

    def _on_doorbell(self, event: Event) -> None:
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
        for index, direction in self._directions.items():
            self._poll_one(direction, self._directions[self._other[index]])

    def _poll_one(self, direction: _Direction, other: _Direction) -> None:
        try:
            direction.poll()
            if direction.unread and not other.magic_taken and not self.is_bound:
                self.early += len(direction.unread)
                direction.unread.clear()
        except WireError as error:  # the other direction goes on
            self._problem(error)

    def _date(self, cores: list[int], time_ns: int) -> None:
        for index in cores:
            unread = self._directions[index].unread
            while unread:
                self._message(index, unread.popleft(), time_ns)

    def _problem(self, error: IcmsgError) -> None:
        if not self._problems:
            self._problems.append(error)

    @property
    def sends_its_own(self) -> bool:
        """Whether the core that does not initiate sends messages of its own, not echoes.

        None of several equals what the other core had sent, and they are not just cut off.
        """
        return self._may_differ and 1 < self.got == self.mismatches != self._cut

    @property
    def problems(self) -> list[IcmsgError]:
        """What went wrong first, at most one."""
        if self._problems or self.first_difference is None or self.sends_its_own:
            return self._problems
        return [self.first_difference]

    def _differs(self, sent: bytes, packet: bytes, error: IcmsgError) -> None:
        self.mismatches += 1
        self._cut += bool(sent) and (sent.startswith(packet) or packet.startswith(sent))
        self.first_difference = self.first_difference or error

    def _message(self, core: int, packet: bytes, time_ns: int) -> None:
        self.last_ns = time_ns
        self.seen += 1
        if self._initiator is None:
            self._initiator = core
        if core != self._initiator:
            self._echo(packet, time_ns)
        elif self.sent != self._limit:
            if self.sent and packet != self.last_echo:
                self.only_plays_back = False
            self.sent += 1
            self._expected.append((packet, time_ns))

    def _echo(self, packet: bytes, time_ns: int) -> None:
        if self.got == self._limit:
            return
        self.got += 1
        self.last_echo = packet
        self.bytes_received += len(packet)
        if not self._expected:
            self._differs(b"", packet, IcmsgError(unasked(packet)))
            return
        sent, sent_ns = self._expected.popleft()
        if sent != packet:
            self._differs(sent, packet, IcmsgError(difference(self.got, sent, packet)))
        self.round_trips.add(max(0, time_ns - sent_ns))
