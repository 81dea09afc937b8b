"""Check of how many endpoints each side has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.findings import Finding

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
