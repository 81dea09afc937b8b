"""Nordic's VPR as the slots of the embedded engine know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import AddressSpace, IoRange
from icmsg.engines.embedded.vpr.clic import CLIC_BASE, CLIC_BYTES, INTERRUPTS, Clic, ClicRegisters
from icmsg.engines.embedded.vpr.core import VprCore

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.slot import Slot


class Vpr:
    """A VPR core: ``hart`` is its mhartid, ``bus_width`` 32 or 64 bits.

    With ``wfi_needs_mie`` one that sleeps with mstatus.MIE = 0 is never woken, as on the nRF54H20 (erratum 93); the
    VPR of the nRF54L series wakes (Zephyr, pull requests 86840 and 107766).
    """

    interrupts: Final = INTERRUPTS

    def __init__(self, *, hart: int, wfi_needs_mie: bool = False, bus_width: int = 32) -> None:
        self._hart = hart
        self._wfi_needs_mie = wfi_needs_mie
        self._bus_width = bus_width

    def make_controller(self) -> Clic:
        """Return a CLIC."""
        return Clic()

    def make_registers(
        self,
        slot: Slot,
        space: AddressSpace,
        *,
        timer_hz: int,  # noqa: ARG002 - it has none
        restart: Callable[[], None],  # noqa: ARG002 - and cannot reset itself
    ) -> ClicRegisters:
        """Return the registers of the CLIC."""
        assert isinstance(slot.nvic, Clic)
        registers = ClicRegisters(slot.nvic, name=slot.name)
        space.add(IoRange(CLIC_BASE, CLIC_BASE + CLIC_BYTES, registers, "CLIC"))
        return registers

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> VprCore:
        """Return a core that runs firmware."""
        assert isinstance(slot.nvic, Clic)
        registers = slot.control
        assert isinstance(registers, ClicRegisters)
        return VprCore(
            name=slot.name,
            space=slot.space,
            clic=slot.nvic,
            entry=lambda: registers.vector_table,
            hart=self._hart,
            wfi_needs_mie=self._wfi_needs_mie,
            bus_width=self._bus_width,
            timers=slot.timers,
            ticks_per_instruction=slot.ticks_per_instruction,
            warn=warn,
            fault=fault,
            events=events,
        )
