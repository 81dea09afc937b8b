"""Findings of the diagnosis's rules, and words that several rules use."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
