"""Checks of backends with several endpoints: room for them on each side, and the roles of icmsg_me."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.devicetree import ME_FOLLOWER, ME_INITIATOR
from icmsg.config.findings import Finding
from icmsg.config.kconfig import ME_NUM_EP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.load import Side


def check_endpoints(
    first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode, option: str
) -> Iterator[Finding]:
    """Yield that one side has room for fewer endpoints, by the Kconfig ``option``, where the files of both say it."""
    one, other = (side.kconfig.number(option) if side.kconfig else None for side in (first, second))
    if one is None or other is None or one == other:
        return
    side, node = (first, ours) if one < other else (second, theirs)
    fewer, more = sorted((one, other))
    assert side.kconfig is not None
    yield Finding(
        "warning",
        "endpoints-differ",
        side.core,
        node.path,
        side.kconfig.settings[option].place,
        f"{side.core} has room for {fewer} endpoints and the other side for {more}: what is registered beyond {fewer} "
        f"never binds. Keep to {fewer}, or set CONFIG_{option}={more}",
    )


def check_icmsg_me_pair(first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode) -> Iterator[Finding]:
    """Yield what keeps two instances of icmsg_me from binding, beside what ICMsg needs."""
    if ours.compatible == theirs.compatible:
        both = ours.compatible == ME_INITIATOR
        why = (
            "each takes the other's names for answers, so that endpoints bind by number, whatever they are called"
            if both
            else "each waits for the names of the other, and nothing binds"
        )
        yield Finding(
            "error",
            "roles-equal",
            second.core,
            theirs.path,
            theirs.place_of("compatible"),
            f"{theirs.compatible} is what {first.core} is, too ({ours.place_of('compatible')}): {why}. Make one side "
            f"{ME_FOLLOWER if both else ME_INITIATOR}",
        )
    yield from check_endpoints(first, ours, second, theirs, ME_NUM_EP)
