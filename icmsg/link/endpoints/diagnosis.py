"""The diagnosis of a link with several endpoints: what is wrong, and the state of regions, endpoints and blocks.

The control channel of the classic generations, and all of icmsg_me, is an ICMsg instance: what the rules of
:mod:`icmsg.link.diagnosis.diagnosis` find out about its cores, its doorbells and its bonding holds here, too.

Names that lie where no block of this side's layout begins: the other side lays its blocks out otherwise.

The classic generations begin with the endpoint's name in block 0 of the initiator. Where memory has such a name at
another place, and a layout of another release, alignment or number of blocks begins there, that one is told.

Findings about endpoints and blocks, over what the backends know that Python plays, and what memory holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.errors import BusError, ConfigurationError
from icmsg.ipc import EndpointState, IcbmsgInstance, IcbmsgReworkInstance, IcmsgMeInstance
from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.packets import name_hash
from icmsg.link.diagnosis.diagnosis import (
    CORE_RULES,
    Diagnosis,
    core_lines,
    findings,
    halted,
    in_fault_handler,
    in_handler,
    never_wakes,
    restarted,
)
from icmsg.link.diagnosis.doorbell_rules import DOORBELL_RULES
from icmsg.link.diagnosis.findings import (
    LinkFinding,
    Rank,
    count_of,
    elsewhere,
    index_missing,
    length_wrong,
    wraps_early,
    wrong_magic,
)
from icmsg.link.diagnosis.observations import observe
from icmsg.link.endpoints.region_view import RELEASES, view_direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from icmsg.hw.bus import Bus
    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.region_view import DirectionView
    from icmsg.machine.machine import Core, Machine


_NAME: Final = re.compile(rb"([\x02-\x40])\0\0\0([\x21-\x7e]{1,63})\0")
"""A size as the header of a block has it, and a name with its NUL."""
_ALIGNMENTS: Final = (0, 8, 16, 32, 64)
_MOST_BLOCKS: Final = 64
_HEADER: Final = 4


def other_layout(bus: Bus, config: SeveralConfig, writer: str) -> str | None:
    """Return in words that ``writer`` lays out the tx-region of ``config`` otherwise; None where nothing tells so."""
    if not isinstance(config, IcbmsgConfig):
        return None
    try:
        memory = bus.read_block(config.tx_region.address, config.tx_region.size)
    except BusError:
        return None
    is_rework = packets.MAGIC in memory
    speaks_icmsg = MAGIC in memory
    if config.generation == "rework":
        return (
            f"{writer} wrote the magic of ICMsg: it speaks an older ICBMsg, or ICMsg"
            if speaks_icmsg
            else None
        )
    if is_rework:
        return f"{writer} wrote the bound packet of the rework (after Zephyr 4.4), which is another protocol"
    if not speaks_icmsg:
        return None
    layout = config.tx_layout
    for found in _NAME.finditer(memory):
        at, name = found.start(), found[2]
        if len(name) + 1 != found[1][0]:
            continue
        offset = at - layout.begin - layout.blocks_offset
        if offset >= 0 and offset % layout.block_size == 0:
            return None  # a block begins there in this layout, too
        where = f'the name "{name.decode("ascii")}" of {writer} lies at 0x{config.tx_region.address + at:08X}'
        return f"{where}, where no block begins here{_explained(config, at)}"
    return None


def _explained(config: IcbmsgConfig, at: int) -> str:
    """Return the layouts of which a block begins at the byte ``at`` of the region, the likely ones first."""
    found = [
        *_fitting(
            config, at, "the layout of {}", "generation", [each for each in RELEASES if each != "rework"]
        ),
        *_fitting(config, at, "dcache-alignment {}", "dcache_alignment", _ALIGNMENTS),
        *_fitting(config, at, "{} tx-blocks there", "tx_blocks", range(1, _MOST_BLOCKS + 1)),
        *_fitting(config, at, "{} rx-blocks there", "rx_blocks", range(1, _MOST_BLOCKS + 1)),
    ]
    if found:
        return f": it does with {' or '.join(found)}"
    return ": is it another release, dcache-alignment or number of blocks there?"


def _fitting(
    config: IcbmsgConfig, at: int, words: str, field: str, values: Iterable[str | int]
) -> Iterator[str]:
    """Yield one phrase with all the ``values`` of a field that fit, if there are any."""
    fitting = []
    for value in values:
        try:
            layout = replace(config, **{field: value}).tx_layout  # type: ignore[arg-type]  # the field's own type
        except ConfigurationError:
            continue
        if layout.begin + layout.blocks_offset == at and value != getattr(config, field):
            fitting.append(RELEASES[str(value)] if field == "generation" else str(value))
    if fitting:
        yield words.format(", ".join(fitting))


_USUAL: Final = re.compile(r'"[\w.:/ -]+"')
_BOUNDING: Final = EndpointState.BOUNDING


@dataclass(frozen=True, slots=True)
class SideFacts:
    """Core of the link: ``backend`` is None where firmware runs; ``sends`` is what lies in its tx-region."""

    name: str
    config: SeveralConfig
    backend: SeveralEndpoints | None
    bus: Bus
    sends: DirectionView


def endpoint_findings(side: SideFacts, other: SideFacts) -> Iterator[LinkFinding]:
    """Yield what is wrong with the endpoints and blocks of ``side``, as far as Python plays it or memory tells."""
    yield from _counts(side, other)
    if (found := other_layout(other.bus, side.config.mirrored(), other.name)) is not None:
        yield LinkFinding("layout-differs", found)
    backend = side.backend
    if backend is None or not backend.state.value:
        return
    if isinstance(backend, IcbmsgReworkInstance):
        yield from (LinkFinding("rework-symptom", f"{side.name}: {line}") for line in backend.symptoms())
    yield from _unbound(side, other, backend)
    if isinstance(backend, IcbmsgInstance | IcbmsgReworkInstance):
        yield from _not_given_back(side, other, backend)


def _counts(side: SideFacts, other: SideFacts) -> Iterator[LinkFinding]:
    """Compare what the rework's bound packet says with what the other side has."""
    queue = side.sends.queue
    config = other.config
    if queue is None or queue.peer_counts is None or not isinstance(config, IcbmsgConfig):
        return
    if other.backend is not None and other.backend.state.value:
        return  # it says so itself, among its symptoms
    tx, rx = queue.peer_counts
    if (tx, rx) != (config.rx_blocks, config.tx_blocks) and max(tx, rx) <= 32:
        yield LinkFinding(
            "block-counts-differ",
            f"{side.name} has {tx} tx and {rx} rx blocks, {other.name} {config.tx_blocks} tx and {config.rx_blocks} "
            "rx: the two can never bind; set tx-blocks of each side to rx-blocks of the other",
        )


