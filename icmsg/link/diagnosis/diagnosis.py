"""The diagnosis of a link: one for ``icmsg run``, pytest, Robot and the Monitor, made from what was observed.

Faults come first and are never cut, then what the rules found out, the surest first, then the state of both regions, of
the cores and their consoles, and warnings. A rule (here, in ``findings.py``, in ``doorbell_rules.py``) looks
at one core or one direction and returns a finding or nothing. Its sentence stands there and nowhere else, and follows
from what was observed: a rule whose facts are not known says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.ipc import MAGIC
from icmsg.ipc.bonding import MAGIC_END
from icmsg.link.diagnosis.doorbell_rules import DOORBELL_RULES
from icmsg.link.diagnosis.findings import MEMORY_RULES, LinkFinding, Rank, counted, region_words
from icmsg.link.diagnosis.observations import observe
from icmsg.machine.backtrace import chain_line, exception_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.ipc import Backend
    from icmsg.link.diagnosis.observations import CoreFacts, DirectionFacts, LinkFacts
    from icmsg.machine.machine import AccessWarning, Core, Machine

    CoreRule = Callable[[CoreFacts, LinkFacts], LinkFinding | None]
    DirectionRule = Callable[[DirectionFacts, LinkFacts], LinkFinding | None]


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


CORE_RULES: Final[tuple[CoreRule, ...]] = (
    in_fault_handler,
    in_handler,
    never_wakes,
    halted,
    restarted,
    sent_early,
    misfit,
    magic_again,
)

_LINES: Final = 5
_FAULT: Final = "exception "
"""Beginning of the warning about a fault exception."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings about a link, the surest first, and the state it is in."""

    findings: tuple[LinkFinding, ...]
    state: tuple[str, ...]
    """Lines about both regions, the cores and their consoles, and the warnings."""

    def lines(self) -> list[str]:
        """Return everything for a person; equal lines are counted."""
        found = counted(finding.text for finding in self.findings)
        return [*found, *self.state]


def examine(
    machine: Machine,
    core: Core,
    config: InstanceConfig,
    peer: Core,
    *,
    bound: bool = False,
    instances: Mapping[str, Backend] | None = None,
    peer_config: InstanceConfig | None = None,
) -> Diagnosis:
    """Return what is wrong with the link of ``core`` (``config`` as it has it) and ``peer``; nothing is changed.

    ``bound``: bonding is over, so that the start of a region can hold anything by now. ``instances`` are the backends
    of the cores that Python plays, by name.
    """
    facts = observe(
        machine, core, config, peer, bound=bound, instances=instances or {}, peer_config=peer_config
    )
    found = findings(facts, CORE_RULES, (*MEMORY_RULES, *DOORBELL_RULES))
    return Diagnosis(found, (*_region_lines(facts), *core_lines(facts)))


def console_lines(core: Core) -> list[str]:
    """Return what ``core`` has printed, an unfinished line included."""
    partial = core.console.partial
    return [*(line.text for line in core.console.lines), *([partial] if partial else [])]


def is_fault(warning: AccessWarning) -> bool:
    """Tell whether a warning is about a fault exception and not about an access."""
    return warning.what.startswith(_FAULT)


def findings(
    facts: LinkFacts, core_rules: Iterable[CoreRule], direction_rules: Iterable[DirectionRule]
) -> tuple[LinkFinding, ...]:
    """Return all faults, then what the rules find, the surest first."""
    found = [rule(core, facts) for rule in core_rules for core in facts.cores]
    found += [rule(direction, facts) for rule in direction_rules for direction in facts.directions]
    unique = {finding.text: finding for finding in found if finding is not None}
    faults = [LinkFinding("fault", line, Rank.FAULT) for line in _faults(facts)]
    return (*faults, *sorted(unique.values(), key=lambda finding: finding.rank))


def _faults(facts: LinkFacts) -> list[str]:
    """Return the faults of all cores; one that came again and again is counted where it is the only one."""
    by_core: dict[str, list[str]] = {}
    for warning in facts.warnings:
        if is_fault(warning):
            by_core.setdefault(warning.core, []).append(str(warning))
    lines: list[str] = []
    for name, faults in by_core.items():
        times = facts.faults.get(name, 0)
        again = f" ({times}x)" if len(faults) == 1 and times > 1 else ""
        lines += [f"{fault}{again}" for fault in faults]
    return lines


def _region_lines(facts: LinkFacts) -> Iterator[str]:
    first = facts.cores[0]
    for direction, role in zip(facts.directions, ("tx", "rx"), strict=True):
        yield (
            f"{direction.writer.name}→{direction.reader.name} ({role}-region of {first.name}, "
            f"0x{direction.region.address:08X}): {_region(direction, bound=facts.bound)}"
        )


def core_lines(facts: LinkFacts) -> Iterator[str]:
    """Yield lines about the consoles, about where the cores are, and the warnings."""
    for side in facts.cores:
        if side.core.image is not None:
            printed = console_lines(side.core)
            yield f"console of {side.name}: {' | '.join(printed[-_LINES:]) or 'nothing'}"
            yield from _place(side)
    others = [str(warning) for warning in facts.warnings if not is_fault(warning)]
    yield from others[:_LINES]
    if len(others) > _LINES:
        yield f"… and {len(others) - _LINES} more warnings"


def _place(side: CoreFacts) -> Iterator[str]:
    pc = side.registers.get("PC")
    if pc is not None:
        sleeps = ", asleep" if side.asleep else ""
        yield f"core {side.name} is at PC 0x{pc:08X} ({chain_line(side.core.backtrace())}){sleeps}"


def _region(direction: DirectionFacts, *, bound: bool) -> str:
    view = direction.view
    if view is None:
        return f"cannot be read: {direction.error}"
    if bound and view.rd_idx and view.handshake is None:
        return str(view)
    words = region_words(view, direction.back, direction.writer.name, direction.reader.name)
    return "; ".join([str(view), *words])
