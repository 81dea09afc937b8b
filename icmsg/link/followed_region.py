"""A region that is followed: every packet that its writer puts there is seen once, over resets and restarts.

What an earlier session has left in it, before a reset or in memory that was not cleared, says nothing until its writer
has initialised it again. Nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import WireError
from icmsg.hw.bus import looking_window_of
from icmsg.ipc import MAGIC
from icmsg.ipc.bonding import MAGIC_END
from icmsg.machine.events import Packets, RegionChange, RegionChanged
from icmsg.wire.inspect import follow, index_problem, packets_between
from icmsg.wire.packet_buffer import HandshakeWord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.config.instance import RegionLayout
    from icmsg.hw.bus import Bus
    from icmsg.machine.events import TxRegion

_MAGIC_AT: Final = 4
"""Offset of the magic in the data: behind its header."""


class FollowedRegion:
    """Follows ``region`` from now on; ``writers_word`` is where its writer publishes sessions, if there are any.

    Ask for :meth:`look` at each doorbell, and after each slice of a core: what the reader has freed may be overwritten
    later.
    """

    def __init__(
        self, bus: Bus, region: TxRegion, layout: RegionLayout, writers_word: HandshakeWord | None = None
    ) -> None:
        self.region: Final = region
        self.magic_seen = False
        self._layout: Final = layout
        self._fields: Final = looking_window_of(bus, region.address, layout.data_offset)
        self._wr_word: Final = layout.wr_idx_offset >> 2
        self._read32: Final = bus.read32
        self._read_block: Final = bus.read_block
        self._rd_address: Final = region.address + layout.rd_idx_offset
        self._wr_address: Final = region.address + layout.wr_idx_offset
        self._data_address: Final = region.address + layout.data_offset
        self._follower: Final = follow(bus, region.address, layout)
        self._word = (
            HandshakeWord(bus, region.address, layout) if layout.handshake_offset is not None else None
        )
        self._published = self._word.read() if self._word is not None else (0, 0)
        self._word_before = (0, 0)
        self._writers_word = writers_word
        self._session = writers_word.read() if writers_word is not None else (0, 0)
        self._indices_before: tuple[int, int] | None = None
        self._silent = False
        self._taken = False
        wr = self._read32(self._wr_address)
        self._seen = wr
        """wr_idx as it was when all before it had been seen, or found to be broken."""
        if index_problem("wr_idx", wr, layout.data_length) is None:
            self._follower.restart(wr)
            self.magic_seen = wr != 0 and (self._word is None or self._is_magic_at_the_start())
        else:
            self._seen = 0

    # Bonding

    @property
    def is_magic_there(self) -> bool:
        """True if the writer has opened the region since a reset."""
        return self.magic_seen and self._indices_before is None

    @property
    def magic_taken(self) -> bool:
        """True if the magic was read; rd_idx comes back to 0 later, so what was seen once counts."""
        if self._indices_before is None:
            self._taken = self._taken or (self.magic_seen and self._follower.consumed)
        return self._taken

    @property
    def session(self) -> tuple[int, int]:
        """The reader's (own session id, acknowledged one of the writer); (0, 0) without, or from before."""
        word = self._word.read() if self._word is not None else (0, 0)
        if word == self._word_before:
            return 0, 0
        self._word_before = (0, 0)
        return word

    def new_session(self) -> tuple[int, int] | None:
        """Return what the reader has published since the last call; None for nothing new."""
        if self._word is None or (word := self._word.read()) == self._published:
            return None
        self._published = word
        return word

    # Resets

    def ignore_what_is_there(self) -> None:
        """Memory may hold what is older than both cores."""
        if self._indices() != (0, 0) or self.session != (0, 0):
            self.forget(silent=True)
            self._follower.restart()

    def forget(self, *, silent: bool) -> None:
        """A core was reset; ``silent``: its writer, so that nothing is new before the region is initialised again."""
        self._indices_before = self._indices()
        self._word_before = self._word.read() if self._word is not None else (0, 0)
        self._silent = silent
        self._taken = False

    def _indices(self) -> tuple[int, int]:
        return self._read32(self._rd_address), self._read32(self._wr_address)

    # Looking

    def look(self) -> Sequence[Packets | RegionChanged]:
        """Return what is new since the last time."""
        words = self._fields.words
        wr = self._read32(self._wr_address) if words is None else words[self._wr_word]
        if wr == self._seen and self._indices_before is None:
            return ()
        news: list[Packets | RegionChanged] = []
        follower = self._follower
        if (
            wr < follower.position or self._writers_word is not None or self._indices_before is not None
        ) and self._is_begun(wr):
            self._begin_anew(news)
        elif self._silent or wr == self._seen:
            return ()
        self._seen = wr
        try:
            for _ in range(2):
                start = follower.position
                if payloads := follower.poll(wr):
                    if self.magic_seen:
                        news.append(Packets(self.region, start, follower.position, payloads))
                    else:
                        self._add(start, follower.position, payloads, news)
                if follower.position == wr:
                    break  # else something is wrong with it, or it is a peer that never stops
        except WireError as error:
            self._explain(wr, error, news)
        return news

    def _is_begun(self, wr: int) -> bool:
        """Tell whether the writer has initialised the region since the last look."""
        if self._indices_before is not None and self._is_fresh(wr):
            return True
        return not self._silent and (self._has_new_session() or self._starts_with_magic_again(wr))

    def _is_fresh(self, wr: int) -> bool:
        """Tell whether the region was initialised since :meth:`forget`."""
        rd = self._read32(self._rd_address)
        magic = wr == MAGIC_END and self._is_magic_at_the_start()
        return (rd == 0 and (wr == 0 or magic)) or (magic and rd == wr and (rd, wr) != self._indices_before)

    def _has_new_session(self) -> bool:
        """Tell whether the writer acknowledges another session than before: it has initialised the region then."""
        if self._writers_word is None:
            return False
        session = self._writers_word.read()
        if not session[1] or session == self._session:
            return False
        self._session = session
        return True

    def _starts_with_magic_again(self, wr: int) -> bool:
        return self._follower.position > wr >= MAGIC_END and self._is_magic_at_the_start()

    def _is_magic_at_the_start(self) -> bool:
        return self._read_block(self._data_address + _MAGIC_AT, len(MAGIC)) == MAGIC

    def _begin_anew(self, news: list[Packets | RegionChanged], error: WireError | None = None) -> None:
        self._indices_before = None
        self._silent = self.magic_seen = False
        if self._follower.position:
            news.append(RegionChanged(self.region, RegionChange.BEGUN_ANEW, error=error))
            self._follower.restart()

    def _add(self, start: int, end: int, payloads: list[bytes], news: list[Packets | RegionChanged]) -> None:
        opens = not self.magic_seen and not start and payloads[0].startswith(MAGIC)
        self.magic_seen = self.magic_seen or opens
        news.append(Packets(self.region, start, end, payloads, opens))

    def _explain(self, wr: int, error: WireError, news: list[Packets | RegionChanged]) -> None:
        """Say what is wrong behind the last packet, and go on where that is possible."""
        layout, start = self._layout, self._follower.position
        region, length = self.region, layout.data_length
        if bad := index_problem("wr_idx", wr, length):
            news.append(RegionChanged(region, RegionChange.BAD_INDEX, bad, error))
            return
        data = self._read_block(self._data_address, length)
        problem = packets_between(data, start, wr, layout.wire)[1]
        whole, still_wrong = packets_between(data, 0, wr, layout.wire)
        if problem is None or (start <= wr and packets_between(data, 0, start, layout.wire)[1] is None):
            # All that was followed lies there as it was.
            news.append(RegionChanged(region, RegionChange.BROKEN, problem or str(error), error))
        elif not wr or data[_MAGIC_AT:].startswith(MAGIC):
            certain = wr >= MAGIC_END or not (wr or self._read32(self._rd_address))
            self._begin_anew(news, None if certain else error)
            if whole:
                last = whole[-1]
                end = last.index + len(last.payload) + 7 & ~3
                self._add(0, end, [packet.payload for packet in whole], news)
            if still_wrong is not None:
                news.append(RegionChanged(region, RegionChange.BROKEN, still_wrong, error))
        elif still_wrong is None:
            news.append(RegionChanged(region, RegionChange.BEGUN_OR_UNSEEN, "", error))
            self._add(0, wr, [packet.payload for packet in whole], news)
        else:
            news.append(RegionChanged(region, RegionChange.UNSEEN, "", error))
        self._follower.restart(wr)
