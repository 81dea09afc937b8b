"""SoC that a side's files are of, as far as they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.boards import BOARDS, DEFAULT, Board, board_named_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree import Devicetree, Mailbox
    from icmsg.config.kconfig import KconfigFacts

_SAYS_NOTHING: Final = ("simple-bus",)


def soc_of(devicetree: Devicetree, kconfig: KconfigFacts | None) -> str | None:
    """Return the SoC: the name of a board, that of another SoC or of its mailbox; None if nothing tells.

    It follows from CONFIG_SOC, else from ``compatible`` of the root and of ``/soc``, else from the mailbox. An overlay
    shows at most the mailbox's label, which is the same on some other SoCs; then the regions count, too.
    """
    named = kconfig.settings.get("SOC") if kconfig else None
    if named is not None and named.value:
        name = named.value.strip('"').lower()
        board = board_named_in(name)
        return board.name if board is not None else name
    names = [name for name in devicetree.compatible if name not in _SAYS_NOTHING]
    if names:
        board = next((found for name in names if (found := board_named_in(name)) is not None), None)
        return board.name if board is not None else names[-1]
    boxes = list(_mailboxes(devicetree))
    for known in BOARDS.values():
        if any(known.mailbox in box.compatible for box in boxes):
            return known.name
    for box in boxes:
        if box.compatible:
            return box.compatible[0]
        if any(part in box.label + box.path for part in ("vevif", "bellboard")):
            return "nrf54"
    fits = all(_fits(box, DEFAULT) for box in boxes) and _could_be(devicetree, DEFAULT)
    return DEFAULT.name if fits else None


def _mailboxes(devicetree: Devicetree) -> Iterator[Mailbox]:
    for node in devicetree.instances:
        yield node.tx_channel.mailbox
        yield node.rx_channel.mailbox


def _fits(box: Mailbox, board: Board) -> bool:
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
