"""Watchpoints on the words of a region: which core wrote ``wr_idx``, what, when, and in which function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.config.layout import WORD
from icmsg.errors import ConfigurationError
from icmsg.machine.simtime import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.config.instance import Region
    from icmsg.config.layout import RegionLayout
    from icmsg.machine.firmware_stops import AccessKind, MemoryAccess
    from icmsg.machine.machine import Core, Machine

DATA: Final = "data"
"""The word for packets."""


@dataclass(frozen=True, slots=True)
class RegionAccess:
    """One access to a region by ``core``, at ``time_ns`` of virtual time.

    ``word`` is ``rd_idx``, ``wr_idx``, ``handshake``, ``data``, or empty for what is none of them; ``offset`` counts
    bytes from the start of the region. ``pc`` and ``place`` (``function+0x12 (file.c:34)``) are those of the
    instruction, None and ``Python`` for a core that Python plays.
    """

    core: str
    time_ns: int
    kind: AccessKind
    word: str
    offset: int
    value: int
    pc: int | None
    place: str

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.place.split(" (")[0].split("+0x")[0]

    def __str__(self) -> str:
        where = f"{self.word or 'offset'}{f'+{self.offset}' if self.word in ('', DATA) else ''}"
        what = f"writes {where} = {self.value}" if self.kind == "store" else f"reads {where} = {self.value}"
        return f"{format_time(self.time_ns)} {self.core} {what} in {self.place}"


class RegionWatch:
    """Watchpoint on a region, from now until :meth:`stop`; ``told`` is called with each access.

    ``regions`` is the region as each core has it, by the core's name. On the embedded engine firmware's stores are told
    before they are made, on Renode at the next synchronization point, with their own times; those of Python behind, as
    one for each block that it writes. ``kinds`` may have ``load``, which is told of firmware alone. ``words`` are those
    to look at, none = all. What is told may read memory; it may not let time pass.

    Raises:
        ConfigurationError: the region has no such word.
        EngineError: the Renode behind a Monitor has not the files that this needs.
    """

    def __init__(
        self,
        machine: Machine,
        regions: Mapping[str, Region],
        layout: RegionLayout,
        told: Callable[[RegionAccess], None],
        *,
        words: tuple[str, ...] = (),
        kinds: tuple[AccessKind, ...] = ("store",),
    ) -> None:
        self._told: Final = told
        self._words: Final = words_of(layout)
        unknown = next((word for word in words if word not in (*self._words.values(), DATA)), None)
        if unknown is not None:
            known = ", ".join((*self._words.values(), DATA))
            raise ConfigurationError(f"the region has no word {unknown}; there are {known}")
        self._wanted: Final = words
        self._layout: Final = layout
        self._ends: list[Callable[[], None]] = []
        for name, region in regions.items():
            core = machine.core(name)
            for begin, end in self._parts(region.size):
                told_of_core = partial(self._tell, core, region.address)
                ends = core.watch_memory(
                    region.address + begin, region.address + end, told_of_core, kinds=kinds
                )
                self._ends.append(ends)

    def _parts(self, size: int) -> list[tuple[int, int]]:
        """Return the offsets between which there is what is wanted: one part, or those of the words."""
        if not self._wanted:
            return [(0, size)]
        parts = [(offset, offset + WORD) for offset, word in self._words.items() if word in self._wanted]
        return parts + ([(self._layout.data_offset, size)] if DATA in self._wanted else [])

    def stop(self) -> None:
        """Tell no more."""
        ends, self._ends = self._ends, []
        for end in ends:
            end()

    def _tell(self, core: Core, begin: int, access: MemoryAccess) -> None:
        offset = access.address - begin
        word = self._words.get(offset & -WORD, DATA if offset >= self._layout.data_offset else "")
        place = "Python" if access.pc is None else core.locate(access.pc)
        self._told(
            RegionAccess(core.name, access.time_ns, access.kind, word, offset, access.value, access.pc, place)
        )


def words_of(layout: RegionLayout) -> dict[int, str]:
    """Return the names of a region's words by their offsets."""
    found = {layout.rd_idx_offset: "rd_idx", layout.wr_idx_offset: "wr_idx"}
    if layout.handshake_offset is not None:
        found[layout.handshake_offset] = "handshake"
    return found
