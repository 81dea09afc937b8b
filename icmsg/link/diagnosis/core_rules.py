"""Rules that find the fault of one core, over what was observed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.ipc import MAGIC
from icmsg.ipc.magic import MAGIC_END
from icmsg.link.diagnosis.findings import LinkFinding, Rank
from icmsg.machine.backtrace import exception_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.link.diagnosis.observations import CoreFacts, LinkFacts

_LAST_FAULT: Final = 6


def in_fault_handler(core: CoreFacts, _link: LinkFacts) -> LinkFinding | None:
    """Firmware does not leave a fault handler."""
    number = core.exception
    if not core.runs_firmware or number is None or not 1 < number <= _LAST_FAULT:
        return None
    return LinkFinding(
        "in-fault-handler",
        f"core {core.name} is in its {exception_name(number)} handler, at {core.place}",
        Rank.FAULT,
    )


def in_handler(core: CoreFacts, link: LinkFacts) -> LinkFinding | None:
    """Firmware is in an interrupt handler, or keeps interrupts off that are waited for.

    A healthy one sleeps, works in threads, or does either for a moment.
    """
    number = core.exception
    if not core.runs_firmware or core.asleep is not False or number is None:
        return None
    if number > _LAST_FAULT:
        name = exception_name(number)
        return LinkFinding("in-handler", f"core {core.name} is in the handler of {name}, at {core.place}")
    if core.mailbox is None or not core.mailbox.listens:
        return None  # it may come to that yet
    if link.bound and not core.mailbox.latched and all(answered(other) for other in link.cores):
        return None
    masks = [name for name in ("FAULTMASK", "PRIMASK") if core.registers.get(name, 0) & 1]
    if masks and not number:
        return LinkFinding("interrupts-masked", f"core {core.name} runs with {masks[0]} set, at {core.place}")
    return None


def never_wakes(core: CoreFacts, _link: LinkFacts) -> LinkFinding | None:
    """Firmware of a VPR sleeps where nothing wakes it (nRF54H20, erratum 93; Zephyr: vpr/soc_idle.c)."""
    if not core.runs_firmware or not getattr(core.core, "never_wakes", False):
        return None
    return LinkFinding(
        "never-wakes",
        f"core {core.name} executed WFI with mstatus.MIE clear, at {core.place}: nothing wakes this VPR from that; "
        "firmware must set MIE before it sleeps",
    )


def answered(core: CoreFacts) -> bool:
    """Return whether as many messages came back as Python sent on a core."""
    return sum(core.sent.values()) <= sum(core.received.values())


def halted(core: CoreFacts, _link: LinkFacts) -> LinkFinding | None:
    """Firmware is there and does not run."""
    if core.core.image is None or core.instance is not None or not core.core.is_halted:
        return None
    held = getattr(core.core, "is_held", False)
    state = "held in reset" if held else "halted"
    return LinkFinding("core-halted", f"core {core.name} is {state}: its firmware does not run")


def restarted(core: CoreFacts, link: LinkFacts) -> LinkFinding | None:
    """A core was reset on the way."""
    if core.core.image is None or core.resets < 2 or core.instance is not None:
        return None
    rank = Rank.QUESTION if link.bound else Rank.CAUSE
    return LinkFinding("core-reset", f"core {core.name} was reset {core.resets} times", rank)


def sent_early(core: CoreFacts, link: LinkFacts) -> LinkFinding | None:
    """A message went out before the other side's magic was taken."""
    if core.early_ns is None:
        return None
    taken = next(direction for direction in link.directions if direction.reader is core)
    if taken.view is None or (not taken.view.rd_idx and taken.writer.sent):
        return None  # an answer from who takes packets, and does not publish that
    return LinkFinding(
        "sent-before-bound",
        f"{core.name} sent a message before it had taken the magic of the other side: it must wait for bound",
    )


def misfit(core: CoreFacts, link: LinkFacts) -> LinkFinding | None:
    """The bytes of the other side have another layout or another way to bond."""
    traces = core.traces
    if link.bound or traces is None or traces.can_bond is not False:
        return None
    return LinkFinding("does-not-fit", f"as {core.name} sees it: {traces.verdict}")


def magic_again(core: CoreFacts, link: LinkFacts) -> LinkFinding | None:
    """The peer of a bound side starts over."""
    if core.instance is None or not core.instance.is_bound:
        return None
    direction = next(each for each in link.directions if each.reader is core)
    view = direction.view
    if view is None or view.rd_idx or not view.first.startswith(MAGIC) or view.wr_idx != MAGIC_END:
        return None
    if not core.received and not core.sent and not direction.writer.resets:
        return None
    return LinkFinding(
        "magic-again",
        f"the peer of {core.name} wrote the magic again: it restarted alone, which nobody is told in magic mode",
    )


CORE_RULES: Final[tuple[Callable[[CoreFacts, LinkFacts], LinkFinding | None], ...]] = (
    in_fault_handler,
    in_handler,
    never_wakes,
    halted,
    restarted,
    sent_early,
    misfit,
    magic_again,
)
