"""Release of Zephyr, SoC and core that a side is built for, as far as its files or its options tell."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import BOARDS, DEFAULT, ZEPHYR_CORES, Board
from icmsg.config.instance import ZEPHYR_RX_READ_BUF_SIZE, InstanceConfig, Region
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.config.devicetree import Devicetree, MailboxNode
    from icmsg.config.icbmsg import Generation
    from icmsg.config.instance import Signalling, Wire
    from icmsg.config.kconfig import KconfigFacts

_RELEASE: Final = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d+)?(?:[-+].*)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """A Zephyr release, and what of it shows on the wire (protocol §3.7), where patch levels do not differ.

    >>> Release.parse("3.7").wire, Release.parse("3.7").signalling, Release.parse("3.7").sessions
    ('pbuf', 'repeat', False)
    """

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
    """All releases from ``first`` to ``last``, both included; no ``last`` = and newer.

    >>> print(Releases(Release(3, 3)) & Releases(Release(3, 1), Release(4, 0)))
    3.3 to 4.0
    """

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


_WORD: Final = re.compile(f"cpu({'|'.join(ZEPHYR_CORES)})")


def cores_in(text: str, board: Board | None = None) -> tuple[str, ...]:
    """Return the cores that ``text`` names, in its order: those of ``board``, else of any SoC of Nordic's."""
    text = text.lower()
    if board is not None:
        found = [role for role, words in board.qualifiers.items() if any(word in text for word in words)]
        if len(found) == 1:
            return tuple(found)
    return tuple(dict.fromkeys(_WORD.findall(text)))


def core_in(text: str, board: Board | None = None) -> str | None:
    """Return the one core that ``text`` names; None if it names none, or several."""
    found = cores_in(text, board)
    return found[0] if len(found) == 1 else None


def core_of(devicetree: Devicetree, board: Board | None = None) -> str | None:
    """Return the core that a file is for, None if it does not tell; ``board`` is the one that its SoC is known by."""
    texts = list(devicetree.compatible)
    if not devicetree.complete:
        texts.append(PurePath(devicetree.file).stem)
    texts += [node.rx_channel.mailbox.label for node in devicetree.instances]
    return next((core for text in texts if (core := core_in(text, board)) is not None), None)


_SAYS_NOTHING: Final = ("simple-bus",)
_PART: Final = re.compile(r"nrf\d+[a-z]*\d+")
_SEVERAL_SOCS: Final = ("vevif", "bellboard")
"""Parts of the names of mailboxes that more than one SoC has."""


def soc_of(devicetree: Devicetree, kconfig: KconfigFacts | None) -> str | None:
    """Return the SoC: the name of a board, that of another SoC or of its mailbox; None if nothing tells.

    It follows from CONFIG_SOC, else from ``compatible`` of the root and of ``/soc``, else from the name of an overlay,
    which a build looks for under that of the board, else from the mailbox. An overlay shows at most the mailbox's
    label, which is the same on some other SoCs; then the regions count, too.
    """
    named = kconfig.settings.get("SOC") if kconfig else None
    if named is not None and named.value:
        name = named.value.strip('"').lower()
        board = board_in(name)
        return board.name if board is not None else name
    names = [name for name in devicetree.compatible if name not in _SAYS_NOTHING]
    if names:
        board = next((found for name in names if (found := board_in(name)) is not None), None)
        return board.name if board is not None else names[-1]
    board = None if devicetree.complete else board_in(PurePath(devicetree.file).stem)
    if board is not None:
        return board.name
    boxes = list(_mailboxes(devicetree))
    for known in BOARDS.values():
        if not _is_of_several(known.mailbox) and any(known.mailbox in box.compatible for box in boxes):
            return known.name
    for box in boxes:
        if box.compatible:
            return box.compatible[0]
        if _is_of_several(box.label + box.path):
            return "nrf54"
    fits = all(_fits(box, DEFAULT) for box in boxes) and _could_be(devicetree, DEFAULT)
    return DEFAULT.name if fits else None


def board_in(text: str) -> Board | None:
    """Return the board whose SoC a ``compatible``, a board's name or CONFIG_SOC names, or None.

    A kit's name is no SoC's: ``nrf54l15dk_nrf54l10_cpuapp`` is an nRF54L10.
    """
    words = re.split(r"[^a-z0-9]+", text.lower())
    parts = [word for word in words if _PART.fullmatch(word)]
    if parts:
        return BOARDS.get(parts[-1])
    return next(
        (board for name, board in BOARDS.items() if any(word.startswith(name) for word in words)), None
    )


def _is_of_several(name: str) -> bool:
    return any(part in name for part in _SEVERAL_SOCS)


def _mailboxes(devicetree: Devicetree) -> Iterator[MailboxNode]:
    for node in devicetree.instances:
        yield node.tx_channel.mailbox
        yield node.rx_channel.mailbox


def _fits(box: MailboxNode, board: Board) -> bool:
    return not box.stand_in or box.label in board.labels or box.path.lstrip("&") in board.labels


def _could_be(devicetree: Devicetree, board: Board) -> bool:
    """Tell whether channels are those of a board's mailbox; one number for both ways is, in its RAM, a mistake."""
    for node in devicetree.instances:
        tx, rx = node.tx_channel, node.rx_channel
        if not tx.has_cell or not rx.has_cell:
            return False
        regions = node.tx_region.region, node.rx_region.region
        in_ram = all(region.address in board.ram and region.end <= board.ram.stop for region in regions)
        if tx.mailbox.stand_in and tx.number == rx.number and not in_ram:
            return False
    return True


_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""


def with_given(
    base: InstanceConfig, given: Mapping[str, Any], release: str | None = None, *, sessions: bool = False
) -> InstanceConfig:
    """Return ``base`` with the fields that are ``given``, with what ``release`` says, and with what follows from both.

    These are the rules of an instance given by hand, the same for options, verbs, keywords and fixtures.
    A release tells wire, signalling and the limits of both sides, and one without sessions ``unbound``; where the wire
    changes, the alignment is the usual one of the new wire. With sessions, on this side or (``sessions``) on the other,
    the alignment has room for the handshake word. What is given comes before what follows.

    Raises:
        ConfigurationError: that cannot work.
    """
    changes: dict[str, Any] = {} if release is None else _of_release(Release.parse(release), base)
    changes |= given
    for name in ("tx_region", "rx_region"):
        if isinstance(text := changes.get(name), str):
            changes[name] = region_of(name, text)
    if "dcache_alignment" not in given and (sessions or changes.get("unbound", base.unbound) != "disable"):
        alignment = changes.get("dcache_alignment", base.dcache_alignment)
        changes["dcache_alignment"] = max(alignment, _SESSION_ALIGNMENT)
    if changes.get("wire", base.wire) == "spsc_pbuf":
        changes.setdefault("signalling", "repeat")
    return replace(base, **changes)


def region_of(name: str, text: str) -> Region:
    """Return the region of ``ADDR:SIZE``; ConfigurationError, beginning with ``name``, otherwise."""
    try:
        return Region.parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name} {error}") from None


def _of_release(release: Release, base: InstanceConfig) -> dict[str, Any]:
    changes: dict[str, Any] = {"wire": release.wire, "signalling": release.signalling}
    changes |= dict.fromkeys(("rx_limit", "peer_rx_limit"), release.rx_limit)
    if not release.sessions:
        changes["unbound"] = "disable"
    if release.wire != base.wire:
        changes["dcache_alignment"] = SPSC_CACHE_LINE if release.wire == "spsc_pbuf" else 0
    return changes
