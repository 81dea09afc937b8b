"""``sysbus`` in the Monitor: accesses through the eyes of a core or of nobody, and what is where.

Ranges of ``sysbus`` in the Monitor: names for what nothing models, zeroes, and which accesses are reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import PAGE
from icmsg.engines.embedded.model_types import find_model
from icmsg.errors import BusError, EngineError, MonitorError
from icmsg.hw.exposed import (
    BOOL,
    BYTES,
    CORE,
    INT32,
    RANGE,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    Kind,
    exposed,
)
from icmsg.monitor.objects.additions import Redirected, answer_at
from icmsg.soc.bus_setup import Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.hw.bus import Bus
    from icmsg.monitor.command import Device
    from icmsg.monitor.objects.additions import AddParts
    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.platform.description import Registration


_NAMES: Final = {1: "Byte", 2: "Word", 4: "DoubleWord", 8: "QuadWord"}


class BusAccess:
    """The bus of ``machine``, which the Monitor calls ``name``.

    What nothing answers is 0 and a line in the log, told to ``warn``. The parameter ``context`` is the core that
    accesses; without one, what belongs to a core is not there.
    """

    def __init__(
        self, machine: EmbeddedMachine, name: str, unhandled: UnhandledAccesses, warn: Callable[[str], None]
    ) -> None:
        self._machine: Final = machine
        self._name: Final = name
        self._unhandled: Final = unhandled
        self._warn = warn

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

    def of(self, context: str | None) -> Bus:
        """Return the bus that a core sees, or that nobody sees."""
        return self._machine.bus if context is None else self._machine.core(context).bus

    def _read(self, address: int, size: int, context: str | None) -> int:
        bus = self.of(context)
        try:
            value = _read_once(bus, address, size)
        except BusError:
            if self._unhandled.reports(tagged=False):
                self._warn(f"Read{_NAMES[size]} from non existing peripheral at 0x{address:X}.")
            return 0
        tag = self._tag_at(address, context)
        if tag is not None:
            self._warn(
                f"(tag: '{tag.name}') Read{_NAMES[size]} from non existing peripheral at 0x{address:X}, "
                f"returning 0x{value:0{2 * size}X}."
            )
        return value

    def _tag_at(self, address: int, context: str | None) -> Tag | None:
        """Return the tag of an address that is to be reported."""
        if not self._machine.tags or registered_at(self._machine, address, context) is not None:
            return None
        hits = (tag for tag in reversed(self._machine.tags) if tag.start <= address < tag.end)
        tag = next(hits, None)
        return None if tag is None or tag.silent or not self._unhandled.reports(tagged=True) else tag

    def _write(self, address: int, value: int, size: int, context: str | None) -> None:
        bus = self.of(context)
        try:
            _write_once(bus, address, value, size)
        except BusError:
            if self._unhandled.reports(tagged=False):
                self._warn(
                    f"Write{_NAMES[size]} to non existing peripheral at 0x{address:X}, value 0x{value:X}."
                )
            return
        tag = self._tag_at(address, context)
        if tag is not None:
            self._warn(
                f"(tag: '{tag.name}') Write{_NAMES[size]} to non existing peripheral at 0x{address:X}, "
                f"value 0x{value:0{2 * size}X}."
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
            if place.address <= address < place.address + (place.size or size_of(item)):
                return item, place
    return None


def size_of(item: Peripheral) -> int:
    """Return how many bytes a registration of a peripheral covers that does not say it."""
    kind = find_model(item.type)
    known = kind.size if kind is not None else None
    size = item.attributes.get("size")
    return known or (size if isinstance(size, int) else PAGE)


def print_place(item: Peripheral, place: Registration, machine: str, description: PlatformDescription) -> str:
    """Return a registration as Renode prints it; ``machine`` is the machine's name, ``description`` has its cores."""
    if place.address is None:
        return f"Slot: {item.attributes.get('cpuId', 0)}"
    end = place.address + (place.size or size_of(item)) - 1
    offset = f" with offset 0x{place.offset:X}" if place.offset else ""
    core = ""
    if place.cpu is not None:
        slot = description[place.cpu].attributes.get("cpuId", 0)
        core = f" for core [CPU: {machine}.{place.cpu}[{slot}]]"
    return f"<0x{place.address:08X}, 0x{end:08X}>{offset}{core}"


def _read_once(bus: Bus, address: int, size: int) -> int:
    if size == 8 or address % size:
        return int.from_bytes(bus.read_block(address, size), "little")
    return {1: bus.read8, 2: bus.read16, 4: bus.read32}[size](address)


def _write_once(bus: Bus, address: int, value: int, size: int) -> None:
    if size == 8 or address % size:
        bus.write_block(address, value.to_bytes(size, "little"))
    else:
        {1: bus.write8, 2: bus.write16, 4: bus.write32}[size](address, value)


_NAMESPACE: Final = "Antmicro.Renode.Peripherals."
_ADDRESSES: Final = 1 << 32
_MOST_ZEROES: Final = 1 << 30
_BEHAVIOUR: Final = Kind(
    "UnhandledAccessBehaviour", members=("Report", "ReportIfTagged", "ReportIfNotTagged", "DoNotReport")
)


