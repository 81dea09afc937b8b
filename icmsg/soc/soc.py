"""The SoC that a platform description says: cores, what each reaches, whose mailbox, console and reset.

Everything follows from types and registrations, nothing from how a name looks. A core is called as in the platform
file, and for short without a leading ``cpu``; commands take both.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar

from icmsg.assets import platform_file, stub
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.memory_checks import RAM, MemoryRange
from icmsg.errors import ConfigurationError
from icmsg.hw.mailboxes import kinds
from icmsg.hw.uarts import UARTS
from icmsg.soc.platform import AddressRange, load_platform
from icmsg.soc.wiring import HARTS, check_joined, controller_of, find_force_off, find_ports, reaches, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from icmsg.soc.platform import Peripheral, PlatformDescription, Registration
    from icmsg.soc.wiring import MailboxPort

CoreT = TypeVar("CoreT")

MAPPED_MEMORY: Final = "Memory.MappedMemory"
CORTEX_M: Final = "CPU.CortexM"
VPR: Final = "CPU.NRF_VPR"
_PLIC: Final = "IRQControllers.PlatformLevelInterruptController"
_CPU: Final = "CPU."
_UART: Final = "UART."
_PAGE: Final = 0x1000
"""Size of a peripheral that does not say how much it takes."""
_ADDRESS_SPACE: Final = 1 << 32
_RAM_SPACES: Final = ((0x2000_0000, 0x4000_0000), (0x6000_0000, 0xA000_0000))
"""SRAM and external RAM of the Armv8-M architecture (B8, "System address map"); RISC-V cores of such SoCs share it."""
_CODE_SPACE: Final = 0x2000_0000


@dataclass(frozen=True, slots=True)
class MappedRange:
    """Byte addresses ``start`` up to, but not including, ``end`` of one core; ``name`` is what answers there.

    Address ``start`` is byte ``offset`` of it.
    """

    start: int
    end: int
    name: str
    offset: int
    is_memory: bool


@dataclass(frozen=True, slots=True)
class Wire:
    """An interrupt's source: GPIO ``output`` of peripheral ``source``."""

    source: str
    output: str


@dataclass(slots=True)
class SocCore:
    """Core: ``name`` is its short name, ``cpu`` and ``nvic`` are names of the platform file.

    ``index`` is its number in events and its place in the file.
    """

    name: str
    cpu: str
    index: int
    nvic: str | None
    port: MailboxPort | None
    kind: str = CORTEX_M
    """The type of the core in the platform file."""
    reset_block: str | None = None
    """The peripheral that holds this core in reset and lets it go."""
    uarts: list[str] = field(default_factory=list)
    """UARTs that only this core reaches, or that are wired to it; the first one is its console."""
    own: list[str] = field(default_factory=list)
    """Peripherals that only this core reaches, the NVIC included: they are reset with the core."""
    own_memories: frozenset[str] = frozenset()
    """Memories that only this core reaches."""
    address_map: list[MappedRange] = field(default_factory=list)
    wires: dict[int, list[Wire]] = field(default_factory=dict)

    @property
    def uart(self) -> str | None:
        """Its console: the first of its UARTs."""
        return next(iter(self.uarts), None)

    @property
    def is_launched(self) -> bool:
        """True if firmware of another core copies this one's to where it runs, before it starts it."""
        return self.kind == VPR

    @property
    def is_riscv(self) -> bool:
        """True if it executes the instructions of RISC-V."""
        return self.kind == VPR or self.kind in HARTS

    @property
    def mailbox(self) -> str | None:
        """The name of its mailbox."""
        return self.port.name if self.port is not None else None

    @property
    def has_own_code(self) -> bool:
        """True if it has memory in the code space that no other core reaches."""
        return any(place.start < _CODE_SPACE and place.name in self.own_memories for place in self.memories())

    def stub(self, name: str) -> Path:
        """Return the firmware stub ``name`` for this core: the one that was built for a mailbox where this core's is.

        Raises:
            ConfigurationError: there is no such stub, or none for a mailbox there.
        """
        base = self.port.base if self.port is not None else None
        for board in BOARDS.values():
            for role, address in board.mailboxes.items():
                if address == base:
                    return stub(name, role, board.name)
        where = "no mailbox" if base is None else f"its mailbox at 0x{base:08X}"
        raise ConfigurationError(
            f"no firmware stub {name!r} for core {self.name}, which has {where}: give the path of your ELF file, or "
            "let Python play the core"
        )

    def at(self, address: int) -> MappedRange | None:
        """Return what answers at a byte address, or None."""
        index = bisect_right(self.address_map, address, key=lambda place: place.start) - 1
        place = self.address_map[index] if index >= 0 else None
        return place if place is not None and address < place.end else None

    def memories(self) -> list[MappedRange]:
        """Return the memories, lowest address first."""
        return [place for place in self.address_map if place.is_memory]


