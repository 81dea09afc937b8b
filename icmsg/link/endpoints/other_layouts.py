"""Names that lie where no block of this side's layout begins: the other side lays its blocks out otherwise.

The classic generations begin with the endpoint's name in block 0 of the initiator. Where memory has such a name at
another place, and a layout of another release, alignment or number of blocks begins there, that one is told.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import BusError, ConfigurationError
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.magic import MAGIC
from icmsg.link.endpoints.region_view import RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icmsg.hw.bus import Bus
    from icmsg.link.endpoints import SeveralConfig

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
