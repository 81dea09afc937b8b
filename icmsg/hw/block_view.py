"""A driver's view of a peripheral: its registers by name, through a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.registers import WORD, Access, AccessKind

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus
    from icmsg.hw.registers import RegisterBlock


class BlockView:
    """The registers of ``block`` at address ``base`` of ``bus``; every access is one 32-bit bus access.

    Accesses that the table rules out never reach the bus. A driver's hot path takes the addresses once
    (:meth:`address`) and uses the bus directly.

    Raises:
        ConfigurationError: ``base`` is not a multiple of 4; later, an unknown register or index.
    """

    __slots__ = ("_base", "_block", "_bus", "_read32", "_readable", "_writable", "_write32")

    def __init__(self, bus: Bus, base: int, block: RegisterBlock) -> None:
        if base % WORD:
            raise ConfigurationError(f"{block.name} at 0x{base:08X}: use an address that {WORD} divides")
        self._bus = bus
        self._base = base
        self._block = block
        self._read32 = bus.read32
        self._write32 = bus.write32
        self._readable: dict[tuple[str, int], int] = {}
        self._writable: dict[tuple[str, int], tuple[int, int]] = {}
        for offset, register, index in block.elements():
            if Access.R in register.access:
                self._readable[register.name, index] = base + offset
            if Access.W in register.access:
                self._writable[register.name, index] = base + offset, register.mask

    @property
    def block(self) -> RegisterBlock:
        """The table."""
        return self._block

    @property
    def base(self) -> int:
        """The address of the first register."""
        return self._base

    def address(self, name: str, index: int = 0) -> int:
        """Return the bus address of one register element."""
        return self._base + self._block.offset(name, index)

    def read(self, name: str, index: int = 0) -> int:
        """Return the value of one register element; BusError for a write-only register."""
        address = self._readable.get((name, index))
        if address is None:
            raise self._refuse("read", name, index)
        return self._read32(address)

    def write(self, name: str, value: int, index: int = 0) -> None:
        """Write one register element; BusError for a read-only register or a value wider than it."""
        place = self._writable.get((name, index))
        if place is None:
            raise self._refuse("write", name, index)
        address, mask = place
        if not 0 <= value <= mask:
            reason = f"{self._block.name}.{name} has {mask.bit_length()} bits; {value:#x} does not fit"
            raise BusError(reason, address=address, width=8 * WORD, core=self._bus.core)
        self._write32(address, value)

    def read_fields(self, name: str, index: int = 0) -> dict[str, int]:
        """Return the fields of one register element, each shifted down to bit 0."""
        return self._block.decode(name, self.read(name, index))

    def _refuse(self, kind: AccessKind, name: str, index: int) -> BusError:
        offset = self._block.offset(name, index)
        reason = self._block.refusal(kind, offset)
        return BusError(reason, address=self._base + offset, width=8 * WORD, core=self._bus.core)
