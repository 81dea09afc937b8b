"""Findings of the diagnosis's rules, and words that several rules use.

Progress of two sides with bonding, told from what both regions hold, in words.

A region is called by its ``writer`` (the core for which it is ``tx-region``) and its ``reader``. Memory tells much, not
all: what was written last may be older than the sides, and packets overwrite the magic.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.ipc import MAGIC
from icmsg.wire.packet_buffer import are_acknowledged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.wire.inspect import RegionView


class Rank(enum.IntEnum):
    """Certainty that a finding names the cause; the surest are shown first."""

    FAULT = 0
    CAUSE = 1
    QUESTION = 2


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """``id`` stays the same from release to release, ``text`` is for a person."""

    id: str
    text: str
    rank: Rank = Rank.CAUSE


def counted(lines: Iterable[str]) -> list[str]:
    """Return each line once, in the order of their first, with the number of those that are equal."""
    return [f"{line} ({count}x)" if count > 1 else line for line, count in Counter(lines).items()]


def count_of(number: int, what: str) -> str:
    """Return ``1 packet``, ``2 packets``."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def listed(channels: Iterable[int]) -> str:
    """Return channels in ascending order."""
    return ", ".join(map(str, sorted(channels)))


def region_words(view: RegionView, back: RegionView | None, writer: str, reader: str) -> list[str]:
    """Return what one region tells about bonding; ``back`` is the region of the other direction, if it is known."""
    if view.handshake is None:
        return [_magic_words(view, writer, reader)]
    words = [_magic_words(view, writer, reader)] if view.first.startswith(MAGIC) else []
    writers = back.handshake[0] if back is not None and back.handshake is not None else None
    return [*words, session_words(view.handshake, writers, writer, reader)]


def _magic_words(view: RegionView, writer: str, reader: str) -> str:
    if view.first.startswith(MAGIC):
        if view.problem is not None:
            return f"{writer} wrote the magic"
        taken = "has" if view.rd_idx else "has not"
        return f"{writer} wrote the magic, {reader} {taken} taken it"
    if not view.wr_idx and not view.rd_idx:
        return f"{writer} has written nothing"
    return f"the first packet is not the magic: {shown_bytes(view.first[:13])}"


def shown_bytes(data: bytes) -> str:
    """Return bytes in hex and as text."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{data.hex(' ')} |{text}|" if data else "empty"


def session_words(handshake: tuple[int, int], writers: int | None, writer: str, reader: str) -> str:
    """Return what a handshake word says; ``writers`` is the session id that the writer has now, if it is known."""
    own, acknowledged = handshake
    if not own:
        left = f", but acknowledges {acknowledged}" if acknowledged else ""
        return f"{reader} has no session{left}: it has not opened its side, or closed it"
    if not acknowledged:
        return f"{reader} has session {own}, acknowledges nobody yet"
    text = f"{reader} has session {own}, acknowledges {acknowledged}"
    if writers is None or writers == acknowledged:
        return text
    now = f"has {writers} now" if writers else "has none now"
    return f"{text}; {writer} {now}: {reader} has to open again"


def link_is_bound(there: RegionView, back: RegionView) -> bool | None:
    """Return whether the two sides are bound, as far as memory tells, which outlives both sides; None = it does not."""
    views = (there, back)
    if there.handshake is not None and back.handshake is not None:
        if _acknowledged(there, back):
            return True
        if not all(view.first.startswith(MAGIC) for view in views):
            return False
    if all(view.first.startswith(MAGIC) for view in views):
        return all(view.rd_idx or view.problem for view in views)
    if any(_is_untouched(view) for view in views):
        return False
    return None


def _acknowledged(there: RegionView, back: RegionView) -> bool:
    if there.handshake is None or back.handshake is None:
        return False
    return are_acknowledged(there.handshake, back.handshake)


def _is_untouched(view: RegionView) -> bool:
    return not view.wr_idx and not view.rd_idx and not view.first.startswith(MAGIC)


def link_words(there: RegionView, back: RegionView) -> str:
    """Return :func:`link_is_bound` in words."""
    views = (there, back)
    bound = link_is_bound(there, back)
    if bound is None:
        return "memory does not say whether they are bound: no magic at both starts"
    magic = all(view.first.startswith(MAGIC) for view in views)
    sessions = there.handshake is not None and back.handshake is not None
    if bound and _acknowledged(there, back):
        return "memory says bound: each side acknowledges the other's session"
    if bound:
        return "memory says bound: each side has taken the other's magic"
    if magic:
        return "memory says not bound: the magic is not taken on both sides"
    if sessions:
        return "memory says not bound: the sessions are not acknowledged on both sides"
    return "memory says not bound: the magic is not written on both sides"
