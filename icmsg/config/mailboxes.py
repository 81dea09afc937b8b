"""Capabilities of Zephyr's mailboxes, as far as ICMsg depends on them: which channels there are, and who hears what.

From Zephyr's drivers (``drivers/mbox``) and the bindings of the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from icmsg.config.boards import BOARDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.devicetree import Channel, MailboxNode

Way = Literal["tx", "rx"]
Signal = Literal["VEVIF task", "VEVIF event", "bell"]
"""Things that one core rings and another hears, each by a driver of its own."""


class MailboxTraits(NamedTuple):
    """``channels`` are numbered from 0 on, None where that is not known.

    ``hears_itself``: a channel is one thing for both cores, so each direction needs its own. ``same_numbers``: the
    number that one core rings is the number that the other hears; None where that is not known. ``way`` and ``signal``:
    the only direction that a core uses the device for, and what it rings or hears there; None where it is for both.
    """

    channels: int | None
    hears_itself: bool
    same_numbers: bool | None
    way: Way | None = None
    signal: Signal | None = None


def _one_way(signal: Signal, way: Way) -> MailboxTraits:
    return MailboxTraits(32, hears_itself=False, same_numbers=True, way=way, signal=signal)


UNKNOWN: Final = MailboxTraits(None, hears_itself=False, same_numbers=None)
EVENT_TX: Final = _one_way("VEVIF event", "tx")
BELL_RX: Final = _one_way("bell", "rx")
_EVENTS: Final = MailboxTraits(32, hears_itself=False, same_numbers=True)
_EACH_WAY: Final = MailboxTraits(None, hears_itself=False, same_numbers=True)
_BACKBONE: Final = MailboxTraits(16, hears_itself=True, same_numbers=True)
_KINDS: Final[Mapping[str, MailboxTraits]] = {
    "nordic,mbox-nrf-ipc": _BACKBONE,
    "nordic,nrf-vevif-event-rx": _one_way("VEVIF event", "rx"),
    "nordic,nrf-vevif-event-tx": EVENT_TX,
    "nordic,nrf-vevif-task-rx": _one_way("VEVIF task", "rx"),
    "nordic,nrf-vevif-task-tx": _one_way("VEVIF task", "tx"),
    "nordic,nrf-bellboard-rx": BELL_RX,
    "nordic,nrf-bellboard-tx": _one_way("bell", "tx"),
    "st,mbox-stm32-hsem": MailboxTraits(32, hears_itself=True, same_numbers=True),
    "nxp,mbox-imx-mu": _EACH_WAY,
    "nxp,mbox-mailbox": _EACH_WAY,
    "espressif,mbox-esp32": _EACH_WAY,
    "raspberrypi,pico-mbox": _EACH_WAY,
}
_LABELS: Final[tuple[tuple[str, MailboxTraits], ...]] = (
    ("cpuapp_vevif_rx", _one_way("VEVIF event", "rx")),
    ("cpuapp_vevif_tx", _one_way("VEVIF task", "tx")),
    ("vevif", _EVENTS),
    ("bellboard", _EVENTS),
)
"""Kinds by labels of nodes that an overlay does not define; the labels are those of the SoCs' files."""
_LABELS_OF_NRF54L: Final[tuple[tuple[str, MailboxTraits], ...]] = (
    ("cpuflpr_vevif_rx", _one_way("VEVIF task", "rx")),
    ("cpuflpr_vevif_tx", EVENT_TX),
)
"""The same for labels that an nRF54H20 has, too, for something else."""
_WIRED: Final[Mapping[tuple[str, Signal], int]] = {
    ("nrf54l15", "VEVIF task"): 0x007F_0000,
    ("nrf54l15", "VEVIF event"): 0x0010_0000,
}
"""Masks by SoC for files that do not show them, from Zephyr's devicetree files of that SoC."""
_SECURE: Final = 0x1000_0000
"""Bit in which the secure and the non-secure address of a peripheral of Nordic's differ."""


def of_compatible(compatible: str) -> MailboxTraits:
    """Return what the mailbox with that ``compatible`` can do."""
    return _KINDS.get(compatible, UNKNOWN)


def kind_of(mailbox: MailboxNode, soc: str | None) -> MailboxTraits:
    """Return what ``mailbox`` can do; ``soc`` is the SoC as far as it is known."""
    for compatible in mailbox.compatible:
        if compatible in _KINDS:
            return _KINDS[compatible]
    if mailbox.compatible:
        return UNKNOWN
    labels = (*_LABELS_OF_NRF54L, *_LABELS) if (soc or "").startswith("nrf54l") else _LABELS
    for part, kind in labels:
        if part in mailbox.label or part in mailbox.path:
            return kind
    return of_compatible(BOARDS[soc].mailbox) if soc in BOARDS else UNKNOWN


def is_same_device(one: MailboxNode, other: MailboxNode) -> bool | None:
    """Tell whether two cores mean one device; None if an address is not told."""
    if one.address is None or other.address is None:
        return None
    return one.address | _SECURE == other.address | _SECURE


def is_for(channel: Channel, way: Way, soc: str | None) -> bool:
    """Tell whether the mailbox of ``channel`` is one for that direction."""
    return kind_of(channel.mailbox, soc).way in (None, way)


def wired(mailbox: MailboxNode, soc: str | None) -> int | None:
    """Return the mask of the channels that the hardware has; None where that is not known."""
    signal = kind_of(mailbox, soc).signal
    return _WIRED.get((soc or "", signal)) if mailbox.wired is None and signal else mailbox.wired
