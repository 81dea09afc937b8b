"""A link: two named cores, one instance as each of them has it, and the one place that watches what passes on it.

A doorbell of either core is the moment at which both regions are looked at: what a core has written comes into the
machine's event stream, whoever plays the cores, just before the doorbell that announced it, or before one of the other
core that came first. Firmware may take packets before their doorbell and make room for others; whoever runs the machine
can look after every slice of a core, too (:meth:`FollowedLink.look`). Within one slice nothing can be overwritten that
was not seen.

Each region is followed once, however many ask, and only while somebody does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import DEFAULT, board_of
from icmsg.errors import BusError, ConfigurationError
from icmsg.link.followed_region import FollowedRegion
from icmsg.machine.events import (
    Event,
    EventKind,
    Packets,
    RegionChange,
    RegionChanged,
    SessionPublished,
    TxRegion,
)
from icmsg.wire.packet_buffer import HandshakeWord, are_acknowledged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.instance import InstanceConfig, RegionLayout
    from icmsg.machine.events import EventStream
    from icmsg.machine.machine import Core, Machine
    from icmsg.soc.soc import Soc


@dataclass(frozen=True, slots=True)
class Link:
    """Two cores by name, and the instance as each has it."""

    first: str
    second: str
    configs: Mapping[str, InstanceConfig]

    @classmethod
    def of(cls, first: str, second: str, config: InstanceConfig, peer: InstanceConfig | None = None) -> Link:
        """Return the link of ``first``, which has ``config``, and ``second`` (``peer``; None: its mirror)."""
        return cls(first, second, {first: config, second: peer or config.mirrored()})

    @property
    def cores(self) -> tuple[str, str]:
        """Both names, the first one first."""
        return self.first, self.second

    def other(self, core: str) -> str:
        """Return the core at the other end; ConfigurationError if ``core`` is not on this link."""
        if core not in self.configs:
            raise ConfigurationError(
                f"no core {core!r} on this link; it joins {self.first} and {self.second}"
            )
        return self.second if core == self.first else self.first

    def with_first(self, config: InstanceConfig) -> Link:
        """Return the link with ``config`` for the first core, and its mirror for the second."""
        return Link.of(self.first, self.second, config)

    def named(self, instance: str) -> Link:
        """Return the link with its instance called otherwise."""
        configs = {core: replace(config, name=instance) for core, config in self.configs.items()}
        return replace(self, configs=configs)


def default_link(soc: Soc, wanted: Iterable[str] = ()) -> Link:
    """Return the link of an SoC: the ``wanted`` cores, else its board's roles, else the first two with a mailbox.

    The instance is that of the board; of an SoC that is no board it is that of the default one, which fits where there
    is RAM at its addresses.

    Raises:
        ConfigurationError: as :meth:`icmsg.soc.soc.Soc.link`.
    """
    names = [soc.core(name).name for name in wanted]
    board = board_of({core.name: core for core in soc.mailboxes()})
    if board is not None and set(names) <= set(board.roles):
        return Link.of(*board.roles, board.instance)
    return Link.of(*soc.link(names), (board or DEFAULT).instance)


_PACKETS: Final = EventKind.PACKETS
_new: Final = tuple.__new__
_Key = tuple[int, int, int, "RegionLayout"]


class _FollowedDirection:
    """A region with the core that writes it and the one that reads it; ``asked_by`` so many links."""

    def __init__(self, followed: FollowedRegion, writer: Core, reader: Core) -> None:
        self.followed: Final = followed
        self.region: Final = followed.region
        self.writer: Final = writer.index
        self.reader: Final = reader.index
        self.asked_by = 0

    def look_at_session(self, events: EventStream, time_ns: int) -> None:
        """Put into the stream what the reader has published."""
        try:
            session = self.followed.new_session()
        except BusError:
            return  # the look at the packets says so
        if session is not None:
            news = SessionPublished(self.region)
            events.tell(Event(time_ns, EventKind.SESSION, self.reader, *session, news))


_Found = list[tuple[int, Sequence[Packets | RegionChanged]]]


def _look(directions: Iterable[_FollowedDirection]) -> _Found:
    """Look at all regions, and return what is new in which core's."""
    found: _Found = []
    for direction in directions:
        try:
            news = direction.followed.look()
        except BusError as error:
            news = (RegionChanged(direction.region, RegionChange.UNREADABLE, str(error), error),)
        if news:
            found.append((direction.writer, news))
    return found


def _tell(events: EventStream, time_ns: int, found: _Found) -> None:
    """Put what is new into the stream; all was looked at before, so who hears of one knows how all are."""
    for writer, news in found:
        for one in news:
            if isinstance(one, Packets):
                events.tell(_new(Event, (time_ns, _PACKETS, writer, len(one.payloads), one.start, one)))
            else:
                events.tell(Event(time_ns, EventKind.REGION, writer, one.change, 0, one))


