"""Members of ``sysbus`` in the Monitor: accesses through the eyes of a core or of nobody, and what is where.

Accesses of firmware to memory are told in the log (``sysbus LogPeripheralAccess`` of a memory).
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.nvic import SCS_BASE
from icmsg.engines.embedded.memory import PAGE
from icmsg.engines.embedded.memory_groups import size_of
from icmsg.engines.embedded.model_types import find_model
from icmsg.errors import BusError, MonitorError
from icmsg.hw.exposed import (
    BOOL,
    BYTES,
    CORE,
    INT32,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    exposed,
)
from icmsg.hw.model import WideModel
from icmsg.monitor.log import LogLevel
from icmsg.soc.wiring import on_bus, reaches

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.bus import CoreBus
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.processor import Processor
    from icmsg.monitor.log import MachineLog
    from icmsg.monitor.objects.bus_contents import UnhandledAccesses
    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.platform.description import Registration
    from icmsg.soc.wiring import Tag

_NAMES: Final = {1: "Byte", 2: "Word", 4: "DoubleWord", 8: "QuadWord"}


class BusAccess:
    """The bus of ``machine``, which the Monitor calls ``name``.

    What nothing answers is 0 and a line in the log, told to ``warn``, or to ``debug`` where a tag is silent. The
    parameter ``context`` is the core that accesses; without one, what belongs to a core is not there.
    """

    def __init__(
        self,
        machine: EmbeddedMachine,
        name: str,
        unhandled: UnhandledAccesses,
        warn: Callable[[str], None],
        debug: Callable[[str], None],
    ) -> None:
        self._machine: Final = machine
        self._name: Final = name
        self._unhandled: Final = unhandled
        self._warn = warn
        self._debug = debug

    @exposed(UINT8, address=UINT64, context=CORE)
    def read_byte(self, address: int, context: str | None = None) -> int:
        """Read 8 bits."""
        return self._read(address, 1, context)

    @exposed(UINT16, address=UINT64, context=CORE)
    def read_word(self, address: int, context: str | None = None) -> int:
        """Read 16 bits."""
        return self._read(address, 2, context)

    @exposed(UINT32, address=UINT64, context=CORE)
    def read_double_word(self, address: int, context: str | None = None) -> int:
        """Read 32 bits."""
        return self._read(address, 4, context)

    @exposed(UINT64, address=UINT64, context=CORE)
    def read_quad_word(self, address: int, context: str | None = None) -> int:
        """Read 64 bits."""
        return self._read(address, 8, context)

    @exposed(VOID, address=UINT64, value=UINT8, context=CORE)
    def write_byte(self, address: int, value: int, context: str | None = None) -> None:
        """Write 8 bits."""
        self._write(address, value, 1, context)

    @exposed(VOID, address=UINT64, value=UINT16, context=CORE)
    def write_word(self, address: int, value: int, context: str | None = None) -> None:
        """Write 16 bits."""
        self._write(address, value, 2, context)

    @exposed(VOID, address=UINT64, value=UINT32, context=CORE)
    def write_double_word(self, address: int, value: int, context: str | None = None) -> None:
        """Write 32 bits."""
        self._write(address, value, 4, context)

    @exposed(VOID, address=UINT64, value=UINT64, context=CORE)
    def write_quad_word(self, address: int, value: int, context: str | None = None) -> None:
        """Write 64 bits."""
        self._write(address, value, 8, context)

    @exposed(BYTES, address=UINT64, count=INT32, only_memory=BOOL, context=CORE)
    def read_bytes(
        self, address: int, count: int, only_memory: bool = False, context: str | None = None
    ) -> bytes:
        """Read a block; what nothing answers is 0."""
        del only_memory  # a block never reaches into registers here
        if count < 0:
            raise MonitorError(f"the number of bytes is negative: {count}")
        bus = self.of(context)
        try:
            return bus.read_block(address, count)
        except BusError:
            return bytes(self._read(address + offset, 1, context) for offset in range(count))

    @exposed(VOID, data=BYTES, address=UINT64, only_memory=BOOL, context=CORE)
    def write_bytes(
        self, data: bytes, address: int, only_memory: bool = False, context: str | None = None
    ) -> None:
        """Write a block."""
        del only_memory
        try:
            self.of(context).write_block(address, data)
        except BusError:
            for offset, byte in enumerate(data):
                self._write(address + offset, byte, 1, context)

    @exposed(STRING, address=UINT64, context=CORE)
    def what_is_at(self, address: int, context: str | None = None) -> str | None:
        """Return which peripheral answers at an address, and its range."""
        found = registered_at(self._machine, address, context)
        if found is None:
            return None
        item, place = found
        where = print_place(item, place, self._name, self._machine.description)
        return f"{self._name}.{item.alias or item.name} registered at {where}"

    def of(self, context: str | None) -> CoreBus:
        """Return the bus that a core sees, or that nobody sees."""
        return self._machine.bus if context is None else self._machine.slots[context].bus

    def _bus_at(self, address: int, context: str | None) -> CoreBus:
        """Return the bus for one access: a core's interrupt controller may be there for nobody as well."""
        if context is None and address & -PAGE == SCS_BASE:
            found = registered_at(self._machine, address, None)
            nvic = None if found is None else found[0].name
            context = next(
                (core.name for core in self._machine.soc.cores.values() if core.nvic == nvic), None
            )
        return self.of(context)

    def _read(self, address: int, size: int, context: str | None) -> int:
        tag = self._tag_at(address, context)
        if tag is not None:
            value = tag.value & ((1 << 8 * size) - 1)
            self._tell(tag, f"Read{_NAMES[size]} from", address, f"returning 0x{value:0{2 * size}X}")
            return value
        try:
            return _read_once(self._bus_at(address, context), address, size)
        except BusError:
            if self._unhandled.reports(tagged=False):
                self._warn(f"Read{_NAMES[size]} from non existing peripheral at 0x{address:X}.")
            return 0

    def _tag_at(self, address: int, context: str | None) -> Tag | None:
        """Return the tag that answers at an address: an overriding one, or one where nothing else does."""
        if not self._machine.tags:
            return None
        taken = registered_at(self._machine, address, context) is not None
        hits = (tag for tag in reversed(self._machine.tags) if tag.has(address))
        return next((tag for tag in hits if tag.overrides or not taken), None)

    def _tell(self, tag: Tag, what: str, address: int, value: str) -> None:
        """Log an access to a tag; one that is silent is for who debugs."""
        if self._unhandled.reports(tagged=True):
            where = "overriding tag" if tag.overrides else "non existing peripheral"
            tell = self._debug if tag.silent else self._warn
            tell(f"(tag: '{tag.name}') {what} {where} at 0x{address:X}, {value}.")

    def _write(self, address: int, value: int, size: int, context: str | None) -> None:
        tag = self._tag_at(address, context)
        if tag is not None:
            self._tell(tag, f"Write{_NAMES[size]} to", address, f"value 0x{value:0{2 * size}X}")
            return
        try:
            _write_once(self._bus_at(address, context), address, value, size)
        except BusError:
            if self._unhandled.reports(tagged=False):
                self._warn(
                    f"Write{_NAMES[size]} to non existing peripheral at 0x{address:X}, value 0x{value:X}."
                )


