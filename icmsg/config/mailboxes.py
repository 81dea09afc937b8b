"""Abilities of Zephyr's mailboxes, as far as ICMsg depends on them: which channels there are, and who hears what.

From Zephyr's drivers (``drivers/mbox``) and the bindings of the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.boards import BOARDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.devicetree import Mailbox


class MailboxKind(NamedTuple):
    """``channels`` are numbered from 0 on, None where that is not known.

    ``hears_itself``: a channel is one thing for both cores, so each direction needs its own. ``same_numbers``: the
    number that one core rings is the number that the other hears; None where that is not known.
    """

    channels: int | None
    hears_itself: bool
    same_numbers: bool | None


UNKNOWN: Final = MailboxKind(None, hears_itself=False, same_numbers=None)
_EVENTS: Final = MailboxKind(32, hears_itself=False, same_numbers=True)
_EACH_WAY: Final = MailboxKind(None, hears_itself=False, same_numbers=True)
_BACKBONE: Final = MailboxKind(16, hears_itself=True, same_numbers=True)
_KINDS: Final[Mapping[str, MailboxKind]] = {
    "nordic,mbox-nrf-ipc": _BACKBONE,
    "nordic,nrf-vevif-event-rx": _EVENTS,
    "nordic,nrf-vevif-event-tx": _EVENTS,
    "nordic,nrf-vevif-task-rx": _EVENTS,
    "nordic,nrf-vevif-task-tx": _EVENTS,
    "nordic,nrf-bellboard-rx": _EVENTS,
    "nordic,nrf-bellboard-tx": _EVENTS,
    "st,mbox-stm32-hsem": MailboxKind(32, hears_itself=True, same_numbers=True),
    "nxp,mbox-imx-mu": _EACH_WAY,
    "nxp,mbox-mailbox": _EACH_WAY,
    "espressif,mbox-esp32": _EACH_WAY,
    "raspberrypi,pico-mbox": _EACH_WAY,
}
_LABELS: Final = (("vevif", _EVENTS), ("bellboard", _EVENTS))
"""Kinds by labels of nodes that an overlay does not define; the labels are those of the SoCs' files."""


def of_compatible(compatible: str) -> MailboxKind:
    """Return what the mailbox with that ``compatible`` can do."""
    return _KINDS.get(compatible, UNKNOWN)


def kind_of(mailbox: Mailbox, soc: str | None) -> MailboxKind:
    """Return what ``mailbox`` can do; ``soc`` is the SoC as far as it is known."""
    for compatible in mailbox.compatible:
        if compatible in _KINDS:
            return _KINDS[compatible]
    if mailbox.compatible:
        return UNKNOWN
    for part, kind in _LABELS:
        if part in mailbox.label or part in mailbox.path:
            return kind
    return of_compatible(BOARDS[soc].mailbox) if soc in BOARDS else UNKNOWN
