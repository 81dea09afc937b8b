"""Ranges of ``sysbus`` in the Monitor: names for what nothing models, zeroes, and accesses that nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, EngineError, MonitorError
from icmsg.hw.exposed import (
    BOOL,
    CORE,
    RANGE,
    STRING,
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
    from icmsg.monitor.command import Device
    from icmsg.monitor.objects.additions import AddParts
from icmsg.monitor.objects.sysbus import registered_at, size_of

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
    """Ranges of the bus of ``machine``; ``add`` adds what a function puts into it, also when it is made again.

    ``warn`` takes a line for the log.
    """

    def __init__(
        self,
        machine: EmbeddedMachine,
        unhandled: UnhandledAccesses,
        add: AddParts,
        warn: Callable[[str], None],
    ) -> None:
        self._warn = warn
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
        """Name a range that nothing models: accesses go into the log, a read gives the value.

        With the last parameter it answers instead of the peripheral that is there; memory only the Monitor sees so.
        """
        if pausing:
            raise MonitorError(
                "the embedded engine does not pause at a tag: leave pausing out, and let a watchpoint of GDB stop there"
            )
        start, end = range[0], range[0] + range[1]
        crossed = [known for known in self._machine.tags if known.start < end and start < known.end]
        outside = [known for known in crossed if not (known.start <= start and end <= known.end)]
        if outside:
            raise MonitorError(
                f"Currently subtag has to be completely contained in other tag, in this case {outside[0].name}."
            )
        name = f"{crossed[-1].name}/{tag}" if crossed else tag
        self._add(Tag(start, end, name, default_value, silent, override_peripheral_accesses))
        memories = (memory for space in self._machine.spaces for memory in space.memories())
        if override_peripheral_accesses and any(each.start < end and start < each.end for each in memories):
            self._warn(
                "Tags with OverridePeripheralAccesses property do not override mapped memory for the CPU."
            )

    @exposed(VOID, address=UINT64)
    def remove_tag(self, address: int) -> None:
        """Forget the names of an address, with their ranges."""
        if not any(tag.has(address) for tag in self._machine.tags):
            raise MonitorError(f"There is no tag at address 0x{address:X}.")
        try:
            self._machine.remove_tags(address)
        except EngineError as error:
            raise MonitorError(str(error)) from None

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