def _unbound(side: SideFacts, other: SideFacts, backend: SeveralEndpoints) -> Iterator[LinkFinding]:
    open_names = [endpoint.name for endpoint in backend.endpoints if not endpoint.is_bound]
    waiting = _waiting_names(backend, other.backend)
    for name in waiting:
        there = (
            f"its own that are not bound: {_listed(open_names)}" if open_names else "all its own are bound"
        )
        yield LinkFinding(
            "endpoint-not-registered",
            f"{other.name} has named endpoint {name}, and {side.name} has none of that name ({there}): register it, or "
            f"give both sides the same names{_hint(name)}",
        )
    if not _has_bonded(backend):
        return
    for endpoint in backend.endpoints:
        if endpoint.is_bound or (waiting and _is_follower(backend)):
            continue
        why = f"{other.name} has not named it: has it an endpoint of that name{_blocked(backend)}?"
        if getattr(endpoint, "state", None) is _BOUNDING:
            taken = side.sends.control is not None and not side.sends.messages
            why = (
                f"{other.name} has {'read' if taken else 'not read'} its name"
                f"{f', and did not answer: has it an endpoint of that name{_blocked(backend)}?' if taken else ''}"
            )
        elif isinstance(backend, IcmsgMeInstance) and not _is_follower(backend):
            why = f"{other.name} has not answered: has it an endpoint of that name?"
        yield LinkFinding(
            "endpoint-not-bound", f'endpoint "{endpoint.name}" of {side.name} was never bound: {why}'
        )


def _blocked(backend: SeveralEndpoints) -> str:
    """Return the other reason that looks the same from here: a deadlock of Zephyr before 4.0."""
    if not isinstance(backend, IcbmsgInstance):
        return ""
    return ", or does who has registered it wait in the work queue that binds it (then that fails with -11, EAGAIN)"


