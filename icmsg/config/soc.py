"""Which SoC a side's files are of, as far as they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree import NRF_IPC
from icmsg.config.nrf5340 import NRF5340

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree import Devicetree, Mailbox
    from icmsg.config.kconfig import KconfigFacts

_SAYS_NOTHING: Final = ("simple-bus",)
_NRF5340_LABELS: Final = ("mbox", "ipc")
"""Labels of the mailbox in Zephyr's files of the nRF5340, which an overlay refers to."""
_NRF5340_RAM: Final = (0x2000_0000, 0x2008_0000)


def soc_of(devicetree: Devicetree, kconfig: KconfigFacts | None) -> str | None:
    """Return the SoC: :data:`NRF5340`, the name of another one or of its mailbox; None if nothing tells.

    It follows from CONFIG_SOC, else from ``compatible`` of the root and of ``/soc``, else from the mailbox. An overlay
    shows at most the mailbox's label, which is the same on some other SoCs; then the regions count, too.
    """
    named = kconfig.settings.get("SOC") if kconfig else None
    if named is not None and named.value:
        name = named.value.strip('"').lower()
        return NRF5340 if NRF5340 in name else name
    names = [name for name in devicetree.compatible if name not in _SAYS_NOTHING]
    if names:
        return NRF5340 if any(NRF5340 in name for name in names) else names[-1]
    boxes = list(_mailboxes(devicetree))
    if any(NRF_IPC in box.compatible for box in boxes):
        return NRF5340
    for box in boxes:
        if box.compatible:
            return box.compatible[0]
        if any(part in box.label + box.path for part in ("vevif", "bellboard")):
            return "nrf54"
    return NRF5340 if all(_fits_nrf5340(box) for box in boxes) and _could_be_nrf5340(devicetree) else None


def _mailboxes(devicetree: Devicetree) -> Iterator[Mailbox]:
    for node in devicetree.instances:
        yield node.tx_channel.mailbox
        yield node.rx_channel.mailbox


def _fits_nrf5340(box: Mailbox) -> bool:
    return not box.stand_in or box.label in _NRF5340_LABELS or box.path.lstrip("&") in _NRF5340_LABELS


def _could_be_nrf5340(devicetree: Devicetree) -> bool:
    """Tell whether channels are those of its mailbox; one number for both ways is, in its RAM, a mistake."""
    start, end = _NRF5340_RAM
    for node in devicetree.instances:
        tx, rx = node.tx_channel, node.rx_channel
        if not tx.has_cell or not rx.has_cell:
            return False
        regions = node.tx_region.region, node.rx_region.region
        in_ram = all(start <= region.address and region.end <= end for region in regions)
        if tx.mailbox.stand_in and tx.number == rx.number and not in_ram:
            return False
    return True
