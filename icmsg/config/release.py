"""Differences between Zephyr releases on the wire (protocol §3.7).

>>> Release.parse("3.7").wire, Release.parse("3.7").signalling, Release.parse("3.7").sessions
('pbuf', 'repeat', False)
>>> print(Releases(Release(3, 3)) & Releases(Release(3, 1), Release(4, 0)))
3.3 to 4.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.instance import ZEPHYR_RX_READ_BUF_SIZE
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.icbmsg_layout import Generation
    from icmsg.config.instance import Signalling
    from icmsg.config.layout import Wire

_RELEASE: Final = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d+)?(?:[-+].*)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """A Zephyr release; patch levels do not differ on the wire."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Release:
        """Return the release in ``text``: ``3.7``, ``3.7.1`` or ``v4.0.0-rc1``.

        Raises:
            ConfigurationError: no release, or one whose ICMsg this project does not speak.
        """
        found = _RELEASE.fullmatch(text.strip())
        if found is None:
            raise ConfigurationError(f"release {text!r}: use a Zephyr release such as 3.7 or 4.1")
        release = cls(int(found[1]), int(found[2]))
        if release < FIRST:
            raise ConfigurationError(
                f"release {text!r}: ICMsg came with Zephyr 3.1, and its packet buffer changed right after it; "
                f"use {FIRST} or newer"
            )
        return release

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def next(self) -> Release:
        """The release after this one; 4.0 came after 3.7."""
        return Release(4, 0) if (self.major, self.minor) == (3, 7) else Release(self.major, self.minor + 1)

    @property
    def wire(self) -> Wire:
        """The packet buffer."""
        return "pbuf" if self >= PBUF else "spsc_pbuf"

    @property
    def signalling(self) -> Signalling:
        """The signalling of a side while bonding: how often it rings."""
        return "ring-back" if self >= SESSIONS else "repeat"

    @property
    def sessions(self) -> bool:
        """Tell whether the devicetree property ``unbound`` exists."""
        return self >= SESSIONS

    @property
    def dcache_alignment(self) -> bool:
        """Tell whether the devicetree property ``dcache-alignment`` exists."""
        return self >= PBUF

    @property
    def generation(self) -> Generation | None:
        """The generation of ICBMsg; None before ICBMsg. 4.0 is taken as what its documentation says."""
        if self < ICBMSG_SINCE:
            return None
        return "rework" if self >= REWORK else "4.1" if self >= SESSIONS else "3.6"

    @property
    def rx_limit(self) -> int | None:
        """Longest payload in bytes that a receiver takes by default; None = no limit, or not known."""
        return ZEPHYR_RX_READ_BUF_SIZE if self >= RX_READ_BUF else None


FIRST: Final = Release(3, 2)
PBUF: Final = Release(3, 6)
RX_READ_BUF: Final = Release(4, 0)
SESSIONS: Final = Release(4, 1)
ICBMSG_SINCE: Final = PBUF
ICMSG_ME_SINCE: Final = Release(3, 3)
REWORK: Final = Release(4, 5)
"""The first release with the rework of ICBMsg."""
NEWEST: Final = Release(4, 4)
"""The newest release that the table was made from; later ones are taken to be the same."""
SPSC_CACHE_LINE: Final = 32
"""Default of CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE in bytes, Zephyr 3.3 to 3.5."""


@dataclass(frozen=True, slots=True)
class Releases:
    """All releases from ``first`` to ``last``, both included; no ``last`` = and newer."""

    first: Release = FIRST
    last: Release | None = None

    def __and__(self, other: Releases) -> Releases:
        lasts = [last for last in (self.last, other.last) if last is not None]
        return Releases(max(self.first, other.first), min(lasts, default=None))

    def __bool__(self) -> bool:
        return self.last is None or self.first <= self.last

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first} or newer"
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def newest(self) -> Release:
        """The newest of them, which is what is taken where they differ."""
        return self.last or max(self.first, NEWEST)

    @property
    def wires(self) -> frozenset[Wire]:
        """The packet buffers that they have."""
        return frozenset((self.first.wire, self.newest.wire))

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The generations of ICBMsg that they may have, the oldest first; 4.0 may have either classic one."""
        return tuple(generation for generation, releases in GENERATIONS.items() if self & releases)


GENERATIONS: Final[Mapping[Generation, Releases]] = {
    "3.6": Releases(ICBMSG_SINCE, Release(4, 0)),
    "4.1": Releases(Release(4, 0), Release(4, 4)),
    "rework": Releases(REWORK),
}
"""Releases that may have a generation of ICBMsg. In which of the two classic ones 4.0 is, is not known for sure."""
