"""Mailboxes in a devicetree: what those of Zephyr can do, and checks of the channels of one side.

What they can do, as far as ICMsg depends on it, is which channels there are, and who hears what. It is from Zephyr's
drivers (``drivers/mbox``) and the bindings of the same names. Each channel of a side has to exist, to be for that
direction and to have one use. The rules are those of the drivers, which refuse a channel with -EINVAL:
``nordic,tasks-mask`` and ``nordic,events-mask`` (``mbox_nrf_vevif_*.c``), the last event
(``mbox_nrf_vevif_event_tx.c`` asks for *less than* the highest number, 31 at most) and ``nordic,interrupt-mapping``
(``mbox_nrf_bellboard_rx.c``).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from icmsg.config.boards import BOARDS
from icmsg.config.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icmsg.config.devicetree import Channel, IcmsgNode, MailboxNode
    from icmsg.config.load import Side


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
