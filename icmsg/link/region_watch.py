"""Watchpoints on the words of a region: which core wrote ``wr_idx``, what, when, and in which function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from icmsg.config.layout import WORD
from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.machine.simtime import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.config.instance import Region
    from icmsg.config.layout import RegionLayout
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.machine.machine import Machine

AccessKind = Literal["store", "load"]
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

    ``regions`` is the region as each core has it, by the core's name. Firmware's stores are told before they are made,
    those of Python behind, as one for each block that it writes; ``kinds`` may have ``load``, which is told of firmware
    alone. ``words`` are those to look at, none = all. What is told may read memory; it may not let time pass.

    Raises:
        ConfigurationError: the machine is not of the embedded engine, or the region has no such word.
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
        if not isinstance(machine, EmbeddedMachine):
            raise ConfigurationError(
                f"watchpoints on a region are for the embedded engine, this machine is of {machine.engine}: "
                "run with engine=embedded"
            )
        self._machine: Final = machine
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
            self._watch(machine.core(name), region, kinds)

    def _watch(self, core: MachineCore, region: Region, kinds: tuple[AccessKind, ...]) -> None:
        begin, end = region.address, region.address + region.size
        if "store" in kinds:
            stored = partial(self._stored, core, begin)
            self._ends.append(core.watch_stores(begin, end, stored))
            assert isinstance(core.bus, CoreBus)
            self._ends.append(core.bus.watch_writes(begin, end, partial(self._written, core, begin)))
        if "load" in kinds:
            loaded = partial(self._loaded, core, begin)
            self._ends.append(
                core.watch_firmware(lambda firmware: firmware.watch_stores(begin, end, loaded, loads=True))
            )

    def stop(self) -> None:
        """Tell no more."""
        ends, self._ends = self._ends, []
        for end in ends:
            end()

    def _stored(self, core: MachineCore, begin: int, address: int, value: int, pc: Callable[[], int]) -> None:
        self._tell(core, "store", address - begin, value, pc())

    def _loaded(
        self, core: MachineCore, begin: int, address: int, _value: int, pc: Callable[[], int]
    ) -> None:
        self._tell(core, "load", address - begin, core.bus.read32(address & -WORD), pc())

    def _written(self, core: MachineCore, begin: int, address: int, size: int) -> None:
        if core.is_played:
            word = core.bus.read_block(address, min(size, WORD))
            self._tell(core, "store", address - begin, int.from_bytes(word, "little"), None)

    def _tell(self, core: MachineCore, kind: AccessKind, offset: int, value: int, pc: int | None) -> None:
        word = self._words.get(offset & -WORD, DATA if offset >= self._layout.data_offset else "")
        if self._wanted and word not in self._wanted:
            return
        place = "Python" if pc is None else core.locate(pc)
        unsigned = value & 0xFFFF_FFFF
        self._told(RegionAccess(core.name, self._machine.now_ns, kind, word, offset, unsigned, pc, place))


def words_of(layout: RegionLayout) -> dict[int, str]:
    """Return the names of a region's words by their offsets."""
    found = {layout.rd_idx_offset: "rd_idx", layout.wr_idx_offset: "wr_idx"}
    if layout.handshake_offset is not None:
        found[layout.handshake_offset] = "handshake"
    return found
