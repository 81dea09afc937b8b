"""A link with several endpoints, and each endpoint of an exchange over it, played or watched from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.link.endpoints.followed import follow_endpoints
from icmsg.link.link import Link
from icmsg.link.players import Initiator
from icmsg.link.workload import Counts, EchoPairs, RoundTrips
from icmsg.machine.events import EndpointMessage, Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icmsg.errors import IcmsgError
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.setup import EndpointStats
    from icmsg.link.players import Responder
    from icmsg.machine.machine import Core, Machine


@dataclass(frozen=True, slots=True)
class EndpointsLink:
    """Two cores by name, and the instance of ICBMsg or icmsg_me as each has it.

    ``names`` are those of the endpoints, as far as they are known: the rework has only hashes of them on its wire.
    """

    first: str
    second: str
    configs: Mapping[str, SeveralConfig]
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        first: str,
        second: str,
        config: SeveralConfig,
        peer: SeveralConfig | None = None,
        names: Iterable[str] = (),
    ) -> EndpointsLink:
        """Return the link of ``first``, which has ``config``, and ``second`` (``peer``; None: its mirror)."""
        return cls(first, second, {first: config, second: peer or config.mirrored()}, tuple(names))

    @property
    def cores(self) -> tuple[str, str]:
        """Both names, the first one first."""
        return self.first, self.second

    def other(self, core: str) -> str:
        """Return the core at the other end."""
        return self.second if core == self.first else self.first

    @property
    def control(self) -> Link | None:
        """The ICMsg link that carries the control messages, or all of icmsg_me; None for the rework."""
        controls = {}
        for core, config in self.configs.items():
            if isinstance(config, IcbmsgConfig) and config.generation == "rework":
                return None
            controls[core] = config.control
        return Link(self.first, self.second, controls)


AnyLink = Link | EndpointsLink


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """Result of one endpoint; the fields mean what those of the whole exchange mean."""

    name: str
    bound: bool
    bond_virtual_us: float | None
    initiator: str | None
    initiator_reason: str
    messages_expected: int | None
    messages_sent: int
    messages_received: int
    bytes_received: int
    mismatches: int
    messages_unanswered: int
    round_trip_virtual_us: dict[str, float | None]


class Lane:
    """The endpoint ``name`` of an exchange, and what was counted there; ``players`` play its ends on Python's cores.

    ``initiator`` is the core that sends first there, and ``reason`` why; both may change until messages flow.
    """

    def __init__(self, name: str, players: dict[str, Responder]) -> None:
        self.name: Final = name
        self.players: Final = players
        self.initiator: str | None = None
        self.reason = ""
        self.sender: Initiator | None = next(
            (player for player in players.values() if isinstance(player, Initiator)), None
        )
        """The player that sends first; None where firmware does."""

    @property
    def is_bound(self) -> bool:
        """True while all ends that Python plays are bound."""
        return all(player.endpoint.is_bound for player in self.players.values())

    @property
    def bound_ns(self) -> int | None:
        """Virtual time at which the last end was bound first; None as long as one was not."""
        times = [player.bound_ns for player in self.players.values()]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else None

    @property
    def heard(self) -> int:
        """Number of messages that firmware has sent."""
        return sum(player.heard for player in self.players.values())

    def let_firmware_begin(self, core: str, reason: str) -> None:
        """Let firmware on ``core`` send first: what it sends is sent back."""
        sender, self.sender = self.sender, None
        self.initiator, self.reason = core, reason
        if sender is not None:
            sender.answer()

    def begin(self) -> None:
        """Send the first messages, if Python does."""
        if self.sender is not None:
            self.sender.begin()

    @property
    def total(self) -> int:
        """Number of messages of both directions."""
        sent = self.sender.sent if self.sender is not None else 0
        return sent + sum(player.heard + player.echoed for player in self.players.values())

    @property
    def got(self) -> int:
        """Number of messages that came back to who sent first."""
        if self.sender is not None:
            return self.sender.got
        return sum(player.echoed for player in self.players.values())

    def counts(self, expected: int | None, stub: EndpointStats | None = None) -> Counts:
        """Return what was counted; ``expected`` is how many messages were asked for.

        ``stub`` are the counts of the stub that sends first there, which has compared every echo.
        """
        if stub is not None:
            received = stub.received, stub.bytes_received, stub.mismatches
            return Counts(expected, stub.sent, *received, RoundTrips())
        if (sender := self.sender) is not None:
            return Counts(
                expected,
                sender.sent,
                sender.got,
                sender.bytes_received,
                sender.mismatches,
                sender.round_trips,
                sender.lost,
            )
        octets = sum(player.bytes_echoed for player in self.players.values())
        return Counts(expected, self.heard, self.got, octets, 0, RoundTrips())

    @property
    def unanswered(self) -> int:
        """Number of messages that Python received and did not send back."""
        return sum(player.unanswered for player in self.players.values())

    def result(self, counts: Counts, *, bond_only: bool) -> EndpointResult:
        """Return the result, of what :meth:`counts` gave."""
        return EndpointResult(
            name=self.name,
            bound=self.is_bound,
            bond_virtual_us=self.bound_ns / 1000 if self.bound_ns is not None else None,
            initiator=None if bond_only else self.initiator,
            initiator_reason=self.reason,
            messages_expected=counts.expected,
            messages_sent=counts.sent,
            messages_received=counts.got,
            bytes_received=counts.bytes_received,
            mismatches=counts.mismatches,
            messages_unanswered=self.unanswered,
            round_trip_virtual_us=counts.round_trips.summary_us(),
        )


class WatchedLane(Lane):
    """The endpoint ``name`` of an exchange between firmware on both cores, as ``watch`` sees it."""

    def __init__(self, name: str, watch: EndpointWatch) -> None:
        super().__init__(name, {})
        self._watch = watch
        self._seen = watch.endpoints[name]

    @property
    def is_bound(self) -> bool:
        """True while both sides have the endpoint."""
        return self.bound_ns is not None

    @property
    def bound_ns(self) -> int | None:
        """Virtual time at which both sides had the endpoint; None while they do not."""
        return self._watch.bound_ns(self.name)

    @property
    def heard(self) -> int:
        """Number of messages of who sends first."""
        return self._seen.sent

    @property
    def got(self) -> int:
        """Number of messages that were sent back."""
        return self._seen.got

    def counts(self, expected: int | None, stub: EndpointStats | None = None) -> Counts:
        """Return what was counted; where a stub sends first, the larger number of mismatches."""
        seen = self._seen
        self.initiator = self.initiator or seen.initiator
        sent, received = seen.sent, (seen.got, seen.bytes_received, seen.mismatches)
        if stub is not None:
            sent = stub.sent
            received = stub.received, stub.bytes_received, max(seen.mismatches, stub.mismatches)
        return Counts(expected, sent, *received, seen.round_trips, seen.lost)


class WatchedEndpoint(EchoPairs):
    """Messages and echoes of one endpoint; ``initiator`` is the core that sends first there, None until one does."""

    def __init__(
        self, initiator: str | None, limit: int | None, answer: Callable[[bytes], bytes] | None
    ) -> None:
        super().__init__(limit, answer)
        self.initiator = initiator


class EndpointWatch:
    """Counts messages and echoes between ``first`` (``config`` as this core has it) and ``second``, by endpoint.

    It watches from outside, and pairs what one side sends with what comes back. The core whose message comes first at
    an endpoint is the one that initiates there, unless ``initiator`` names it for all. Of an initiator without end
    ``limit`` messages are counted at each. Neither core has run yet. Call :meth:`look` in the condition of
    ``run_until``, which is asked after every slice.
    """

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        config: SeveralConfig,
        names: Sequence[str],
        *,
        peer_config: SeveralConfig | None = None,
        initiator: str | None = None,
        limit: int | None = None,
        answer: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.endpoints: Final = {name: WatchedEndpoint(initiator, limit, answer) for name in names}
        self.total = 0
        """Messages of both sides, at all endpoints."""
        self.others: Final[set[str]] = set()
        """Endpoints at which messages were seen that nobody asked for, by name or number."""
        self._cores: Final = {core.index: core.name for core in (first, second)}
        self._followed: Final = follow_endpoints(machine, first, second, config, names, peer_config)
        machine.events.add_sink(self._on_message, (EventKind.ENDPOINT_MESSAGE,))
        machine.events.add_sink(self._on_reset, (EventKind.CORE_RESET,))

    def look(self) -> None:
        """Look for what no doorbell has announced yet."""
        self._followed.look()

    def bound_ns(self, name: str) -> int | None:
        """Return the virtual time since when both sides have the endpoint; None while they have not."""
        return self._followed.bound_ns.get(name)

    @property
    def problems(self) -> list[str]:
        """The first thing that makes no sense in memory, then the first difference of each endpoint."""
        found: list[IcmsgError | str] = [*self._followed.problems[:1]]
        for name, endpoint in self.endpoints.items():
            if endpoint.first_difference is not None:
                found.append(f"endpoint {name}: {endpoint.first_difference}")
        return [str(one) for one in found]

    def _on_message(self, event: Event) -> None:
        news = event.news
        if event.core not in self._cores or not isinstance(news, EndpointMessage):
            return
        self.total += 1
        endpoint = self.endpoints.get(news.endpoint)
        if endpoint is None:
            self.others.add(news.endpoint)
            return
        core = self._cores[event.core]
        if endpoint.initiator is None:
            endpoint.initiator = core
        take = endpoint.message if core == endpoint.initiator else endpoint.echo
        take(news.payload, event.time_ns)

    def _on_reset(self, event: Event) -> None:
        if event.core in self._cores:
            for endpoint in self.endpoints.values():
                endpoint.give_up()
