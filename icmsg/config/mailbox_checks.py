"""Checks of the mailbox channels of one side: each exists, is for that direction, and has one use.

The rules are those of Zephyr's drivers, which refuse a channel with -EINVAL: ``nordic,tasks-mask`` and
``nordic,events-mask`` (``mbox_nrf_vevif_*.c``), the last event (``mbox_nrf_vevif_event_tx.c`` asks for *less than* the
highest number, 31 at most) and ``nordic,interrupt-mapping`` (``mbox_nrf_bellboard_rx.c``).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from icmsg.config.findings import Finding
from icmsg.config.mailboxes import BELL_RX, EVENT_TX, is_for, kind_of, wired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.config.devicetree import Channel, IcmsgNode
    from icmsg.config.load import Side
    from icmsg.config.mailboxes import Way

_LAST_EVENT: Final = 31
_BITS: Final = 32


def check_channels(side: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    """Yield what is wrong with the channels of ``nodes``, which are instances of ``side``."""
    for node in nodes:
        yield from _channels(side, node)
    yield from _shared_channels(side, nodes)


def _channels(side: Side, node: IcmsgNode) -> Iterator[Finding]:
    def finding(code: str, channel: Channel, message: str) -> Finding:
        return Finding("error", code, side.core, node.path, channel.place, message)

    tx, rx = node.tx_channel, node.rx_channel
    if (tx.mailbox.path, tx.number) == (rx.mailbox.path, rx.number) and kind_of(
        tx.mailbox, side.soc
    ).hears_itself:
        yield finding(
            "channel-shared",
            tx,
            f"tx and rx are the same channel {tx}: this core would hear its own rings. Use two",
        )
    for mailbox in {channel.mailbox.path: channel.mailbox for channel in (tx, rx)}.values():
        if not mailbox.enabled:
            yield finding(
                "mailbox-disabled",
                tx,
                f'mboxes names {mailbox.path} ({mailbox.place}), which is disabled: set its status = "okay"',
            )
    ways: tuple[tuple[Way, Channel, int | None], ...] = (
        ("tx", tx, tx.mailbox.tx_mask),
        ("rx", rx, rx.mailbox.rx_mask),
    )
    for way, channel, mask in ways:
        mailbox = channel.mailbox
        kind = kind_of(mailbox, side.soc)
        if not is_for(channel, way, side.soc):
            yield finding(
                "mailbox-one-way",
                channel,
                f"{way} is {channel}, on which this core can only {'hear' if kind.way == 'rx' else 'ring'} "
                f"a {kind.signal}: swap the names in mbox-names, or name another mailbox",
            )
        elif kind.channels is not None and channel.number >= kind.channels:
            yield finding(
                "channel-missing",
                channel,
                f"{way} is {channel}, but this mailbox has {kind.channels} channels: use 0 to {kind.channels - 1}",
            )
        elif mask is not None and not mask >> channel.number & 1:
            yield finding(
                "channel-masked",
                channel,
                f"{way} is {channel}, which {way}-mask = <{mask:#06x}> of {mailbox.path} "
                f"({mailbox.place}) leaves out: set bit {channel.number} there, or use another channel",
            )
        else:
            yield from _of_hardware(side, node, way, channel)


def _of_hardware(side: Side, node: IcmsgNode, way: Way, channel: Channel) -> Iterator[Finding]:
    """Yield what the hardware, or the driver of its mailbox, refuses about a channel."""

    def finding(code: str, reason: str) -> Finding:
        return Finding("error", code, side.core, node.path, channel.place, f"{way} is {channel}, {reason}")

    mailbox, number = channel.mailbox, channel.number
    kind, mask, mapped = kind_of(mailbox, side.soc), wired(mailbox, side.soc), mailbox.mapped
    if mask is not None and not mask >> number & 1:
        yield finding(
            "channel-not-wired",
            f"but the hardware has only {kind.signal} {_numbers(mask)} ({mailbox.place}): use one of these",
        )
    elif kind == EVENT_TX and number >= _LAST_EVENT:
        yield finding(
            "event-refused",
            f"and Zephyr's driver refuses to ring the last event, {_LAST_EVENT}: use a lower one",
        )
    elif kind == BELL_RX and mapped is not None and not mapped >> number & 1:
        yield finding(
            "bell-not-mapped",
            f"but nordic,interrupt-mapping of {mailbox.path} ({mailbox.place}) has an interrupt only for "
            f"{_numbers(mapped) or 'none'}: add bit {number} to the mask of an interrupt in interrupt-names",
        )


def _numbers(mask: int) -> str:
    """Return the bits of a mask in words: ``16 to 22``, or ``0, 6, 18``."""
    bits = [bit for bit in range(_BITS) if mask >> bit & 1]
    if len(bits) > 2 and bits[-1] - bits[0] == len(bits) - 1:
        return f"{bits[0]} to {bits[-1]}"
    return ", ".join(map(str, bits))


def _shared_channels(side: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    users = [
        (node, name, channel)
        for node in side.devicetree.instances
        for name, channel in (("tx", node.tx_channel), ("rx", node.rx_channel))
    ]
    for one, other in combinations(users, 2):
        (first, first_name, first_channel), (second, name, channel) = one, other
        if not any(second is node for node in nodes):
            (first, first_name, first_channel), (second, name, channel) = other, one
        same = (first_channel.mailbox.path, first_channel.number) == (channel.mailbox.path, channel.number)
        one_way = name != first_name and not kind_of(channel.mailbox, side.soc).hears_itself
        if first is second or not same or one_way or not any(second is node for node in nodes):
            continue
        yield Finding(
            "error",
            "channel-shared",
            side.core,
            second.path,
            channel.place,
            f"{name} {channel} is also {first_name} of {first.path} ({first_channel.place}): "
            "give each instance channels of its own",
        )
