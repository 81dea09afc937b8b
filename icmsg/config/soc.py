"""SoC and core that a side's files are for, as far as they tell."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import BOARDS, DEFAULT, ZEPHYR_CORES, Board

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.boards import Board
    from icmsg.config.devicetree import Devicetree, MailboxNode
    from icmsg.config.kconfig import KconfigFacts


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


_SAYS_NOTHING: Final = ("simple-bus",)
_PART: Final = re.compile(r"nrf\d+[a-z]*\d+")
_SEVERAL_SOCS: Final = ("vevif", "bellboard")
"""Parts of the names of mailboxes that more than one SoC has."""


def soc_of(devicetree: Devicetree, kconfig: KconfigFacts | None) -> str | None:
    """Return the SoC: the name of a board, that of another SoC or of its mailbox; None if nothing tells.

    It follows from CONFIG_SOC, else from ``compatible`` of the root and of ``/soc``, else from the name of an overlay,
    which a build looks for under that of the board, else from the mailbox. An overlay shows at most the mailbox's
    label, which is the same on some other SoCs; then the regions count, too.
    """
    named = kconfig.settings.get("SOC") if kconfig else None
    if named is not None and named.value:
        name = named.value.strip('"').lower()
        board = board_in(name)
        return board.name if board is not None else name
    names = [name for name in devicetree.compatible if name not in _SAYS_NOTHING]
    if names:
        board = next((found for name in names if (found := board_in(name)) is not None), None)
        return board.name if board is not None else names[-1]
    board = None if devicetree.complete else board_in(PurePath(devicetree.file).stem)
    if board is not None:
        return board.name
    boxes = list(_mailboxes(devicetree))
    for known in BOARDS.values():
        if not _is_of_several(known.mailbox) and any(known.mailbox in box.compatible for box in boxes):
            return known.name
    for box in boxes:
        if box.compatible:
            return box.compatible[0]
        if _is_of_several(box.label + box.path):
            return "nrf54"
    fits = all(_fits(box, DEFAULT) for box in boxes) and _could_be(devicetree, DEFAULT)
    return DEFAULT.name if fits else None


def board_in(text: str) -> Board | None:
    """Return the board whose SoC a ``compatible``, a board's name or CONFIG_SOC names, or None.

    A kit's name is no SoC's: ``nrf54l15dk_nrf54l10_cpuapp`` is an nRF54L10.
    """
    words = re.split(r"[^a-z0-9]+", text.lower())
    parts = [word for word in words if _PART.fullmatch(word)]
    if parts:
        return BOARDS.get(parts[-1])
    return next(
        (board for name, board in BOARDS.items() if any(word.startswith(name) for word in words)), None
    )


def _is_of_several(name: str) -> bool:
    return any(part in name for part in _SEVERAL_SOCS)


def _mailboxes(devicetree: Devicetree) -> Iterator[MailboxNode]:
    for node in devicetree.instances:
        yield node.tx_channel.mailbox
        yield node.rx_channel.mailbox


def _fits(box: MailboxNode, board: Board) -> bool:
    return not box.stand_in or box.label in board.labels or box.path.lstrip("&") in board.labels


def _could_be(devicetree: Devicetree, board: Board) -> bool:
    """Tell whether channels are those of a board's mailbox; one number for both ways is, in its RAM, a mistake."""
    for node in devicetree.instances:
        tx, rx = node.tx_channel, node.rx_channel
        if not tx.has_cell or not rx.has_cell:
            return False
        regions = node.tx_region.region, node.rx_region.region
        in_ram = all(region.address in board.ram and region.end <= board.ram.stop for region in regions)
        if tx.mailbox.stand_in and tx.number == rx.number and not in_ram:
            return False
    return True
