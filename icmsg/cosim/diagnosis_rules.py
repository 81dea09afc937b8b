"""What can be wrong with a link, as a table of small rules over observed facts.

Each rule looks at one core or one direction and returns a finding or nothing. Its sentences stand here and nowhere
else, and follow from what was observed: a rule whose facts are not known says nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.cosim.bond_words import shown_bytes
from icmsg.hw.mailbox import channels_in
from icmsg.ipc import MAGIC
from icmsg.wire.inspect import packets_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.cosim.observations import CoreFacts, DirectionFacts, LinkFacts
    from icmsg.hw.mailbox import MailboxState

_MAGIC_END: Final = 4 + (len(MAGIC) + 3 & ~3)
_CONTROL: Final = ("DATA", "RELEASE_DATA", "BOUND", "RELEASE_BOUND")
_EXCEPTIONS: Final = {2: "NMI", 3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 11: "SVCall"}
_LAST_FAULT: Final = 6


class Rank(enum.IntEnum):
    """How sure a finding names the cause; the surest are shown first."""

    FAULT = 0
    CAUSE = 1
    QUESTION = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """``id`` stays the same from release to release, ``text`` is for a person."""

    id: str
    text: str
    rank: Rank = Rank.CAUSE


# A core


def in_fault_handler(core: CoreFacts, _link: LinkFacts) -> Finding | None:
    """Firmware does not leave a fault handler."""
    number = core.exception
    if not core.runs_firmware or number is None or not 1 < number <= _LAST_FAULT:
        return None
    name = _EXCEPTIONS[number]
    return Finding(
        "in-fault-handler", f"core {core.name} is in its {name} handler, at {core.place}", Rank.FAULT
    )


def in_handler(core: CoreFacts, _link: LinkFacts) -> Finding | None:
    """Firmware is in an interrupt handler, or runs with interrupts off; a healthy one sleeps or works in threads."""
    number = core.exception
    if not core.runs_firmware or core.asleep is not False or number is None:
        return None
    if number > _LAST_FAULT:
        name = _EXCEPTIONS.get(number, f"exception {number}" if number < 16 else f"interrupt {number - 16}")
        return Finding("in-handler", f"core {core.name} is in the handler of {name}, at {core.place}")
    masks = [name for name in ("FAULTMASK", "PRIMASK") if core.registers.get(name, 0) & 1]
    if masks and not number:
        return Finding("interrupts-masked", f"core {core.name} runs with {masks[0]} set, at {core.place}")
    return None


def halted(core: CoreFacts, _link: LinkFacts) -> Finding | None:
    """Firmware is there and does not run."""
    if core.core.image is None or core.instance is not None or not core.core.is_halted:
        return None
    held = getattr(core.core, "is_held", False)
    state = "held in reset" if held else "halted"
    return Finding("core-halted", f"core {core.name} is {state}: its firmware does not run")


def restarted(core: CoreFacts, link: LinkFacts) -> Finding | None:
    """A core was reset on the way."""
    if core.core.image is None or not core.resets or core.instance is not None:
        return None
    times = f"{core.resets} times" if core.resets > 1 else "once"
    rank = Rank.CAUSE if not link.bound and core.resets > 1 else Rank.QUESTION
    return Finding("core-reset", f"core {core.name} was reset {times}", rank)


def sent_early(core: CoreFacts, _link: LinkFacts) -> Finding | None:
    """A message went out before the other side's magic was taken."""
    if core.early_ns is None:
        return None
    return Finding(
        "sent-before-bound",
        f"{core.name} sent a message before it had taken the magic of the other side: it must wait for bound",
    )


def misfit(core: CoreFacts, link: LinkFacts) -> Finding | None:
    """The bytes of the other side have another layout or another way to bond."""
    traces = core.traces
    if link.bound or traces is None or traces.can_bond is not False:
        return None
    return Finding("does-not-fit", f"as {core.name} sees it: {traces.verdict}")


def magic_again(core: CoreFacts, link: LinkFacts) -> Finding | None:
    """The peer of a bound side starts over."""
    if core.instance is None or not core.instance.is_bound:
        return None
    direction = next(each for each in link.directions if each.reader is core)
    view = direction.view
    if view is None or view.rd_idx or not view.first.startswith(MAGIC) or view.wr_idx != _MAGIC_END:
        return None
    if not core.received and not core.sent and not direction.writer.resets:
        return None
    return Finding(
        "magic-again",
        f"the peer of {core.name} wrote the magic again: it restarted alone, which nobody is told in magic mode",
    )


