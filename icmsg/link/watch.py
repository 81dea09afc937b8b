"""Watches of a link from outside: pairs of what one side sends and what comes back, and who touches a region's words.

Whoever plays the cores, a doorbell is the moment to which a packet belongs. That dates them exactly, but does not see
all; so whoever runs the machine looks after every slice of a core, too (:meth:`LinkWatch.look`). A watchpoint on the
words of a region tells which core wrote ``wr_idx``, what, when, and in which function.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.config.instance import WORD
from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.link.link import Link, follow_link
from icmsg.link.workload import EchoPairs
from icmsg.machine.events import Event, EventKind, Packets, RegionChange, RegionChanged
from icmsg.timers import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.config.instance import InstanceConfig, Region, RegionLayout
    from icmsg.link.followed_region import FollowedRegion
    from icmsg.machine.base_machine import AccessKind, MemoryAccess
    from icmsg.machine.events import TxRegion
    from icmsg.machine.machine import Core, Machine


class _WatchedDirection:
    """Region: ``core`` writes it and rings ``channel``."""

    def __init__(self, core: Core, channel: int, region: TxRegion, back: FollowedRegion) -> None:
        self.core: Final = core
        self.channel: Final = channel
        self.region: Final = region
        self.back: Final = back
        """The region of the other direction, whose magic the core takes."""
        self.unread: deque[bytes] = deque()
        """Packets that were written and not dated yet."""
        self.blocked = False
        """True if a reader gets no further: what lies behind the last packet is none."""


class LinkWatch(EchoPairs):
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
        answer: Callable[[bytes], bytes] | None = None,
    ) -> None:
        super().__init__(limit, answer)
        self.early = 0
        """Messages that were sent before their sender had taken the other's magic; they are not counted."""
        self.seen = 0
        """Messages of both sides, whether they are counted otherwise or not."""
        self.last_ns = 0
        """Time of the last message, or of the last reset of a core."""
        self._may_differ = may_differ
        self._problems: Final[list[IcmsgError]] = []
        self._machine = machine
        self._stopped = False
        self._restarts = restarts
        self._initiator = initiator.index if initiator is not None else None
        self._bonds_again = False
        self._link = follow_link(machine, Link.of(first.name, second.name, config))
        regions = self._link.regions
        self._directions = {
            core.index: _WatchedDirection(core, channel, regions[core.index].region, regions[other.index])
            for core, channel, other in (
                (first, config.tx_channel, second),
                (second, config.rx_channel, first),
            )
        }
        if booting:
            for followed in regions.values():
                followed.ignore_what_is_there()
        self._other: Final = {first.index: second.index, second.index: first.index}
        self._removers = (
            machine.events.add_sink(self._on_packets, (EventKind.PACKETS,)),
            machine.events.add_sink(self._on_change, (EventKind.REGION,)),
            machine.events.add_sink(self._on_doorbell, (EventKind.DOORBELL,)),
        )
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
        """True while both sides are, see :attr:`icmsg.link.link.FollowedLink.is_bound`."""
        return self._link.is_bound

    def has_opened(self, core: Core) -> bool:
        """Tell whether ``core`` has written its magic, or has a session, since the last reset of either core."""
        return self._link.has_opened(core)

    def stop(self) -> None:
        """Count no messages any more; bonding is watched further."""
        self._stopped = True
        self._link.stop(bonding=False)
        for remove in self._removers:
            remove()

    def look(self) -> None:
        """Look for packets whose doorbell has not rung yet; they are dated now."""
        if not self._stopped:
            self._link.look()
            if any(direction.unread for direction in self._directions.values()):
                first = next(iter(self._directions)) if self._initiator is None else self._initiator
                self._date(first, self._machine.now_ns)
                self._date(self._other[first], self._machine.now_ns)
        elif self._bonds_again:
            self._link.look()
            self._bonds_again = not self.is_bound

    def _on_reset(self, event: Event) -> None:
        if event.core not in self._directions:
            return
        if self._link.was_bound and not self._restarts:
            name = self._directions[event.core].core.name
            self._problem(IcmsgError(f"core {name} was reset while it was bound"))
        self._bonds_again = True
        self.last_ns = event.time_ns
        for direction in self._directions.values():
            self.early += len(direction.unread)
            direction.unread.clear()
        self.give_up()

    def _on_doorbell(self, event: Event) -> None:
        ringing = self._directions.get(event.core)
        if ringing is None or event.a != ringing.channel:
            return
        # The other side may be ahead of its own doorbell, and what it has written comes before any answer to it. An
        # answer that is there already waits for its own: engines tell of several doorbells at once.
        if self._initiator not in (None, event.core):
            self._date(self._other[event.core], event.time_ns)
        self._date(event.core, event.time_ns)

    def _on_packets(self, event: Event) -> None:
        direction, news = self._directions.get(event.core), event.news
        if direction is None or not isinstance(news, Packets) or news.region is not direction.region:
            return
        payloads = news.payloads[1:] if news.opens else news.payloads
        if not payloads or direction.blocked:
            return
        if direction.back.magic_taken or self.is_bound:
            direction.unread.extend(payloads)
        else:
            self.early += len(payloads)

    def _on_change(self, event: Event) -> None:
        direction, changed = self._directions.get(event.core), event.news
        if direction is None or not isinstance(changed, RegionChanged):
            return
        if changed.region is not direction.region:
            return
        if changed.error is not None:
            self._problem(changed.error)  # the other direction goes on
        if changed.change is RegionChange.BEGUN_ANEW:
            direction.blocked = changed.error is not None
        elif changed.change not in (RegionChange.BAD_INDEX, RegionChange.UNREADABLE):
            direction.blocked = True

    def _date(self, core: int, time_ns: int) -> None:
        unread = self._directions[core].unread
        if not unread:
            return
        self.last_ns = time_ns
        self.seen += len(unread)
        if self._initiator is None:
            self._initiator = core
        take = self.message if core == self._initiator else self.echo
        while unread:
            take(unread.popleft(), time_ns)

    def _problem(self, error: IcmsgError) -> None:
        if not self._problems:
            self._problems.append(error)

    @property
    def sends_its_own(self) -> bool:
        """True if the core that does not initiate sends messages of its own, not echoes.

        None of several equals what the other core had sent, and they are not just cut off.
        """
        return self._may_differ and self.are_all_different

    @property
    def problems(self) -> list[IcmsgError]:
        """The first problem, at most one."""
        if self._problems or self.first_difference is None or self.sends_its_own:
            return self._problems
        return [self.first_difference]


