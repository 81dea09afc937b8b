"""The CLIC as a peripheral that only its own core reaches (MDK: CLIC of nRF54L, CLIC_CLICINT)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.vpr.clic import INTERRUPTS
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

if TYPE_CHECKING:
    from icmsg.engines.embedded.vpr.clic import Clic

CLIC_BASE: Final = 0xF000_0000
CLIC_BYTES: Final = 0x2000

CLIC: Final = RegisterBlock(
    "CLIC",
    (
        Register("CLICCFG", 0x0000, access=Access.R, reset=0x11, meaning="vectoring, levels of eight bits"),
        Register("CLICINFO", 0x0004, access=Access.R, reset=0x0040_1FFF),
        Register(
            "CLICINT",
            0x1000,
            count=INTERRUPTS,
            reset=0x3FC3_0000,
            fields=(
                Field("IP", 0),
                Field("IE", 8),
                Field("SHV", 16),
                Field("TRIG", 17, width=2),
                Field("MODE", 22, width=2),
                Field("PRIORITY", 24, width=8),
            ),
        ),
    ),
    size=CLIC_BYTES,
    source="MDK of the nRF54L, CLIC; RISC-V CLIC draft",
)
_FIXED: Final = 0x00C3_0000
"""SHV, TRIG and MODE: vectored, rising edge, machine mode, and nothing else."""
_PENDING, _ENABLE, _PRIORITY = 0, 1, 3
"""The bytes of CLICINT."""


class ClicRegisters(RegisterModel):
    """Registers of one core's CLIC; ``vector_table`` is where the core begins after a reset."""

    def __init__(self, clic: Clic, *, name: str) -> None:
        super().__init__(CLIC, base=CLIC_BASE, core=name)
        self._clic = clic
        self._first = CLIC.offset("CLICINT")
        self.vector_table = 0

    def set_speed(self, times: int) -> None:
        """Do nothing: the core has no timer."""

    def write8(self, offset: int, value: int) -> None:
        """Write one byte, which leaves the other ones alone."""
        index, byte = divmod(offset - self._first, 4)
        if 0 <= index < INTERRUPTS:
            self._set(index, byte, value)
        else:
            super().write8(offset, value)

    def write16(self, offset: int, value: int) -> None:
        """Write two bytes."""
        if offset < self._first:
            super().write16(offset, value)
        else:
            self.write8(offset, value & 0xFF)
            self.write8(offset + 1, value >> 8)

    @on_read("CLICINT")
    def _read(self, index: int) -> int:
        clic = self._clic
        return (
            _FIXED | clic.level[index] << 24 | (clic.enabled >> index & 1) << 8 | (clic.pending >> index & 1)
        )

    @on_write("CLICINT")
    def _write(self, index: int, value: int) -> None:
        for byte in (_PRIORITY, _ENABLE, _PENDING):
            self._set(index, byte, value >> 8 * byte & 0xFF)

    def _set(self, index: int, byte: int, value: int) -> None:
        clic = self._clic
        if byte == _PRIORITY:
            clic.set_level(index, value)
        elif byte == _ENABLE:
            clic.enable(index, bool(value & 1))
        elif byte == _PENDING:
            if value & 1:
                clic.pend(index)
            else:
                clic.unpend(index)