# A direction: what lies in its region


def swapped(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The region's reader writes its data."""
    reader, writer = direction.reader, direction.writer
    if not reader.stores:
        return None
    store = reader.stores[0]
    return Finding(
        "regions-swapped",
        f"{reader.name} writes into the region that {writer.name} writes, at 0x{store.address:08X} in "
        f"{reader.core.locate(store.pc)}: are tx and rx swapped?",
    )


def elsewhere(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
    """The writer's packets lie in another place."""
    writer, view = direction.writer, direction.view
    if link.bound or view is None or view.wr_idx or writer.instance is not None or writer.stores:
        return None
    traces = direction.reader.traces
    if view.first == MAGIC or traces is None or traces.can_bond is not None:
        return None
    at = direction.magic_elsewhere
    if at is not None:
        return Finding(
            "region-elsewhere",
            f"nothing lies in the tx-region of {writer.name}, but 0x{at:08X} looks like the magic in another region: "
            f"is the tx-region of {writer.name} at another address?",
        )
    if sum(writer.rings.values()) and not writer.core.is_halted:
        return Finding(
            "rang-without-packet",
            f"{writer.name} rang mbox channel {_list(writer.rings)}, and nothing lies in its tx-region: does it write "
            "another region?",
            Rank.QUESTION,
        )
    return None


def index_missing(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
    """The packet is there and wr_idx is not."""
    view, writer = direction.view, direction.writer
    if link.bound or view is None or view.wr_idx or view.rd_idx or view.first != MAGIC or writer.resets:
        return None
    if writer.traces is None or direction.reader.traces is None or direction.reader.traces.can_bond is False:
        return None
    return Finding(
        "wr-idx-not-written",
        f"the magic of {writer.name} lies in its tx-region, but its wr_idx is 0: nobody can see the packet",
    )


def length_wrong(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
    """The length in front of the magic is not 13."""
    data, view = direction.data, direction.view
    if link.bound or view is None or data[4 : 4 + len(MAGIC)] != MAGIC or not view.wr_idx:
        return None
    stated, name = int.from_bytes(data[:2], "big"), direction.writer.name
    right = len(MAGIC)
    if int.from_bytes(data[:2], "little") == right:
        return Finding(
            "length-byte-order",
            f"{name} wrote 0x{stated:04X} as length of the magic: 0x{stated:04X} is {right} with its bytes swapped; "
            "lengths are big-endian",
        )
    if stated == right + 4:
        return Finding(
            "length-includes-header",
            f"{name} wrote {stated} as length of the magic, which has {right} bytes: its length includes the 4 bytes "
            "of the header",
        )
    if 0 < stated < right:
        return Finding(
            "magic-length", f"{name} wrote {stated} as length of the magic, which has {right} bytes"
        )
    return None


def wrong_magic(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
    """The first packet is no magic."""
    view, first = direction.view, direction.data[4 : 4 + len(MAGIC)]
    if link.bound or view is None or direction.writer.config.unbound != "disable" or not view.wr_idx:
        return None
    if first == MAGIC or direction.writer.config.wire != "pbuf" or view.problem is not None:
        return None
    alike = sum(ours == theirs for ours, theirs in zip(MAGIC, first, strict=False))
    if len(view.first) == len(MAGIC) and alike > len(MAGIC) // 2:
        return Finding(
            "magic-misspelt",
            f"{direction.writer.name} wrote another magic: {shown_bytes(first)}, the right one is |{MAGIC.decode()}|",
        )
    return None


def read_other_length(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
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
        return Finding(
            "length-read-swapped",
            f"{name} moved its rd_idx to {view.rd_idx}, as if the magic had {opposite} bytes: it reads the length "
            f"0x{len(MAGIC):04X} with its bytes swapped; lengths are big-endian",
        )
    return Finding(
        "rd-idx-wrong",
        f"{name} moved its rd_idx to {view.rd_idx}, where no packet begins: does it read another length or header?",
    )


def wraps_early(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The writer's index went back to the start, and the end of the data was never written."""
    view, layout, writer = direction.view, direction.layout, direction.writer
    if view is None or view.problem is None or writer.instance is not None or view.rd_idx % 4:
        return None
    if not view.wr_idx < view.rd_idx < layout.data_length or any(direction.data[view.rd_idx :]):
        return None
    return Finding(
        "region-smaller",
        f"{writer.name} went back to the start of its region behind index {view.rd_idx}, and never wrote the "
        f"{layout.data_length - view.rd_idx} bytes behind it: is the region smaller on {writer.name}?",
    )


def size_differs(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
    """An index is a good one in a region of another size only."""
    view, layout = direction.view, direction.layout
    if view is None or view.problem is None:
        return None
    for index, side, name in (
        (view.wr_idx, direction.writer, "wr_idx"),
        (view.rd_idx, direction.reader, "rd_idx"),
    ):
        if side.instance is not None or index < layout.data_length and not index % 4:
            continue
        if index % 4:
            return Finding(
                "index-unaligned", f"{side.name} wrote {index} as {name}: indices are multiples of 4"
            )
        return Finding(
            "index-beyond",
            f"{side.name} wrote {index} as {name}, and its region has {layout.data_length} data bytes here: is the "
            f"region larger on {side.name}?",
        )
    return None


def not_published(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The reader takes packets and keeps rd_idx to itself."""
    view, back, reader = direction.view, direction.back, direction.reader
    if view is None or back is None or reader.instance is not None or view.rd_idx or view.problem is not None:
        return None
    answered = sum(direction.writer.received.values())
    if not answered or not view.packets or view.packets[0].payload != MAGIC or reader.early_ns is not None:
        return None
    return Finding(
        "rd-idx-not-published",
        f"{reader.name} has sent {_count(answered, 'message')}, but its rd_idx is still 0 and the magic in front of it: "
        "it does not write its rd_idx, so the region fills up",
    )


def looks_like_icbmsg(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The first packet behind the magic is a control message of ICBMsg."""
    data, view = direction.data, direction.view
    if view is None or data[4 : 4 + len(MAGIC)] != MAGIC or view.wr_idx < _MAGIC_END + 8:
        return None
    packet = data[_MAGIC_END : _MAGIC_END + 7]
    if packet[:4] != b"\x00\x03\x00\x00" or packet[4] not in (2, 3) or direction.writer.instance is not None:
        return None
    if sum(direction.writer.received.values()) or 3 in direction.reader.sent:
        return None
    return Finding(
        "icbmsg",
        f"this looks like ICBMsg: the first message of {direction.writer.name} is {packet[4:].hex(' ')}, a control "
        f"message ({_CONTROL[packet[4]]} of endpoint {packet[5]}, block {packet[6]}); icmsg speaks ICMsg",
    )


# A direction: doorbells on their way


def rings_other_channel(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    writer, reader, rings = direction.writer, direction.reader, direction.writer.rings
    if writer.instance is not None or not rings or direction.rings:
        return None
    if reader.instance is not None:
        listens = 1 << direction.channel
    else:
        listens = _listens(reader.mailbox) if reader.mailbox is not None else 0
    if not listens or any(listens >> channel & 1 for channel in rings):
        return None
    return Finding(
        "wrong-channel",
        f"{writer.name} rings mbox channel {_list(rings)}, {reader.name} listens to {_channels(listens)}",
    )


def never_rang(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    writer, view = direction.writer, direction.view
    if not writer.runs_firmware or writer.rings or not direction.waiting or view is None:
        return None
    return Finding(
        "never-rang",
        f"{writer.name} wrote {_count(direction.waiting, 'packet')} and never rang a mbox channel",
    )


def did_not_ring(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """Python takes a packet at each doorbell, so one that waits had none."""
    writer, reader, view = direction.writer, direction.reader, direction.view
    if reader.instance is None or not writer.runs_firmware or not direction.rings or view is None:
        return None
    if not direction.waiting or view.problem is not None or reader.mailbox is None or direction.lost:
        return None
    if not (direction.heard_on or 0) >> direction.channel & 1:
        return None
    if reader.mailbox.latched >> direction.channel & 1 or not _takes(reader, view.packets[0].payload):
        return None
    what = "a packet" if direction.waiting == 1 else f"{direction.waiting} packets"
    return Finding(
        "not-rung",
        f"{writer.name} wrote {what} and has not rung mbox channel {direction.channel} for it: all of its "
        f"{_count(direction.rings, 'doorbell')} came before",
    )


def _takes(reader: CoreFacts, packet: bytes) -> bool:
    limit = reader.config.rx_limit
    instance = reader.instance
    return (
        instance is not None
        and instance.state.name not in ("OFF", "DISCONNECTED")
        and (limit is None or len(packet) <= limit)
    )


def not_connected(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """Rings of the channel go nowhere: SEND_CNF."""
    mailbox, writer = direction.writer.mailbox, direction.writer
    if (
        mailbox is None
        or writer.instance is not None
        or not direction.rings
        or mailbox.sends[direction.channel]
    ):
        return None
    return Finding(
        "channel-not-connected",
        f"{writer.name} rings mbox channel {direction.channel}, but {mailbox.words.sends.format(direction.channel)} of "
        f"{writer.name} is 0: the ring signals nothing",
    )


def not_received(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The reader's mailbox does not latch the channel: RECEIVE_CNF."""
    mailbox, reader, heard = direction.reader.mailbox, direction.reader, direction.heard_on
    writer, channel = direction.writer, direction.channel
    if mailbox is None or reader.instance is not None or heard is None or heard or not direction.rings:
        return None
    if writer.mailbox is None or not writer.mailbox.sends[channel] or not direction.waiting:
        return None
    if _untouched(reader, direction):
        return Finding(
            "not-opened",
            f"{reader.name} has set up no mbox channel and written nothing: it has not opened its side",
        )
    others = _listens(mailbox) & ~(1 << channel)
    if others:
        return Finding(
            "listens-elsewhere",
            f"{writer.name} rings mbox channel {channel}, {reader.name} listens to {_channels(others)}",
        )
    return Finding(
        "channel-not-received",
        f"{writer.name} rings mbox channel {channel}, but {reader.name} does not receive it: "
        f"{mailbox.words.hears.format(channel)} of {reader.name} is 0x{mailbox.hears[channel]:04X}",
    )


def _untouched(core: CoreFacts, direction: DirectionFacts) -> bool:
    """Whether a core has done nothing about its instance: no register of its mailbox, no word of its tx-region."""
    mailbox, back = core.mailbox, direction.back
    if mailbox is None or back is None or core.rings or core.stores:
        return False
    return not (any(mailbox.hears) or any(mailbox.sends) or mailbox.enabled or back.wr_idx or back.first)


def _listens(mailbox: MailboxState) -> int:
    return sum(1 << own for own, signals in enumerate(mailbox.hears) if signals) & mailbox.enabled


def not_enabled(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The event is latched and the mailbox does not interrupt: INTEN."""
    mailbox, reader, heard = direction.reader.mailbox, direction.reader, direction.heard_on
    if mailbox is None or not heard or reader.instance is not None or not direction.waiting:
        return None
    latched = heard & mailbox.latched
    if not latched or latched & mailbox.enabled:
        return None
    channel = channels_in(latched)[0]
    return Finding(
        "channel-not-enabled",
        f"channel {channel} is latched at {reader.name}, but {mailbox.words.enables} of {reader.name} is "
        f"0x{mailbox.enabled:04X} and does not enable it: no interrupt",
    )


def interrupt_held_back(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The mailbox interrupts and the core does not take it."""
    mailbox, reader, heard = direction.reader.mailbox, direction.reader, direction.heard_on
    interrupt = reader.interrupt
    if mailbox is None or not heard or interrupt is None or not direction.waiting:
        return None
    due = heard & mailbox.latched & mailbox.enabled
    if not due:
        return None
    channel = channels_in(due)[0]
    number = interrupt.number
    up = f"channel {channel} is latched at {reader.name} and the line is up, but"
    if interrupt.active:
        return Finding(
            "event-not-cleared",
            f"{reader.name} is in the handler of interrupt {number}, and {mailbox.words.event.format(channel)} is still "
            f"latched, at {reader.place}",
            Rank.QUESTION,
        )
    if not interrupt.enabled:
        others = [each for each in reader.enabled_interrupts if each != number]
        instead = f" (enabled: {', '.join(map(str, others))})" if others else ""
        return Finding(
            "interrupt-not-enabled",
            f"{up} interrupt {number} is not enabled in the NVIC of {reader.name}{instead}",
        )
    return _masked(reader, number, interrupt.priority, up)


def _masked(reader: CoreFacts, number: int, priority: int, up: str) -> Finding | None:
    registers = reader.registers
    for register in ("FAULTMASK", "PRIMASK"):
        if registers.get(register, 0) & 1:
            return Finding(
                "interrupt-masked",
                f"{up} {register} of {reader.name} is set and holds interrupt {number} back, at {reader.place}",
            )
    base = registers.get("BASEPRI", 0)
    if base and priority >= base:
        return Finding(
            "interrupt-masked",
            f"{up} BASEPRI of {reader.name} is 0x{base:02X} and holds interrupt {number} (priority 0x{priority:02X}) back, "
            f"at {reader.place}",
        )
    return None


def left_lying(direction: DirectionFacts, _link: LinkFacts) -> Finding | None:
    """The doorbell was handled, the core sleeps, and packets wait."""
    mailbox, reader, heard, view = (
        direction.reader.mailbox,
        direction.reader,
        direction.heard_on,
        direction.view,
    )
    if (
        mailbox is None
        or not heard
        or view is None
        or not reader.asleep
        or not direction.waiting
        or direction.lost
    ):
        return None
    if heard & mailbox.latched or not heard & mailbox.enabled or not direction.rings:
        return None
    if reader.interrupt is None or not reader.interrupt.enabled or reader.interrupt.pending:
        return None
    if not reader.interrupts:
        return Finding(
            "rung-before-listening",
            f"{_count(direction.waiting, 'packet')} for {reader.name}: {direction.writer.name} rang mbox channel "
            f"{direction.channel} before {reader.name} received it, or {reader.name} cleared the event unseen",
            Rank.QUESTION,
        )
    back = direction.back
    if not view.rd_idx and back is not None and back.wr_idx > _MAGIC_END:
        return None  # it takes packets and does not say so
    waits = (
        f"{_count(direction.waiting, 'packet')} wait{'s' if direction.waiting == 1 else ''} for {reader.name}"
    )
    if not view.rd_idx and view.packets[0].payload == MAGIC:
        return Finding(
            "woken-and-not-taken",
            f"{waits}, its event is cleared and it sleeps: it was rung and did not take the magic: does it read "
            "another region?",
        )
    if direction.waiting == 1:
        return Finding(
            "packet-left", f"{waits}, its event is cleared and it sleeps: it was rung and left the packet"
        )
    return Finding(
        "one-packet-per-doorbell",
        f"{waits}, its event is cleared and it sleeps: does it take one packet per doorbell? Several may lie there for one",
    )


# A direction: messages and answers


def too_long(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
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
    return Finding(
        "longer-than-answered",
        f"a message of {size} bytes {state} and has no answer; the longest that {reader.name} answered has {longest}: is "
        f"its receive buffer smaller? (CONFIG_PBUF_RX_READ_BUF_SIZE of {reader.name})",
        Rank.QUESTION,
    )


def no_answer(direction: DirectionFacts, link: LinkFacts) -> Finding | None:
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
    rang = _count(answers.rings, "doorbell")
    if (
        direction.waiting
        or view.rd_idx != view.wr_idx
        or answers.waiting
        or answers.view is None
        or answers.view.problem
    ):
        return None
    what = "none" if not got else f"{got} of them"
    return Finding(
        "taken-not-answered",
        f"{reader.name} took {_count(sent, 'message')} of {writer.name} and answered {what}; it rang mbox channel "
        f"{answers.channel} {rang.split()[0]} time{'s' if answers.rings != 1 else ''}",
    )


CORE_RULES: Final[tuple[Callable[[CoreFacts, LinkFacts], Finding | None], ...]] = (
    in_fault_handler,
    in_handler,
    halted,
    sent_early,
    misfit,
    magic_again,
    restarted,
)
DIRECTION_RULES: Final[tuple[Callable[[DirectionFacts, LinkFacts], Finding | None], ...]] = (
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
    rings_other_channel,
    never_rang,
    did_not_ring,
    not_connected,
    not_received,
    not_enabled,
    interrupt_held_back,
    left_lying,
    too_long,
    no_answer,
)


def findings(link: LinkFacts) -> list[Finding]:
    """Return what all rules find, the surest first."""
    found = [rule(core, link) for rule in CORE_RULES for core in link.cores]
    found += [rule(direction, link) for rule in DIRECTION_RULES for direction in link.directions]
    unique = {finding.text: finding for finding in found if finding is not None}
    return sorted(unique.values(), key=lambda finding: finding.rank)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _list(channels: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(channels)))


def _channels(mask: int) -> str:
    return ", ".join(map(str, channels_in(mask)))
