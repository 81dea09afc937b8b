"""Findings about endpoints and blocks, over what the backends know that Python plays, and what memory holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.ipc import EndpointState, IcbmsgInstance, IcbmsgReworkInstance, IcmsgMeInstance
from icmsg.ipc.icbmsg.packets import name_hash
from icmsg.link.diagnosis.findings import LinkFinding, Rank, count_of
from icmsg.link.endpoints.other_layouts import other_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.hw.bus import Bus
    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.region_view import DirectionView

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
