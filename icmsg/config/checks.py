"""Whether the two sides will bond, judged from their files alone.

>>> from icmsg.config.load import load_side
>>> findings = check(load_side("app.dts"), load_side("net.dts", core="net"))  # doctest: +SKIP
>>> will_bond(findings)  # doctest: +SKIP
True

:func:`check` looks at each side by itself and then at both together. Nothing is raised for what can be read but
cannot work: each such thing is a :class:`~icmsg.config.findings.Finding` with the text that names the fix.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from icmsg.config.findings import Finding, will_bond
from icmsg.config.kconfig import BACKEND, MODE_SWITCHES
from icmsg.config.mailboxes import kind_of
from icmsg.config.memory_checks import MemoryRange, check_memory
from icmsg.config.pair_checks import check_pairs
from icmsg.config.place import Place
from icmsg.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.config.devicetree import Channel, IcmsgNode
    from icmsg.config.load import Side

__all__ = ["Finding", "MemoryRange", "check", "check_side", "will_bond"]

_ORDER: Final = {"error": 0, "warning": 1, "note": 2}


def check(
    first: Side,
    second: Side | None = None,
    platform: Sequence[MemoryRange] | None = None,
    ends: Sequence[str] = (),
) -> list[Finding]:
    """Return everything that was found, the worst first; an empty list is a good one.

    ``platform`` is the memory of the emulated SoC, None to leave it out; ``ends`` are the cores that share the regions,
    all of the SoC where nobody says.
    """
    findings = list(check_side(first, platform, ends))
    if second is not None:
        findings += check_side(second, platform, ends)
        findings += check_pairs(first, second)
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def check_side(
    side: Side, platform: Sequence[MemoryRange] | None = None, ends: Sequence[str] = ()
) -> Iterator[Finding]:
    """Yield what is wrong with one side, whatever the other side is."""
    yield from _release(side)
    for node in side.devicetree.instances:
        yield from _instance(side, node)
        yield from _kconfig(side, node)
        yield from _channels(side, node)
    yield from _shared_channels(side)
    yield from check_memory(side, platform, ends)
    for other in side.devicetree.others:
        yield Finding(
            "note",
            "other-backend",
            side.core,
            other.path,
            other.place,
            f"{other.compatible} is another backend, of which only the memory was checked",
        )


def _release(side: Side) -> Iterator[Finding]:
    if len(side.releases.wires) > 1:
        node = side.devicetree.instances[0]
        yield Finding(
            "note",
            "release-open",
            side.core,
            node.path,
            node.place,
            f"Zephyr {side.releases} ({side.release_source}), whose packet buffers differ: taken as {side.release}. "
            "Give the release, or the build's zephyr/.config",
        )
    elif side.release.wire == "spsc_pbuf" and (side.kconfig is None or side.kconfig.spsc_cache_line is None):
        node = side.devicetree.instances[0]
        yield Finding(
            "note",
            "cache-line-open",
            side.core,
            node.path,
            node.place,
            f"the cache line of spsc_pbuf is taken as {side.spsc_cache_line} bytes, which decides where wr_idx is: "
            "give the build's zephyr/.config to be sure",
        )


def _instance(side: Side, node: IcmsgNode) -> Iterator[Finding]:
    try:
        side.config(node)
    except SourceError as error:
        place = Place(error.file, error.line or node.place.line)
        message = error.reason.removeprefix(f"{node.path}: ")
        yield Finding("error", "instance", side.core, node.path, place, message)


def _kconfig(side: Side, node: IcmsgNode) -> Iterator[Finding]:
    facts = side.kconfig
    if facts is None:
        return
    backend = facts.switch(BACKEND)
    if backend is False or (backend is None and facts.complete):
        where = facts.settings[BACKEND].place if BACKEND in facts.settings else node.place
        yield Finding(
            "error",
            "backend-off",
            side.core,
            node.path,
            where,
            f"the backend is not built ({', '.join(facts.files)}): set CONFIG_IPC_SERVICE=y and CONFIG_{BACKEND}=y",
        )
    mode = side.mode(node)
    if mode in MODE_SWITCHES and side.release.sessions and not facts.allows(mode):
        switch = MODE_SWITCHES[mode]
        default = "" if node.unbound else " (the default)"
        yield Finding(
            "error",
            "mode-forbidden",
            side.core,
            node.path,
            node.place_of("unbound"),
            f'unbound = "{mode}"{default} is not built: CONFIG_{switch} is off ({facts.settings[switch].place}). '
            f"Set CONFIG_{switch}=y, or use another mode",
        )


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
    for name, channel, mask in (("tx", tx, tx.mailbox.tx_mask), ("rx", rx, rx.mailbox.rx_mask)):
        mailbox = channel.mailbox
        channels = kind_of(mailbox, side.soc).channels
        if channels is not None and channel.number >= channels:
            yield finding(
                "channel-missing",
                channel,
                f"{name} is {channel}, but this mailbox has {channels} channels: use 0 to {channels - 1}",
            )
        elif mask is not None and not mask >> channel.number & 1:
            yield finding(
                "channel-masked",
                channel,
                f"{name} is {channel}, which {name}-mask = <{mask:#06x}> of {mailbox.path} "
                f"({mailbox.place}) leaves out: set bit {channel.number} there, or use another channel",
            )


def _shared_channels(side: Side) -> Iterator[Finding]:
    users = [
        (node, name, channel)
        for node in side.devicetree.instances
        for name, channel in (("tx", node.tx_channel), ("rx", node.rx_channel))
    ]
    for (first, first_name, first_channel), (second, name, channel) in combinations(users, 2):
        same = (first_channel.mailbox.path, first_channel.number) == (channel.mailbox.path, channel.number)
        one_way = name != first_name and not kind_of(channel.mailbox, side.soc).hears_itself
        if first is second or not same or one_way:
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
