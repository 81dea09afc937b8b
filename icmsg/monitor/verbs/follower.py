"""Sees what a core puts into its region, from now on, whatever the layout: packets, restarts, and what is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.cosim.bond_words import session_words
from icmsg.ipc import MAGIC
from icmsg.monitor.verbs.words import packet_text
from icmsg.wire.handshake import HandshakeWord
from icmsg.wire.inspect import Packet, index_problem, packets_between

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus
    from icmsg.monitor.verbs.settings import Direction

_BEHIND_MAGIC = 20
"""wr_idx after the magic as first packet."""


class Follower:
    """Follows what ``tx``'s writer does to ``tx``, and its handshake word in ``rx``; reads only.

    Ask for :meth:`news` whenever the writer rings: what the reader has freed may be overwritten later.
    """

    def __init__(self, bus: Bus, tx: Direction, rx: Direction) -> None:
        self._bus = bus
        self._tx = tx
        self._rx = rx
        self._word = (
            HandshakeWord(bus, rx.region.address, rx.layout)
            if rx.layout.handshake_offset is not None
            else None
        )
        self._broken: int | None = None
        wr = self._wr_idx()
        self._position = 0 if index_problem("wr_idx", wr, tx.layout.data_length) else wr
        self._session = self._word.read() if self._word is not None else None

    def news(self) -> list[str]:
        """Return lines about what has come since the last call, without time."""
        there = f"{self._tx.writer}->{self._tx.reader}"
        lines = [f"{there} {line}" for line in self._packets()]
        session = self._word.read() if self._word is not None else None
        if session is not None and session != self._session:
            self._session = session
            lines.append(session_words(session, None, self._rx.writer, self._rx.reader))
        return lines

    def _wr_idx(self) -> int:
        return self._bus.read32(self._tx.region.address + self._tx.layout.wr_idx_offset)

    def _packets(self) -> list[str]:
        layout, wr, start = self._tx.layout, self._wr_idx(), self._position
        if wr in (start, self._broken):
            return []
        if broken := index_problem("wr_idx", wr, layout.data_length):
            self._broken = wr
            return [broken]
        self._broken = None
        data = self._bus.read_block(self._tx.region.address + layout.data_offset, layout.data_length)
        packets: tuple[Packet, ...] = ()
        problem: str | None = ""
        lines = []
        if not _starts_over(data, start, wr):
            packets, problem = packets_between(data, start, wr, layout.wire)
        if problem is not None and start:
            # What does not decode from where we were is a region that its writer has initialised again.
            packets, problem = packets_between(data, 0, wr, layout.wire)
            again, unseen = "initialised again", "packets were overwritten unseen"
            if not wr or data[4:].startswith(MAGIC):
                lines.append(again)
            elif problem is None:
                lines.append(f"{again}, or {unseen}")
            else:
                packets, problem = (), None
                lines.append(unseen)
        self._position = wr
        lines += [packet_text(packet.payload) for packet in packets]
        return lines + ([problem] if problem is not None else [])


def _starts_over(data: bytes, start: int, wr: int) -> bool:
    return start > wr == _BEHIND_MAGIC and data[4:].startswith(MAGIC)
