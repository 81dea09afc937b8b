"""The mailboxes of a platform that hear each other: joined by an attribute of their kind, such as ``peer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.cosim.platform import Reference
from icmsg.hw.mailboxes import find_kind

if TYPE_CHECKING:
    from icmsg.cosim.platform import PlatformDescription
    from icmsg.cosim.soc import MailboxPort


def check_joined(
    description: PlatformDescription, first: MailboxPort | None, second: MailboxPort | None
) -> None:
    """Refuse two mailboxes that never hear each other, since neither names the other, nor both a third one.

    Raises:
        PlatformError: at the second one.
    """
    if first is None or second is None or not first.kind.peers:
        return
    if second.name not in _heard_by(description, first.name):
        raise description[second.name].error(
            f"mailboxes {first.name} and {second.name} are not joined: give {second.name} the line "
            f"`{first.kind.peers[0]}: {first.name}`"
        )


def _heard_by(description: PlatformDescription, mailbox: str) -> set[str]:
    """Return the names of a mailbox and of all that hear it."""
    pairs = [
        {item.name, value.name}
        for item in description
        if (kind := find_kind(item.type)) is not None
        for peer in kind.peers
        if isinstance(value := item.attributes.get(peer), Reference)
    ]
    found = {mailbox}
    while more := [pair for pair in pairs if pair & found and not pair <= found]:
        found.update(*more)
    return found
