"""What the platform file says about a machine that Renode runs: cores, and what is where as each of them sees it.

Renode answers 0, and logs a line, where a core sees nothing. Python needs an error there, so it has to know.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icmsg.config.memory_checks import RAM
from icmsg.cosim.bus_setup import reaches, tags
from icmsg.cosim.force_off import find_force_off
from icmsg.cosim.image import FirmwareImage
from icmsg.cosim.memory_map import memory_map
from icmsg.cosim.platform import AddressRange, Reference
from icmsg.cosim.soc import NRF_IPC, mailbox_ports, short_name
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icmsg.cosim.platform import Peripheral, PlatformDescription, Registration
    from icmsg.cosim.soc import MailboxPort

MAPPED_MEMORY: Final = "Memory.MappedMemory"
CORTEX_M: Final = "CPU.CortexM"
_PAGE: Final = 0x1000
"""What a peripheral takes that does not say how much."""
_ADDRESS_SPACE: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Place:
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
class CorePlaces:
    """One core: ``cpu`` and ``nvic`` are names of the platform file, ``index`` its number in events."""

    name: str
    cpu: str
    index: int
    nvic: str | None
    port: MailboxPort | None
    kind: str = CORTEX_M
    """The type of the core in the platform file."""
    reset_block: str | None = None
    """The peripheral that holds this core in reset and lets it go."""
    mailbox: str | None = None
    uart: str | None = None
    own: list[str] = field(default_factory=list)
    """What only this core reaches, the NVIC included: it is reset with the core."""
    places: list[Place] = field(default_factory=list)
    wires: dict[int, list[Wire]] = field(default_factory=dict)

    @property
    def is_cortex_m(self) -> bool:
        """Whether firmware can be loaded, started and reset as here; Renode runs others by its own commands."""
        return self.kind == CORTEX_M

    def read_image(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Return the firmware that this core is to execute.

        Raises:
            FirmwareError: the file is not usable.
            EngineError: the core is no Cortex-M; the text names the commands that help.
        """
        if not self.is_cortex_m:
            raise EngineError(
                f"core {self.name} is a {self.kind}, and firmware is loaded here into a {CORTEX_M} only; use Renode's "
                f"commands: execute('sysbus LoadELF @FILE cpu={self.cpu}'), execute('{self.cpu} IsHalted false')"
            )
        return firmware if isinstance(firmware, FirmwareImage) else FirmwareImage.load(firmware)

    def at(self, address: int) -> Place | None:
        """Return what answers at a byte address, or None."""
        index = bisect_right(self.places, address, key=lambda place: place.start) - 1
        place = self.places[index] if index >= 0 else None
        return place if place is not None and address < place.end else None

    def memories(self) -> list[Place]:
        """Return the memories, lowest address first."""
        return [place for place in self.places if place.is_memory]


def read_places(description: PlatformDescription) -> dict[str, CorePlaces]:
    """Return the cores by short name, in the order of the file.

    Raises:
        PlatformError: no core, or a mailbox without a core or an interrupt.
    """
    ports = mailbox_ports(description)
    cpus = [item for item in description if item.type.startswith("CPU.")]
    cores = {
        item.name: CorePlaces(
            short_name(item.name), item.name, index, _nvic(item), ports.get(short_name(item.name)), item.type
        )
        for index, item in enumerate(cpus)
    }
    for core in cores.values():
        _fill(core, description)
    force_off = find_force_off(description)
    for core in cores.values():
        if force_off is not None and force_off.held == core.name:
            core.reset_block = force_off.peripheral
    return {core.name: core for core in cores.values()}


def shared_ram(description: PlatformDescription, places: Mapping[str, CorePlaces]) -> list[str]:
    """Return the names of the RAM that more than one core reaches, by what it is and never by what it is called."""
    ram = dict.fromkeys(part.name for part in memory_map(description) if part.what == RAM)
    reached = [{place.name for place in core.memories()} for core in places.values()]
    return [name for name in ram if sum(name in names for names in reached) > 1]


def _nvic(cpu: Peripheral) -> str | None:
    nvic = cpu.attributes.get("nvic")
    return nvic.name if isinstance(nvic, Reference) else None


def _fill(core: CorePlaces, description: PlatformDescription) -> None:
    found: list[Place] = []
    for item in description:
        on_bus = [place for place in item.registrations if place.parent == "sysbus"]
        seen = [place for place in on_bus if place.address is not None and reaches(item, place, core.cpu)]
        found += [_place(item, place) for place in seen]
        if seen and all(place.cpu == core.cpu for place in on_bus):
            _own(core, item)
        for wire in item.connections:
            if wire.destination == core.nvic:
                output = wire.source or "IRQ"
                core.wires.setdefault(wire.irq, []).append(Wire(item.name, output))
    registered = [place for place in found if place.start < place.end]
    found += [
        Place(tag.start, tag.end, tag.name, 0, is_memory=False)
        for tag in tags(description)
        if not any(place.start < tag.end and tag.start < place.end for place in registered)
    ]
    core.places = _apart(sorted(found, key=lambda place: place.start))


def _own(core: CorePlaces, item: Peripheral) -> None:
    if item.type == NRF_IPC:
        core.mailbox = core.mailbox or item.name
    if item.type.startswith("UART."):
        core.uart = core.uart or item.name
    if not item.type.startswith("Memory."):
        core.own.append(item.name)


def _place(item: Peripheral, place: Registration) -> Place:
    start = place.address or 0
    is_memory = item.type == MAPPED_MEMORY
    size = place.size or item.attributes.get("size")
    if isinstance(size, AddressRange) or not isinstance(size, int) or size <= 0:
        size = _PAGE
    return Place(start, min(start + size, _ADDRESS_SPACE), item.name, place.offset, is_memory)


def _apart(places: list[Place]) -> list[Place]:
    """End each place where the next one begins: sizes that were assumed may be too large."""
    apart: list[Place] = []
    for index, place in enumerate(places):
        limit = places[index + 1].start if index + 1 < len(places) else _ADDRESS_SPACE
        end = min(place.end, limit) if limit > place.start else place.end
        apart.append(Place(place.start, end, place.name, place.offset, place.is_memory))
    return apart
