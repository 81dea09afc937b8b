"""Facts that ``icmsg check`` shows of ICBMsg and icmsg_me beside what every instance has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.icbmsg_layout import BlockLayout
    from icmsg.config.load import Side


def of_several_endpoints(side: Side, node: IcmsgNode) -> dict[str, Any]:
    """Return what a backend with several endpoints adds to the JSON of an instance; nothing for ICMsg."""
    config = _config(side, node)
    if isinstance(config, IcmsgMeConfig):
        return {"role": config.role, "num_ep": config.num_ep}
    if node.backend != "icbmsg":
        return {}
    found: dict[str, Any] = {
        "generation": side.generation,
        "generations": list(side.generations),
        "tx_blocks": node.tx_blocks,
        "rx_blocks": node.rx_blocks,
    }
    if isinstance(config, IcbmsgConfig):
        found |= {
            "tx_layout": _layout_json(config.tx_layout),
            "rx_layout": _layout_json(config.rx_layout),
            "num_ep": config.num_ep,
        }
        found |= {"slots": config.slots} if side.generation == "rework" else {"role": _role(config)}
    return found


def blocks_table(instances: Iterable[tuple[Side, IcmsgNode]]) -> Table | None:
    """Return a table of the blocks of all instances of ICBMsg whose layout can be told; None without any."""
    from rich.table import Table  # only a person looks at tables
    from rich.text import Text

    table = Table(title="Blocks", title_justify="left", title_style="bold")
    for name in ("core", "instance", "generation", "blocks", "role", "NUM_EP"):
        table.add_column(name, no_wrap=name != "instance", overflow="fold", min_width=len(name))
    for side, node in instances:
        config = _config(side, node)
        if isinstance(config, IcbmsgConfig):
            row = (
                side.core, node.name, side.generation,
                f"tx {_blocks(config.tx_layout)}\nrx {_blocks(config.rx_layout)}",
                "-" if side.generation == "rework" else _role(config), str(config.num_ep),
            )  # fmt: skip
            table.add_row(*(Text(cell) for cell in row))
    return table if table.row_count else None


def _config(side: Side, node: IcmsgNode) -> object:
    if node.backend == "icmsg":
        return None
    try:
        return side.backend(node)
    except ConfigurationError:  # a finding, which says more
        return None


def _role(config: IcbmsgConfig) -> str:
    return "initiator" if config.is_initiator else "follower"


def _blocks(layout: BlockLayout) -> str:
    return f"{layout.block_count} of {layout.block_size} at {layout.begin + layout.blocks_offset:#x}"


def _layout_json(layout: BlockLayout) -> dict[str, int]:
    return {
        "blocks_offset": layout.begin + layout.blocks_offset,
        "block_size": layout.block_size,
        "block_count": layout.block_count,
        "longest": layout.longest,
    }
