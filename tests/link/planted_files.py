"""The firmware of planted.c with a mistake in it."""

from __future__ import annotations

import enum
from dataclasses import astuple, dataclass
from struct import Struct
from typing import TYPE_CHECKING

from firmware_files import FIRMWARE

from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from pathlib import Path

_PLANT = Struct("<8I")

Mistake = enum.IntEnum(
    "Mistake",
    "SOUND NO_SEND_CNF NO_RECEIVE_CNF NO_INTEN NO_NVIC WRONG_IRQ MASKED_BASEPRI MASKED_PRIMASK STUCK_IN_HANDLER "
    "NO_WR_IDX NO_RD_IDX MISSPELT MAGIC_SHORT NO_RING_MAGIC NO_RING_MESSAGE EARLY LE_WRITE LE_READ LENGTH_HEADER "
    "TRUNCATED OFF_BY_ONE SMALL_DROP SMALL_STOP SILENT EVERY_OTHER ONE_PER_RING OVERFLOW NULL_CALL UNALIGNED_JUMP "
    "RESET_AGAIN WFE_ALWAYS SESSION ICBMSG STOP_BEFORE_OPEN WR_UNALIGNED WR_BEYOND NOT_CLEARED SWALLOWS_MAGIC",
    start=0,
)
"""As the enum of planted.c."""


@dataclass(frozen=True)
class Plant:
    """What planted.c has in ``plant``; ``at`` is the message at which it goes wrong."""

    mistake: Mistake = Mistake.SOUND
    at: int = 3
    tx: int = 0x2007_8000
    rx: int = 0x2007_0000
    size: int = 0x800
    alignment: int = 4
    tx_channel: int = 1
    rx_channel: int = 0


def planted(folder: Path, plant: Plant) -> Path:
    """Write the image for the network core with this mistake into ``folder``."""
    source = FIRMWARE / "planted-net.elf"
    image = FirmwareImage.load(source)
    data = bytearray(source.read_bytes())
    start = data.index(image.segments[0].data) + image.symbols["plant"] - image.segments[0].load_address
    data[start : start + _PLANT.size] = _PLANT.pack(*astuple(plant))
    path = folder / "my-planted-net.elf"
    path.write_bytes(data)
    return path


def _names() -> list[str]:
    source = (FIRMWARE / "planted.c").read_text()
    return (
        source[source.index("enum kind {") + len("enum kind {") : source.index("};")]
        .replace(",", " ")
        .split()
    )


PLANT_ENUM = _names()
"""The mistakes in the order of planted.c."""
