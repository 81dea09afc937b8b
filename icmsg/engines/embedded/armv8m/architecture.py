"""Cortex-M cores as the slots of the embedded engine know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.core import FirmwareCore
from icmsg.engines.embedded.armv8m.nvic import INTERRUPTS, SCS_BASE, Nvic
from icmsg.engines.embedded.armv8m.system_control import SystemControl
from icmsg.engines.embedded.memory import PAGE, AddressSpace, IoRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.armv8m.native import CortexM
    from icmsg.engines.embedded.slot import Slot


class Armv8M:
    """A Cortex-M, as ``cpu`` says; ``priority_mask`` are the bits that a priority has in its byte."""

    interrupts: Final = INTERRUPTS

    def __init__(self, cpu: CortexM, *, priority_mask: int) -> None:
        self._cpu = cpu
        self._priority_mask = priority_mask

    def make_controller(self) -> Nvic:
        """Return an NVIC."""
        return Nvic(self._priority_mask)

    def make_registers(
        self, slot: Slot, space: AddressSpace, *, timer_hz: int, restart: Callable[[], None]
    ) -> SystemControl:
        """Return the System Control Space, with SysTick at ``timer_hz``."""
        assert isinstance(slot.nvic, Nvic)
        control = SystemControl(
            slot,
            slot.nvic,
            name=slot.name,
            ticks_per_cycle=slot.ticks_per_second // timer_hz,
            reset_requested=restart,
            cpu=self._cpu,
        )
        space.add(IoRange(SCS_BASE, SCS_BASE + PAGE, control, "SCS"))
        return control

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> FirmwareCore:
        """Return a core that runs firmware."""
        assert isinstance(slot.nvic, Nvic)
        assert isinstance(slot.control, SystemControl)
        return FirmwareCore(
            name=slot.name,
            space=slot.space,
            nvic=slot.nvic,
            control=slot.control,
            timers=slot.timers,
            ticks_per_instruction=slot.ticks_per_instruction,
            cpu=self._cpu,
            warn=warn,
            fault=fault,
            events=events,
        )
