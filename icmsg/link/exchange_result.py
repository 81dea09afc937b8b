"""Result of an exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from icmsg.link.diagnosis.diagnosis import console_lines
from icmsg.machine.simtime import S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.link.endpoints.lane import EndpointResult
    from icmsg.link.players import Initiator
    from icmsg.link.verdict import Counts
    from icmsg.link.watch import LinkWatch
    from icmsg.machine.machine import CoreFaultRecord, Machine


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """Result of an exchange; times are virtual microseconds. ``problems`` says why it is not :attr:`ok`, in words."""

    bound: bool
    """True if both sides were bound at the end; a link that its own firmware ended after the last message counts."""
    messages_sent: int
    messages_received: int
    bytes_received: int
    mismatches: int
    bond_virtual_us: float | None
    round_trip_virtual_us: dict[str, float | None]
    virtual_s: float
    trace_sha256: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    """Warnings about what firmware did that nothing models; an exchange may be ok nevertheless."""
    consoles: dict[str, list[str]]
    bond_only: bool = False
    """Nothing was to be exchanged, so nothing is counted."""
    messages_expected: int | None = None
    """The number of messages asked for; None where nobody knows it."""
    messages_unanswered: int = 0
    """Messages that a core which Python plays received and did not send back."""
    messages_lost: int = 0
    """Messages whose echo a restart of a core has prevented."""
    are_echoes: bool = True
    """True if what came back are echoes; else both cores sent messages of their own."""
    initiator: str | None = None
    initiator_reason: str = ""
    restarts: dict[str, int] = field(default_factory=dict)
    """Resets of each core after it had started."""
    faults: tuple[CoreFaultRecord, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks that a reader of the figures should know; nothing that is wrong."""
    round_trip_note: str | None = None
    """A remark on what the smallest round trip does not say."""
    endpoints: tuple[EndpointResult, ...] = ()
    """The same for each endpoint, of a backend with several; the numbers above are their sums then."""

    @property
    def ok(self) -> bool:
        """True if both sides were bound, everything that was asked for came back, and nothing faulted."""
        return (
            self.bound
            and not self.problems
            and not self.mismatches
            and not self.faults
            and (
                self.bond_only
                or (
                    self.messages_received > 0
                    and (self.messages_received == self.messages_sent or not self.are_echoes)
                    and self.messages_expected in (None, self.messages_received)
                )
            )
        )


def lost(
    machine: Machine,
    seen: Initiator | LinkWatch | Counts,
    bond_ns: int | None,
    problem: str,
    earlier: Sequence[str] = (),
) -> ExchangeResult:
    """Return the result of a run whose engine has gone, from what is known without asking it.

    ``earlier`` are the problems of before; ``problem`` is left out where it only repeats one.
    """
    repeats = any(one in problem for one in earlier)
    return ExchangeResult(
        bound=False,
        messages_sent=seen.sent,
        messages_received=seen.got,
        bytes_received=seen.bytes_received,
        mismatches=seen.mismatches,
        bond_virtual_us=bond_ns / 1000 if bond_ns is not None else None,
        round_trip_virtual_us=seen.round_trips.summary_us(),
        virtual_s=machine.now_ns / S,
        trace_sha256="",
        problems=(*earlier,) if repeats else (problem, *earlier),
        warnings=(),
        consoles={core.name: console_lines(core) for core in machine.cores.values()},
    )