class _Following:
    """All that is followed on one machine."""

    def __init__(self, machine: Machine) -> None:
        self._events: Final = machine.events
        self.links: Final[list[FollowedLink]] = []
        self._directions: dict[_Key, _FollowedDirection] = {}
        self._by_core: dict[int, tuple[_FollowedDirection, ...]] = {}
        self._stop = _nothing
        self.tells_sessions = False
        machine.events.when_wanted(EventKind.SESSION, self._want_sessions)
        machine.events.add_sink(self._on_reset, (EventKind.CORE_RESET,), ahead=True)

    def direction(self, instance: str, writer: Core, own: InstanceConfig, reader: Core) -> _FollowedDirection:
        """Return the way from one core to another, followed from now on if nobody follows it yet."""
        key = (writer.index, reader.index, own.tx_region.address, own.tx_layout)
        found = self._directions.get(key)
        if found is None or not found.asked_by:
            region = TxRegion(instance, writer.name, reader.name, own.tx_region.address)
            word = None
            if own.rx_layout.handshake_offset is not None:
                word = HandshakeWord(writer.bus, own.rx_region.address, own.rx_layout)
            followed = FollowedRegion(writer.bus, region, own.tx_layout, word)
            found = self._directions[key] = _FollowedDirection(followed, writer, reader)
        return found

    def ask(self, directions: Iterable[_FollowedDirection], number: int) -> None:
        """Count who asks for directions (1: one more, -1: one less)."""
        for direction in directions:
            direction.asked_by += number
        asked = {key: one for key, one in self._directions.items() if one.asked_by}
        self._directions = asked
        cores = {core for one in asked.values() for core in (one.writer, one.reader)}
        # What the other core has written comes before an answer to it.
        self._by_core = {
            core: (
                *(one for one in asked.values() if one.reader == core),
                *(one for one in asked.values() if one.writer == core),
            )
            for core in cores
        }
        self._stop()
        self._stop = _nothing
        if asked:
            self._stop = self._events.add_sink(self._on_doorbell, (EventKind.DOORBELL,), ahead=True)

    def _want_sessions(self, wanted: bool) -> None:
        self.tells_sessions = wanted

    def _on_doorbell(self, event: Event) -> None:
        directions = self._by_core.get(event[2], ())
        if found := _look(directions):
            _tell(self._events, event[0], found)
        if self.tells_sessions:
            for direction in directions:
                if direction.reader == event.core:
                    direction.look_at_session(self._events, event.time_ns)

    def _on_reset(self, event: Event) -> None:
        for link in self.links:
            link.was_bound = link.is_bound
        for direction in {one for link in self.links for one in link.directions}:
            if event.core in (direction.writer, direction.reader):
                direction.followed.forget(silent=event.core == direction.writer)


class FollowedLink:
    """A link whose packets come into the stream until :meth:`stop`; make one with :func:`follow_link`."""

    def __init__(self, machine: Machine, link: Link, following: _Following) -> None:
        first, second = (machine.core(name) for name in link.cores)
        own, peer = link.configs[first.name], link.configs[second.name]
        self._machine = machine
        self._following = following
        self._asks = True
        self.was_bound = False
        """True if both sides were bound when a core was reset last."""
        self.directions: Final[tuple[_FollowedDirection, ...]] = (
            following.direction(own.name, first, own, second),
            following.direction(peer.name, second, peer, first),
        )
        self.regions: Final = {one.writer: one.followed for one in self.directions}
        """Regions by the index of the core that writes them."""
        following.ask(self.directions, 1)
        following.links.append(self)

    @property
    def is_bound(self) -> bool:
        """True while both sides have written the magic and taken the other's, or acknowledged each other's session.

        A reset of one of them ends that, until they have bonded again.
        """
        one, other = (direction.followed for direction in self.directions)
        if one.magic_taken and other.magic_taken:
            return True
        return are_acknowledged(one.session, other.session)

    def has_opened(self, core: Core) -> bool:
        """Tell whether ``core`` has written its magic, or has a session, since the last reset of either core."""
        own, other = sorted(
            (direction.followed for direction in self.directions),
            key=lambda followed: followed.region.writer != core.name,
        )
        return own.is_magic_there or other.session[0] != 0

    def look(self) -> None:
        """Look for what no doorbell has announced yet; where nobody asks for packets, bonding alone is seen."""
        machine, asked = self._machine, self.directions
        if not self._asks:
            for direction in asked:
                if not direction.asked_by:
                    direction.followed.look()
            asked = tuple(direction for direction in asked if direction.asked_by)
        if found := _look(asked):
            _tell(machine.events, machine.now_ns, found)
        if self._following.tells_sessions:
            for direction in asked:
                direction.look_at_session(machine.events, machine.now_ns)

    def stop(self, *, bonding: bool = True) -> None:
        """Ask for packets no longer; ``bonding`` says whether that is not seen any more, either."""
        if self._asks:
            self._asks = False
            self._following.ask(self.directions, -1)
        if bonding and self in self._following.links:
            self._following.links.remove(self)


def follow_link(machine: Machine, link: Link) -> FollowedLink:
    """Let what passes on ``link`` come into the stream of ``machine``, from now on.

    Raises:
        ConfigurationError: a core of the link is not there, or a region cannot be one.
        BusError: a core does not reach a region.
    """
    following = machine.events.kept.get(_Following)
    if not isinstance(following, _Following):
        following = machine.events.kept[_Following] = _Following(machine)
    return FollowedLink(machine, link, following)


def _nothing() -> None:
    """Do nothing."""
