"""The diagnosis of a link with several endpoints: what is wrong, and the state of regions, endpoints and blocks.

The control channel of the classic generations, and all of icmsg_me, is an ICMsg instance: what the rules of
:mod:`icmsg.link.diagnosis.diagnosis` find out about its cores, its doorbells and its bonding holds here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.link.diagnosis.core_rules import (
    CORE_RULES,
    halted,
    in_fault_handler,
    in_handler,
    never_wakes,
    restarted,
)
from icmsg.link.diagnosis.diagnosis import Diagnosis, core_lines, findings
from icmsg.link.diagnosis.doorbell_rules import DOORBELL_RULES
from icmsg.link.diagnosis.memory_rules import elsewhere, index_missing, length_wrong, wraps_early, wrong_magic
from icmsg.link.diagnosis.observations import observe
from icmsg.link.endpoints.findings import SideFacts, endpoint_findings, endpoint_lines
from icmsg.link.endpoints.region_view import view_direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine

_BONDING_RULES: Final = (elsewhere, index_missing, length_wrong, wrong_magic, wraps_early)
_OWN_CORE_RULES: Final = (in_fault_handler, in_handler, never_wakes, halted, restarted)
"""Rules that need nothing of ICMsg."""


def examine_endpoints(
    machine: Machine,
    core: Core,
    config: SeveralConfig,
    peer: Core,
    backends: Mapping[str, SeveralEndpoints],
    *,
    peer_config: SeveralConfig | None = None,
) -> Diagnosis:
    """Return what is wrong with the link of ``core`` (``config`` as it has it) and ``peer``; nothing is changed.

    ``backends`` are those of the cores that Python plays, by name.
    """
    is_rework = isinstance(config, IcbmsgConfig) and config.generation == "rework"
    facts = observe(
        machine,
        core,
        _as_icmsg(config),
        peer,
        bound=any(backend.is_bound for backend in backends.values()),
        instances=backends,
    )
    sides = (
        SideFacts(core.name, config, backends.get(core.name), core.bus, view_direction(core.bus, config)),
        _other(core, peer, peer_config or config.mirrored(), backends),
    )
    core_rules = _OWN_CORE_RULES if is_rework else CORE_RULES
    direction_rules = () if is_rework else (*_BONDING_RULES, *DOORBELL_RULES)
    found = list(findings(facts, core_rules, direction_rules))
    for side, other in (sides, sides[::-1]):
        found += endpoint_findings(side, other)
    if any(
        finding.id == "layout-differs" for finding in found
    ):  # what was read by another layout says nothing
        found = [finding for finding in found if finding.id != "does-not-fit"]
    unique = {finding.text: finding for finding in found}
    lines = []
    for side, other, role in ((*sides, "tx"), (*sides[::-1], "rx")):
        words = side.sends.words(side.name, other.name)
        where = f"{role}-region of {core.name}, 0x{side.sends.region.address:08X}"
        lines.append(f"{side.name}→{other.name} ({where}): {'; '.join(words)}")
    for side in sides:
        lines += endpoint_lines(side)
    ranked = sorted(unique.values(), key=lambda finding: finding.rank)
    return Diagnosis(tuple(ranked), (*lines, *core_lines(facts)))


def _other(
    core: Core, peer: Core, config: SeveralConfig, backends: Mapping[str, SeveralEndpoints]
) -> SideFacts:
    return SideFacts(peer.name, config, backends.get(peer.name), core.bus, view_direction(core.bus, config))


def _as_icmsg(config: SeveralConfig) -> InstanceConfig:
    """Return the ICMsg instance below, or for the rework one with the same regions and channels."""
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        return InstanceConfig(
            tx_region=config.tx_region,
            rx_region=config.rx_region,
            tx_channel=config.tx_channel,
            rx_channel=config.rx_channel,
            name=config.name,
        )
    return config.control
