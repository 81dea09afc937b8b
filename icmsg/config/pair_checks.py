"""Checks of the two sides against each other: what one sends is what the other takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.backends import check_icbmsg_pair, check_icmsg_me_pair
from icmsg.config.boards import BOARDS
from icmsg.config.built_for import RX_READ_BUF, Release
from icmsg.config.devicetree import NAMES
from icmsg.config.findings import Finding
from icmsg.config.kconfig import CB_SIZES, RX_SIZE
from icmsg.config.mailboxes import is_for, is_same_device, kind_of
from icmsg.config.pairing import counterpart_of_another_kind, other_backends_between
from icmsg.errors import DevicetreeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.findings import Severity, SourceLocation
    from icmsg.config.load import Side
    from icmsg.config.pairing import Pairing


def check_pairs(first: Side, second: Side, pairing: Pairing) -> Iterator[Finding]:
    """Yield what keeps the instances of ``first`` and ``second`` from bonding with their counterparts.

    Raises:
        DevicetreeError: nothing that is known here is between the two sides, and another backend is.
    """
    for ours, theirs in pairing.pairs:
        yield from _CheckedPair(first, ours, second, theirs).check()
    for side, other, alone, nodes in (
        (first, second, pairing.first_alone, pairing.of_first),
        (second, first, pairing.second_alone, pairing.of_second),
    ):
        yield from _limit(side, other, nodes)
        for node in alone:
            yield _no_counterpart(side, node, other)
    if not pairing.of_first and not pairing.of_second:
        yield _nothing_in_common(first, second)


def _no_counterpart(side: Side, node: IcmsgNode, other: Side) -> Finding:
    found = counterpart_of_another_kind(node, other)
    if found is not None:
        message = (
            f"its counterpart in {other.devicetree.file}, {found.path} ({found.place}), is {found.compatible}: both "
            "sides have to be the same backend"
        )
        return Finding("error", "backends-differ", side.core, node.path, node.place, message)
    return Finding(
        "error",
        "no-counterpart",
        side.core,
        node.path,
        node.place,
        f"no instance in {other.devicetree.file} has its regions or its name: add one with tx-region "
        f"{node.rx_region.region} and rx-region {node.tx_region.region}",
    )


def _nothing_in_common(first: Side, second: Side) -> Finding:
    others = other_backends_between(first, second)
    if others is not None:
        ours, theirs = others
        raise ours.place.error(
            DevicetreeError,
            f"{first.core} and {second.core} talk through {ours.path} and {theirs.path} ({theirs.place}), which are "
            f"{NAMES.get(ours.compatible, 'another backend')} ({ours.compatible}) and not judged; every instance that "
            "is judged leads to another core",
        )
    node = first.devicetree.instances[0]
    return Finding(
        "error",
        "nothing-between",
        first.core,
        node.path,
        node.place,
        f"every instance leads to another core than {second.core}, and every one in {second.devicetree.file} to "
        f"another than {first.core}: give the files of the two cores that talk to each other",
    )


class _CheckedPair:
    """Instance and its counterpart. Findings point at the second side and name the first."""

    def __init__(self, first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode) -> None:
        self._first, self._ours, self._second, self._theirs = first, ours, second, theirs

    def check(self) -> Iterator[Finding]:
        if self._ours.backend != self._theirs.backend:
            yield self._backends()
            return
        yield from self._regions()
        if all(self._are_for_their_ways()):  # else the one side's own mistake says it all
            yield from self._mailboxes() or self._channels()
        both = self._first, self._ours, self._second, self._theirs
        if self._ours.backend == "icbmsg":
            yield from check_icbmsg_pair(*both)
            return
        if self._ours.backend == "icmsg_me":
            yield from check_icmsg_me_pair(*both)
        if self._first.release.wire != self._second.release.wire:
            yield self._generations()
            return
        yield from self._modes()
        yield from self._alignment()

    def _backends(self) -> Finding:
        ours, theirs = self._ours, self._theirs
        return self._finding(
            "backends-differ",
            theirs.place_of("compatible"),
            f"its counterpart, {ours.path} of {self._first.core} ({ours.place_of('compatible')}), is "
            f"{ours.compatible}, and this is {theirs.compatible}: both sides have to be the same backend",
        )

    def _finding(
        self, code: str, place: SourceLocation, message: str, severity: Severity = "error"
    ) -> Finding:
        return Finding(severity, code, self._second.core, self._theirs.path, place, message)

    def _regions(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        ours_at = ours.tx_region.region.address, ours.rx_region.region.address
        if ours_at == (theirs.tx_region.region.address, theirs.rx_region.region.address):
            yield self._finding(
                "regions-not-swapped",
                theirs.place_of("tx-region"),
                f"tx-region and rx-region are those of {self._first.core} ({ours.place_of('tx-region')}), and both "
                "would write the same memory: swap tx-region and rx-region on one side",
            )
            return
        first, second = self._first.core, self._second.core
        for name, sent, reader, taken, place in (
            (first, ours.tx_region, second, theirs.rx_region, theirs.rx_region.place),
            (second, theirs.tx_region, first, ours.rx_region, theirs.tx_region.place),
        ):
            if sent.region.address != taken.region.address:
                yield self._finding(
                    "regions-differ",
                    place,
                    f"{name} writes its tx-region {sent} ({sent.place}), but {reader} reads its rx-region {taken} "
                    f"({taken.place}): give both the same reg",
                )
            elif sent.region.size != taken.region.size:
                yield self._finding(
                    "region-sizes-differ",
                    place,
                    f"{name} writes its tx-region with {sent.region.size} bytes ({sent.place}), but {reader} reads it "
                    f"with {taken.region.size} ({taken.place}), and both wrap at the end: give both the same size",
                )

    def _are_for_their_ways(self) -> Iterator[bool]:
        for side, node in ((self._first, self._ours), (self._second, self._theirs)):
            yield is_for(node.tx_channel, "tx", side.soc) and is_for(node.rx_channel, "rx", side.soc)

    def _mailboxes(self) -> list[Finding]:
        """Return where a core does not hear what the other rings, whatever the channels are."""
        found = []
        one, other = (self._first, self._ours), (self._second, self._theirs)
        for (ringer, from_node), (hearer, to_node) in ((one, other), (other, one)):
            tx, rx = from_node.tx_channel, to_node.rx_channel
            rung, heard = kind_of(tx.mailbox, ringer.soc).signal, kind_of(rx.mailbox, hearer.soc).signal
            if None in (rung, heard):
                continue
            if rung != heard:
                what, instead, fix = f"a {rung}", f"a {heard}", "name one thing on both sides"
            elif rung == "bell" and is_same_device(tx.mailbox, rx.mailbox) is False:
                what, instead = (f"the bellboard at 0x{box.mailbox.address:08X}" for box in (tx, rx))
                fix = f"name the bellboard of {hearer.core} in mboxes of {ringer.core}"
            else:
                continue
            message = (
                f"{ringer.core} rings {what} ({tx}, {tx.place}), but {hearer.core} hears {instead} ({rx}, {rx.place}): "
                f"{fix}"
            )
            found.append(self._finding("mailboxes-differ", self._theirs.place_of("mboxes"), message))
        return found

    def _channels(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        place = theirs.place_of("mboxes")
        rung, heard = ours.tx_channel.number, ours.rx_channel.number
        if rung != heard and (rung, heard) == (theirs.tx_channel.number, theirs.rx_channel.number):
            yield self._finding(
                "channels-not-swapped",
                place,
                f"rings {theirs.tx_channel} and hears {theirs.rx_channel}, as {self._first.core} does "
                f"({ours.place_of('mboxes')}): swap tx and rx in mbox-names on one side",
                self._certainty(),
            )
            return
        for name, tx, reader, rx in (
            (self._first.core, ours.tx_channel, self._second.core, theirs.rx_channel),
            (self._second.core, theirs.tx_channel, self._first.core, ours.rx_channel),
        ):
            if tx.number != rx.number:
                yield self._finding(
                    "channels-differ",
                    place,
                    f"{name} rings {tx} ({tx.place}), but {reader} hears {rx} ({rx.place}): "
                    "use one number for both",
                    self._certainty(),
                )

    def _certainty(self) -> Severity:
        """Return ``error`` where a number is known to mean the same on both sides."""
        known = (
            kind_of(self._ours.tx_channel.mailbox, self._first.soc),
            kind_of(self._theirs.tx_channel.mailbox, self._second.soc),
        )
        return "error" if all(kind.same_numbers for kind in known) else "warning"

    def _generations(self) -> Finding:
        one, other = self._first, self._second
        if one.releases.wires & other.releases.wires:
            return self._finding(
                "generations-open",
                self._theirs.place,
                f"{one.core} is Zephyr {one.releases}, {other.core} is Zephyr {other.releases}, and the packet buffer "
                "changed with 3.6: give the release of each",
                "warning",
            )
        return self._finding(
            "generations-differ",
            self._theirs.place,
            f"{one.core} is Zephyr {one.releases} and uses {one.release.wire}, {other.core} is Zephyr {other.releases} "
            f"and uses {other.release.wire}: build both with 3.6 or newer, or both with an older one",
        )

    def _modes(self) -> Iterator[Finding]:
        ours, theirs = self._first.mode(self._ours), self._second.mode(self._theirs)
        place = self._theirs.place_of("unbound")
        if {ours, theirs} == {"disable", "detect"}:
            first, legacy = (self._second, self._first) if theirs == "detect" else (self._first, self._second)
            if legacy.release.sessions:
                yield self._opens_first(first, legacy, place)
            return
        if (ours == "enable") == (theirs == "enable") or "detect" in (ours, theirs):
            return
        sessions = self._first.release.sessions and self._second.release.sessions
        yield self._finding(
            "modes-never-bind",
            place,
            f"{_words(self._second, self._theirs)} never binds with {_words(self._first, self._ours)} of "
            f'{self._first.core} ({self._ours.place_of("unbound")}): use "detect" on the side with "enable"'
            + (', or "enable" on both' if sessions else ""),
        )

    def _opens_first(self, first: Side, legacy: Side, place: SourceLocation) -> Finding:
        """Return what is wrong with, or to know about, ``first`` ("detect") with ``legacy`` ("disable")."""
        why = (
            f'{legacy.core}, which is "disable", rings once, and {first.core}, which is "detect", looks only when it '
            "is rung"
        )
        boards = [BOARDS[soc] for soc in (self._first.soc, self._second.soc) if soc in BOARDS]
        if legacy is self._first and boards and boards[0].starts:
            return self._finding(
                "disable-opens-first",
                place,
                f"{why}; on the {boards[0].title}, {legacy.core} starts {first.core} and opens first, so that the one "
                f'ring is lost and they do not bond: use "detect" on both, or "disable" on both',
            )
        return Finding(
            "note",
            "detect-opens-first",
            self._second.core,
            self._theirs.path,
            place,
            f"{why}: they do not bond if {legacy.core} rings before the mailbox of {first.core} is up; open "
            f'{first.core} first, or use "detect" on both',
        )

    def _alignment(self) -> Iterator[Finding]:
        if self._first.release.wire == "spsc_pbuf":
            ours, theirs = self._first.spsc_cache_line, self._second.spsc_cache_line
            fix = "set CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE to the same on both sides"
        else:
            ours, theirs = self._ours.dcache_alignment or 0, self._theirs.dcache_alignment or 0
            fix = f"set dcache-alignment = <{max(ours, theirs)}> on both sides"
        floor = 12 if self._first.release.wire == "spsc_pbuf" else 4
        if max(ours, floor) != max(theirs, floor):
            yield self._finding(
                "alignments-differ",
                self._theirs.place_of("dcache-alignment"),
                f"wr_idx is at offset {max(theirs, floor)} here (alignment {theirs}), but at {max(ours, floor)} for "
                f"{self._first.core} (alignment {ours}, {self._ours.place_of('dcache-alignment')}): {fix}",
            )


def _limit(side: Side, peer: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    limited = [node for node in nodes if node.backend != "icbmsg"]  # its control messages are short
    if not limited:
        return
    node = max(limited, key=lambda node: node.rx_region.region.size)
    if side.rx_limit is not None and side.rx_limit < node.rx_region.region.size:
        option = RX_SIZE if side.release >= RX_READ_BUF else CB_SIZES[side.release < Release(3, 3)]
        yield Finding(
            "note",
            "rx-limit",
            side.core,
            node.path,
            node.place,
            f"{side.core} takes messages up to {side.rx_limit} bytes, and a longer one from {peer.core} blocks it "
            f"for good: keep to that, or raise CONFIG_{option} of {side.core}",
        )


def _words(side: Side, node: IcmsgNode) -> str:
    if not side.release.sessions:
        return f"Zephyr {side.release}, which has no sessions,"
    return f'unbound = "{side.mode(node)}"' + ("" if node.unbound else " (the default)")