DATA: Final = "data"
"""The word for packets."""


@dataclass(frozen=True, slots=True)
class RegionAccess:
    """One access to a region by ``core``, at ``time_ns`` of virtual time.

    ``word`` is ``rd_idx``, ``wr_idx``, ``handshake``, ``data``, or empty for what is none of them; ``offset`` counts
    bytes from the start of the region. ``pc`` and ``place`` (``function+0x12 (file.c:34)``) are those of the
    instruction, None and ``Python`` for a core that Python plays.
    """

    core: str
    time_ns: int
    kind: AccessKind
    word: str
    offset: int
    value: int
    pc: int | None
    place: str

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.place.split(" (")[0].split("+0x")[0]

    def __str__(self) -> str:
        where = f"{self.word or 'offset'}{f'+{self.offset}' if self.word in ('', DATA) else ''}"
        what = f"writes {where} = {self.value}" if self.kind == "store" else f"reads {where} = {self.value}"
        return f"{format_time(self.time_ns)} {self.core} {what} in {self.place}"


class RegionWatch:
    """Watchpoint on a region, from now until :meth:`stop`; ``told`` is called with each access.

    ``regions`` is the region as each core has it, by the core's name. On the embedded engine firmware's stores are told
    before they are made, on Renode at the next synchronization point, with their own times; those of Python behind, as
    one for each block that it writes. ``kinds`` may have ``load``, which is told of firmware alone. ``words`` are those
    to look at, none = all. What is told may read memory; it may not let time pass.

    Raises:
        ConfigurationError: the region has no such word.
        EngineError: the Renode behind a Monitor has not the files that this needs.
    """

    def __init__(
        self,
        machine: Machine,
        regions: Mapping[str, Region],
        layout: RegionLayout,
        told: Callable[[RegionAccess], None],
        *,
        words: tuple[str, ...] = (),
        kinds: tuple[AccessKind, ...] = ("store",),
    ) -> None:
        self._told: Final = told
        self._words: Final = words_of(layout)
        unknown = next((word for word in words if word not in (*self._words.values(), DATA)), None)
        if unknown is not None:
            known = ", ".join((*self._words.values(), DATA))
            raise ConfigurationError(f"the region has no word {unknown}; there are {known}")
        self._wanted: Final = words
        self._layout: Final = layout
        self._ends: list[Callable[[], None]] = []
        for name, region in regions.items():
            core = machine.core(name)
            for begin, end in self._parts(region.size):
                told_of_core = partial(self._tell, core, region.address)
                ends = core.watch_memory(
                    region.address + begin, region.address + end, told_of_core, kinds=kinds
                )
                self._ends.append(ends)

    def _parts(self, size: int) -> list[tuple[int, int]]:
        """Return the offsets between which there is what is wanted: one part, or those of the words."""
        if not self._wanted:
            return [(0, size)]
        parts = [(offset, offset + WORD) for offset, word in self._words.items() if word in self._wanted]
        return parts + ([(self._layout.data_offset, size)] if DATA in self._wanted else [])

    def stop(self) -> None:
        """Tell no more."""
        ends, self._ends = self._ends, []
        for end in ends:
            end()

    def _tell(self, core: Core, begin: int, access: MemoryAccess) -> None:
        offset = access.address - begin
        word = self._words.get(offset & -WORD, DATA if offset >= self._layout.data_offset else "")
        place = "Python" if access.pc is None else core.locate(access.pc)
        self._told(
            RegionAccess(core.name, access.time_ns, access.kind, word, offset, access.value, access.pc, place)
        )


def words_of(layout: RegionLayout) -> dict[int, str]:
    """Return the names of a region's words by their offsets."""
    found = {layout.rd_idx_offset: "rd_idx", layout.wr_idx_offset: "wr_idx"}
    if layout.handshake_offset is not None:
        found[layout.handshake_offset] = "handshake"
    return found