def registered_at(
    machine: EmbeddedMachine, address: int, context: str | None
) -> tuple[Peripheral, Registration] | None:
    """Return what answers at an address for a core, or for nobody, and where it is registered."""
    cores = machine.soc.by_cpu
    for item in machine.description:
        for place in item.registrations:
            own = place.cpu is None or (place.cpu in cores and cores[place.cpu].name == context)
            if place.address is None or not own:
                continue
            if place.address <= address < place.address + (place.size or mapped_size(item)):
                return item, place
    return None


def mapped_size(item: Peripheral) -> int:
    """Return how many bytes a registration of a peripheral covers that does not say it."""
    kind = find_model(item.type)
    known = kind.size if kind is not None else None
    size = item.attributes.get("size")
    return known or (size if isinstance(size, int) else PAGE)


def print_place(item: Peripheral, place: Registration, machine: str, description: PlatformDescription) -> str:
    """Return a registration as Renode prints it; ``machine`` is the machine's name, ``description`` has its cores."""
    if place.address is None:
        return f"Slot: {item.attributes.get('cpuId', 0)}"
    end = place.address + (place.size or mapped_size(item)) - 1
    offset = f" with offset 0x{place.offset:X}" if place.offset else ""
    core = ""
    if place.cpu is not None:
        slot = description[place.cpu].attributes.get("cpuId", 0)
        core = f" for core [CPU: {machine}.{place.cpu}[{slot}]]"
    return f"<0x{place.address:08X}, 0x{end:08X}>{offset}{core}"


