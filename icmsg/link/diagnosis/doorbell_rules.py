"""Rules that find the fault of a doorbell on its way from core to core, over observed facts.

The names of registers come from the mailbox (:class:`icmsg.hw.mailbox.MailboxWords`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.mailbox import channels_in
from icmsg.ipc import MAGIC
from icmsg.ipc.bonding import MAGIC_END
from icmsg.link.diagnosis.findings import LinkFinding, Rank, count_of, listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.hw.mailbox import MailboxState
    from icmsg.link.diagnosis.observations import CoreFacts, DirectionFacts, LinkFacts

_MIE: Final = 1 << 3
_ERRATA_16: Final = ", or is the work-around for errata 16 of the nRF54L in one of the images alone"


def rings_other_channel(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The writer rings, and never the channel to which the reader listens."""
    writer, reader, rings = direction.writer, direction.reader, direction.writer.rings
    if writer.instance is not None or not rings or direction.rings:
        return None
    listens = _listens(reader.mailbox) if reader.mailbox is not None else 0
    if not listens or any(listens >> channel & 1 for channel in rings):
        return None
    return LinkFinding(
        "wrong-channel",
        f"{writer.name} rings mbox channel {listed(rings)}, {reader.name} listens to {listed(channels_in(listens))}",
    )


def never_rang(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """A packet is there, and no doorbell of any channel."""
    writer, view = direction.writer, direction.view
    if not writer.runs_firmware or writer.rings or not direction.waiting or view is None:
        return None
    return LinkFinding(
        "never-rang",
        f"{writer.name} wrote {count_of(direction.waiting, 'packet')} and never rang a mbox channel",
    )


def did_not_ring(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
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
    return LinkFinding(
        "not-rung",
        f"{writer.name} wrote {what} and has not rung mbox channel {direction.channel} for it: all of its "
        f"{count_of(direction.rings, 'doorbell')} came before",
    )


def _takes(reader: CoreFacts, packet: bytes) -> bool:
    limit = reader.config.rx_limit
    instance = reader.instance
    return (
        instance is not None
        and instance.state.name not in ("OFF", "DISCONNECTED")
        and (limit is None or len(packet) <= limit)
    )


def lost(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """Somebody asked for doorbells to be lost, and a packet waits."""
    if not direction.lost or not direction.waiting:
        return None
    doorbells = count_of(direction.lost, "doorbell")
    return LinkFinding("doorbell-lost", f"{doorbells} of {direction.writer.name} lost: a fault was injected")


def not_connected(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """Rings of the channel go nowhere: SEND_CNF."""
    mailbox, writer = direction.writer.mailbox, direction.writer
    if (
        mailbox is None
        or writer.instance is not None
        or not direction.rings
        or mailbox.sends[direction.channel]
    ):
        return None
    return LinkFinding(
        "channel-not-connected",
        f"{writer.name} rings mbox channel {direction.channel}, but {mailbox.words.sends.format(direction.channel)} of "
        f"{writer.name} is 0: the ring signals nothing",
    )


def not_received(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The reader's mailbox does not latch the channel: RECEIVE_CNF."""
    mailbox, reader, heard = direction.reader.mailbox, direction.reader, direction.heard_on
    writer, channel = direction.writer, direction.channel
    if mailbox is None or not reader.runs_firmware or heard is None or heard or not direction.rings:
        return None
    if writer.mailbox is None or not writer.mailbox.sends[channel] or not direction.waiting:
        return None
    if _untouched(reader, direction):
        return _not_opened(reader)
    others = _listens(mailbox) & ~(1 << channel)
    if others:
        return LinkFinding(
            "listens-elsewhere",
            f"{writer.name} rings mbox channel {channel}, {reader.name} listens to {listed(channels_in(others))}",
        )
    return LinkFinding(
        "channel-not-received",
        f"{writer.name} rings mbox channel {channel}, but {reader.name} does not receive it: "
        f"{mailbox.words.hears.format(channel)} of {reader.name} is 0x{mailbox.hears[channel]:04X}",
    )


def _untouched(core: CoreFacts, direction: DirectionFacts) -> bool:
    """Tell whether a core has done nothing about its instance: no register of its mailbox, no word of its tx-region."""
    mailbox, back = core.mailbox, direction.back
    if mailbox is None or back is None or core.rings or core.stores:
        return False
    return not (mailbox.is_set_up or back.wr_idx or back.first)


def _not_opened(core: CoreFacts) -> LinkFinding:
    return LinkFinding(
        "not-opened",
        f"{core.name} has set up no mbox channel and written nothing: it has not opened its side",
    )


def _listens(mailbox: MailboxState) -> int:
    return sum(1 << own for own, signals in enumerate(mailbox.hears) if signals) & mailbox.enabled


def not_enabled(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
    """The event is latched and the mailbox does not interrupt: INTEN."""
    mailbox, reader, heard = direction.reader.mailbox, direction.reader, direction.heard_on
    if mailbox is None or not heard or reader.instance is not None or not direction.waiting:
        return None
    latched = heard & mailbox.latched
    if not latched or latched & mailbox.enabled:
        return None
    if reader.runs_firmware and _untouched(reader, direction):
        return _not_opened(reader)
    channel = channels_in(latched)[0]
    return LinkFinding(
        "channel-not-enabled",
        f"channel {channel} is latched at {reader.name}, but {mailbox.words.enables} of {reader.name} is "
        f"0x{mailbox.enabled:04X} and does not enable it: no interrupt",
    )


def interrupt_held_back(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
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
        return LinkFinding(
            "event-not-cleared",
            f"{reader.name} is in the handler of interrupt {number}, and {mailbox.words.event.format(channel)} is "
            f"still latched, at {reader.place}",
            Rank.QUESTION,
        )
    if not interrupt.enabled:
        others = [each for each in reader.enabled_interrupts if each != number]
        instead = f" (enabled: {', '.join(map(str, others))})" if others else ""
        return LinkFinding(
            "interrupt-not-enabled",
            f"{up} interrupt {number} is not enabled in the {interrupt.controller} of {reader.name}{instead}",
        )
    if mailbox.edge and not interrupt.pending and direction.writer.instance is None:
        event = mailbox.words.event.format(channel)
        return LinkFinding(
            "event-not-cleared",
            f"{reader.name} has taken interrupt {number} and {event} is still set, so no further ring interrupts it: "
            "who clears it? The work-around for errata 16 of the nRF54L must be in both images or in none",
        )
    return _masked(reader, number, interrupt.priority, up)


def _masked(reader: CoreFacts, number: int, priority: int, up: str) -> LinkFinding | None:
    registers = reader.registers
    for register in ("FAULTMASK", "PRIMASK"):
        if registers.get(register, 0) & 1:
            return LinkFinding(
                "interrupt-masked",
                f"{up} {register} of {reader.name} is set and holds interrupt {number} back, at {reader.place}",
            )
    status = registers.get("MSTATUS", _MIE)
    if not status & _MIE and not registers.get("MINTSTATUS", 0):
        return LinkFinding(
            "interrupt-masked",
            f"{up} MIE of {reader.name} is clear and holds interrupt {number} back, at {reader.place}",
        )
    base = registers.get("BASEPRI", 0)
    if base and priority >= base:
        return LinkFinding(
            "interrupt-masked",
            f"{up} BASEPRI of {reader.name} is 0x{base:02X} and holds interrupt {number} (priority "
            f"0x{priority:02X}) back, at {reader.place}",
        )
    return None


def left_lying(direction: DirectionFacts, _link: LinkFacts) -> LinkFinding | None:
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
        return LinkFinding(
            "rung-before-listening",
            f"{count_of(direction.waiting, 'packet')} for {reader.name}: {direction.writer.name} rang mbox channel "
            f"{direction.channel} before {reader.name} received it, or {reader.name} cleared the event unseen",
            Rank.QUESTION,
        )
    back = direction.back
    if not view.rd_idx and back is not None and back.wr_idx > MAGIC_END:
        return None  # it takes packets and does not say so
    waits = f"{count_of(direction.waiting, 'packet')} wait{'s' if direction.waiting == 1 else ''} for {reader.name}"
    if not view.rd_idx and view.packets[0].payload == MAGIC:
        return LinkFinding(
            "woken-and-not-taken",
            f"{waits}, its event is cleared and it sleeps: it was rung and did not take the magic: does it read "
            f"another region{_ERRATA_16 if mailbox.edge else ''}?",
        )
    if direction.waiting == 1:
        return LinkFinding(
            "packet-left", f"{waits}, its event is cleared and it sleeps: it was rung and left the packet"
        )
    return LinkFinding(
        "one-packet-per-doorbell",
        f"{waits}, its event is cleared and it sleeps: does it take one packet per doorbell?",
    )


DOORBELL_RULES: Final[tuple[Callable[[DirectionFacts, LinkFacts], LinkFinding | None], ...]] = (
    rings_other_channel,
    never_rang,
    did_not_ring,
    lost,
    not_connected,
    not_received,
    not_enabled,
    interrupt_held_back,
    left_lying,
)
