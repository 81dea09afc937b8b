"""``sysbus LoadELF`` and its relatives: files into memory, and the symbols that came with them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, FirmwareError, MonitorError, closest
from icmsg.hw.exposed import BOOL, CORE, FILE, INT64, STRING, UINT64, VOID, exposed
from icmsg.limits import LOADED_BYTES, read_file
from icmsg.machine.image import FirmwareImage
from icmsg.machine.image_formats import read_hex, read_uimage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine


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
        try:
            data = read_file(file_name, LOADED_BYTES)[offset:]
        except OSError as error:
            raise MonitorError(f"{file_name} cannot be read: {error.strerror}") from None
        self._write(file_name, [(load_point, data if size is None else data[:size])], cpu)

    @exposed(VOID, name="LoadHEX", file_name=FILE, cpu=CORE)
    def load_hex(self, file_name: str, cpu: str | None = None) -> None:
        """Load an Intel HEX file."""
        try:
            parts = read_hex(Path(file_name))
        except FirmwareError as error:
            raise MonitorError(str(error)) from None
        except OSError as error:
            raise MonitorError(f"{file_name} cannot be read: {error.strerror}") from None
        self._write(file_name, parts, cpu)

    @exposed(VOID, name="LoadUImage", file_name=FILE, cpu=CORE)
    def load_u_image(self, file_name: str, cpu: str | None = None) -> None:
        """Load an image of U-Boot, and let a core (without one: each) begin at its entry."""
        try:
            entry, address, data = read_uimage(read_file(file_name, LOADED_BYTES))
        except OSError as error:
            raise MonitorError(f"{file_name} cannot be read: {error.strerror}") from None
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


def _fingerprint(file: str) -> str:
    path = Path(file).resolve()
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
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
