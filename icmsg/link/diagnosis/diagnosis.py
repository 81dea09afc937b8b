"""The diagnosis of a link: one for ``icmsg run``, pytest, Robot and the Monitor, made from what was observed.

Faults come first and are never cut, then what the rules found out, the surest first, then the state of both regions, of
the cores and their consoles, and warnings. A rule (``core_rules.py``, ``memory_rules.py``, ``doorbell_rules.py``) looks
at one core or one direction and returns a finding or nothing. Its sentence stands there and nowhere else, and follows
from what was observed: a rule whose facts are not known says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.link.diagnosis.bond_words import region_words
from icmsg.link.diagnosis.core_rules import CORE_RULES
from icmsg.link.diagnosis.doorbell_rules import DOORBELL_RULES
from icmsg.link.diagnosis.findings import LinkFinding, Rank, counted
from icmsg.link.diagnosis.memory_rules import MEMORY_RULES
from icmsg.link.diagnosis.observations import observe
from icmsg.machine.backtrace import chain_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.ipc import Backend
    from icmsg.link.diagnosis.observations import CoreFacts, DirectionFacts, LinkFacts
    from icmsg.machine.machine import AccessWarning, Core, Machine

    CoreRule = Callable[[CoreFacts, LinkFacts], LinkFinding | None]
    DirectionRule = Callable[[DirectionFacts, LinkFacts], LinkFinding | None]

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