class Soc:
    """The SoC of ``description``; ``cores`` are by short name, in the order of the file.

    Raises:
        PlatformError: a mailbox without address, core or interrupt.
    """

    def __init__(self, description: PlatformDescription) -> None:
        self.description: Final = description
        cpus = [item for item in description if item.type.startswith(_CPU)]
        ports = dict(find_ports(description, cpus))
        names = _names([item.name for item in cpus])
        self.by_cpu: Final = {
            item.name: SocCore(
                names[item.name], item.name, index, controller_of(item), ports.get(item.name), item.type
            )
            for index, item in enumerate(cpus)
        }
        """The cores by their names in the file."""
        self.cores: Final = {core.name: core for core in self.by_cpu.values()}
        for core in self.cores.values():
            _fill(core, description, is_alone=len(self.cores) == 1)
        reached: dict[str, set[str]] = {}
        for core in self.cores.values():
            for place in core.memories():
                reached.setdefault(place.name, set()).add(core.name)
        for core in self.cores.values():
            core.own_memories = frozenset(name for name, by in reached.items() if by == {core.name})
        self.force_off: Final = find_force_off(
            description, {cpu: core.name for cpu, core in self.by_cpu.items()}
        )
        if self.force_off is not None:
            self.cores[self.force_off.held].reset_block = self.force_off.peripheral

    def core(self, name: str) -> SocCore:
        """Return a core by short name, or as the platform file calls it; ConfigurationError, naming those there are."""
        return find_core(self.cores, name)

    def core_of_device(self, name: str) -> str | None:
        """Return the core to which ``name``, a core or what only one core reaches, belongs; None for all else."""
        word = name.removeprefix("sysbus.")
        return next(
            (core for core in self.cores if word == core or word in self.devices_of(core)),
            None,
        )

    def devices_of(self, core: str) -> list[str]:
        """Return the names, in the file, of a core and of what only that core reaches."""
        found = self.cores[core]
        return [found.cpu, *found.own]

    def mailboxes(self) -> list[SocCore]:
        """Return the cores that have a mailbox, in the order of the file."""
        return [core for core in self.cores.values() if core.port is not None]

    def link(self, wanted: Iterable[str] = ()) -> tuple[str, str]:
        """Return two cores that talk to each other: the ``wanted`` ones, and others with a mailbox, in file order.

        Raises:
            ConfigurationError: a wanted core that does not exist or has no mailbox, or more than two, or too few.
            PlatformError: their mailboxes are not joined.
        """
        able = [core.name for core in self.mailboxes()]
        known = "" if able else f"; mailboxes are {', '.join(kind.type for kind in kinds())}"
        chosen = list(dict.fromkeys(self.core(name).name for name in wanted))
        for name in chosen:
            if name not in able:
                raise ConfigurationError(
                    f"core {name} has no mailbox in this platform; cores with one: {', '.join(able) or 'none'}{known}"
                )
        if len(chosen) > 2:
            raise ConfigurationError(f"a link has two cores, not {len(chosen)}: {', '.join(chosen)}")
        chosen += [name for name in able if name not in chosen][: 2 - len(chosen)]
        if len(chosen) < 2:
            raise ConfigurationError(
                f"a link needs two cores with a mailbox; {self.description.file} has "
                f"{', '.join(able) or 'none'}{' alone' if able else ''}, of {', '.join(self.cores) or 'no core'}{known}"
            )
        first, second = sorted(chosen, key=lambda name: self.cores[name].index)
        check_joined(self.description, self.cores[first].port, self.cores[second].port)
        return first, second

    def uarts(self) -> list[str]:
        """Return the names of all UARTs on the bus, whichever cores reach them, in the order of the file."""
        return [
            item.name
            for item in self.description
            if is_uart(item) and any(place.parent == "sysbus" for place in item.registrations)
        ]

    def core_with_uart(self, name: str) -> str | None:
        """Return the name of the core on whose console a UART prints; None for one of several cores."""
        return next((core.name for core in self.cores.values() if name in core.uarts), None)

    def shared_ram(self) -> list[str]:
        """Return the names of the RAM that more than one core reaches."""
        ram = dict.fromkeys(part.name for part in self.memory_map() if part.what == RAM)
        reached = [{place.name for place in core.memories()} for core in self.cores.values()]
        return [name for name in ram if sum(name in names for names in reached) > 1]

    def owner_of_code(self, address: int) -> str | None:
        """Return whose code lies at a byte address: that of the core that alone reaches it, else of the only core
        that has no code memory of its own. None for RAM, for what nothing answers at, and where cores share flash.
        """
        if address >= _CODE_SPACE:
            return None
        reach = [core for core in self.cores.values() if core.at(address) is not None]
        without = [core for core in reach if not core.has_own_code]
        found = reach if len(reach) == 1 else without
        return found[0].name if len(found) == 1 else None

    def memory_map(self) -> Iterator[MemoryRange]:
        """Yield what is registered on the bus, or named by a tag, with the short names of the cores that reach it.

        A memory is RAM where it lies in the spaces that the architecture has for it, else flash. What a registration
        covers that says nothing is taken for a page.
        """
        for item in self.description:
            what = _what(item)
            found: dict[tuple[int, int], frozenset[str]] = {}
            for place in item.registrations:
                size = place.size or item.attributes.get("size")
                if place.parent == "sysbus" and place.address is not None:
                    end = place.address + (size if isinstance(size, int) else _PAGE)
                    cores = {core.name for core in self.cores.values() if reaches(item, place, core.cpu)}
                    found[place.address, end] = found.get((place.address, end), frozenset()) | cores
            yield from (
                MemoryRange(*where, cores, what, item.name) for where, cores in found.items() if cores
            )
        everyone = frozenset(self.cores)
        for tag in tags(self.description):
            yield MemoryRange(tag.start, tag.end, everyone, "registers", tag.name)


