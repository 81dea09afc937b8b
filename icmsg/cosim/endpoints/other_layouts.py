"""Names that lie where no block of this side's layout begins: the other side lays its blocks out otherwise.

The classic generations begin with the endpoint's name in block 0 of the initiator. Where memory has such a name at
another place, and a layout of another release, alignment or number of blocks begins there, that one is told.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.cosim.endpoints.region_view import RELEASES
from icmsg.errors import BusError, ConfigurationError
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.magic import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.endpoints import SeveralConfig
    from icmsg.hw.bus import Bus

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
    fitting: dict[str, str] = {}
    for other, kind, words in _others(config):
        layout = other.tx_layout
        if layout.begin + layout.blocks_offset == at:
            fitting.setdefault(kind, words)
    if fitting:
        return f": it does with {' or '.join(fitting.values())}"
    return ": is it another release, dcache-alignment or number of blocks there?"


def _others(config: IcbmsgConfig) -> Iterator[tuple[IcbmsgConfig, str, str]]:
    """Yield other layouts with what differs and how, the likely ones first."""
    for generation in ("3.6", "4.1"):
        if generation != config.generation:
            yield from _tried(config, f"the layout of {RELEASES[generation]}", generation=generation)
    for alignment in _ALIGNMENTS:
        yield from _tried(config, f"dcache-alignment {alignment}", dcache_alignment=alignment)
    for blocks in _near(config.tx_blocks):
        yield from _tried(config, f"{blocks} tx-blocks there", tx_blocks=blocks)
    for blocks in _near(config.rx_blocks):
        yield from _tried(config, f"{blocks} rx-blocks there", rx_blocks=blocks)


def _near(number: int) -> list[int]:
    """Return numbers of blocks, those first that are nearly ``number``."""
    return sorted(range(1, _MOST_BLOCKS + 1), key=lambda blocks: abs(blocks - number))


def _tried(config: IcbmsgConfig, words: str, **changes: object) -> Iterator[tuple[IcbmsgConfig, str, str]]:
    try:
        yield replace(config, **changes), next(iter(changes)), words  # type: ignore[arg-type]  # the fields' own
    except ConfigurationError:
        return
