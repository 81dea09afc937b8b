"""Names of cores in Zephyr's board names, Kconfig and devicetree labels for Nordic's SoCs, such as ``cpuapp``.

A side is called after its core without the ``cpu``. Which core a file is for follows from the ``compatible`` of its
root and of ``/soc``; of an overlay from its name, since a build looks for ``boards/BOARD_SOC_CORE.overlay``; and else
from the label of the mailbox on which it hears, since a core hears on nothing but its own.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import ZEPHYR_CORES

if TYPE_CHECKING:
    from icmsg.config.boards import Board
    from icmsg.config.devicetree import Devicetree

_WORD: Final = re.compile(f"cpu({'|'.join(ZEPHYR_CORES)})")


def cores_in(text: str, board: Board | None = None) -> tuple[str, ...]:
    """Return the cores that ``text`` names, in its order: those of ``board``, else of any SoC of Nordic's."""
    text = text.lower()
    if board is not None:
        found = [role for role, words in board.qualifiers.items() if any(word in text for word in words)]
        if len(found) == 1:
            return tuple(found)
    return tuple(dict.fromkeys(_WORD.findall(text)))


def core_in(text: str, board: Board | None = None) -> str | None:
    """Return the one core that ``text`` names; None if it names none, or several."""
    found = cores_in(text, board)
    return found[0] if len(found) == 1 else None


def core_of(devicetree: Devicetree, board: Board | None = None) -> str | None:
    """Return the core that a file is for, None if it does not tell; ``board`` is the one that its SoC is known by."""
    texts = list(devicetree.compatible)
    if not devicetree.complete:
        texts.append(PurePath(devicetree.file).stem)
    texts += [node.rx_channel.mailbox.label for node in devicetree.instances]
    return next((core for text in texts if (core := core_in(text, board)) is not None), None)
