"""News of a region that somebody follows: the details of the events that tell them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.errors import IcmsgError


@dataclass(frozen=True, slots=True)
class TxRegion:
    """The region at ``address`` that ``writer`` writes and ``reader`` reads, for one instance; cores by name."""

    instance: str
    writer: str
    reader: str
    address: int


@dataclass(slots=True)  # not frozen: that would take twice the time, for every doorbell
class Packets:
    """Packets that its writer has put into a region since the last look, from one index of the ring to another.

    Where the ring was followed without a gap, ``start`` is wr_idx as it was before, and ``end`` as it is now.
    """

    region: TxRegion
    start: int
    end: int
    payloads: Sequence[bytes]
    opens: bool = False
    """True if the first of them is the magic that opens the region."""


_BEGUN: Final = "initialised again"
_OVERWRITTEN: Final = "packets were overwritten unseen"


class RegionChange(enum.IntEnum):
    """Change of a region, beside packets."""

    BEGUN_ANEW = 1  # its writer has initialised it again
    BEGUN_OR_UNSEEN = 2  # the same, or more was written than could be followed
    UNSEEN = 3  # more was written than could be followed: packets were overwritten
    BAD_INDEX = 4  # its wr_idx cannot be one
    BROKEN = 5  # what lies before wr_idx is no packet
    UNREADABLE = 6  # the core that writes it does not reach it


@dataclass(frozen=True, slots=True)
class RegionChanged:
    """A region became something else; ``problem`` is what is wrong in words, ``error`` as a reader would say it."""

    region: TxRegion
    change: RegionChange
    problem: str = ""
    error: IcmsgError | None = None

    def __str__(self) -> str:
        if self.change is RegionChange.BEGUN_ANEW:
            return _BEGUN
        if self.change is RegionChange.BEGUN_OR_UNSEEN:
            return f"{_BEGUN}, or {_OVERWRITTEN}"
        return _OVERWRITTEN if self.change is RegionChange.UNSEEN else self.problem


@dataclass(frozen=True, slots=True)
class SessionPublished:
    """The reader of ``region`` has published a session id in its handshake word, or acknowledged one there."""

    region: TxRegion


@dataclass(frozen=True, slots=True)
class EndpointMessage:
    """A message for one of several endpoints that its writer has put into ``region``.

    ``block`` is where it begins, None for a backend without blocks.
    """

    region: TxRegion
    endpoint: str
    payload: bytes
    block: int | None = None


RegionNews = Packets | RegionChanged | SessionPublished | EndpointMessage
