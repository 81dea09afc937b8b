"""The former place of :mod:`icmsg.config.boards`; it goes with release 0.3."""

from __future__ import annotations

from typing import Final

from icmsg.config.boards import DEFAULT
from icmsg.config.mailboxes import of_compatible

NRF5340: Final = DEFAULT.name
APP: Final = DEFAULT.instance
CHANNELS: Final = of_compatible(DEFAULT.mailbox).channels
_BANK: Final = 0x0100_0000


def core_of_address(address: int) -> str | None:
    """Return whose flash (with FICR and UICR) a byte address belongs to; None for RAM and everything else."""
    place = address // _BANK
    return DEFAULT.roles[place] if place < len(DEFAULT.roles) else None