class UnhandledAccesses:
    """Choice of the accesses that are written into the log although nothing models what they reach."""

    def __init__(self) -> None:
        self.behaviour = "Report"

    def reports(self, *, tagged: bool) -> bool:
        """Return whether an access is reported; ``tagged`` if a tag names its address."""
        return self.behaviour in ("Report", "ReportIfTagged" if tagged else "ReportIfNotTagged")


class BusRanges:
    """Ranges of the bus of ``machine``; ``add`` adds what a function puts into it, also when it is made again."""

    def __init__(self, machine: EmbeddedMachine, unhandled: UnhandledAccesses, add: AddParts) -> None:
        self._machine: Final = machine
        self._unhandled: Final = unhandled
        self._add_to_machine = add

    @property
    @exposed(_BEHAVIOUR)
    def unhandled_access_behaviour(self) -> str:
        """The accesses to addresses that nothing models which the log tells; faults of firmware it always tells."""
        return self._unhandled.behaviour

    @unhandled_access_behaviour.setter
    def unhandled_access_behaviour(self, behaviour: str) -> None:
        self._unhandled.behaviour = behaviour

    @exposed(
        VOID,
        range=RANGE,
        tag=STRING,
        default_value=UINT64,
        pausing=BOOL,
        silent=BOOL,
        override_peripheral_accesses=BOOL,
    )
    def tag(
        self,
        range: tuple[int, int],  # noqa: A002 - Renode's parameter
        tag: str,
        default_value: int = 0,
        pausing: bool = False,
        silent: bool = False,
        override_peripheral_accesses: bool = False,
    ) -> None:
        """Name a range that nothing models: accesses go into the log, a read gives the value."""
        if pausing:
            raise MonitorError(
                "the embedded engine does not pause at a tag: leave pausing out, and let a watchpoint of GDB stop there"
            )
        if override_peripheral_accesses:
            raise MonitorError(
                "the embedded engine has tags only where no peripheral is: leave the parameter out"
            )
        start, end = range[0], range[0] + range[1]
        crossed = [known for known in self._machine.tags if known.start < end and start < known.end]
        outside = [known for known in crossed if not (known.start <= start and end <= known.end)]
        if outside:
            raise MonitorError(
                f"Currently subtag has to be completely contained in other tag, in this case {outside[0].name}."
            )
        name = f"{crossed[-1].name}/{tag}" if crossed else tag
        self._add(Tag(start, end, name, default_value, silent))

    @exposed(VOID, range=RANGE)
    def silence_range(self, range: tuple[int, int]) -> None:  # noqa: A002 - Renode's parameter
        """Let reads of a range that nothing models give 0, and writes go nowhere, without a word."""
        start, size = range
        self._check_free(start, size, "Silencer")
        self._add(Tag(start, start + size, "Silencer", 0, silent=True))

    @exposed(VOID, from_=UINT64, to=UINT64, size=UINT64)
    def redirect(self, from_: int, to: int, size: int) -> None:
        """Let ``size`` addresses from ``from`` on lead to those from ``to`` on; code is not executed there."""
        self._check_free(from_, size, "Redirector")

        def make(soc: EmbeddedMachine) -> dict[str, Device]:
            answer_at(soc, "Redirector", from_, size, lambda bus: Redirected(bus, to))
            return {}

        self._add_to_machine(make)

    def _check_free(self, start: int, size: int, what: str) -> None:
        """Refuse a range in which the platform has something, as Renode does for ``what``."""
        if not 0 <= start < start + size <= _ADDRESSES:
            raise MonitorError("a range has at least one address, and lies within 32 bits")
        for item in self._machine.description:
            for place in item.registrations:
                first = place.address
                if (
                    first is not None
                    and first < start + size
                    and start < first + (place.size or size_of(item))
                ):
                    raise MonitorError(
                        f"Could not register Antmicro.Renode.Peripherals.Bus.{what} at the given address "
                        f"<0x{start:08X}, 0x{start + size - 1:08X}> because it conflicts with peripheral "
                        f"{_NAMESPACE}{item.type}"
                    )

    @exposed(VOID, range=RANGE, context=CORE)
    def zero_range(self, range: tuple[int, int], context: str | None = None) -> None:  # noqa: A002
        """Write zeroes into memory."""
        start, size = range
        if size > _MOST_ZEROES:
            raise MonitorError(f"{size} bytes at once are too many; at most {_MOST_ZEROES}")
        bus = self._machine.bus if context is None else self._machine.core(context).bus
        try:
            bus.write_block(start, bytes(size))
        except BusError as error:
            raise MonitorError(str(error)) from None

    @exposed(VOID, name="ZeroRange", from_=UINT64, size=UINT64, context=CORE)
    def zero_range_of_size(self, from_: int, size: int, context: str | None = None) -> None:
        """Write ``size`` zeroes into memory."""
        self.zero_range((from_, size), context)

    @exposed(STRING, address=UINT64, context=CORE)
    def what_peripheral_is_at(self, address: int, context: str | None = None) -> str | None:
        """Return the type of the peripheral that answers at an address."""
        found = registered_at(self._machine, address, context)
        return None if found is None else _NAMESPACE + found[0].type

    def _add(self, tag: Tag) -> None:
        if not 0 <= tag.start < tag.end <= _ADDRESSES:
            raise MonitorError("a range has at least one address, and lies within 32 bits")
        try:
            self._machine.add_tag(tag)
        except EngineError as error:
            raise MonitorError(str(error)) from None