def _hint(name: str) -> str:
    """Return what a name that nobody would give tells: Zephyr reads it from address 0 where there is none."""
    if not name.startswith('"') or _USUAL.fullmatch(name):
        return ""
    return "; nobody would call one so: without .name in its ipc_ept_cfg, Zephyr takes what lies at address 0"


def _waiting_names(backend: SeveralEndpoints, other: SeveralEndpoints | None) -> list[str]:
    if isinstance(backend, IcbmsgInstance | IcmsgMeInstance):
        return [f'"{name}"' for name in backend.waiting_names.values()]
    if isinstance(backend, IcbmsgReworkInstance):
        known = {name_hash(endpoint.name): endpoint.name for endpoint in other.endpoints} if other else {}
        hashes = backend.waiting_hashes.values()
        return [f'"{known[each]}"' if each in known else f"with hash 0x{each:08x}" for each in hashes]
    return []


def _is_follower(backend: SeveralEndpoints) -> bool:
    if isinstance(backend, IcmsgMeInstance):
        return backend.config.role == "follower"
    return isinstance(backend, IcbmsgInstance) and not backend.config.is_initiator


def _has_bonded(backend: SeveralEndpoints) -> bool:
    if isinstance(backend, IcbmsgInstance):
        return backend.is_bonded
    if isinstance(backend, IcbmsgReworkInstance):
        return backend.is_connected
    return backend.state.name in ("READY", "CONNECTED_SID_DISABLED")


def _not_given_back(
    side: SideFacts, other: SideFacts, backend: IcbmsgInstance | IcbmsgReworkInstance
) -> Iterator[LinkFinding]:
    """Find blocks that the other side has read and keeps: it holds them, or has lost them to us for good."""
    blocks: Sequence[int] = tuple(backend.in_flight)
    if isinstance(backend, IcbmsgReworkInstance):
        queue = side.sends.queue
        if queue is None or not queue.open:
            return
        blocks = queue.blocks or blocks
        if not backend.is_connected or backend.queues.unread == backend.queues.sent.count:
            return  # the peer has never read anything
        if isinstance(other.backend, IcbmsgReworkInstance) and other.backend.queues.waiting:
            return  # it has not read all of them yet
    elif side.sends.messages or other.sends.messages:
        return  # announcements, or releases, are under way
    named = (
        []
        if not isinstance(backend, IcbmsgInstance)
        else [block for block in blocks if block in backend.names_in_flight]
    )
    blocks = [block for block in blocks if block not in named]
    if not blocks:
        return
    peer = other.backend
    held = peer.blocks_held if isinstance(peer, IcbmsgInstance | IcbmsgReworkInstance) else 0
    if held >= len(blocks):
        return
    free = side.config.tx_blocks if isinstance(side.config, IcbmsgConfig) else 0
    yield LinkFinding(
        "blocks-not-released",
        f"{other.name} has read {count_of(len(blocks), 'message')} of {side.name} and not given back the blocks "
        f"(beginning at {', '.join(map(str, blocks))}, of {free}): it holds them, or they are leaked: Zephyr gives "
        "none back of a message for an endpoint that is not bound",
        Rank.QUESTION,
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def endpoint_lines(side: SideFacts) -> Iterator[str]:
    """Yield a line about the endpoints of ``side``, where Python plays it, and one about its blocks."""
    backend = side.backend
    if backend is None:
        return
    states = ", ".join(_state(endpoint) for endpoint in backend.endpoints) or "none"
    yield f"{side.name} (Python) is {backend.state.name}; endpoints: {states}"
    if isinstance(backend, IcbmsgInstance | IcbmsgReworkInstance):
        count = backend.config.tx_blocks
        held = f", {count_of(backend.blocks_held, 'message')} of the peer held" if backend.blocks_held else ""
        yield f"{side.name} has {backend.blocks_in_use} of {count} blocks in use{held}"


def _state(endpoint: object) -> str:
    name, bound = getattr(endpoint, "name", "?"), getattr(endpoint, "is_bound", False)
    state = getattr(endpoint, "state", None)
    said = "bound" if bound else state.name if isinstance(state, EndpointState) else "not bound"
    address = getattr(endpoint, "address", None)
    number = f" (number {address})" if bound and address is not None else ""
    return f"{name} {said}{number}"


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
