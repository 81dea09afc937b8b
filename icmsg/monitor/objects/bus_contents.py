"""Contents of ``sysbus`` in the Monitor: files that are loaded into memory, and ranges that get a name.

``sysbus LoadELF`` and its relatives, with the symbols that came with the files; ``sysbus Tag`` and its relatives.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.errors import BusError, EngineError, FirmwareError, MonitorError, closest
from icmsg.files import IMAGE_BYTES, LOADED_BYTES, read_file
from icmsg.hw.exposed import BOOL, CORE, FILE, INT64, RANGE, STRING, UINT64, VOID, Kind, exposed
from icmsg.machine.image import FirmwareImage
from icmsg.machine.image_formats import read_hex, read_uimage
from icmsg.monitor.objects.machine import Redirected, answer_at
from icmsg.monitor.objects.sysbus import mapped_size, registered_at
from icmsg.soc.wiring import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.command import Device
    from icmsg.monitor.objects.machine import AddParts


class Loader:
    """Loads into ``machine``; ``is_started`` tells whether it is not paused."""

    def __init__(
        self, machine: EmbeddedMachine, controls: Mapping[str, CoreControl], is_started: Callable[[], bool]
    ) -> None:
        self._machine: Final = machine
        self._controls: Final = controls
        self._is_started = is_started
        self._common: FirmwareImage | None = None
        self._files: list[str] = []  # as the Monitor prints them
        self._symbols: dict[str, FirmwareImage] = {}

    @exposed(VOID, name="LoadELF", file_name=FILE, use_virtual_address=BOOL, cpu=CORE)
    def load_elf(self, file_name: str, use_virtual_address: bool = False, cpu: str | None = None) -> None:
        """Load an image for one core; without one, for every core that has the memory where it lies."""
        if self._is_started():
            raise MonitorError("Cannot load ELF on an unpaused machine.")
        if use_virtual_address:
            raise MonitorError(
                "the embedded engine loads at physical addresses, as a flash tool does; the renode engine takes both"
            )
        image = FirmwareImage.load(file_name)
        if cpu is not None:
            self._symbols.pop(cpu, None)
            self._controls[cpu].load(image)
        elif not self._controls:
            for foreign in self._machine.foreign_cores.values():
                raise MonitorError(refusal(foreign))
            self._write(file_name, [(part.load_address, part.data) for part in image.segments], None)
            self._common = image
        else:
            refusals = [error for control in self._controls.values() if (error := _refusal(control, image))]
            if len(refusals) == len(self._controls):
                raise refusals[0]
            self._common = image
        self._files.append(_fingerprint(file_name))

    @exposed(VOID, file_name=FILE, load_point=UINT64, cpu=CORE, offset=INT64, size=UINT64)
    def load_binary(
        self,
        file_name: str,
        load_point: int,
        cpu: str | None = None,
        offset: int = 0,
        size: int | None = None,
    ) -> None:
        """Load the bytes of a file, from ``offset`` on and ``size`` of them at most."""
        with _readable(file_name):
            data = read_file(file_name, LOADED_BYTES)[offset:]
        self._write(file_name, [(load_point, data if size is None else data[:size])], cpu)

    @exposed(VOID, name="LoadHEX", file_name=FILE, cpu=CORE)
    def load_hex(self, file_name: str, cpu: str | None = None) -> None:
        """Load an Intel HEX file."""
        try:
            with _readable(file_name):
                parts = read_hex(Path(file_name))
        except FirmwareError as error:
            raise MonitorError(str(error)) from None
        self._write(file_name, parts, cpu)

    @exposed(VOID, name="LoadUImage", file_name=FILE, cpu=CORE)
    def load_u_image(self, file_name: str, cpu: str | None = None) -> None:
        """Load an image of U-Boot, and let a core (without one: each) begin at its entry."""
        try:
            with _readable(file_name):
                entry, address, data = read_uimage(read_file(file_name, LOADED_BYTES))
        except FirmwareError as error:
            raise MonitorError(f"{file_name}: {error}") from None
        self._write(file_name, [(address, data)], cpu)
        for name, control in self._controls.items():
            if cpu in (None, name):
                control.write_register("PC", entry)

    @exposed(VOID, name="ApplySVD", path=STRING)
    def apply_svd(self, path: str) -> None:
        """Refuse a description of registers: those here have the names of the manual."""
        if not Path(path).is_file():
            raise MonitorError(f"File '{path}' does not exist.")
        raise MonitorError(
            "the embedded engine names registers from its own tables: use sysbus LogPeripheralAccess, or name a range "
            "with sysbus Tag"
        )

    @exposed(STRING)
    def get_loaded_fingerprints(self) -> str:
        """Return the files that were loaded, the last one last, with the MD5 sums that they had."""
        return "\n".join(["[", "".join(self._files), "]"])

    @exposed(VOID, file_name=FILE, use_virtual_address=BOOL, context=CORE)
    def load_symbols_from(
        self, file_name: str, use_virtual_address: bool = False, context: str | None = None
    ) -> None:
        """Take the symbols of an image, and load nothing."""
        del use_virtual_address
        image = FirmwareImage.load(file_name)
        if context is None:
            self._common = image
        else:
            self._symbols[context] = image

    @exposed(UINT64, symbol_name=STRING, context=CORE)
    def get_symbol_address(self, symbol_name: str, context: str | None = None) -> int:
        """Return the address of a symbol, without the bit that says Thumb."""
        images = self._images(context)
        for image in images:
            if symbol_name in image.symbols:
                return _address(image, symbol_name)
        raise MonitorError(
            f"Could not find any address for symbol: {symbol_name}{self._hint(symbol_name, images)}"
        )

    @exposed(STRING, offset=UINT64, context=CORE)
    def find_symbol_at(self, offset: int, context: str | None = None) -> str | None:
        """Return the symbol to which an address belongs."""
        for image in self._images(context):
            found = image.name_of(offset)
            if not found.startswith("0x"):
                return found
        return None

    def _images(self, context: str | None) -> list[FirmwareImage]:
        found: list[FirmwareImage | None] = [self._common]
        if context is not None:
            found = [self._symbols.get(context), self._machine.core(context).image, self._common]
        return [image for image in found if image is not None]

    def _hint(self, name: str, images: Iterable[FirmwareImage]) -> str:
        for core in self._machine.cores.values():
            if core.image is not None and name in core.image.symbols:
                return f"; core cpu{core.name} has it: add context=cpu{core.name}"
        return closest(name, [symbol for image in images for symbol in image.symbols])

    def _write(self, file: str, parts: list[tuple[int, bytes]], cpu: str | None) -> None:
        bus = self._machine.bus if cpu is None else self._machine.core(cpu).bus
        try:
            for address, data in parts:
                bus.write_block(address, data)
        except BusError as error:
            raise MonitorError(f"{file} cannot be loaded: {error}") from None
        self._files.append(_fingerprint(file))


@contextmanager
def _readable(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MonitorError(f"{file} cannot be read: {error.strerror}") from None


def _fingerprint(file: str) -> str:
    path = Path(file).resolve()
    digest = hashlib.md5(read_file(path, IMAGE_BYTES), usedforsecurity=False).hexdigest()
    return f"Binary {path}: {digest}, "


def _refusal(control: CoreControl, image: FirmwareImage) -> FirmwareError | None:
    """Load the image for a core, or return why it does not fit."""
    try:
        control.load(image)
    except FirmwareError as error:
        return error
    return None


def _address(image: FirmwareImage, name: str) -> int:
    address = image.symbol(name)
    code = any(
        segment.executable and segment.run_address <= address < segment.run_address + len(segment.data)
        for segment in image.segments
    )
    return address & ~1 if code else address


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
    """Ranges of the bus of ``machine``: names for what nothing models, zeroes, and accesses that nobody answers.

    ``add`` adds what a function puts into it, also when it is made again; ``warn`` takes a line for the log.
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
        _check_range(start, start + size)
        for item in self._machine.description:
            for place in item.registrations:
                first = place.address
                if (
                    first is not None
                    and first < start + size
                    and start < first + (place.size or mapped_size(item))
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
        _check_range(tag.start, tag.end)
        try:
            self._machine.add_tag(tag)
        except EngineError as error:
            raise MonitorError(str(error)) from None


def _check_range(start: int, end: int) -> None:
    if not 0 <= start < end <= _ADDRESSES:
        raise MonitorError("a range has at least one address, and lies within 32 bits")
