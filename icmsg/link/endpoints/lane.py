"""Endpoint of an exchange: who plays its two ends, and what was counted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.ipc import AtEndpoint
from icmsg.ipc.happened import RECEIVED, SENT
from icmsg.link.players import Initiator
from icmsg.link.verdict import Counts
from icmsg.link.workload import RoundTrips

if TYPE_CHECKING:
    from icmsg.ipc import Detail, Happened
    from icmsg.link.players import Responder

_NOTHING: Final = (0, 0)


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


class Traffic:
    """Messages of one side by endpoint; an observer of its backend."""

    def __init__(self) -> None:
        self.sent: Final[dict[str, tuple[int, int]]] = {}
        """(messages, bytes) by endpoint."""
        self.received: Final[dict[str, tuple[int, int]]] = {}
        self.total = 0
        """All messages of both directions."""

    def observe(self, kind: Happened, detail: Detail) -> None:
        """Count one event of the backend."""
        if kind not in (SENT, RECEIVED) or not isinstance(detail, AtEndpoint):
            return
        if isinstance(detail.detail, bytes):
            counts = self.sent if kind is SENT else self.received
            messages, octets = counts.get(detail.endpoint, _NOTHING)
            counts[detail.endpoint] = messages + 1, octets + len(detail.detail)
            self.total += 1


class Lane:
    """The endpoint ``name`` of an exchange; ``players`` are those of the cores that Python plays.

    ``initiator`` is the core that sends first there, and ``reason`` why; both may change until messages flow.
    """

    def __init__(self, name: str, players: dict[str, Responder], traffic: dict[str, Traffic]) -> None:
        self.name: Final = name
        self.players: Final = players
        self.initiator: str | None = None
        self.reason = ""
        self._traffic = traffic
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
        return sum(traffic.received.get(self.name, _NOTHING)[0] for traffic in self._traffic.values())

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
    def got(self) -> int:
        """Number of messages that came back to who sent first."""
        if self.sender is not None:
            return self.sender.got
        return sum(traffic.sent.get(self.name, _NOTHING)[0] for traffic in self._traffic.values())

    def counts(self, expected: int | None) -> Counts:
        """Return what was counted; ``expected`` is how many messages were asked for."""
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
        octets = sum(traffic.sent.get(self.name, _NOTHING)[1] for traffic in self._traffic.values())
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
