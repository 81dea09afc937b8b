"""Registers that a VPR has in the Monitor beside those of every core, by Renode's names of its RISC-V cores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.exposed import REGISTER, exposed

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine_core import MachineCore


class VprRegisters:
    """Registers of one core, 0 until firmware was started."""

    def __init__(self, core: MachineCore) -> None:
        self._core: Final = core

    @property
    @exposed(REGISTER, name="RA")
    def ra(self) -> int:
        """The return address."""
        return self._register("RA")

    @property
    @exposed(REGISTER, name="MSTATUS")
    def mstatus(self) -> int:
        """Status: MIE, MPIE and MPP."""
        return self._register("MSTATUS")

    @property
    @exposed(REGISTER, name="MCAUSE")
    def mcause(self) -> int:
        """Cause of the last trap."""
        return self._register("MCAUSE")

    @property
    @exposed(REGISTER, name="MEPC")
    def mepc(self) -> int:
        """Address to which a trap returns."""
        return self._register("MEPC")

    @property
    @exposed(REGISTER, name="MTVAL")
    def mtval(self) -> int:
        """Value that goes with the last exception."""
        return self._register("MTVAL")

    def _register(self, name: str) -> int:
        return self._core.registers.get(name, 0)
