"""Findings: their words, and the rules that find faults of what lies in a region, of messages and their answers.

The rules look at observed facts. A region is called by its ``writer`` (the core for which it is ``tx-region``) and its
``reader``. Memory tells much, not all: what was written last may be older than the sides, and packets overwrite the
magic.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.ipc import MAGIC
from icmsg.ipc.bonding import MAGIC_END
from icmsg.wire.inspect import packets_between
from icmsg.wire.packet_buffer import are_acknowledged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.link.diagnosis.observations import DirectionFacts, LinkFacts
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


_CONTROL: Final = ("DATA", "RELEASE_DATA", "BOUND", "RELEASE_BOUND")


def swapped(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The region's reader writes its data."""
    reader, writer = direction.reader, direction.writer
    if not reader.stores:
        return None
    store = reader.stores[0]
    return LinkFinding(
        "regions-swapped",
        f"{reader.name} writes into the region that {writer.name} writes, at 0x{store.address:08X} in "
        f"{reader.core.locate(store.pc)}: are tx and rx swapped?",
    )


def elsewhere(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """The writer's packets lie in another place."""
    writer, view = direction.writer, direction.view
    if link.bound or view is None or view.wr_idx or writer.instance is not None or writer.stores:
        return None
    traces = direction.reader.traces
    if view.first == MAGIC or traces is None or traces.can_bond is not None:
        return None
    at = direction.magic_elsewhere
    if at is not None:
        return LinkFinding(
            "region-elsewhere",
            f"nothing lies in the tx-region of {writer.name}, but 0x{at:08X} looks like the magic in another region: "
            f"is the tx-region of {writer.name} at another address?",
        )
    if sum(writer.rings.values()) and not writer.core.is_halted:
        return LinkFinding(
            "rang-without-packet",
            f"{writer.name} rang mbox channel {listed(writer.rings)}, and nothing lies in its tx-region: does it write "
            "another region?",
            Rank.QUESTION,
        )
    return None


def index_missing(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """The packet is there and wr_idx is not."""
    view, writer = direction.view, direction.writer
    if link.bound or view is None or view.wr_idx or view.rd_idx or view.first != MAGIC or writer.resets:
        return None
    if writer.traces is None or direction.reader.traces is None or direction.reader.traces.can_bond is False:
        return None
    return LinkFinding(
        "wr-idx-not-written",
        f"the magic of {writer.name} lies in its tx-region, but its wr_idx is 0: nobody can see the packet",
    )


def length_wrong(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """The length in front of the magic is not 13."""
    data, view = direction.data, direction.view
    if link.bound or view is None or data[4 : 4 + len(MAGIC)] != MAGIC or not view.wr_idx:
        return None
    stated, name = int.from_bytes(data[:2], "big"), direction.writer.name
    right = len(MAGIC)
    if int.from_bytes(data[:2], "little") == right:
        return LinkFinding(
            "length-byte-order",
            f"{name} wrote 0x{stated:04X} as length of the magic: 0x{stated:04X} is {right} with its bytes swapped; "
            "lengths are big-endian",
        )
    if stated == right + 4:
        return LinkFinding(
            "length-includes-header",
            f"{name} wrote {stated} as length of the magic, which has {right} bytes: its length includes the 4 bytes "
            "of the header",
        )
    if 0 < stated < right:
        return LinkFinding(
            "magic-length", f"{name} wrote {stated} as length of the magic, which has {right} bytes"
        )
    return None


def wrong_magic(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """The first packet is no magic."""
    view, first = direction.view, direction.data[4 : 4 + len(MAGIC)]
    if link.bound or view is None or direction.writer.config.unbound != "disable" or not view.wr_idx:
        return None
    if first == MAGIC or direction.writer.config.wire != "pbuf" or view.problem is not None:
        return None
    alike = sum(ours == theirs for ours, theirs in zip(MAGIC, first, strict=False))
    if len(view.first) == len(MAGIC) and alike > len(MAGIC) // 2:
        return LinkFinding(
            "magic-misspelt",
            f"{direction.writer.name} wrote another magic: {shown_bytes(first)}, the right one is |{MAGIC.decode()}|",
        )
    return None


def read_other_length(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The reader stepped to where no packet begins."""
    view, layout = direction.view, direction.layout
    if view is None or view.first != MAGIC or direction.reader.instance is not None or layout.wire != "pbuf":
        return None
    if view.wr_idx >= layout.data_length or view.wr_idx % 4:
        return None
    packets, problem = packets_between(direction.data, 0, view.wr_idx)
    begins = {packet.index for packet in packets}
    if problem is not None or not begins or view.rd_idx in begins | {view.wr_idx}:
        return None
    name = direction.reader.name
    opposite = int.from_bytes(direction.data[:2], "little")
    if view.rd_idx == (4 + opposite + 3 & ~3) % layout.data_length:
        return LinkFinding(
            "length-read-swapped",
            f"{name} moved its rd_idx to {view.rd_idx}, as if the magic had {opposite} bytes: it reads the length "
            f"0x{len(MAGIC):04X} with its bytes swapped; lengths are big-endian",
        )
    return LinkFinding(
        "rd-idx-wrong",
        f"{name} moved its rd_idx to {view.rd_idx}, where no packet begins: does it read another length or header?",
    )


def wraps_early(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The writer's index went back to the start, and the end of the data was never written."""
    view, layout, writer = direction.view, direction.layout, direction.writer
    if view is None or view.problem is None or writer.instance is not None or view.rd_idx % 4:
        return None
    if not view.wr_idx < view.rd_idx < layout.data_length or any(direction.data[view.rd_idx :]):
        return None
    return LinkFinding(
        "region-smaller",
        f"{writer.name} went back to the start of its region behind index {view.rd_idx}, and never wrote the "
        f"{layout.data_length - view.rd_idx} bytes behind it: is the region smaller on {writer.name}?",
    )


def size_differs(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """An index is a good one in a region of another size only."""
    view, layout = direction.view, direction.layout
    if view is None or view.problem is None:
        return None
    for index, side, name in (
        (view.wr_idx, direction.writer, "wr_idx"),
        (view.rd_idx, direction.reader, "rd_idx"),
    ):
        if side.instance is not None or (index < layout.data_length and not index % 4):
            continue
        if index % 4:
            return LinkFinding(
                "index-unaligned", f"{side.name} wrote {index} as {name}: indices are multiples of 4"
            )
        return LinkFinding(
            "index-beyond",
            f"{side.name} wrote {index} as {name}, and its region has {layout.data_length} data bytes here: is the "
            f"region larger on {side.name}?",
        )
    return None


def not_published(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The reader takes packets and keeps rd_idx to itself."""
    view, back, reader = direction.view, direction.back, direction.reader
    if view is None or back is None or reader.instance is not None or view.rd_idx or view.problem is not None:
        return None
    answered = sum(direction.writer.received.values())
    if not answered or not view.packets or view.packets[0].payload != MAGIC:
        return None
    return LinkFinding(
        "rd-idx-not-published",
        f"{reader.name} has sent {count_of(answered, 'message')}, but its rd_idx is still 0 and the magic in front of "
        "it: it does not write its rd_idx, so the region fills up",
    )


def looks_like_icbmsg(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The first packet behind the magic is a control message of ICBMsg."""
    data, view = direction.data, direction.view
    if view is None or data[4 : 4 + len(MAGIC)] != MAGIC or view.wr_idx < MAGIC_END + 8:
        return None
    packet = data[MAGIC_END : MAGIC_END + 7]
    if packet[:4] != b"\x00\x03\x00\x00" or packet[4] not in (2, 3) or direction.writer.instance is not None:
        return None
    if 3 in direction.reader.sent and not direction.reader.heard_first:
        return None  # perhaps the echo of Python's own message
    return LinkFinding(
        "icbmsg",
        f"this looks like ICBMsg: the first message of {direction.writer.name} is {packet[4:].hex(' ')}, a control "
        f"message ({_CONTROL[packet[4]]} of endpoint {packet[5]}, block {packet[6]}); icmsg speaks ICMsg",
    )


def too_long(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """Everything up to some length came back, and nothing longer."""
    writer, reader, view = direction.writer, direction.reader, direction.view
    if writer.instance is None or not writer.received or reader.instance is not None or view is None:
        return None
    if link.faults.get(reader.name) or view.problem is not None:
        return None
    if direction.waiting and (reader.mailbox is None or (direction.heard_on or 0) & reader.mailbox.latched):
        return None
    unanswered = {size for size, count in writer.sent.items() if count > writer.received.get(size, 0)}
    longest = max(writer.received)
    if not unanswered or min(unanswered) <= longest:
        return None
    size = min(unanswered)
    state = "waits" if direction.waiting else "was taken"
    return LinkFinding(
        "longer-than-answered",
        f"a message of {size} bytes {state} and has no answer; the longest that {reader.name} answered has {longest}: "
        f"is its receive buffer smaller? (CONFIG_PBUF_RX_READ_BUF_SIZE of {reader.name})",
        Rank.QUESTION,
    )


def no_answer(direction: DirectionFacts, link: LinkFacts) -> LinkFinding | None:
    """All was taken and nothing, or too little, came back."""
    writer, reader, view = direction.writer, direction.reader, direction.view
    if not link.bound or writer.instance is None or reader.instance is not None or view is None:
        return None
    sent, got = sum(writer.sent.values()), sum(writer.received.values())
    if link.faults.get(reader.name):
        return None
    if not sent or got >= sent or view.problem is not None:
        return None
    answers = link.directions[0] if link.directions[1] is direction else link.directions[1]
    if (
        direction.waiting
        or view.rd_idx != view.wr_idx
        or answers.waiting
        or answers.view is None
        or answers.view.problem
    ):
        return None
    what = "none" if not got else f"{got} of them"
    return LinkFinding(
        "taken-not-answered",
        f"{reader.name} took {count_of(sent, 'message')} of {writer.name} and answered {what}; it rang mbox channel "
        f"{answers.channel} {answers.rings} time{'s' if answers.rings != 1 else ''}",
    )


MEMORY_RULES: Final[tuple[Callable[[DirectionFacts, LinkFacts], LinkFinding | None], ...]] = (
    swapped,
    elsewhere,
    index_missing,
    length_wrong,
    wrong_magic,
    read_other_length,
    wraps_early,
    size_differs,
    not_published,
    looks_like_icbmsg,
    too_long,
    no_answer,
)
