"""Checks of the two sides against each other: what one sends is what the other takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.findings import Finding
from icmsg.config.kconfig import CB_SIZES, RX_SIZE
from icmsg.config.mailboxes import kind_of
from icmsg.config.matching import match
from icmsg.config.nrf5340 import NRF5340
from icmsg.config.release import RX_READ_BUF, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.findings import Severity
    from icmsg.config.load import Side
    from icmsg.config.place import Place


def check_pairs(app: Side, net: Side) -> Iterator[Finding]:
    """Yield what keeps the instances of ``app`` and ``net`` from bonding with their counterparts."""
    matching = match(app.devicetree.instances, net.devicetree.instances)
    for ours, theirs in matching.pairs:
        yield from _Pair(app, ours, net, theirs).check()
    for side, other, alone in ((app, net, matching.ours_alone), (net, app, matching.theirs_alone)):
        yield from _limit(side, other)
        for node in alone:
            yield Finding(
                "error",
                "no-counterpart",
                side.core,
                node.path,
                node.place,
                f"no instance in {other.devicetree.file} has its regions or its name: add one with tx-region "
                f"{node.rx_region.region} and rx-region {node.tx_region.region}",
            )


class _Pair:
    """One instance and its counterpart. Findings point at the net side and name the app side."""

    def __init__(self, app: Side, ours: IcmsgNode, net: Side, theirs: IcmsgNode) -> None:
        self._app, self._ours, self._net, self._theirs = app, ours, net, theirs

    def check(self) -> Iterator[Finding]:
        yield from self._regions()
        yield from self._channels()
        if self._app.release.wire != self._net.release.wire:
            yield self._generations()
            return
        yield from self._modes()
        yield from self._alignment()

    def _finding(self, code: str, place: Place, message: str, severity: Severity = "error") -> Finding:
        return Finding(severity, code, self._net.core, self._theirs.path, place, message)

    def _regions(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        ours_at = ours.tx_region.region.address, ours.rx_region.region.address
        if ours_at == (theirs.tx_region.region.address, theirs.rx_region.region.address):
            yield self._finding(
                "regions-not-swapped",
                theirs.place_of("tx-region"),
                f"tx-region and rx-region are those of {self._app.core} ({ours.place_of('tx-region')}), and both "
                "would write the same memory: swap tx-region and rx-region on one side",
            )
            return
        app, net = self._app.core, self._net.core
        for name, sent, reader, taken, place in (
            (app, ours.tx_region, net, theirs.rx_region, theirs.rx_region.place),
            (net, theirs.tx_region, app, ours.rx_region, theirs.tx_region.place),
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

    def _channels(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        place = theirs.place_of("mboxes")
        rung, heard = ours.tx_channel.number, ours.rx_channel.number
        if rung != heard and (rung, heard) == (theirs.tx_channel.number, theirs.rx_channel.number):
            yield self._finding(
                "channels-not-swapped",
                place,
                f"rings {theirs.tx_channel} and hears {theirs.rx_channel}, as {self._app.core} does "
                f"({ours.place_of('mboxes')}): swap tx and rx in mbox-names on one side",
                self._certainty(),
            )
            return
        for name, tx, reader, rx in (
            (self._app.core, ours.tx_channel, self._net.core, theirs.rx_channel),
            (self._net.core, theirs.tx_channel, self._app.core, ours.rx_channel),
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
            kind_of(self._ours.tx_channel.mailbox, self._app.soc),
            kind_of(self._theirs.tx_channel.mailbox, self._net.soc),
        )
        return "error" if all(kind.same_numbers for kind in known) else "warning"

    def _generations(self) -> Finding:
        app, net = self._app, self._net
        if app.releases.wires & net.releases.wires:
            return self._finding(
                "generations-open",
                self._theirs.place,
                f"{app.core} is Zephyr {app.releases}, {net.core} is Zephyr {net.releases}, and the packet buffer "
                "changed with 3.6: give the release of each",
                "warning",
            )
        return self._finding(
            "generations-differ",
            self._theirs.place,
            f"{app.core} is Zephyr {app.releases} and uses {app.release.wire}, {net.core} is Zephyr {net.releases} "
            f"and uses {net.release.wire}: build both with 3.6 or newer, or both with an older one",
        )

    def _modes(self) -> Iterator[Finding]:
        ours, theirs = self._app.mode(self._ours), self._net.mode(self._theirs)
        place = self._theirs.place_of("unbound")
        if {ours, theirs} == {"disable", "detect"}:
            first, legacy = (self._net, self._app) if theirs == "detect" else (self._app, self._net)
            if legacy.release.sessions:
                yield self._opens_first(first, legacy, place)
            return
        if (ours == "enable") == (theirs == "enable") or "detect" in (ours, theirs):
            return
        sessions = self._app.release.sessions and self._net.release.sessions
        yield self._finding(
            "modes-never-bind",
            place,
            f"{_words(self._net, self._theirs)} never binds with {_words(self._app, self._ours)} of {self._app.core} "
            f'({self._ours.place_of("unbound")}): use "detect" on the side with "enable"'
            + (', or "enable" on both' if sessions else ""),
        )

    def _opens_first(self, first: Side, legacy: Side, place: Place) -> Finding:
        """Return what is wrong with, or to know about, ``first`` ("detect") with ``legacy`` ("disable")."""
        why = (
            f'{legacy.core}, which is "disable", rings once, and {first.core}, which is "detect", looks only when it '
            "is rung"
        )
        if legacy is self._app and NRF5340 in (self._app.soc, self._net.soc):
            return self._finding(
                "disable-opens-first",
                place,
                f"{why}; on the nRF5340, {legacy.core} starts {first.core} and opens first, so that the one ring is "
                f'lost and they do not bond: use "detect" on both, or "disable" on both',
            )
        return Finding(
            "note",
            "detect-opens-first",
            self._net.core,
            self._theirs.path,
            place,
            f"{why}: they do not bond if {legacy.core} rings before the mailbox of {first.core} is up; open "
            f'{first.core} first, or use "detect" on both',
        )

    def _alignment(self) -> Iterator[Finding]:
        if self._app.release.wire == "spsc_pbuf":
            ours, theirs = self._app.spsc_cache_line, self._net.spsc_cache_line
            fix = "set CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE to the same on both sides"
        else:
            ours, theirs = self._ours.dcache_alignment or 0, self._theirs.dcache_alignment or 0
            fix = f"set dcache-alignment = <{max(ours, theirs)}> on both sides"
        floor = 12 if self._app.release.wire == "spsc_pbuf" else 4
        if max(ours, floor) != max(theirs, floor):
            yield self._finding(
                "alignments-differ",
                self._theirs.place_of("dcache-alignment"),
                f"wr_idx is at offset {max(theirs, floor)} here (alignment {theirs}), but at {max(ours, floor)} for "
                f"{self._app.core} (alignment {ours}, {self._ours.place_of('dcache-alignment')}): {fix}",
            )


def _limit(side: Side, peer: Side) -> Iterator[Finding]:
    node = max(side.devicetree.instances, key=lambda node: node.rx_region.region.size)
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