@cache
def shipped_soc(name: str) -> Soc:
    """Return the SoC of a board by its name; it is read once."""
    return Soc(load_platform(platform_file(name)))


def shipped_platform_with(has: Callable[[str], bool]) -> Path:
    """Return the file of a board all of whose cores a machine ``has`` (``"cpuapp"``), the default's where none fits."""
    fitting = (name for name in BOARDS if all(has(core.cpu) for core in shipped_soc(name).cores.values()))
    return platform_file(next(fitting, DEFAULT.name))


def _names(cpus: list[str]) -> dict[str, str]:
    """Return the name of each core as commands use it: ``app`` for ``cpuapp``, where no other core would be ``app``."""
    short = {name: short_name(name) for name in cpus}
    found = list(short.values())
    return {name: word if found.count(word) == 1 else name for name, word in short.items()}


def short_name(name: str) -> str:
    """Return a core's name without a leading ``cpu`` or ``cpu_``."""
    return name.removeprefix("cpu").lstrip("_") or name


def find_core(cores: Mapping[str, CoreT], name: str) -> CoreT:
    """Return a core by its name (``"app"``, or ``"cpuapp"`` as in the platform file).

    Raises:
        ConfigurationError: there is no such core; the text lists those there are.
    """
    found = cores.get(name) or cores.get(short_name(name))
    if found is None:
        raise ConfigurationError(f"no core {name!r}; the platform has {', '.join(cores)}")
    return found


def _fill(core: SocCore, description: PlatformDescription, *, is_alone: bool) -> None:
    found: list[MappedRange] = []
    plics = [
        item.name
        for item in description
        if item.type == _PLIC and [wire.destination for wire in item.connections][:1] == [core.nvic]
    ]
    for item in description:
        on_bus = [place for place in item.registrations if place.parent == "sysbus"]
        seen = [place for place in on_bus if place.address is not None and reaches(item, place, core.cpu)]
        found += [_place(item, place) for place in seen]
        alone = bool(seen) and (is_alone or all(place.cpu == core.cpu for place in on_bus))
        wired = any(wire.destination in (core.nvic, *plics) for wire in item.connections)
        if is_uart(item) and (alone or (seen and wired)):
            core.uarts.append(item.name)
        if alone and not item.type.startswith("Memory."):
            core.own.append(item.name)
        for wire in item.connections:
            if wire.destination == core.nvic:
                output = wire.source or ("IRQ" if wire.index is None else str(wire.index))
                core.wires.setdefault(wire.irq, []).append(Wire(item.name, output))
    found.sort(key=attrgetter("start"))
    registered = [place for place in found if place.start < place.end]
    starts = [place.start for place in registered]
    ends = list(accumulate((place.end for place in registered), max, initial=0))
    for tag in tags(description):
        # Nothing that begins before its end reaches into it.
        if ends[bisect_left(starts, tag.end)] <= tag.start:
            found.append(MappedRange(tag.start, tag.end, tag.name, 0, is_memory=False))
    core.address_map = _apart(sorted(found, key=attrgetter("start")))


def is_uart(item: Peripheral) -> bool:
    """Return whether something is a UART, as its type says."""
    return item.type.startswith(_UART) or item.type in UARTS


def _place(item: Peripheral, place: Registration) -> MappedRange:
    start = place.address or 0
    size = place.size or item.attributes.get("size")
    if isinstance(size, AddressRange) or not isinstance(size, int) or size <= 0:
        size = _PAGE
    return MappedRange(
        start, min(start + size, _ADDRESS_SPACE), item.name, place.offset, item.type == MAPPED_MEMORY
    )


def _apart(address_map: list[MappedRange]) -> list[MappedRange]:
    """End each place where the next one begins: sizes that were assumed may be too large."""
    apart: list[MappedRange] = []
    for index, place in enumerate(address_map):
        limit = address_map[index + 1].start if index + 1 < len(address_map) else _ADDRESS_SPACE
        end = min(place.end, limit) if limit > place.start else place.end
        apart.append(MappedRange(place.start, end, place.name, place.offset, place.is_memory))
    return apart


def _what(item: Peripheral) -> str:
    if item.type != MAPPED_MEMORY:
        return "a stand-in for registers" if item.type.startswith("Memory.") else "registers"
    addresses = [place.address for place in item.registrations if place.address is not None]
    in_ram = any(start <= address < end for address in addresses for start, end in _RAM_SPACES)
    return RAM if in_ram else "flash"