def _read_once(bus: CoreBus, address: int, size: int) -> int:
    if size == 8 or address % size:
        model, offset = bus.io_at(address) or (None, 0)
        if not isinstance(model, WideModel):
            return int.from_bytes(bus.read_block(address, size), "little")
        try:
            return {2: model.read16, 4: model.read32, 8: model.read64}[size](offset)
        except struct.error:
            raise BusError(f"{type(model).__name__} ends before", address=address, width=8 * size) from None
    return {1: bus.read8, 2: bus.read16, 4: bus.read32}[size](address)


def _write_once(bus: CoreBus, address: int, value: int, size: int) -> None:
    if size == 8 or address % size:
        model, offset = bus.io_at(address) or (None, 0)
        if not isinstance(model, WideModel):
            bus.write_block(address, value.to_bytes(size, "little"))
            return
        try:
            {2: model.write16, 4: model.write32, 8: model.write64}[size](offset, value)
        except struct.error:
            raise BusError(f"{type(model).__name__} ends before", address=address, width=8 * size) from None
    else:
        {1: bus.write8, 2: bus.write16, 4: bus.write32}[size](address, value)


TYPES: Final = {1: "Byte", 2: "UInt16", 4: "UInt32"}
"""C# types by their size in bytes, as the log has them."""


class MemoryLog:
    """Log of accesses of firmware to the memories of ``machine``.

    As in Renode they are told only in pages that ``sysbus SetPageAccessViaIo`` names: elsewhere a core reaches its
    memory without the bus.
    """

    def __init__(self, machine: EmbeddedMachine, log: MachineLog) -> None:
        self._machine: Final = machine
        self._log: Final = log
        self._named: Final[set[str]] = set()
        self._pages: Final[set[int]] = set()
        self._ends: Final[list[Callable[[], None]]] = []

    @property
    def is_attached(self) -> bool:
        """True while there is a log of accesses."""
        return bool(self._named)

    def has(self, name: str) -> bool:
        """Tell whether a memory has this name."""
        return name in self._machine.memories

    def show(self, name: str, enable: bool) -> None:
        """Begin or end with one memory."""
        (self._named.add if enable else self._named.discard)(name)
        self._watch()

    @exposed(VOID, address=UINT64)
    def set_page_access_via_io(self, address: int) -> None:
        """Let accesses of firmware to the page of 4 KiB at an address be told."""
        self._pages.add(address & -PAGE)
        self._watch()

    @exposed(VOID, address=UINT64)
    def clear_page_access_via_io(self, address: int) -> None:
        """Let accesses to that page be told no more."""
        self._pages.discard(address & -PAGE)
        self._watch()

    def _watch(self) -> None:
        while self._ends:
            self._ends.pop()()
        for name in sorted(self._named):
            item = self._machine.description[name]
            for place in on_bus(item):
                start = place.address or 0
                end = start + (place.size or size_of(item))
                cores = [
                    core
                    for core in self._machine.cores.values()
                    if reaches(item, place, self._machine.soc.cores[core.name].cpu)
                ]
                for page in sorted(self._pages):
                    first, last = max(start, page), min(end, page + PAGE)
                    for core in cores if first < last else ():
                        self._ends.extend(self._watches(core, name, start, first, last))

    def _watches(
        self, core: MachineCore, name: str, start: int, first: int, last: int
    ) -> list[Callable[[], None]]:
        def install(loads: bool, size: int, firmware: Processor) -> Callable[[], None]:
            told = partial(self._tell, core, name, start, loads, size)
            return firmware.watch_stores(first, last, told, loads=loads, width=size)

        return [
            core.watch_firmware(partial(install, loads, size)) for loads in (False, True) for size in TYPES
        ]

    def _tell(
        self,
        core: MachineCore,
        name: str,
        start: int,
        loads: bool,
        size: int,
        address: int,
        value: int,
        pc: Callable[[], int],
    ) -> None:
        if loads:
            value = int.from_bytes(core.bus.read_block(address, size), "little")
        else:
            value &= (1 << 8 * size) - 1
        what, end = ("Read{} from", "returned") if loads else ("Write{} to", "value")
        text = f"{what.format(TYPES[size])} 0x{address - start:X} (unknown), {end} 0x{value:X}"
        cpu = self._machine.soc.cores[core.name].cpu
        self._log.write(LogLevel.INFO, f"[{cpu}: 0x{pc():X}] {text}", name)
