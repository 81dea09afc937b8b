"""The kinds of mailboxes: one module for each, with its registers, driver, model and the words that describe it.

Everybody else asks the kind, found by the type in a platform file (:func:`find_kind`).
"""

from __future__ import annotations

from typing import Final

from icmsg.hw.mailboxes import nrf_bellboard, nrf_ipc, nrf_vevif, nrf_vevif_csr
from icmsg.hw.mailboxes.kind import (
    MailboxDriver,
    MailboxKind,
    MailboxModel,
    MailboxSite,
    ManySided,
    OneLine,
    SeveralLines,
)

__all__ = [
    "MailboxDriver", "MailboxKind", "MailboxModel", "MailboxSite", "ManySided", "OneLine", "SeveralLines", "add_kind",
    "find_kind", "kinds",
]  # fmt: skip

_KINDS: Final[dict[str, MailboxKind]] = {
    module.KIND.type: module.KIND for module in (nrf_ipc, nrf_vevif, nrf_vevif_csr, nrf_bellboard)
}


def find_kind(type_name: str) -> MailboxKind | None:
    """Return the kind of a type in a platform file, None if that is no mailbox that is known here."""
    return _KINDS.get(type_name)


def kinds() -> tuple[MailboxKind, ...]:
    """Return all kinds."""
    return tuple(_KINDS.values())


def add_kind(kind: MailboxKind) -> None:
    """Make a kind of your own known, before a machine with one is made; one of the same type is replaced."""
    _KINDS[kind.type] = kind
